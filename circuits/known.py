"""Known circuits, and how well scores rank their edges and components first (area under the ROC curve)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from circuits.components import Component, Edge, Wiring
from circuits.scores import Bools, ComponentScores, EdgeScores, Floats

_EDGE_KEYS = ("edges_that_matter", "edges")


@dataclass(frozen=True)
class KnownCircuit:
    """A circuit that is taken as ground truth.

    edges   its edges; None where they are not known
    nodes   its heads and MLPs
    kinds   the kinds of component for which it says what is in and what is not
    wiring  of the model it belongs to; None where any model that has these names will do
    """

    name: str
    edges: tuple[Edge, ...] | None
    nodes: tuple[Component, ...]
    kinds: tuple[str, ...] = ("head", "mlp")
    wiring: Wiring | None = None

    def check(self, wiring: Wiring) -> None:
        """Raise a ValueError where a model wired like this cannot be compared with the known circuit."""
        if self.wiring is not None and self.wiring != wiring:
            raise ValueError(
                f"the known circuit {self.name!r} belongs to a model of {_shape(self.wiring)}; this one has "
                f"{_shape(wiring)}."
            )
        if self.edges is not None:
            self.edge_mask(wiring)
        self.node_mask(wiring)

    def check_heads(self, n_layers: int, n_heads: int) -> None:
        """Raise a ValueError where the heads of a model of this shape cannot be ranked against the known circuit.

        What can be checked before the model's wiring is known; `check` does the rest.
        """
        heads = {node for node in self.nodes if node.kind == "head"}
        shape = f"{n_layers} layers of {n_heads} heads"
        if "head" not in self.kinds or not heads:
            raise ValueError(f"the known circuit {self.name!r} lists no heads: a ranking of heads needs some.")
        if self.wiring is not None and (self.wiring.n_layers, self.wiring.n_heads) != (n_layers, n_heads):
            raise ValueError(
                f"the known circuit {self.name!r} belongs to a model of {_shape(self.wiring)}; this one has {shape}."
            )
        for part in heads:
            if (part.layer or 0) >= n_layers or (part.index or 0) >= n_heads:
                raise ValueError(f"the known circuit {self.name!r} has {part}: this model has {shape}.")
        if len(heads) == n_layers * n_heads:
            raise ValueError(
                f"the known circuit {self.name!r} has all {len(heads)} heads: a ranking needs some outside of it."
            )

    def edge_mask(self, wiring: Wiring) -> Bools:
        """[edge] whether each possible edge is in the known circuit."""
        if self.edges is None:
            raise ValueError(
                f"the known circuit {self.name!r} lists components only: no edges can be compared with it."
            )
        mask = np.zeros(wiring.n_edges, dtype=np.bool_)
        for edge in self.edges:
            mask[self._number(lambda edge=edge: wiring.edge_index(edge), str(edge))] = True
        return _require_both(mask, f"the known circuit {self.name!r}", "edges")

    def node_mask(self, wiring: Wiring) -> Bools:
        """[writer] whether each writer is in the known circuit."""
        mask = np.zeros(len(wiring.writers), dtype=np.bool_)
        for node in self.nodes:
            mask[self._number(lambda node=node: wiring.writer_index(node), str(node))] = True
        return mask

    def _number(self, find: Any, part: str) -> int:
        try:
            return find()
        except ValueError as error:
            raise ValueError(f"the known circuit {self.name!r} has {part}: {error}") from None


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


class Bounds(NamedTuple):
    """Lower and upper end of a confidence interval."""

    low: float
    high: float


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

    return float(roc_auc_score(_require_both(known, "the known circuit", what), strength))


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
) -> Bounds:
    """Percentile bootstrap interval of the AUROC by mean: how far other prompts of the same kind would move it.

    Prompts are drawn with replacement and every resample is ranked anew; at a position that only some prompts have,
    those are drawn. No model is run. Cost: a product [resample, prompt] x [prompt, part], and a sort of the components
    for each resample; seconds for the edges of GPT-2 small. Says nothing about scores that all prompts share, or that
    differ from one random trial to the next (`trial_aurocs`).
    """
    if isinstance(scores, EdgeScores):
        counts = _drawn(scores.n_prompts, resamples, seed)
        strengths = _from_edges(scores, lambda edges: np.abs(counts @ scores.per_prompt[:, edges]))
    else:
        there = scores if position is None else scores.at(position)
        has_position = there.measured[:, 0].any(axis=1)
        values, measured = there.per_prompt[has_position, 0], there.measured[has_position, 0]
        counts = _drawn(len(values), resamples, seed)
        # A component that no drawn prompt has measured stays at 0.
        n_measured = np.maximum(counts @ measured, 1)
        strengths = _at_writers(there, np.abs(counts @ np.where(measured, values, 0)) / n_measured)
    judged = _is_judged(scores.wiring, known, kinds) & ~np.isnan(strengths[0])
    truth = _require_both(known.node_mask(scores.wiring)[judged], "the known circuit", "measured components")
    aurocs, tail = _aurocs(truth, strengths[:, judged]), (1 - level) / 2
    return Bounds(float(np.quantile(aurocs, tail)), float(np.quantile(aurocs, 1 - tail)))


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

    in_circuit = {component for component in circuit if component.kind == "head"}
    wanted = {component for component in known.nodes if component.kind == "head"}
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


def read_known(path: Path) -> KnownCircuit:
    """The known circuit in a JSON file: `edges_that_matter` or `edges`, names of edges; and optionally `nodes`.

    Without `nodes`, its components are the ends of its edges.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"cannot read the known circuit {path}: {error}") from None
    key = next((key for key in _EDGE_KEYS if isinstance(record, Mapping) and key in record), None)
    if key is None:
        raise ValueError(
            f"{path} holds no known circuit: expected a JSON object with a list {' or '.join(_EDGE_KEYS)}."
        )
    try:
        edges = tuple(Edge.parse(name) for name in _names(record[key], key))
        nodes = [Component.parse(name) for name in _names(record.get("nodes", []), "nodes")]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    ends = nodes or list(dict.fromkeys(itertools.chain.from_iterable((edge.source, edge.target) for edge in edges)))
    return KnownCircuit(path.stem, edges, tuple(node for node in ends if node.kind in ("head", "mlp")))


