"""Formats whose packages are not installed unless asked for."""

from __future__ import annotations

from importlib.util import find_spec


def require_package(package: str, name: str) -> None:
    """Raise a ValueError where the package that writes the format `name` is not installed."""
    if find_spec(package) is None:
        raise ValueError(
            f"the format {name} needs the package {package}, which is not installed: pip install "
            f"'circuit-workbench[tables]' (or pip install {package}). The format csv has the same rows."
        )
