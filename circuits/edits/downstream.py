"""What heads do at the answer position, also under edits: where they attend, and what they say of the answer directly.

Direct logit attribution: the final norm is linear once its scale is frozen at the value that it has in this very run,
so that the logit difference is a sum: one part for each writer (embedding, head, MLP) and one for the biases. The parts
add up to mean logit of the answers minus mean logit of the wrong answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.edits.check import ByLayer, Edits, checked
from circuits.edits.runs import edit_tap
from circuits.edits.set_rows import SetRows
from circuits.model.batches import Batch, each_batch
from circuits.model.forward import Forward, Site
from circuits.model.layers import Layer, Places
from circuits.model.norms import KnownNorm, known_norm

if TYPE_CHECKING:
    from circuits.model.load import Model


class Observed(NamedTuple):
    """Of every prompt, at its answer position.

    heads      names, layer by layer, of the `head` axes
    attention  [prompt, head, group] attention to the tokens of each group of roles
    direct     [prompt, head] direct logit attribution of each head
    others     [prompt, writer] that of the embedding, then of the MLPs, then of all biases together
    difference [prompt] the logit difference that the parts add up to
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
    """
    forward, by_layer = model.forward, checked(model, edits or {}, prompts)
    require_observable(model, prompts, groups)
    tokens = [[_tokens(prompts, number, group) for group in groups] for number in range(len(prompts))]
    norm = _final_norm(model)
    n_heads, n_layers = forward.layers[0].n_heads, forward.n_layers
    n = len(prompts)
    attention, direct = np.zeros((n, n_layers * n_heads, len(groups))), np.zeros((n, n_layers * n_heads))
    others, difference = np.zeros((n, n_layers + 2)), np.zeros(n)

    def measure(batch: Batch) -> None:
        with torch.no_grad():
            at = list(batch.prompt_indices)
            seen = _run(forward, batch, by_layer, [tokens[number] for number in at])
            parts = _parts(forward, norm, batch, seen)
            attention[at] = torch.cat(seen.attention, dim=1).cpu().numpy()
            direct[at], others[at], difference[at] = (part.cpu().numpy() for part in parts)

    each_batch(prompts, forward, measure, shares_prefix=False)
    names = tuple(f"a{layer}.h{head}" for layer in range(n_layers) for head in range(n_heads))
    return Observed(names, attention, direct, others, difference)


def require_observable(model: Model, prompts: PromptSet, groups: Sequence[str]) -> None:
    """Raise a ValueError, before anything runs, for whatever `observe` cannot look at."""
    for number, prompt in enumerate(prompts):
        for group in groups:
            _tokens(prompts, number, group)
        if not prompt.wrong_answers or prompt.has_long_answers:
            lacks = "answers of several tokens" if prompt.has_long_answers else "no wrong answer"
            raise ValueError(
                f"{prompts.called(number)} has {lacks}: direct attribution compares right and wrong answers of one "
                "token each."
            )
    _final_norm(model)


def _tokens(prompts: PromptSet, number: int, group: str) -> list[int]:
    """The positions of a group in a prompt."""
    try:
        return list(SetRows(keys=group).weights(prompts.prompts[number].roles))
    except ValueError as error:
        raise ValueError(f"{prompts.called(number)}: {error}") from None


class _Seen(NamedTuple):
    """One run at the answer position: embedding, mlp and final [sequence, d_model], z per layer [sequence, head,
    d_head], attention per layer [sequence, head, group]."""

    embedded: Tensor
    z: list[Tensor]
    mlp: list[Tensor | None]
    attention: list[Tensor]
    final: Tensor


def _run(forward: Forward, batch: Batch, edits: ByLayer, groups: Sequence[Sequence[Sequence[int]]]) -> _Seen:
    """One run under edits; `groups` [sequence, group] positions."""
    member = torch.zeros(len(groups), len(groups[0]), batch.n_positions)
    for number, own in enumerate(groups):
        for group, positions in enumerate(own):
            member[number, group, positions] = 1
    member = member.to(forward.device)
    seen = _Seen(torch.empty(0), [], [None] * forward.n_layers, [], torch.empty(0))
    contexts, rows = forward.context(batch.n_positions), batch.answer_positions.unsqueeze(1)
    queries: dict[int, Tensor] = {}
    keys: dict[int, Tensor] = {}

    def at_answer(number: int, values: Tensor) -> Tensor:
        """[sequence, ...] of values [sequence, position, ...], of which the last layer holds the answer's alone"""
        return values[:, 0] if number == forward.n_layers - 1 else forward.at_rows(values, rows[:, 0], 0)

    def keep(number: int, site: Site, value: Tensor) -> Tensor:
        if site == "query":
            queries[number] = at_answer(number, value.transpose(1, 2)).unsqueeze(2)
        elif site == "key":
            keys[number] = value
        elif site == "z":
            seen.z.append(at_answer(number, value))
        elif site == "mlp":
            seen.mlp[number] = at_answer(number, value)
        return value

    embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
    patterns: dict[tuple[int, int], Tensor] = {}
    tap = edit_tap(forward, batch, edits, keep, lambda layer, head, rows: patterns.update({(layer, head): rows}))
    final = forward.run(embedded, n_positions=batch.n_positions, rows=batch.read_positions, tap=tap)
    for number, layer in enumerate(forward.layers):
        bias = Places(0, rows).bias_rows(contexts[number].bias, len(rows))
        pattern = layer.pattern(queries[number], keys[number], bias)[:, :, 0].float()
        for (of, head), own in patterns.items():
            if of == number:
                pattern[:, head] = at_answer(number, own)
        seen.attention.append(torch.einsum("shk,sgk->shg", pattern, member))
    return seen._replace(embedded=forward.at_rows(embedded, rows[:, 0], 0), final=final[:, 0])


