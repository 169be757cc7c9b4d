"""Run all or part of a model: from a layer, from a position, many variants per batch, reading only what is needed.

A patch in layer l leaves everything before it as it was; in a causal model it also leaves every earlier position as it
was, in all layers. So a patched run starts at the patched layer and position, from the residual stream of a run
that is at hand, and takes keys and values of earlier positions from it. Variants (one per patched head, say) are
stacked along the batch: [variant x prompt, position, d_model], variant-major. The last layer and the unembedding are
computed only where the answer is read.

All functions here are free of side effects on the model: an exception leaves nothing behind, and threads may share one
model. Only the input of the first layer and its masks are caught by hooks, which see their own thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from circuits.data.image_processor import Pixels, Vision
from circuits.model import room
from circuits.model.layers import (
    QKV,
    Layer,
    LayerContext,
    NotDecomposable,
    Places,
    TensorFunction,
    layer_from_block,
    tiled,
)
from circuits.model.lengths import same_rotations_up_to
from circuits.model.linear import linear

Site = Literal["residual", "q", "k", "v", "query", "key", "value", "z", "attention", "mlp_in", "mlp"]
Tap = Callable[[int, Site, Tensor], Tensor]
"""Sees every value of a run, and returns it or what takes its place. Shapes by site, with batch = variant x prompt:
residual, attention, mlp_in, mlp [batch, position, d_model]; q [batch, position, head, d_head] and k, v [batch,
position, key-value head, d_head] as projected; query [batch, head, position, d_head] and key, value [batch, key-value
head, position, d_head] as they meet (normed and rotated); z [batch, position, head, d_head]."""


class _Stop(Exception):
    """Ends the bridge's own forward pass once the first layer's input is known."""


@dataclass(frozen=True)
class Run:
    """What was kept of one run of the model, from position `start` on; the base that patched runs start from.

    residual  per layer, the stream entering it, and at the end the final one: [prompt, position, d_model]
    query     per layer, as it meets the keys: [prompt, head, position, d_head]
    key       per layer, as attended to, over *all* positions: [prompt, key-value head, position, d_head]
    value     likewise
    z         per layer [prompt, position, head, d_head]
    attention, mlp  per layer, what was added to the stream [prompt, position, d_model]
    """

    start: int
    residual: list[Tensor] = field(default_factory=list)
    query: list[Tensor] = field(default_factory=list)
    key: list[Tensor] = field(default_factory=list)
    value: list[Tensor] = field(default_factory=list)
    z: list[Tensor] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    mlp: list[Tensor] = field(default_factory=list)

    def from_position(self, start: int) -> Run:
        """The same run without the positions before `start`; keys and values stay whole."""
        skip = start - self.start

        def later(values: list[Tensor]) -> list[Tensor]:
            return [value[:, skip:] for value in values]

        return Run(
            start,
            later(self.residual),
            [query[:, :, skip:] for query in self.query],
            self.key,
            self.value,
            later(self.z),
            later(self.attention),
            later(self.mlp),
        )

    def only(self, sites: Collection[Site]) -> Run:
        """The same run without the values of other sites; of the stream, only its ends."""
        names = ("query", "key", "value", "z", "attention", "mlp")
        kept = {name: getattr(self, name) if name in sites else [] for name in names}
        residual = self.residual if "residual" in sites else [self.residual[0], self.residual[-1]]
        return Run(self.start, residual, **kept)


class Earlier(NamedTuple):
    """Keys and values that positions before `start` had in another run, per layer."""

    key: Sequence[Tensor]
    value: Sequence[Tensor]


class Forward:
    """The forward pass of one model, in parts. Made once per loaded model; holds no run."""

    def __init__(self, bridge: Any, vision: Vision | None = None) -> None:
        """vision: how the model takes pictures, where it does"""
        self._bridge = bridge
        self.vision = vision
        self._lock = threading.Lock()
        self._contexts: dict[int, list[LayerContext]] = {}
        self.config = bridge.cfg
        if not hasattr(bridge, "blocks"):
            raise NotDecomposable("its layers are no single stack, which transformer-lens would call 'blocks'")
        self.layers: list[Layer] = [layer_from_block(block, bridge.cfg) for block in bridge.blocks]
        self.is_causal = str(getattr(bridge.cfg, "attention_dir", "causal")) == "causal"
        self.norm_final: TensorFunction | None = _original(bridge, "ln_final")
        unembedding = bridge.unembed.original_component
        self.weight_u: Tensor = unembedding.weight.detach()  # [vocabulary, d_model]
        self.bias_u: Tensor | None = None if unembedding.bias is None else unembedding.bias.detach()
        d_model, d_read = self.layers[0].weight_o.shape[1], self.weight_u.shape[1]
        if d_read != d_model:
            raise NotDecomposable(
                f"its layers write {d_model} numbers per position and its unembedding reads {d_read}: a projection "
                "stands between them, as in OPT-350m"
            )
        text = bridge.original_model.config if hasattr(bridge.original_model, "config") else None
        # Cohere multiplies its logits, Granite divides them.
        scale = float(getattr(text, "logit_scale", None) or 1) / float(getattr(text, "logits_scaling", None) or 1)
        self.logit_scale = scale
        softcap = float(getattr(bridge.cfg, "output_logits_soft_cap", -1.0) or -1.0)
        self.final_softcap = softcap if softcap > 0 else None
        self.same_rotations_up_to = same_rotations_up_to(text)
        self.tokens_at_once, self.numbers_at_once = self._budget()
        self.changed_by: str | None = None
        """What changes the model's own modules at present, which runs of its parts would not see."""

    def require_own(self) -> None:
        """Raise a ValueError while the model's own modules are changed: its parts would run as they were."""
        if self.changed_by is not None:
            raise ValueError(
                f"the model runs with {self.changed_by} at present, which methods, metrics and a second change would "
                "not see. Leave that `with` block first; give all edits to one."
            )

    def _budget(self) -> tuple[int, int]:
        """How many tokens are stacked, and how many numbers one intermediate holds, from the memory of the device.

        What other processes leave free, with this one's weights loaded.
        """
        tokens = room.TOKENS_AT_ONCE.get(self.device.type, room.TOKENS_AT_ONCE["cpu"])
        if self.device.type != "cuda":
            return tokens, room.numbers_on_cpu(room.free_memory())
        # Memory that torch keeps for itself and does not use at present is free too.
        unused = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        n_free = torch.cuda.mem_get_info(self.device)[0] + unused
        numbers = room.numbers_on_gpu(n_free, self.weight_u.element_size())
        widest = 4 * max(self.weight_u.shape[1], int(getattr(self.config, "d_mlp", None) or 0))
        return max(1, min(tokens, numbers // widest)), numbers

    def shrink(self) -> bool:
        """Halve what is stacked at once, permanently; False where nothing is stacked any more."""
        self.tokens_at_once, self.numbers_at_once = self.tokens_at_once // 2, self.numbers_at_once // 2
        return self.tokens_at_once > 0

    @property
    def n_layers(self) -> int:
        return len(self.layers)

    @property
    def tokens_with_gradients(self) -> int:
        """How many tokens to run at once with what a backward pass needs of them."""
        n_weights = sum(layer.n_weights for layer in self.layers)
        return room.tokens_with_gradients(self.numbers_at_once, n_weights, self.weight_u.shape[1])

    def batch_size(self, n_positions: int) -> int:
        """How many prompts to record at once, clean and corrupt."""
        return room.recorded_at_once(self.numbers_at_once, n_positions, self.n_layers, self.weight_u.shape[1])

    def prompts_with_writers_at_once(self, n_positions: int) -> int:
        """For how many prompts, at most 64, every writer's output [prompt, writer, position, d_model] may be held."""
        n_writers = 1 + sum(layer.n_heads + (layer.mlp is not None) for layer in self.layers)
        return room.with_writers_at_once(self.numbers_at_once, n_writers, n_positions, self.weight_u.shape[1])

    def multiply_adds(self, n_tokens: int) -> int:
        """What one plain forward pass costs (`circuits.model.multiply_adds`), without the unembedding."""
        return n_tokens * sum(layer.n_weights for layer in self.layers)

    @property
    def device(self) -> torch.device:
        return self.weight_u.device

    def variants_at_once(self, n_prompts: int, n_positions: int) -> int:
        """How many variants of a batch to stack."""
        return max(1, self.tokens_at_once // max(1, n_prompts * n_positions))

    def chunks(self, n_variants: int, n_prompts: int, n_positions: int) -> Iterator[slice]:
        """Slices of `n_variants` small enough to be stacked at once."""
        size = self.variants_at_once(n_prompts, n_positions)
        return (slice(first, min(first + size, n_variants)) for first in range(0, n_variants, size))

    def embed(self, ids: Tensor, pixels: Pixels | None = None) -> Tensor:
        """The residual stream entering layer 0 [prompt, position, d_model], from ids [prompt, position].

        pixels  of the pictures in the prompts; the vision tower runs here and nowhere else
        """
        self.require_own()
        caught: list[Tensor] = []
        own_thread = threading.get_ident()

        def catch(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if threading.get_ident() != own_thread:  # another thread runs the whole model, to generate
                return
            caught.append(args[0] if args else kwargs["hidden_states"])
            raise _Stop

        with self._lock, torch.no_grad():
            handle = self._bridge.blocks[0].register_forward_pre_hook(catch, with_kwargs=True)
            try:
                self._bridge(ids, **(pixels or {}))
            except _Stop:
                pass
            finally:
                handle.remove()
        return caught[0].detach()

    def context(self, n_positions: int) -> list[LayerContext]:
        """Masks and rotary tables of every layer for prompts of this length, as the model itself makes them."""
        with self._lock:
            if n_positions not in self._contexts:
                self.require_own()
                self._contexts[n_positions] = self._observed_context(n_positions)
            return self._contexts[n_positions]

    def _observed_context(self, n_positions: int) -> list[LayerContext]:
        seen: dict[int, dict[str, Any]] = {}
        own_thread = threading.get_ident()

        def see(kwargs: dict[str, Any], number: int) -> None:
            if threading.get_ident() == own_thread:
                seen.setdefault(number, kwargs)

        handles = [
            block.register_forward_pre_hook(
                lambda _module, _args, kwargs, number=number: see(kwargs, number), with_kwargs=True
            )
            for number, block in enumerate(self._bridge.blocks)
        ]
        try:
            with torch.no_grad():
                self._bridge(torch.zeros(1, n_positions, dtype=torch.long, device=self.device))
        finally:
            for handle in handles:
                handle.remove()
        shared: dict[int, Tensor] = {}
        return [
            self._layer_context(number, seen.get(number, {}), n_positions, shared) for number in range(self.n_layers)
        ]

    def _layer_context(
        self, number: int, kwargs: dict[str, Any], n_positions: int, shared: dict[int, Tensor]
    ) -> LayerContext:
        mask = _mask_given(kwargs)
        if id(mask) not in shared:
            shared[id(mask)] = self._bias(mask, n_positions)
        bias = self._with_local_mask(number, shared[id(mask)], n_positions)
        cos, sin = self.rotary_tables(number, kwargs, 0, n_positions)
        return LayerContext(bias, cos, sin)

    def bias_given(self, number: int, kwargs: Mapping[str, Any], n_positions: int, n_keys: int) -> Tensor:
        """Additive attention bias [1 or sequence, 1, query, key] of a layer that is given `kwargs` by the model.

        n_positions  of the whole sequences, those before this pass included; queries are the last ones
        n_keys       how many keys there are, the last ones, where a window has dropped others
        """
        mask = _mask_given(kwargs)
        bias = self._bias(mask, n_positions)[..., -n_keys:] if mask is None else self._bias(mask, n_keys)
        return self._with_local_mask(number, bias, n_positions)

    def _with_local_mask(self, number: int, bias: Tensor, n_positions: int) -> Tensor:
        """The bias [1 or sequence, 1, query, key] of the last positions, without what a local layer does not see."""
        local = getattr(self._attention(number), "bias", None)
        if isinstance(local, Tensor) and local.dtype == torch.bool and local.ndim == 4:  # GPT-Neo's local layers
            first_query, first_key = (n_positions - n for n in bias.shape[-2:])
            seen = local[..., first_query:n_positions, first_key:n_positions]
            bias = bias.masked_fill(~seen, torch.finfo(bias.dtype).min)
        return bias

    def _attention(self, number: int) -> Any:
        """The model's own attention module of a layer."""
        return self._bridge.blocks[number].attn.original_component

    def _bias(self, mask: Tensor | None, n_positions: int) -> Tensor:
        """Additive attention bias [1, 1, query, key]; a model that passes no mask is causal or sees everything."""
        dtype = self.weight_u.dtype
        hidden = torch.finfo(dtype).min
        if mask is not None and mask.dtype != torch.bool:
            return mask[..., :n_positions].to(dtype)
        if mask is None:
            visible = torch.ones(1, 1, n_positions, n_positions, dtype=torch.bool, device=self.device)
            mask = visible.tril() if self.is_causal else visible
        return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask[..., :n_positions], hidden)

    def rotary_tables(
        self, number: int, kwargs: Mapping[str, Any], start: int, stop: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """Cosines and sines [1 or sequence, position, rotary dimension] of a layer that is given `kwargs` by the model,
        for positions start .. stop-1; None where it has none."""
        if self.layers[number].rotary is None:
            return None, None
        rotary = getattr(self._attention(number), "rotary", None)
        if rotary is not None:  # native models keep the tables in the attention
            return rotary.cos_cached[None, start:stop], rotary.sin_cached[None, start:stop]
        kept = getattr(self._attention(number), "embed_positions", None)
        if isinstance(kept, Tensor):  # GPT-J: sines, then cosines, one for each pair of neighboring dimensions
            given = kwargs.get("position_ids")
            at = torch.arange(start, stop).unsqueeze(0) if not isinstance(given, Tensor) else given
            sin, cos = kept[at.to(kept.device)].to(self.device).repeat_interleave(2, dim=-1).chunk(2, dim=-1)
            return cos, sin
        tables = kwargs.get("position_embeddings")
        if tables is None:
            return None, None
        if isinstance(tables, Tensor):  # Llama 4
            kind = str(tables.dtype).removeprefix("torch.")
            raise NotDecomposable(f"its rotary embeddings are one table of {kind}, not cosines and sines")
        if getattr(self.config, "rotary_adjacent_pairs", False):  # GLM pairs neighbors, with tables made for halves
            cos, sin = (table.chunk(2, dim=-1)[0].repeat_interleave(2, dim=-1) for table in tables)
            return cos, sin
        return tables[0], tables[1]

    def run(
        self,
        residual: Tensor,
        *,
        n_positions: int,
        first_layer: int = 0,
        start: int = 0,
        earlier: Earlier | None = None,
        rows: Tensor | None = None,
        tap: Tap | None = None,
        stop: int | None = None,
    ) -> Tensor:
        """The final residual stream, from the stream that enters `first_layer`.

        residual   [variant x prompt, position, d_model] at positions start .. n_positions-1
        earlier    keys and values of the positions before `start`; needed when start > 0
        rows       [prompt] or [prompt, read] positions at which the result is read: the last layer is computed there
                   alone
        stop       the layer whose entering stream is returned instead, with all positions; none after it is run
        returns    [variant x prompt, d_model] or [variant x prompt, read, d_model] with `rows`, else [variant x prompt,
                   position, d_model]
        """
        if rows is not None and rows.ndim == 1:
            read = self.run(
                residual,
                n_positions=n_positions,
                first_layer=first_layer,
                start=start,
                earlier=earlier,
                rows=rows.unsqueeze(1),
                tap=tap,
            )
            return read[:, 0]
        contexts = self.context(n_positions)
        for number in range(first_layer, self.n_layers if stop is None else stop):
            places = Places(start, rows if number == self.n_layers - 1 else None)
            residual = self._layer(number, residual, contexts[number], places, earlier, tap)
        if rows is not None and first_layer == self.n_layers:
            return self.at_rows(residual, rows, start)
        return residual

    @staticmethod
    def at_rows(values: Tensor, rows: Tensor, start: int) -> Tensor:
        """Entries of values [variant x prompt, position, ...] at each prompt's positions.

        rows     [prompt] one for each, or [prompt, read]
        returns  [variant x prompt, ...], or [variant x prompt, read, ...]
        """
        indices = tiled(rows - start, len(values))
        return values[torch.arange(len(values), device=values.device).view(-1, *[1] * (rows.ndim - 1)), indices]

    def _layer(
        self,
        number: int,
        residual: Tensor,
        context: LayerContext,
        places: Places,
        earlier: Earlier | None,
        tap: Tap | None,
    ) -> Tensor:
        layer = self.layers[number]
        tap = tap or _unchanged
        residual = tap(number, "residual", residual)
        z = self._heads(number, residual, context, places, earlier, tap)
        read = residual if places.rows is None else self.at_rows(residual, places.rows, places.start)
        attention = tap(number, "attention", layer.attention_out(layer.heads_sum(z)))
        return self.rest_of_layer(number, read, attention, tap=tap)

    def _heads(
        self, number: int, residual: Tensor, context: LayerContext, places: Places, earlier: Earlier | None, tap: Tap
    ) -> Tensor:
        """z [batch, query, head, d_head] of one layer, queries only at `places`."""
        layer = self.layers[number]
        projected = layer.project(layer.normed(residual))
        q, k, v = tap(number, "q", projected.q), tap(number, "k", projected.k), tap(number, "v", projected.v)
        return self.heads_from(number, QKV(q, k, v), context, places, earlier=earlier, tap=tap)

    def heads_from(
        self,
        number: int,
        projected: QKV,
        context: LayerContext,
        places: Places,
        *,
        earlier: Earlier | None = None,
        tap: Tap | None = None,
    ) -> Tensor:
        """z [batch, query, head, d_head] of one layer from its projections at positions places.start and later."""
        layer, tap = self.layers[number], tap or _unchanged
        q, k, v = projected
        if places.rows is not None:
            q = self.at_rows(q, places.rows, places.start)
        key = layer.positioned(k, layer.norm_k, context, Places(places.start))
        value = v.transpose(1, 2)
        if earlier is not None and places.start > 0:
            key = _after(earlier.key[number], key, places.start)
            value = _after(earlier.value[number], value, places.start)
        key, value = tap(number, "key", key), tap(number, "value", value)
        query = layer.positioned(q, layer.norm_q, context, places)
        query = tap(number, "query", query)
        bias = places.bias_rows(context.bias, len(query))
        return tap(number, "z", layer.attend(query, key, value, bias))

    def rest_of_layer(
        self, number: int, residual: Tensor, attention: Tensor, *, mlp: Tensor | None = None, tap: Tap | None = None
    ) -> Tensor:
        """The stream leaving a layer, from the stream entering it and what the attention adds.

        mlp  what the MLP adds, where that is known: in a parallel block a patched head does not change it
        """
        layer, tap = self.layers[number], tap or _unchanged
        middle = residual + attention
        if layer.mlp is None:
            return middle
        if mlp is None:
            mlp_in = tap(number, "mlp_in", residual if layer.is_parallel else middle)
            mlp = tap(number, "mlp", layer.mlp_out(mlp_in))
        return middle + mlp

    def mlp_in(self, run: Run, number: int) -> Tensor:
        """The stream that a layer's MLP read in a recorded run [prompt, position, d_model]."""
        entering = run.residual[number]
        return entering if self.layers[number].is_parallel else entering + run.attention[number]

    def record(self, ids: Tensor, pixels: Pixels | None = None, *, start: int = 0, earlier: Run | None = None) -> Run:
        """One whole run, kept. With `start` and `earlier`, only from there on: prompts that share a prefix with it."""
        embedded = self.embed(ids, pixels)[:, start:]
        return self.record_from(embedded, n_positions=ids.shape[1], start=start, earlier=earlier)

    def record_from(self, residual: Tensor, *, n_positions: int, start: int = 0, earlier: Run | None = None) -> Run:
        """One whole run, kept, from the stream entering layer 0 at positions start .. n_positions-1."""
        run = Run(start)
        kept = {"residual": run.residual, "query": run.query, "key": run.key, "value": run.value, "z": run.z}
        kept |= {"attention": run.attention, "mlp": run.mlp}

        def keep(_layer: int, site: Site, value: Tensor) -> Tensor:
            if site in kept:
                kept[site].append(value)
            return value

        past = None if earlier is None else Earlier(earlier.key, earlier.value)
        with torch.no_grad():
            final = self.run(residual, n_positions=n_positions, start=start, earlier=past, tap=keep)
        run.residual.append(final)
        return run

    def resume(self, base: Run, layer: int, residual: Tensor, rows: Tensor) -> Tensor:
        """Final stream at `rows` [variant x prompt, read, d_model], given another stream entering `layer`.

        rows      [prompt, read] positions at which the result is read

        residual  [variant x prompt, position, d_model] at the first positions from `base.start` on; at all others, and
                  before, the run is `base` until the attention of `layer` has spread the change
        """
        n_positions = base.start + base.residual[0].shape[1]
        if layer == self.n_layers:
            return self.at_rows(residual, rows, base.start)
        if residual.shape[1] < n_positions - base.start:
            is_last = layer == self.n_layers - 1
            residual = self._layer_after_few_changed(base, layer, residual, rows if is_last else None)
            layer += 1
            if is_last:
                return residual
        return self.run(
            residual,
            n_positions=n_positions,
            first_layer=layer,
            start=base.start,
            earlier=Earlier(base.key, base.value),
            rows=rows,
        )

    def _layer_after_few_changed(self, base: Run, number: int, changed: Tensor, rows: Tensor | None) -> Tensor:
        """The stream leaving a layer, where only the first positions of the one entering it differ from `base`.

        Only these are normed and projected: queries, keys and values of the others are those of `base`.
        changed  [variant x prompt, position, d_model]
        """
        layer, context = self.layers[number], self.context(base.start + base.residual[0].shape[1])[number]
        n, stop = len(changed), base.start + changed.shape[1]
        projected = layer.project(layer.normed(changed))
        here = Places(base.start, stop=stop)

        def whole(values: Tensor, kept: Tensor, first: int) -> Tensor:
            """values at the changed positions, within those of `base`, whose positions count from `first`"""
            before, after = kept[:, :, : base.start - first], kept[:, :, stop - first :]
            return torch.cat((tiled(before, n), values, tiled(after, n)), dim=2)

        key = whole(layer.positioned(projected.k, layer.norm_k, context, here), base.key[number], 0)
        value = whole(projected.v.transpose(1, 2), base.value[number], 0)
        query = whole(layer.positioned(projected.q, layer.norm_q, context, here), base.query[number], base.start)
        residual = torch.cat((changed, tiled(base.residual[number][:, changed.shape[1] :], n)), dim=1)
        if rows is not None:
            query = self.at_rows(query.transpose(1, 2), rows, base.start).transpose(1, 2)
            residual = self.at_rows(residual, rows, base.start)
        z = layer.attend(query, key, value, Places(base.start, rows).bias_rows(context.bias, n))
        return self.rest_of_layer(number, residual, layer.attention_out(layer.heads_sum(z)))

    def pattern_of(self, run: Run, number: int) -> Tensor:
        """Attention pattern [prompt, head, query, key] of a layer in a recorded run, queries from `run.start` on."""
        context = self.context(run.start + run.residual[0].shape[1])[number]
        bias = Places(run.start).bias_rows(context.bias, len(run.query[number]))
        return self.layers[number].pattern(run.query[number], run.key[number], bias)

    def logits(self, final: Tensor, tokens: Tensor | None = None) -> Tensor:
        """Logits from the final stream, in float32.

        final    [..., prompt, d_model]
        tokens   [prompt, token] which logits are needed; without it the whole vocabulary
        returns  [..., prompt, token or vocabulary]
        """
        normed = final if self.norm_final is None else self.norm_final(final)
        if tokens is None:
            logits = linear(normed, self.weight_u, self.bias_u)
        else:
            # In bfloat16 a logit of 12 has steps of 0.06: differences of a few logits are taken in full precision.
            logits = torch.einsum("...pd,ptd->...pt", normed.float(), self.weight_u[tokens].float())
            logits = logits if self.bias_u is None else logits + self.bias_u[tokens]
        logits = logits.float() if self.logit_scale == 1 else self.logit_scale * logits.float()
        return logits if self.final_softcap is None else torch.tanh(logits / self.final_softcap) * self.final_softcap


def _mask_given(kwargs: Mapping[str, Any]) -> Tensor | None:
    """The mask [1 or sequence, 1, query, key] that a layer is given; None where it gets none of this shape."""
    mask = kwargs.get("attention_mask")
    return mask if isinstance(mask, Tensor) and mask.ndim == 4 else None


def _unchanged(_layer: int, _site: Site, value: Tensor) -> Tensor:
    return value


def _after(earlier: Tensor, values: Tensor, start: int) -> Tensor:
    """Keys or values [batch, key-value head, position, d_head] with those of the positions before `start` in front."""
    return torch.cat((tiled(earlier[:, :, :start], len(values)), values), dim=2)


def _original(bridge: Any, name: str) -> TensorFunction | None:
    component = bridge._modules.get(name)
    original = None if component is None else getattr(component, "original_component", None)
    return None if original is None or isinstance(original, torch.nn.Identity) else original
