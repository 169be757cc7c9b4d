"""`circuits codes`: what codes mean, end to end on the bundled model; cached, and refused where there are none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from circuits.head_codes.saelens_files import read_autoencoders
from circuits.head_codes.settings import Coding
from graphs.export.json import JsonExport
from pipelines import discover, explain_codes, open_run
from pipelines.codes.command import COMMAND
from pipelines.discover.run import DiscoverRun
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]
FEW = {"trials": 3, "epochs": 20, "features": 40}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of each kind of coding, and one without codes."""
    folder = tmp_path_factory.mktemp("runs")
    about = {"prompts": 16, "out": folder, "judge_on": "same"}
    discover("ioi", method="head-coding", settings=FEW, **about)
    discover("ioi", method="head-coding", settings=FEW | {"preset": "corrected"}, **about)
    discover("induction", method="code-pairs", settings=FEW | {"trials": 1}, edges=60, **about)
    discover("ioi", method="eap", edges=40, **about)
    return folder


def named(store: Path, method: str, **settings: Any) -> str:
    """The run of a method with these settings."""
    runs = (open_run(path.parent) for path in store.glob("*/run.json"))
    return next(
        run.name for run in runs if run.config.method == method and settings.items() <= run.config.settings.items()
    )


@pytest.fixture
def run(store: Path) -> str:
    return str(store / named(store, "head-coding", preset="corrected"))


@pytest.fixture(scope="module")
def explained(store: Path) -> dict[str, Any]:
    """The corrected run explained as `circuits codes RUN --json` does it, in a folder of its own."""
    report = explain_codes(named(store, "head-coding", preset="corrected"), out=store, folder=store / "explained")
    return json.loads(json.dumps(report.to_dict()))


def stored(store: Path) -> set[str]:
    return {path.name for path in store.glob("jobs/*/*.npz")}


def test_rows_are_the_codes_that_only_positives_of_the_trial_show(circuits: Command, run: str):
    report = circuits("codes", run, "--trial", "2", "--heads", "16", "--json").json
    codes = cast("DiscoverRun", open_run(run)).codes
    assert codes is not None
    expected = {}
    for number, column in enumerate(codes.codes[2].T):
        for code in set(column[codes.is_positive].tolist()) - set(column[~codes.is_positive].tolist()):
            expected[f"a{number // 4}.h{number % 4}", code] = np.flatnonzero(column[codes.is_positive] == code).tolist()
    assert expected
    assert {(row["head"], row["code"]): row["prompts"] for row in report["codes"]} == expected
    assert (report["n_positives"], report["n_negatives"]) == (16, 16)


def test_without_a_number_of_heads_those_of_the_circuit_are_explained(explained: dict[str, Any], run: str):
    circuit = {str(part) for part in open_run(run).circuit.heads}
    assert {row["head"] for row in explained["heads"] if row["explained"]} == circuit
    assert {row["head"] for row in explained["codes"]} <= circuit


def test_heads_are_those_of_the_highest_scores(circuits: Command, run: str):
    report = circuits("codes", run, "--heads", "3", "--json").json
    explained = [row["score"] for row in report["heads"] if row["explained"]]
    assert len(explained) == 3
    assert min(explained) >= max(row["score"] for row in report["heads"] if not row["explained"])


def test_a_row_gives_example_text_tokens_and_roles(explained: dict[str, Any]):
    row = next(row for row in explained["codes"] if row["vector"] is not None)
    assert len(row["example"]["text"].split()) > 8
    assert row["example"]["prompt"] in row["prompts"]
    assert len(row["lens"]) == 10
    assert all(token["text"].strip() for token in row["lens"])
    assert set(row["roles"]) == {"IO", "S1", "S1+1", "S2", "END"}
    assert row["vector"].startswith("trial-0/layer-")


def test_the_folder_holds_tables_figure_and_autoencoders(circuits: Command, run: str):
    report = circuits("codes", run, "--trial", "1", "--out", "explained", "--json").json
    folder = Path("explained")
    kept = json.loads((folder / "codes.json").read_text())
    assert (kept["format"], kept["version"], kept["trial"]) == ("circuit-workbench-codes", 1, 1)
    assert kept["codes"] == report["codes"]
    assert kept["provenance"]["settings"]["preset"] == "corrected"
    lines = list(csv.DictReader(io.StringIO((folder / "codes.csv").read_text())))
    assert [(line["head"], int(line["code"])) for line in lines] == [(r["head"], r["code"]) for r in report["codes"]]
    assert [json.loads(line["prompts"]) for line in lines] == [row["prompts"] for row in report["codes"]]
    assert (folder / "codes.pdf").read_bytes().startswith(b"%PDF")
    assert f"{report['run']}, trial 1" in (folder / "codes.svg").read_text()
    corrected = Coding(scope="layer", inputs="centered")
    autoencoders = read_autoencoders(folder / "autoencoders", corrected, d_model=128, n_layers=4)
    assert len(autoencoders) == 3 * 4


