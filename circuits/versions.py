"""Versions of the packages that can change a number, for the records."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("circuit-workbench", "torch", "transformer-lens", "transformers", "numpy", "networkx", "dask")


@cache
def versions() -> dict[str, str]:
    """Installed versions by package name, with Python's own; packages that are absent are left out."""
    installed = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed
