"""What a selection kept of the edges it chose from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from circuits.arrays import Bools, Numbers
from circuits.cached import cached_property
from circuits.components import INPUT, LOGITS, Component, Edge, Wiring
from circuits.masks import endpoints


@dataclass(frozen=True, eq=False)
class Selected:
    """The edges that a selection kept.

    numbers    of those kept, in wiring order (`wiring.edges`)
    threshold  smallest |score| among them (smallest score, if the selection ranks by signed score); None if empty
    selection  name and settings of the selection, as `describe` gives them
    chosen_by  the same in words, with the settings that are not at their defaults
    n_chosen   how many edges were chosen before those on no path from `input` to `logits` were dropped
    left_out   component -> why it is not in the circuit, though its score or one of its edges was chosen
    tied_out   "edges" or "components" -> how many that were measured score the same as the weakest chosen one and were
               not chosen: the model's own order decided between them
    notes      what the circuit is beside what was asked for, in sentences: connections that were added, a bound
    size_note  why it has another number of edges than was asked for; None where it has not

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import TopEdges
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> selected = TopEdges(60).choose(METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"]))
    >>> selected.n_chosen, selected.n_edges, selected.n_dropped, int(selected.mask.sum()), len(selected.edges)
    (60, 56, 4, 56, 56)
    >>> selected.reason, selected.chosen_by
    (None, 'top-edges (n=60)')
    """

    wiring: Wiring
    numbers: Numbers
    threshold: float | None
    selection: Mapping[str, Any]
    chosen_by: str
    n_chosen: int
    left_out: Mapping[str, str]
    tied_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    size_note: str | None = None

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The edges kept."""
        return tuple(self.wiring.edges[number] for number in self.numbers)

    @property
    def n_edges(self) -> int:
        """How many edges were kept."""
        return len(self.numbers)

    @property
    def n_dropped(self) -> int:
        """How many chosen edges were dropped as dead ends."""
        return self.n_chosen - self.n_edges

    @cached_property
    def mask(self) -> Bools:
        """[edge] whether each possible edge is kept, in the order of `wiring.edges`."""
        kept = np.zeros(self.wiring.n_edges, dtype=np.bool_)
        kept[self.numbers] = True
        return kept

    @property
    def reason(self) -> str | None:
        """Why the circuit is empty; None when it is not."""
        if self.n_edges:
            return None
        if self.n_chosen == 0:
            return (
                f"{self.chosen_by} chose no edge, or none that it may use lies on a path from input to logits: ask "
                "for more, or measure more edges."
            )
        return (
            f"{self.chosen_by} chose {self.n_chosen} edge{'s' if self.n_chosen > 1 else ''}, but together they make no "
            "path from input to logits, and no measured edges do: measure more edges."
        )


def left_out_of(wiring: Wiring, chosen: ArrayLike, kept: ArrayLike) -> dict[str, str]:
    """Component -> why, for each at an end of a `chosen` edge that is at no end of those `kept`; edges by number."""
    source, target = endpoints(wiring)
    chosen, kept = np.sort(np.asarray(chosen, dtype=np.int64)), np.asarray(kept, dtype=np.int64)
    ends = _ends(wiring, source[chosen], target[chosen])
    present = set(_ends(wiring, source[kept], target[kept]))
    if not (absent := [component for component in ends if component not in present]):
        return {}
    reached = {INPUT}
    for number in chosen:
        edge = wiring.edges[number]
        if edge.source in reached:
            reached.update((edge.target, *wiring.writers_fed_by(edge.target)))
    return {
        str(component): "no chosen path leads "
        + ("from it to logits" if component in reached and component != LOGITS else "from input to it")
        for component in absent
    }


def _ends(wiring: Wiring, sources: Numbers, targets: Numbers) -> Iterator[Component]:
    """The components at the ends of edges, each once, by number of writers and readers."""
    found = [wiring.writers[number] for number in np.unique(sources)]
    found += [wiring.readers[number].component for number in np.unique(targets)]
    return iter(dict.fromkeys(found))
