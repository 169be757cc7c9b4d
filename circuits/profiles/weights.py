"""Profiles of weights, and the weights of heads as they read: with the gains of norms folded in.

What a head reads is normed: its query, key and value weights are taken times the gain of the norm before the attention,
and behind the norm's centering, if it centers. Likewise the output weights with a norm behind the heads, query and key
weights with a norm of queries and keys, and the unembedding with the final norm. What nobody sees is taken off: of
logits the mean over the vocabulary, of output weights the mean over the stream where norms center. Scales of norms,
which differ from token to token, and all biases are left out. Rotations by position are those of a query so many tokens
behind its key (`distance`), by default on the same token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from circuits.cached import cached_property
from circuits.data.prompts import PromptSet
from circuits.model.layers import rotated
from circuits.model.norms import KnownNorm
from circuits.model.written import frozen
from circuits.profiles.base import LayerSeen, Profile, Seen

if TYPE_CHECKING:
    from circuits.model.load import Model


_ROUNDING = 2e-2
_TOKENS_AT_ONCE = 4096
# Eigenvalues below this share of the largest are 0, up to rounding.
_SMALLEST = 1e-5


class HeadWeights(NamedTuple):
    """The weights of a layer's heads [head, d_head, d_model] in float32; heads of one group have the same k and v.

    q, k  times each other they give attention scores: the score's scale is in q
    v, o  o writes to the stream what v reads
    """

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor


@dataclass(frozen=True)
class WeightProfile(Profile):
    """One number per [place, head], read from the weights alone; the places are kinds of number. Takes no prompts."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the places are."""
        raise NotImplementedError

    def weigh(self, weights: ModelWeights, number: int) -> Tensor:
        """[place, head] of a layer."""
        raise NotImplementedError

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return self.names

    def check(self, prompts: PromptSet) -> None:
        raise ValueError(f"profile {self.label!r} reads weights and no prompts: see `weigh_profiles`.")

    def read(self, seen: LayerSeen) -> Seen:
        raise ValueError(f"profile {self.label!r} reads weights and no runs.")


@dataclass(frozen=True)
class ModelWeights:
    """The weights of a model as they read and write; norms of unknown form and joined heads are refused with a
    ValueError when they are asked for."""

    model: Model

    def heads(self, number: int, *, distance: int = 0) -> HeadWeights:
        """The weights of a layer's heads.

        distance  how many tokens the query is behind the key, for rotations by position
        """
        layer, model = self.model.forward.layers[number], self.model
        if layer.norm_z is not None:
            raise ValueError(
                f"a norm of {model.name!r} joins the heads of layer {number}: a head has no output weights."
            )
        norm = frozen(layer.norm_attention, layer.weight_qkv, f"the norm before layer {number}'s attention", model)
        behind = frozen(layer.norm_attention_out, layer.weight_o, f"the norm behind layer {number}'s heads", model)
        group = layer.n_heads // layer.n_kv_heads
        q, k, v = (_read_behind(norm, weight.float()) for weight in layer.reader_weights())
        q, k = (_of_head_norm(own, weight, number, model) for own, weight in ((layer.norm_q, q), (layer.norm_k, k)))
        q = layer.scale * self._turned(q, number, distance)
        k, v = (weight.repeat_interleave(group, dim=0) for weight in (k, v))
        return HeadWeights(q, k, v, self._without_mean(_written_through(behind, layer.head_weights_o.float())))

    def _without_mean(self, o: Tensor) -> Tensor:
        """Output weights without their mean over d_model, where the final norm takes it off."""
        return o if self.final_norm is None else self.final_norm.centered(o)

    @cached_property
    def final_norm(self) -> KnownNorm | None:
        """The norm before the unembedding."""
        forward = self.model.forward
        return frozen(forward.norm_final, forward.weight_u, "the final norm", self.model)

    def _turned(self, q: Tensor, number: int, distance: int) -> Tensor:
        """Query weights, rotated as `distance` tokens behind a key at position 0 is."""
        layer, n_positions = self.model.forward.layers[number], self.model.n_positions
        if layer.rotary is None or distance == 0:
            return q
        if not 0 <= distance < n_positions:
            raise ValueError(f"distance={distance}: {self.model.name!r} has {n_positions} positions.")
        context = self.model.forward.context(distance + 1)[number]
        if context.cos is None or context.sin is None:
            return q
        cos, sin = (table[:1, None, distance : distance + 1].float() for table in (context.cos, context.sin))
        return rotated(q.transpose(1, 2).unsqueeze(0), cos, sin, layer.rotary)[0].transpose(1, 2)

    @cached_property
    def embedding(self) -> Tensor:
        """[token, d_model] what each token puts into the stream, before anything else does; positions left out.

        ValueError where that is no table times a factor.
        """
        table, probe = self.model.bridge.W_E.detach(), torch.tensor([[0], [1]], device=self.model.forward.device)
        first, second = self.model.forward.embed(probe)[:, 0].float()
        given, wanted = (table[0] - table[1]).float(), first - second
        factor = float(given @ wanted / given.square().sum())
        if float((factor * given - wanted).norm() / wanted.norm()) > _ROUNDING:
            raise ValueError(f"what tokens put into the stream of {self.model.name!r} is no table of embeddings.")
        return factor * table.float()

    @cached_property
    def after_first_mlp(self) -> Tensor:
        """[token, d_model] the same with what the first MLP makes of it, the first attention left out."""
        layer, dtype = self.model.forward.layers[0], self.model.forward.weight_u.dtype
        if layer.mlp is None:
            raise ValueError(f"{self.model.name!r} has no MLP.")
        parts = self.embedding.split(_TOKENS_AT_ONCE)
        return torch.cat([part + layer.mlp_out(part.to(dtype)[None])[0].float() for part in parts])

    @cached_property
    def unembedding(self) -> Tensor:
        """[token, d_model] what each logit reads."""
        forward = self.model.forward
        if self.model.n_outputs != self.model.n_vocabulary:
            raise ValueError(
                f"{self.model.name!r} reads {self.model.n_vocabulary} tokens and predicts {self.model.n_outputs}: "
                "whether it copies a token cannot be said."
            )
        weight = forward.weight_u.float()
        return _read_behind(self.final_norm, weight - weight.mean(0))

    @cached_property
    def copied(self) -> dict[bool, Tensor]:
        """[d_model, d_model] by whether tokens go through the first MLP; filled by `tokens_to_logits`."""
        return {}

    def tokens_to_logits(self, *, first_mlp: bool) -> Tensor:
        """[d_model, d_model] embedding times unembedding, summed over tokens: eigenvalues over the vocabulary are those
        of d_head x d_head matrices with it between."""
        if first_mlp not in self.copied:
            self.copied[first_mlp] = (self.after_first_mlp if first_mlp else self.embedding).T @ self.unembedding
        return self.copied[first_mlp]

    @cached_property
    def tokens_to_tokens(self) -> Tensor:
        """[d_model, d_model] the embedding times itself, summed over tokens."""
        return self.embedding.T @ self.embedding


