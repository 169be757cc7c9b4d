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
    description = run.graph.selection
    if "n" not in description:
        return None
    whole = run.graph.metrics.get("faithfulness_on_choosing")
    for ranking, value, interval in _tried(run, len(names)):
        ranked = {"absolute": ranking == "absolute"} if "absolute" in description else {}
        tried = selection_from({**description, "n": len(names), **ranked}).choose(run.scores)
        if frozenset(map(str, tried.edges)) == names:
            low, high = interval or (None, None)
            return PartFaithfulness(value, low, high, whole, _PROMPTS)
    return None


def _tried(run: DiscoverRun, size: int) -> Iterator[tuple[str, float, list[float] | None]]:
    """Rankings by which this many edges were tried, with the faithfulness of those and its interval."""
    for choice in run.summary["choice"]["choices"]:
        for search in choice["searches"]:
            if search["of"] == "edges":
                for (n, value), interval in zip(search["tried"], search["intervals"], strict=True):
                    if n == size and value is not None:
                        yield choice["ranking"], value, interval
