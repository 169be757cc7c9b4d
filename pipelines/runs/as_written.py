"""Parts with settings as they are written on the command line: `attention:query=S2:to=IO`, `mover:min_effect=0.1`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from circuits.lookup import lookup, unknown
from pipelines.runs.method_settings import made_of
from pipelines.runs.settings_file import parse_assignments

AnyPart = TypeVar("AnyPart")


def part_from(registry: Mapping[str, type[AnyPart]], text: str, what: str, option: str) -> AnyPart:
    """One part of a registry: its name, and after colons its settings as KEY=VALUE.

    what    such parts are called; `option` is the one that it was given with

    ValueError for a name that is not known, and for a setting that it does not have.
    """
    name, *assignments = text.split(":")
    kind: Any = lookup(registry, name, what)
    known = [entry.name for entry in dataclasses.fields(kind)]
    if wrong := [one for one in assignments if "=" not in one]:
        has = f"Settings of {name}: {', '.join(known)}." if known else f"{name} has no settings."
        raise ValueError(f"{what} {text!r}: {wrong[0]!r} is no setting, KEY=VALUE. {has}")
    settings = parse_assignments(assignments, f"{option} {text}")
    for key in settings:
        if key not in known:
            if not known:
                raise ValueError(f"{what} {name!r} has no settings; got {key!r}.")
            raise ValueError(unknown(key, known, f"setting of {what} {name}"))
    return made_of(kind, settings, f"{what} {name!r}")


def part_as_text(part: Any) -> str:
    """A part as it is written; `part_from` reads it back. Settings at their defaults are left out."""
    settings = {entry.name: getattr(part, entry.name) for entry in dataclasses.fields(part)}
    defaults = {entry.name: entry.default for entry in dataclasses.fields(part)}
    given = [f"{key}={value}" for key, value in settings.items() if value != defaults[key]]
    return ":".join([part.name, *given])
