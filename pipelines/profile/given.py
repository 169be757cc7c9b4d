"""Profiles as they are written on the command line: `attention:query=S2:to=IO`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from circuits.lookup import lookup, unknown
from circuits.profiles import PROFILES, Profile, WeightProfile
from pipelines.runs.method_settings import made_of
from pipelines.runs.settings_file import parse_assignments


def profiles_from(texts: Sequence[str], *, of_weights: bool = False) -> tuple[Profile, ...]:
    """The profiles that are written so, each once; where none is given, all that take any prompts, with their defaults.

    of_weights  where none is given, those that read weights

    ValueError for one that is not known, and for a setting that it does not have.
    """
    by_default = (name for name, kind in PROFILES.items() if kind.by_default)
    every = [name for name in by_default if issubclass(PROFILES[name], WeightProfile) == of_weights]
    return tuple(dict.fromkeys(map(profile_from, texts or every)))


def profile_from(text: str) -> Profile:
    """One profile: its name, and after colons its settings as KEY=VALUE."""
    name, *assignments = text.split(":")
    kind = lookup(PROFILES, name, "profile")
    known = [entry.name for entry in dataclasses.fields(kind)]
    settings = parse_assignments(assignments, f"--profiles {text}")
    for key in settings:
        if key not in known:
            if not known:
                raise ValueError(f"profile {name!r} has no settings; got {key!r}.")
            raise ValueError(unknown(key, known, f"setting of profile {name}"))
    return made_of(kind, settings, f"profile {name!r}")


def as_text(profile: Profile) -> str:
    """A profile as it is written; `profile_from` reads it back."""
    settings = {entry.name: getattr(profile, entry.name) for entry in dataclasses.fields(profile)}
    defaults = {entry.name: entry.default for entry in dataclasses.fields(profile)}
    given = [f"{key}={value}" for key, value in settings.items() if value != defaults[key]]
    return ":".join([profile.name, *given])
