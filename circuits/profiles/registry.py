"""PROFILES: every profile by name."""

from __future__ import annotations

from circuits.profiles.base import Profile
from circuits.registry import Registry, subclass_of

PROFILES: Registry[type[Profile]] = Registry("profiles", subclass_of(Profile))
register = PROFILES.register
