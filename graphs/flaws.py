"""What is wrong with a circuit as an explanation: said wherever it is shown, drawn or compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from circuits.intervals import fewest_above
from graphs.circuit_graph import CircuitGraph

MOST_OF_THE_MODEL = 0.5
"""Share of the edges above which a circuit explains little."""

_POOR_ACCURACY = 0.5


class Flaw(NamedTuple):
    """One thing that is wrong.

    label  in capitals, for figures
    text   a sentence, for warnings
    """

    label: str
    text: str


def may_fall_short(fitted: float, high: float, least: float) -> bool:
    """Whether a circuit that keeps less than was asked for may be faithful all the same.

    fitted  its faithfulness on the prompts that chose it
    high    the upper end of its interval on those that judge it
    """
    return fitted >= least and high >= least


def flaws_of(graph: CircuitGraph) -> list[Flaw]:
    """What is wrong with a circuit, by what was measured when it was chosen; nothing where that is not recorded."""
    if graph.reason is not None:
        return [Flaw("EMPTY", f"the circuit is empty: {graph.reason}")]
    return [*_of_model(graph), *_of_faithfulness(graph), *_of_size(graph)]


def too_few_to_tell(accuracy: float, low: float, chance: float) -> str | None:
    """That a model which answers better than chance may do so by chance, as the prompts are few; None where it is sure.

    low  the lower end of the interval of its accuracy
    """
    if low > chance or (fewest := fewest_above(accuracy, chance)) is None:
        return None
    return (
        f"the model answers {accuracy:.0%} of the prompts correctly, which may be chance ({chance:.0%}): too few "
        f"prompts to tell. At this accuracy it takes at least {fewest:,}."
    )


def why_unsolved(accuracy: float, low: float, chance: float) -> str | None:
    """Why what a model does is no solved task; None where it is one, and where the prompts are too few to tell.

    low  the lower end of the interval of its accuracy
    """
    answers = f"the model answers {accuracy:.0%} of the prompts correctly"
    if low <= chance:
        if too_few_to_tell(accuracy, low, chance) is not None:
            return None
        return f"{answers}, no more than by chance ({chance:.0%}): this is not the circuit of a solved task."
    if accuracy < _POOR_ACCURACY:
        return f"{answers}: this is not the circuit of a solved task."
    return None


def _of_model(graph: CircuitGraph) -> Iterator[Flaw]:
    names = ("model_accuracy", "model_accuracy_low", "chance")
    accuracy, low, chance = (graph.metrics.get(name) for name in names)
    if accuracy is None or low is None or chance is None:
        return
    shares = f"(accuracy {accuracy:.0%}, chance {chance:.0%})"
    if (few := too_few_to_tell(accuracy, low, chance)) is not None:
        yield Flaw(f"TOO FEW PROMPTS {shares}", few)
    if (text := why_unsolved(accuracy, low, chance)) is not None:
        yield Flaw(f"TASK NOT SOLVED {shares}", text)


def _of_faithfulness(graph: CircuitGraph) -> Iterator[Flaw]:
    share, least = graph.faithfulness, graph.metrics.get("least_faithfulness")
    if share is None or least is None:
        return
    low, high, fitted = (graph.metrics.get(f"faithfulness_{name}") for name in ("low", "high", "on_choosing"))
    is_sure = low is None or high is None or fitted is None or not may_fall_short(fitted, high, least)
    if share < least and not is_sure:
        ends = f"{share:z.2f} [{low:z.2f}, {high:z.2f}]"
        yield Flaw(
            f"MAY FALL SHORT ({ends})",
            f"the circuit may fall short of the {least:z.2f} asked for: it keeps {ends} of the behavior.",
        )
    elif share < least:
        ends = "" if low is None or high is None else f" [{low:z.2f}, {high:z.2f}]"
        edges = graph.metrics.get("edges_that_would_do")
        would_do = "" if edges is None else f"{edges:,.0f} edges would do"
        yield Flaw(
            f"NOT FAITHFUL ({share:z.2f}{would_do and f'; {would_do}'})",
            f"the circuit is not faithful: it keeps {share:z.2f}{ends} of the behavior, less than the {least:z.2f} "
            f"asked for{would_do and f' ({would_do})'}. What is said of it is not said of the model.",
        )
    elif share > 2 - least:
        yield Flaw(
            f"BEYOND THE MODEL ({share:z.2f})",
            f"the circuit goes beyond the model: it keeps {share:z.2f} of the behavior, because edges are missing that "
            "work against it.",
        )


def _of_size(graph: CircuitGraph) -> Iterator[Flaw]:
    share = graph.n_edges / graph.of_edges
    if not graph.wiring.joins_heads and share > MOST_OF_THE_MODEL:
        yield Flaw(
            f"MOST OF THE MODEL ({share:.0%} of its edges)",
            f"the circuit holds {share:.0%} of the model's edges: it is most of the model, and explains little.",
        )
