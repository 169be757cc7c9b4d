"""What the writers of a model add to the residual stream, as differences between two runs."""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.forward import Forward, Run


def writer_gaps(
    forward: Forward, clean: Run, corrupt: Run, chosen: slice = slice(None), *, n_layers: int | None = None
) -> Tensor:
    """Clean minus corrupt output of every writer [prompt, writer, position, d_model], in the model's dtype.

    chosen    which prompts of the runs
    n_layers  only the input and the writers of the first layers
    """
    gaps = [(clean.residual[0] - corrupt.residual[0])[chosen].unsqueeze(1)]
    for number, layer in enumerate(forward.layers[:n_layers]):
        gaps.append(layer.head_outputs((clean.z[number] - corrupt.z[number])[chosen]))
        if layer.mlp is not None:
            gaps.append((clean.mlp[number] - corrupt.mlp[number])[chosen].unsqueeze(1))
    return torch.cat(gaps, dim=1)
