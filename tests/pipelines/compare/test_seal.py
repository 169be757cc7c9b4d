"""A comparison has a hash, as every other result: one that was changed is not read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def comparison(circuits: Callable[..., Any], computed: Callable[..., Any], tiny: Any) -> Path:
    commands = [(*tiny.arguments, "--method", "eap", "--edges", n, "--json") for n in ("9", "12")]
    runs = [answer.json["run"] for answer in computed(*commands)]
    return Path(circuits("compare", *runs, "--json").json["folder"])


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
    ],
)
def test_what_is_made_of_a_changed_file_is_refused(
    circuits: Callable[..., Any], comparison: Path, command: tuple[str, ...], file: str, changed: str
):
    path = comparison / changed
    path.write_text(path.read_text().replace("0.", "1.", 1))
    refused = circuits(*(word or str(comparison / file) for word in command))
    assert refused.exit_code == 2
    assert "does not match the hash" in refused.stderr


def test_a_changed_circuit_of_a_comparison_of_three_is_refused(
    circuits: Callable[..., Any], computed: Callable[..., Any], tiny: Any
):
    commands = [(*tiny.arguments, "--method", "eap", "--edges", n, "--json") for n in ("9", "12", "15")]
    runs = [answer.json["run"] for answer in computed(*commands)]
    union = Path(circuits("compare", *runs, "--json").json["folder"]) / "union.json"
    union.write_text(union.read_text().replace('"score": ', '"score": 1', 1))
    for command in (["export", union, "--to", "json", "--out", "o.json"], ["draw", "circuit", union, "--out", "o.svg"]):
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
