"""How circuits were chosen, in words: of every rule, and where none is known."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from circuits import Wiring
from circuits.scores import EdgeScores
from graphs import CircuitGraph, Grown, Threshold, describe
from graphs.figures.chosen_by import chosen_by, circuit_chosen_by
from graphs.selection import SELECTIONS
from tests.graphs.conftest import provenance


@pytest.mark.parametrize("name", SELECTIONS)
def test_every_rule_is_said_with_its_size(name: str):
    said = chosen_by({"name": name, "n": 1234, "minimum": 0.25})
    assert said.endswith(f"(rule {name})")
    assert " n " not in f" {said} "
    assert ("1,234" in said) or ("0.25" in said) or name == "significant"


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_rule_that_chose_one_says_so(name: str):
    assert re.search(r"\b1 (\w+ )?(edges|heads and)\b", chosen_by({"name": name, "n": 1, "minimum": 0.25})) is None


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (describe(Threshold(0.125)), "chosen: edges that score at least 0.125, less those that lie on no path"),
        ({"name": "given"}, "chosen: edges given"),
        ({"name": "minimal", "n_runs": 3}, "chosen: edges dropped until none can go alone"),
        ({"name": "of-another-package", "n": 3}, "chosen by rule of-another-package"),
    ],
)
def test_what_is_known_is_said(selection: dict[str, Any], said: str):
    assert chosen_by(selection).startswith(said)


GROWN = describe(Grown(1234))


def test_a_size_that_was_searched_is_not_said_to_have_been_asked_for():
    said = circuit_chosen_by(GROWN, {"sizes_tried": 17, "faithfulness_on_choosing": 0.86, "least_faithfulness": 0.85})
    assert said == (
        "chosen: 1,234 edges, on the strongest paths from input to logits (rule grown), the smallest of 17 sizes tried "
        "with faithfulness 0.85 or more on the prompts that chose"
    )


def test_a_search_that_found_none_says_so():
    said = circuit_chosen_by(GROWN, {"sizes_tried": 17, "faithfulness_on_choosing": 0.5, "least_faithfulness": 0.85})
    assert said.endswith("none of 17 sizes tried with faithfulness 0.85 or more on the prompts that chose")


def test_a_size_that_was_asked_for_is_exact():
    assert circuit_chosen_by(GROWN, {"faithfulness_on_choosing": 0.5, "least_faithfulness": 0.85}) == chosen_by(GROWN)


def test_a_threshold_that_no_path_reaches_is_told_beside_what_was_chosen():
    wiring = Wiring(n_layers=1, n_heads=1, n_kv_heads=1)
    means = np.linspace(0.1, 0.5, wiring.n_edges, dtype=np.float32)
    scores = EdgeScores(wiring, np.tile(means, (2, 1)), np.ones(wiring.n_edges, dtype=np.bool_), provenance())
    for minimum, begins in (
        (0.05, "chosen: edges that score at least 0.05"),
        (9.0, "chosen: the best path, as none is"),
    ):
        graph = CircuitGraph.from_scores(scores, Threshold(minimum))
        assert graph.edges
        assert circuit_chosen_by(graph.selection, graph.metrics, graph.threshold).startswith(begins)