def _final_norm(model: Model) -> KnownNorm | None:
    forward = model.forward
    if forward.final_softcap is not None:
        raise ValueError(f"{model.name!r} caps its logits, so that no parts add up to their difference.")
    if forward.norm_final is None:
        return None
    norm = known_norm(forward.norm_final, forward.weight_u)
    if norm is None:
        raise ValueError(
            f"the final norm of {model.name!r} is neither a LayerNorm nor an RMSNorm: it cannot be frozen."
        )
    return norm


def _pulled(norm: KnownNorm | None, at: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """What a norm, its scale frozen at `at`, makes of a direction [sequence, d_model] that is read behind it: the
    direction to be read in front of it, and what its bias adds [sequence]."""
    if norm is None:
        return direction, direction.new_zeros(len(direction))
    return norm.centered(norm.gain.float() * direction) * norm.scale(at), direction @ norm.bias.float()


def _parts(forward: Forward, norm: KnownNorm | None, batch: Batch, seen: _Seen) -> tuple[Tensor, Tensor, Tensor]:
    """Direct attributions [sequence, head], [sequence, writer] and the logit difference [sequence]."""
    direction = forward.logit_scale * _answers_minus_wrong(forward.weight_u, batch)
    pulled, biases = _pulled(norm, seen.final, direction)
    if forward.bias_u is not None:
        biases = biases + forward.logit_scale * _answers_minus_wrong(forward.bias_u, batch)
    heads, others = [], [(seen.embedded.float() * pulled).sum(-1)]
    for layer, z, mlp in zip(forward.layers, seen.z, seen.mlp, strict=True):
        before, added = _pulled(_norm_behind(layer), layer.heads_sum(z), pulled)
        heads.append(torch.einsum("shd,hde,se->sh", z.float(), layer.head_weights_o.float(), before))
        biases = biases + added + (0 if layer.bias_o is None else before @ layer.bias_o.float())
        others.append(torch.zeros_like(biases) if mlp is None else (mlp.float() * pulled).sum(-1))
    logits = forward.logits(seen.final)
    means = [
        [own[list(side)].mean() for side in (prompt.answers, prompt.wrong_answers)]
        for own, prompt in zip(logits, batch.prompts, strict=True)
    ]
    difference = torch.stack([right - wrong for right, wrong in means])
    return torch.cat(heads, dim=1), torch.stack([*others, biases], dim=1), difference


def _norm_behind(layer: Layer) -> KnownNorm | None:
    if layer.norm_attention_out is None:
        return None
    norm = known_norm(layer.norm_attention_out, layer.weight_o)
    if norm is None or layer.norm_z is not None:
        raise ValueError("a norm behind the heads is neither a LayerNorm nor an RMSNorm: it cannot be frozen.")
    return norm


def _answers_minus_wrong(values: Tensor, batch: Batch) -> Tensor:
    """[prompt, ...] means of values [token, ...] over the answers, minus those over the wrong answers."""
    return torch.stack(
        [
            values[list(prompt.answers)].float().mean(0) - values[list(prompt.wrong_answers)].float().mean(0)
            for prompt in batch.prompts
        ]
    )
