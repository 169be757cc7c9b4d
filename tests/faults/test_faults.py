"""A hundred bad inputs of all kinds, the same in every run; `make test-faults` tries all of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from pipelines.cli.view import page_makers
from tests.faults.campaign import KINDS, all_trials, table
from tests.faults.command_lines import WITHOUT_OPTIONS, leaves, starts
from tests.faults.sound import Sound
from tests.faults.trial import Said, Trial, Verdict, invoke, judged, tried, unclear
from tests.faults.views import all_pages
from tests.pipelines.view.served import serving

PER_KIND = 9
pytestmark = pytest.mark.usefixtures("shared_fonts")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "kills"])
def test_a_bad_input_gives_a_clear_error_or_what_is_right(inputs: Sound, tmp_path: Path, kind: str):
    trials = list(KINDS[kind](inputs))
    assert len(trials) >= PER_KIND
    chosen = [trials[len(trials) * number // PER_KIND] for number in range(PER_KIND)]
    found = [tried(trial, tmp_path / str(number)) for number, trial in enumerate(chosen)]
    assert not [(str(one.trial), one.why, one.message) for one in found if one.outcome == "wrong"]


def test_every_command_is_tried_or_left_out_for_a_reason(inputs: Sound):
    names, begun = [name for name, _ in leaves()], starts(inputs)
    assert sorted(names) == sorted([*begun, *WITHOUT_OPTIONS])
    assert all(WITHOUT_OPTIONS.values())
    tried_lines = [" ".join(map(str, trial.arguments)) for trial in KINDS["command lines"](inputs)]
    assert not [name for name in names if sum(line.startswith(name) for line in tried_lines) < 2]


def test_there_are_more_than_a_thousand_and_each_has_its_name(inputs: Sound):
    names = [str(trial) for trial in all_trials(inputs)]
    assert len(names) >= 1000
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("said", "names", "why"),
    [
        (Said(2, "error: no task 'oii'. Did you mean 'ioi'?", ""), ("oii",), ""),
        (Said(2, "error: no task 'oii'. Did you mean 'ioi'?", ""), ("edges",), "names none of edges"),
        (Said(1, "error: what Traceback (most recent call last) was that for", ""), (), "speaks of the code"),
        (Said(2, "error: found a NoneType, expected a JSON object.", ""), (), "speaks of the code"),
        (Said(2, "error: 'task'", ""), (), "what to do"),
        (Said(2, "", ""), (), "no error"),
        (Said(139, "error: something has gone wrong here", ""), (), "exit code 139"),
        (Said(2, "error: " + "long " * 2000, ""), (), "characters of error"),
    ],
)
def test_what_is_no_clear_error_is_told(said: Said, names: tuple[str, ...], why: str):
    assert why in unclear(said, names)
    assert bool(unclear(said, names)) == bool(why)


@pytest.mark.parametrize(
    ("expects", "said", "outcome"),
    [
        ("refused", Said(0, "", ""), "wrong"),
        ("either", Said(0, "", ""), "right"),
        ("restored", Said(0, "", ""), "restored"),
        ("restored", Said(2, "error: this cannot be done, give another one", ""), "wrong"),
        ("refused", Said(2, "error: this cannot be done, give another one", ""), "clear error"),
        ("either", Said(1, "", "KeyError: 'task'"), "wrong"),
    ],
)
def test_a_trial_is_judged_by_what_it_expects(tmp_path: Path, expects: str, said: Said, outcome: str):
    trial = Trial("kind", "name", [], expects=expects)
    assert judged(trial, said, tmp_path)[0] == outcome


def test_what_is_written_elsewhere_is_seen(inputs: Sound, tmp_path: Path):
    trial = Trial("kind", "name", [*inputs.discover(), "--runs", str(tmp_path / "elsewhere")], expects="either")
    verdict = tried(trial, tmp_path / "here")
    assert verdict.outcome == "wrong"
    assert "elsewhere" in verdict.why


def test_a_sound_folder_is_shown_on_every_page(inputs: Sound, tmp_path: Path):
    inputs.copy_runs(tmp_path)
    with serving(tmp_path / "runs", page_makers()) as server:
        replies = all_pages(inputs.run, inputs.other, server)
    assert [reply.status for reply in replies] == [200] * 8
    assert all(reply.body for reply in replies)


def test_the_table_counts_by_kind_and_names_what_is_wrong():
    trials = [Trial("a", "one", []), Trial("a", "two", []), Trial("b", "three", [])]
    outcomes = ("clear error", "wrong", "restored")
    text = table([Verdict(trial, of, "why", "said", 0.1) for trial, of in zip(trials, outcomes, strict=True)])
    lines = text.splitlines()
    assert lines[2:5] == ["| a | 2 | 1 | 0 | 0 | 1 |", "| b | 1 | 0 | 1 | 0 | 0 |", "| all | 3 | 1 | 1 | 0 | 1 |"]
    assert "- a: two: why" in text


@pytest.mark.slow
def test_a_command_killed_at_any_time_is_restored(inputs: Sound, tmp_path: Path):
    found = [tried(trial, tmp_path / str(number)) for number, trial in enumerate(islice(KINDS["kills"](inputs), 5))]
    assert [one.why for one in found] == [""] * 5


def test_commands_are_told_by_their_exit_codes(inputs: Sound):
    assert invoke(["models"]).exit_code == 0
    assert invoke(["discuss"]).exit_code == 2
