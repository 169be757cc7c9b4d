"""A browser, and two runs of a tiny model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Windows, windows


@pytest.fixture(scope="module")
def browser() -> Iterator[Windows]:
    """Headless Chromium; a skip where there is none."""
    with windows() as found:
        yield found


@pytest.fixture(scope="package")
def two_runs(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two real runs."""
    from pipelines import discover

    store = tmp_path_factory.mktemp("real") / "runs"
    for edges in (15, 30):
        discover(**tiny.settings(method="eap", edges=edges, out=store))
    return store
