"""The library that draws pages, fetched when the first page is written."""

from __future__ import annotations

from pathlib import Path

from circuits.model.reasons import refused_as
from circuits.packaged import HOME, Note, fetch_file, fetched_file, kept_file
from graphs.export.page.library import CYTOSCAPE


def fetch_library(*, note: Note = lambda _: None) -> Path:
    """The library's file, fetched if it is not there yet. ValueError, which says what to do, where that fails.

    note  is called with a line about each step
    """
    if (there := fetched_file(CYTOSCAPE)) is not None:
        return there
    folder = kept_file(CYTOSCAPE).parent
    with refused_as(
        f"cannot fetch {CYTOSCAPE.title}, which draws pages, into {folder} (the environment variable {HOME} moves it; "
        f"on a machine without a network, run `circuits fetch {CYTOSCAPE.name}` on another one and copy that folder)"
    ):
        return fetch_file(CYTOSCAPE, note=note)
