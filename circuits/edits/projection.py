"""Heads run with queries, keys or values that are projected on a few directions, as they vary over prompts.

Queries of chosen rows, and keys and values of chosen tokens, are moved to the nearest point of an affine subspace:
their mean over prompts plus a few directions. They are taken as the head's weights give them, before any norm or
rotation, so that the same token has the same query wherever it stands. Only the outputs of the chosen rows are
replaced; each head has its own keys and values, also where several share them. `circuits.evaluation.rank_curve` fits
and judges.

Source: the rank-3 subspaces of Lieberum et al. 2023 (arXiv 2307.09458).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from circuits.components import Component
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.refused import require_each
from circuits.edits.check import heads_by_layer
from circuits.edits.knock_out import KnockOut
from circuits.edits.places import rows_within
from circuits.model.batches import Batch
from circuits.model.forward import Forward, Site, Tap
from circuits.model.layers import QKV, Places

if TYPE_CHECKING:
    from circuits.model.load import Model

SIDES = ("query", "key", "value")
RAW: Mapping[Site, str] = {"q": "query", "k": "key", "v": "value"}


@dataclass(frozen=True)
class Projected:
    """Which heads, and what of them is projected.

    heads  names of query heads
    query  the role (or place, `circuits.edits.places`) of the rows
    key    that of the tokens whose keys and values are projected
    sides  of `query`, `key`, `value`
    """

    heads: tuple[str, ...]
    query: str
    key: str
    sides: tuple[str, ...] = ("query", "key")

    @property
    def places(self) -> list[tuple[int, int, str]]:
        """Layer, head and side of everything that is projected."""
        named = [Component.parse(name) for name in self.heads]
        return [(int(head.layer or 0), int(head.index or 0), side) for head in named for side in self.sides]

    def check(self, model: Model, prompts: PromptSet) -> None:
        """Raise a ValueError for a head that is not there, a side that is unknown, and a prompt that lacks a role."""
        heads_by_layer(model, dict.fromkeys(self.heads, KnockOut()))
        if wrong := [side for side in self.sides or ("",) if side not in SIDES]:
            raise ValueError(f"no side {wrong[0]!r}. Known: {', '.join(SIDES)}.")
        self.check_places(prompts)

    def check_places(self, prompts: PromptSet) -> None:
        """Raise a ValueError for a prompt that lacks a role, whatever the model."""

        def check(number: int, prompt: Prompt) -> None:
            for place in (self.query, self.key):
                try:
                    rows_within(place, prompt.roles, len(prompt))
                except ValueError as error:
                    raise ValueError(f"{prompts.called(number)}: {error}") from None

        require_each(prompts, check)

    def masks(self, batch: Batch) -> dict[str, Tensor]:
        """Side -> [sequence, position] which positions are projected."""
        masks = torch.zeros(2, *batch.clean.shape, dtype=torch.bool)
        for number, prompt in enumerate(batch.by_sequence):
            for mask, place in zip(masks, (self.query, self.key), strict=True):
                mask[number, rows_within(place, prompt.roles, len(prompt))] = True
        query, key = masks.to(batch.clean.device)
        return {"query": query, "key": key, "value": key}


class Subspace(NamedTuple):
    """mean [d_head], and an orthonormal basis [d_head, d_head] whose first rows are kept."""

    mean: Tensor
    basis: Tensor

    def nearest(self, values: Tensor, rank: int) -> Tensor:
        """Values [..., d_head] moved to the mean plus the first `rank` directions."""
        kept = self.basis[:rank]
        return self.mean + (values - self.mean) @ kept.T @ kept


Subspaces = Mapping[tuple[int, int, str], Subspace]
"""Layer, head and side -> the subspace."""


def vectors_tap(forward: Forward, batch: Batch, asked: Projected, kept: dict[tuple[int, int, str], Tensor]) -> Tap:
    """A tap that keeps the queries, keys and values [vector, d_head] of a batch, sequence by sequence."""
    masks, places = asked.masks(batch), asked.places

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if site in RAW:
            side, layer = RAW[site], forward.layers[number]
            for of, head, own in places:
                if of == number and own == side:
                    group = 1 if side == "query" else layer.n_heads // layer.n_kv_heads
                    kept[of, head, own] = value[:, :, head // group][masks[side]]
        return value

    return tap


def projection_tap(forward: Forward, batch: Batch, asked: Projected, subspaces: Subspaces, rank: int) -> Tap:
    """A tap for runs of a batch from position 0 that are read at `batch.read_positions`, with heads projected."""
    masks, contexts = asked.masks(batch), forward.context(batch.n_positions)
    met: dict[Site, Tensor] = {}
    by_layer: dict[int, list[int]] = {}
    for layer, head in dict.fromkeys((layer, head) for layer, head, _ in asked.places):
        by_layer.setdefault(layer, []).append(head)

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if number not in by_layer:
            return value
        if site in RAW:
            met[site] = value
        if site != "z":
            return value
        layer, context = forward.layers[number], contexts[number]
        rows = batch.read_positions if number == forward.n_layers - 1 else None
        is_row = masks["query"] if rows is None else torch.gather(masks["query"], 1, rows)
        bias = Places(0, rows).bias_rows(context.bias, len(value))
        new = value.clone()
        for head in by_layer[number]:
            group = layer.n_heads // layer.n_kv_heads
            q, k, v = QKV(*(_with(met[site], number, head, side, group) for site, side in RAW.items()))
            q = q if rows is None else forward.at_rows(q, rows, 0)
            query = layer.positioned(q, layer.norm_q, context, Places(0, rows))[:, head : head + 1]
            own = slice(head // group, head // group + 1)
            key = layer.positioned(k, layer.norm_k, context, Places(0))[:, own]
            made = layer.pattern(query, key, bias)[:, 0] @ v[:, :, own.start]
            new[:, :, head] = torch.where(is_row.unsqueeze(-1), made, new[:, :, head])
        return new

    def _with(raw: Tensor, number: int, head: int, side: str, group: int) -> Tensor:
        """Queries, keys or values of all heads, with those of one projected."""
        subspace = subspaces.get((number, head, side))
        if subspace is None:
            return raw
        at, changed = head if side == "query" else head // group, raw.clone()
        own = Subspace(subspace.mean.to(raw), subspace.basis.to(raw)).nearest(raw[:, :, at], rank)
        changed[:, :, at] = torch.where(masks[side].unsqueeze(-1), own, raw[:, :, at])
        return changed

    return tap


def projected_final(
    forward: Forward, batch: Batch, entering: Sequence[Tensor], asked: Projected, subspaces: Subspaces, rank: int
) -> Tensor:
    """The final stream [sequence, read, d_model] where answers are read, with heads projected.

    entering  [sequence, position, d_model] per layer, the stream of a clean run of the batch
    """
    first = min(layer for layer, _, _ in asked.places)
    return forward.run(
        entering[first],
        n_positions=batch.n_positions,
        first_layer=first,
        rows=batch.read_positions,
        tap=projection_tap(forward, batch, asked, subspaces, rank),
    )
