"""How much of the attention to a picture goes to tokens that are sinks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.data.prompts import END, PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, require_role, role_mask
from circuits.profiles.image_attention import image_mask
from circuits.profiles.own_runs import require_images
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class VisualSinks(Profile):
    """Of a head's attention to the image, the share on sink tokens; and the share of the image's tokens that are sinks.

    A token is a sink in a layer where one of the dimensions that are massive at the first token is more than `over`
    times the root mean square of its stream. The authors name these dimensions for two models; here they are those in
    which the first token's stream is more than `massive` times its median size, in each layer and prompt: where there
    are none, no token is a sink.

    Source: Kang et al. 2025, "See What You Are Told" (visual attention sinks), with over=20.
    """

    name = "visual-sinks"
    summary = "share of the attention to the image that goes to sink tokens, and share of its tokens that are sinks"
    unit = "share"
    by_default = False

    query: str = END
    over: float = 20.0
    massive: float = 100.0

    def __post_init__(self) -> None:
        if self.over <= 0 or self.massive <= 0:
            raise ValueError(f"over={self.over}, massive={self.massive}: give numbers above 0.")

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return ("attention", "tokens")

    def check(self, prompts: PromptSet) -> None:
        require_images(prompts, f"profile {self.label!r}")
        require_role(prompts, self.query, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        image = image_mask(seen)
        sinks = image & self._are_sinks(seen.residual.float())
        queries = role_mask(seen.prompts, self.query, seen.n_positions, image.device)
        rows = torch.einsum("phqk,pq->phk", seen.pattern, queries.to(seen.pattern))
        to_image, to_sinks = ((rows * mask[:, None]).sum(-1) for mask in (image, sinks))
        share = to_sinks / to_image.clamp(min=1e-12)
        of_tokens = (sinks.sum(-1) / image.sum(-1)).unsqueeze(1).expand_as(share)
        has_query = queries.any(-1, keepdim=True)
        return Seen(torch.stack((share, of_tokens), dim=1), has_query.expand(-1, 2))

    def _are_sinks(self, stream: Tensor) -> Tensor:
        """[prompt, position] of a stream [prompt, position, d_model]."""
        first = stream[:, 0].abs()
        is_massive = first > self.massive * first.quantile(0.5, dim=-1, keepdim=True)
        largest = (stream.abs() * is_massive.unsqueeze(1)).amax(-1)
        return largest > self.over * (stream.square().mean(-1) + 1e-12).sqrt()
