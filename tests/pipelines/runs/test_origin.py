"""What the files of commands say of themselves, and computing them again from a file alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines import open_run

Command = Callable[..., Any]
LOOKS_AT_FIGURES = True


@pytest.fixture
def runs(computed: Command, tiny: Any) -> list[str]:
    """Two runs by name."""
    commands = [(*tiny.arguments, "--edges", edges, "--json") for edges in ("12", "16")]
    return [answer.json["run"] for answer in computed(*commands)]


def folder_of(answer: Any) -> Path:
    return Path(answer.json["folder"])


def test_a_comparison_is_computed_again_from_its_figure_or_its_table(
    circuits: Command, runs: list[str], tiny: Any, tmp_path: Path
):
    first = folder_of(circuits("compare", *runs, "--draws", "2", "--out", "kept", "--json"))
    assert first == Path("kept")
    said = circuits("show", "kept/transfer.pdf", "--json").json
    assert said["command"].split(" && ")[-1] == f"circuits compare {runs[0]} {runs[1]} --draws 2"
    assert said["command"].count("circuits discover") == 2
    assert [circuit["run"] for circuit in said["circuits"]] == runs
    assert said["models"] == {tiny.model.name: said["circuits"][0]["edge_scores"]["model_fingerprint"]}
    assert [prompts["n"] for prompts in said["prompts"]] == [12]
    for circuit in said["circuits"]:
        digest = hashlib.sha256(tiny.prompts.read_bytes()).hexdigest()
        used = {"n": 12, "choosing": 12, "judging": 12, "is_held_out": False, "corruption": None}
        assert circuit["prompts"] == used | {"file": tiny.prompts.name, "sha256": digest}
    for name in ("transfer.svg", "comparison.pdf", "transfer.csv", "summary.json", "."):
        assert circuits("show", f"kept/{name}", "--json").json == said
    again = circuits("rerun", "kept/transfer.csv", "--runs", "again")
    assert again.exit_code == 0, again.stderr
    assert again.stderr.count("circuits discover") == 2
    (made,) = Path("again").glob("compare-*")
    for name in ("transfer.svg", "transfer.csv", "overlap.csv"):
        assert (made / name).read_bytes() == (Path("kept") / name).read_bytes()


def test_exports_of_a_comparison_keep_the_command_that_makes_it(circuits: Command, runs: list[str]):
    circuits("compare", *runs, "--overlap-only", "--out", "kept")
    for kind, reference in (("svg", "kept"), ("markdown", "kept"), ("dot", "kept/union.json")):
        assert circuits("export", reference, "--to", kind, "--out", f"file.{kind}").exit_code == 0
        said = circuits("show", f"file.{kind}", "--json").json
        assert said["command"].endswith(f"circuits compare {runs[0]} {runs[1]} --overlap-only")


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (("profile", "--profiles", "entropy"), "heads.pdf"),
        (("effects",), "effects.csv"),
        (("attention", "--heads", "a1.h0"), "by_role.svg"),
        (("discover", "--edges", "9", "--curve"), "sizes.pdf"),
        (("trace",), "trace.svg"),
    ],
)
def test_files_of_commands_on_a_task_say_model_prompts_and_settings(
    circuits: Command, command: tuple[str, ...], file: str
):
    """Of the bundled model: attention and profiles name its tokens."""
    name, *options = command
    answer = circuits(name, "ioi", "--prompts", "4", "--seed", "3", *options, "--json")
    assert answer.exit_code == 0, answer.stderr
    folder = folder_of(answer)
    said = circuits("show", folder / file, "--json").json
    assert said["command"].startswith(f"circuits {name} ioi --prompts 4 --seed 3")
    assert said["settings"]["seed"] == 3
    assert list(said["models"]) == ["reference"]
    assert {"task": "ioi", "n": 4, "seed": 3, "corruption": "flip"} in said["prompts"]
    if name in ("discover", "trace"):
        (circuit,) = said["circuits"]
        assert circuit["prompts"]["n"] == 4
        assert circuit["prompts"]["corruption"].startswith("flip: ")
    stored = json.loads((folder / "about.json").read_text())
    assert file in stored["files"]
    assert stored["about"] == said


def test_an_evaluation_says_which_circuits_it_judged(circuits: Command, runs: list[str]):
    folder = folder_of(circuits("evaluate", *runs, "--random", "2", "--knockouts", "2", "--json"))
    said = circuits("show", folder / "evaluation.csv", "--json").json
    assert [circuit["run"] for circuit in said["circuits"]] == runs
    assert said["settings"]["runs"] == runs
    assert said["command"].endswith(f"circuits evaluate {runs[0]} {runs[1]} --random 2 --knockouts 2")


def test_a_table_for_a_paper_says_where_it_came_from(circuits: Command, runs: list[str]):
    for kind, file in (("latex", "table.tex"), ("markdown", "table.md")):
        shown = circuits("evaluate", *runs, "--random", "2", "--knockouts", "2", "--to", kind).stdout
        Path(file).write_text(shown)
        said = circuits("show", file, "--json").json
        assert [circuit["run"] for circuit in said["circuits"]] == runs
        assert "circuits evaluate" in said["command"]
    shown = circuits("evaluate", *runs, "--random", "2", "--knockouts", "2", "--to", "csv").stdout
    assert not shown.startswith("#")


def test_a_file_that_the_folder_does_not_name_is_not_taken_for_one_of_its_own(circuits: Command, runs: list[str]):
    circuits("compare", *runs, "--overlap-only", "--out", "kept")
    Path("kept/other.csv").write_text("a,b\n")
    asked = circuits("show", "kept/other.csv")
    assert asked.exit_code == 2
    assert "nothing in it says where it came from" in asked.stderr


def test_a_failing_command_ends_a_rerun_with_its_exit_code(circuits: Command, runs: list[str], tmp_path: Path):
    text = json.dumps({"command": "circuits discover no-such-task && circuits discover ioi"})
    (tmp_path / "own.dot").write_text(f"// circuit-workbench: {text}\n")
    again = circuits("rerun", "own.dot", "--runs", "again")
    assert again.exit_code == 2
    assert "no-such-task" in again.stderr
    assert again.stderr.count("circuits discover") == 1


def test_the_name_of_a_file_of_prompts_says_where_numbers_came_from_and_decides_none(
    circuits: Command, tiny: Any, tmp_path: Path
):
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(Path(tiny.prompts).read_bytes())
    for file, name in ((tiny.prompts, "one"), (copy, "other")):
        asked = ("discover", file, "--model", tiny.model, "--method", "eap", "--edges", "20", "--name", name)
        assert circuits(*asked).exit_code == 0
    one, other = (open_run(name).scores for name in ("one", "other"))
    np.testing.assert_array_equal(one.per_prompt, other.per_prompt)
    assert one.provenance.task != other.provenance.task == "copy"
    assert replace(one.provenance, task="copy") == other.provenance


def test_a_caption_is_printed_with_an_export_or_alone(circuits: Command, runs: list[str], tiny: Any):
    alone = circuits("export", runs[0], "--caption").stdout
    assert "12 of " in alone
    assert "boxes are heads" in alone
    beside = circuits("export", runs[0], "--to", "pdf", "--caption", "--out", "one.pdf").stdout
    assert beside == f"one.pdf\n{alone}"
    other = circuits("export", runs[1], "--caption").stdout
    both = circuits("export", runs[0], "--to", "svg", "--beside", runs[1], "--caption", "--out", "two.svg").stdout
    assert both == f"two.svg\n{alone}{other}"
    Path("my_pairs.jsonl").write_text(tiny.prompts.read_text())
    named = circuits("discover", "my_pairs.jsonl", "--model", tiny.model, "--edges", "9", "--json").json["run"]
    table = circuits("export", named, "--to", "latex", "--caption", "--out", "one.tex").stdout
    assert r"for the task my\_pairs" in table
    assert "boxes" not in table
    circuits("compare", *runs, "--overlap-only", "--out", "kept")
    assert circuits("export", "kept", "--caption").stdout.startswith("Two circuits: ")
    for asked in (("--to", "pdf", "--caption", "--out", "-"), (), ("--caption", "--out", "x.txt")):
        assert circuits("export", runs[0], *asked).exit_code == 2