def eigenvalues(left: Tensor, right: Tensor, between: Tensor | None = None) -> Tensor:
    """[head, d_head] eigenvalues other than 0 of left^T right (or with `between`, of a product over tokens): those of
    right between left^T, which is d_head x d_head.

    left, right  [head, d_head, d_model]
    between      [d_model, d_model]
    """
    product = right if between is None else right @ between
    return torch.linalg.eigvals(product.double() @ left.double().transpose(1, 2))


def share_of(values: Tensor) -> Tensor:
    """[head] the sum of eigenvalues [head, n] over the sum of their sizes; 0 where all are 0."""
    size = values.abs().sum(-1)
    return torch.where(size > 0, values.real.sum(-1) / torch.where(size > 0, size, 1), 0)


def positive_share(values: Tensor) -> Tensor:
    """[head] how many of the eigenvalues [head, n] other than 0 have a positive real part; 0 where all are 0."""
    counts = values.abs() > _SMALLEST * values.abs().amax(-1, keepdim=True)
    return ((values.real > 0) & counts).sum(-1) / counts.sum(-1).clamp(min=1)


def singular_values(left: Tensor, right: Tensor) -> Tensor:
    """[head, d_head] singular values of left^T right, falling; from factors of both, d_head x d_head."""
    first, second = (torch.linalg.qr(own.double().transpose(1, 2)).R for own in (left, right))
    return torch.linalg.svdvals(first @ second.transpose(1, 2))


def _read_behind(norm: KnownNorm | None, weight: Tensor) -> Tensor:
    """Weights [.., d_model] that read behind a norm, as they read in front of it."""
    return weight if norm is None else norm.centered(norm.gain.float() * weight)


def _written_through(norm: KnownNorm | None, weight: Tensor) -> Tensor:
    """Weights [.., d_model] that write in front of a norm, as they write behind it."""
    return weight if norm is None else norm.gain.float() * norm.centered(weight)


def _of_head_norm(norm: Any, weight: Tensor, number: int, model: Model) -> Tensor:
    """Query or key weights [head, d_head, d_model] with the gain of a norm per head."""
    if norm is None:
        return weight
    what = f"a norm of queries or keys in layer {number}"
    if not isinstance(norm, nn.Module):
        raise ValueError(f"{what} of {model.name!r} does not norm heads one by one and alike: weights cannot hold it.")
    known = frozen(norm, weight[0].T.to(model.forward.weight_u), what, model)
    assert known is not None
    return known.gain.float()[:, None] * known.centered(weight.transpose(1, 2)).transpose(1, 2)
