"""What edits of single heads do to a metric, to first order: every head and edit from one forward and backward pass.

An edit changes the z of a head at some rows; the estimate is that change times the gradient of the metric at z. It is
exact where the rest of the model is linear, and its slope where an edit is small: of `scale-position` near gamma = 1 it
is d metric / d log gamma times log gamma.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Floats
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.edits import Edit
from circuits.edits.check import checked
from circuits.edits.head_rows import Met, edited_heads
from circuits.edits.runs import met_by
from circuits.metrics import Metric
from circuits.model.batches import Batch, each_batch
from circuits.model.forward import Site

if TYPE_CHECKING:
    from circuits.model.load import Model


def estimated_changes(
    model: Model, prompts: PromptSet, heads: Sequence[str], edits: Sequence[Sequence[Edit]], *, metric: Metric
) -> Floats:
    """[edit, head, prompt] the change of the metric if a head alone gets an edit, or several one after the other.

    ValueError before anything runs for what `checked` refuses, for a metric without a gradient (right or wrong), and
    for answers of several tokens. Cost: one forward and backward pass, and one pattern for every head and edit.
    """
    from circuits.effects.paired_runs import Readout

    if metric.judges_answers or any(prompt.has_long_answers for prompt in prompts):
        what = f"{metric.name!r} has none" if metric.judges_answers else "answers of several tokens are read in turn"
        raise ValueError(f"an estimate takes the gradient of the metric, and {what}: try each head (--find exact).")
    metric.check(prompts)
    by_layer = [checked(model, dict.fromkeys(heads, tuple(own)), prompts) for own in edits]
    forward, at = model.forward, {head: number for number, head in enumerate(heads)}
    changes = np.zeros((len(edits), len(heads), len(prompts)))

    def measure(batch: Batch) -> None:
        held: dict[Site, Tensor] = {}
        met: dict[int, Met] = {}
        z: dict[int, Tensor] = {}

        def tap(number: int, site: Site, value: Tensor) -> Tensor:
            held[site] = value.detach()
            if site == "z":
                met[number], z[number] = met_by(forward, batch, number, held), value
            return value

        with torch.enable_grad():
            embedded = forward.embed(batch.clean, batch.clean_pixels(forward)).detach().requires_grad_()
            final = forward.run(embedded, n_positions=batch.n_positions, rows=batch.read_positions, tap=tap)
            total = Readout(forward, batch, metric, final.detach())(final).sum()
            gradients = dict(zip(z, torch.autograd.grad(total, list(z.values())), strict=True))
        rows = list(batch.prompt_indices)
        with torch.no_grad():
            for number, own in enumerate(by_layer):
                for layer, of_heads in own.items():
                    before = z[layer].detach()
                    after = edited_heads(forward.layers[layer], met[layer], before, of_heads).z
                    change = ((after - before).float() * gradients[layer].float()).sum(dim=(1, 3)).cpu().numpy()
                    for head in of_heads:
                        changes[number, at[str(Component("head", layer, head))], rows] = change[:, head]

    each_batch(prompts, forward, measure, shares_prefix=False)
    return changes
