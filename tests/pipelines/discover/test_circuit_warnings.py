"""What is said of a circuit that other prompts judge worse than those that chose it."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.discover.circuit_warnings import of_circuit


def summary_of(judged: float, interval: list[float] | None, on_choosing: float) -> dict[str, Any]:
    return {
        "faithfulness": judged,
        "faithfulness_interval": interval,
        "faithfulness_on_choosing": on_choosing,
        "n_choosing": 16,
        "circuit": {"n_edges": 30, "of_edges": 479},
        "choice": {"ranking": "signed", "choices": [{"ranking": "signed", "searches": []}], "would_do": None},
    }


@pytest.mark.parametrize(
    ("judged", "interval", "begins"),
    [
        (0.842, [0.811, 0.873], "the circuit may fall short of the 0.85 asked for: 0.842 [0.811, 0.873]"),
        (0.849, [0.829, 0.869], "the circuit may fall short of the 0.85 asked for: 0.849 [0.829, 0.869]"),
        (0.31, [0.19, 0.42], "the circuit is not faithful: 0.31"),
        (0.31, None, "the circuit is not faithful: 0.31"),
    ],
)
def test_a_circuit_whose_interval_holds_the_bound_is_not_called_unfaithful(judged, interval, begins):
    (said,) = of_circuit(summary_of(judged, interval, 0.86), tolerance=0.15)
    assert said.startswith(begins)


def test_an_interval_does_not_excuse_a_circuit_that_fails_on_its_own_prompts():
    (said,) = of_circuit(summary_of(0.8, [0.7, 0.9], 0.6), tolerance=0.15)
    assert said.startswith("the circuit is not faithful: 0.80")


def test_nothing_is_said_of_a_circuit_at_the_bound():
    assert of_circuit(summary_of(0.85, [0.8, 0.9], 0.86), tolerance=0.15) == []
