"""What all profiles share: one number per prompt, place and head, read from a clean run while it passes a layer.

`Profile` reads every layer as it passes, `ContinuedProfile` that of prompts with their answers behind them, and
`AnswerProfile`, at the end of the run, what all parts wrote at the answer position. A profile describes a head and
changes nothing: a number here is evidence of what a head does, and no effect. Attention is not use: effects of heads
are measured by `circuits.methods`, of changed patterns by `circuits.edits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from circuits.cached import cached_property
from circuits.components import Component, Wiring, head
from circuits.data.answers import tokens_of
from circuits.data.prompts import Prompt, PromptSet
from circuits.lookup import role_meant
from circuits.scores import ALL_POSITIONS

if TYPE_CHECKING:
    from circuits.model.batches import Batch
    from circuits.model.forward import Forward
    from circuits.model.layers import Layer
    from circuits.model.load import Model
    from circuits.model.written import Written


class LayerSeen:
    """A layer of the clean run of some prompts of one length, at the moment it runs.

    places    what each profile's second axis is, for the whole prompt set
    pattern   [prompt, head, query, key] attention after the softmax, in float32
    visible   [prompt, query, key] which keys a query can see
    value     [prompt, head, key, d_head] what each head would read at a position; heads of one group read the same
    z         [prompt, position, head, d_head] what it did read
    residual  [prompt, position, d_model] the stream entering the layer
    """

    def __init__(
        self,
        forward: Forward,
        batch: Batch,
        number: int,
        places: Places,
        *,
        pattern: Tensor,
        visible: Tensor,
        value: Tensor,
        z: Tensor,
        residual: Tensor,
    ) -> None:
        self.forward, self.batch, self.number, self.places = forward, batch, number, places
        self.pattern, self.visible, self.residual, self.z = pattern, visible, residual, z
        self._value = value

    @property
    def layer(self) -> Layer:
        return self.forward.layers[self.number]

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return self.batch.prompts

    @property
    def n_positions(self) -> int:
        return self.pattern.shape[-1]

    @cached_property
    def value(self) -> Tensor:
        return self._value.repeat_interleave(self.pattern.shape[1] // self._value.shape[1], dim=1)

    @cached_property
    def outputs(self) -> Tensor:
        """[prompt, head, position, d_model] what each head adds to the stream, before a norm of the layer's sum."""
        return self.layer.head_outputs(self.z)

    @cached_property
    def choosing(self) -> Tensor:
        """[prompt, query] queries that can see more than one key, so that where they attend says something."""
        return self.visible.sum(-1) > 1

    @cached_property
    def tokens(self) -> Tensor:
        """[prompt, position] token ids."""
        return self.batch.clean


@dataclass(frozen=True)
class Seen:
    """What a profile reads off a layer.

    values    [prompt, place, head]
    measured  [prompt, place] whether the prompt has what is asked for; None where all have it
    """

    values: Tensor
    measured: Tensor | None = None


