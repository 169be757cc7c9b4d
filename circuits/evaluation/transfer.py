"""Transfer: what a circuit of one task does on the prompts of another, and which of its parts do it.

X[a, b] is the faithfulness of run a's circuit on run b's judging prompts, under b's metric and ablation: everything
outside the circuit carries the values of b's corrupted prompts. Overlap of two circuits does not predict it: parts that
both have may be what every circuit has, and other parts may do the same work.

Beside it stand, on the same prompts,

    random   as many edges, drawn one by one and pruned (`random_circuits`): nearly always 0
    matched  the circuit with its heads renamed within layers (`matched_circuits`): what its shape alone does
    own      b's own circuit, which other prompts chose: what a circuit of b can be expected to reach
    sized    a's circuit at the size of the largest one, where its rule has a size
    half     b's own circuit at half its size, likewise: where that does as well, the circuit is larger than it must be

Faithfulness is of the metric. How often a circuit answers right is measured too: it may bring back most of a logit
difference and still leave the wrong answer ahead, or the other way round.

Matched circuits that have most of their parts in common with the circuit itself, because it fills the layers it uses,
say nothing, and are left out. Then come circuits made of both: union, shared part, what only one has, the whole model
without the shared part, and without its parts at heads, as it is and renamed. What has no head stays in these two:
renaming does not change it, and where it is all that leads from the input on, nothing is left without it on any heads.
Transfer is normalized as T = (X - matched) / (own - matched). A task's own circuit may go beyond the model, where parts
that work against the task are left out of it. To do what the model does is all that can be asked of another circuit: it
is then held against the whole model (`OnTask.standard`).

Sources: Hanna et al. 2025 (cross-task faithfulness), Mondorf et al. 2024 (set circuits), Lan et al. 2024 (dropping the
shared part against dropping random parts); intervals, the matched circuits and the normalization are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Wiring
from circuits.evaluation.faithfulness import SMALLEST_GAP, Baseline, Faithfulness, faithfulness
from circuits.evaluation.matched_circuits import at_heads, likeness, matched_circuits
from circuits.intervals import Estimate, Share, ratio_difference_interval, ratio_t_interval

Sort = Literal[
    "empty",
    "own",
    "sized",
    "half",
    "random",
    "matched",
    "union",
    "shared",
    "only",
    "without_shared",
    "without_heads",
    "without_matched",
    "core",
]
DRAWN: tuple[Sort, ...] = ("random", "matched", "without_matched")
EMPTY: tuple[Sort, tuple[int, ...]] = ("empty", ())


# Intersection over union with the circuit itself, above which circuits on other heads are not others.
MOST_LIKE = 0.5


class Member(NamedTuple):
    """A circuit to run, by what it is made of.

    sort    see the module; `only`: parts of the first of `of` that the second lacks; `core`: in at least `number` runs;
            `empty`: none
    of      numbers of the runs whose circuits it is made of
    number  of a draw, or of runs
    """

    sort: Sort
    of: tuple[int, ...]
    number: int = 0


class Candidates(NamedTuple):
    """The circuits of several runs as masks over the same parts, edges or components.

    own      [run, part]
    sized    run -> [part] of the common size, where its rule has a size
    half     run -> [part] of half its own size, likewise
    random   [run, draw, part]
    matched  run -> [draw, part]; empty where these are too much like the circuit (`MOST_LIKE`)
    """

    own: Bools
    sized: Mapping[int, Bools]
    half: Mapping[int, Bools]
    random: Bools
    matched: Sequence[Bools]


def members_on(wiring: Wiring, target: int, candidates: Candidates, *, seed: int = 0) -> dict[Member, Bools]:
    """Every circuit to run on the prompts of run `target`, as masks [part].

    With n runs and r draws: the empty one, n own, at most n sized, half the task's own, 2 n r drawn; for each other run
    5 made of both, 1 without the parts of the shared one at heads and r without these renamed; and n - 1 cores of
    three runs or more.
    """
    own, n_draws = candidates.own, candidates.random.shape[1]
    members = {Member(*EMPTY): np.zeros(own.shape[1], dtype=np.bool_)}
    for run, circuit in enumerate(own):
        members[Member("own", (run,))] = circuit
        if run in candidates.sized:
            members[Member("sized", (run,))] = candidates.sized[run]
        if run == target and run in candidates.half:
            members[Member("half", (run,))] = candidates.half[run]
        for sort in ("random", "matched"):
            drawn = getattr(candidates, sort)[run]
            members |= {Member(sort, (run,), number): mask for number, mask in enumerate(drawn)}
    for other, circuit in enumerate(own):
        if other == target:
            continue
        pair, mine = (other, target), own[target]
        shared = circuit & mine
        members[Member("union", pair)] = circuit | mine
        members[Member("shared", pair)] = shared
        members[Member("only", pair)] = circuit & ~mine
        members[Member("only", pair[::-1])] = mine & ~circuit
        members[Member("without_shared", pair)] = ~shared
        movable = shared & at_heads(wiring, len(shared))
        renamed = matched_circuits(wiring, movable, n=n_draws, seed=seed)
        if likeness(movable, renamed) > MOST_LIKE:
            continue
        members[Member("without_heads", pair)] = ~movable
        members |= {Member("without_matched", pair, number): ~mask for number, mask in enumerate(renamed)}
    if len(own) > 2:
        everywhere = tuple(range(len(own)))
        for least in range(2, len(own) + 1):
            members[Member("core", everywhere, least)] = own.sum(axis=0) >= least
    return members


@dataclass(frozen=True)
class OnTask:
    """The circuits that were run on the prompts of one task.

    target    number of the run whose prompts, metric and ablation these are
    baseline  the metric without intervention
    values    circuit -> metric [prompt]
    correct   circuit -> whether it answers right [prompt]; of those that are not drawn, where the model gives tokens
    share     how much of the model the task's own circuit holds, from 0 to 1; None where that says nothing
    """

    target: int
    baseline: Baseline
    values: Mapping[Member, Floats]
    correct: Mapping[Member, Bools] = field(default_factory=dict)
    share: float | None = None

    def faithfulness(self, member: Member) -> Faithfulness:
        """X of a circuit, with its interval over prompts; None where clean and corrupt do not differ."""
        return faithfulness(self.values[member], self.baseline)

    def accuracy(self, member: Member) -> Share | None:
        """How often a circuit answers right."""
        is_correct = self.correct.get(member)
        return None if is_correct is None else Share(int(is_correct.sum()), len(is_correct))

    def accuracy_retention(self, member: Member) -> Estimate | None:
        """How much of what the task's own circuit adds to the accuracy of the empty one a circuit adds."""
        if not self.correct:
            return None
        empty = self.correct[Member(*EMPTY)].astype(float)
        return _ratio(self.correct[member] - empty, self.correct[Member("own", (self.target,))] - empty)

    def retention(self, member: Member) -> Estimate | None:
        """How much of what the task's own circuit does a circuit does: X of the circuit over X of the own one, or over
        1 where that goes beyond the model."""
        return self._retained(self.values[member])

    @property
    def goes_beyond(self) -> bool:
        """Whether the task's own circuit goes beyond the model."""
        kept = self.faithfulness(Member("own", (self.target,))).mean
        return kept is not None and kept > 1

    @property
    def standard(self) -> Floats:
        """[prompt] the metric that circuits are held against: that of the task's own circuit, or of the whole model
        where that circuit goes beyond it."""
        return self.baseline.clean if self.goes_beyond else self.values[Member("own", (self.target,))]

    def _retained(self, values: Floats) -> Estimate | None:
        return _ratio(values - self.baseline.ablated, self.standard - self.baseline.ablated)

    @property
    def half(self) -> Estimate | None:
        """`retention` of half of the own circuit's edges; None where its rule has no size."""
        half = Member("half", (self.target,))
        return self.retention(half) if half in self.values else None

    @property
    def at_random(self) -> Estimate | None:
        """`retention` of random circuits of the own one's size, on average; None without any."""
        drawn = self.draws("random", (self.target,))
        return self._retained(drawn.mean(axis=0)) if len(drawn) else None

    def necessity(self, other: int) -> Estimate | None:
        """1 - X of the whole model without what the circuit of run `other` shares with the task's own."""
        lost = self.baseline.clean - self.values[Member("without_shared", (other, self.target))]
        return _ratio(lost, self._gaps)

    def necessity_at_heads(self, other: int) -> Estimate | None:
        """1 - X of the whole model without the parts at heads of what both have; None where no others are like them."""
        without = Member("without_heads", (other, self.target))
        return _ratio(self.baseline.clean - self.values[without], self._gaps) if without in self.values else None

    def necessity_beyond_matched(self, other: int) -> Estimate | None:
        """`necessity_at_heads` minus the mean of what the model loses without as much on other heads."""
        drawn = self.draws("without_matched", (other, self.target))
        if not len(drawn):
            return None
        return _ratio(drawn.mean(axis=0) - self.values[Member("without_heads", (other, self.target))], self._gaps)

    def without_matched(self, other: int) -> Estimate | None:
        """Mean X of the whole model without as much as both have at heads, on other heads."""
        drawn = self.draws("without_matched", (other, self.target))
        return _ratio(drawn.mean(axis=0) - self.baseline.ablated, self._gaps) if len(drawn) else None

    def draws(self, sort: Sort, of: tuple[int, ...]) -> Floats:
        """[draw, prompt] the metric of the circuits drawn."""
        n_draws = sum(member.sort == sort and member.of == of for member in self.values)
        rows = [self.values[Member(sort, of, number)] for number in range(n_draws)]
        return np.stack(rows) if rows else np.empty((0, len(self.baseline.clean)))

    def beyond(self, sort: Sort, run: int) -> Estimate | None:
        """X of a run's circuit minus the mean X of its draws."""
        drawn = self.draws(sort, (run,))
        if not len(drawn):
            return None
        return _ratio(self.values[Member("own", (run,))] - drawn.mean(axis=0), self._gaps)

    def p_value(self, sort: Sort, run: int) -> float | None:
        """How often a draw does at least as well as the run's circuit, itself counted as one draw."""
        drawn = self.draws(sort, (run,))
        if not len(drawn) or not self.baseline.has_gap:
            return None
        sign = np.sign(self.baseline.gap)
        reached = sign * drawn.mean(axis=1) >= sign * self.values[Member("own", (run,))].mean()
        return (1 + int(reached.sum())) / (1 + len(drawn))

    def normalized(self, run: int) -> Estimate | None:
        """T of a run's circuit: 0 where its shape alone does as well, 1 where it does as well as the `standard`.

        None where it was not drawn, and where its matched circuits do as well as that.
        """
        drawn = self.draws("matched", (run,))
        if not len(drawn):
            return None
        floor = drawn.mean(axis=0)
        whole = self.standard - floor
        smallest = SMALLEST_GAP * float(np.abs(self._gaps).mean())
        return _ratio(self.values[Member("own", (run,))] - floor, whole) if abs(whole.mean()) > smallest else None

    @property
    def _gaps(self) -> Floats:
        return self.baseline.clean - self.baseline.ablated


def asymmetry(one: OnTask, other: OnTask) -> Estimate | None:
    """X[one's circuit on other's prompts] - X[other's circuit on one's prompts], of independent sets of prompts."""
    if not (one.baseline.has_gap and other.baseline.has_gap):
        return None
    there = other.values[Member("own", (one.target,))] - other.baseline.ablated
    back = one.values[Member("own", (other.target,))] - one.baseline.ablated
    gaps = (other.baseline.clean - other.baseline.ablated, one.baseline.clean - one.baseline.ablated)
    value = float(there.mean() / gaps[0].mean() - back.mean() / gaps[1].mean())
    interval = ratio_difference_interval((there, gaps[0]), (back, gaps[1]), is_paired=False)
    return Estimate(value, interval.item())


def _ratio(numerator: Floats, denominator: Floats) -> Estimate | None:
    """Ratio of means over prompts with its t interval; None of nothing."""
    whole = float(denominator.mean())
    if abs(whole) <= SMALLEST_GAP * float(np.abs(denominator).max(initial=0.0)) or whole == 0:
        return None
    return Estimate(float(numerator.mean()) / whole, ratio_t_interval(numerator, denominator).item())
