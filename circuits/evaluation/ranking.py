"""How well scores rank the parts of a known circuit first: AUROC, precision and recall."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Component, Wiring
from circuits.evaluation.known_circuit import KnownCircuit, require_both, served
from circuits.intervals import Interval, bootstrap
from circuits.scores import ComponentScores, EdgeScores


class Auroc(NamedTuple):
    """Probability that a part of the known circuit is ranked before one outside it; 0.5 is chance.

    by_mean    ranked by |mean score| over prompts
    by_prompt  ranked by the largest |score| on any one prompt
    """

    by_mean: float
    by_prompt: float


class MeanAndSD(NamedTuple):
    """Mean and standard deviation over several random trials."""

    mean: float
    sd: float
    n: int


class Match(NamedTuple):
    """How the heads of a circuit agree with those of the known one.

    precision  share of the circuit's heads that are known ones; None without heads
    recall     share of the known heads that are in the circuit
    f1         harmonic mean of the two, 2 |both| / (|circuit| + |known|)
    best_f1    the highest that any threshold on |mean score| gives, over the heads that were measured
    """

    precision: float | None
    recall: float | None
    f1: float | None
    best_f1: float | None


def auroc(known: Bools, strength: Floats, *, what: str = "parts") -> float:
    """Area under the ROC curve of a ranking by `strength` [part] against a known circuit [part]."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(require_both(known, "the known circuit", what), strength))


def edge_auroc(scores: EdgeScores, known: KnownCircuit) -> Auroc:
    """How well edge scores rank the known edges first, over the edges that were measured."""
    truth = known.edge_mask(scores.wiring)[scores.measured]
    by_mean, by_prompt = np.abs(scores.means), np.abs(scores.per_prompt).max(axis=0)
    return Auroc(*(auroc(truth, by[scores.measured], what="measured edges") for by in (by_mean, by_prompt)))


def node_auroc(
    scores: ComponentScores | EdgeScores,
    known: KnownCircuit,
    *,
    position: str | None = None,
    kinds: tuple[str, ...] = ("head", "mlp"),
) -> Auroc:
    """How well scores rank the known heads and MLPs first, over those that were measured and the circuit judges.

    position  where component scores are read; None is their first position
    kinds     ("head",): heads alone
    Edge scores rank a component by the largest |score| of the edges into and out of it.
    """
    truth, strengths = _judged(scores, known, position, kinds)
    return Auroc(*(auroc(truth, strength, what="measured components") for strength in strengths))


def trial_aurocs(
    scores: ComponentScores | EdgeScores,
    known: KnownCircuit,
    *,
    position: str | None = None,
    kinds: tuple[str, ...] = ("head", "mlp"),
) -> MeanAndSD | None:
    """The AUROC by mean of each random trial; None for scores in which nothing is drawn."""
    if scores.trials is None:
        return None
    aurocs = []
    for trial in scores.trials:
        if isinstance(scores, EdgeScores):
            alone: ComponentScores | EdgeScores = replace(scores, per_prompt=trial[None], trials=None)
        else:
            measured = np.asarray(scores.measured.any(axis=0))[None]
            alone = replace(scores, per_prompt=trial[None], measured=measured, trials=None)
        aurocs.append(node_auroc(alone, known, position=position, kinds=kinds).by_mean)
    return MeanAndSD(float(np.mean(aurocs)), float(np.std(aurocs)), len(aurocs))


