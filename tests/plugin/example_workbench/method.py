"""A method: edge attribution patching, times two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.methods.eap import EdgeAttribution

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


@dataclass(frozen=True)
class DoubledAttribution(EdgeAttribution):
    """Each edge's estimated effect, multiplied.

    factor  what it is multiplied by
    """

    name = "doubled-eap"
    summary = "edge attribution, times a factor"

    factor: float = 2.0

    def effects(self, model: Model, pair: Pair) -> Tensor:
        """Scores [prompt, edge] of one batch."""
        return self.factor * super().effects(model, pair)
