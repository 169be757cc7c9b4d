"""Runs on the prompts of a template, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from circuits import METHODS, METRICS, ReadablePrompts, read_template
from pipelines import discover, open_run
from pipelines.engine import run_job
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from
from tests.bundled import bundled
from tests.circuits.tasks.tokenizers import train_bpe

Command = Callable[..., Any]
TEMPLATE = """
templates: "Because {name:IO} and {name:S1} were leaving the {place} , {S1:S2} returned the sandwich to"
words:
  name: [David, Martin, Simon, Lisa, Anna, Emily]
  place: [bridge, park]
corrupt: {S2: IO}
answers: " {IO}"
wrong_answers: " {S1}"
"""


@pytest.fixture
def template(circuits: Command) -> Path:
    path = Path("names.yaml")
    path.write_text(TEMPLATE)
    return path


def test_a_run_has_the_prompts_that_python_builds(circuits: Command, template: Path) -> None:
    asked = ("discover", template, "--method", "eap", "--edges", "20", "--judge-on", "same")
    run = open_run(circuits(*asked, "--prompts", "12", "--seed", "3", "--json").json["run"])
    model = bundled("reference")
    tokenizer: Any = model.tokenizer
    prompts = read_template(template).build(tokenizer, n=12, seed=3)
    scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    np.testing.assert_allclose(run.scores.means, scores.means, atol=1e-5)
    assert run.summary["n_prompts"] == 12
    assert run.summary["task"] == "names"
    assert circuits(*asked, "--prompts", "12", "--seed", "3", "--json").json["jobs"]["computed"] == 0
    other = circuits(*asked, "--prompts", "12", "--seed", "4", "--json").json
    assert other["jobs"]["computed"] > 0


def test_another_text_of_the_template_gives_another_run(circuits: Command, template: Path) -> None:
    asked = ("discover", template, "--method", "eap", "--edges", "20", "--prompts", "8", "--json")
    first = circuits(*asked).json["run"]
    template.write_text(f"{TEMPLATE}# a comment\n")
    assert circuits(*asked).json["run"] != first


def test_all_prompts_are_taken_where_there_are_few_and_no_number_is_asked(circuits: Command, template: Path) -> None:
    checked = circuits("prompts", "check", template, "--json").json
    assert checked["summary"]["prompts"] == 60
    assert checked["remarks"] == ["These are all 60 prompts that it makes."]
    run = circuits("discover", template, "--method", "eap", "--edges", "20", "--json").json
    assert open_run(run["run"]).summary["n_prompts"] == 60
    assert "60 prompts" in circuits("status").stdout
    as_many = circuits("prompts", "check", template, "--prompts", "60", "--json").json
    assert (as_many["summary"]["prompts"], as_many["remarks"]) == (60, [])
    fewer = circuits("prompts", "check", template, "--prompts", "20", "--json").json
    assert (fewer["summary"]["prompts"], fewer["remarks"]) == (20, [])


def test_words_that_a_model_does_not_know_are_not_counted(circuits: Command, template: Path) -> None:
    template.write_text(template.read_text().replace("Emily]", "Emily, Zqxjkv]") + "leave_out: unequal\n")
    checked = circuits("prompts", "check", template, "--json").json
    assert checked["summary"]["prompts"] == 60
    left_out, are_all = checked["remarks"]
    assert left_out.startswith("1 of the words 'name' is left out: 'Zqxjkv'")
    assert are_all == "These are all 60 prompts that it makes."


def test_all_are_taken_with_a_warning_where_more_are_asked_for(circuits: Command, template: Path) -> None:
    checked = circuits("prompts", "check", template, "--prompts", "61", "--json").json
    assert (checked["summary"]["prompts"], checked["remarks"]) == (
        60,
        ["61 prompts were asked for, and names.yaml makes 60: all of them were taken."],
    )
    run = circuits("discover", template, "--method", "eap", "--edges", "20", "--prompts", "200", "--json").json
    assert run["n_prompts"] == 60
    of_number = [warning for warning in run["warnings"] if "60" in warning]
    assert of_number == ["200 prompts were asked for, and names.yaml makes 60: all of them were taken."]
    assert "60 prompts of 200 asked for" in " ".join(circuits("status").stdout.split())


def test_words_that_chose_and_judge_a_circuit_are_told_once(circuits: Command, template: Path) -> None:
    """Of 30 prompts each, six names and two places are in both halves; nothing is said where there are no halves."""
    asked = ("discover", template, "--method", "eap", "--edges", "20", "--json")
    said = "every word in a slot of the prompts that judge the circuit is in one that chooses it too"
    assert [said in warning for warning in circuits(*asked).json["warnings"]].count(True) == 1
    for more in (("--judge-on", "same"), ("--prompts", "4")):
        assert not any(said in warning for warning in circuits(*asked, *more).json["warnings"])


def test_halves_that_are_held_apart_choose_and_judge_with_words_of_their_own(circuits: Command, template: Path) -> None:
    template.write_text(f"{TEMPLATE}halves: apart\n")
    asked = ("discover", template, "--method", "eap", "--edges", "20", "--prompts", "12", "--json")
    for more in ((), ("--solved",)):
        made = circuits(*asked, "--judge-on", "held-out", *more).json
        assert not any("every word in a slot" in warning for warning in made["warnings"])
        drawn = json.loads((Path("runs") / made["run"] / "run.json").read_text())["jobs"][0]["key"]
        prompts = ReadablePrompts(prompts_from(Store(Path("runs")).read(drawn)), bundled("reference").tokenizer)
        assert len(prompts) == 12
        halves = [prompts[number] for number in range(6)], [prompts[number] for number in range(6, 12)]
        names = [{text for prompt in half for text in prompt.answers} for half in halves]
        assert names[0] <= {"David", "Simon", "Anna"}
        assert names[1] <= {"Martin", "Lisa", "Emily"}
        assert (made["n_choosing"], made["n_prompts"]) == (6, 12)


def test_solved_prompts_are_drawn_until_there_are_enough(circuits: Command, template: Path) -> None:
    run = circuits("discover", template, "--method", "eap", "--prompts", "8", "--solved", "--edges", "20", "--json")
    assert run.json["solved"]["kept"] == 8
    shown = circuits("discover", template, "--method", "eap", "--prompts", "8", "--solved", "--edges", "20").stdout
    assert "on all: only such prompts were kept" in " ".join(shown.replace("│", " ").split())


def test_python_takes_a_template_by_its_path(circuits: Command, template: Path) -> None:
    run = discover(str(template), method="eap", prompts=8, edges=20, out="runs")
    assert run.summary["n_prompts"] == 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--corruption", "flip"), "brings its own corrupt prompts: leave out --corruption"),
        (("--held-out",), "leave out --held-out"),
        (("--task-set", "a=1"), "leave out --task-set"),
        (("--images", "."), "the template names.yaml has none"),
    ],
)
def test_what_a_template_cannot_give_is_refused(
    circuits: Command, template: Path, options: tuple[str, ...], said: str
) -> None:
    refused = circuits("discover", template, *options)
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_a_template_with_a_fault_and_a_settings_file_are_refused_by_name(circuits: Command, template: Path) -> None:
    template.write_text(TEMPLATE.replace("{S2: IO}", "{S3: IO}"))
    refused = circuits("discover", template)
    assert refused.exit_code == 2
    assert "names.yaml: corrupt: no slot 'S3'. Known: IO, S1, S2, place." in refused.stderr
    template.write_text("task: ioi\nmethod: eap\n")
    refused = circuits("discover", template)
    assert "Is it a settings file? Give it with --config." in refused.stderr


def test_words_that_do_not_fit_are_refused_before_weights_are_loaded(
    circuits: Command, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("the weights are loaded")

    monkeypatch.setattr("circuits.model.load.load_model", load)
    template.write_text(TEMPLATE.replace("Anna", "Zyxwv"))
    pairs = Path("own.csv")
    pairs.write_text("clean,corrupt,answers\nZyxwv,David,Martin\n")
    for file in (template, pairs):
        refused = circuits("discover", file, "--edges", "20")
        assert (refused.exit_code, "Zyxwv" in refused.stderr) == (2, True)
    refused = circuits("prompts", "check", template)
    assert (refused.exit_code, "Zyxwv" in refused.stderr) == (2, True)


@pytest.mark.parametrize("command", [("prompts", "check"), ("discover",)])
def test_faults_of_lines_and_words_that_do_not_fit_the_model_are_said_at_once(
    circuits: Command, template: Path, command: tuple[str, ...]
) -> None:
    text = TEMPLATE.replace("Simon", "Simonzq").replace("park", "zpark").replace("S2: IO", "S2: IOO")
    template.write_text(f"{text}note: x\n")
    said = circuits(*command, template).stderr.splitlines()[1:]
    assert said[0] == "error: names.yaml: 3 faults; no prompt is made of it until they are mended."
    assert said[1].startswith("  no key of a template 'note'.")
    assert said[2].startswith("  'corrupt.S2' holds 'IOO', expected 'another word'")
    assert said[2].endswith("'IO' or 'S1' (the word of that slot). Did you mean 'IO'?")
    assert said[3].startswith("  words that do not fit: of 'name' 'Simonzq' (not known); of 'place' 'zpark' (not ")
    # Those that the template leaves out are no fault.
    template.write_text(f"{text}leave_out: unequal\n")
    assert "do not fit" not in circuits(*command, template).stderr
    # Of a model that is not here, no words are known.
    template.write_text(text)
    assert "'corrupt.S2' holds 'IOO'" in circuits(*command, template, "--model", "nowhere").stderr


def test_words_that_do_not_fit_and_what_is_wrong_with_prompts_of_the_others_are_said_at_once(
    circuits: Command, template: Path
) -> None:
    wrong = TEMPLATE.replace("Simon", "Simonzq").replace('answers: " {IO}"', 'answers: [" {IO}", " {place} x"]', 1)
    template.write_text(wrong.replace('wrong_answers: " {S1}"', 'wrong_answers: [" {S1}", " {IO}"]'))
    said = circuits("prompts", "check", template).stderr.splitlines()[1:]
    assert said[0].endswith("template 'names': 3 faults; no prompt is made of it until they are mended.")
    assert said[1].startswith("  words that do not fit: of 'name' 'Simonzq' (not known).")
    told = sorted(line.partition("': ")[2] for line in said[2:])
    # 5 names in pairs, 2 places.
    assert [line[-30:] for line in told] == [" The same of 39 other prompts."] * 2
    assert "is an answer and a wrong answer" in told[0]
    assert "cannot follow this prompt" in told[1]


@pytest.mark.parametrize("command", [("prompts", "check"), ("discover",)])
def test_what_is_wrong_with_prompts_is_said_with_the_faults_of_lines(
    circuits: Command, template: Path, command: tuple[str, ...]
) -> None:
    wrong = TEMPLATE.replace('answers: " {IO}"', 'answers: [" {IO}", " {place} x"]', 1) + "leave_out: long\n"
    template.write_text(wrong)
    said = circuits(*command, template).stderr.splitlines()[1:]
    assert said[0] == "error: names.yaml: 2 faults; no prompt is made of it until they are mended."
    assert said[1].startswith("  'leave_out' holds 'long', expected 'unequal'")
    assert "cannot follow this prompt" in said[2]
    assert re.search(r" The same of 5\d other prompts\.$", said[2])
    # What hangs on another fault is left out: no prompt is made without answers, or where a sentence lacks their slot.
    template.write_text(wrong.replace('[" {IO}", " {place} x"]', "[]"))
    said = circuits(*command, template).stderr.splitlines()[1:]
    assert [line.strip()[:24] for line in said[1:]] == ["'answers' is empty: give", "'leave_out' holds 'long'"]
    template.write_text(wrong.replace("{place} , {S1:S2}", "bridge , {S1:S2}").replace("} to", "} {nme:A} to"))
    assert "cannot follow" not in circuits(*command, template).stderr


def test_a_space_that_answers_lack_is_said_with_the_faults_of_lines(circuits: Command, tmp_path: Path) -> None:
    tokenizer = train_bpe("bytes")
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=1, n_positions=32)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    path = tmp_path / "own.yaml"
    path.write_text("""
