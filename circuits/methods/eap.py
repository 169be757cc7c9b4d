"""Edge attribution patching: every edge's effect to first order, from two forward passes and one backward pass.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . d metric / d input_v, at the clean run

Head readers have an input of their own in front of the layer's norm, so their gradient is that of q, k or v carried
back through the projection and the norm; q, k and v are asked for once per layer, and heads with grouped keys are not
ungrouped. All edges of a layer then are one matrix product per prompt. Only positions from the first difference on
are run at all, because nothing before it changes.

Source: Nanda 2023; Syed et al. 2023 (EAP). They report absolute values; we keep the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from circuits.methods.base import EdgeMethod

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.batches import Pair
    from circuits.forward import Forward, Site
    from circuits.layers import Layer
    from circuits.models import Model

# What the writers add is built for this share of a batch's prompts at a time.
_SHARE_AT_ONCE = 1 / 8


@dataclass(frozen=True)
class EdgeAttribution(EdgeMethod):
    """Estimate each edge's patching effect from gradients (EAP).

    Exact where everything after the edge is linear. Each prompt is scored by itself.
    Cost: two forward passes and one forward and backward pass.
    """

    name = "eap"
    summary = "every edge's effect to first order, from one backward pass"
    sums_to_nodes = True

    def effects(self, model: Model, pair: Pair) -> Tensor:
        return edge_effects(model.forward, pair, gradients(model.forward, pair))


class LayerGradients(NamedTuple):
    """d metric / d what each reader of a layer gets, at positions from the batch's start on.

    q         [prompt, position, head, d_head]; k and v [prompt, position, key-value head, d_head]
    mlp_in    [prompt, position, d_model], or None without an MLP
    residual  the stream entering the layer where the gradients were taken [prompt, position, d_model]
    """

    q: Tensor
    k: Tensor
    v: Tensor
    mlp_in: Tensor | None
    residual: Tensor


class Gradients(NamedTuple):
    """Gradients of every layer, and of the final stream [prompt, d_model] at the answer."""

    layers: list[LayerGradients]
    final: Tensor


def gradients(forward: Forward, pair: Pair, entering: Tensor | None = None) -> Gradients:
    """Gradients of the metric with respect to every reader's input. One forward and backward pass.

    entering  [prompt, position, d_model] the stream entering layer 0 from the batch's start on, where the gradients are
              taken; by default that of the clean run
    """
    import torch

    from circuits.forward import Earlier

    wanted: dict[tuple[int, str], Tensor] = {}
    residuals: list[Tensor] = []

    def keep(layer: int, site: Site, value: Tensor) -> Tensor:
        if site == "residual":
            residuals.append(value.detach())
        if site in ("q", "k", "v", "mlp_in"):
            # A node of its own, so that the gradient is that of this use of the value alone.
            value = wanted[layer, site] = value.view_as(value)
        return value

    clean, batch = pair.clean, pair.batch
    with torch.enable_grad():
        embedded = (clean.residual[0] if entering is None else entering).detach().requires_grad_()
        final = forward.run(
            embedded,
            n_positions=batch.n_positions,
            start=batch.start,
            earlier=Earlier(clean.key, clean.value),
            rows=batch.rows,
            tap=keep,
        )
        found = torch.autograd.grad(pair.readout(final).sum(), [*wanted.values(), final])
    by_site = dict(zip(wanted, found[:-1], strict=True))
    layers = [
        LayerGradients(
            by_site[layer, "q"], by_site[layer, "k"], by_site[layer, "v"], by_site.get((layer, "mlp_in")), residual
        )
        for layer, residual in enumerate(residuals)
    ]
    return Gradients(layers, found[-1])


def edge_effects(forward: Forward, pair: Pair, found: Gradients) -> Tensor:
    """First-order effect of corrupting each edge [prompt, edge] in wiring order, summed over positions."""
    import torch

    n_prompts, n_positions, d_model = pair.clean.residual[0].shape
    n_writers = 1 + sum(layer.n_heads + (layer.mlp is not None) for layer in forward.layers)
    fitting = forward.numbers_at_once // (n_writers * n_positions * d_model)
    size = max(1, min(fitting, round(n_prompts * _SHARE_AT_ONCE)))
    with torch.no_grad():
        parts = [_some_effects(forward, pair, found, slice(i, i + size)) for i in range(0, n_prompts, size)]
    return torch.cat(parts)


def _some_effects(forward: Forward, pair: Pair, found: Gradients, chosen: slice) -> Tensor:
    """`edge_effects` of some prompts of the batch."""
    import torch

    from circuits.writers import writer_gaps

    rows = (pair.batch.rows - pair.batch.start)[chosen]
    gaps = writer_gaps(forward, pair.clean, pair.corrupt, chosen).float()
    flat_gaps = gaps.flatten(2)
    blocks: list[Tensor] = []

    def contract(readers: Tensor, n_sources: int) -> None:
        """Append the effects [prompt, reader x writer] of readers' gradients [prompt, reader, position, d_model]."""
        blocks.append((readers.float().flatten(2) @ flat_gaps[:, :n_sources].transpose(1, 2)).flatten(1))

    before = 1
    for number, layer in enumerate(forward.layers):
        contract(
            head_input_gradients(layer, found.layers[number], chosen),
            before,
        )
        after = before + layer.n_heads
        mlp_in = found.layers[number].mlp_in
        if mlp_in is not None:
            gradient = mlp_in[chosen]
            if number == forward.n_layers - 1:  # the last MLP ran at the answer alone
                gradient = _scattered(gradient[:, 0], rows, gaps.shape[2])
            contract(gradient.unsqueeze(1), before if layer.is_parallel else after)
            after += 1
        before = after
    contract(_scattered(found.final[chosen], rows, gaps.shape[2]).unsqueeze(1), before)
    return torch.cat(blocks, dim=1)


def head_input_gradients(layer: Layer, found: LayerGradients, chosen: slice) -> Tensor:
    """Gradients at the inputs of a layer's q, k and v readers, [prompt, reader, position, d_model], before the norm."""
    import torch

    at_projections = (found.q[chosen], found.k[chosen], found.v[chosen])
    normed = torch.cat(
        [
            torch.einsum("bphe,hed->bhpd", gradient, weight)
            for gradient, weight in zip(at_projections, layer.reader_weights(), strict=True)
        ],
        dim=1,
    )
    if layer.norm_attention is None:
        return normed
    with torch.enable_grad():
        # The norm's own backward pass, one copy of its input per reader: exact for any kind of norm.
        inputs = found.residual[chosen].unsqueeze(1).expand_as(normed).detach().requires_grad_()
        return torch.autograd.grad(layer.norm_attention(inputs), inputs, normed)[0]


def _scattered(values: Tensor, rows: Tensor, n_positions: int) -> Tensor:
    """[prompt, position, d_model] holding values [prompt, d_model] at each prompt's row and zero elsewhere."""
    import torch

    found = values.new_zeros(len(values), n_positions, values.shape[-1])
    found[torch.arange(len(values), device=values.device), rows] = values
    return found
