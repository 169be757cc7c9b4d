"""The recipes of docs/clusters.md: what one machine can run is run, with its own words; the rest is validated.

A scheduler and workers are started as the page says, on the loopback interface.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from distributed import LocalCluster, Nanny

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
WAIT_S = 180
Start = Callable[..., subprocess.Popen[str]]


def blocks(language: str) -> list[str]:
    """The blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def command(beginning: str, **replaced: str) -> list[str]:
    """The one command of the page that begins so, with other addresses, for this Python."""
    (line,) = {line for block in blocks("sh") for line in block.splitlines() if line.startswith(beginning)}
    for old, new in replaced.items():
        line = line.replace(old, new)
    return [sys.executable, "-m", *shlex.split(line)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(command)`: a process of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(words: list[str], **variables: str) -> subprocess.Popen[str]:
        path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        log = (tmp_path / f"process-{len(started)}.log").open("w")
        process = subprocess.Popen(
            words,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | variables,
            text=True,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def scheduler(start: Start) -> tuple[str, subprocess.Popen[str]]:
    """The address of a scheduler that was started by hand, and its process."""
    port = str(free_port())
    process = start(command("dask scheduler", **{"10.0.0.5": "127.0.0.1", "8786": port}))
    return f"tcp://127.0.0.1:{port}", process


def worker(start: Start, address: str, *more: str, **variables: str) -> subprocess.Popen[str]:
    words = command("dask worker tcp", **{"tcp://10.0.0.5:8786": address})
    return start([*words, "--no-nanny", *more], **variables)


def n_results(store: Path) -> int:
    return len(list(store.glob("jobs/*/*.npz")))


def stored(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.glob("jobs/*/*.npz")}


def finish(process: subprocess.Popen[str]) -> None:
    _, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, stderr


@pytest.mark.slow
def test_half_of_the_workers_started_by_hand_die_and_the_bytes_are_the_same(
    tiny: Any,
    start: Start,
    spawn: Start,
    scheduler: tuple[str, Any],
    new_prompts: Callable[..., Path],
    tmp_path: Path,
):
    prompts = new_prompts(tmp_path / "many.jsonl", n_prompts=60)
    arguments = ["discover", prompts, "--model", tiny.model, "--prompts-per-job", "1", "--json"]
    workers = [worker(start, scheduler[0]) for _ in range(2)]
    run = spawn(*arguments, "--runs", "there", "--scheduler", scheduler[0], "--wait-for-workers", "120")
    while n_results(tmp_path / "there") < 15:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    workers[0].kill()
    finish(run)
    finish(spawn(*arguments, "--runs", "here"))
    assert n_results(tmp_path / "here") > 60
    assert stored(tmp_path / "here") == stored(tmp_path / "there")
    # What is left of them takes a run without a shared disk too.
    few = [*tiny.arguments, "--json"]
    finish(spawn(*few, "--runs", "sent", "--scheduler", scheduler[0], "--data", "scheduler"))
    finish(spawn(*few, "--runs", "plain"))
    assert stored(tmp_path / "sent") == stored(tmp_path / "plain")


@pytest.mark.slow
def test_a_scheduler_that_is_killed_is_an_error_within_seconds(
    tiny: Any,
    start: Start,
    spawn: Start,
    scheduler: tuple[str, subprocess.Popen[str]],
    new_prompts: Callable[..., Path],
    tmp_path: Path,
):
    address, process = scheduler
    prompts = new_prompts(tmp_path / "many.jsonl", n_prompts=400)
    worker(start, address)
    arguments = ["discover", prompts, "--model", tiny.model, "--prompts-per-job", "1"]
    run = spawn(*arguments, "--scheduler", address, "--wait-for-workers", "120")
    while n_results(tmp_path / "runs") < 5:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    process.kill()
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == 1, stderr
    last = stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: the Dask scheduler at {address} is lost")
    assert "finished and kept" in last
    assert "Traceback" not in stderr, stderr


OTHER_TORCH = """
import importlib.metadata as metadata
# Dask forgets the module of a preload: what it leaves behind must hold all that it needs.
metadata.version = lambda name, real=metadata.version: "2.0.1" if name == "torch" else real(name)
"""
NO_PACKAGE = """
import sys
sys.path = [entry for entry in sys.path if entry != {root!r}]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preload", "said"),
    [
        (OTHER_TORCH, r"worker tcp://\S+ has torch 2\.0\.1, and this process torch \S+: .*Install torch=="),
        (NO_PACKAGE, r"worker tcp://\S+ (cannot import circuit-workbench \(No module named|has no circuit-workbench)"),
    ],
)
def test_workers_with_other_packages_are_named_within_seconds(
    tiny: Any, start: Start, spawn: Start, scheduler: tuple[str, Any], tmp_path: Path, preload: str, said: str
):
    (tmp_path / "other.py").write_text(preload.format(root=str(ROOT)) if "{root" in preload else preload)
    words = [*command("dask worker tcp", **{"tcp://10.0.0.5:8786": scheduler[0]}), "--no-nanny"]
    words[words.index("pipelines.engine.cluster")] = str(tmp_path / "other.py")
    start(words)
    run = spawn(*tiny.arguments, "--scheduler", scheduler[0], "--wait-for-workers", "120")
    _, stderr = run.communicate(timeout=WAIT_S)
    assert run.returncode == 2, stderr
    assert re.search(said, stderr), stderr
    assert "Traceback" not in stderr, stderr
    assert not n_results(tmp_path / "runs")


def test_the_cluster_in_python_is_one_that_distributed_makes():
    (made,) = [block for block in blocks("py") if "LocalCluster" in block]
    compile(made, "clusters.md", "exec")
    given = set(re.findall(r"(\w+)=", made))
    assert given <= {name for made in (LocalCluster, Nanny) for name in inspect.signature(made).parameters}


@pytest.mark.slow
def test_the_script_gives_workers_until_enter(tiny: Any, spawn: Start, tmp_path: Path):
    (made,) = [block for block in blocks("py") if "LocalCluster" in block]
    (tmp_path / "cluster.py").write_text(made)
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with subprocess.Popen(
        [sys.executable, "cluster.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as script:
        try:
            assert script.stdout is not None
            address = script.stdout.readline().strip()
            assert address.startswith("tcp://127.0.0.1:")
            arguments = [*tiny.arguments, "--json"]
            finish(spawn(*arguments, "--runs", "there", "--scheduler", address))
            finish(spawn(*arguments, "--runs", "here"))
            assert stored(tmp_path / "there") == stored(tmp_path / "here") != {}
            script.communicate("\n", timeout=60)
            assert script.returncode == 0
        finally:
            if script.poll() is None:
                os.killpg(script.pid, signal.SIGKILL)


def test_slurm_writes_the_script_that_is_shown():
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    (made,) = [block for block in blocks("py") if "SLURMCluster" in block]
    call = re.search(r"SLURMCluster\((.*?)^    \)", made, flags=re.DOTALL | re.MULTILINE)
    assert call is not None
    settings: dict[str, Any] = eval(f"dict({call[1]})", {})
    with jobqueue.SLURMCluster(**settings, interface="lo", python="python") as cluster:
        written = cluster.job_script()
    (shown,) = [block for block in blocks("sh") if "#SBATCH" in block]
    written = written.replace(cluster.scheduler_address, "ADDRESS").replace("dummy-name", "NAME")
    assert written.replace(" --interface lo", "").split() == shown.split()


def schema_of_the_operator() -> dict[str, Any]:
    """The schema of a DaskCluster, from the files of dask-kubernetes."""
    spec = importlib.util.find_spec("dask_kubernetes")
    if spec is None or spec.origin is None:
        pytest.skip("dask-kubernetes is not installed")
    chart = "operator/deployment/helm/dask-kubernetes-operator/crds/daskcluster.yaml"
    definition = yaml.safe_load((Path(spec.origin).parent / chart).read_text())
    (version,) = [one for one in definition["spec"]["versions"] if one["storage"]]
    return version["schema"]["openAPIV3Schema"]


def closed(schema: Any) -> Any:
    """The schema with no field allowed that it does not name, as Kubernetes reads it."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


def test_the_manifest_is_what_the_operator_of_kubernetes_takes():
    import jsonschema

    (manifest,) = blocks("yaml")
    given = yaml.safe_load(manifest)
    schema = closed(schema_of_the_operator())
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
    jsonschema.validate(given, schema)
    given["spec"]["worker"]["spec"]["containers"][0]["arguments"] = ["dask"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(given, schema)


def test_the_manifest_starts_what_the_page_starts_by_hand():
    (manifest,) = blocks("yaml")
    spec = yaml.safe_load(manifest)["spec"]
    (of_worker,), (of_scheduler,) = (spec[part]["spec"]["containers"] for part in ("worker", "scheduler"))
    by_hand = [word for word in command("dask worker tcp") if not word.startswith("tcp://")][2:]
    assert [word for word in by_hand if word not in of_worker["args"]] == []
    assert of_scheduler["args"] == ["dask", "scheduler"]
