"""ROLES: the rules by which heads get roles, by name; other packages can add some (`circuits.registry`)."""

from __future__ import annotations

from circuits.registry import Registry, subclass_of
from graphs.roles.rule import RoleRule

ROLES: Registry[type[RoleRule]] = Registry("roles", subclass_of(RoleRule))
register = ROLES.register
