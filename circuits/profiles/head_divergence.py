"""How much a head's output at the end depends on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.model.without_image import last_outputs, without_images
from circuits.profiles.own_runs import OwnRunsProfile, require_images
from circuits.profiles.registry import register

if TYPE_CHECKING:
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class HeadDivergence(OwnRunsProfile):
    """Norm of a head's output z at the last position with the picture minus that without its tokens (VHD).

    Without them later text moves up. `circuits intervene vhr` strengthens heads by it. Source: arXiv 2412.13949.
    """

    name = "head-divergence"
    summary = "how far a head's output at the end moves where the picture is left out (VHD)"
    unit = "norm"
    bounds = (0, None)

    def check(self, prompts: PromptSet) -> None:
        require_images(prompts, f"profile {self.label!r}")

    def measure(self, model: Model, prompts: PromptSet, places: Sequence[str]) -> Tensor:
        seeing, blind = last_outputs(model, prompts), last_outputs(model, without_images(prompts))
        return (seeing - blind).norm(dim=-1).unsqueeze(1)
