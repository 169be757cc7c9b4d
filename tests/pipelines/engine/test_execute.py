"""Where a run is computed changes nothing; crashes lose the jobs in flight and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

Spawn = Callable[..., subprocess.Popen[str]]
WAIT_S = 180


def stored_bytes(store: Path) -> dict[str, bytes]:
    """File name -> content of every job's result."""
    return {path.name: path.read_bytes() for path in store.glob("jobs/*/*.npz")}


def stored_files(store: Path) -> dict[str, tuple[int, int]]:
    """File name -> inode and time of writing of every job's result: a file written again has different ones."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in store.glob("jobs/*/*.npz")}


def wait_for_results(store: Path, n_results: int, process: subprocess.Popen[str]) -> None:
    """Return once `store` holds at least `n_results`, while `process` is still at work."""
    began = time.monotonic()
    while len(stored_files(store)) < n_results:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < WAIT_S
        time.sleep(0.02)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Output of a process, which must succeed."""
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr
    return stdout, stderr


def without_cost(printed: str) -> dict[str, Any]:
    """The printed result without its cost and without the folder it was kept in."""
    return {key: value for key, value in json.loads(printed).items() if key not in ("seconds", "jobs", "folder")}


@pytest.fixture(scope="module")
def long_run(tiny: Any, tmp_path_factory: pytest.TempPathFactory, new_prompts: Callable[..., Path]) -> list[str | Path]:
    """A `discover` command of some 250 small jobs."""
    prompts = new_prompts(tmp_path_factory.mktemp("long") / "many.jsonl", n_prompts=120)
    return ["discover", prompts, "--model", tiny.model, "--prompts-per-job", "1", "--json"]


