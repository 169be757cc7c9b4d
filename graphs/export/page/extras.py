"""What a page shows beside a circuit, where it was measured. Nothing here is made up: what is None is said to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from circuits.scores import EdgeScores
from graphs.figures.layered.settings import DrawingSettings
from graphs.recovery_table import TraceTable


class MeasuredPart(NamedTuple):
    """Edges that were run alone, and how faithful they were.

    edges      names of all of them
    low, high  None where the interval is unbounded
    prompts    which prompts these are, in words
    """

    edges: frozenset[str]
    value: float
    low: float | None
    high: float | None
    prompts: str


class CurvePoint(NamedTuple):
    """Faithfulness of one size, in edges."""

    n: int
    value: float
    low: float | None
    high: float | None


class Curve(NamedTuple):
    """Faithfulness over size: `title` says what was ranked and on which prompts."""

    title: str
    points: tuple[CurvePoint, ...]


class Reading(NamedTuple):
    """A number that was read off a head, such as its direct logit attribution; None without an interval."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    prompts: int


class Pattern(NamedTuple):
    """What a head gives on one prompt from the token `row` to those up to it: `weights` over the first of `tokens`."""

    tokens: tuple[str, ...]
    weights: tuple[float, ...]
    row: int
    prompt: int


class HeadCode(NamedTuple):
    """A code of a head: on how many positives and negatives it is active, of so many of each."""

    code: int
    positives: int
    negatives: int
    of_positives: int
    of_negatives: int


class ShownPrompt(NamedTuple):
    """A prompt as the model sees it: tokens of both sides, positions of its roles, and its answers as tokens."""

    label: str
    clean: tuple[str, ...]
    corrupt: tuple[str, ...] | None
    roles: Mapping[str, tuple[int, ...]]
    answers: tuple[str, ...]
    wrong_answers: tuple[str, ...]


@dataclass(frozen=True)
class CircuitExtras:
    """What is known beside one circuit.

    label       what the page calls it; None: as figures do
    scores      of every prompt, whose effects are shown by edge
    measured    parts of the circuit that were run alone
    curves      faithfulness over size
    prompts     on which it was scored, in the order of the scores; () where they are not kept
    readings    head -> what was read off it
    patterns    head -> where it attends, on every prompt of which that is kept
    codes       head -> its codes that speak most for positives
    trace       recovery rates, of a causal trace
    unmeasured  what of these was not measured, and the command that would
    """

    label: str | None = None
    scores: EdgeScores | None = None
    measured: tuple[MeasuredPart, ...] = ()
    curves: tuple[Curve, ...] = ()
    prompts: tuple[ShownPrompt, ...] = ()
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    patterns: Mapping[str, tuple[Pattern, ...]] = field(default_factory=dict)
    codes: Mapping[str, tuple[HeadCode, ...]] = field(default_factory=dict)
    trace: tuple[TraceTable, ...] = ()
    unmeasured: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PageExtras:
    """What is known beside what a page shows.

    circuits   beside each of its circuits, in their order; () where nothing is
    reference  what commands call it, such as the name of a run; None where that is not known
    beside     what commands call the runs of several circuits, to draw these side by side; () where that is not known
    roles_in   what commands call the folders in which roles of its heads are, where it has these from there
    command    what makes it again
    settings   what it shows at first
    facts      further facts, by name, for the page's last section
    """

    circuits: Sequence[CircuitExtras] = ()
    reference: str | None = None
    command: str | None = None
    settings: DrawingSettings = field(default_factory=DrawingSettings)
    beside: Sequence[str] = ()
    roles_in: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
