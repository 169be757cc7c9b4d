"""Docstrings as the command line shows them."""

from __future__ import annotations

import inspect


def described(thing: object) -> str:
    """The docstring of a class or a module, without its examples, which are in Python and come last."""
    return (inspect.getdoc(thing) or "").partition(">>>")[0].rstrip()
