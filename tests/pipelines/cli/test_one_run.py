"""A pattern that matches several runs where a command takes one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def made_runs(*names: str) -> list[str]:
    for name in names:
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "run.json").write_text("{}")
    return [f"runs/{name}" for name in names]


@pytest.mark.parametrize(
    ("before", "after"),
    [(("export",), ("--to", "csv")), (("codes",), ()), (("intervene", "iri", "--run"), ()), (("discover",), ())],
)
def test_a_pattern_that_matches_several_runs_is_said_and_they_are_listed(
    circuits: Command, before: tuple[str, ...], after: tuple[str, ...]
):
    first, second = made_runs("ioi-eap-1a2b3c4d", "ioi-eap-5e6f7a8b")
    answer = circuits(*before, first, second, *after)
    assert answer.exit_code == 2
    assert "one run is expected, and the pattern matched several" in " ".join(answer.stderr.split())
    assert f"\n  {first}\n  {second}\n" in answer.stderr
    assert "of one kind" not in answer.stderr


def test_a_pattern_that_matches_runs_of_one_method_alone_is_told(circuits: Command):
    made_runs("ioi-eap-1a2b3c4d", "ioi-eap-ig-5e6f7a8b", "ioi-eap-ig-activations-5e6f7a8b")
    matched = sorted(str(path) for path in Path().glob("runs/ioi-eap-*"))
    said = re.search(r"\n(\S+) matches those of one kind alone", circuits("codes", *matched).stderr)
    assert said is not None
    assert [str(path) for path in Path().glob(said[1])] == ["runs/ioi-eap-1a2b3c4d"]
    assert [str(path) for path in Path().glob("runs/ioi-eap-ig-????????")] == ["runs/ioi-eap-ig-5e6f7a8b"]


def test_names_that_end_in_no_hash_give_no_pattern(circuits: Command):
    answer = circuits("codes", *made_runs("base-one", "ioi", "ioi-eap-1a2b3c4d"))
    assert "one run is expected" in " ".join(answer.stderr.split())
    assert "of one kind" not in answer.stderr


def test_of_many_runs_the_first_are_listed(circuits: Command):
    answer = circuits("codes", *made_runs(*(f"ioi-eap-{number:08d}" for number in range(11))))
    assert answer.stderr.count("\n  runs/ioi-eap-") == 8
    assert "\n  and 3 more\n" in answer.stderr


def test_other_arguments_too_many_are_named(circuits: Command):
    answer = circuits("export", "run", "another", "third", "--to", "csv")
    assert answer.exit_code == 2
    assert "unexpected arguments: another third" in answer.stderr
    assert "pattern" not in answer.stderr
