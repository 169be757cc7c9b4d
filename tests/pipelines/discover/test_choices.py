"""Runs refused before they start because they could give no meaningful circuit, and similar ones that are allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, discover

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "activation-patching", "--set", "kinds=[query, key]"], "nothing that a circuit is made of"),
        (["--method", "activation-patching", "--position", "END"], "scores all positions at once"),
        (["--method", "activation-patching", "--set", "at=positions"], "choose with position="),
        (["--method", "atp-star", "--set", "at=roles"], "choose with position="),
        (["--method", "path-patching", "--position", "IO"], "It has: END"),
        (["--method", "eap", "--metric", "kl-divergence"], "gradients at the clean run"),
        (["--method", "relp", "--metric", "kl-divergence"], "gradients at the clean run"),
        (["--method", "activation-patching", "--set", "kinds=head,mlp"], r"expected a list, such as \[a, b\]"),
    ],
)
def test_nothing_is_measured(circuits: Command, tiny: Any, more: list[str], message: str):
    answer = circuits(*tiny.arguments, *more)
    assert answer.exit_code == 2
    assert message.replace("\\", "") in answer.stderr
    assert not list(Path("runs").glob("*/run.json"))


@pytest.mark.parametrize("method", ["eap-ig", "activation-patching", "exact-edges"])
def test_a_divergence_is_explained_by_what_looks_away_from_the_clean_run(tiny: Any, tmp_path: Path, method: str):
    run = discover(**tiny.settings(out=tmp_path, method=method, metric="kl-divergence"))
    assert abs(run.scores.means).max() > 1e-3


def test_runs_whose_components_were_chosen_by_their_edges_can_be_compared(tiny: Any, tmp_path: Path):
    one, other = (discover(**tiny.settings(out=tmp_path, nodes=n)) for n in (2, 4))
    reuse = compare(one, other, out=tmp_path).comparison.reuse.nodes
    assert reuse.n_a <= reuse.n_b
    assert reuse.n_shared == reuse.n_a


def test_the_whole_model_is_no_small_circuit(circuits: Command, tiny: Any):
    summary = circuits(*tiny.arguments, "--edges", "9999", "--json").json
    assert summary["circuit"]["n_edges"] == summary["circuit"]["of_edges"]
    assert any("it is most of the model" in warning for warning in summary["warnings"])


def test_the_ablation_is_named_where_its_metric_is_shown(circuits: Command, tiny: Any):
    assert "logit-difference, zero" in circuits(*tiny.arguments, "--ablation", "zero").stdout
    assert "logit-difference, corrupt" in circuits(*tiny.arguments).stdout


def test_a_file_with_fewer_prompts_than_asked_for_is_taken_whole_with_a_warning(circuits, tiny):
    answer = circuits(*tiny.arguments, "--prompts", "50", "--json")
    assert answer.json["n_prompts"] == 12
    assert "50 prompts were asked for, and" in answer.stderr
    assert "holds 12: all of them were taken" in answer.stderr
