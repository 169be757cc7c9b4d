"""One attention head of a GPT-2 whose rows are replaced or read: the hooks that plant a head, and that check it.

After the softmax a row says how much of each key's value a query takes; a replaced row takes the values just so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

Head = tuple[int, int]
"""Layer and head, counted from 0."""


@dataclass(frozen=True)
class Rows:
    """Rows of one head.

    prompt, query  [row]       whose row it is
    weights        [row, key]  the share of each key; all zero, the head says nothing there
    """

    prompt: Tensor
    query: Tensor
    weights: Tensor


@contextmanager
def replaced(model: GPT2LMHeadModel, head: Head, rows: Rows) -> Iterator[None]:
    """Inside, `head` takes values by `rows` there and by its own attention elsewhere; gradients pass its values."""
    layer, number = head
    seen = _Projected()

    def put(_module: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        value = seen.part(2, number, model)[rows.prompt]
        changed = given[0].clone()
        changed[rows.prompt, rows.query, _own(number, model)] = torch.einsum("rk,rkd->rd", rows.weights, value)
        return (changed, *given[1:])

    with _hooked(model, layer, seen, put):
        yield


@contextmanager
def silenced(model: GPT2LMHeadModel, heads: Sequence[Head], prompt: Tensor, query: Tensor) -> Iterator[None]:
    """Inside, the outputs of `heads` are zero at the queries [row] of the prompts [row]."""

    def silent(numbers: list[int]) -> Callable[..., tuple[Tensor, ...]]:
        def put(_module: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            changed = given[0].clone()
            for number in numbers:
                changed[prompt, query, _own(number, model)] = 0
            return (changed, *given[1:])

        return put

    blocks: Any = model.transformer.h
    handles = [
        blocks[layer].attn.c_proj.register_forward_pre_hook(silent([number for own, number in heads if own == layer]))
        for layer in sorted({layer for layer, _ in heads})
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass
class _Projected:
    """Queries, keys and values of the last run: [prompt, position, 3 x d_model]."""

    last: list[Tensor] = field(default_factory=list)

    def keep(self, _module: Any, _given: Any, projected: Tensor) -> None:
        self.last = [projected]

    def part(self, which: int, number: int, model: GPT2LMHeadModel) -> Tensor:
        """[prompt, position, dimension] of one head; `which` is 0 for queries, 1 for keys and 2 for values."""
        return self.last[0].split(model.config.n_embd, dim=-1)[which][..., _own(number, model)]


class ReadRow:
    """The log of a head's own row, read in a run: enter, run the model, then ask."""

    def __init__(self, model: GPT2LMHeadModel, head: Head) -> None:
        self._model, (self._layer, self._number), self._seen = model, head, _Projected()

    @contextmanager
    def watched(self) -> Iterator[ReadRow]:
        with _hooked(self._model, self._layer, self._seen, None):
            yield self

    def log_row(self, prompt: Tensor, query: Tensor) -> Tensor:
        """[row, key] log of the shares of the keys, for the queries [row] of the prompts [row]."""
        asked = self._seen.part(0, self._number, self._model)[prompt, query]
        keys = self._seen.part(1, self._number, self._model)[prompt]
        scores = torch.einsum("rd,rkd->rk", asked, keys) / asked.shape[-1] ** 0.5
        later = torch.arange(keys.shape[1], device=keys.device)[None] > query[:, None]
        return scores.masked_fill(later, -torch.inf).log_softmax(dim=-1)


def _own(number: int, model: GPT2LMHeadModel) -> slice:
    size = model.config.n_embd // model.config.n_head
    return slice(number * size, (number + 1) * size)


@contextmanager
def _hooked(model: GPT2LMHeadModel, layer: int, seen: _Projected, put: Callable[..., Any] | None) -> Iterator[None]:
    attention: Any = model.transformer.h[layer].attn
    handles = [attention.c_attn.register_forward_hook(seen.keep)]
    if put is not None:
        handles.append(attention.c_proj.register_forward_pre_hook(put))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
