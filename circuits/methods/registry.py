"""METHODS: every way to score components and edges, by name; `register` adds one."""

from __future__ import annotations

from circuits.methods.base import Method
from circuits.registry import Registry, subclass_of

METHODS: Registry[type[Method]] = Registry("methods", subclass_of(Method))
register = METHODS.register
