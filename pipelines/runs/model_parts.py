"""Refuse heads, layers and edits that a model does not have by its configuration, before its weights are loaded."""

from __future__ import annotations

from collections.abc import Iterable

from circuits.components import Component, require_head
from circuits.model.sources import find_model
from circuits.numbers import count_text
from pipelines.costs.shape_of import shape_of_files


def require_heads(names: Iterable[str], model: str) -> None:
    """Raise a ValueError for a head that the model does not have. Where its configuration does not tell, nothing is
    refused here: the model itself says so once it is loaded."""
    source = find_model(model)
    if (shape := shape_of_files(source)) is None:
        return
    for name in names:
        require_head(Component.parse(name), model=source.name, n_layers=shape.n_layers, n_heads=shape.n_heads)


def require_parts(parts: Iterable[Component], model: str) -> None:
    """Raise a ValueError for a head or a layer that the model does not have, likewise; how key-value heads are called
    the model itself says."""
    if not (named := tuple(parts)):
        return
    source = find_model(model)
    if (shape := shape_of_files(source)) is None:
        return
    for part in named:
        if part.is_head:
            require_head(part, model=source.name, n_layers=shape.n_layers, n_heads=shape.n_heads)
        # The stream has one more, that which leaves the last.
        elif part.layer is not None and part.layer >= shape.n_layers + part.is_state:
            raise ValueError(f"{source.name!r} has no {part}: its layers are 0 to {shape.n_layers - 1}.")


def require_edits(heads: Iterable[str], edits: Iterable[str], model: str) -> None:
    """Raise a ValueError for heads that the model does not have, and for edits that are none of theirs, likewise."""
    from circuits.edits import edit_from
    from circuits.edits.check import require_possible

    names = tuple(heads)
    require_heads(names, model)
    if (shape := shape_of_files(find_model(model))) is None:
        return
    for edit in map(edit_from, edits):
        for name in names:
            require_possible(Component.parse(name), edit, n_layers=shape.n_layers, n_heads=shape.n_heads)


def require_as_many_heads(n: int, model: str) -> None:
    """Raise a ValueError where more heads are asked for than the model has, likewise."""
    source = find_model(model)
    shape = shape_of_files(source)
    if shape is not None and n > (n_heads := shape.n_layers * shape.n_heads):
        raise ValueError(f"--heads asks for {count_text(n, 'head')}; {source.name!r} has {n_heads}.")


def require_stream(layer: int, model: str) -> None:
    """Raise a ValueError for a layer whose stream the model does not have, likewise."""
    from circuits.edits.concept import require_layer

    source = find_model(model)
    if (shape := shape_of_files(source)) is not None:
        require_layer(layer, model=source.name, n_layers=shape.n_layers)