@pytest.fixture(scope="module")
def uninterrupted(long_run: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the long run finds when nothing happens to it, and its store."""
    from typer.testing import CliRunner

    from pipelines.cli.main import app

    store = tmp_path_factory.mktemp("uninterrupted") / "runs"
    result = CliRunner().invoke(app, [*map(str, long_run), "--runs", str(store)])
    assert result.exit_code == 0, result.stderr
    return without_cost(result.stdout), store


@pytest.mark.slow
def test_workers_give_the_bytes_that_this_process_gives(tiny: Any, spawn: Spawn, tmp_path: Path):
    arguments = [*tiny.arguments, "--method", "activation-patching", "--curve", "--json"]
    here, _ = finish(spawn(*arguments, "--runs", "here"))
    there, _ = finish(spawn(*arguments, "--runs", "there", "--workers", "2"))
    assert without_cost(here) == without_cost(there)
    assert stored_bytes(tmp_path / "here") == stored_bytes(tmp_path / "there")
    for file in ("graph.json", "scores.npz", "node_scores.npz", "run.json"):
        run = json.loads(here)["run"]
        assert (tmp_path / "here" / run / file).read_bytes() == (tmp_path / "there" / run / file).read_bytes()


@pytest.mark.slow
def test_after_the_driver_is_killed_only_the_jobs_in_flight_are_computed_again(
    long_run: list[str | Path], uninterrupted: tuple[dict[str, Any], Path], spawn: Spawn, tmp_path: Path
):
    driver = spawn(*long_run)
    wait_for_results(tmp_path / "runs", 20, driver)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    kept = stored_files(tmp_path / "runs")
    stdout, _ = finish(spawn(*long_run))
    n_jobs = len(stored_files(uninterrupted[1]))
    assert len(kept) < n_jobs
    assert json.loads(stdout)["jobs"] == {"total": n_jobs, "computed": n_jobs - len(kept)}
    assert kept.items() <= stored_files(tmp_path / "runs").items()
    assert stored_bytes(tmp_path / "runs") == stored_bytes(uninterrupted[1])
    assert without_cost(stdout) == uninterrupted[0]


@pytest.mark.slow
def test_after_a_worker_is_killed_only_its_job_is_computed_again(
    long_run: list[str | Path], uninterrupted: tuple[dict[str, Any], Path], spawn: Spawn, tmp_path: Path
):
    driver = spawn(*long_run, "--workers", "2")
    wait_for_results(tmp_path / "runs", 20, driver)
    kept = stored_files(tmp_path / "runs")
    workers = [child for child in psutil.Process(driver.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    workers[0].kill()
    stdout, _ = finish(driver)
    assert kept.items() <= stored_files(tmp_path / "runs").items()
    assert stored_bytes(tmp_path / "runs") == stored_bytes(uninterrupted[1])
    assert without_cost(stdout) == uninterrupted[0]


@pytest.mark.slow
def test_workers_end_when_their_driver_is_killed(long_run: list[str | Path], spawn: Spawn, tmp_path: Path):
    driver = spawn(*long_run, "--workers", "2")
    wait_for_results(tmp_path / "runs", 5, driver)
    children = psutil.Process(driver.pid).children(recursive=True)
    assert children
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
@pytest.mark.parametrize("where", [[], ["--workers", "2"]])
def test_ctrl_c_leaves_a_run_that_can_be_continued(
    long_run: list[str | Path],
    uninterrupted: tuple[dict[str, Any], Path],
    spawn: Spawn,
    tmp_path: Path,
    where: list[str],
):
    process = spawn(*long_run, *where)
    wait_for_results(tmp_path / "runs", 20, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr, stderr
    said = stderr.strip().splitlines()[-1]
    assert "jobs are kept. Continue with: circuits discover " in said
    resumed, _ = finish(spawn(*said.split("circuits ", maxsplit=1)[1].split(), "--json"))
    assert json.loads(resumed)["jobs"]["computed"] < json.loads(resumed)["jobs"]["total"]
    assert without_cost(resumed) == uninterrupted[0]


@pytest.mark.slow
def test_two_runs_on_one_folder_at_once_do_not_disturb_each_other(
    long_run: list[str | Path], uninterrupted: tuple[dict[str, Any], Path], spawn: Spawn, tmp_path: Path
):
    both = [spawn(*long_run), spawn(*long_run)]
    answers: list[str] = []
    readers = [threading.Thread(target=lambda process=process: answers.append(finish(process)[0])) for process in both]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert [without_cost(answer) for answer in answers] == [uninterrupted[0]] * 2
    counts = [json.loads(answer)["jobs"] for answer in answers]
    assert sum(count["computed"] for count in counts) == counts[0]["total"]
    assert stored_bytes(tmp_path / "runs") == stored_bytes(uninterrupted[1])
    assert not list((tmp_path / "runs").rglob("*.tmp"))


@pytest.mark.slow
def test_a_run_on_an_existing_cluster_gives_the_same_bytes(tiny: Any, spawn: Spawn, tmp_path: Path):
    from distributed import LocalCluster

    settings: dict[str, Any] = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    finish(spawn(*tiny.arguments, "--runs", "here"))
    with LocalCluster(**settings) as cluster:
        address = str(cluster.scheduler_address)  # pyright: ignore[reportAttributeAccessIssue]
        finish(spawn(*tiny.arguments, "--runs", "there", "--scheduler", address))
    assert stored_bytes(tmp_path / "here") == stored_bytes(tmp_path / "there")


@pytest.mark.slow
def test_bad_input_found_by_a_worker_is_the_same_clear_message(tiny: Any, spawn: Spawn, tmp_path: Path):
    (tmp_path / "bad.jsonl").write_text(tiny.prompts.read_text() + '\n{"clean_ids": [1]}\n')
    process = spawn("discover", "bad.jsonl", *tiny.arguments[2:], "--workers", "1")
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 2
    assert stdout == ""
    assert "error: " in stderr
    assert "1 bad line;" in stderr
    assert "Traceback" not in stderr, stderr


@pytest.mark.slow
def test_each_gpu_gets_a_worker_that_sees_it_alone(monkeypatch: pytest.MonkeyPatch):
    from pipelines.engine import cluster as workers
    from pipelines.engine.execution import Execution

    monkeypatch.setattr(workers, "require_gpus", lambda: ["3", "GPU-5ab1"])
    execution = Execution(gpus=True)
    with workers.connect(execution) as client:
        seen: Any = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        assert sorted(seen.values()) == ["3", "GPU-5ab1"]
        assert workers.resources_of(client, execution) == {"GPU": 1}
        assert workers.device_of(execution) == "cuda"


def test_torch_gets_its_threads_back(tiny: Any, tmp_path: Path):
    import torch

    from pipelines import discover

    torch.set_num_threads(2)
    discover(**tiny.settings(out=tmp_path / "runs"))
    assert torch.get_num_threads() == 2
