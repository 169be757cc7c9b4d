"""How many circuits have run is told while they are run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from circuits.arrays import Floats
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
