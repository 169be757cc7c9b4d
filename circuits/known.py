"""Known circuits, and how well scores rank their edges and components first (area under the ROC curve)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from circuits.components import Component, Edge, Wiring
from circuits.scores import Bools, ComponentScores, EdgeScores, Floats

_EDGE_KEYS = ("edges_that_matter", "edges")


@dataclass(frozen=True)
class KnownCircuit:
    """A circuit that is taken for true.

    edges   its edges; None where they are not known
    nodes   its heads and MLPs
    kinds   the kinds of components about which it says what is in and what is not
    wiring  of the model it was found in; None where any model that has these names will do
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
    """Chance that a part of the known circuit is ranked before one outside it; 0.5 is a coin.

    by_mean    ranked by |mean score| over prompts
    by_prompt  ranked by the largest |score| on any one prompt
    """

    by_mean: float
    by_prompt: float


def auroc(known: Bools, strength: Floats, *, what: str = "parts") -> float:
    """Area under the ROC curve of a ranking by `strength` [part] against a known circuit [part]."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(_require_both(known, "the known circuit", what), strength))


def edge_auroc(scores: EdgeScores, known: KnownCircuit) -> Auroc:
    """How well edge scores rank the known edges first, over the edges that were measured."""
    truth = known.edge_mask(scores.wiring)[scores.measured]
    by_mean, by_prompt = np.abs(scores.means), np.abs(scores.per_prompt).max(axis=0)
    return Auroc(*(auroc(truth, by[scores.measured], what="measured edges") for by in (by_mean, by_prompt)))


def node_auroc(scores: ComponentScores | EdgeScores, known: KnownCircuit, *, place: str | None = None) -> Auroc:
    """How well scores rank the known heads and MLPs first, over those that were measured and the circuit judges.

    place  where component scores are read; None is their first place
    Edge scores rank a component by the largest |score| of the edges into and out of it.
    """
    wiring = scores.wiring
    truth = known.node_mask(wiring)
    strengths = _from_edges(scores) if isinstance(scores, EdgeScores) else _from_components(scores, place)
    judged = np.array([writer.kind in known.kinds for writer in wiring.writers]) & ~np.isnan(strengths[0])
    return Auroc(*(auroc(truth[judged], strength[judged], what="measured components") for strength in strengths))


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


def _names(found: Any, key: str) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{key} is {found!r}; expected a list of names, such as 'a0.h1->m0'.")
    return found


def _from_components(scores: ComponentScores, place: str | None) -> tuple[Floats, Floats]:
    """Strength [writer] by mean and by prompt; NaN where not measured."""
    there = scores if place is None else scores.at(place)
    means, highest = np.abs(there.means[0]), np.abs(there.per_prompt[:, 0]).max(axis=0)
    by_mean, by_prompt = (np.full(len(scores.wiring.writers), np.nan) for _ in range(2))
    measured = np.asarray(there.measured[:, 0].any(axis=0))
    for number, component in enumerate(there.components):
        if component.kind in ("head", "mlp") and measured[number]:
            writer = scores.wiring.writer_index(component)
            by_mean[writer], by_prompt[writer] = means[number], highest[number]
    return by_mean, by_prompt


def _from_edges(scores: EdgeScores) -> tuple[Floats, Floats]:
    """Largest strength [writer] of the measured edges of each component; NaN where it has none."""
    wiring, offsets = scores.wiring, scores.wiring.edge_offsets
    found = []
    for strength in (np.abs(scores.means), np.abs(scores.per_prompt).max(axis=0)):
        of_edge = np.where(scores.measured, strength, -1.0)
        best = np.full(len(wiring.writers), -1.0)
        for number, reader in enumerate(wiring.readers):
            edges = of_edge[offsets[number] : offsets[number + 1]]
            best[: len(edges)] = np.maximum(best[: len(edges)], edges)
            for end in _served(wiring, reader.component):
                best[end] = max(best[end], edges.max())
        found.append(np.where(best < 0, np.nan, best))
    return found[0], found[1]


def _served(wiring: Wiring, component: Component) -> list[int]:
    if component.kind == "logits":
        return []
    heads = wiring.heads_of_group(component) if component.kind == "kv" else (component,)
    return [wiring.writer_index(head) for head in heads]


def _require_both(mask: Bools, whose: str, what: str) -> Bools:
    """The mask, if it holds both; there is nothing to rank otherwise."""
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
