"""Tables of `circuits compare` for papers: what is judged under what, p-values at their floor, one name each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, compare_published, discover
from pipelines.compare.aligned import AlignedHeads
from pipelines.compare.columns import CHANCE, OVERLAP, TRANSFER
from pipelines.compare.paper import papers
from pipelines.compare.report import StoredComparison
from pipelines.compare.settings import CompareSettings
from pipelines.discover.run import DiscoverRun
from pipelines.reporting.paper import MARKDOWN
from tests.pipelines.paper_checks import check_papers, require_fitting, set_by_pdflatex

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> list[DiscoverRun]:
    """Two circuits judged under one ablation, and one under another."""
    made = []
    for seed, ablation in enumerate(("corrupt", "corrupt", "zero")):
        task = new_prompts(store.parent / f"task{seed}.jsonl", n_prompts=16, seed=seed)
        given = tiny.settings(task=str(task), edges=20 + seed, ranking="absolute", metric="kl-divergence", out=store)
        made.append(discover(**given, ablation=ablation))
    return made


@pytest.fixture(scope="module")
def pair(runs: list[DiscoverRun], store: Path) -> StoredComparison:
    return compare(*runs[:2], out=store, draws=3)


@pytest.fixture(scope="module")
def three(runs: list[DiscoverRun], store: Path) -> StoredComparison:
    return compare(*runs, out=store, draws=2)


def test_every_table_holds_together_in_every_format(pair: StoredComparison, three: StoredComparison):
    for found in (pair, three):
        check_papers(papers(found), CompareSettings.paper_tables)
    assert list(papers(pair)) == ["transfer", "matrix", "accuracy", "verdicts", "sets", "overlap", "chance", "scores"]
    assert "heads" in papers(three)


def test_circuits_judged_under_different_ablations_have_a_column_that_says_so(
    pair: StoredComparison, three: StoredComparison
):
    assert "ablation" not in [column.heading for column in papers(pair)["transfer"].shown]
    mixed = papers(three)
    assert "ablation" in [column.heading for column in mixed["transfer"].shown]
    assert [column.heading for column in mixed["matrix"].columns[1:]] == [
        "task0, corrupt",
        "task1, corrupt",
        "task2, zero",
    ]
    of_pairs = [column for column in mixed["overlap"].shown if column.heading == "ablation"]
    assert [of_pairs[0].value(row) for row in mixed["overlap"].rows] == ["corrupt", "corrupt / zero", "corrupt / zero"]


def test_the_matrix_has_what_the_rows_have(three: StoredComparison):
    matrix = papers(three)["matrix"]
    for row in three.summary["transfer"]["matrix"]:
        (own,) = (each for each in matrix.rows if each["circuit"] == row["circuit"])
        (column,) = (each for each in matrix.columns if each.heading.startswith(row["task"]))
        assert column.value(own) == row["faithfulness"]


def test_sampled_chance_at_its_floor_is_a_bound(pair: StoredComparison):
    chances = papers(pair)["chance"].rows
    assert {row["null"]: row["n_samples"] for row in chances if row["level"] == "edges"} == {
        "uniform": None,
        "within layer": None,
        "within ports": None,
        "rewired": 199,
    }
    at_floor = [{**row, "p_value": 1 / 200, "can_tell": True, "n_samples": 199} for row in chances]
    text = MARKDOWN.write(
        type(papers(pair)["chance"])(**vars(papers(pair)["chance"]) | {"rows": at_floor}), "brackets", None
    )
    assert "<= .0050" in text


def test_aligned_heads_have_their_floor_and_published_ones_their_sources(tmp_path: Path):
    judged = {"value": 0.9, "expected": 0.5, "p_value": 1 / 201, "n_draws": 200}
    heads = {"a": "a0.h0", "b": "a1.h1", "likeness": 0.9, "margin": None, "roles_a": ["mover"], "roles_b": []}
    row = {"a": "one", "b": "other", "n_a": 1, "n_b": 2, "likeness": judged, "depth_difference": None, "pairs": [heads]}
    tables = papers(AlignedHeads(folder=tmp_path, warnings=(), by="role", alignments=(row,)))
    check_papers(tables, CompareSettings.paper_tables)
    assert "<= .0050" in MARKDOWN.write(tables["alignment"], "brackets", None)
    names = ("published:ioi-gpt2-medium", "published:colored-objects-gpt2-medium")
    published = papers(compare_published(*names, out=tmp_path))
    check_papers(published, CompareSettings.paper_tables)
    assert "Merullo" in MARKDOWN.write(published["heads"], "brackets", None)


def test_a_table_is_printed_from_the_command_line_with_the_command_that_makes_it(
    circuits: Command, runs: list[DiscoverRun], store: Path, pair: StoredComparison
):
    names = [run.name for run in runs[:2]]
    options = ("--runs", str(store), "--draws", "3", "--to", "latex", "--table", "verdicts")
    answer = circuits("compare", *names, *options)
    provenance, command = answer.stdout.splitlines()[:2]
    assert provenance.startswith("% circuit-workbench: {")
    assert command.startswith(f"% circuits compare {' '.join(names)}")
    assert command.endswith("--to latex --table verdicts")
    assert pair.summary["transfer"]["pairs"][0]["verdict"] in answer.stdout


def test_csv_names_are_those_of_the_quantities():
    for column in (*TRANSFER, *OVERLAP, *CHANCE):
        assert column.quantity is None or column.name == column.quantity.name
    names = [column.name for column in TRANSFER]
    assert {"matched_p", "matched_faithfulness", "random_p", "random_faithfulness"} <= set(names)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_every_table_within_the_page(pair: StoredComparison, three: StoredComparison, tmp_path: Path):
    require_fitting(set_by_pdflatex([*papers(pair).values(), *papers(three).values()], tmp_path))
