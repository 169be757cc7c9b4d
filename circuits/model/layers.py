"""One transformer layer, taken out of a TransformerBridge as plain tensors and functions.

TransformerLens gives every family the same skeleton (ln1, attn.q/k/v/o, ln1_post, ln2, mlp, ln2_post). A `Layer` reads
the attention weights out of it, keeps the family's own norm and MLP modules, and computes the attention itself:
from any position, on stacked variants, with keys and values of earlier positions taken from another run.
`circuits.model.checks` compares every layer with the bridge on each load, so a family that differs is refused, not
guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from circuits.cached import cached_property
from circuits.model.linear import linear, linear_each
from circuits.model.mlps import MLP, Projection, mlp_from
from circuits.model.norms import KnownNorm, TensorFunction, known_norm

Rotary = Literal["half", "adjacent"]
# CUDA's kernels of attention have one block for each entry of a batch, and no more blocks than this.
_MOST_IN_A_KERNEL = 65_535
# Of up to so many keys, their backward pass adds up gradients in one block.
_KEYS_IN_A_BLOCK = 64


class LayerContext(NamedTuple):
    """What a layer gets besides the residual stream; depends on the positions only.

    bias      [1 or prompt, 1, position, position] added to the attention scores (a large negative number hides a key)
    cos, sin  [1 or prompt, position, rotary dimensions], or None without rotary embeddings
    """

    bias: Tensor
    cos: Tensor | None
    sin: Tensor | None


class QKV(NamedTuple):
    """Projections before any norm or rotation: [batch, position, head or key-value head, d_head]."""

    q: Tensor
    k: Tensor
    v: Tensor


class NotDecomposable(ValueError):
    """A layer is built in a way that cannot be taken apart; says which part and why."""


@dataclass(frozen=True)
class Layer:
    """The parts of one layer. Norms are the model's own modules; None means there is no such norm."""

    n_heads: int
    n_kv_heads: int
    weight_qkv: Tensor  # [(n_heads + 2 n_kv_heads) d_head, d_model]
    bias_qkv: Tensor | None
    weight_o: Tensor  # [n_heads d_head, d_model]
    bias_o: Tensor | None
    scale: float
    softcap: float | None
    rotary: Rotary | None
    is_parallel: bool
    norm_attention: TensorFunction | None
    norm_q: TensorFunction | None
    norm_k: TensorFunction | None
    norm_z: TensorFunction | None
    norm_attention_out: TensorFunction | None
    norm_mlp: TensorFunction | None
    mlp: MLP | None
    norm_mlp_out: TensorFunction | None

    @property
    def n_weights(self) -> int:
        """Multiply-adds per token."""
        return self.weight_qkv.numel() + self.weight_o.numel() + (0 if self.mlp is None else self.mlp.n_weights)

    @property
    def d_head(self) -> int:
        return self.weight_o.shape[0] // self.n_heads

    def head_outputs(self, z: Tensor, heads: Tensor | None = None) -> Tensor:
        """What each head adds to the stream [batch, head, position, d_model], from z [batch, position, head, d_head].

        heads  [head] which heads z holds; by default all
        """
        weights = self.head_weights_o if heads is None else self.head_weights_o[heads]
        return linear_each(z.permute(2, 0, 1, 3), weights.transpose(1, 2)).transpose(0, 1)

    @cached_property
    def known_norm(self) -> KnownNorm | None:
        """The norm before the attention as a formula; None where there is none, or it is of another kind."""
        if not isinstance(self.norm_attention, nn.Module):
            return None
        return known_norm(self.norm_attention, self.weight_qkv)

    @cached_property
    def z_of_biases(self) -> Tensor:
        """z [head, d_head] of a head whose values come from biases alone: its own, and that of the norm before it.

        Every head's z holds it, on any prompt, as a pattern adds up to 1. Folding value biases into the bias of the
        output (TransformerLens' `fold_ln`, `fold_value_biases`) takes it out of z.
        """
        return self.heads_of_biases.v.repeat_interleave(self.n_heads // self.n_kv_heads, dim=0)

    @cached_property
    def heads_of_biases(self) -> QKV:
        """Queries [head, d_head], keys and values [key-value head, d_head] from biases alone: their projection's own,
        and that of the norm before it."""
        nothing = self.weight_qkv.new_zeros(1, 1, self.weight_qkv.shape[1])
        with torch.no_grad():
            return QKV(*(of_biases[0, 0] for of_biases in self.project(self.normed(nothing))))

    @property
    def norms_heads_apart(self) -> bool:
        """Whether a norm of queries or keys, if there is one, norms every head by itself and alike."""
        return all(norm is None or isinstance(norm, nn.Module) for norm in (self.norm_q, self.norm_k))

    @property
    def head_weights_o(self) -> Tensor:
        """[head, d_head, d_model]"""
        return self.weight_o.view(self.n_heads, self.d_head, -1)

    def reader_weights(self) -> QKV:
        """Projection weights per reader: q [head, d_head, d_model]; k and v [key-value head, d_head, d_model]."""
        sizes = (self.n_heads, self.n_kv_heads, self.n_kv_heads)
        return QKV(*self.weight_qkv.view(-1, self.d_head, self.weight_qkv.shape[-1]).split(sizes))

    def reader_biases(self) -> QKV | None:
        """Projection biases per reader, [head or key-value head, d_head]."""
        if self.bias_qkv is None:
            return None
        return QKV(*self.bias_qkv.view(-1, self.d_head).split((self.n_heads, self.n_kv_heads, self.n_kv_heads)))

    def normed(self, residual: Tensor) -> Tensor:
        """The residual stream as the attention sees it."""
        return residual if self.norm_attention is None else self.norm_attention(residual)

    def project(self, normed: Tensor) -> QKV:
        """Queries, keys and values of every head from the normed residual [batch, position, d_model]."""
        flat = linear(normed, self.weight_qkv, self.bias_qkv)
        heads = flat.unflatten(-1, (self.n_heads + 2 * self.n_kv_heads, self.d_head))
        return QKV(*heads.split((self.n_heads, self.n_kv_heads, self.n_kv_heads), dim=-2))

    def positioned(
        self, projected: Tensor, norm: TensorFunction | None, context: LayerContext, places: Places
    ) -> Tensor:
        """Queries or keys as they meet, normed per head and rotated: [batch, head, position, d_head].

        projected  [batch, position, head, d_head]
        """
        values = projected.transpose(1, 2)
        if norm is not None:
            values = norm(values)
        if self.rotary is None or context.cos is None or context.sin is None:
            return values
        cos, sin = places.of(context.cos, len(values)), places.of(context.sin, len(values))
        return rotated(values, cos.unsqueeze(1), sin.unsqueeze(1), self.rotary)

    def pattern(self, q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
        """Attention pattern [batch, head, query, key] from positioned q [batch, head, query, d_head] and k."""
        batch, n_heads, n_queries, _ = q.shape
        grouped = q.reshape(batch, k.shape[1], -1, self.d_head)
        scores = (grouped @ k.transpose(-1, -2)).view(batch, n_heads, n_queries, -1) * self.scale
        if self.softcap is not None:
            scores = torch.tanh(scores / self.softcap) * self.softcap
        return torch.softmax(scores + bias, dim=-1, dtype=torch.float32).to(q.dtype)

    def mix(self, pattern: Tensor, v: Tensor) -> Tensor:
        """z [batch, query, head, d_head]: values [batch, key-value head, key, d_head] weighted by the pattern."""
        batch, n_heads, n_queries, n_keys = pattern.shape
        grouped = pattern.reshape(batch, v.shape[1], -1, n_keys)
        return (grouped @ v).view(batch, n_heads, n_queries, self.d_head).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """z [batch, query, head, d_head] from positioned q, k, v, without keeping the pattern; also of some heads only,
        with the key-value heads that serve them."""
        if self.softcap is not None or _adds_in_any_order(q, k):
            return self.mix(self.pattern(q, k, bias), v)
        if len(q) > _MOST_IN_A_KERNEL and q.device.type == "cuda":
            parts = (part.split(_MOST_IN_A_KERNEL) for part in (q, k, v, bias.expand(len(q), -1, -1, -1)))
            return torch.cat([self.attend(*of_part) for of_part in zip(*parts, strict=True)])
        z = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=bias.expand(len(q), -1, -1, -1),
            scale=self.scale,
            enable_gqa=self.n_heads != self.n_kv_heads,
        )
        return z.transpose(1, 2)

    def heads_sum(self, z: Tensor) -> Tensor:
        """Sum of all head outputs and the bias: [batch, position, d_model] from z [batch, position, head, d_head]."""
        flat = z.flatten(-2)
        if self.norm_z is not None:
            flat = self.norm_z(flat)
        return linear(flat, self.weight_o.T, self.bias_o)

    def attention_out(self, heads_sum: Tensor) -> Tensor:
        """What the attention adds to the residual stream."""
        return heads_sum if self.norm_attention_out is None else self.norm_attention_out(heads_sum)

    def attention_with_heads_changed(self, z: Tensor, attention: Tensor, change: Tensor, heads: Tensor) -> Tensor:
        """What the attention adds when some heads' z change [variant, prompt, position, d_model].

        z, change  [prompt, position, head, d_head]: a run's values, and what is added to those of the changed heads
        attention  [prompt, position, d_model] what the attention adds in that run
        heads      [variant, n] which n heads change in each variant
        """
        if self.norm_z is not None:
            changed = F.one_hot(heads, self.n_heads).sum(1).to(change)[:, None, None, :, None]
            return self.attention_out(self.heads_sum(z + change * changed))
        # [variant, prompt, position, n d_head] times [variant, d_model, n d_head]
        weights = self.head_weights_o[heads].flatten(1, 2).transpose(1, 2)
        added = linear_each(change[:, :, heads].permute(2, 0, 1, 3, 4).flatten(3), weights)
        if self.norm_attention_out is None:
            return attention + added
        return self.attention_out(self.heads_sum(z) + added)

    def heads_served(self, of: Tensor) -> Tensor:
        """Query heads [variant, n] that key-value heads [variant] serve."""
        size = self.n_heads // self.n_kv_heads
        return of.unsqueeze(1) * size + torch.arange(size, device=of.device)

    def mlp_out(self, mlp_in: Tensor) -> Tensor:
        """What the MLP adds to the residual stream, from the stream it reads."""
        assert self.mlp is not None
        out = self.mlp(mlp_in if self.norm_mlp is None else self.norm_mlp(mlp_in))
        return out if self.norm_mlp_out is None else self.norm_mlp_out(out)


class Places(NamedTuple):
    """Which positions of the full prompt a tensor holds: those from `start` (to `stop`), or a few of each prompt,
    `rows` [prompt, read]."""

    start: int
    rows: Tensor | None = None
    stop: int | None = None

    def of(self, values: Tensor, batch: int) -> Tensor:
        """Entries of values [1 or prompt, position, ...] at these places, repeated for stacked variants if needed."""
        if self.rows is None:
            return tiled(values[:, self.start : self.stop], batch)
        if len(values) == 1:
            return tiled(values[0][self.rows], batch)
        return tiled(values[torch.arange(len(values), device=values.device).unsqueeze(1), self.rows], batch)

    def bias_rows(self, bias: Tensor, batch: int) -> Tensor:
        """Rows of a bias [1 or prompt, 1, query, key] for the queries at these places."""
        return self.of(bias.transpose(1, 2), batch).transpose(1, 2)


def tiled(values: Tensor, batch: int) -> Tensor:
    """`values` [1 or prompt, ...] repeated for a stack of variants [variant x prompt, ...]; without a copy for one."""
    if len(values) == batch:
        return values
    if len(values) == 1:
        return values.expand(batch, *values.shape[1:])
    return values.expand(batch // len(values), *values.shape).reshape(batch, *values.shape[1:])


def _adds_in_any_order(q: Tensor, k: Tensor) -> bool:
    """Whether the backward pass of CUDA's attention kernel would split the keys, and add gradients up in any order."""
    needs_gradient = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad)
    return needs_gradient and q.device.type == "cuda" and k.shape[2] > _KEYS_IN_A_BLOCK


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """A small tensor of the CPU on a device; from pinned memory, so that nobody waits for what a GPU is computing."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values


def rotated(values: Tensor, cos: Tensor, sin: Tensor, style: Rotary) -> Tensor:
    """Rotary embedding of values [batch, head, position, d_head]; dimensions beyond those of cos are left alone."""
    n_rotary = cos.shape[-1]
    turning, fixed = values[..., :n_rotary], values[..., n_rotary:]
    if style == "half":
        first, second = turning.chunk(2, dim=-1)
        turned = torch.cat((-second, first), dim=-1)
    else:
        turned = torch.stack((-turning[..., 1::2], turning[..., 0::2]), dim=-1).flatten(-2)
    return torch.cat(((turning * cos + turned * sin).to(values.dtype), fixed), dim=-1)


def layer_from_block(block: Any, config: Any) -> Layer:
    """Take the layer out of one block of a TransformerBridge; raises `NotDecomposable` where it has unknown parts."""
    attention = getattr(block, "attn", None)
    if attention is None:
        raise NotDecomposable(f"its layers have no attention called 'attn' but {_children(block)}")
    if unknown := sorted(set(_children(block)) - {"ln1", "ln1_post", "attn", "ln2", "ln2_post", "mlp"}):
        raise NotDecomposable(f"its layers have parts that no other family has: {unknown}")
    if missing := sorted({"q", "k", "v", "o"} - set(_children(attention))):
        raise NotDecomposable(f"its attention has no separate {', '.join(missing)} projection")
    original = attention.original_component
    weights = [_linear(getattr(attention, name)) for name in "qkv"]
    multiplier = float(getattr(config, "residual_multiplier", None) or 1)  # Granite scales what layers add
    weight_o, bias_o = (None if part is None else multiplier * part for part in _linear(attention.o))
    assert weight_o is not None
    n_heads = int(config.n_heads)
    d_head = weight_o.shape[1] // n_heads
    is_parallel = type(block).__name__.startswith("Parallel")
    norm_attention = _module(block, "ln1")
    return Layer(
        n_heads=n_heads,
        n_kv_heads=weights[1][0].shape[0] // d_head,
        weight_qkv=torch.cat([weight for weight, _ in weights]),
        bias_qkv=_joined_biases(weights),
        weight_o=weight_o.T.contiguous(),
        bias_o=bias_o,
        scale=_scale(original, d_head),
        softcap=_positive(
            getattr(original, "attn_logit_softcapping", None) or getattr(original, "attn_scores_soft_cap", 0)
        ),
        rotary=_rotary_style(original, config),
        is_parallel=is_parallel,
        norm_attention=norm_attention,
        norm_q=_head_norm(attention, "q_norm", d_head),
        norm_k=_head_norm(attention, "k_norm", d_head),
        norm_z=_norm_before_output(attention),
        norm_attention_out=_module(block, "ln1_post"),
        # Parallel families with a single norm (GPT-J, Phi) feed it to both attention and MLP.
        norm_mlp=_module(block, "ln2") or (norm_attention if is_parallel else None),
        mlp=_mlp(block, multiplier),
        norm_mlp_out=_module(block, "ln2_post"),
    )


def _mlp(block: nn.Module, multiplier: float) -> MLP | None:
    """The layer's MLP, times what the family multiplies its output with."""
    component = block._modules.get("mlp")
    # OPT has no module for the MLP: its two projections belong to the layer itself.
    has_own_module = getattr(component, "original_component", None) is not getattr(block, "original_component", 0)
    mlp = mlp_from(component, lambda part: Projection(*_linear(part)), has_own_module=has_own_module)
    return mlp if mlp is None or multiplier == 1 else mlp.scaled(multiplier)


def _children(component: nn.Module) -> list[str]:
    return [
        name
        for name, child in component.named_children()
        if not name.startswith(("hook_", "_")) and getattr(child, "original_component", None) is not None
    ]


def _module(component: nn.Module, name: str) -> TensorFunction | None:
    """The model's own module behind a bridge component: without the bridge's hooks, which cost time."""
    wrapped = component._modules.get(name)
    original = None if wrapped is None else getattr(wrapped, "original_component", None)
    return None if original is None or isinstance(original, nn.Identity) else original


def _head_norm(attention: nn.Module, name: str, d_head: int) -> TensorFunction | None:
    """A norm of queries or keys, as a function of [batch, head, position, d_head].

    Most families norm every head alike (Qwen3, Gemma-3): then it is the module itself, which some heads may be given
    to alone. StableLM and Cohere have a gain for each head; OLMo-2 norms all heads of a position together.
    """
    norm = _module(attention, name)
    if not isinstance(norm, nn.Module):
        return None
    weight = getattr(norm, "weight", None)
    if weight is None and any(True for _ in norm.parameters()):
        return norm.__call__
    if not isinstance(weight, Tensor) or weight.shape == (d_head,):
        return norm
    if weight.ndim == 2:
        return lambda values: norm(values.transpose(1, 2)).transpose(1, 2)

    def over_all_heads(values: Tensor) -> Tensor:
        together = values.transpose(1, 2)
        return norm(together.flatten(-2)).view(together.shape).transpose(1, 2)

    return over_all_heads


def _linear(component: Any) -> tuple[Tensor, Tensor | None]:
    """Weight [out, in] and bias of a linear module, whichever way round the family stores it."""
    original = component.original_component
    weight = getattr(original, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 2 or not weight.is_floating_point():
        raise NotDecomposable(f"its projection {component.name!r} is a {type(original).__name__}, not a plain matrix")
    weight = weight.T if type(original).__name__ == "Conv1D" else weight
    return weight.detach(), None if original.bias is None else original.bias.detach()


def _joined_biases(projections: list[tuple[Tensor, Tensor | None]]) -> Tensor | None:
    """Biases of q, k and v in one; zeros where a family gives a bias to some of them only."""
    if all(bias is None for _, bias in projections):
        return None
    return torch.cat([weight.new_zeros(len(weight)) if bias is None else bias for weight, bias in projections])


def _scale(original: Any, d_head: int) -> float:
    """The factor on the attention scores."""
    if type(original).__name__ == "NativeAttention":
        return 1.0 / float(original.scale)  # native modules divide by their scale
    if type(original).__name__ == "GPTNeoSelfAttention":
        return 1.0
    scaling = getattr(original, "scaling", None)
    return d_head**-0.5 if scaling is None else float(scaling)


def _rotary_style(original: Any, config: Any) -> Rotary | None:
    if type(original).__name__ == "NativeAttention":
        return None if original.rotary is None else "adjacent"
    if not getattr(original, "use_rope", True):  # some layers of SmolLM3 know no positions
        return None
    if isinstance(getattr(original, "embed_positions", None), Tensor):  # GPT-J keeps its tables in the attention
        return "adjacent"
    pairs_neighbors = any(
        getattr(config, name, False) for name in ("rotary_adjacent_pairs", "rotary_interleaved_cos_sin")
    )
    return "adjacent" if pairs_neighbors else "half"


def _positive(value: Any) -> float | None:
    return float(value) if value is not None and float(value) > 0 else None


def _norm_before_output(attention: Any) -> TensorFunction | None:
    """A norm between the heads and W_O (BitNet), which makes head outputs interact."""
    seam = getattr(type(attention), "_pre_output_projection", None)
    default = next(
        (
            base.__dict__["_pre_output_projection"]
            for base in reversed(type(attention).__mro__)
            if "_pre_output_projection" in base.__dict__
        ),
        None,
    )
    return None if seam is default else attention._pre_output_projection
