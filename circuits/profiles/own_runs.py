"""What profiles share that need runs of their own: without the picture, or with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.data.refused import RefusedPrompts
from circuits.profiles.base import Profile

if TYPE_CHECKING:
    from circuits.model.load import Model


class OwnRunsProfile(Profile):
    """One number per [prompt, place, head] from runs that no other profile shares."""

    by_default = False

    def measure(self, model: Model, prompts: PromptSet, places: Sequence[str]) -> Tensor:
        """[prompt, place, head], heads layer by layer."""
        raise NotImplementedError


def require_images(prompts: PromptSet, what: str) -> None:
    """Raise a ValueError where a prompt shows no image."""
    if lacking := [number for number, prompt in enumerate(prompts) if prompt.image_tokens is None]:
        raise RefusedPrompts(
            f"{what}: {prompts.called(lacking[0])} shows no image. Take a task with images (`circuits tasks`).", lacking
        )
