"""Checks at the door: what a freshly loaded model must satisfy before any method may use it.

Hook names and layer layouts have matched while values differed. So every load runs a few random tokens and compares:
the bridge with the model it wraps, the resumed forward pass with the bridge, and the components with their sums. What
fails decides which methods are refused, with the reason; a model whose forward pass cannot be reproduced is rejected.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from circuits.components import Wiring
from circuits.data.image_processor import Pixels
from circuits.model.forward import Earlier, Forward, Run
from circuits.model.reasons import reason, refused_as

_N_PROMPTS = 2
N_POSITIONS = 12
# Largest deviation allowed, relative to the largest value compared: rounding of the dtype, grown over the layers.
# Of a float64 model transformers computes norms, rotations and softmax in float32.
_TOLERANCES = {torch.float32: 2e-4, torch.bfloat16: 6e-2, torch.float16: 2e-2, torch.float64: 2e-5}


def probe_ids(config: Any, device: torch.device | str) -> Tensor:
    """A few random prompts of the model's vocabulary, the same on every load."""
    most = int(getattr(config, "n_ctx", None) or 0)
    n_positions = min(N_POSITIONS, most) if most > 0 else N_POSITIONS  # XLNet says -1 for "any"
    generator = torch.Generator().manual_seed(0)
    return torch.randint(int(config.d_vocab), (_N_PROMPTS, n_positions), generator=generator).to(device)


def deviation(actual: Tensor, expected: Tensor, *, of: Tensor | None = None) -> float:
    """Largest absolute difference, relative to the largest value expected, or to that of a larger tensor `of`."""
    actual, expected = actual.float(), expected.float()
    size = (expected if of is None else of).float().abs().max().clamp_min(1e-6)
    return float((actual - expected).abs().max() / size)


def require_same(
    actual: Tensor,
    expected: Tensor,
    what: str,
    *,
    of: Tensor | None = None,
    rounding: float = 0,
    kind: str = "logits",
) -> None:
    """Raise a ValueError where logits (or streams) of the same prompts differ by more than rounding.

    of        all values of the run, where only some are compared: rounding has the size of the largest of them
    rounding  by how much two ways to compute the model itself differ, where that is known
    """
    allowed = max(_TOLERANCES[expected.dtype], 2 * rounding)
    measured = deviation(actual, expected, of=of)
    if not measured <= allowed:
        raise ValueError(
            f"{what}: {kind} differ by {measured:.1e} of their size (allowed {allowed:.0e}). Results would be wrong, "
            "so the model is refused. Is this family supported by the installed transformer-lens?"
        )


