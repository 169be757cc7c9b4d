"""Pages are written with the library where it was fetched, else with a script in its place: nothing here opens one."""

from __future__ import annotations

import pytest

from circuits.packaged import fetched_file
from graphs.export.page import file
from graphs.export.page.library import CYTOSCAPE


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    if fetched_file(CYTOSCAPE) is None:
        monkeypatch.setattr(file, "library_script", lambda: "/* the library */")
