"""`circuits doctor`: what is broken is named, and the other checks still run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.model.sources import BUNDLED

Command = Callable[..., Any]


def test_a_sound_installation_is_called_well(circuits: Command):
    answer = circuits("doctor", "--json")
    assert answer.json["is_well"], answer.json["checks"]
    assert answer.exit_code == 0
    assert {f"model {name}" for name in BUNDLED} <= {entry["check"] for entry in answer.json["checks"]}


def test_a_model_that_does_not_load_is_named(circuits: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in BUNDLED:
        monkeypatch.setitem(BUNDLED, name, tmp_path / "absent")
    answer = circuits("doctor", "--json")
    assert answer.exit_code == 1
    failed = {entry["check"] for entry in answer.json["checks"] if entry["state"] == "fails"}
    assert failed == {f"model {name}" for name in BUNDLED}
    assert circuits("doctor").exit_code == 1
