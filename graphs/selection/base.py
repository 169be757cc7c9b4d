"""What all selection rules share: settings as fields, scores as arguments, the end that all come to, and checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Literal

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Component
from circuits.masks import pruned
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection.selected import Selected, left_out_of

_ROUNDING = 1e-6  # of float32 scores, relative
_NAMED = 5  # parts that a note names


@dataclass(frozen=True)
class Selection:
    """A rule that chooses the edges of a circuit. Subclasses are frozen dataclasses whose fields are their settings.

    The settings `n` (how many edges, or components) and `absolute` (rank by size, or by signed score) mean the same in
    every rule that has them: a run without a size tries several `n`.

    chooses       what it ranks: `edges`, or `components` first and then edges among the best of them
    can_resample  whether scores of resampled prompts, as one mean, are enough for it, and it takes milliseconds
    takes_long    whether a large model takes it seconds or more: no further sizes are tried then than have to be
    takes_many    whether `circuits_of` takes a few milliseconds each on a large model too
    combines      whether it needs scores of other methods: those that its setting `methods` names, for `choose_with`

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Ensemble, TopEdges
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> metric = METRICS["logit-difference"]
    >>> scores, others = (METHODS[name]().score(model, prompts, metric=metric) for name in ("eap", "relp"))
    >>> TopEdges(60).choose(scores).n_edges
    56
    >>> TopEdges(60).circuits_of(scores, scores.per_prompt[:2]).shape  # the circuits of two prompts
    (2, 479)
    >>> Ensemble(60, methods=("relp",)).choose_with([others], scores).n_edges
    60
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    chooses: ClassVar[Literal["edges", "components"]] = "edges"
    can_resample: ClassVar[bool] = True
    takes_long: ClassVar[bool] = False
    takes_many: ClassVar[bool] = False
    combines: ClassVar[bool] = False

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        """The edges to keep. Only rules that choose components use `node_scores`."""
        raise NotImplementedError

    def circuits_of(self, scores: EdgeScores, means: Floats) -> Bools:
        """[sample, edge] the circuits of several mean scores [sample, edge], such as those of resampled prompts.

        Each is that which `choose` keeps of the mean as the scores of a single prompt; only for rules that choose
        edges.
        """
        circuits = [self.choose(replace(scores, per_prompt=mean[None])).mask for mean in means]
        return np.stack(circuits) if circuits else np.zeros(means.shape, dtype=np.bool_)

    def choose_with(
        self, others: Sequence[EdgeScores], scores: EdgeScores, node_scores: ComponentScores | None = None
    ) -> Selected:
        """As `choose`, with the scores of other methods, which only a rule reads that `combines` some."""
        return self.choose(scores, node_scores)


def describe(selection: Selection) -> dict[str, Any]:
    """Name and settings of a selection as plain values; inverse of `selection_from`.

    >>> from graphs import Greedy, describe
    >>> describe(Greedy(100))
    {'name': 'greedy', 'n': 100, 'absolute': True}
    """
    return {"name": selection.name, **asdict(selection)}


def _in_words(selection: Selection) -> str:
    """Its name, and the settings that are not at their defaults."""
    defaults = {entry.name: entry.default for entry in fields(selection)}
    given = ", ".join(f"{name}={value}" for name, value in asdict(selection).items() if defaults[name] != value)
    return f"{selection.name} ({given})"


def keep(selection: Selection, scores: EdgeScores, chosen: Numbers) -> Selected:
    """The chosen edges, by number, without dead ends."""
    wiring = scores.wiring
    mask = np.zeros(wiring.n_edges, dtype=np.bool_)
    mask[chosen] = True
    numbers = np.flatnonzero(pruned(wiring, mask))
    strength = strength_of(scores.means, absolute=getattr(selection, "absolute", True))
    measured = strength[numbers[scores.measured[numbers]]]
    threshold = float(measured.min()) if len(measured) else None
    left_out = left_out_of(wiring, chosen, numbers)
    kept = Selected(wiring, numbers, threshold, describe(selection), _in_words(selection), int(mask.sum()), left_out)
    # Of an empty circuit `Selected.reason` says why.
    return replace(kept, size_note=_of_dead_ends(kept)) if kept.n_dropped and kept.n_edges else kept


