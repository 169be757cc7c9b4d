"""`circuits status`: wide and narrow, finished, running and interrupted."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pipelines import command, discover, open_run
from pipelines.cli.status import print_status
from pipelines.discover.stages import JUDGE
from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.store import Store
from pipelines.reporting.run_states import progress_words
from pipelines.runs.begun import BEGUN
from pipelines.runs.failure import FAILURE, failure_in, note_failure
from pipelines.runs.run import names_of
from pipelines.runs.settings_file import parse_assignments
from pipelines.runs.stages import PROMPTS
from pipelines.runs.state import asked as words_of
from pipelines.runs.state import states_in

WAIT_S = 120
ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(computed: Callable[..., Any], tiny: Any) -> str:
    """The name of a run in the folder `runs`."""
    (answer,) = computed((*tiny.arguments, "--method", "eap", "--edges", "20", "--seed", "3", "--json"))
    return answer.json["run"]


def unfinish(run: str) -> None:
    record = Path("runs") / run / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"files": {}}))
    next(Path("runs").glob("jobs/*/*.npz")).unlink()


def test_an_interrupted_run_says_as_many_prompts_as_are_known(circuits: Callable[..., Any], tiny: Any):
    """The number of prompts of a file is known once they are made."""
    circuits("discover", tiny.prompts, "--model", tiny.model, "--method", "eap", "--edges", "20", "--name", "mine")
    (finished,) = circuits("status", "--json").json["runs"]
    record = Path("runs") / "mine" / "run.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"files": {}}))
    (state,) = circuits("status", "--json").json["runs"]
    assert (state["is_finished"], state["asked"]) == (False, finished["asked"])
    assert re.search(r"\b12 prompts\b", state["asked"])
    (made,) = (job["key"] for job in content["jobs"] if job["stage"] == "prompts")
    Store(Path("runs")).path(made).unlink()
    (state,) = circuits("status", "--json").json["runs"]
    assert "all prompts" in state["asked"]


def test_a_finished_run_is_shown_with_what_was_asked_and_found(circuits: Callable[..., Any], tiny: Any, run: str):
    (state,) = circuits("status", "--json").json["runs"]
    summary = json.loads((Path("runs") / run / "summary.json").read_text())
    assert state["asked"] == "20 edges, 12 prompts, seed 3"
    assert state["faithfulness"] == summary["faithfulness"]
    assert state["faithfulness_interval"] == summary["faithfulness_interval"]
    assert state["running"] is None
    shown = circuits("status").stdout
    for text in (run, tiny.model.name, "20 edges, 12 prompts, seed 3", state["date"][:10], "finished"):
        assert text in shown
    assert "continue" not in shown


def test_settings_are_shown_as_they_are_typed():
    config = {"task": "ioi", "prompts": 8, "held_out": True, "edit": ["zap END", "uniform S2"]}
    config["settings"] = {"kinds": ["head", "mlp"], "file": "/home/somebody/own.json", "steps": 3}
    assert list(words_of(config, {}, 8)) == [
        *("8 prompts", "held out", "edit zap END", "edit uniform S2"),
        *("kinds=[head, mlp]", "file=own.json", "steps=3"),
    ]
    assert parse_assignments(["kinds=[head, mlp]"]) == {"kinds": ["head", "mlp"]}


@pytest.mark.parametrize("width", [30, 60, 100])
def test_names_are_never_broken_however_narrow(
    circuits: Callable[..., Any], run: str, capsys: pytest.CaptureFixture[str], width: int
):
    states = circuits("status", "--json").json["runs"]
    print_status(states, [], Path("runs"), width=width)
    lines = capsys.readouterr().out.splitlines()
    assert run in lines
    assert "    20 edges, 12 prompts, seed 3" in lines


def test_a_wide_terminal_has_a_table(circuits: Callable[..., Any], run: str, capsys: pytest.CaptureFixture[str]):
    states = circuits("status", "--json").json["runs"]
    print_status(states, [], Path("runs"), width=400)
    lines = capsys.readouterr().out.splitlines()
    assert run not in lines
    assert any(run in line and "20 edges, 12 prompts, seed 3" in line for line in lines)


def test_running_is_told_apart_from_interrupted(circuits: Callable[..., Any], run: str):
    unfinish(run)
    with Heartbeat([Store("runs")]) as heartbeat:
        heartbeat.beat(f"run {run}", 0.4, 185.0)
        shown = circuits("status")
        assert re.search(r"running, 40%, about 3 min \d+ s left", shown.stdout)
        assert "interrupted" not in shown.stdout
        assert circuits("status", "--json").json["running"] == []
    shown = circuits("status").stdout
    assert "running" not in shown
    assert f"{run}: interrupted, continue with: circuits discover --config runs/{run}/config.yaml --runs runs" in shown


def test_the_command_that_is_said_to_continue_does(circuits: Callable[..., Any], run: str):
    unfinish(run)
    (said,) = re.findall(r"continue with: circuits (.*)", circuits("status").stdout)
    assert circuits(*shlex.split(said)).exit_code == 0
    assert circuits("status", "--json").json["runs"][0]["is_finished"]


def test_what_else_is_computed_is_said(circuits: Callable[..., Any], run: str):
    with Heartbeat([Store("runs")]) as heartbeat:
        heartbeat.beat("study of steps", 0.125, None)
        assert "running as well: study of steps, 12%" in circuits("status").stdout
        assert circuits("status", "--json").json["running"] == [
            {"of": "study of steps", "share": 0.125, "seconds_left": None}
        ]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"faithfulness": "much"}', '{"faithfulness": 1, "faithfulness_interval": 3}']
)
def test_a_damaged_summary_is_said_and_stops_nothing(circuits: Callable[..., Any], run: str, content: str):
    (Path("runs") / run / "summary.json").write_text(content)
    (state,) = circuits("status", "--json").json["runs"]
    assert state["run"] == run
    assert "summary.json is damaged" in state["problem"]
    assert run in circuits("status").stdout


def test_a_faithfulness_that_was_changed_is_not_said(circuits: Callable[..., Any], run: str):
    path = Path("runs") / run / "summary.json"
    faithfulness = json.loads(path.read_text())["faithfulness"]
    path.write_text(path.read_text().replace(str(faithfulness), str(faithfulness + 0.01)))
    (state,) = circuits("status", "--json").json["runs"]
    assert "summary.json is damaged: its content does not match its hash" in state["problem"]
    assert "faithfulness" not in state
    assert circuits("discover", "--config", Path("runs") / run / "config.yaml", "--quiet").exit_code == 0
    (state,) = circuits("status", "--json").json["runs"]
    assert state["faithfulness"] == faithfulness


def test_a_terminated_command_is_shown_running_then_continues(
    circuits: Callable[..., Any], spawn: Callable[..., Any], tiny: Any
):
    """SIGTERM as a batch system sends it: what is done is kept, and the command that continues is said."""
    asked = [*tiny.arguments, "--method", "activation-patching", "--prompts-per-job", "1", "--curve"]
    process = spawn(*asked)
    for line in process.stderr:
        if ": measure " in line:
            break
    os.kill(process.pid, signal.SIGSTOP)
    (state,) = circuits("status", "--json").json["runs"]
    os.kill(process.pid, signal.SIGCONT)
    assert not state["is_finished"]
    assert 0 <= state["running"]["share"] < 1
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert (process.returncode, stdout) == (143, "")
    assert "Traceback" not in stderr
    n_kept, n_jobs, again = re.search(
        r"interrupted; (\d+) of (\d+) jobs are kept. Continue with: circuits (.*)", stderr
    ).groups()  # pyright: ignore[reportOptionalMemberAccess]
    assert 0 < int(n_kept) < int(n_jobs)
    (state,) = circuits("status", "--json").json["runs"]
    assert (state["running"], state["continue"]) == (None, f"circuits {again}")
    jobs = circuits(*shlex.split(again), "--json").json["jobs"]
    # What is under way, one job a thread, may be done and kept after these are counted, before the process has ended.
    assert jobs["total"] == int(n_jobs)
    assert 0 <= int(n_jobs) - int(n_kept) - jobs["computed"] <= (os.cpu_count() or 1)


def test_a_run_whose_files_are_made_is_running(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    write, seen = command._write, list[dict[str, Any]]()

    def look_and_write(*arguments: Any) -> None:
        states, _ = states_in(Path("runs"))
        seen.extend(states)
        write(*arguments)

    monkeypatch.setattr(command, "_write", look_and_write)
    assert circuits(*tiny.arguments, "--method", "eap", "--edges", "20").exit_code == 0
    (state,) = seen
    assert progress_words(state["running"]) == "100%, making its files"
    (state,) = circuits("status", "--json").json["runs"]
    assert (state["is_finished"], state["running"]) == (True, None)


def test_quiet_says_nothing_of_what_is_computed_and_verbose_all(circuits: Callable[..., Any], tiny: Any):
    asked = [*tiny.arguments, "--method", "eap", "--edges", "20"]
    refused = circuits(*asked, "--quiet", "--verbose")
    assert refused.exit_code == 2
    assert "give one of them" in refused.stderr
    quiet = circuits(*asked, "--quiet", "--runs", "a")
    assert all(line.startswith("warning: ") for line in quiet.stderr.splitlines())
    assert "faithfulness" in quiet.stdout
    verbose = circuits(*asked, "--verbose", "--runs", "b")
    assert re.search(r"\S+: measure eap prompts 4-7 begins", verbose.stderr)
    assert re.search(r"measure eap prompts 4-7 · took [\d.]+ s, \d+ MB · after", verbose.stderr)


def test_the_version_is_that_of_the_package(circuits: Callable[..., Any]):
    from importlib.metadata import version

    answer = circuits("--version")
    assert (answer.exit_code, answer.stdout) == (0, f"circuits {version('circuit-workbench')}\n")


def test_a_shell_completes_commands():
    code = "import sys; sys.argv = ['circuits']; from pipelines.cli.main import main; main()"
    asking = {"_CIRCUITS_COMPLETE": "complete_bash", "COMP_WORDS": "circuits disc", "COMP_CWORD": "1"}
    environment = os.environ | asking | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == ["discover"], done.stderr


def fail_to_judge(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the jobs that judge a circuit end so."""

    def fails(*_: object) -> None:
        raise error

    replaced = dataclasses.replace(JUDGE, compute=fails)
    monkeypatch.setattr(import_module("pipelines.discover.plan"), "JUDGE", replaced)


