"""Refuse edits that cannot be done, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from circuits.components import Component, require_head
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.refused import require_each
from circuits.edits.base import Edit, OutputEdit
from circuits.edits.places import ONWARD, is_position, matching, rows_within
from circuits.edits.set_rows import SetRows
from circuits.kinds import KINDS
from circuits.numbers import count_text

if TYPE_CHECKING:
    from circuits.model.load import Model

Edits = Mapping[str, Edit | Sequence[Edit]]
"""Name of a head -> its edit, or its edits one after the other. Output edits come after all pattern edits."""
ByLayer = dict[int, dict[int, tuple[Edit, ...]]]
"""Layer -> head -> its edits."""


def checked(model: Model, edits: Edits, prompts: PromptSet | None = None) -> ByLayer:
    """The edits by layer. ValueError for a head that the model does not have, a role that a prompt lacks, a key that a
    row cannot see, and roles without prompts.

    prompts  those that will run; None where edits name positions alone
    """
    by_layer = heads_by_layer(model, edits)
    for _, edit, layer in _distinct(by_layer):
        if prompts is not None:
            _require_seen(model, edit, layer, prompts)
            continue
        require_no_roles(edit)
        if isinstance(edit, SetRows):
            _require_positions(model, edit)
    return _without_identities(by_layer)


def require_no_roles(edit: Edit) -> None:
    """Raise a ValueError for an edit of roles, where there are no prompts that have any.

    >>> from circuits.edits import edit_from
    >>> from circuits.edits.check import require_no_roles
    >>> require_no_roles(edit_from("uniform all"))
    """
    if edit.roles:
        raise ValueError(
            f"{edit.text!r} names {', '.join(edit.roles)}, which are roles of prompts: give the prompts, or positions."
        )


def heads_by_layer(model: Model, edits: Edits) -> ByLayer:
    """The edits by layer and head. ValueError for a head that the model does not have, or that cannot change alone."""
    layers, by_layer = model.forward.layers, ByLayer()
    for name, given in edits.items():
        head = Component.parse(name, offered=[KINDS["head"]])
        require_head(head, model=model.name, n_layers=len(layers), n_heads=layers[0].n_heads)
        assert head.layer is not None
        assert head.index is not None
        if layers[head.layer].norm_z is not None:
            raise ValueError(
                f"{model.name!r} normalizes the outputs of all heads of a layer together, so that no edit changes one "
                "head alone."
            )
        if head.index in by_layer.get(head.layer, {}):
            raise ValueError(f"{name!r} is given twice, by two names: give a head all its edits at once.")
        own = (given,) if isinstance(given, Edit) else tuple(given)
        for edit in own:
            require_possible(head, edit, n_layers=len(layers), n_heads=layers[0].n_heads)
        if own:
            by_layer.setdefault(head.layer, {})[head.index] = own
    return by_layer


def require_possible(head: Component, edit: Edit, *, n_layers: int, n_heads: int) -> None:
    """Raise a ValueError where an edit cannot be one of this head, whatever the prompts.

    >>> from circuits import Component
    >>> from circuits.edits import edit_from
    >>> from circuits.edits.check import require_possible
    >>> require_possible(Component.parse("a0.h1"), edit_from("set END 1"), n_layers=4, n_heads=4)
    """
    last = n_layers - 1
    if edit.needs_all_rows and head.layer == last:
        raise ValueError(
            f"{edit.text!r} of {head} must see the rows of all queries, and the last layer, {last}, is computed where "
            "answers are read alone: leave its heads out."
        )
    source = edit.source if isinstance(edit, OutputEdit) else None
    if source is None:
        return
    other = Component.parse(source, offered=[KINDS["head"]])
    if not other.is_head or other.layer != head.layer or (other.index or 0) >= n_heads:
        raise ValueError(
            f"{edit.text!r} of {head}: name a head of its layer, a{head.layer}.h0 or another, not {source}."
        )


def _without_identities(by_layer: ByLayer) -> ByLayer:
    """The edits that change something."""
    kept: ByLayer = {}
    for layer, heads in by_layer.items():
        for head, own in heads.items():
            if changing := tuple(edit for edit in own if not edit.is_identity):
                kept.setdefault(layer, {})[head] = changing
    return kept


def _distinct(by_layer: ByLayer) -> list[tuple[str, Edit, int]]:
    """Every edit once for each layer."""
    found = {(edit.text, layer): edit for layer, heads in by_layer.items() for own in heads.values() for edit in own}
    return [(text, edit, layer) for (text, layer), edit in found.items()]


class Places(NamedTuple):
    """What an edit names in one prompt: positions of its rows, and the weights of its keys where it sets rows."""

    rows: list[int]
    keys: Mapping[int, float]


def require_places(edit: Edit, prompts: PromptSet) -> list[Places]:
    """What an edit names in each prompt. ValueError where a prompt lacks a role or a position that it names.

    >>> from circuits import Prompt, PromptSet
    >>> from circuits.edits import edit_from
    >>> from circuits.edits.check import require_places
    >>> prompt = Prompt(clean=(5, 7, 5), corrupt=(5, 8, 5), answers=(7,), roles={"first": (1,)})
    >>> require_places(edit_from("set END first"), PromptSet("own", (prompt,)))
    [Places(rows=[2], keys={1: 1.0})]
    """
    return require_each(prompts, lambda number, prompt: _places_in(edit, prompt, prompts.called(number)))


def _places_in(edit: Edit, prompt: Prompt, called: str) -> Places:
    try:
        rows = rows_within(edit.rows, prompt.roles, len(prompt))
        keys = edit.weights(prompt.roles) if isinstance(edit, SetRows) else {}
        for place in edit.key_places:
            matching(place, prompt.roles)
    except ValueError as error:
        raise ValueError(f"{edit.text!r} cannot edit {called}: {error}") from None
    if not rows and not edit.rows.endswith(ONWARD):
        raise ValueError(
            f"{edit.text!r} edits nothing: there is no row {edit.rows}; {called} has "
            f"{count_text(len(prompt), 'token')}."
        )
    if beyond := [key for key in keys if key >= len(prompt)]:
        raise ValueError(f"{edit.text!r} names position {beyond[0]}; {called} has {count_text(len(prompt), 'token')}.")
    return Places(rows, keys)


def _require_seen(model: Model, edit: Edit, layer: int, prompts: PromptSet) -> None:
    """Raise a ValueError where a prompt lacks a place that the edit names, or a row cannot see its key."""
    for number, (prompt, (rows, keys)) in enumerate(zip(prompts, require_places(edit, prompts), strict=True)):
        if not rows or not keys:
            continue
        _require_no_future(model, edit, keys, rows, prompts.called(number))
        bias = model.forward.context(len(prompt))[layer].bias[0, 0]
        hidden = bias[rows][:, list(keys)] <= torch.finfo(bias.dtype).min / 2
        if bool(hidden.any()):
            row, key = (int(index) for index in hidden.nonzero()[0])
            raise ValueError(
                f"{edit.text!r} cannot edit {prompts.called(number)}: layer {layer} does not let position {rows[row]} "
                f"see {list(keys)[key]} (its window is shorter)."
            )


def _require_no_future(model: Model, edit: Edit, keys: Mapping[int, float], rows: Sequence[int], of: str) -> None:
    if model.forward.is_causal and max(keys) > min(rows):
        raise ValueError(
            f"{edit.text!r} cannot edit {of}: position {min(rows)} cannot see {max(keys)}, which is in its future. "
            "Name rows after the keys, such as END."
        )


def _require_positions(model: Model, edit: SetRows) -> None:
    """Raise a ValueError where rows and keys are positions, and a row comes before a key."""
    keys, place = edit.weights({}), edit.rows.removesuffix(ONWARD)
    first = int(place) if is_position(place) else 0
    _require_no_future(model, edit, keys, [first], "any prompt")
