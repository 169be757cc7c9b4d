"""How faithful parts of a run's circuit are: the sizes that its search tried are smaller circuits of the same rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from circuits.evaluation.sizes import SizeSearch
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
    # Rules that choose components take the edges among them apart.
    counts_edges = "n_edges" if "n_edges" in description else "n"
    if counts_edges not in description:
        return
    whole = run.circuit.metrics.get("faithfulness_on_choosing")
    for choice in run.summary["choice"]["choices"]:
        searches = {search["of"]: search for search in choice["searches"]}
        ranked = {"absolute": choice["ranking"] == "absolute"} if "absolute" in description else {}
        among = {"n": _size_of(run, searches["components"])} if "components" in searches else {}
        for n, value, interval in _tried(searches.get("edges"), least, most):
            rule = selection_from({**description, **ranked, **among, counts_edges: n})
            low, high = interval or (None, None)
            names = frozenset(map(str, rule.choose(run.scores, run.node_scores).edges))
            yield names, PartFaithfulness(value, low, high, whole, _PROMPTS)


def _size_of(run: DiscoverRun, search: Mapping[str, Any]) -> int:
    """The size that a search took."""
    return SizeSearch(1 - run.config.tolerance, search["size"], dict(search["tried"])).best


def _tried(search: Mapping[str, Any] | None, least: int, most: int) -> Iterator[tuple[int, float, list[float] | None]]:
    """Numbers of edges that were tried, with the faithfulness of so many and its interval."""
    if search is not None:
        for (n, value), interval in zip(search["tried"], search["intervals"], strict=True):
            if least <= n <= most and value is not None:
                yield n, value, interval