def _of_dead_ends(kept: Selected) -> str:
    """That edges were dropped, and which parts that took: heads first."""
    parts = sorted(map(Component.parse, kept.left_out), key=lambda part: (not part.is_head, part.order))
    n, names = kept.n_dropped, [str(part) for part in parts[:_NAMED]]
    more = f" and {len(parts) - _NAMED} others" if len(parts) > _NAMED else ""
    gone = f"; with them went {', '.join(names)}{more}" if parts else ""
    lie = "lies" if n == 1 else "lie"
    return (
        f"{kept.n_chosen:,} edges were chosen, and the circuit has {kept.n_edges:,}: {n:,} {lie} on no path from the "
        f"embedding (input) to the logits within them{gone}. Rule grown gives connected circuits of any size (--edges)."
    )


def keep_circuit(selection: Selection, scores: EdgeScores, circuit: Bools, **about: Any) -> Selected:
    """A circuit [edge] that is connected.

    about  other fields of `Selected`
    """
    return replace(keep(selection, scores, np.flatnonzero(circuit)), **about)


def with_ties(
    strength: Floats, usable: Bools, circuit_of: Callable[[Numbers], Bools]
) -> tuple[Bools, Mapping[str, int]]:
    """The circuit [edge] that an order of edges leads to, and its `tied_out`.

    strength    [edge] the higher, the better; ties in wiring order
    usable      [edge] which edges may be used
    circuit_of  order -> circuit [edge]

    Ties matter where the circuit is another one with all ties the other way round: only then are they counted, those
    with the weakest edge that gives way.
    """
    groups, order = _tie_groups(strength, usable)
    circuit = circuit_of(order)
    left = usable & ~circuit
    cut_through = _in(groups, circuit & usable) & _in(groups, left)
    if not cut_through.any():
        return circuit, {}
    tied = np.flatnonzero((np.bincount(groups[order]) > 1)[groups[order]])
    other_order = order.copy()
    other_order[tied] = order[tied][np.lexsort((-order[tied], groups[order[tied]]))]
    gives_way = np.flatnonzero(cut_through & _in(groups, circuit & ~circuit_of(other_order) & usable))
    return circuit, {"edges": int(np.count_nonzero(left & (groups == gives_way[-1])))} if len(gives_way) else {}


def cut(selected: Selected, **tied: int) -> Selected:
    """The same, saying how many of what were tied with the weakest chosen one and not chosen."""
    return replace(selected, tied_out={**selected.tied_out, **{name: n for name, n in tied.items() if n}})


def n_tied_out(strength: Floats, n: int | None) -> int:
    """How many of `strength`, in falling order, equal the weakest of the first `n`, and are not among these."""
    if not n or n >= len(strength):
        return 0
    return int(is_tied(strength[n - 1], strength[n:]).sum())


def is_tied(weakest: float, others: Floats) -> Bools:
    """Whether scores differ by rounding at most, so that nothing but order puts one before the other."""
    return np.abs(others - weakest) <= _ROUNDING * abs(weakest)


def strength_of(means: Floats, *, absolute: bool) -> Floats:
    """By what a rule ranks: the size of mean scores, or the scores themselves."""
    return np.abs(means) if absolute else means


def require_count(name: str, value: int | None) -> None:
    """Raise a ValueError for a setting that is not a whole number of edges or components, 0 or more."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"{name}={value!r} is not a number of edges or components: give a whole number, 0 or more.")


def require_finite(name: str, value: float) -> None:
    """Raise a ValueError for a threshold that is not finite."""
    if not math.isfinite(value):
        raise ValueError(
            f"{name}={value!r} selects nothing or everything: give a finite number in units of the metric."
        )


def _tie_groups(strength: Floats, usable: Bools) -> tuple[Numbers, Numbers]:
    """[edge] the same number for edges whose strengths are tied, 0 for the strongest, -1 where it is not usable; and
    the usable edges, strongest first.
    """
    groups = np.full(len(strength), -1, dtype=np.int64)
    order = np.flatnonzero(usable)
    order = order[np.argsort(-strength[order], kind="stable")]
    if len(order):
        ranked = strength[order]
        drops = np.abs(np.diff(ranked)) > _ROUNDING * np.abs(ranked[:-1])
        groups[order] = np.concatenate([[0], np.cumsum(drops)])
    return groups, order


def _in(groups: Numbers, edges: Bools) -> Bools:
    """[group] whether any of the edges is in it."""
    there = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.bool_)
    there[groups[edges]] = True
    return there
