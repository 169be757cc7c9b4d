"""What a job measures, how much of it a model runs at once, and what it holds while variants are stacked.

Batches are those that the run itself makes (`circuits.model.room`), so a forecast knows how many prompts come together.
Prompts count as different from their first token on: pairs that share a beginning need less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from circuits.kinds import KINDS
from circuits.model import room
from pipelines.costs.memory import (
    WIDTHS,
    edge_scores,
    recorded_runs,
)
from pipelines.costs.shape import Shape


class Budget(NamedTuple):
    """How much a model runs at once on a device (`circuits.model.room`).

    numbers  those of the largest intermediate
    tokens   those that are stacked
    """

    device: str
    numbers: int
    tokens: int

    @classmethod
    def of_cpu(cls, n_free: float) -> Budget:
        """That of a CPU with so many bytes free beside the weights."""
        return cls("cpu", room.numbers_on_cpu(int(n_free)), room.TOKENS_AT_ONCE["cpu"])


class Asked(NamedTuple):
    """What a job measures: prompts of a length, on a model; `n_roles` are the roles that their tokens have."""

    shape: Shape
    n_prompts: int
    n_tokens: int
    dtype: str
    budget: Budget
    n_roles: int = 1

    @property
    def _per_layer(self) -> int:
        return self.shape.per_layer * self.shape.n_layers

    @property
    def recorded(self) -> int:
        """Prompts of a batch of recorded runs."""
        of_room = room.recorded_at_once(self.budget.numbers, self.n_tokens, self.shape.n_layers, self.shape.d_model)
        return min(self.n_prompts, room.PROMPTS_AT_ONCE, of_room)

    def with_gradients(self, n_points: int = 1) -> int:
        """Prompts of a batch whose gradients are taken at so many points each."""
        return max(1, min(self.recorded, self.tokens_with_gradients // (self.n_tokens * n_points)))

    @property
    def tokens_with_gradients(self) -> int:
        return room.tokens_with_gradients(self.budget.numbers, self._per_layer, self.shape.d_model)

    @property
    def with_writers(self) -> int:
        """Prompts of a batch for which all writers' outputs are held."""
        of_room = room.with_writers_at_once(
            self.budget.numbers, self.shape.n_writers, self.n_tokens, self.shape.d_model
        )
        return min(self.recorded, of_room)

    def tokens_of(self, batch: int) -> int:
        return batch * self.n_tokens


class Peak(NamedTuple):
    """Prompts of a batch, and the bytes that a job holds beyond the model when it holds most."""

    batch: int
    n_bytes: float


Rule = Callable[[Asked, Mapping[str, Any]], Peak]


def stacking(asked: Asked, n_variants: int, n_positions: int | None = None) -> Peak:
    """Both runs, and a layer of so many variants, or of those that are stacked; of all positions or some."""
    batch = asked.recorded
    runs = recorded_runs(asked.shape, asked.tokens_of(batch), asked.dtype)
    return Peak(batch, runs + stacked(asked, batch * (n_positions or asked.n_tokens), n_variants))


def stacked(asked: Asked, tokens: int, n_variants: int) -> float:
    """Bytes of what a layer makes of so many variants of these tokens, or of those that are stacked."""
    return of_one_layer(asked, min(n_variants * tokens, max(asked.budget.tokens, tokens)))


def of_one_layer(asked: Asked, tokens: int) -> float:
    """Bytes of what a layer makes of tokens: two MLP's hidden values, and all else once."""
    return tokens * (2 * asked.shape.d_mlp + asked.shape.numbers_per_token) * WIDTHS[asked.dtype]


def all_scores(asked: Asked) -> float:
    """Bytes of the scores of all prompts of a job."""
    return asked.n_prompts * edge_scores(asked.shape)


def n_in_layer(shape: Shape, kind: str) -> int:
    counted = KINDS[kind].counted_by
    return 1 if counted is None else int(getattr(shape, counted))
