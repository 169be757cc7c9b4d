"""A browser, and two runs of a tiny model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; a skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def two_runs(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two real runs."""
    from pipelines import discover

    store = tmp_path_factory.mktemp("real") / "runs"
    for edges in (15, 30):
        discover(**tiny.settings(method="eap", edges=edges, out=store))
    return store
