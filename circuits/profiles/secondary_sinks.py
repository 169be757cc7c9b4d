"""Tokens whose stream comes to point where that of the first one points: secondary sinks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.profiles.base import Seen
from circuits.profiles.registry import register
from circuits.profiles.streams import StreamProfile, first_over_others, require_others

PLACES = ("first", "sinks", "starts", "lifetime")


@register
@dataclass(frozen=True)
class SecondarySinks(StreamProfile):
    """How many later tokens are sinks in a state, how many begin to be there, and for how many states those last.

    The first token is the primary sink. Its life begins behind the largest rise of its norm from a state to the next,
    and ends with the largest fall after that. A later token is a sink in those states of that life in which the cosine
    of its stream with the first token's is above `cosine`. Tokens that begin in one state and last equally long are one
    *level*.

    first      1 in the states of the primary sink's life, else 0
    sinks      how many later tokens are sinks in this state
    starts     how many are so for the first time
    lifetime   in how many states those that start here are sinks, their mean; not measured where none does

    The authors call a token like the first one where it lasts to within 15 layers of the model's depth, and noise below
    5, which says nothing of models with fewer layers: compare lifetimes with the number of states of `first`.

    peak  the least norm of the first token over the median of the others, in a state of its life. The authors ask for
          none (`peak=0`): without it a first token like any other has a life too

    Source: Wong et al. 2025 (arXiv 2512.22213).
    """

    name = "secondary-sinks"
    summary = "later tokens whose stream points where the first one's does: how many, from where, for how long"
    unit = "number"
    bounds = (0, None)

    cosine: float = 0.9
    peak: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.cosine < 1 or self.peak < 0:
            raise ValueError(
                f"cosine={self.cosine}, peak={self.peak}: give a cosine between 0 and 1, and a peak of 0 or more."
            )

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return PLACES

    def check(self, prompts: PromptSet) -> None:
        require_others(prompts, f"profile {self.label!r}")

    def keep(self, stream: Tensor) -> Tensor:
        """Norm of the first token, that over the median of the others, and the cosines of all others with it."""
        norms = stream.float().norm(dim=-1)
        along = torch.einsum("pkd,pd->pk", stream[:, 1:].float(), stream[:, 0].float())
        cosines = along / (norms[:, 1:] * norms[:, :1]).clamp(min=1e-12)
        return torch.cat((norms[:, :1], first_over_others(norms).unsqueeze(1), cosines), dim=1)

    def read_states(self, kept: Tensor) -> Seen:
        lives = life_of(kept[..., 0]) & (kept[..., 1] > self.peak)
        is_sink = (kept[..., 2:] > self.cosine) & lives.unsqueeze(-1)  # [prompt, state, later token]
        lifetime = is_sink.sum(1, keepdim=True)
        starts = is_sink & (is_sink.cumsum(1) == 1)
        n_starts = starts.sum(-1)
        mean_lifetime = (starts * lifetime).sum(-1) / n_starts.clamp(min=1)
        values = torch.stack((lives.float(), is_sink.sum(-1).float(), n_starts.float(), mean_lifetime), dim=1)
        measured = torch.ones_like(values, dtype=torch.bool)
        measured[:, PLACES.index("lifetime")] = n_starts > 0
        return Seen(values, measured)


def life_of(norms: Tensor) -> Tensor:
    """[prompt, state] whether a state is behind the largest rise of norms [prompt, state] and before the largest fall
    after that; to the end where none falls."""
    n_states = norms.shape[1]
    change = norms.diff(dim=1)
    start = change.argmax(dim=1, keepdim=True) + 1
    at = torch.arange(n_states, device=norms.device)
    later = change.masked_fill(at[:-1] < start, torch.inf)
    last = torch.where(later.amin(dim=1, keepdim=True) < 0, later.argmin(dim=1, keepdim=True), n_states - 1)
    return (at >= start) & (at <= last)
