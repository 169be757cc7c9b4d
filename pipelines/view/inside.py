"""Which folders are shown: those that lie in the served folder with all that they hold, whatever links say."""

from __future__ import annotations

import os
from pathlib import Path

from circuits.visible_text import value_text
from pipelines.runs.record import RECORD

OUTSIDE = "holds links to what is outside of the folder that is shown, and is not read"


def folders_with(name: str, root: Path) -> dict[str, Path]:
    """Folder name -> folder, for those directly in `root` that hold a file of this name; by name."""
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{name}"))}


def run_named(name: str, root: Path) -> Path:
    """The folder of a run. LookupError where none in `root` is called so, or where links lead out of it.

    The name is looked up among those that there are: no path is ever made of what a browser sent.
    """
    folder = folders_with(RECORD, root).get(name)
    if folder is None:
        raise LookupError(f"no run {value_text(name)} in this folder.")
    if leads_outside(folder, root):
        raise LookupError(f"run {name!r} {OUTSIDE}.")
    return folder


def leads_outside(folder: Path, root: Path) -> bool:
    """Whether a folder in `root`, or anything directly in it, is a link to somewhere else than `root`."""
    try:
        with os.scandir(folder) as entries:
            links = [Path(entry.path) for entry in entries if entry.is_symlink()]
        links += [folder] if folder.is_symlink() else []
        return not all(link.resolve(strict=True).is_relative_to(root) for link in links)
    except (OSError, RuntimeError):
        return True  # a link to nowhere, or in a circle
