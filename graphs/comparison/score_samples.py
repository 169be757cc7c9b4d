"""Scores of the parts of one circuit's model as samples over prompts, and how those of two circuits differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.intervals import Interval, t_interval, welch_interval
from circuits.scores import ALL_POSITIONS, ComponentScores, EdgeScores, Provenance
from graphs.circuit_graph import CircuitGraph
from graphs.selection import means_at


class ScoreSample(NamedTuple):
    """What parts of one circuit's model score.

    values        [prompt or trial, part] in `units`
    is_measured   [part]
    is_of_trials  whether the rows are random trials
    units         the metric, or `gap`; None where the gap is not known, or 0
    """

    values: Floats
    is_measured: Bools
    provenance: Provenance
    is_of_trials: bool
    units: str | None

    def of(self, numbers: Numbers) -> ScoreSample:
        """Some of the parts; -1 for one that was not scored."""
        is_measured = np.asarray((numbers >= 0) & self.is_measured[numbers])
        return self._replace(values=self.values[:, numbers], is_measured=is_measured)

    def in_units_of(self, graph: CircuitGraph, *, of_gap: bool) -> ScoreSample:
        """As shares of the gap that the circuit's metrics hold, if so asked."""
        if not of_gap:
            return self
        gap = graph.metrics.get("clean", 0.0) - graph.metrics.get("corrupt", 0.0)
        if gap == 0 or not {"clean", "corrupt"} <= set(graph.metrics):
            return self._replace(units=None)
        return self._replace(values=self.values / gap, units="gap")


def edge_sample(scores: EdgeScores) -> ScoreSample:
    """Of all edges."""
    rows = scores.per_prompt if scores.trials is None else scores.trials
    return ScoreSample(rows, scores.measured, scores.provenance, scores.trials is not None, scores.provenance.metric)


def has_one_position(graph: CircuitGraph, scores: ComponentScores) -> bool:
    """Whether it is known at which position a component's score is the one that counts."""
    is_chosen = graph.selection.get("position") is not None
    return is_chosen or len(scores.positions) == 1 or ALL_POSITIONS in scores.positions


def node_sample(graph: CircuitGraph, scores: ComponentScores) -> ScoreSample:
    """Of the position that the circuit was chosen at; components that some prompts lack are not compared."""
    at = scores.at(means_at(scores, graph.selection.get("position")).position)
    rows = at.per_prompt if at.trials is None else at.trials
    is_measured = np.asarray(at.measured.all(axis=0))[0]
    return ScoreSample(rows[:, 0], is_measured, at.provenance, at.trials is not None, at.provenance.metric)


def not_comparable(a: ScoreSample, b: ScoreSample) -> str | None:
    """Why it cannot be told how far scores of two circuits differ; None where it can. Their order may be alike all the
    same (`graphs.comparison.measures`)."""
    if None in (a.units, b.units):
        return "the gap between clean and corrupt prompts that they are shares of is not known, or 0"
    methods = a.provenance.method, b.provenance.method
    for what, values in (("metric", (a.units, b.units)), ("method", methods)):
        if values[0] != values[1]:
            return f"they were scored by another {what} ({values[0]}, {values[1]}), on no common scale"
    if min(len(a.values), len(b.values)) < 2:
        return "one prompt says nothing about how far off a score is"
    return None


def differences(a: ScoreSample, b: ScoreSample, both: Numbers, level: float) -> tuple[Floats, Floats, Interval[Floats]]:
    """Of the parts `both`: mean scores in a and in b, and the interval of the second minus the first."""
    before, after = (sample.values[:, both].astype(np.float64) for sample in (a, b))
    of_same_prompts = a.provenance.prompts_fingerprint == b.provenance.prompts_fingerprint
    is_paired = of_same_prompts and len(before) == len(after) and not (a.is_of_trials or b.is_of_trials)
    interval = t_interval(after - before, level=level) if is_paired else welch_interval(after, before, level=level)
    return before.mean(axis=0), after.mean(axis=0), interval