templates: "The {noun:S} near the table,"
words: {noun: [{singular: key, plural: keys}, {singular: car, plural: cars}]}
corrupt: {S: another kind}
answers: {S: {singular: "is", plural: "are"}}
leave_out: long
""")
    said = circuits("prompts", "check", path, "--model", tmp_path / "model").stderr.splitlines()[1:]
    assert said[0] == f"error: {path}: 1 fault; no prompt is made of it until it is mended."
    assert said[2].startswith("  doubtful: prompt 'The ")
    assert "table,': answers without a leading space: '" in said[2]


def test_what_is_no_template_at_all_is_refused_before_a_tokenizer_is_read(
    circuits: Command, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("circuits.model.tokenizers.tokenizer_of", lambda _: pytest.fail("a tokenizer is read"))
    for text in ("templates: [", "a: 1\n", "- a\n"):
        template.write_text(text)
        refused = circuits("prompts", "check", template)
        assert (refused.exit_code, "names.yaml: " in refused.stderr) == (2, True)


def test_a_fault_of_later_prompts_is_said_before_weights_are_loaded(
    circuits: Command, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_job, "model_of", lambda *_: pytest.fail("weights are loaded"))
    template.write_text(TEMPLATE.replace('wrong_answers: " {S1}"', 'wrong_answers: [" {S1}", " Anna"]'))
    refused = circuits("discover", template)
    assert refused.exit_code == 2
    assert "is an answer and a wrong answer: nothing tells them apart. The same of" in refused.stderr


def test_words_of_a_sentence_that_the_tokenizer_does_not_know_are_said_with_those_of_lists(
    circuits: Command, template: Path
) -> None:
    said = "template 'Weil {IO} and {S1} were leaving the {place} , {S2} returned the Brot to': "
    said += "the model's tokenizer does not know 'Weil', 'Brot'."
    text = TEMPLATE.replace("Because", "Weil").replace("sandwich", "Brot")
    template.write_text(text)
    assert said in circuits("prompts", "check", template).stderr
    template.write_text(text.replace("Simon", "Simonzq"))
    lines = circuits("prompts", "check", template).stderr.splitlines()[1:]
    assert lines[0].endswith("template 'names': 2 faults; no prompt is made of it until they are mended.")
    assert lines[1].startswith(f"  {said}")
    assert lines[2].startswith("  words that do not fit: of 'name' 'Simonzq' (not known).")
    template.write_text(text.replace("S2: IO", "S2: IOO") + "leave_out: unequal\n")
    lines = circuits("prompts", "check", template).stderr.splitlines()[1:]
    assert [line.strip()[:24] for line in lines[1:]] == ["'corrupt.S2' holds 'IOO'", "template 'Weil {IO} and "]
