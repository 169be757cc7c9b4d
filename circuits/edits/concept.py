"""A concept added to the residual stream: a vector of it, times a strength, at chosen positions before one layer.

The stream that enters the layer is changed there, and the layers from it on run; nothing before it, and nothing of the
model itself, is touched. `circuits.evaluation.concept_curve` makes vectors of prompts and judges them on others.

Source: concept injection (Lindsey 2025; arXiv 2603.21396): h + strength * v, v not normalized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.edits.places import Placed, rows_mask, rows_within
from circuits.model.batches import Batch
from circuits.model.forward import Forward

if TYPE_CHECKING:
    from circuits.model.load import Model


@dataclass(frozen=True)
class AtLayer:
    """Where in the residual stream something is read or added.

    layer  the layer that the stream enters; the number of layers for the final stream, before the last norm
    rows   a role, `ROLE..`, a position or `all` (`circuits.edits.places`); what goes on takes in tokens of answers too
    """

    layer: int
    rows: str

    def check(self, model: Model, prompts: PromptSet) -> None:
        """Raise a ValueError for a layer that is not there, and for a prompt that lacks the role or has no such row."""
        n_layers = model.forward.n_layers
        if not 0 <= self.layer <= n_layers:
            raise ValueError(
                f"model {model.name!r} has no layer {self.layer}: give 0 to {n_layers - 1} for the stream that enters "
                f"the layer, or {n_layers} for the final one."
            )
        for number, prompt in enumerate(prompts):
            try:
                own = rows_within(self.rows, prompt.roles, len(prompt))
            except ValueError as error:
                raise ValueError(f"{prompts.called(number)}: {error}") from None
            if not own:
                raise ValueError(f"{prompts.called(number)} has {len(prompt)} tokens, and none at {self.rows!r}.")

    def mask(self, batch: Batch) -> Tensor:
        """[sequence, position] where the stream of a batch is changed."""
        every = batch.read_positions.new_tensor(range(batch.n_positions)).expand(batch.n_sequences, -1)
        return rows_mask(self.rows, [Placed(prompt.roles) for prompt in batch.by_sequence], every)


def with_added(forward: Forward, batch: Batch, entering: Tensor, at: AtLayer, added: Tensor) -> Tensor:
    """The final stream [sequence, read, d_model] where answers are read, with a vector added before a layer.

    entering  [sequence, position, d_model] the stream that enters the layer in a plain run of the batch
    added     [d_model]; of zeros changes no bit of what the same layers give without it
    """
    changed = entering + at.mask(batch).unsqueeze(-1) * added.to(entering)
    return forward.run(changed, n_positions=batch.n_positions, first_layer=at.layer, rows=batch.read_positions)
