"""A comparison has a hash, as every other result: one that was changed is not read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import caption, draw, export, report_reuse, write_report


@pytest.fixture
def comparison(computed: Callable[..., Any], tiny: Any) -> Path:
    commands = [(*tiny.arguments, "--method", "eap", "--edges", n, "--json") for n in ("9", "12")]
    runs = [answer.json["run"] for answer in computed(*commands)]
    return Path(computed(*commands, ("compare", *runs, "--json"))[-1].json["folder"])


def test_every_file_of_a_comparison_has_its_hash(comparison: Path):
    about = json.loads((comparison / "about.json").read_text())
    hashes = {name: hashlib.sha256((comparison / name).read_bytes()).hexdigest() for name in about["files"]}
    assert about["sha256"] == hashes
    assert {"comparison.json", "summary.json"} <= hashes.keys()


def test_a_comparison_that_was_changed_is_not_exported(circuits: Callable[..., Any], comparison: Path):
    path = comparison / "comparison.json"
    export = ["export", comparison, "--to", "csv", "--out", "out.csv"]
    assert circuits(*export).exit_code == 0
    as_written = path.read_text()
    path.write_text(as_written.replace("0.", "1.", 1))
    assert path.read_text() != as_written
    refused = circuits(*export)
    assert refused.exit_code == 2
    for words in (str(path), "does not match the hash", "circuits compare"):
        assert words in refused.stderr
    (comparison / "about.json").unlink()
    assert circuits(*export).exit_code == 0


@pytest.mark.parametrize(
    ("command", "file", "changed"),
    [
        (("draw", "two-circuits", "", "--out", "out.svg"), "", "comparison.json"),
        (("export", "", "--to", "json", "--out", "out.json"), "comparison.json", "comparison.json"),
        (("report", ""), "", "summary.json"),
        (("report", ""), "", "comparison.json"),
        (("reuse", ""), "", "comparison.json"),
        (("show", ""), "comparison.json", "comparison.json"),
        (("show", "", "--json"), "summary.json", "summary.json"),
        (("show", ""), "", "comparison.json"),
        (("show", ""), "", "summary.json"),
        (("rerun", ""), "comparison.json", "comparison.json"),
    ],
)
def test_what_is_made_of_a_changed_file_is_refused(
    circuits: Callable[..., Any], comparison: Path, command: tuple[str, ...], file: str, changed: str
):
    path = comparison / changed
    path.write_text(path.read_text().replace("0.", "1.", 1))
    refused = circuits(*(word or str(comparison / file) for word in command))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "does not match the hash" in refused.stderr
    assert "Make it anew: circuits " in refused.stderr
    assert "circuits compare" in refused.stderr


@pytest.mark.parametrize(
    ("read", "changed"),
    [
        (lambda folder: export(folder, "csv"), "comparison.json"),
        (lambda folder: export(folder, "html"), "comparison.json"),
        (caption, "comparison.json"),
        (lambda folder: draw("two-circuits", folder), "comparison.json"),
        (write_report, "summary.json"),
        (write_report, "comparison.json"),
        (report_reuse, "summary.json"),
    ],
)
@pytest.mark.usefixtures("circuits")
def test_what_is_made_of_a_changed_file_in_python_is_refused(
    comparison: Path, read: Callable[[Path], object], changed: str
):
    path = comparison / changed
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(ValueError, match="does not match the hash"):
        read(comparison)


@pytest.mark.usefixtures("circuits")
def test_a_report_stands_for_every_file_of_a_comparison(comparison: Path):
    names = json.loads((comparison / "about.json").read_text())["files"]
    assert any(name.endswith(".pdf") for name in names)
    for path in (comparison / name for name in names):
        as_written = path.read_bytes()
        path.write_bytes(bytes([*as_written[:-1], as_written[-1] ^ 1]))
        with pytest.raises(ValueError, match=path.name):
            write_report(comparison, to="markdown")
        path.write_bytes(as_written)
    (comparison / "comparison.pdf").unlink()
    assert write_report(comparison, to="markdown").main == "report.md"


@pytest.mark.parametrize("changed", ["config.yaml", "graph.json"])
def test_a_changed_file_of_a_run_is_not_shown(circuits: Callable[..., Any], comparison: Path, changed: str):
    summary = json.loads((comparison / "summary.json").read_text())
    path = comparison / next(iter(summary["run_folders"].values())) / changed
    assert circuits("show", path).exit_code == 0
    path.write_bytes(path.read_bytes() + b"\n")
    refused = circuits("show", path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "does not match the hash" in refused.stderr


def test_a_changed_circuit_of_a_comparison_of_three_is_refused(
    circuits: Callable[..., Any], computed: Callable[..., Any], tiny: Any
):
    commands = [(*tiny.arguments, "--method", "eap", "--edges", n, "--json") for n in ("9", "12", "15")]
    runs = [answer.json["run"] for answer in computed(*commands)]
    union = Path(circuits("compare", *runs, "--json").json["folder"]) / "union.json"
    union.write_text(union.read_text().replace('"score": ', '"score": 1', 1))
    summary = union.with_name("summary.json")
    summary.write_text(summary.read_text().replace("0.", "1.", 1))
    for command in (
        ["export", union, "--to", "json", "--out", "o.json"],
        ["draw", "circuit", union, "--out", "o.svg"],
        ["show", union],
        ["export", union.parent, "--to", "html", "--out", "o.html"],
    ):
        refused = circuits(*command)
        assert refused.exit_code == 2, command
        assert "does not match the hash" in refused.stderr


def test_the_same_command_mends_it(circuits: Callable[..., Any], comparison: Path):
    path = comparison / "comparison.json"
    as_written = path.read_bytes()
    path.write_bytes(as_written + b" ")
    command = json.loads((comparison / "about.json").read_text())["about"]["command"].rpartition("&& ")[2].split()[1:]
    assert circuits(*command).exit_code == 0
    assert path.read_bytes() == as_written
