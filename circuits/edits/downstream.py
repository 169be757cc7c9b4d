"""What heads do at the answer position, also under edits: where they attend, and what they say of the answer directly.

What they say is direct logit attribution (`circuits.model.logit_parts`) of the very run under edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.data.refused import require_each
from circuits.edits.check import ByLayer, Edits, checked
from circuits.edits.runs import edit_tap
from circuits.edits.set_rows import SetRows
from circuits.model.batches import Batch, each_batch
from circuits.model.forward import Forward, Site
from circuits.model.layers import Places
from circuits.model.logit_parts import logit_parts_of, require_compared
from circuits.model.written import Written, WrittenTap

if TYPE_CHECKING:
    from circuits.model.load import Model


class Observed(NamedTuple):
    """Of every prompt, at its answer position.

    heads      names, layer by layer, of the `head` axes
    attention  [prompt, head, group] attention to the tokens of each group of roles
    direct     [prompt, head] direct logit attribution of each head
    others     [prompt, writer] that of the embedding, then of the MLPs, then of all biases together
    difference [prompt] the logit difference that the parts add up to

    >>> from circuits import TASKS, load_model
    >>> from circuits.edits.downstream import observe
    >>> model = load_model("reference")
    >>> seen = observe(model, TASKS["ioi"]().build(model.tokenizer, n=4), ["IO", "S1,S2"])
    >>> seen.attention.shape, seen.direct.shape
    ((4, 16, 2), (4, 16))
    >>> seen.heads[seen.direct.mean(axis=0).argmax()]
    'a3.h3'
    >>> bool(abs(seen.direct.sum(axis=1) + seen.others.sum(axis=1) - seen.difference).max() < 1e-3)
    True
    """

    heads: tuple[str, ...]
    attention: Floats
    direct: Floats
    others: Floats
    difference: Floats


def observe(model: Model, prompts: PromptSet, groups: Sequence[str], edits: Edits | None = None) -> Observed:
    """What all heads do at the answer position of every prompt, under edits.

    groups  roles whose tokens belong together, written as the keys of `set`: `color_* without correct_color`

    ValueError for what `checked` refuses, a prompt that lacks a role of a group or a wrong answer, an answer of several
    tokens, a norm that is no LayerNorm or RMSNorm, and a model that caps its logits (parts of a capped sum do not add
    up). Cost: one forward pass.

    >>> from circuits import TASKS, load_model
    >>> from circuits.edits import Uniform
    >>> from circuits.edits.downstream import observe
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> seen = observe(model, prompts, ["IO"], {"a3.h3": (Uniform("END"),)})
    >>> at = seen.heads.index("a3.h3")  # whose row at END is the same everywhere: 1 of 14 or more tokens is IO
    >>> bool((seen.attention[:, at, 0] < 1 / 13).all())
    True
    """
    forward, by_layer = model.forward, checked(model, edits or {}, prompts)
    require_observable(model, prompts, groups)
    tokens = [[_tokens(prompts, number, group) for group in groups] for number in range(len(prompts))]
    split = logit_parts_of(model)
    n_heads, n_layers = forward.layers[0].n_heads, forward.n_layers
    n = len(prompts)
    attention, direct = np.zeros((n, n_layers * n_heads, len(groups))), np.zeros((n, n_layers * n_heads))
    others, difference = np.zeros((n, n_layers + 2)), np.zeros(n)

    def measure(batch: Batch) -> None:
        with torch.no_grad():
            at = list(batch.prompt_indices)
            seen = _run(forward, batch, by_layer, [tokens[number] for number in at])
            parts, whole = split(batch, seen.written, seen.final)
            attention[at] = torch.cat(seen.attention, dim=1).cpu().numpy()
            direct[at] = parts.heads[:, 0, :, 0].cpu().numpy()
            others[at] = torch.cat((parts.others[:, 0], parts.biases), dim=1)[..., 0].cpu().numpy()
            difference[at] = whole.cpu().numpy()

    each_batch(prompts, forward, measure, shares_prefix=False)
    names = tuple(f"a{layer}.h{head}" for layer in range(n_layers) for head in range(n_heads))
    return Observed(names, attention, direct, others, difference)


def require_observable(model: Model, prompts: PromptSet, groups: Sequence[str]) -> None:
    """Raise a ValueError, before anything runs, for whatever `observe` cannot look at."""
    require_groups(prompts, groups)
    logit_parts_of(model)


def require_groups(prompts: PromptSet, groups: Sequence[str]) -> None:
    """Raise a ValueError for prompts that `observe` cannot look at, whatever the model."""
    require_each(prompts, lambda number, _: [_tokens(prompts, number, group) for group in groups])
    require_compared(prompts)


def _tokens(prompts: PromptSet, number: int, group: str) -> list[int]:
    """The positions of a group in a prompt."""
    try:
        return list(SetRows(keys=group).weights(prompts.prompts[number].roles))
    except ValueError as error:
        raise ValueError(f"{prompts.called(number)}: {error}") from None


class _Seen(NamedTuple):
    """One run at the answer position: what writers gave there, attention per layer [sequence, head, group], and the
    final stream [sequence, d_model]."""

    written: Written
    attention: list[Tensor]
    final: Tensor


def _run(forward: Forward, batch: Batch, edits: ByLayer, groups: Sequence[Sequence[Sequence[int]]]) -> _Seen:
    """One run under edits; `groups` [sequence, group] positions."""
    member = torch.zeros(len(groups), len(groups[0]), batch.n_positions)
    for number, own in enumerate(groups):
        for group, positions in enumerate(own):
            member[number, group, positions] = 1
    member = member.to(forward.device)
    contexts, rows = forward.context(batch.n_positions), batch.answer_positions.unsqueeze(1)
    writers, attention = WrittenTap(forward, rows, reads_rows=True), []
    queries: dict[int, Tensor] = {}
    keys: dict[int, Tensor] = {}

    def keep(number: int, site: Site, value: Tensor) -> Tensor:
        if site == "query":
            queries[number] = writers.at_rows(number, value.transpose(1, 2)).transpose(1, 2)
        elif site == "key":
            keys[number] = value
        return writers(number, site, value)

    embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
    patterns: dict[tuple[int, int], Tensor] = {}
    tap = edit_tap(forward, batch, edits, keep, lambda layer, head, rows: patterns.update({(layer, head): rows}))
    final = forward.run(embedded, n_positions=batch.n_positions, rows=batch.read_positions, tap=tap)
    for number, layer in enumerate(forward.layers):
        bias = Places(0, rows).bias_rows(contexts[number].bias, len(rows))
        pattern = layer.pattern(queries[number], keys[number], bias)[:, :, 0].float()
        for (of, head), own in patterns.items():
            if of == number:
                pattern[:, head] = writers.at_rows(number, own)[:, 0]
        attention.append(torch.einsum("shk,sgk->shg", pattern, member))
    return _Seen(writers.written(embedded), attention, final[:, 0])
