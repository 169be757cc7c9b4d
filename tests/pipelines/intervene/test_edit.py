"""`circuits intervene edit`: what is written, shown and refused, on a model worked out by hand and on bundled ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import edit_heads
from pipelines.intervene.edit.command import COMMAND
from pipelines.reporting.paper import MARKDOWN
from tests.circuits.hand_models import CUE_FAILS, CUE_WORKS, inhibition_prompts, write_inhibition
from tests.pipelines.drawn_again import draws_again
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model whose inhibition head works after one cue and not after the other, and prompts with both in turn."""
    folder = tmp_path_factory.mktemp("planted")
    lines = [json.dumps(prompt.as_json()) for prompt in inhibition_prompts(8, (CUE_WORKS, CUE_FAILS))]
    (folder / "both.jsonl").write_text("\n".join(lines) + "\n")
    return write_inhibition(folder / "model"), folder / "both.jsonl"


def asked(planted: tuple[Path, Path], *more: str) -> tuple[str, ...]:
    model, prompts = planted
    return ("intervene", "edit", str(prompts), "--model", str(model), "--prompts-per-job", "4", *more)


def test_rows_are_those_worked_out_by_hand(circuits: Command, planted, tmp_path):
    report = circuits(*asked(planted, "--heads", "a0.h0,a1.h1", "--edit", "set END wrong", "--json")).json
    rows = {tuple(row["heads"]): row for row in report["rows"]}
    assert list(rows) == [(), ("a0.h0", "a1.h1"), ("a0.h0",), ("a1.h1",)]
    plain, mended, spoiled = rows[()], rows["a0.h0",], rows["a1.h1",]
    assert (plain["metric"], plain["accuracy"], plain["n"]) == (1, 0.5, 8)
    assert (mended["metric"], mended["accuracy"], mended["top1"], mended["mended"]) == (2, 1, 1, 4)
    assert (spoiled["metric"], spoiled["accuracy"], spoiled["new_mistakes"]) == (-2, 0, 4)
    assert mended["random_sets"] == [["a0.h1"]]  # the only other head of its layer, which does nothing
    assert mended["random"]["accuracy"] == {"mean": 0.5, "range": [0.5, 0.5]}
    assert mended["random"]["as_much"] == 0
    assert report["edits"] == [{"edit": "set END wrong", "description": "the row of END: all weight on wrong"}]
    assert report["settings"]["model_fingerprint"]
    folder = tmp_path / report["folder"]
    assert json.loads((folder / "edit.json").read_text())["rows"] == report["rows"]
    assert (folder / "edit.pdf").read_bytes().startswith(b"%PDF")
    assert ">a0.h0, a1.h1<" in (folder / "edit.svg").read_text()
    assert draws_again("edit", folder / "edit.svg")
    lines = list(csv.DictReader((folder / "edit.csv").open()))
    assert [(line["heads"], float(line["accuracy"])) for line in lines] == [
        ("", 0.5),
        ("a0.h0 a1.h1", 0),
        ("a0.h0", 1),
        ("a1.h1", 0),
    ]
    assert float(lines[2]["random_accuracy_max"]) == 0.5


def test_the_same_command_again_computes_nothing_and_the_table_says_what_was_done(circuits: Command, planted):
    more = ("--heads", "a0.h0", "--edit", "set END wrong", "--edit", "scale END 1")
    first, again = (circuits(*asked(planted, *more)) for _ in range(2))
    assert first.exit_code == 0
    assert "5 of 5 jobs computed" in first.stdout
    assert "nothing new to compute" in again.stdout
    assert "the row of END: all weight on wrong" in again.stdout
    assert "100.0%" in again.stdout
    assert "one other set 50.0%" in again.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--heads", "a0.h0"), "no edit is given"),
        (("--edit", "uniform END"), "no head is given"),
        (("--heads", "m0", "--edit", "uniform END"), "m0 is no query head"),
        (("--heads", "a0.h0", "--edit", "uniforn END"), "Did you mean 'uniform'?"),
        (("--heads", "a0.h0", "--edit", "set END wrong=0.5"), "a row adds up to 1"),
        (("--heads", "a0.h0", "--edit", "uniform END", "--metric", "loss"), "no metric 'loss'. Known:"),
    ],
)
def test_what_settings_show_is_refused_at_once(circuits: Command, planted, tmp_path, more, message):
    answer = circuits(*asked(planted, *more))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("heads", "edit", "message"),
    [
        ("a0.h2", "uniform END", "has no head 'a0.h2': its heads are a0.h0 to a1.h1"),
        ("a0.h0", "set END S1", "no role 'S1'; the prompt has END, "),
        ("a0.h0", "set right filler", "position 1 cannot see 2, which is in its future"),
        ("a0.h0", "uniform 99", "edits nothing: there is no row 99"),
        ("a0.h0", "uniform 99..", "edits nothing here"),
    ],
)
def test_heads_and_roles_are_checked_before_anything_is_measured(circuits: Command, planted, heads, edit, message):
    answer = circuits(*asked(planted, "--heads", heads, "--edit", edit))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert "edit heads prompts" not in answer.stderr
    # What only the model tells, it tells in its first job.
    assert ("in job 'check edits'" in answer.stderr) == ("in its future" in message)


def test_a_head_by_two_names_is_one(circuits: Command, planted):
    report = circuits(*asked(planted, "--heads", "a0.h0,a00.h0", "--edit", "uniform END", "--json")).json
    assert [row["heads"] for row in report["rows"]] == [[], ["a0.h0"]]


def test_corrupt_prompts_play_no_part(circuits: Command, planted, tmp_path):
    records = [json.loads(line) for line in planted[1].read_text().splitlines()]
    alone = tmp_path / "alone.jsonl"
    alone.write_text("\n".join(json.dumps(record | {"corrupt_ids": record["clean_ids"]}) for record in records))
    report = circuits(*asked((planted[0], alone), "--heads", "a0.h0", "--edit", "set END wrong", "--json")).json
    assert [(row["accuracy"], row["n"]) for row in report["rows"]] == [(0.5, 8), (1, 8)]


def test_a_layer_without_other_heads_is_said_to_have_no_comparison(circuits: Command, planted):
    answer = circuits(*asked(planted, "--heads", "a0.h0,a0.h1", "--edit", "knock-out END"))
    assert "there is nothing to compare a0.h0, a0.h1 with" in answer.stderr


def test_knocked_out_movers_of_a_bundled_model_cost_it_the_task(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    heads = ",".join(f"a{layer}.h{head}" for layer in (2, 3) for head in range(4))
    report = edit_heads("ioi", heads=heads, edit=["knock-out END"], prompts=8, random=0)
    plain, together = report.rows[0], report.rows[1]
    assert plain["accuracy"] == 1
    assert together["difference_interval"][1] < 0
    assert not [row for row in report.rows[1:] if row["random"]["n"]]


def test_the_table_for_papers_has_a_row_per_set_beside_other_heads(planted: tuple[Path, Path], tmp_path: Path):
    model, prompts = planted
    asked = {"heads": "a0.h0,a1.h1", "edit": ["set END wrong"], "out": tmp_path / "runs"}
    (table,) = papers_of(COMMAND, task=str(prompts), model=str(model), **asked).values()
    assert [column.name for column in table.columns][:2] == ["accuracy", "metric_difference"]
    text = MARKDOWN.write(table, "brackets", None)
    lines = [line for line in text.splitlines() if line.startswith("| a0.h0 |")]
    assert len(lines) == 1
    assert "| 1.00 [" in lines[0]
    assert "Edit: the row of END: all weight on wrong." in text
