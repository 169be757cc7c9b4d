"""What the writers of a model add to the residual stream, as differences between a clean and an ablated run."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from circuits.model.forward import Forward, Run


class ActivationDifferences(NamedTuple):
    """Clean minus ablated values: embedded [prompt, position, d_model], z per layer [prompt, position, head, d_head],
    mlp per layer [prompt, position, d_model]."""

    embedded: Tensor
    z: list[Tensor]
    mlp: list[Tensor]


def gaps_between(clean: Run, corrupt: Run, *, n_layers: int | None = None) -> ActivationDifferences:
    """How far two runs are apart, in the embedding and the first layers (all by default)."""
    return ActivationDifferences(
        clean.residual[0] - corrupt.residual[0],
        [a - b for a, b in zip(clean.z[:n_layers], corrupt.z[:n_layers], strict=True)],
        [a - b for a, b in zip(clean.mlp[:n_layers], corrupt.mlp[:n_layers], strict=True)],
    )


def subtract_in_place(clean: Run, corrupt: Run) -> ActivationDifferences:
    """`gaps_between` in the memory of the clean run: neither run knows its z and mlp afterwards."""
    gaps = ActivationDifferences(clean.residual[0] - corrupt.residual[0], list(clean.z), list(clean.mlp))
    for kept, lost in ((gaps.z, corrupt.z), (gaps.mlp, corrupt.mlp)):
        for value in kept:
            value.sub_(lost.pop(0))
    clean.z.clear()
    clean.mlp.clear()
    return gaps


def writer_gaps(
    forward: Forward, gaps: ActivationDifferences, chosen: slice = slice(None), *, n_layers: int | None = None
) -> Tensor:
    """Clean minus ablated output of every writer [prompt, writer, position, d_model], in the model's dtype.

    chosen    which prompts of the batch
    n_layers  only the input and the writers of the first layers
    """
    layers = forward.layers[:n_layers]
    n_writers = 1 + sum(layer.n_heads + (layer.mlp is not None) for layer in layers)
    embedded = gaps.embedded[chosen]
    differences = embedded.new_empty(len(embedded), n_writers, *embedded.shape[1:])
    differences[:, 0] = embedded
    index = 1
    for number, layer in enumerate(layers):
        differences[:, index : index + layer.n_heads] = layer.head_outputs(gaps.z[number][chosen])
        index += layer.n_heads
        if layer.mlp is not None:
            differences[:, index] = gaps.mlp[number][chosen]
            index += 1
    return differences
