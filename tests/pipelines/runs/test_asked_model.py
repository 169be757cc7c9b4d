"""A model is called as its own command called it, also where its results come from a folder of another name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.runs.run import open_run


@pytest.mark.parametrize("command", ["discover", "trace"])
def test_another_folder_with_the_same_weights_finds_the_results_and_keeps_its_name(
    circuits: Callable[..., Any], tiny: Any, command: str
):
    copy = Path("elsewhere") / "renamed"
    shutil.copytree(tiny.model, copy)
    first, second = (
        circuits(
            command, tiny.prompts, "--model", model, *(["--method", "eap"] if command == "discover" else []), "--json"
        )
        for model in (tiny.model, copy)
    )
    assert second.json["jobs"]["computed"] == 0, second.stderr
    for answer, name in ((first, tiny.model.name), (second, "renamed")):
        run = open_run(answer.json["run"], out=Path("runs"))
        assert answer.json["model"] == run.summary["model"] == name
        assert run.circuit.provenance.model == run.scores.provenance.model == name
        assert Path(run.config.model).name == name
        about = json.loads((run.folder / "about.json").read_text())
        assert {row["model"] for row in about["about"]["circuits"] if "model" in row} <= {name}
    ours, theirs = (open_run(answer.json["run"], out=Path("runs")).scores for answer in (first, second))
    assert ours.provenance.model_fingerprint == theirs.provenance.model_fingerprint
    assert np.array_equal(ours.per_prompt, theirs.per_prompt)
