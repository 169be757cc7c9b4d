"""The heads and MLPs of a model as a grid of colors, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping

from circuits.components import Component, Wiring
from circuits.html_text import html_grid


def html_heads(wiring: Wiring, values: Mapping[Component, float]) -> str:
    """A row per layer, the last layer on top: a cell for each part that writes there. Gray where it has no value."""
    layers: dict[int, list[Component]] = {}
    for part in wiring.writers:
        if part.layer is not None:
            layers.setdefault(part.layer, []).append(part)
    rows = {f"layer {layer}": [values.get(part) for part in layers[layer]] for layer in sorted(layers, reverse=True)}
    first = next(iter(layers.values()), [])
    return html_grid(rows, [str(part.index) if part.is_head else part.kind for part in first])
