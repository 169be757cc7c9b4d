"""Every method of METHODS goes all the way by the command: planned, measured, selected, judged and exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.components import Wiring
from circuits.methods import METHODS
from pipelines import open_run
from tests.circuits.circuit_files import write_circuit_file

Command = Callable[..., Any]

# Random models solve no task, and little training shows as much here.
_CODES = ("least_accuracy=0", "epochs=2", "trials=1", "features=6")
SETTINGS = {
    "head-coding": _CODES,
    "code-pairs": _CODES,
    "mask-learning": ("steps=5",),
    "circuit-file": ("file={store}/of-another-tool.json", "whole=true"),
    "causal-tracing": ("at=all",),  # by default it traces several positions, of which --position chooses one
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all methods: they share prompts, check and baseline."""
    folder = tmp_path_factory.mktemp("runs")
    write_circuit_file(folder / "of-another-tool.json", Wiring(n_layers=2, n_heads=2, n_kv_heads=2))
    return folder


@pytest.fixture
def discovered(circuits: Command, tiny: Any, store: Path) -> Callable[..., Any]:
    def run(method: str) -> Any:
        given = (setting.format(store=store) for setting in SETTINGS.get(method, ()))
        settings = [word for setting in given for word in ("--set", setting)]
        about = ("--method", method, *settings, "--prompts", "6", "--edges", "12", "--runs", store, "--json")
        return circuits(*tiny.arguments, *about)

    return run


@pytest.mark.parametrize("method", METHODS)
def test_a_method_goes_all_the_way(circuits: Command, discovered: Callable[..., Any], store: Path, method: str) -> None:
    answer = discovered(method)
    assert answer.exit_code == 0, answer.stderr
    summary = answer.json
    run = open_run(summary["run"], out=store)
    scores = run.scores if run.node_scores is None else run.node_scores
    assert scores.provenance.method == summary["method"] == method
    assert scores.measured.any()
    assert summary["faithfulness"] is not None
    assert run.circuit.n_edges == summary["circuit"]["n_edges"] > 0
    assert not any("is zero" in warning for warning in summary["warnings"])
    table = circuits("export", summary["run"], "--to", "csv", "--runs", store, "--out", "-").stdout
    assert f",{METHODS[method].scores_are},{method}," in table


def test_the_same_runs_again_compute_nothing(discovered: Callable[..., Any]) -> None:
    assert discovered("path-patching").json["jobs"]["computed"] == 0
