"""Layers with patterns given by hand, as profiles see them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.profiles import Profile
from circuits.profiles.base import LayerSeen


def seen(
    rows: list[list[float]] | torch.Tensor, *profiles: Profile, tokens: tuple[int, ...] = (), **roles: tuple[int, ...]
) -> LayerSeen:
    """A layer of one prompt and one head with this pattern [query, key], for these profiles."""
    pattern = torch.as_tensor(rows, dtype=torch.float32)[None, None]
    tokens = tokens or tuple(range(pattern.shape[-1]))
    prompt = Prompt(tokens, tokens, (0,), roles=roles)
    batch: Any = SimpleNamespace(prompts=(prompt,), clean=torch.tensor([tokens]))
    nothing = torch.zeros(1, len(tokens), 1, 2)
    return LayerSeen(
        SimpleNamespace(),  # pyright: ignore[reportArgumentType]
        batch,
        0,
        {profile: profile.places(PromptSet("by hand", (prompt,))) for profile in profiles},
        pattern=pattern,
        visible=torch.ones_like(pattern[0], dtype=torch.bool).tril(),
        value=nothing.transpose(1, 2),
        z=nothing,
        residual=nothing[:, :, 0],
    )


def by_place(profile: Profile, of: LayerSeen) -> dict[str, float | None]:
    """The number of the head at each place; None where the prompt is not measured there."""
    read = profile.read(of)
    known = torch.ones_like(read.values[..., 0], dtype=torch.bool) if read.measured is None else read.measured
    values = zip(read.values[0, :, 0].tolist(), known[0].tolist(), strict=True)
    return dict(zip(of.places[profile], (value if there else None for value, there in values), strict=True))
