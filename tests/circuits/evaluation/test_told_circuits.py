"""How many circuits have run is told while they are run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from circuits.arrays import Floats
from circuits.components import Edge
from circuits.evaluation import faithfulness
from circuits.evaluation.criteria import (
    CircuitRunner,
)
from circuits.masks import (
    edges_among,
)
from circuits.metrics import METRICS
from circuits.model.steps import watched_by, whole
from tests.conftest import random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


class _Told:
    """Notes how far a computation is."""

    def __init__(self) -> None:
        self.shares: list[float] = []

    def reached(self, share: float) -> None:
        self.shares.append(share)

    def find(self, name: str) -> None:
        return None

    def keep(self, name: str, values: Callable[[], Floats]) -> None:
        pass


def test_how_many_circuits_have_run_is_told_and_goes_forward_alone(family_model, monkeypatch):
    monkeypatch.setattr(faithfulness, "_INTERMEDIATES_AT_ONCE", 0)  # several groups of prompts
    model, rng = family_model("gpt2"), np.random.default_rng(0)
    monkeypatch.setattr(model.forward, "numbers_at_once", 1)  # one circuit after the other
    of_edges = rng.random((6, model.wiring.n_edges)) < 0.7
    of_components = edges_among(model.wiring, rng.random((6, len(model.wiring.writers))) < 0.7)
    told = _Told()
    with watched_by(told), whole():
        CircuitRunner(model, random_prompts(24), LOGIT_DIFFERENCE).values(np.concatenate([of_edges, of_components]))
    assert (np.diff(told.shares) > -1e-9).all()
    assert len(set(told.shares)) > 12
    assert told.shares[-1] == pytest.approx(1)


def test_circuits_of_many_edges_are_told_as_more_than_those_of_few(family_model, monkeypatch):
    """Of one edge and of all but one."""
    model = family_model("gpt2")
    monkeypatch.setattr(model.forward, "numbers_at_once", 1)  # one circuit after the other
    runner = CircuitRunner(model, random_prompts(8, 20), LOGIT_DIFFERENCE)
    few, many = (np.zeros(model.wiring.n_edges, dtype=bool) for _ in range(2))
    few[model.wiring.edge_index(Edge.parse("input->logits"))] = True
    many[1:] = True
    of_few, of_many = (runner.weight(one[None]) for one in (few, many))
    assert of_many > 5 * of_few
    assert runner.weight(np.stack([few, many, many])) == pytest.approx(of_few + 2 * of_many)
    runner.values(few[None])  # what is recorded of the prompts is there from now on
    told = _Told()
    with watched_by(told), whole():
        runner.values(np.stack([few, many]))
    steps_told = np.diff([0.0, *told.shares])
    of_large = steps_told[steps_told > steps_told.max() / 2].sum()
    assert of_large > 0.9


def test_of_all_circuits_of_a_job_is_told_how_many_have_run(family_model):
    model = family_model("gpt2")
    runner, told = CircuitRunner(model, random_prompts(8), LOGIT_DIFFERENCE), _Told()
    circuits = np.random.default_rng(0).random((3, model.wiring.n_edges)) < 0.5
    with watched_by(told):
        values = runner.all_values(circuits)
    assert told.shares[-1] == pytest.approx(1)
    np.testing.assert_array_equal(values, CircuitRunner(model, random_prompts(8), LOGIT_DIFFERENCE).values(circuits))
