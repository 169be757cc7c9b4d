"""What stands beside a circuit wherever it is shown: how well the model does the task, and how its size was found."""

from typing import Any

from pipelines.runs.run import around_circuit

ANSWERED = {"accuracy": 0.5, "accuracy_interval": [0.28, 0.72], "chance": 0.25, "solved": None}


def choice(**tried: int) -> dict[str, Any]:
    entries = [
        {"ranking": ranking, "searches": [{"tried": [[size, 0.5] for size in range(n)]}] if n else []}
        for ranking, n in tried.items()
    ]
    return {"choice": {"ranking": "signed", "choices": entries}}


def test_sizes_are_counted_of_the_ranking_that_was_taken():
    assert around_circuit(choice(signed=7, absolute=3)) == {"sizes_tried": 7}


def test_a_size_that_was_given_was_not_searched():
    assert around_circuit(choice(signed=0)) == {}


def test_a_circuit_that_edges_were_dropped_from_has_no_size_of_a_search():
    assert around_circuit(choice(signed=7) | {"minimal": {}}) == {}


def test_accuracy_goes_with_its_interval_and_chance():
    assert around_circuit(ANSWERED) == {
        "model_accuracy": 0.5,
        "model_accuracy_low": 0.28,
        "model_accuracy_high": 0.72,
        "chance": 0.25,
    }


def test_prompts_kept_as_solved_are_answered_by_choice():
    assert around_circuit(ANSWERED | {"solved": {"dropped": 3}}) == {}
    assert around_circuit(ANSWERED | {"accuracy": None, "accuracy_interval": None}) == {}
