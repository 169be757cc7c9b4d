"""Speed beside EAP-IG and AutoCircuit on GPT-2 small's shape, as ratios to the faster of the two: same weights, same
prompts, same numbers, one thread, and their projections mended (`edge_tools.py`).

They need TransformerLens 2, so they run in a worker process. EDGE_TOOLS names the folders, as in PYTHONPATH, that hold
transformer-lens 2.15 with its transformers, `eap` (with "cuda" replaced by "cpu") and `auto_circuit`; without it, the
tests are skipped. Seconds are CPU time, medians of rounds in which the tools take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from circuits.evaluation.budgets import budget_circuits
from circuits.evaluation.faithfulness import circuit_values
from circuits.methods import EdgeAttribution, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from tests.benchmarks.conftest import random_pairs, report

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(
        "EDGE_TOOLS" not in os.environ, reason="EDGE_TOOLS does not say where EAP-IG and AutoCircuit are"
    ),
]

LOGIT_DIFFERENCE = METRICS["logit-difference"]
ROUNDS = 3
WANTED = {0: {"eap": 4, "eap_ig": 5, "curve": 6}, 10: {"eap": 5.1, "eap_ig": 7.8, "curve": 11}}
WORKS = {
    "eap": "edge attribution, 32,491 edges",
    "eap_ig": "EAP-IG, 5 steps",
    "curve": "faithfulness curve, 10 circuits",
}
# AutoCircuit integrates over masks of edges, which is another quantity (5 points took it 53 s where EAP-IG took 30 s).
TOOLS = {"eap": ("EAP-IG", "AutoCircuit"), "eap_ig": ("EAP-IG",), "curve": ("EAP-IG", "AutoCircuit")}


class Worker:
    """Their process, which runs one work at a time."""

    def __init__(self, folder: Path) -> None:
        script = Path(__file__).with_name("edge_tools.py")
        environment = {**os.environ, "PYTHONPATH": os.environ["EDGE_TOOLS"], "OMP_NUM_THREADS": "1"}
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, script, folder],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, tool: str, work: str) -> float:
        """CPU seconds; fails where the worker has ended, with what it said on stderr above."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{tool} {work}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{tool} ended with status {self._process.wait()}"
        return float(line)

    def values(self, tool: str, work: str) -> np.ndarray:
        return np.load(self._folder / f"{tool}-{work}.npy")

    def end(self) -> None:
        self._process.communicate()


@pytest.mark.parametrize(("shared_prefix", "kind"), [(0, "differ everywhere"), (10, "differ from two thirds on")])
def test_edge_tools(gpt2_small, tmp_path, shared_prefix, kind):
    prompts = random_pairs(16, 15, shared_prefix=shared_prefix, vocabulary=50257)
    methods = {"eap": EdgeAttribution(), "eap_ig": IntegratedEdgeAttribution(steps=5)}
    first = EdgeAttribution().score(gpt2_small, prompts, metric=LOGIT_DIFFERENCE)
    circuits = budget_circuits(first, absolute=True)

    def ours(work):
        if work == "curve":
            return circuit_values(gpt2_small, prompts, circuits, metric=LOGIT_DIFFERENCE).mean(1)
        return methods[work].score(gpt2_small, prompts, metric=LOGIT_DIFFERENCE).means

    _write(tmp_path, gpt2_small, prompts, circuits)
    worker = Worker(tmp_path)
    for work, name in WORKS.items():
        our_seconds, their_seconds = [], {tool: [] for tool in TOOLS[work]}
        values = ours(work)
        for _ in range(ROUNDS):
            began = time.process_time()
            ours(work)
            our_seconds.append(time.process_time() - began)
            for tool, seconds in their_seconds.items():
                seconds.append(worker.run(tool, work))
        deviation = max(_deviation(values, worker.values(tool, work)) for tool in TOOLS[work])
        medians = {tool: statistics.median(seconds) for tool, seconds in their_seconds.items()}
        faster, *slower = sorted(medians, key=medians.__getitem__)
        note = "; ".join([f"{deviation:.0e}", *(f"{tool} {medians[tool]:.3g} s" for tool in slower)])
        ours_median, wanted = statistics.median(our_seconds), WANTED[shared_prefix][work]
        report(f"{name}, pairs {kind}", faster, medians[faster], ours_median, wanted=wanted, note=note)
    worker.end()


def _write(folder, model, prompts, circuits) -> None:
    """What the worker reads."""
    save_file(
        {name: value.clone() for name, value in model.original.state_dict().items()}, folder / "weights.safetensors"
    )
    sizes = ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")
    (folder / "sizes.json").write_text(json.dumps({name: getattr(model.original.config, name) for name in sizes}))
    rows = [[p.clean, p.corrupt, [p.answers[0], p.wrong_answers[0]]] for p in prompts]
    (folder / "prompts.json").write_text(json.dumps(rows))
    (folder / "edges.json").write_text(json.dumps([str(edge) for edge in model.wiring.edges]))
    np.save(folder / "circuits.npy", circuits)


def _deviation(values, expected) -> float:
    """Largest difference, relative to the largest value; more than rounding fails."""
    deviation = float(np.abs(values - expected).max() / np.abs(expected).max())
    assert deviation < 1e-4
    return deviation
