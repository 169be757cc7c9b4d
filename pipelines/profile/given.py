"""Profiles as they are written on the command line: `attention:query=S2:to=IO`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from circuits.profiles import PROFILES, Profile, WeightProfile
from pipelines.runs.as_written import part_as_text, part_from

# `attention=END->IO`, and perhaps more settings behind it.
_BETWEEN = re.compile(r"(?P<name>[^:=]+)=(?P<query>[^:=]+)->(?P<to>[^:=]+)(?P<more>(:.*)?)")


def profiles_from(texts: Sequence[str], *, of_weights: bool = False) -> tuple[Profile, ...]:
    """The profiles that are written so, each once; where none is given, all that take any prompts, with their defaults.

    of_weights  where none is given, those that read weights

    ValueError for one that is not known, and for a setting that it does not have.
    """
    by_default = (name for name, kind in PROFILES.items() if kind.by_default)
    every = [name for name in by_default if issubclass(PROFILES[name], WeightProfile) == of_weights]
    return tuple(dict.fromkeys(map(profile_from, texts or every)))


def profile_from(text: str) -> Profile:
    """One profile: its name, and after colons its settings as KEY=VALUE; `attention=END->IO` is short for
    `attention:query=END:to=IO`."""
    between = _BETWEEN.fullmatch(text.strip())
    long = text if between is None else "{name}:query={query}:to={to}{more}".format(**between.groupdict())
    return part_from(PROFILES, long, "profile", "--profiles")


def as_text(profile: Profile) -> str:
    """A profile as it is written; `profile_from` reads it back."""
    return part_as_text(profile)