def test_written_autoencoders_give_the_codes_they_were_written_from(circuits: Command, store: Path, run: str):
    circuits("codes", run, "--out", "explained")
    given = discover(
        "ioi",
        method="head-coding",
        prompts=16,
        settings={"preset": "corrected", "autoencoder": str(Path("explained/autoencoders").absolute())},
        judge_on="same",
        out=store,
    )
    before, after = cast("DiscoverRun", open_run(run)).codes, given.codes
    assert before is not None
    assert after is not None
    assert np.array_equal(before.codes, after.codes)
    first, again = (explain_codes(each, out=store, trial=2, heads=16) for each in (run, given))
    assert first.rows == again.rows


def test_the_same_command_again_computes_nothing_new(circuits: Command, store: Path, run: str):
    arguments = ("codes", run, "--heads", "5", "--json")
    first = circuits(*arguments).json
    kept = stored(store)
    files = {path: path.read_bytes() for path in (Path(run) / "codes").rglob("*") if path.is_file()}
    again = circuits(*arguments).json
    assert again["jobs"]["computed"] == 0
    assert stored(store) == kept
    assert {path: path.read_bytes() for path in files} == files
    assert {name for name in first if first[name] != again[name]} <= {"jobs", "seconds"}


def test_another_trial_computes_the_meaning_of_its_codes_alone(circuits: Command, store: Path, run: str):
    circuits("codes", run, "--trial", "0")
    kept = stored(store)
    circuits("codes", run, "--trial", "1", "--heads", "7")
    assert len(stored(store) - kept) == 1


def test_python_gives_what_the_command_line_gives(circuits: Command, store: Path, run: str):
    printed = circuits("codes", run, "--json").json
    report = explain_codes(Path(run).name, out=store)
    assert report.n_computed == 0
    assert json.loads(json.dumps(report.to_dict())) == {name: printed[name] for name in report.to_dict()}


def test_the_table_names_heads_codes_and_where_all_is_kept(circuits: Command, run: str):
    answer = circuits("codes", run)
    assert answer.exit_code == 0
    for words in ("a3.h", "of 16", "Information: adjusted", "+-", "16 positives, 16 negatives", "codes"):
        assert words in answer.stdout


def test_what_codes_tell_is_said_of_every_head(explained: dict[str, Any]):
    heads = explained["heads"]
    assert len(heads) == 16
    for row in heads:
        for label in ("is_positive", "answer"):
            assert 0 <= row["tells"][label]["bits"] < 5
            assert row["tells"][label]["adjusted"] <= 1
            assert row["tells"][label]["adjusted_sd"] >= 0


def test_pairs_are_explained_by_the_codes_of_their_heads(circuits: Command, store: Path):
    report = circuits("codes", store / named(store, "code-pairs"), "--heads", "4", "--json").json
    explained = [row for row in report["heads"] if row["explained"]]
    assert [row["score"] for row in explained] == [row["positive_only_codes"] for row in explained]
    assert explained[0]["tells"]["is_positive"]["adjusted_sd"] is None


def test_groups_of_heads_are_in_the_circuit_and_its_exports(circuits: Command, explained: dict[str, Any], run: str):
    groups = {row["head"]: row["group"] for row in explained["heads"]}
    graph = open_run(run).circuit
    assert {node.name: node.group for node in graph.nodes if node.component.kind == "head"} == {
        str(part): groups[str(part)] for part in graph.heads
    }
    assert any(group is not None for group in groups.values())
    circuits("export", run, "--to", "json", "--out", "graph.json")
    assert JsonExport().read("graph.json") == graph


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("eap", [], "only head-coding and code-pairs keep codes; run {name} used eap"),
        ("head-coding", ["--trial", "3"], "trial is 3: run {name} has 3 trials, 0 to 2"),
        ("head-coding", ["--trial", "-1"], "trial is -1"),
        ("code-pairs", ["--trial", "1"], "trial is 1: run {name} has 1 trial, which is 0"),
        ("head-coding", ["--heads", "0"], "heads is 0: give 1 to 16"),
        ("head-coding", ["--heads", "17"], "heads is 17: give 1 to 16"),
        ("head-coding", ["--workers", "2", "--scheduler", "tcp://a:1"], "different places to run"),
    ],
)
def test_bad_input_is_one_line_before_any_model_runs(
    circuits: Command, store: Path, method: str, options: list[str], said: str
):
    name, before = named(store, method), stored(store)
    answer = circuits("codes", name, "--runs", store, *options)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.removeprefix(f"codes: looking up what is stored in {store}\n").count("\n") == 1
    assert said.format(name=name) in answer.stderr
    assert stored(store) == before


def test_a_folder_with_other_autoencoders_is_refused(circuits: Command, store: Path, run: str):
    circuits("codes", run, "--out", "explained")
    answer = circuits("codes", store / named(store, "code-pairs"), "--out", "explained")
    assert answer.exit_code == 2
    assert "holds other autoencoders already" in answer.stderr
    assert json.loads(Path("explained/codes.json").read_text())["run"] == Path(run).name


def test_tables_for_papers_have_the_codes_and_what_heads_tell(store: Path, run: str, explained: dict[str, Any]):
    tables = papers_of(COMMAND, run=run, folder=store / "explained", out=store)
    assert len(tables["codes"].rows) == len(explained["codes"])
    shown = [row["n_positives"] for row in tables["codes"].rows]
    assert shown == sorted(shown, reverse=True)
    names = [column.name for column in tables["heads"].columns]
    assert {"score", "positive_only_codes", "tells_is_positive"} <= set(names)
