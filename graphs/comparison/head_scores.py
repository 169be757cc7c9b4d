"""What a component scores in a comparison: its effect, where both runs measured it, else the signed sum of its edges.

Like is compared with like: effects that one side measured are not compared with sums of the other's edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.masks import endpoints
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection import means_at

MaybeComponentScores = tuple[ComponentScores | None, ComponentScores | None]


class PartScores(NamedTuple):
    """One signed number per writer of the model.

    values    [writer] in wiring order, in units of the metric; 0 where not measured
    measured  [writer]
    are       what the numbers are, in words
    """

    values: Floats
    measured: Bools
    are: str


def part_scores(scores: EdgeScores, node_scores: ComponentScores | None = None) -> PartScores:
    """What each head and MLP scores: its own score, where components were scored, else the sum of its outgoing edges.

    The sum is signed: to first order it is the effect of the component, however many readers it has.
    """
    return _own(node_scores) if node_scores is not None else _sums(scores)


def paired_part_scores(
    scores: tuple[EdgeScores, EdgeScores], node_scores: MaybeComponentScores, kinds: tuple[str, ...]
) -> tuple[PartScores, PartScores] | None:
    """The same sort of numbers for two runs: both runs' own, where both scored all of these kinds of component.

    kinds  such as `head`

    Without own scores on either side, sums of both sides' edges; None where only one side has own scores.
    """
    own = [_own_of(edge, node, kinds) for edge, node in zip(scores, node_scores, strict=True)]
    if (own[0] is None) != (own[1] is None):
        return None
    a, b = (part_scores(edge, node) for edge, node in zip(scores, own, strict=True))
    return a, b


def is_of_components(scores: EdgeScores, node_scores: ComponentScores | None) -> bool:
    """Whether the method scored components, so that edges were scored by another method."""
    return node_scores is not None and node_scores.provenance.method != scores.provenance.method


def _own_of(scores: EdgeScores, node_scores: ComponentScores | None, kinds: tuple[str, ...]) -> ComponentScores | None:
    """Scores of these kinds of component that are no sums of edges; None without them."""
    if node_scores is None or not is_of_components(scores, node_scores):
        return None
    return node_scores if set(kinds) <= {component.kind for component in node_scores.components} else None


def _own(node_scores: ComponentScores) -> PartScores:
    wiring, position = node_scores.wiring, means_at(node_scores)
    values, measured = np.zeros(len(wiring.writers)), np.zeros(len(wiring.writers), dtype=np.bool_)
    numbers = {writer: number for number, writer in enumerate(wiring.writers)}
    for number, component in enumerate(node_scores.components):
        if (writer := numbers.get(component)) is not None:
            values[writer], measured[writer] = position.means[number], position.measured[number]
    origin = node_scores.provenance
    are = {"measured": "measured effects", "estimated": "estimated effects", "learned": "learned weights"}
    what = are.get(str(origin.scores_are), "own scores")
    return PartScores(values, measured, f"{what} ({origin.method})")


def _sums(scores: EdgeScores) -> PartScores:
    n_writers, (source, _) = len(scores.wiring.writers), endpoints(scores.wiring)
    values = np.bincount(source, weights=scores.means, minlength=n_writers)
    measured = np.bincount(source, weights=scores.measured, minlength=n_writers) > 0
    return PartScores(values.astype(float), measured, f"signed sums of all outgoing edges ({scores.provenance.method})")