def _names(names: Any, key: str) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key} is {names!r}; expected a list of names, such as 'a0.h1->m0'.")
    return names


def _at_writers(there: ComponentScores, strengths: Floats) -> Floats:
    """Strengths [row, component] of heads and MLPs as [row, writer]; NaN where not measured."""
    by_writer = np.full((len(strengths), len(there.wiring.writers)), np.nan)
    measured = np.asarray(there.measured[:, 0].any(axis=0))
    for number, component in enumerate(there.components):
        if component.kind in ("head", "mlp") and measured[number]:
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
        for end in _served(wiring, reader.component):
            best[:, end] = np.maximum(best[:, end], of_edge.max(axis=1))
    assert best is not None
    return np.where(best < 0, np.nan, best)


def _drawn(n_prompts: int, resamples: int, seed: int) -> Floats:
    """[resample, prompt] how often each prompt is drawn, with replacement.

    Counts and not shares: sums of whole numbers are exact, so that parts of equal scores stay equal.
    """
    even = np.full(n_prompts, 1 / n_prompts)
    return np.random.default_rng(seed).multinomial(n_prompts, even, size=resamples).astype(np.float64)


def _aurocs(known: Bools, strengths: Floats) -> Floats:
    """[row] areas under the ROC curve of strengths [row, part], from the ranks of the known parts; ties count half."""
    from scipy.stats import rankdata

    n_in = np.count_nonzero(known)
    ranks = rankdata(strengths, axis=1)[:, known].sum(axis=1)
    return (ranks - n_in * (n_in + 1) / 2) / (n_in * (len(known) - n_in))


def _served(wiring: Wiring, component: Component) -> list[int]:
    if component.kind == "logits":
        return []
    heads = wiring.heads_of_group(component) if component.kind == "kv" else (component,)
    return [wiring.writer_index(head) for head in heads]


def _require_both(mask: Bools, whose: str, what: str) -> Bools:
    """The mask, if it has parts inside and outside; otherwise there is nothing to rank."""
    n_in = int(np.count_nonzero(mask))
    if n_in in (0, len(mask)):
        raise ValueError(
            f"{whose} has {n_in} of {len(mask)} {what}: a ranking needs some inside and some outside of it."
        )
    return mask


def _shape(wiring: Wiring) -> str:
    mlps = "" if wiring.has_mlps else " without MLPs"
    grouped = f" on {wiring.n_kv_heads} key-value heads" if wiring.is_grouped else ""
    return f"{wiring.n_layers} layers of {wiring.n_heads} heads{grouped}{mlps}"
