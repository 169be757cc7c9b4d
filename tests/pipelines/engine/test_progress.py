"""What is said while jobs are computed: at once, and by names that people understand."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from circuits.model.load import load_model
from circuits.model.phases import phase
from pipelines.engine.estimate import Estimate
from pipelines.engine.execute import execute
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.progress import AnyBar, Bar, Lines, Outlook, short_owner
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store

STAGE = Stage("step", 1, lambda settings, inputs, model: Result({}))
NAMED = Stage("step", 1, STAGE.compute, title="task {task}, in full")


def job(number: int, model: str | None = "/models/tiny", **more: object) -> Job:
    return Job(STAGE, {"number": number} | more, locations={} if model is None else {"model": model})


def outlook(jobs: list[Job], owner: str = "run mine") -> Outlook:
    cost = {"seconds": 2.5, "multiply_adds": 0, "peak_memory_mb": 7.0}
    return Outlook(len(jobs), len(jobs), {one.key: owner for one in jobs}, Estimate(jobs, 1), lambda one: cost)


def test_a_model_is_said_to_load_before_the_first_job_that_needs_it_and_that_job_has_the_time():
    stream, jobs = io.StringIO(), [job(0, None), job(1), job(2), job(3, "another")]
    progress = Lines(stream, outlook(jobs))
    for one in jobs:
        progress.begun(one)
        progress.done(one)
    said = [re.sub(r" · after [\d.]+ s", "", line) for line in stream.getvalue().splitlines()]
    assert said == [
        "[1/4] mine: step",
        "mine: loading the model tiny; then: step",
        "[2/4] mine: step, the model's loading included",
        "[3/4] mine: step",
        "mine: loading the model another; then: step",
        "[4/4] mine: step, the model's loading included",
    ]


def test_loading_is_none_of_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.engine.progress.SILENT_S", 0)
    stream, jobs = io.StringIO(), [job(0), job(1, "another")]
    about = outlook(jobs)
    progress = Lines(stream, about)
    progress.begun(jobs[0])
    about.estimate.done(jobs[0], 10.0)
    progress.done(jobs[0])
    progress.begun(jobs[1])
    progress.tick()
    progress.reached(jobs[1], 0.0, "drawing")
    progress.reached(jobs[1], 0.0, "")
    progress.tick()
    assert stream.getvalue().splitlines()[-1].startswith("mine: step, at work")
    progress.reached(jobs[1], 0.1, "")
    progress.tick()
    loads, _, runs = stream.getvalue().splitlines()[-3:]
    assert re.fullmatch(r"mine: loading the model another · after [\d.]+ s, then about 10 s left", loads)
    assert re.fullmatch(r"mine: step, 10% of it · after [\d.]+ s, about 10 s left", runs)


def test_what_runs_is_named_soon_unless_the_last_line_did(monkeypatch: pytest.MonkeyPatch):
    """Of slices of one step, each line that one is done says what goes on."""
    monkeypatch.setattr("pipelines.engine.progress._SOON_S", 0)
    other = Job(Stage("other", 1, STAGE.compute), {"slice": [0, 4]})
    stream, jobs = io.StringIO(), [job(0, None), job(1, None), other]
    progress = Lines(stream, outlook(jobs))
    for one in jobs[:2]:
        progress.begun(one)
    progress.done(jobs[0])
    progress.tick()
    progress.done(jobs[1])
    progress.begun(other)
    for doing in ("", "", "drawing 20 random circuits", "drawing 20 random circuits"):
        progress.reached(other, 0.0, doing)
        progress.tick()
    progress.reached(other, 0.5, "")
    progress.tick()
    said = [line.partition(" ·")[0] for line in stream.getvalue().splitlines()]
    assert said == [
        "[1/3] mine: step",
        "[2/3] mine: step",
        "mine: other prompts 0-3, at work",
        "mine: other prompts 0-3, drawing 20 random circuits",
        "mine: other prompts 0-3, 50% of it",
    ]


def test_of_workers_that_have_not_said_what_they_do_it_is_said_how_many_jobs_are_with_them(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = [0.0]
    monkeypatch.setattr("pipelines.engine.progress.time.monotonic", lambda: clock[0])
    stream, jobs = io.StringIO(), [job(number, None) for number in range(4)]
    progress = Lines(stream, outlook(jobs))
    progress.begun(jobs[0])
    progress.sent("run mine", 3)
    progress.done(jobs[0])
    for _ in range(36):
        clock[0] += 1.0
        progress.tick()
    progress.reached(jobs[1], 0.5, "")
    clock[0] += 15
    progress.tick()
    progress.done(jobs[1])
    progress.sent("run mine", 1)
    clock[0] += 15
    progress.tick()
    progress.sent("run mine", 0)
    clock[0] += 15
    progress.tick()
    assert stream.getvalue().splitlines() == [
        "[1/4] mine: step · after 0.0 s",
        "mine: workers are at work, 3 jobs are with them · after 15 s",
        "mine: workers are at work, 3 jobs are with them · after 30 s",
        "mine: step, 50% of it · after 51 s",
        "[2/4] mine: step · after 51 s",
        "mine: workers are at work, 1 job is with them · after 1 min 6 s",
    ]


def test_phases_of_a_job_are_told_with_how_far_it_is_and_those_of_its_models_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def compute(settings: Any, inputs: Any, model: Any) -> Result:
        model()
        with phase("drawing"):
            pass
        return Result({})

    def load(*_: object) -> Any:
        with phase("loading"):
            return load_model("reference")

    monkeypatch.setattr("pipelines.engine.run_job.model_of", load)
    store, one, told = Store(tmp_path), Job(Stage("draw", 1, compute), {}), []
    store.prepare()
    execute(
        [one],
        store,
        Execution(out=tmp_path),
        on_done=lambda _: None,
        on_share=lambda job, share, seconds, doing: told.append((job.key, share, doing)),
    )
    assert told == [(one.key, 0.0, "drawing"), (one.key, 0.0, "")]


def test_details_are_what_begins_and_what_each_job_took():
    stream, jobs = io.StringIO(), [job(0, None)]
    progress = Lines(stream, outlook(jobs), in_detail=True)
    progress.begun(jobs[0])
    progress.done(jobs[0])
    begins, done = stream.getvalue().splitlines()
    assert begins == "mine: step begins"
    assert done.startswith("[1/1] mine: step · took 2.5 s, 7 MB · after ")


def test_what_jobs_are_computed_for_is_cut_where_it_would_fill_the_line():
    assert short_owner("run ioi-eap-1") == "ioi-eap-1"
    assert short_owner("edit of a1.h0 on ioi") == "edit of a1.h0 on ioi"
    assert short_owner("run " + "x" * 100) == "x" * 60 + "..."


def test_each_job_is_said_to_begin_before_it_is_done(tmp_path: Path):
    store, jobs, events = Store(tmp_path), [job(0, None), job(1, None)], []
    store.prepare()
    execute(
        jobs,
        store,
        Execution(out=tmp_path),
        on_begun=lambda one: events.append(("begun", one.key, store.has(one.key))),
        on_done=lambda one: events.append(("done", one.key, store.has(one.key))),
    )
    for one in jobs:
        assert [event for event in events if event[1] == one.key] == [
            ("begun", one.key, False),
            ("done", one.key, True),
        ]


@pytest.mark.parametrize(
    ("stage", "settings", "label"),
    [
        (STAGE, {"slice": [0, 4]}, "step prompts 0-3"),
        (STAGE, {"part": [4, 8]}, "step prompts 4-7"),
        (STAGE, {"part": "validation"}, "step validation"),
        (NAMED, {"task": "ioi"}, "task ioi, in full"),
    ],
)
def test_a_job_goes_by_the_title_of_its_stage(stage: Stage, settings: dict[str, object], label: str):
    assert Job(stage, settings).label == label


def test_a_title_changes_no_key():
    assert Job(STAGE, {"task": "ioi"}).key == Job(NAMED, {"task": "ioi"}).key


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_bar_tells_the_time_left_and_what_runs_in_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, width: int
):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream, jobs = Terminal(), [job(number) for number in range(10)]
    about = outlook(jobs, "run of-a-long-name-" + "and-longer-" * 3)
    with Bar(stream, about) as bar:
        about.estimate.done(jobs[0], 30.0)
        bar.done(jobs[0])
        bar.reached(jobs[1], 0.5, "")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= width
    assert any("1/10 jobs, about 4 min 30 s left" in line and "step, 50%" in line for line in lines)


def test_a_bar_at_its_end_tells_no_time_left(monkeypatch: pytest.MonkeyPatch):
    about = outlook(jobs := [job(0)])
    monkeypatch.setattr(AnyBar, "draw", lambda self, description: None)
    bar = AnyBar(about)
    about.estimate.done(jobs[0], 30.0)
    bar.done(jobs[0])
    assert bar.state == "1/1 job"


def test_a_bar_says_that_the_model_is_loaded_until_the_first_step(monkeypatch: pytest.MonkeyPatch):
    drawn, jobs = list[str](), [job(0), job(1)]
    monkeypatch.setattr(AnyBar, "draw", lambda self, description: drawn.append(description))
    bar = AnyBar(outlook(jobs))
    bar.begun(jobs[0])
    for share, doing in ((0.0, ""), (0.0, "reading the tokenizer"), (0.0, ""), (0.5, "")):
        bar.reached(jobs[0], share, doing)
    bar.done(jobs[0])
    bar.begun(jobs[1])
    bar.reached(jobs[1], 0.0, "")
    loading = "loading the model tiny (mine)"
    assert drawn[:5] == [loading, loading, "step, reading the tokenizer (mine)", loading, "step, 50% of it (mine)"]
    assert drawn[5:] == ["step (mine)"] * 3
