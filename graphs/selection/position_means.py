"""Mean component scores at one position of the prompt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.scores import ALL_POSITIONS, ComponentScores


class PositionMeans(NamedTuple):
    """Mean component scores at one position of the prompt.

    position  its name
    means     [component] in units of the metric
    measured  [component] whether any prompt measured it there
    """

    position: str
    means: Floats
    measured: Bools


def means_at(node_scores: ComponentScores, position: str | None = None) -> PositionMeans:
    """Mean scores at `position`; by default the only position there is, else `all`.

    ValueError if there are several positions, none of them `all`, and `position` is None.
    """
    if position is None:
        if len(node_scores.positions) > 1 and ALL_POSITIONS not in node_scores.positions:
            raise ValueError(
                f"component scores at {len(node_scores.positions)} positions ({', '.join(node_scores.positions)}), "
                "and none was chosen. Set `position`, or measure over all positions."
            )
        position = node_scores.positions[0] if len(node_scores.positions) == 1 else ALL_POSITIONS
    there = node_scores.at(position)
    return PositionMeans(position, there.means[0], np.asarray(there.measured[:, 0].any(axis=0), dtype=bool))
