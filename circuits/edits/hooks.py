"""`edited`: a model whose heads are edited in every forward pass, generation included, by hooks on its own modules.

The hook at a layer's output matrix sees z as the model computed it. Queries, keys and values are made once more from
the stream that entered the layer, with the masks and rotations that the layer was given, and keys of earlier passes are
taken from the model's own cache. What they give without an edit must be z as it is there; a family or a cache that does
something else is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.edits.check import ByLayer, Edits, checked
from circuits.edits.head_rows import Met, edited_heads, gathered, pattern_of
from circuits.edits.sequences import Sequences
from circuits.model.layers import LayerContext, Places

if TYPE_CHECKING:
    from circuits.model.load import Model

# Rounding, relative to the largest entry of z: attention is computed in another order here.
_SAME = {torch.float32: 1e-3, torch.float64: 1e-6}
_SAME_COARSE = 0.1


@contextmanager
def edited(model: Model, edits: Edits, prompts: PromptSet | None = None) -> Iterator[None]:
    """Within it, every forward pass of the model edits its heads: `model.bridge(ids)`, and generation.

    edits    name of a head -> its edit, or several
    prompts  whose roles the edits name. A sequence is known by its tokens, padding apart: it begins with one of these
             prompts, clean or corrupt. Others raise a ValueError. Without roles, any tokens can be run

    A batch may hold prompts of mixed lengths, padded on either side: each is edited at its own positions. A generated
    token's row is edited where the rows are `all` or go on (`END..`); that of a role is in the prompt alone.

    Nothing is left on the model afterwards, also after an exception; without edits nothing is installed. One thread at
    a time. `model.original`, where it is a copy with no part wrapped, stays as it is. Methods and metrics run parts of
    the model, and would not see the edits: inside, they raise a ValueError (`circuits.evaluation.edit_effects` measures
    a metric under edits). ValueError before anything runs for whatever `checked` refuses. Cost:
    one more attention pattern for every edited head, and the projections of its layer.

    >>> import torch
    >>> from circuits import TASKS, load_model
    >>> from circuits.edits import SetRows, edited
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=1)
    >>> with edited(model, {"a2.h1": SetRows("END", "S1,S2")}, prompts):
    ...     logits = model.bridge(torch.tensor([prompts.prompts[0].clean]))
    """
    by_layer = checked(model, edits, prompts)
    if not by_layer:
        yield
        return
    session, handles, forward = _Session(model, by_layer, prompts), [], model.forward
    forward.require_own()
    forward.changed_by = "edited heads"
    try:
        root = model.bridge.original_model
        handles.append(root.register_forward_pre_hook(session.begin, with_kwargs=True))
        for layer in by_layer:
            block = model.bridge.blocks[layer]
            handles.append(block.register_forward_pre_hook(session.entering(layer), with_kwargs=True))
            handles.append(block.attn.o.register_forward_pre_hook(session.leaving(layer)))
        yield
    finally:
        forward.changed_by = None
        for handle in handles:
            handle.remove()


class _Entering(NamedTuple):
    """What a layer was given in this pass, and the keys and values that its cache held before."""

    residual: Tensor
    kwargs: Mapping[str, Any]
    past: tuple[Tensor, Tensor] | None


class _Session:
    """One use of `edited`."""

    def __init__(self, model: Model, by_layer: ByLayer, prompts: PromptSet | None) -> None:
        self.model, self.by_layer = model, by_layer
        needs_roles = any(edit.roles for heads in by_layer.values() for own in heads.values() for edit in own)
        self.sequences = Sequences(prompts, needs_roles=needs_roles)
        self._entering: dict[int, _Entering] = {}

    def begin(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before a pass."""
        self._entering.clear()
        self.sequences.begin(module, args, kwargs)

    def entering(self, layer: int) -> Any:
        """A hook that keeps what a layer is given, positional arguments by their names (GPT-2's mask is one)."""
        block = self.model.bridge.blocks[layer]
        names = list(inspect.signature(block.original_component.forward).parameters)

        def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = dict(zip(names, args, strict=False)) | kwargs
            residual = args[0] if args else kwargs["hidden_states"]
            self._entering[layer] = _Entering(residual, given, self._past(layer))

        return hook

    def _past(self, layer: int) -> tuple[Tensor, Tensor] | None:
        """Keys and values that the model's cache holds before this pass adds its own."""
        if not self.sequences.n_past:
            return None
        held = getattr(self.sequences.cache, "layers", None)
        if held is None or len(held) <= layer or getattr(held[layer], "keys", None) is None:
            raise ValueError(
                f"keys of earlier tokens are not kept as expected in layer {layer}: generate with use_cache=False."
            )
        return held[layer].keys, held[layer].values

    def leaving(self, layer: int) -> Any:
        """A hook that edits what a layer's output matrix reads, z [sequence, position, head x d_head]."""

        def hook(_module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            of = self.model.forward.layers[layer]
            z = args[0].unflatten(-1, (of.n_heads, of.d_head)) if args[0].shape[-1] != of.d_head else args[0]
            met = self._met(layer)
            self._require_same(layer, met, z)
            return edited_heads(of, met, z, self.by_layer[layer]).z.reshape(args[0].shape), *args[1:]

        return hook

    def _met(self, layer: int) -> Met:
        forward, (residual, kwargs, past) = self.model.forward, self._entering[layer]
        of, start, n_new = forward.layers[layer], self.sequences.n_past, residual.shape[1]
        projected = of.project(of.normed(residual))
        tables = forward.rotary_tables(layer, kwargs, start, start + n_new)
        rotations, here = LayerContext(residual, *tables), Places(0)
        query = of.positioned(projected.q, of.norm_q, rotations, here)
        key, value = of.positioned(projected.k, of.norm_k, rotations, here), projected.v.transpose(1, 2)
        if past is not None:
            key, value = (torch.cat((held, own), dim=2) for held, own in zip(past, (key, value), strict=True))
        n_keys = key.shape[2]
        bias = forward.bias_given(layer, kwargs, start + n_new, n_keys)[..., -n_new:, :]
        every = self.sequences.positions(n_new, device=residual.device)
        return Met(query, key, value, bias, every[:, start:], every[:, -n_keys:], self.sequences.places, residual)

    def _require_same(self, layer: int, met: Met, z: Tensor) -> None:
        """Raise a ValueError where the heads, left as they are, do not give what the model computed."""
        of = self.model.forward.layers[layer]
        is_token = (met.queries >= 0).unsqueeze(-1)
        for head in self.by_layer[layer]:
            own = gathered(of, met, head, pattern_of(of, met, head))
            apart = float(((own - z[:, :, head]) * is_token).abs().max())
            if apart > _SAME.get(z.dtype, _SAME_COARSE) * max(float(z.abs().max()), 1e-6):
                raise ValueError(
                    f"layer {layer} of {self.model.name!r} does something else here than its weights say (z of "
                    f"head {head} is {apart:.2g} apart), so that it cannot be edited. Generation: try use_cache=False."
                )