def check_resuming(forward: Forward, bridge: Any, ids: Tensor, *, rounding: float = 0) -> None:
    """Raise a ValueError unless a run resumed at any layer, from the middle of the prompt, equals the whole run.

    rounding  as in `require_same`
    Each layer is run alone on what entered it: a run resumed at it is that and the layers after it, which are checked
    likewise. From a few layers on it is run to the end as well. Cost: about three forward passes.
    """
    with torch.no_grad():
        expected = bridge(ids)
    with refused_as("its layers cannot be run one by one"):
        run = forward.record(ids)
    require_same(forward.logits(run.residual[-1]), expected, "running the layers one by one", rounding=rounding)
    n_layers = forward.n_layers
    with torch.no_grad():
        for layer in sorted({0, n_layers // 2, n_layers - 1, n_layers}):
            final, start = resumed(forward, run, layer)
            what = f"resuming at layer {layer}, position {start}"
            require_same(forward.logits(final), expected[:, -1], what, of=expected, rounding=rounding)
            # A model whose logits are all but zero there would hide a stream that is wrong.
            require_same(final, run.residual[-1][:, -1], what, kind="residual streams")
        for layer in range(n_layers):
            left, start = stepped(forward, run, layer)
            what = f"running layer {layer} alone from position {start} on"
            require_same(left, run.residual[layer + 1][:, start:], what, kind="residual streams")


def stepped(forward: Forward, run: Run, layer: int) -> tuple[Tensor, int]:
    """The stream [prompt, position, d_model] that leaves a layer, run alone on the one entering it; and the position it
    began at, in a causal model the middle of the prompt.
    """
    n_positions = run.residual[0].shape[1]
    start = n_positions // 2 if forward.is_causal else 0
    earlier = Earlier(run.key, run.value)
    entering = run.residual[layer][:, start:]
    return forward.run(
        entering, n_positions=n_positions, first_layer=layer, start=start, earlier=earlier, stop=layer + 1
    ), start


def resumed(forward: Forward, run: Run, layer: int, rows: Tensor | None = None) -> tuple[Tensor, int]:
    """The final stream [prompt, d_model] at `rows` [prompt], or at the last position, run from `layer` on; and the
    position it began at, in a causal model the middle of the prompt or the first of `rows`.
    """
    n_prompts, n_positions = run.residual[0].shape[:2]
    rows = torch.full((n_prompts,), n_positions - 1, device=forward.device) if rows is None else rows
    start = min(n_positions // 2, int(rows.min())) if forward.is_causal else 0
    final = forward.run(
        run.residual[layer][:, start:],
        n_positions=n_positions,
        first_layer=layer,
        start=start,
        earlier=Earlier(run.key, run.value),
        rows=rows,
    )
    return final, start


def image_fault(forward: Forward, ids: Tensor, pixels: Pixels, expected: Tensor, *, rounding: float = 0) -> str | None:
    """Why prompts with an image may not be measured, or None where the model's own logits are reproduced.

    ids, pixels, expected  one prompt with an image, and the logits of the model itself
    rounding               as in `require_same`
    """
    try:
        run = forward.record(ids, pixels)
        actual = forward.logits(run.residual[-1])
        require_same(actual, expected, "running a prompt with an image", rounding=rounding)
    except Exception as error:  # what a family does with images; text may still be measured
        return f"its forward pass with an image is not reproduced ({reason(error)})"
    return None


def refusals(forward: Forward, bridge: Any, ids: Tensor) -> dict[str, str]:
    """What may not be measured on this model: capability -> reason. Empty for most families.

    `edges`  needs every head's output to add up in the residual stream
    `images` (from `image_fault`) needs positions and masks that do not depend on where the image stands
    """
    reasons: dict[str, str] = {}
    if any(layer.norm_z is not None for layer in forward.layers):
        reasons["edges"] = "a norm between the heads and W_O mixes the heads, so a head has no output of its own"
    elif any(layer.norm_attention_out is not None for layer in forward.layers):
        reasons["edges"] = "a norm after the attention mixes the heads, so what one head adds depends on the others"
    try:
        values = _hooked(bridge, ids)
        faults = [_sum_fault(values, layer, part.is_parallel, forward) for layer, part in enumerate(forward.layers)]
    except Exception as error:  # a family whose hooks are called otherwise: its forward pass is right all the same
        faults = [f"whether the heads' outputs add up cannot be checked ({reason(error)})"]
    for fault in faults:
        if fault is not None:
            reasons.setdefault("edges", fault)
    return reasons


def _hooked(bridge: Any, ids: Tensor) -> dict[str, Tensor]:
    endings = ("hook_resid_pre", "hook_resid_mid", "hook_attn_out", "attn.hook_z")
    with torch.no_grad():
        _, cache = bridge.run_with_cache(ids, names_filter=lambda name: name.endswith(endings))
    return dict(cache.items())


def _sum_fault(values: dict[str, Tensor], layer: int, is_parallel: bool, forward: Forward) -> str | None:
    """Why the parts of a layer do not add up, or None where they do."""
    prefix = f"blocks.{layer}."
    attention = values[prefix + "hook_attn_out"]
    allowed = _TOLERANCES[attention.dtype]
    if not is_parallel and prefix + "hook_resid_mid" in values:
        middle = values[prefix + "hook_resid_pre"] + attention
        if deviation(middle, values[prefix + "hook_resid_mid"]) > allowed:
            return f"in layer {layer} the residual stream after the attention is not the one before it plus its output"
    part = forward.layers[layer]
    if part.norm_attention_out is None and part.norm_z is None:
        heads = torch.einsum("bphe,hed->bpd", values[prefix + "attn.hook_z"], part.head_weights_o)
        heads = heads if part.bias_o is None else heads + part.bias_o
        if deviation(heads, attention) > allowed:
            return f"in layer {layer} the heads' outputs do not add up to the attention's output"
    return None


def wiring_of(forward: Forward) -> Wiring:
    """Components and edges of the model; a ValueError where layers differ in shape."""
    shapes = {(p.n_heads, p.n_kv_heads, p.is_parallel, p.mlp is not None) for p in forward.layers}
    if len(shapes) != 1:
        raise ValueError(
            "the model's layers differ in shape (heads, key-value heads, parallel, has MLP): "
            f"{sorted(shapes)}. Models whose layers are not all alike are not supported."
        )
    n_heads, n_kv_heads, is_parallel, has_mlps = shapes.pop()
    return Wiring(forward.n_layers, n_heads, n_kv_heads, is_parallel, has_mlps)