def test_a_run_that_failed_says_the_error_and_what_tries_again(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    asked = [*tiny.arguments, "--method", "eap", "--edges", "20", "--name", "mine"]
    with monkeypatch.context() as patch:
        fail_to_judge(patch, ValueError("the judge is ill.\nA second line."))
        assert circuits(*asked).exit_code == 2
    (state,) = circuits("status", "--json").json["runs"]
    assert re.fullmatch(
        r"the judge is ill\. A second line\. \(in job 'judge the circuit prompts \d-\d+'\)", state["error"]
    )
    assert 0 < state["jobs_done"] < state["jobs"]
    shown = circuits("status").stdout
    typed = shlex.join(["circuits", *map(str, asked)])
    assert f"mine: failed: {state['error']} Try again with: {typed}\n" in shown
    assert "interrupted" not in shown
    with pytest.raises(ValueError, match=r"run mine failed: the judge is ill\.") as refused:
        open_run("mine")
    assert str(refused.value).endswith(f"Try again: {typed}")
    (again,) = re.findall(r"Try again with: circuits (.*)", shown)
    assert circuits(*shlex.split(again)).exit_code == 0
    (state,) = circuits("status", "--json").json["runs"]
    assert (state["is_finished"], state["error"], state["continue"]) == (True, None, None)
    assert not {FAILURE, BEGUN} & {path.name for path in (Path("runs") / "mine").iterdir()}


def test_what_was_typed_continues_where_it_was_typed_alone(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    asked = ["discover", str(tiny.prompts), "--model", str(tiny.model), "--method", "eap", "--edges", "20"]
    with monkeypatch.context() as patch:
        fail_to_judge(patch, KeyboardInterrupt())
        patch.setattr("os._exit", sys.exit)
        interrupted = circuits(*asked, "--name", "mine")
    typed = shlex.join(["circuits", *asked, "--name", "mine"])
    assert interrupted.stderr.splitlines()[-1].endswith(f"Continue with: {typed}")
    assert f"mine: interrupted, continue with: {typed}\n" in circuits("status").stdout
    shutil.copytree("runs/mine", "runs/copy")
    (copy, _) = circuits("status", "--json").json["runs"]
    assert copy["continue"] == "circuits discover --config runs/copy/config.yaml --runs runs --name copy"
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    (_, mine) = circuits("status", "--runs", "../runs", "--json").json["runs"]
    assert mine["continue"] == "circuits discover --config ../runs/mine/config.yaml --runs ../runs"


def test_a_prompt_file_with_faults_is_no_run(circuits: Callable[..., Any]):
    sides = {"clean": "Mary left", "corrupt": "John left"}
    faulty = {**sides, "answers": [" Xyzzy"], "wrong_answers": [" John"]}
    Path("bad.jsonl").write_text(f"{json.dumps(faulty)}\n{json.dumps({**sides, 'wrong_answers': [' Mary']})}\n")
    refused = circuits("discover", "bad.jsonl", "--edges", "20", "--name", "mine")
    assert "error: bad.jsonl: " in refused.stderr, "as it was typed"
    assert re.search(r"2 bad lines; .* mended\.\n  line 1: .*Xyzzy'.*\n  line 2: 'answers' missing", refused.stderr)
    assert not list(Path("runs").glob("*/run.json"))


def test_an_error_of_many_pages_is_kept_in_part(tmp_path: Path):
    note_failure(tmp_path, ValueError("\n".join(["\U0001f600" * 3000] * 9)))
    assert (tmp_path / FAILURE).stat().st_size < 2**16
    assert len(failure_in(tmp_path) or "") < 1100


def fail_to_make_prompts(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the first job of a run end so."""

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("pipelines.runs.first_jobs.PROMPTS", dataclasses.replace(PROMPTS, compute=fails))


def test_what_fails_after_something_was_computed_is_listed(circuits: Callable[..., Any], tiny: Any):
    asked = (*tiny.arguments, "--solved", "--prompts", "12", "--method", "random", "--edges", "5", "--name", "few")
    refused = circuits(*asked)
    assert (refused.exit_code, "prompts that the model solves were asked for" in refused.stderr) == (2, True)
    (state,) = circuits("status", "--json").json["runs"]
    assert "prompts that the model solves were asked for" in state["error"]


def test_what_is_refused_in_its_first_job_is_no_run(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    fail_to_make_prompts(monkeypatch, ValueError("the model is not whole."))
    assert circuits(*tiny.arguments, "--method", "eap", "--edges", "20").exit_code == 2
    assert circuits("status", "--json").json["runs"] == []


def test_a_run_that_failed_in_its_first_job_is_listed_and_its_name_is_free(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    error = OSError(28, "No space left on device")
    asked = [*tiny.arguments, "--method", "eap", "--name", "mine"]
    with monkeypatch.context() as patch:
        fail_to_make_prompts(patch, error)
        assert circuits(*asked, "--edges", "20").exit_code == 2
    (state,) = circuits("status", "--json").json["runs"]
    assert str(error) in state["error"]
    assert (state["run"], state["jobs_done"], state["is_finished"]) == ("mine", 0, False)
    with pytest.raises(ValueError, match=r"run mine failed: .* Try again: circuits discover .* --name mine --edges 20"):
        open_run("mine")
    (again,) = re.findall(r"Try again with: circuits (.*)", circuits("status").stdout)
    # Another run may have the name, and is then the one that is listed: also one that fails as well.
    with monkeypatch.context() as patch:
        fail_to_make_prompts(patch, OSError("another error"))
        assert circuits(*asked, "--edges", "16").exit_code == 2
    (state,) = circuits("status", "--json").json["runs"]
    assert (state["asked"].split(",")[0], "another error" in state["error"]) == ("16 edges", True)
    assert circuits(*asked, "--edges", "12").exit_code == 0
    assert circuits("status", "--json").json["runs"][0]["asked"].startswith("12 edges")
    taken = circuits(*asked, "--edges", "20")
    assert (taken.exit_code, "the name 'mine' is taken by another run" in taken.stderr) == (2, True)
    shutil.rmtree(Path("runs"))
    with monkeypatch.context() as patch:
        fail_to_make_prompts(patch, error)
        assert circuits(*asked, "--edges", "20").exit_code == 2
    assert circuits(*shlex.split(again)).exit_code == 0
    assert circuits("status", "--json").json["runs"][0]["is_finished"]


def test_what_needs_more_memory_than_there_is_is_no_run(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise ValueError("the jobs need 900 GB with one prompt at a time.")

    monkeypatch.setattr("pipelines.command.forecast_before", lambda *_: object())
    monkeypatch.setattr("pipelines.command.require_possible", refuse)
    answer = circuits(*tiny.arguments, "--method", "eap", "--edges", "20")
    assert (answer.exit_code, "the jobs need 900 GB" in answer.stderr) == (2, True)
    assert circuits("status", "--json").json["runs"] == []


def test_an_error_that_is_no_message_to_people_is_said_with_its_kind(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    fail_to_judge(monkeypatch, MemoryError())
    with pytest.raises(MemoryError):
        circuits(*tiny.arguments, "--method", "eap", "--edges", "20")
    assert "failed: MemoryError (in job 'judge the circuit" in circuits("status").stdout


def test_a_run_that_is_interrupted_in_its_first_job_is_listed_and_its_name_is_free(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        fail_to_make_prompts(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt) as interrupted:
            discover(**tiny.settings(method="eap", edges=20, name="mine"))
    (said,) = re.findall(r"or on the command line: (circuits discover .*)", str(interrupted.value))
    assert f"mine: interrupted, continue with: {said}\n" in circuits("status").stdout
    assert circuits(*tiny.arguments, "--method", "eap", "--edges", "12", "--name", "mine").exit_code == 0


def test_a_run_that_failed_and_is_then_interrupted_is_interrupted(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    asked = tiny.settings(method="eap", edges=20, name="mine")
    for error in (ValueError("it is ill."), KeyboardInterrupt()):
        with monkeypatch.context() as patch:
            fail_to_judge(patch, error)
            with pytest.raises(type(error)):
                discover(**asked)
    assert "mine: interrupted, continue with: " in circuits("status").stdout


def test_a_finished_run_that_cannot_be_made_anew_stays_finished(
    circuits: Callable[..., Any], tiny: Any, run: str, monkeypatch: pytest.MonkeyPatch
):
    jobs = json.loads((Path("runs") / run / "run.json").read_text())["jobs"]
    Store("runs").path(next(job["key"] for job in jobs if job["stage"] == "judge")).unlink()
    fail_to_judge(monkeypatch, ValueError("it is ill."))
    answer = circuits(*tiny.arguments, "--method", "eap", "--edges", "20", "--seed", "3")
    assert answer.exit_code == 2
    assert "finished; some results are gone" in circuits("status").stdout


def test_of_a_folder_that_keeps_nothing_it_is_said_why(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    asked = [*tiny.arguments, "--method", "eap", "--edges", "20", "--name", "mine"]
    with monkeypatch.context() as patch:
        fail_to_judge(patch, ValueError("the judge is ill."))
        circuits(*asked)
    for name in ("show", "rerun"):
        answer = circuits(name, Path("runs") / "mine")
        assert (answer.exit_code, answer.stdout) == (2, "")
        assert re.search(r"run mine failed: the judge is ill\..* Try again: circuits discover .*", answer.stderr)
    assert "runs holds no about.json" in circuits("show", "runs").stderr
    assert "no file nowhere" in circuits("show", "nowhere").stderr
    assert circuits(*asked).exit_code == 0
    assert "command: circuits discover" in circuits("show", Path("runs") / "mine").stdout
    assert circuits("show", "mine").stdout == circuits("show", Path("runs") / "mine").stdout
    assert "nothing new to compute" in circuits("rerun", "mine").stdout


@pytest.mark.parametrize(
    ("prompts", "n_prompts", "said"),
    [
        (50, 1, "1 prompt of 50 asked for"),
        (1, 1, "1 prompt"),
        (1, None, "1 prompt"),
        (8, 8, "8 prompts"),
        (50, 2, "2 prompts of 50 asked for"),
        (None, None, "all prompts"),
    ],
)
def test_one_prompt_is_said_as_one(prompts: int | None, n_prompts: int | None, said: str):
    assert list(words_of({"task": "pairs.jsonl", "prompts": prompts}, {}, n_prompts)) == [said]


def test_a_disk_that_takes_no_note_of_a_failure_hides_no_error(
    circuits: Callable[..., Any], tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipelines.runs.failure.replace_file", full)
    fail_to_judge(monkeypatch, ValueError("the judge is ill."))
    answer = circuits(*tiny.arguments, "--method", "eap", "--edges", "20")
    assert (answer.exit_code, "error: the judge is ill." in answer.stderr) == (2, True)
    assert "interrupted, continue with" in circuits("status").stdout


@pytest.mark.parametrize("content", ["", "[]", '{"error": "no format"}', '{"format": "circuit-workbench-failure"}'])
def test_a_damaged_note_of_a_failure_is_none(circuits: Callable[..., Any], run: str, content: str):
    unfinish(run)
    (Path("runs") / run / FAILURE).write_text(content)
    assert "interrupted, continue with" in circuits("status").stdout


def test_a_copied_run_goes_by_the_name_of_its_folder(circuits: Callable[..., Any], run: str):
    shutil.copytree(Path("runs") / run, Path("runs") / "copy")
    assert sorted(state["run"] for state in circuits("status", "--json").json["runs"]) == sorted(["copy", run])
    assert re.search(r"\bcopy\b.*finished", circuits("status").stdout)
    assert circuits("compare", run, "copy", "--overlap-only", "--json").json["runs"] == {run: run, "copy": "copy"}
    rows = circuits("evaluate", run, "copy", "--json").json["runs"]
    assert [row["run"] for row in rows] == [run, "copy"]
    assert open_run("copy").name == "copy"
    assert (Path("runs") / "copy").samefile(open_run("runs/../runs/copy/.").folder)


def test_a_copy_of_an_interrupted_run_is_continued_in_its_own_folder(circuits: Callable[..., Any], run: str):
    unfinish(run)
    shutil.copytree(Path("runs") / run, Path("runs") / "copy")
    said = dict(re.findall(r"(\S+): interrupted, continue with: circuits (.*)", circuits("status").stdout))
    assert circuits(*shlex.split(said["copy"])).exit_code == 0
    finished = {state["run"]: state["is_finished"] for state in circuits("status", "--json").json["runs"]}
    assert finished == {run: False, "copy": True}


def test_runs_of_one_name_in_two_stores_are_told_apart(circuits: Callable[..., Any], run: str):
    shutil.copytree("runs", "others")
    rows = circuits("evaluate", f"runs/{run}", f"others/{run}", f"runs/{run}", "--json").json["runs"]
    assert [row["run"] for row in rows] == [f"runs/{run}", f"others/{run}"]
    assert names_of([open_run(run), open_run(run, out="others")]) == [f"runs/{run}", f"others/{run}"]
    assert names_of([open_run(run), open_run(f"runs/{run}")]) == [run, run]
