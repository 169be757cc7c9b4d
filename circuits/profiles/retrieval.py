"""How much of a span a head looks up, token by token, while the model says it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.data.answers import tokens_of
from circuits.data.prompts import PromptSet
from circuits.profiles.base import STEPS, ContinuedProfile, LayerSeen, Seen, require_role, role_mask
from circuits.profiles.registry import register

NEEDLE = "needle"  # the role, in the prompts of task needle


@register
@dataclass(frozen=True)
class Retrieval(ContinuedProfile):
    """The share of a span's positions from which a head copies: it attends most to one while that very token is said.

    The span is what has the role `of`. With `count=True` each step counts, also one that copies from a position again,
    as in the authors' code, so that it may exceed 1. A head that attends to the token before the one that is said gets
    nothing: this tells it from a previous-token head's neighbor. Prompts without the role, and those that the model
    does not answer itself, are not measured.

    Source: Wu et al. 2024 (arXiv 2404.15574). A low score does not make a head unimportant: what feeds a retrieval
    head has none.
    """

    name = "retrieval"
    summary = "share of a span (the needle) that a head copies token by token while the model says it"
    unit = "share of the span"

    of: str = NEEDLE
    count: bool = False

    @property
    def limits(self) -> tuple[float | None, float | None]:
        return (0, None) if self.count else self.bounds

    def check(self, prompts: PromptSet) -> None:
        require_role(prompts, self.of, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        return _copied(seen, self.of, each_step=self.count)


@register
@dataclass(frozen=True)
class RetrievalFrequency(ContinuedProfile):
    """1 where a head copies from the span at least once, else 0: its mean is how often a head is active."""

    name = "retrieval-frequency"
    summary = "whether a head copies any token of a span (the needle) while the model says it"
    unit = "share of prompts"
    counts = True

    of: str = NEEDLE

    def check(self, prompts: PromptSet) -> None:
        require_role(prompts, self.of, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        copied = _copied(seen, self.of, each_step=False)
        return Seen((copied.values > 0).float(), copied.measured)


def _copied(seen: LayerSeen, of: str, *, each_step: bool) -> Seen:
    """[prompt, 1, head] positions of a span that are copied from, over its length; or steps that copy, likewise."""
    span = role_mask(seen.prompts, of, seen.n_positions, seen.pattern.device)
    steps = role_mask(seen.prompts, STEPS, seen.n_positions, seen.pattern.device)
    most = seen.pattern.argmax(dim=-1)  # [prompt, head, query] the first of equals
    attended = seen.tokens.unsqueeze(1).expand_as(most).gather(2, most)
    is_in_span = span.unsqueeze(1).expand_as(most).gather(2, most)
    copies = is_in_span & (attended == _said(seen).unsqueeze(1)) & steps.unsqueeze(1)
    hits = torch.zeros_like(seen.pattern[:, :, 0]).scatter_add_(2, most, copies.to(seen.pattern))
    total = hits.sum(-1) if each_step else (hits > 0).sum(-1)
    length = span.sum(-1, keepdim=True)
    return Seen((total / length.clamp(min=1)).unsqueeze(1), length > 0)


def _said(seen: LayerSeen) -> Tensor:
    """[prompt, position] the token that follows; at the last step the last one of the answer, which is not there."""
    said = seen.tokens.roll(-1, dims=1)
    last = [tokens_of(prompt.answers[0])[-1] for prompt in seen.prompts]
    rows = torch.arange(len(said), device=said.device)
    said[rows, seen.batch.answer_positions] = torch.tensor(last, device=said.device)
    return said
