"""Circuits for pages, and a browser to open them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.scores import EdgeScores
from graphs import CircuitGraph, Greedy
from graphs.export.page.data import Subject
from graphs.export.page.extras import CircuitExtras, PageExtras
from graphs.export.page.file import page_bytes
from graphs.roles.label import Evidence, RoleLabel
from tests.browser import Opened, Windows, browser

GROUPED = Wiring(n_layers=4, n_heads=4, n_kv_heads=2)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Windows]:
    with browser() as running:
        yield running


@pytest.fixture
def opened(chromium: Windows, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """`opened(subject, extras, dark=True, ...)`: the page of a subject, opened; it is closed afterwards."""
    pages: list[Opened] = []

    def open_page(subject: Subject, extras: PageExtras | None = None, **window: Any) -> Opened:
        file = tmp_path / f"page-{len(pages)}.html"
        file.write_bytes(page_bytes(subject, extras))
        pages.append(Opened(chromium, file, **window))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture(scope="session")
def scores(random_edge_scores: Any) -> EdgeScores:
    made = random_edge_scores(GROUPED, seed=3, n_prompts=5)
    # Equal scores: ties are broken by the order of the wiring.
    return replace(made, per_prompt=np.round(made.per_prompt, 1))


@pytest.fixture(scope="session")
def graph(scores: EdgeScores) -> CircuitGraph:
    """90 edges through key-value heads, with ties, and roles of some heads."""
    chosen = CircuitGraph.from_scores(
        scores, Greedy(90), faithfulness=0.8, metrics={"faithfulness_low": 0.7, "faithfulness_high": 0.9}
    )
    heads = [str(head) for head in chosen.heads]
    of = {head: ("name mover", "induction")[number % 2] for number, head in enumerate(heads[::3])}
    return chosen.with_labels(
        {head: (RoleLabel(role, (Evidence("attention:to=IO > 0.3", 0.5, 0.4, 0.6, 5),)),) for head, role in of.items()}
    )


@pytest.fixture(scope="session")
def extras(scores: EdgeScores) -> PageExtras:
    return PageExtras([CircuitExtras(scores=scores)], reference="ioi-eap-1")
