"""A circuit says what is wrong with it, as far as its numbers are sure of it."""

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph
from graphs.flaws import flaws_of

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)


def circuit(share: float, **metrics: float) -> CircuitGraph:
    """Of 2 edges, of which 0.85 was asked for."""
    edges = map(Edge.parse, ("input->a0.h0<v>", "a0.h0->logits"))
    return CircuitGraph.from_edges(WIRING, edges, faithfulness=share, metrics={"least_faithfulness": 0.85} | metrics)


@pytest.mark.parametrize(
    ("share", "low", "high", "fitted", "label"),
    [
        (0.84, 0.80, 0.88, 0.86, "MAY FALL SHORT (0.84 [0.80, 0.88])"),
        (0.84, 0.80, 0.88, 0.80, "NOT FAITHFUL (0.84)"),  # not on the prompts that chose it either
        (0.60, 0.50, 0.70, 0.86, "NOT FAITHFUL (0.60)"),
        (1.20, 1.10, 1.30, 1.00, "BEYOND THE MODEL (1.20)"),
        (0.90, 0.60, 1.20, 0.90, None),
    ],
)
def test_faithfulness_is_read_with_its_interval(share, low, high, fitted, label):
    measured = circuit(share, faithfulness_low=low, faithfulness_high=high, faithfulness_on_choosing=fitted)
    assert [flaw.label for flaw in flaws_of(measured)] == ([] if label is None else [label])


def test_without_an_interval_the_number_counts():
    assert [flaw.label for flaw in flaws_of(circuit(0.84, faithfulness_on_choosing=0.9))] == ["NOT FAITHFUL (0.84)"]


def test_an_unfaithful_circuit_is_named_with_its_interval_and_what_was_asked_for():
    (flaw,) = flaws_of(circuit(0.4, faithfulness_low=0.31, faithfulness_high=0.49, faithfulness_on_choosing=0.5))
    assert "it keeps 0.40 [0.31, 0.49] of the behavior, less than the 0.85 asked for" in flaw.text


@pytest.mark.parametrize(
    ("accuracy", "low", "label"),
    [
        (0.5, 0.28, "TASK NOT SOLVED (accuracy 50%, chance 50%)"),
        (0.4, 0.2, "TASK NOT SOLVED (accuracy 40%, chance 50%)"),
        (0.9, 0.7, None),
    ],
)
def test_the_circuit_of_a_task_that_the_model_may_only_guess_says_so(accuracy, low, label):
    measured = circuit(0.9, model_accuracy=accuracy, model_accuracy_low=low, chance=0.5)
    flaws = flaws_of(measured)
    assert [flaw.label for flaw in flaws] == ([] if label is None else [label])
    said = "no more than by chance (50%): this is not the circuit of a solved task."
    assert all(flaw.text.endswith(said) for flaw in flaws)


@pytest.mark.parametrize(("accuracy", "low", "fewest"), [(1.0, 0.44, 4), (0.8, 0.49, 11), (0.55, 0.34, 385)])
def test_too_few_prompts_to_tell_a_solved_task_from_chance_are_named_with_how_many_would_do(accuracy, low, fewest):
    (flaw,) = flaws_of(circuit(0.9, model_accuracy=accuracy, model_accuracy_low=low, chance=0.5))
    assert flaw.label == f"TOO FEW PROMPTS (accuracy {accuracy:.0%}, chance 50%)"
    assert flaw.text.endswith(f"too few prompts to tell. At this accuracy it takes at least {fewest}.")


def test_an_empty_circuit_says_why_and_nothing_else():
    empty = CircuitGraph.from_edges(WIRING, [], faithfulness=0.0, metrics={"least_faithfulness": 0.85})
    assert [flaw.label for flaw in flaws_of(empty)] == ["EMPTY"]
    assert "make no path from input to logits" in flaws_of(empty)[0].text


def test_what_was_not_measured_has_no_flaw():
    edges = map(Edge.parse, ("input->a0.h0<v>", "a0.h0->logits"))
    assert flaws_of(CircuitGraph.from_edges(WIRING, edges)) == []
