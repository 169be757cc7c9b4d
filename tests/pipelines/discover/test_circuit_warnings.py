"""What is said of a circuit that other prompts judge worse than those that chose it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Wiring
from graphs.selection import Selected
from pipelines.discover.choose import Choice, _order
from pipelines.discover.circuit_warnings import of_circuit


def summary_of(judged: float, interval: list[float] | None, on_choosing: float) -> dict[str, Any]:
    return {
        "faithfulness": judged,
        "faithfulness_interval": interval,
        "faithfulness_on_choosing": on_choosing,
        "n_choosing": 16,
        "judged_on": "held-out",
        "circuit": {"n_edges": 30, "of_edges": 479},
        "choice": {"ranking": "signed", "choices": [{"ranking": "signed", "searches": []}], "would_do": None},
    }


@pytest.mark.parametrize(
    ("judged", "interval", "begins"),
    [
        (0.842, [0.811, 0.873], "the circuit may fall short of the 0.85 asked for: 0.842 [0.811, 0.873]"),
        (0.849, [0.829, 0.869], "the circuit may fall short of the 0.85 asked for: 0.849 [0.829, 0.869]"),
        (0.31, [0.19, 0.42], "the circuit is not faithful: 0.31 [0.19, 0.42] on"),
        (0.31, None, "the circuit is not faithful: 0.31"),
    ],
)
def test_a_circuit_whose_interval_holds_the_bound_is_not_called_unfaithful(judged, interval, begins):
    (said,) = of_circuit(summary_of(judged, interval, 0.86), tolerance=0.15, searching=None)
    assert said.startswith(begins)


def test_an_interval_does_not_excuse_a_circuit_that_fails_on_its_own_prompts():
    (said,) = of_circuit(summary_of(0.8, [0.7, 0.9], 0.6), tolerance=0.15, searching=None)
    assert said.startswith("the circuit is not faithful: 0.80")


def test_where_the_same_prompts_choose_and_judge_it_is_said_so():
    summary = summary_of(0.69, [0.63, 0.76], 0.69) | {"judged_on": "same"}
    summary["choice"] |= {"would_do": 51}
    (said,) = of_circuit(summary, tolerance=0.15, searching=None)
    assert "0.69 [0.63, 0.76] on the prompts that also chose it, below 0.85. There 51 edges would do" in said


def test_nothing_is_said_of_a_circuit_at_the_bound():
    assert of_circuit(summary_of(0.85, [0.8, 0.9], 0.86), tolerance=0.15, searching=None) == []


def unfaithful(**more: Any) -> str:
    searching = more.pop("searching", None)
    summary = summary_of(0.31, [0.19, 0.42], 0.4)
    summary["choice"] |= more.pop("choice", {})
    (said,) = (text for text in of_circuit(summary | more, tolerance=0.15, searching=searching) if "faithful: " in text)
    return said


CURVE = {"sizes": [4, 9, 47], "faithfulness_signed": [0.2, 0.86, 0.9], "faithfulness_absolute": [0.1, 0.84, 1.0]}


def test_the_selection_that_would_have_worked_is_named_where_it_is_stored():
    assert unfaithful(choice={"would_do": 96}).endswith("96 edges would do (--edges 96).")
    said = unfaithful(curve=CURVE, searching="circuits discover ioi")
    assert said.endswith("keep 0.86 (--edges 9 --selection top-edges --ranking signed).")
    assert "the 9 strongest edges by signed score" in said


def test_more_prompts_are_those_of_a_longer_file_where_a_file_gave_them():
    assert "choose on more prompts (--prompts)" in unfaithful(faithfulness_on_choosing=0.9)
    assert "choose on more prompts (a longer file, or more of it)" in unfaithful(
        faithfulness_on_choosing=0.9, prompt_file={"file": "own.csv", "sha256": "0"}
    )


def test_else_the_command_that_finds_it_is_named_or_the_best_size_that_was_tried():
    low = CURVE | {"faithfulness_signed": [0.2, 0.3, 0.4], "faithfulness_absolute": [0.1, 0.2, 0.3]}
    assert unfaithful(curve=low, searching="circuits discover ioi").endswith("circuit: circuits discover ioi")
    tried = {"ranking": "signed", "searches": [{"of": "edges", "tried": [[3, 0.2], [9, 0.4], [20, 0.3]], "falls": []}]}
    assert "(the best, 9 edges, keeps 0.40 on" in unfaithful(choice={"choices": [tried]})
    assert "or rank with another method" in unfaithful()


def said_of(circuits: Any, *asked: str) -> str:
    """What a discovery says in the terminal of its unfaithful circuit."""
    said = (line.removeprefix("warning: ") for line in circuits(*asked, "--json").stderr.splitlines())
    return next((line for line in said if "circuit is not faithful" in line), "")


@pytest.mark.parametrize(
    "more",
    [
        ("--threshold", "1000"),
        ("--method", "activation-patching", "--nodes", "1"),
        ("--selection", "threshold", "--selection-set", "minimum=1000"),
        ("--selection", "greedy", "--edges", "3", "--tolerance", "0.1"),
    ],
)
def test_the_command_that_is_named_finds_a_faithful_circuit(circuits: Any, tiny: Any, more: tuple[str, ...]):
    """Of prompts that do the same 16 times, a circuit that is faithful on some is so on the others."""
    Path("same.jsonl").write_text(tiny.prompts.read_text().splitlines()[5] + "\n")
    lines = [json.loads(Path("same.jsonl").read_text())] * 16
    Path("same.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    said = said_of(circuits, "discover", "same.jsonl", "--model", str(tiny.model), *more)
    would_do = re.search(r"\(--edges (\d+)\)", said)
    if would_do is not None:
        assert "--edges" in more
        again = ["discover", "same.jsonl", "--model", str(tiny.model), *more, "--edges", would_do[1]]
    else:
        program, *again = shlex.split(said.partition("The smallest faithful circuit: ")[2])
        assert program == "circuits"
        assert not {"--threshold", "--nodes"} & set(again)
    assert circuits(*again, "--json").json["faithfulness"] >= 0.85


def searched(ranking: str, n_edges: int, share: float, *tried: int, found: int | None = None) -> dict[str, Any]:
    """A ranking whose size was searched, or given where none was tried."""
    searches = [{"of": "edges", "size": found, "tried": [[n, share] for n in tried], "falls": []}] if tried else []
    return {"ranking": ranking, "n_edges": n_edges, "faithfulness": share, "searches": searches}


def test_what_is_advised_beyond_the_model_is_not_what_was_tried():
    signed = searched("signed", 40, 2.1)

    def said(ranking: str, *choices: dict[str, Any]) -> str:
        summary = summary_of(2.0, [1.8, 2.2], 2.1)
        summary["choice"] = {"ranking": ranking, "choices": list(choices), "would_do": None}
        (text,) = of_circuit(summary, tolerance=0.15, searching=None)
        return text.partition("behavior. ")[2]

    assert said("signed", signed) == "Rank by magnitude (--ranking absolute)."
    assert said("absolute", searched("absolute", 40, 2.1)) == "Ask for more than its 30 edges (--edges)."
    of_size = said("signed", signed, searched("absolute", 40, 0.48))
    assert of_size.startswith("40 edges by magnitude keep 0.48 on the prompts that choose. --ranking absolute without")
    faithful = said("signed", signed, searched("absolute", 60, 0.9, 59, 60, found=60))
    assert faithful.endswith("by magnitude keep 0.90 on the prompts that choose: take them (--ranking absolute).")
    beyond = said("signed", signed, searched("absolute", 60, 1.9, 59, 60, found=60))
    assert beyond.endswith(": ask for more than 60 of them (--ranking absolute --edges).")


def test_a_search_by_magnitude_that_stopped_early_says_which_sizes_it_did_not_try():
    """Below the size that the signed ranking has found, as only fewer edges would be better."""
    summary = summary_of(1.24, [1.2, 1.3], 1.1)
    signed = searched("signed", 14, 1.1, 1, 2, 14, found=14)
    for largest, ends in (
        (13, "None beyond 13 was tried: --ranking absolute searches those too."),
        (40, "no size that was tried does better: rank with another method."),
    ):
        absolute = searched("absolute", 4, 0.14, 1, 4, largest)
        summary["choice"] = {"ranking": "signed", "choices": [signed, absolute], "would_do": None}
        (text,) = of_circuit(summary, tolerance=0.15, searching=None)
        assert "4 edges by magnitude keep 0.14 on the prompts that choose, and no size" in text
        assert text.endswith(ends)


@pytest.mark.parametrize(
    ("signed", "absolute", "taken"),
    [(2.07, 0.478, "absolute"), (2.07, -0.5, "signed"), (1.1, 0.9, "signed"), (0.5, 0.9, "absolute")],
)
def test_of_a_size_that_is_given_the_ranking_nearer_to_the_model_is_taken(signed, absolute, taken):
    circuit = Selected(Wiring(1, 2, 2), np.arange(4), None, {}, "", 4, {})
    choices = [Choice("signed", circuit, signed, ()), Choice("absolute", circuit, absolute, ())]
    assert min(choices, key=lambda choice: _order(choice, 0.85)).ranking == taken
