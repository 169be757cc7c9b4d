"""A page of 5,000 edges in Chromium: how long frames take while it is panned, zoomed and filtered, and what it weighs.

`pytest -s -m benchmark tests/benchmarks/test_page.py` prints the table. The circuit is a random one of the shape of
SmolLM2-135M. There is no graphics card: Chromium draws on the processor.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.scores import EdgeScores
from graphs import CircuitGraph, Greedy
from graphs.export.page.extras import CircuitExtras, PageExtras
from graphs.export.page.file import page_bytes
from graphs.figures.layered.settings import DrawingSettings
from tests.benchmarks.conftest import report
from tests.browser import Opened, browser
from tests.graphs.conftest import provenance

pytestmark = pytest.mark.benchmark

SMOLLM2 = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)
SMOOTH_S = 1 / 30  # of a frame that does not stutter

# Times between frames, in milliseconds, from now until `stopped()`.
_RECORD = """() => {
  const times = [];
  let last = null, goes = true;
  const next = (now) => {
    if (last !== null) times.push(now - last);
    last = now;
    if (goes) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  globalThis.stopped = () => { goes = false; return times; };
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    per_prompt = np.random.default_rng(0).standard_normal((32, SMOLLM2.n_edges)).astype(np.float32) ** 3
    scores = EdgeScores(SMOLLM2, per_prompt, np.ones(SMOLLM2.n_edges, dtype=bool), provenance())
    graph = CircuitGraph.from_scores(scores, Greedy(5_000))
    file: Path = tmp_path_factory.mktemp("page") / "page.html"
    began = time.perf_counter()
    settings = DrawingSettings(top=graph.n_edges)
    file.write_bytes(page_bytes(graph, PageExtras([CircuitExtras(scores=scores)], settings=settings)))
    took, size = time.perf_counter() - began, file.stat().st_size / 1e6
    print(f"| page of {graph.n_edges:,} edges x 32 prompts | {took:.1f} s | {size:.1f} MB |")  # noqa: T201
    with browser() as running:
        began = time.perf_counter()
        opened = Opened(running, file, width=1440, height=900)
        print(f"| opened and drawn | {time.perf_counter() - began:.1f} s | |")  # noqa: T201
        yield opened
        opened.close()


def drag(page: Any) -> None:
    """Fifty moves of the mouse with its button down, over empty paper."""
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + 20, box["y"] + box["height"] - 40
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(50):
        page.mouse.move(x + 5 * step, y - 4 * step)
    page.mouse.up()


def zoom(page: Any) -> None:
    """Thirty turns of the wheel over the middle."""
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for step in range(30):
        page.mouse.wheel(0, -40 if step < 15 else 40)


@pytest.mark.parametrize("gesture", [drag, zoom])
def test_time_of_a_frame(page, gesture):
    assert len(page.shown()) == 5_000
    before = page.page.evaluate("JSON.stringify([circuitPage.canvas.cy.pan(), circuitPage.canvas.cy.zoom()])")
    page.page.evaluate(_RECORD)
    gesture(page.page)
    times = page.page.evaluate("stopped()")
    assert page.page.evaluate("JSON.stringify([circuitPage.canvas.cy.pan(), circuitPage.canvas.cy.zoom()])") != before
    median, slow = statistics.median(times) / 1000, sorted(times)[int(0.95 * len(times))]
    work = f"a page of 5,000 edges, {gesture.__name__}: a frame"
    report(work, "30 frames a second", SMOOTH_S, median, wanted=1.0, note=f"95 % within {slow:.0f} ms")


def test_time_of_a_filter(page):
    took = page.page.evaluate(
        """async () => {
            const began = performance.now();
            circuitPage.filter({...circuitPage.state.settings, top: 2500});
            await new Promise(requestAnimationFrame);
            return performance.now() - began;
        }"""
    )
    report("5,000 edges filtered to 2,500, and drawn", "a second", 1.0, took / 1000, wanted=1.0, note="")
