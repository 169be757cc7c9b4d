"""How much of a head's attention goes to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.data.prompts import END, PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over, require_role, role_mask
from circuits.profiles.own_runs import require_images
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class ImageAttention(Profile):
    """Attention to all tokens of the image, mean over the queries of a role: END by default.

    Its parts, such as `object-visual`, are roles of the prompts: profile `attention` reads them. The share is given as
    it is, and not relative to that of other tokens, as some define a visual attention score.
    """

    name = "image-attention"
    summary = "attention from a role to all tokens of the image"
    unit = "share of attention"
    by_default = False

    query: str = END

    def check(self, prompts: PromptSet) -> None:
        require_images(prompts, f"profile {self.label!r}")
        require_role(prompts, self.query, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        queries = role_mask(seen.prompts, self.query, seen.n_positions, seen.pattern.device)
        return mean_over((seen.pattern * image_mask(seen)[:, None, None]).sum(-1), queries)


def image_mask(seen: LayerSeen) -> Tensor:
    """[prompt, position] which tokens are the image's."""
    at = torch.arange(seen.n_positions, device=seen.pattern.device)
    ends = torch.tensor([prompt.image_tokens for prompt in seen.prompts], device=at.device)
    return (at >= ends[:, :1]) & (at < ends[:, 1:])
