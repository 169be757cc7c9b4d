"""Refuse heads and layers that a model does not have by its configuration, before its weights are loaded."""

from __future__ import annotations

from collections.abc import Iterable

from circuits.components import Component, require_head
from circuits.model.sources import find_model
from pipelines.costs.shape_of import shape_of_files


def require_heads(names: Iterable[str], model: str) -> None:
    """Raise a ValueError for a head that the model does not have. Where its configuration does not tell, nothing is
    refused here: the model itself says so once it is loaded."""
    source = find_model(model)
    if (shape := shape_of_files(source)) is None:
        return
    for name in names:
        require_head(Component.parse(name), model=source.name, n_layers=shape.n_layers, n_heads=shape.n_heads)


def require_stream(layer: int, model: str) -> None:
    """Raise a ValueError for a layer whose stream the model does not have, likewise."""
    from circuits.edits.concept import require_layer

    source = find_model(model)
    if (shape := shape_of_files(source)) is not None:
        require_layer(layer, model=source.name, n_layers=shape.n_layers)
