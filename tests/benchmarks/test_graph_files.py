"""Time and memory of graph files of SmolLM2's size: every one of its 70,651 edges, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.benchmarks.conftest import report_share
from tests.conftest import ROOT

pytestmark = pytest.mark.benchmark

_WRITES = """
import json, resource, sys, time
import numpy as np
from circuits.components import Wiring
from circuits.scores import EdgeScores, Provenance
from graphs import CircuitGraph, Threshold
from graphs.export import EXPORTS

wiring = Wiring(n_layers=30, n_heads=9, n_kv_heads=3)
origin = Provenance("eap", {}, "logit-difference", "model", "0" * 16, "task", "prompts", scores_are="estimated")
values = np.random.default_rng(0).standard_normal((8, wiring.n_edges), dtype=np.float32)
scores = EdgeScores(wiring, values, np.ones(wiring.n_edges, dtype=bool), origin)
circuit = CircuitGraph.from_scores(scores, Threshold(0.0))
began = time.process_time()
data = EXPORTS[sys.argv[1]].to_bytes(circuit, scores=[scores])
taken = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"edges": circuit.n_edges, "seconds": taken, "peak_mb": peak, "file_mb": len(data) / 1e6}))
"""


@pytest.mark.parametrize("name", ["graphml", "gexf", "cytoscape", "json", "mib", "csv", "parquet", "xlsx"])
def test_a_file_of_all_edges_of_a_small_language_model(name: str) -> None:
    """Wanted of GraphML: 10 s of CPU time and 500 MB, those of Python and its packages included."""
    done = subprocess.run(
        [sys.executable, "-c", _WRITES, name], capture_output=True, text=True, check=True, cwd=ROOT, timeout=600
    )
    found = json.loads(done.stdout)
    assert found["edges"] == 70_651
    work = f"{name} of 70,651 edges, {found['file_mb']:.0f} MB"
    report_share(work, "10 s of CPU time", 10.0, found["seconds"], wanted=1, unit="s")
    report_share(work, "500 MB at the peak", 500.0, found["peak_mb"], wanted=1, unit="MB")
