"""Commands with `--device cuda`: the circuits and numbers of the CPU; on workers and with --gpus, the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import compare, discover, evaluate, explain_codes, intervene, trace
from tests.gpu.conftest import on_gpu

pytestmark = on_gpu

ABOUT = {"prompts": 16}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("on-gpu") / "runs"


def results(folder: Path) -> dict[str, bytes]:
    """Every kept result of a store by its key."""
    return {path.stem: path.read_bytes() for path in folder.glob("jobs/*/*.npz")}


def circuit_of(run):
    return {str(edge) for edge in run.circuit.edges}


@pytest.fixture(scope="module")
def runs(store, tmp_path_factory):
    """IOI on the GPU and on the CPU, greater-than on the GPU."""
    on_cpu = tmp_path_factory.mktemp("on-cpu") / "runs"
    about = {**ABOUT, "edges": 60, "curve": True}
    return [
        discover("ioi", device="cuda", out=store, **about),
        discover("ioi", out=on_cpu, **about),
        discover("greater-than", device="cuda", out=store, **about),
    ]


def test_discover_finds_the_circuit_of_the_cpu(runs, near):
    gpu, cpu, _ = runs
    near(gpu.scores.per_prompt, cpu.scores.per_prompt, 1e-4)
    assert np.array_equal(gpu.circuit.edge_mask, cpu.circuit.edge_mask)
    summaries = [json.loads(json.dumps(run.summary)) for run in (gpu, cpu)]
    near(*([summary["faithfulness"]] for summary in summaries), 1e-4)
    near(*(summary["curve"]["faithfulness_absolute"] for summary in summaries), 1e-4)


@pytest.mark.parametrize("place", [{"workers": 2, "device": "cuda"}, {"gpus": True}])
def test_workers_on_the_gpu_give_the_same_bytes(runs, store, place, tmp_path):
    discover("ioi", out=tmp_path / "runs", **ABOUT, edges=60, curve=True, **place)
    own = results(tmp_path / "runs")
    kept = results(store)
    assert own
    assert all(kept[key] == own[key] for key in own)


def test_minimal_circuits_are_those_of_the_cpu(tmp_path):
    about = {"prompts": 16, "minimal": True, "minimal_runs": 600, "minimal_others": 20}
    gpu, cpu = (discover("ioi", device=device, out=tmp_path / device, **about) for device in ("cuda", "cpu"))
    assert np.array_equal(gpu.circuit.edge_mask, cpu.circuit.edge_mask)


def test_circuits_are_judged_and_compared(runs, store, tmp_path, near):
    gpu, cpu, other = runs
    given = {"random": 5, "knockouts": 3, "resamples": 20}
    judged = [
        evaluate(run, out=run.folder.parent, device=device, folder=tmp_path / f"judged-{device}", **given).to_dict()
        for run, device in ((gpu, "cuda"), (cpu, "cpu"))
    ]
    near(*([one["runs"][0]["faithfulness"]] for one in judged), 1e-4)
    compared = compare(gpu, other, out=store, draws=3, device="cuda")
    assert compared.summary["transfer"]["matrix"]


def test_codes_are_explained(tmp_path):
    few = {"trials": 2, "epochs": 60, "features": 40}
    run = discover("ioi", method="head-coding", settings=few, judge_on="same", device="cuda", out=tmp_path, **ABOUT)
    report = explain_codes(run, out=tmp_path, device="cuda", folder=tmp_path / "explained")
    assert json.dumps(report.to_dict())


def test_pictures_are_traced_and_intervened_on(tmp_path, near):
    gpu, cpu = (
        trace("scene-objects", model="reference-vlm", prompts=6, device=device, out=tmp_path / device)
        for device in ("cuda", "cpu")
    )
    near(gpu.trace.scores.per_prompt, cpu.trace.scores.per_prompt, 1e-4)
    near(gpu.trace.clean, cpu.trace.clean, 1e-4)
    done = [
        intervene(run, questions=15, validation=10, captions=4, device=device, out=tmp_path / device).to_dict()
        for run, device in ((gpu, "cuda"), (cpu, "cpu"))
    ]
    assert sorted(done[0]) == sorted(done[1])
