"""What two circuits share at one level, against chance and against what the same task shares with itself."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from circuits.intervals import Interval
from graphs.comparison.ceiling import ReuseIndex, reuse_index
from graphs.comparison.level import Level
from graphs.comparison.measures import measured
from graphs.comparison.membership import BELONGS, Belongs, Part, iou_interval, parts_of_either
from graphs.comparison.null import SIGNIFICANT
from graphs.comparison.nulls import Chance, chances
from graphs.comparison.nulls.beyond_common import in_all
from graphs.comparison.nulls.registry import SAMPLES
from graphs.comparison.redrawn import Redrawn


@dataclass(frozen=True)
class Overlap:
    """What two circuits share at a level.

    shared          names in both, in wiring order
    n_a, n_b        how many each circuit has
    expected        mean number shared under the null that keeps how many each has in every layer (of edges, between
                    every two layers through every port)
    expected_iou    mean intersection over union under that null; None if both circuits are empty
    p_value         probability under it of sharing at least as many; None for edges that are in a circuit only because
                    the components at their ends are: they were not chosen one by one, as the null assumes
    least_p_value   what it would be if they shared all they can: where that is large, the null cannot tell
    common          of what is shared, what the circuits of all other runs have too; None where only two are given
    interval        of the intersection over union, over prompts (`graphs.comparison.membership`)
    measures        name -> value, of `graphs.comparison.measures`
    scores_are      what the scores are that the measures read, on each side; None without scores
    chances         what every null says (`graphs.comparison.nulls`)
    index           the reuse index and what it rests on; None where no halves of prompts were drawn
    parts           each part of either circuit, and to which it belongs; of edges only where prompts were drawn again
    """

    shared: tuple[str, ...]
    n_a: int
    n_b: int
    expected: float
    expected_iou: float | None
    p_value: float | None
    least_p_value: float = 0.0
    common: tuple[str, ...] | None = None
    interval: Interval[float] | None = None
    measures: Mapping[str, float | None] = field(default_factory=dict)
    scores_are: tuple[str, str] | None = None
    chances: tuple[Chance, ...] = ()
    index: ReuseIndex | None = None
    parts: tuple[Part, ...] = ()

    @property
    def can_tell(self) -> bool:
        """Whether any overlap of circuits of these sizes would be beyond chance."""
        return self.least_p_value < SIGNIFICANT

    @property
    def n_shared(self) -> int:
        return len(self.shared)

    @property
    def n_either(self) -> int:
        return self.n_a + self.n_b - self.n_shared

    @property
    def iou(self) -> float | None:
        """Intersection over union; None if both circuits are empty."""
        return _ratio(self.n_shared, self.n_either)

    @property
    def of_a(self) -> float | None:
        """Fraction of a's that b has too; None if a has none."""
        return _ratio(self.n_shared, self.n_a)

    @property
    def of_b(self) -> float | None:
        """Fraction of b's that a has too; None if b has none."""
        return _ratio(self.n_shared, self.n_b)

    def belonging(self, to: Belongs) -> tuple[str, ...]:
        """The names of parts that belong to both circuits, to one alone, or of which the prompts leave it open."""
        return tuple(part.name for part in self.parts if part.belongs == to)

    def chance(self, null: str, measure: str = "iou") -> Chance | None:
        """What a null says about a measure; None where it says nothing."""
        return next((each for each in self.chances if (each.null, each.measure) == (null, measure)), None)

    def summary(self) -> dict[str, Any]:
        """The results as plain values, ready for JSON; parts as counts."""
        index = self.index
        return {
            "n_a": self.n_a,
            "n_b": self.n_b,
            "n_shared": self.n_shared,
            "iou": self.iou,
            "interval": None if self.interval is None else list(self.interval),
            "measures": dict(self.measures),
            "scores_are": None if self.scores_are is None else list(self.scores_are),
            "chances": [
                {
                    "null": chance.null,
                    "measure": chance.measure,
                    "value": chance.value,
                    "expected": chance.expected,
                    "p_value": chance.p_value,
                    "can_tell": chance.can_tell,
                    "n_samples": chance.n_samples,
                }
                for chance in self.chances
            ],
            "n_common": None if self.common is None else len(self.common),
            "reuse_index": None
            if index is None
            else {
                "value": index.value,
                "interval": None if index.interval is None else list(index.interval),
                "within_a": index.within_a,
                "within_b": index.within_b,
                "between": index.between,
                "chance": index.chance,
                "n_prompts": index.n_prompts,
                "n_splits": index.n_splits,
            },
            "belongs": {to: len(self.belonging(to)) for to in BELONGS},
        }


def overlap_at(
    level: Level,
    redrawn: tuple[Redrawn | None, Redrawn | None] = (None, None),
    *,
    chooses: bool = True,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Overlap:
    """What two circuits share at a level.

    redrawn  the circuits of both runs on other draws of their prompts
    chooses  whether the parts were chosen one by one; else no null assumes the right thing of them
    samples  of nulls that are drawn
    """
    null, common = level.by_chance, in_all(level)
    has_prompts = all(side is not None for side in redrawn) and level.name in ("heads", "nodes", "edges")
    known = redrawn if has_prompts else (None, None)
    index = None
    if known[0] is not None and known[1] is not None:
        index = reuse_index(known[0], known[1], level.name, level.strata, interval=confidence)
    return Overlap(
        shared=level.names(level.in_a & level.in_b),
        n_a=level.n_a,
        n_b=level.n_b,
        expected=null.mean,
        expected_iou=null.mean_iou(level.n_a, level.n_b),
        p_value=null.at_least(level.n_shared) if chooses else None,
        least_p_value=null.least_p_value,
        common=None if common is None else level.names(common),
        interval=iou_interval(level, known, confidence=confidence),
        measures=measured(level),
        scores_are=None if level.scores is None else level.scores.are,
        chances=chances(level, samples=samples, seed=seed) if chooses else (),
        index=index,
        parts=parts_of_either(level, known) if known[0] is not None or level.wiring is None else (),
    )


def overlap(a: Iterable[str], b: Iterable[str], *, stratum_of: Mapping[str, Hashable]) -> Overlap:
    """What two sets of names share, and how that compares with drawing each at random within strata.

    stratum_of  every name that could have been drawn -> its stratum (the layer, for heads)

    Both sets keep their number of names in each stratum. ValueError for a name without a stratum.

    >>> from graphs.comparison.overlap import overlap
    >>> numbers = {str(number): "all" for number in range(1, 101)}
    >>> found = overlap(map(str, range(1, 11)), map(str, range(6, 16)), stratum_of=numbers)
    >>> found.n_shared, found.iou, round(found.p_value, 6)
    (5, 0.3333333333333333, 0.000672)
    """
    names = list(stratum_of)
    sets = [set(a), set(b)]
    unknown = sorted((sets[0] | sets[1]) - stratum_of.keys())
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not among the {len(stratum_of)} names that could have been drawn.")
    numbers = {stratum: number for number, stratum in enumerate(dict.fromkeys(stratum_of.values()))}
    strata = np.array([numbers[stratum_of[name]] for name in names], dtype=np.int64)
    in_a, in_b = (np.array([name in given for name in names], dtype=np.bool_) for given in sets)
    return overlap_at(Level("names", in_a, in_b, strata, names.__getitem__))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
