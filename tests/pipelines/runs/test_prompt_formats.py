"""A run of a table of prompts is the run of the same prompts as JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.prompt_files import entries_in
from circuits.data.records import FORMATS
from pipelines import open_run

Command = Callable[..., Any]


@pytest.mark.parametrize("ending", [".csv", ".json", ".TSV"])
def test_the_same_prompts_in_another_format_give_the_same_scores(circuits: Command, tiny: Any, ending: str) -> None:
    records = [entry.record for entry in entries_in(tiny.prompts)]
    own = Path(f"own{ending}")
    own.write_text(FORMATS[ending.lower()].written([record for record in records if record is not None]))
    asked = ["discover", "--model", tiny.model, "--method", "eap", "--edges", "10", "--json"]
    runs = [open_run(circuits(*asked, path).json["run"]) for path in (tiny.prompts, own)]
    np.testing.assert_array_equal(*(run.scores.means for run in runs))
    assert Path(runs[1].config.task).absolute() == own.absolute()


def test_a_file_that_is_not_there_is_a_file_by_its_ending(circuits: Command) -> None:
    for name in ("absent.csv", "absent.json"):
        answer = circuits("discover", name)
        assert answer.exit_code == 2
        assert f"cannot read the prompt file {name}" in answer.stderr


def test_a_file_in_utf_16_is_refused_by_name(circuits: Command) -> None:
    Path("own.csv").write_text("clean,corrupt,answers\na,b,c\n", encoding="utf-16")
    refused = circuits("discover", "own.csv")
    assert refused.exit_code == 2
    assert "own.csv: it is text in UTF-16. Save it as UTF-8" in refused.stderr