@dataclass(frozen=True)
class Profile:
    """One number per [prompt, place, head]. Subclasses are frozen dataclasses whose fields are their settings.

    unit    what the number counts, for tables: `share of attention`, `tokens`, ...
    bounds  the least and the largest value that it can have, as it is set by default; None where there is none
    counts  whether it is 1 or 0 for a prompt, so that its mean is a share of prompts
    by_default  whether it is read where none is named: it takes any model and any prompts, and says something of them
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    unit: ClassVar[str]
    bounds: ClassVar[tuple[float | None, float | None]] = (0, 1)
    counts: ClassVar[bool] = False
    by_default: ClassVar[bool] = True

    def check_model(self, model: Model) -> None:
        """Raise a ValueError where it cannot be read on this model."""

    def components(self, wiring: Wiring) -> tuple[Component, ...]:
        """What the last axis is: the heads, layer by layer."""
        return tuple(head(layer, index) for layer in range(wiring.n_layers) for index in range(wiring.n_heads))

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        """What the second axis is: `all`, or the roles of tokens."""
        return (ALL_POSITIONS,)

    def check(self, prompts: PromptSet) -> None:
        """Raise a ValueError where these prompts lack what the profile reads."""

    def note(self, prompts: PromptSet) -> str:
        """What has to be said beside its numbers on these prompts; empty where there is nothing."""
        return ""

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """`bounds` with these settings."""
        return self.bounds

    def read(self, seen: LayerSeen) -> Seen:
        """The numbers of a layer's heads."""
        raise NotImplementedError

    @property
    def settings(self) -> Mapping[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @property
    def label(self) -> str:
        """Its name, with the settings that are not at their defaults: `attention(to=IO)`."""
        given = [f"{entry.name}={getattr(self, entry.name)}" for entry in fields(self) if self._is_given(entry)]
        return f"{self.name}({', '.join(given)})" if given else self.name

    def _is_given(self, entry: Any) -> bool:
        return getattr(self, entry.name) != entry.default


STEPS = "steps"
"""The role of the positions at which an answer is said: the prompt's last one, and those of its tokens but the last."""


class ContinuedProfile(Profile):
    """Reads the prompts with their first answer behind them (teacher-forced), where the model says that answer itself.

    `STEPS` are the positions at which it is said. A prompt counts only where each of its tokens is the model's most
    likely one: what a head does while the model goes wrong is no part of what it does right.
    """

    by_default = False

    def note(self, prompts: PromptSet) -> str:
        return "only prompts count whose whole answer the model says itself, token by token"


def continued(prompts: PromptSet) -> PromptSet:
    """The prompts with their first answer behind them, all but its last token, with the role `STEPS`."""
    return replace(prompts, prompts=tuple(map(_continued, prompts)))


def _continued(prompt: Prompt) -> Prompt:
    *before, last = tokens_of(prompt.answers[0])
    roles = {**prompt.roles, STEPS: tuple(range(len(prompt) - 1, len(prompt) + len(before)))}
    clean, corrupt = (*prompt.clean, *before), (*prompt.corrupt, *before)
    return replace(
        prompt, clean=clean, corrupt=corrupt, answers=(last,), wrong_answers=(), answer_position=-1, roles=roles
    )


class AnswerSeen(NamedTuple):
    """The end of the clean run of some prompts of one length, at their answer positions.

    written  what every writer gave there, at that single place
    final    [prompt, d_model] the stream that it adds up to
    """

    model: Model
    batch: Batch
    written: Written
    final: Tensor


class AnswerProfile(Profile):
    """One number per [prompt, place, component], read at the end of the run, at the answer position."""

    by_default = False

    def read_answer(self, seen: AnswerSeen) -> Tensor:
        """[prompt, place, component]"""
        raise NotImplementedError


Places = Mapping[Profile, tuple[str, ...]]
"""What the second axis of each profile is, for a whole prompt set."""


def mean_over(values: Tensor, chosen: Tensor) -> Seen:
    """Means of values [prompt, head, query] over the chosen queries [prompt, query], at the single place `all`.

    Prompts without a chosen query are not measured.
    """
    weights = chosen.to(values.dtype)
    count = weights.sum(-1)
    total = torch.einsum("phq,pq->ph", values, weights)
    return Seen((total / count.clamp(min=1).unsqueeze(1)).unsqueeze(1), (count > 0).unsqueeze(1))


def earlier_copies(tokens: Tensor) -> Tensor:
    """[prompt, query, key] whether a key is an earlier occurrence of the query's token."""
    return (tokens.unsqueeze(2) == tokens.unsqueeze(1)).tril(-1)


def role_mask(prompts: Sequence[Prompt], role: str, n_positions: int, device: torch.device) -> Tensor:
    """[prompt, position] which positions have a role."""
    mask = torch.zeros(len(prompts), n_positions, dtype=torch.bool)
    for number, prompt in enumerate(prompts):
        mask[number, list(prompt.roles.get(role, ()))] = True
    return mask.to(device)


def require_role(prompts: PromptSet, role: str, what: str) -> None:
    """Raise a ValueError where no prompt has a role."""
    if any(role in prompt.roles for prompt in prompts):
        return
    known = sorted({name for prompt in prompts for name in prompt.roles})
    raise ValueError(
        f"{what}: no prompt of {prompts.task!r} has the role {role!r}. Roles are {', '.join(known)}."
        f"{role_meant(role, known)}"
    )
