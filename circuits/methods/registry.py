"""METHODS: every way to score components and edges, by name; `register` adds one."""

from __future__ import annotations

from typing import TypeVar

from circuits.methods.base import Method

METHODS: dict[str, type[Method]] = {}
AnyMethod = TypeVar("AnyMethod", bound=type[Method])


def register(method: AnyMethod) -> AnyMethod:
    """Make a method known by its name, as a decorator of its class. ValueError where another one has the name."""
    if METHODS.setdefault(method.name, method) is not method:
        raise ValueError(f"a method {method.name!r} is registered already: {METHODS[method.name].__module__}.")
    return method
