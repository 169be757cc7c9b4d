"""Versions of the packages that must be the same on every worker, as they can change a number."""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("circuit-workbench", "torch", "transformer-lens", "transformers", "numpy")


@cache
def versions_here() -> dict[str, str]:
    """Versions in this process, Python's first; packages that are absent are left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def is_same(package: str, one: str | None, other: str | None) -> bool:
    """Whether two versions give the same results. What a build was made for (`2.6.0+cu124`) and Python's last number
    make no difference."""
    if one is None or other is None:
        return one == other
    if package == "python":
        return one.split(".")[:2] == other.split(".")[:2]
    return one.split("+")[0] == other.split("+")[0]


def difference(wanted: Mapping[str, str], found: Mapping[str, str], worker: str) -> str | None:
    """What a worker lacks or has another version of, and what to do; None where all are the same."""
    for package, version_wanted in wanted.items():
        other = found.get(package)
        if is_same(package, version_wanted, other):
            continue
        has = f"{package} {other}" if other is not None else f"no {package}"
        install = (
            f"Start the worker with Python {'.'.join(version_wanted.split('.')[:2])}"
            if package == "python"
            else f"Install {package}=={version_wanted.split('+')[0]} there and start the worker again"
        )
        return (
            f"worker {worker} has {has}, and this process {package} {version_wanted}: their results could differ. "
            f"{install}."
        )
    return None


def require_versions(wanted: Mapping[str, str]) -> None:
    """Raise a ValueError where this process, which is a worker, has other versions."""
    if (said := difference(wanted, versions_here(), f"on {socket.gethostname()}")) is not None:
        raise ValueError(said)
