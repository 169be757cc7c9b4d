"""The edited outputs of one layer's heads, from what these heads meet: the same for every way of running a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from circuits.components import Component
from circuits.edits.base import Edit, OutputEdit, PatternEdit, Where
from circuits.edits.places import Placed, rows_mask
from circuits.model.layers import Layer


class Met(NamedTuple):
    """What the heads of a layer meet in one run.

    query      [sequence, head, query, d_head] as it meets the keys
    key        [sequence, key-value head, key, d_head]; value likewise
    bias       [1 or sequence, 1, query, key] added to the attention scores
    queries    [sequence, query] positions in the prompts, negative where they are padding
    keys       [sequence, key] likewise
    places     the roles of every sequence
    residual   [sequence, position, d_model] the stream that enters the layer
    """

    query: Tensor
    key: Tensor
    value: Tensor
    bias: Tensor
    queries: Tensor
    keys: Tensor
    places: Sequence[Placed]
    residual: Tensor

    @property
    def where(self) -> Where:
        """What edits may know."""
        seen = (self.bias[:, 0] > torch.finfo(self.bias.dtype).min / 2) & (self.keys >= 0).unsqueeze(1)
        return Where(seen, self.keys, self.places, self.queries, self.residual)


def pattern_of(layer: Layer, met: Met, head: int) -> Tensor:
    """Attention pattern [sequence, query, key] of one query head."""
    own = head // (layer.n_heads // layer.n_kv_heads)
    return layer.pattern(met.query[:, head : head + 1], met.key[:, own : own + 1], met.bias)[:, 0]


def gathered(layer: Layer, met: Met, head: int, pattern: Tensor) -> Tensor:
    """z [sequence, query, d_head] of one query head, from its pattern [sequence, query, key]."""
    own = head // (layer.n_heads // layer.n_kv_heads)
    return pattern.to(met.value.dtype) @ met.value[:, own]


class EditedHeads(NamedTuple):
    """z [sequence, query, head, d_head] of all heads of a layer, and, of those whose pattern is edited, the new pattern
    [sequence, query, key]."""

    z: Tensor
    patterns: Mapping[int, Tensor]


def edited_heads(layer: Layer, met: Met, z: Tensor, edits: Mapping[int, Sequence[Edit]]) -> EditedHeads:
    """z [sequence, query, head, d_head] with the rows of some heads edited; all others keep their bits.

    edits  head -> its edits

    ValueError where a row is to attend to a key that it cannot see, or an edit is undefined for it.
    """
    where, new, made_patterns = met.where, z.clone(), {}
    for head, own in edits.items():
        patterns = [edit for edit in own if isinstance(edit, PatternEdit)]
        if patterns:
            pattern, any_row = pattern_of(layer, met, head).float(), torch.zeros_like(met.queries, dtype=torch.bool)
            for edit in patterns:
                is_row = rows_mask(edit.rows, met.places, met.queries)
                edit.require_seen(where, is_row)
                changed = torch.where(is_row.unsqueeze(-1), edit.changed(pattern, where), pattern)
                if edit.undefined and bool(changed.isnan().any()):
                    raise ValueError(f"{edit.text!r} is undefined for a row of head {head}: {edit.undefined}")
                # A row that stays as it is keeps its bits: z made anew would differ by rounding.
                any_row = any_row | (changed != pattern).any(-1)
                pattern = changed
            made_patterns[head], made = pattern, gathered(layer, met, head, pattern)
            new[:, :, head] = torch.where(any_row.unsqueeze(-1), made, new[:, :, head])
        for edit in own:
            if isinstance(edit, OutputEdit):
                is_row = rows_mask(edit.rows, met.places, met.queries)
                read = new[:, :, head] if edit.source is None else z[:, :, Component.parse(edit.source).index]
                new[:, :, head] = torch.where(is_row.unsqueeze(-1), edit.changed(read), new[:, :, head])
    return EditedHeads(new, made_patterns)
