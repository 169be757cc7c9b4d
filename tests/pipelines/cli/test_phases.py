"""What takes long in a command is said, whatever the command: what it is, how far it is, and that it goes on."""

from __future__ import annotations

import importlib
import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from circuits.model.phases import phase, phases_told_to, reached, told_elsewhere
from circuits.model.steps import steps
from pipelines.cli.main import app
from pipelines.cli.phases import SaidPhases
from pipelines.engine.watched_phase import counted_phase

_LONG = 0.06


@pytest.fixture
def hears_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that takes a moment is said."""
    for name, value in {"EVERY_S": 0.001, "_FIRST_S": 0.02, "_LONG_S": 0.02}.items():
        monkeypatch.setattr(f"pipelines.cli.phases.{name}", value)


def said_in(work: Callable[[SaidPhases], None]) -> list[str]:
    stream = io.StringIO()
    with SaidPhases(stream, "compare") as said, phases_told_to(said):
        work(said)
    return [re.sub(r"[\d.]+ s", "N s", line) for line in stream.getvalue().splitlines()]


def test_a_phase_is_said_once_it_lasts_and_one_that_is_soon_over_is_not(hears_all: None):
    def work(said: SaidPhases) -> None:
        said.first("compare", "looking up what is stored")
        with phase("planning"):
            with phase("reading a file"):
                pass
            time.sleep(_LONG)
            with phase("hashing the weights"):
                time.sleep(_LONG)

    assert said_in(work) == [
        "compare: looking up what is stored",
        "compare: planning",
        "compare: hashing the weights",
    ]


def test_a_command_that_says_nothing_itself_is_said_to_be_at_work(hears_all: None):
    assert said_in(lambda said: time.sleep(_LONG)) == ["compare: at work"]


def test_that_a_command_is_at_work_is_said_once_in_a_line(hears_all: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.cli.phases.SILENT_S", 0.04)
    _, second, *_ = said_in(lambda said: time.sleep(0.12))
    assert second == "compare: still at work · after N s"


def test_a_long_phase_is_said_again_with_what_it_has_taken(hears_all: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.cli.phases.SILENT_S", 0.04)

    def work(said: SaidPhases) -> None:
        with phase("hashing the weights"):
            time.sleep(0.1)

    first, second, *_ = said_in(work)
    assert first == "compare: hashing the weights"
    assert second == "compare: hashing the weights, still at work · after N s"


def test_the_time_goes_on_from_phase_to_phase(hears_all: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.cli.phases.SILENT_S", 0.04)
    stream = io.StringIO()
    with SaidPhases(stream, "compare") as said, phases_told_to(said):
        for text in ("reading", "asking"):
            with phase(text):
                time.sleep(0.3)
    after = [float(one) for one in re.findall(r"after ([\d.]+) s", stream.getvalue())]
    assert after == sorted(after)
    assert after[-1] > 0.4


def test_a_phase_whose_steps_are_known_is_said_again_with_how_far_it_is(
    hears_all: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.cli.phases.SILENT_S", 0.04)

    def work(said: SaidPhases) -> None:
        with counted_phase("asking the model"):
            for step in steps(range(4)):
                time.sleep(0.1 if step == 1 else 0)

    assert said_in(work)[1] == "compare: asking the model, 25% of it · after N s, about N s left"


def test_of_what_is_told_elsewhere_nothing_is_said_and_its_silence_does_not_count(
    hears_all: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.cli.phases.SILENT_S", 0.05)

    def work(said: SaidPhases) -> None:
        said.first("compare", "looking up")
        with told_elsewhere():
            time.sleep(0.1)
        time.sleep(0.01)

    assert said_in(work) == ["compare: looking up"]


def test_nobody_has_to_listen():
    with phase("hashing"):
        reached(0.5)


def _every_command(group: Any, *before: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _every_command(command, *before, name)
        else:
            yield " ".join((*before, name)), command


def test_every_command_says_what_takes_long_in_it(hears_all: None, capsys: pytest.CaptureFixture[str]):
    """Whatever it does: here it ends as it begins, after some time, within the place that all commands go through."""
    silent = []
    for name, command in _every_command(typer.main.get_command(app)):
        run = command.callback
        while "command" not in run.__code__.co_freevars:
            run = run.__wrapped__
        cell = run.__closure__[run.__code__.co_freevars.index("command")]
        own, cell.cell_contents = cell.cell_contents, lambda **_: time.sleep(_LONG)
        try:
            run()
        finally:
            cell.cell_contents = own
        if ": at work" not in capsys.readouterr().err:
            silent.append(name)
    assert silent == []


@pytest.mark.parametrize(
    ("slow", "arguments", "phrase"),
    [
        ("pipelines.runs.state.running_in", ["status"], "status: reading the runs in runs"),
        ("pipelines.runs.unused._named_in", ["clean"], "clean: looking up which results in runs are of use"),
        ("pipelines.prompts.check.entries_in", ["prompts", "check", "PROMPTS"], "prompts check: reading the lines of"),
        ("pipelines.prompts.seen.first_tokens", ["prompts", "check", "PROMPTS"], "prompts check: asking model what"),
        (
            "pipelines.engine.processors.use_free_processors",
            ["prompts", "check", "PROMPTS"],
            "prompts check: importing",
        ),
        (
            "circuits.model.processors._read_tokenizer",
            ["prompts", "check", "PROMPTS"],
            "prompts check: reading the tok",
        ),
        ("circuits.model.sources.content_hash", ["discover", "PROMPTS", "--edges", "4"], "discover: hashing the"),
        ("pipelines.discover.files.figures_of", ["discover", "PROMPTS", "--edges", "4"], "discover: drawing figures"),
        ("pipelines.command.write_atomically", ["discover", "PROMPTS", "--edges", "4"], "discover: writing "),
        ("circuits.model.load.require_fits", ["doctor", "--plan", "SETTINGS"], "doctor: loading the model model"),
    ],
)
def test_what_may_take_long_is_said(
    hears_all: None,
    slow: str,
    arguments: list[str],
    phrase: str,
    tiny: Any,
    circuits: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
):
    module, _, name = slow.rpartition(".")
    place = importlib.import_module(module)
    real = getattr(place, name)

    def slowly(*args: Any, **given: Any) -> Any:
        time.sleep(_LONG)
        return real(*args, **given)

    monkeypatch.setattr("pipelines.cli.phases.EVERY_S", 0.001)
    Path("settings.yaml").write_text(f"task: {tiny.prompts}\nmodel: {tiny.model}\nedges: 4\n")
    if arguments[0] in ("status", "clean"):
        circuits("discover", tiny.prompts, "--model", tiny.model, "--edges", "4", "--method", "eap", "--quiet")
    monkeypatch.setattr(place, name, slowly)
    given = {"PROMPTS": [tiny.prompts, "--model", tiny.model], "SETTINGS": ["settings.yaml"]}
    answer = circuits(*(word for of in arguments for word in given.get(of, [of])))
    assert phrase in answer.stderr


def test_a_quiet_command_says_nothing_however_long_it_takes(
    hears_all: None, tiny: Any, circuits: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.cli.phases.EVERY_S", 0.001)
    given = ["discover", tiny.prompts, "--model", tiny.model, "--edges", "4", "--method", "eap"]
    assert circuits(*given).stderr
    assert circuits(*given, "--seed", "1", "--quiet").stderr.count("discover:") == 0