def bootstrap_auroc(
    scores: ComponentScores | EdgeScores,
    known: KnownCircuit,
    *,
    position: str | None = None,
    kinds: tuple[str, ...] = ("head", "mlp"),
    level: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> Interval[float]:
    """Percentile bootstrap interval of the AUROC by mean: how far other prompts of the same kind would move it.

    Prompts are drawn with replacement and every resample is ranked anew; at a position that only some prompts have,
    those are drawn. No model is run. Cost: a product [resample, prompt] x [prompt, part], and a sort of the components
    for each resample; seconds for the edges of GPT-2 small. Says nothing about scores that all prompts share, or that
    differ from one random trial to the next (`trial_aurocs`); unbounded for one prompt.
    """
    if isinstance(scores, EdgeScores):
        n_prompts = scores.n_prompts

        def strengths_of(counts: Floats) -> Floats:
            return _from_edges(scores, lambda edges: np.abs(counts @ scores.per_prompt[:, edges]))
    else:
        there = scores if position is None else scores.at(position)
        has_position = there.measured[:, 0].any(axis=1)
        values, measured = there.per_prompt[has_position, 0], there.measured[has_position, 0]
        n_prompts = len(values)

        def strengths_of(counts: Floats) -> Floats:
            # A component that no drawn prompt has measured stays at 0.
            n_measured = np.maximum(counts @ measured, 1)
            return _at_writers(there, np.abs(counts @ np.where(measured, values, 0)) / n_measured)

    def aurocs(counts: Floats) -> Floats:
        strengths = strengths_of(counts)
        judged = _is_judged(scores.wiring, known, kinds) & ~np.isnan(strengths[0])
        truth = require_both(known.node_mask(scores.wiring)[judged], "the known circuit", "measured components")
        return _aurocs(truth, strengths[:, judged])

    return bootstrap(aurocs, n_prompts, level=level, resamples=resamples, seed=seed).item()


def judges(
    scores: ComponentScores | EdgeScores, known: KnownCircuit, kind: str, *, position: str | None = None
) -> bool:
    """Whether any component of a kind (`head`, `mlp`) is measured, and is one that the known circuit judges."""
    return bool(_judged(scores, known, position, (kind,))[0].size)


def match_heads(
    circuit: Iterable[Component],
    scores: ComponentScores | EdgeScores,
    known: KnownCircuit,
    *,
    position: str | None = None,
) -> Match:
    """Precision, recall and F1 of the heads of a circuit, and the best F1 that a threshold on its scores gives."""
    from sklearn.metrics import precision_recall_curve

    in_circuit = {component for component in circuit if component.is_head}
    wanted = {component for component in known.nodes if component.is_head}
    both = len(in_circuit & wanted)
    truth, (by_mean, _) = _judged(scores, known, position, ("head",))
    best = None
    if truth.any():
        precision, recall, _ = precision_recall_curve(truth, by_mean)
        best = float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
    return Match(
        both / len(in_circuit) if in_circuit else None,
        both / len(wanted) if wanted else None,
        2 * both / (len(in_circuit) + len(wanted)) if in_circuit or wanted else None,
        best,
    )


def _judged(
    scores: ComponentScores | EdgeScores, known: KnownCircuit, position: str | None, kinds: tuple[str, ...]
) -> tuple[Bools, Floats]:
    """[part] whether each judged component is a known one, and its strength [2, part] by mean and by prompt."""
    if isinstance(scores, EdgeScores):
        means = np.abs(scores.means)
        strengths = _from_edges(
            scores, lambda edges: np.stack([means[edges], np.abs(scores.per_prompt[:, edges]).max(axis=0)])
        )
    else:
        there = scores if position is None else scores.at(position)
        strengths = _at_writers(there, np.stack([np.abs(there.means[0]), np.abs(there.per_prompt[:, 0]).max(axis=0)]))
    judged = _is_judged(scores.wiring, known, kinds) & ~np.isnan(strengths[0])
    return known.node_mask(scores.wiring)[judged], strengths[:, judged]


def _is_judged(wiring: Wiring, known: KnownCircuit, kinds: tuple[str, ...]) -> Bools:
    """[writer] whether its kind is one of these, and one for which the known circuit says what is in."""
    return np.array([writer.kind in known.kinds and writer.kind in kinds for writer in wiring.writers])


def _at_writers(there: ComponentScores, strengths: Floats) -> Floats:
    """Strengths [row, component] of heads and MLPs as [row, writer]; NaN where not measured."""
    by_writer = np.full((len(strengths), len(there.wiring.writers)), np.nan)
    measured = np.asarray(there.measured[:, 0].any(axis=0))
    for number, component in enumerate(there.components):
        if component.is_node and measured[number]:
            by_writer[:, there.wiring.writer_index(component)] = strengths[:, number]
    return by_writer


def _from_edges(scores: EdgeScores, strength_of: Callable[[slice], Floats]) -> Floats:
    """Largest strength [row, writer] of the measured edges of each component; NaN where it has none.

    strength_of  [row, edge] of a run of edges: those of one reader at a time, since all at once can be gigabytes
    """
    wiring, offsets = scores.wiring, scores.wiring.edge_offsets
    best: Floats | None = None
    for number, reader in enumerate(wiring.readers):
        edges = slice(offsets[number], offsets[number + 1])
        of_edge = np.where(scores.measured[edges], strength_of(edges), -1.0)
        if best is None:
            best = np.full((len(of_edge), len(wiring.writers)), -1.0)
        n_sources = of_edge.shape[1]
        best[:, :n_sources] = np.maximum(best[:, :n_sources], of_edge)
        for end in served(wiring, reader.component):
            best[:, end] = np.maximum(best[:, end], of_edge.max(axis=1))
    assert best is not None
    return np.where(best < 0, np.nan, best)


def _aurocs(known: Bools, strengths: Floats) -> Floats:
    """[row] areas under the ROC curve of strengths [row, part], from the ranks of the known parts; ties count half."""
    from scipy.stats import rankdata

    n_in = np.count_nonzero(known)
    ranks = rankdata(strengths, axis=1)[:, known].sum(axis=1)
    return (ranks - n_in * (n_in + 1) / 2) / (n_in * (len(known) - n_in))
