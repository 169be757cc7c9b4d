"""In what runs differ: a ranking that the data chose is told from one that was asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.compare.differences import different_settings, given_twice
from pipelines.discover.settings import DiscoverSettings


class FakeRun:
    """What a finished run says of its settings."""

    command = "discover"

    def __init__(self, name: str, *, is_absolute: bool, n: int = 10, task: str | None = None, **settings: Any) -> None:
        self.name, self.config = name, DiscoverSettings(task=name, **settings)
        origin = SimpleNamespace(model="reference", model_fingerprint="1", ablation="corrupt", task=task or name)
        self.scores, self.folder = SimpleNamespace(provenance=origin), Path(name)
        self.circuit = SimpleNamespace(
            selection={"name": "grown", "n": n, "absolute": is_absolute}, provenance=self.scores.provenance
        )


def run(name: str, **settings: Any) -> Any:
    return FakeRun(name, **settings)


def test_rankings_that_the_data_chose_are_said_apart_and_are_no_difference():
    (said,) = different_settings([run("a", is_absolute=False, n=20), run("b", is_absolute=True)])
    assert said.startswith("rankings were chosen by the data")
    assert "by signed score (a); by magnitude (b)" in said
    assert not different_settings([run("a", is_absolute=True), run("b", is_absolute=True)])


@pytest.mark.parametrize("other", [None, "signed"])
def test_a_ranking_that_was_asked_for_is_a_difference(other: str | None):
    asked = run("a", is_absolute=True, ranking="absolute")
    (said,) = different_settings([asked, run("b", is_absolute=False, ranking=other)])
    assert said.startswith("the runs differ in more than their task")
    assert "ranking: by magnitude (a); by signed score (b)." in said


def test_other_differences_are_said_beside_rankings_that_the_data_chose():
    first, second = different_settings([run("a", is_absolute=True, method="eap"), run("b", is_absolute=False)])
    assert "method: eap (a); eap-ig (b)" in first
    assert "ranking" not in first
    assert second.startswith("rankings were chosen by the data")


def test_runs_of_one_task_are_told_to_be_so_and_in_what_they_differ():
    alike = [run(name, is_absolute=True, task="language") for name in ("a", "b")]
    (said,) = different_settings(alike)
    assert said.startswith("all runs are of one task, language: ")
    other = run("c", is_absolute=True, task="language", method="eap")
    assert different_settings([*alike, other])[1] == "the runs differ in method: eap-ig (a, b); eap (c)."
    other.circuit.provenance.model_fingerprint = "2"
    assert different_settings([*alike, other])[0].startswith("the runs differ in more than their task")


def test_a_run_that_is_compared_with_itself_is_named():
    one, two = (run(name, is_absolute=True) for name in "ab")
    assert given_twice([one, two]) == []
    assert given_twice([one, two, one]) == ["a is given twice: it shares everything with itself."]
