"""Drawings from the command line, imports included: a figure of 100 edges, and summaries of 5,000 and 70,000.

`make bench` prints the table. The circuits are random ones of the shapes of GPT-2 small and of SmolLM2-135M. Seconds
are those of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.scores import EdgeScores
from graphs import CircuitGraph, Greedy
from graphs.export import EXPORTS
from tests.benchmarks.conftest import report, time_of
from tests.graphs.conftest import provenance

pytestmark = pytest.mark.benchmark

GPT2 = Wiring(n_layers=12, n_heads=12, n_kv_heads=12)
SMOLLM2 = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)


@pytest.fixture(scope="module")
def circuit_of() -> Callable[[Wiring, int], CircuitGraph]:
    def build(wiring: Wiring, n_edges: int) -> CircuitGraph:
        per_prompt = np.random.default_rng(0).standard_normal((2, wiring.n_edges)) ** 3
        scores = EdgeScores(wiring, per_prompt, np.ones(wiring.n_edges, dtype=bool), provenance())
        return CircuitGraph.from_scores(scores, Greedy(n_edges))

    return build


def processor_seconds() -> float:
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("wiring", "n_edges", "kind", "wanted_s"),
    [
        (GPT2, 100, "pdf", 2.0),
        (GPT2, 100, "svg", 2.0),
        (SMOLLM2, 5_000, "pdf", 5.0),
        (SMOLLM2, 70_000, "pdf", 5.0),
    ],
)
def test_time_of_an_export(circuit_of, tmp_path, wiring, n_edges, kind, wanted_s):
    graph, file = circuit_of(wiring, n_edges), tmp_path / f"circuit.{kind}"
    EXPORTS["json"].write(graph, tmp_path / "circuit.json")
    command = [sys.executable, "-m", "pipelines.cli.main", "export", "circuit.json", "--to", kind, "--out", file.name]

    def export() -> None:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    export()
    seconds = min(time_of(export, clock=processor_seconds) for _ in range(3))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    note = f"{peak:,.0f} MB of memory at most so far, a file of {file.stat().st_size / 1e6:.2f} MB"
    report(f"{kind} of {graph.n_edges:,} edges", "the time wanted", wanted_s, seconds, wanted=1, note=note)
