"""How faithful parts of a run's circuit are: the sizes that its search tried are smaller circuits of the same rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphs.figures.layered.shown import PartFaithfulness
from graphs.selection import selection_from

if TYPE_CHECKING:
    from pipelines.discover.run import DiscoverRun

_PROMPTS = "the prompts that chose"


def part_faithfulness(run: DiscoverRun, names: frozenset[str]) -> PartFaithfulness | None:
    """Faithfulness of the circuit that is exactly these edges; None where the run's search has not tried it."""
    return next((part for edges, part in tried_parts(run, len(names), len(names)) if edges == names), None)


def tried_parts(run: DiscoverRun, least: int, most: int) -> Iterator[tuple[frozenset[str], PartFaithfulness]]:
    """Circuits of so many edges that the run's search tried, by the names of their edges."""
    description = run.circuit.selection
    if "n" not in description:
        return
    whole = run.circuit.metrics.get("faithfulness_on_choosing")
    for ranking, n, value, interval in _tried(run, least, most):
        ranked = {"absolute": ranking == "absolute"} if "absolute" in description else {}
        tried = selection_from({**description, "n": n, **ranked}).choose(run.scores)
        low, high = interval or (None, None)
        yield frozenset(map(str, tried.edges)), PartFaithfulness(value, low, high, whole, _PROMPTS)


def _tried(run: DiscoverRun, least: int, most: int) -> Iterator[tuple[str, int, float, list[float] | None]]:
    """Rankings and numbers of edges that were tried, with the faithfulness of those and its interval."""
    for choice in run.summary["choice"]["choices"]:
        for search in choice["searches"]:
            if search["of"] == "edges":
                for (n, value), interval in zip(search["tried"], search["intervals"], strict=True):
                    if least <= n <= most and value is not None:
                        yield choice["ranking"], n, value, interval
