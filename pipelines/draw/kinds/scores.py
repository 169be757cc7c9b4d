"""Scores of two runs against each other: of edges where both scored these, else of heads and MLPs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Component
from circuits.methods import METHODS
from graphs.circuit_graph import require_comparable
from graphs.comparison.measures.spearman import rank_correlation
from graphs.comparison.rank_correlation import correlation_interval
from graphs.figures.fit import Drawing, in_its_room
from graphs.figures.score_scatter import Correlation, ScoreScatter, draw_score_scatter
from graphs.selection import means_at
from pipelines.discover.run import DiscoverRun
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import circuit_runs, in_common, labels_of


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The parts that both runs scored."""
    runs = circuit_runs(subjects, store)
    if len(runs) < 2:
        raise ValueError(f"{subjects[0]} is given twice: give two runs, such as of two methods.")
    first, second = runs
    require_comparable(first.circuit, second.circuit)
    of_edges = all(_scores_edges(run) for run in runs)
    a, b = (_of_edges(run) if of_edges else _of_components(run) for run in runs)
    both = [name for name in a.place if name in b.place]
    if len(both) < 2:
        raise ValueError(f"{first.name} and {second.name} scored fewer than two parts in common.")
    at_a, at_b = ([part.place[name] for name in both] for part in (a, b))
    x, y = a.per_prompt[:, at_a], b.per_prompt[:, at_b]
    origins = [run.scores.provenance for run in runs]
    is_paired = len({origin.prompts_fingerprint for origin in origins}) == 1 and len(x) == len(y)
    interval = correlation_interval(x, y, is_paired=is_paired)
    means = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
    names = [f"{label}, {unit_of(run)}" for label, run in zip(labels_of(runs), runs, strict=True)]
    shown = ScoreScatter(
        tuple(both),
        *means,
        np.array([name in a.chosen for name in both]),
        np.array([name in b.chosen for name in both]),
        (names[0], names[1]),
        Correlation(rank_correlation(*means), None if interval is None else (interval.low, interval.high), len(both)),
        "edges" if of_edges else "heads and MLPs",
        in_common(runs),
        () if is_paired else ("The runs are of different prompts, which are drawn independently.",),
    )
    return in_its_room(draw_score_scatter, shown)


class _Scored(NamedTuple):
    """What a run scored.

    per_prompt  [prompt, part]
    place       name of a measured part -> its column
    chosen      names of the parts of the circuit
    """

    per_prompt: Floats
    place: dict[str, int]
    chosen: frozenset[str]


def unit_of(run: DiscoverRun) -> str:
    """The metric, or what scores are that are no effects on it, such as counted codes."""
    method, origin = METHODS.get(run.config.method), run.scores.provenance
    if run.node_scores is not None and (method is None or not method.in_metric_units):
        return str(run.node_scores.provenance.scores_are)
    return origin.metric


def _scores_edges(run: DiscoverRun) -> bool:
    """Whether the run's own method scored edges, and not components between which edges were scored by another one."""
    return run.scores.provenance.method == run.config.method


def _of_edges(run: DiscoverRun) -> _Scored:
    place = {str(run.scores.wiring.edges[number]): int(number) for number in np.flatnonzero(run.scores.measured)}
    return _Scored(run.scores.per_prompt, place, frozenset(item.name for item in run.circuit.edges))


def _of_components(run: DiscoverRun) -> _Scored:
    """Heads and MLPs by their own scores, else by the sums of their edges."""
    own = run.scores.node_scores() if _scores_edges(run) or run.node_scores is None else run.node_scores
    there = own.at(means_at(own, run.circuit.selection.get("position")).position)
    measured: Bools = np.asarray(there.measured[:, 0].all(axis=0))
    parts: Sequence[Component] = there.components
    place = {str(part): n for n, part in enumerate(parts) if part.is_node and measured[n]}
    return _Scored(there.per_prompt[:, 0], place, frozenset(node.name for node in run.circuit.nodes))


SCORES = FIGURES.register(FigureKind("scores", "scores of two methods against each other", "RUN RUN", 2, 2, read))
