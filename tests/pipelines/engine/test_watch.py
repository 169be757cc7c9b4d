"""A job that is interrupted goes on where it was: nothing is computed twice, and the result is the same to the byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine import watch
from pipelines.engine.watch import JobWatch

TRACE = ("trace", "--ablation", "corrupt")
DISCOVER = ("discover", "--edges", "20")
COMMANDS = {
    "causal-tracing": (*TRACE, "--set", "at=positions", "--set", "window=2"),
    "activation-patching": (*DISCOVER[:1], "--nodes", "3", "--edges", "20", "--method", "activation-patching"),
    "exact-edges": (*DISCOVER, "--method", "exact-edges"),
    "acdc": ("discover", "--method", "acdc", "--set", "tau=0.01"),
    "search": ("discover", "--method", "eap"),
}


class Killed(Exception):
    """What a power cut does to a job."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many values jobs have kept and found; everything is kept and written at once, until `most` are."""
    counts, keep, find = {"kept": 0, "found": 0, "most": 10**9}, JobWatch.keep, JobWatch.find

    def counted_keep(self: JobWatch, name: str, values: Callable[[], Any]) -> None:
        if counts["kept"] == counts["most"]:
            raise Killed
        counts["kept"] += 1
        keep(self, name, values)

    def counted_find(self: JobWatch, name: str) -> Any:
        found = find(self, name)
        counts["found"] += found is not None
        return found

    for name in ("_KEPT_AFTER_S", "_WRITTEN_EVERY_S", "_TOLD_EVERY_S"):
        monkeypatch.setattr(watch, name, 0.0)
    monkeypatch.setattr(JobWatch, "keep", counted_keep)
    monkeypatch.setattr(JobWatch, "find", counted_find)
    return counts


def results(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.glob("jobs/*/*.npz")}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupted_job_goes_on_where_it_was(name: str, circuits: Callable[..., Any], tiny: Any, kept: Any):
    command, *more = COMMANDS[name]
    arguments = (command, *tiny.arguments[1:3], tiny.model, *more)
    assert circuits(*arguments, "--runs", "whole").exit_code == 0
    n_whole = kept["kept"]
    assert n_whole > 5
    assert kept["found"] == 0
    kept |= {"kept": 0, "most": n_whole // 2}
    with pytest.raises(Killed):
        circuits(*arguments, "--runs", "cut")
    assert len(list(Path("cut").glob("jobs/*/*.partial"))) == 1
    n_before = kept["kept"]
    kept |= {"kept": 0, "most": 10**9}
    assert circuits(*arguments, "--runs", "cut").exit_code == 0
    assert kept["found"] > 0
    assert kept["kept"] + n_before == n_whole
    assert results(Path("cut")) == results(Path("whole"))
    assert not list(Path("cut").glob("jobs/*/*.partial"))


def test_what_another_device_or_version_has_kept_is_not_used(
    circuits: Callable[..., Any], tiny: Any, kept: Any, monkeypatch: pytest.MonkeyPatch
):
    arguments = (*tiny.arguments, "--method", "exact-edges", "--edges", "20")
    kept["most"] = 10
    with pytest.raises(Killed):
        circuits(*arguments)
    kept |= {"kept": 0, "most": 10**9}
    monkeypatch.setattr(watch, "versions", lambda: {"torch": "another"})
    assert circuits(*arguments).exit_code == 0
    assert kept["found"] == 0


def test_what_is_damaged_is_computed_again(circuits: Callable[..., Any], tiny: Any, kept: Any):
    arguments = (*tiny.arguments, "--method", "exact-edges", "--edges", "20")
    kept["most"] = 10
    with pytest.raises(Killed):
        circuits(*arguments)
    (partial,) = Path("runs").glob("jobs/*/*.partial")
    partial.write_bytes(partial.read_bytes()[:-40])
    kept |= {"kept": 0, "most": 10**9}
    assert circuits(*arguments).exit_code == 0
    assert kept["found"] == 0


def test_the_cost_of_an_interrupted_job_is_that_of_all_attempts(circuits: Callable[..., Any], tiny: Any, kept: Any):
    arguments = (*tiny.arguments, "--method", "exact-edges", "--edges", "20", "--prompts-per-job", "12")

    def multiply_adds(store: str) -> int:
        costs = [json.loads(path.read_text()) for path in Path(store).glob("jobs/*/*.cost.json")]
        return max(cost["multiply_adds"] for cost in costs)

    assert circuits(*arguments, "--runs", "whole").exit_code == 0
    kept |= {"most": kept["kept"] // 2, "kept": 0}
    with pytest.raises(Killed):
        circuits(*arguments, "--runs", "cut")
    kept |= {"kept": 0, "most": 10**9}
    assert circuits(*arguments, "--runs", "cut").exit_code == 0
    # What is recorded before anything is kept is computed by both attempts.
    assert multiply_adds("whole") <= multiply_adds("cut") < 2 * multiply_adds("whole")
