"""SIGTERM and SIGHUP end a command as Ctrl-C does, with its workers: what is done is kept, and how to go on is said."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from pipelines.cli import errors

WAIT_S = 120


def begun(spawn: Callable[..., Any], tiny: Any, *more: str) -> Any:
    """A command of many jobs, some of which are done."""
    process = spawn(*tiny.arguments, "--method", "activation-patching", "--prompts-per-job", "1", "--curve", *more)
    for line in process.stderr:
        if ": measure " in line:
            return process
    raise AssertionError(process.communicate())


def test_the_command_that_continues_is_the_one_that_was_given(circuits: Callable[..., Any], monkeypatch: Any):
    """Also where its settings have other names: `--noise-at` is a setting of the ablation."""

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    said: list[str] = []
    monkeypatch.setattr("pipelines.engine.execute.execute", interrupt)
    monkeypatch.setattr(errors, "_interrupted", said.append)
    typed = ["trace", "ioi", "--noise-at", "S1", "--prompts=4", "--name", "a-b"]
    circuits(*typed, "--runs", "my runs")
    (line,) = said
    assert line.endswith(
        " jobs are kept. Continue with: circuits trace ioi --noise-at S1 --prompts=4 --name a-b --runs 'my runs'"
    )


def require_continues(circuits: Callable[..., Any], stderr: str) -> None:
    assert "Traceback" not in stderr, stderr
    said = re.search(r"interrupted; (\d+) of (\d+) jobs are kept. Continue with: circuits (.*)", stderr)
    assert said is not None, stderr
    n_kept, n_jobs = int(said[1]), int(said[2])
    assert 0 < n_kept < n_jobs
    arguments = [word for word in shlex.split(said[3]) if word not in ("--workers", "2")]
    assert circuits(*arguments, "--json").json["jobs"] == {"total": n_jobs, "computed": n_jobs - n_kept}


@pytest.fixture
def with_hangups() -> Iterator[None]:
    """Processes that are started hear of a closed terminal, also where these tests run under nohup."""
    was = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, was)


@pytest.mark.usefixtures("with_hangups")
@pytest.mark.parametrize(("name", "code"), [("SIGHUP", 129), ("SIGTERM", 143)])
def test_either_signal_interrupts_with_an_exit_code_of_its_own(name: str, code: int):
    """What a whole command then does is tested with `circuits status`, which shows one that is terminated."""
    own = (
        "import os, signal\nfrom pipelines.cli.signals import code_of_interrupt, end_on_signals\nend_on_signals()\n"
        f"try:\n    os.kill(os.getpid(), signal.{name})\nexcept KeyboardInterrupt:\n    print(code_of_interrupt())"
    )
    ended = subprocess.run([sys.executable, "-c", own], capture_output=True, text=True, check=True)
    assert ended.stdout == f"{code}\n"


@pytest.mark.slow
@pytest.mark.usefixtures("with_hangups")
def test_a_closed_terminal_ends_a_command(circuits: Callable[..., Any], spawn: Callable[..., Any], tiny: Any):
    process = begun(spawn, tiny)
    process.send_signal(signal.SIGHUP)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert (process.returncode, stdout) == (129, "")
    require_continues(circuits, stderr)


@pytest.mark.slow
@pytest.mark.parametrize("to_all", [False, True])
def test_workers_end_with_their_command(
    circuits: Callable[..., Any], spawn: Callable[..., Any], tiny: Any, to_all: bool
):
    process = begun(spawn, tiny, "--workers", "2")
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    if to_all:  # as batch systems do
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert (process.returncode, stdout) == (143, "")
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE]
    require_continues(circuits, stderr)


def test_what_nohup_ignores_stays_ignored():
    code = (
        "import os, signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from pipelines.cli.signals import end_on_signals\nend_on_signals()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\nprint('still here')"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "still here\n"
    )


@pytest.mark.parametrize("moment", ["typer", "pipelines.runs.state"])
def test_ctrl_c_at_any_moment_is_one_line(tmp_path: Any, moment: str):
    """While the command is imported, and while the command imports what it needs."""
    code = (
        "import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {moment!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\nsys.argv = ['circuits', 'status', '--runs', '.']\n"
        "from pipelines.cli.start import main\nmain()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "interrupted\n")
