"""Circuits of a pretrained model's 70,651 edges, where its strongest edges make no path."""

from __future__ import annotations

import pytest

from circuits.masks import pruned
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.tasks import TASKS
from graphs.selection import Greedy, Grown, TopEdges

pytestmark = pytest.mark.slow


def test_few_edges_of_a_large_model_make_a_connected_circuit_by_any_rule(pretrained):
    prompts = TASKS["ioi"]().build(pretrained.tokenizer, n=8, seed=0)
    scores = METHODS["eap"]().score(pretrained, prompts, metric=METRICS["logit-difference"])
    for rule, n in ((Grown, 1), (Grown, 60), (Greedy, 80), (TopEdges, 60)):
        for absolute in (True, False):
            selected = rule(n, absolute=absolute).choose(scores)
            assert 0 < selected.n_edges <= n
            assert (pruned(selected.wiring, selected.mask) == selected.mask).all()
            assert rule is TopEdges or selected.n_edges == n
