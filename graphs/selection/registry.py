"""SELECTIONS: the rules by which circuits are chosen, by name; other packages can add some (`circuits.registry`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from circuits.lookup import unknown
from circuits.registry import Registry, subclass_of
from graphs.selection.base import Selection

_FORMER_SETTINGS = {"place": "position"}  # setting as files of earlier versions call it -> its name now


SELECTIONS: Registry[type[Selection]] = Registry("selections", subclass_of(Selection))
register = SELECTIONS.register


def selection_from(description: Mapping[str, Any]) -> Selection:
    """The selection that `describe` described. ValueError for an unknown name or setting.

    >>> from graphs import selection_from
    >>> selection_from({"name": "greedy", "n": 100})
    Greedy(n=100, absolute=True)
    """
    settings = current_settings(description)
    name = settings.pop("name", None)
    if name not in SELECTIONS:
        raise ValueError(unknown(str(name), SELECTIONS, "selection"))
    known = [field.name for field in fields(SELECTIONS[name])]
    for key in settings:
        if key not in known:
            raise ValueError(f"{name}: {unknown(key, known, 'setting')}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    try:
        return SELECTIONS[name](**values)
    except TypeError as error:
        raise ValueError(f"{name} needs more settings ({error}). It has: {', '.join(known)}.") from None


def current_settings(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with settings as they are named now, whichever version of this package wrote it."""
    return {_FORMER_SETTINGS.get(name, name): value for name, value in description.items()}
