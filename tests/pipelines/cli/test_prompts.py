"""`circuits prompts check`, `show` and `new`, on the bundled model."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from circuits.data import prompt_lines
from circuits.data.records import FORMATS, entries_of
from circuits.evaluation.first_tokens import FirstToken, Said
from circuits.model import load, tokenizers
from circuits.model.load import load_model
from circuits.tasks import IMAGE_TASKS, TASKS
from circuits.tasks.from_template import TemplateTask
from pipelines.prompts import seen
from pipelines.prompts.new import new_records
from tests.circuits.tasks.tokenizers import train_bpe
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("bundled_once")

TEXT = "Because {0} and {1} were leaving the bridge , {2} returned the sandwich to"


def pair(one: str, two: str, **changes: Any) -> dict[str, Any]:
    """A prompt that the bundled model answers with `two`, and with `one` where it is corrupt."""
    sides = {"clean": TEXT.format(one, two, one), "corrupt": TEXT.format(one, two, two)}
    return {**sides, "answers": [f" {two}"], "wrong_answers": [f" {one}"], "roles": {"IO": two}} | changes


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def checked(circuits: Any, path: Path, code: int = 0) -> dict[str, Any]:
    answer = circuits("prompts", "check", path, "--json")
    assert answer.exit_code == code
    return json.loads(answer.stdout)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_new_file_of_every_format_is_accepted_and_answered(
    circuits: Callable[..., Any], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"own{ending}"
    assert circuits("prompts", "new", path).exit_code == 0
    assert [entry.record for entry in entries_of(path.read_bytes(), path.name)] == new_records()
    found = checked(circuits, path)
    assert found["summary"] == {
        "prompts": 2,
        "bad_lines": 0,
        "left_out": 0,
        "right": 2,
        "pairs": 2,
        "corrupt_with_the_answer": 0,
        "only_corrupt_with_the_answer": 0,
    }
    assert found["notes"] == []


def test_a_new_file_replaces_none_and_needs_a_known_ending(circuits: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", {})
    refused = circuits("prompts", "new", path)
    assert refused.exit_code == 2
    assert "is there already" in refused.stderr
    assert path.read_text() == "{}\n"
    refused = circuits("prompts", "new", tmp_path / "own.txt")
    assert refused.exit_code == 2
    assert "ending of a prompt file" in refused.stderr


def test_a_checked_line_is_what_the_model_itself_gives(circuits: Callable[..., Any], tmp_path: Path) -> None:
    (row,) = checked(circuits, write(tmp_path / "own.jsonl", pair("David", "Martin")))["prompts"]
    assert row["clean"] == TEXT.format("David", "Martin", "David").split()
    assert row["corrupt"] == TEXT.format("David", "Martin", "Martin").split()
    assert row["roles"] == {
        "END": {"positions": [13], "tokens": ["to"]},
        "IO": {"positions": [3], "tokens": ["Martin"]},
    }
    assert (row["answers"], row["wrong_answers"]) == ([["Martin"]], [["David"]])
    model = load_model("reference")
    tokenizer: Any = model.tokenizer
    for side, says in (("clean", "says"), ("corrupt", "corrupt_says")):
        ids = torch.tensor([tokenizer.convert_tokens_to_ids(row[side])])
        with torch.no_grad():
            probability, token = model.original(ids).logits[0, -1].softmax(-1).max(-1)
        assert row[says]["token"] == tokenizer.decode([int(token)])
        assert row[says]["probability"] == pytest.approx(float(probability), abs=1e-5)
        assert row[says]["is_correct"] == (side == "clean")


def test_what_the_model_does_not_answer_is_said_with_the_lines(circuits: Callable[..., Any], tmp_path: Path) -> None:
    wrong = pair("Martin", "David", answers=[" Martin"], wrong_answers=[" David"])
    negative = {"prompt": TEXT.format("David", "Martin", "David"), "label": "negative", "answers": [" Martin"]}
    found = checked(circuits, write(tmp_path / "own.jsonl", pair("David", "Martin"), wrong))
    assert (found["summary"]["right"], found["summary"]["corrupt_with_the_answer"]) == (1, 1)
    notes = {note["kind"]: (note["lines"], note["detail"]) for note in found["notes"]}
    assert {kind: lines for kind, (lines, _) in notes.items()} == {
        "the model does not answer": [2],
        "the answer and the wrong answer look exchanged": [2],
    }
    said = "the clean prompt is answered 'David', which stands as wrong, and the corrupt one 'Martin'."
    assert notes["the answer and the wrong answer look exchanged"][1] == said
    elsewhere = pair("David", "Martin", corrupt=TEXT.format("David", "Martin", "David").replace("bridge", "farm"))
    found = checked(circuits, write(tmp_path / "own.jsonl", elsewhere))
    assert [note["kind"] for note in found["notes"]] == ["the corrupt prompt is answered like the clean one"]
    found = checked(
        circuits, write(tmp_path / "own.jsonl", negative, negative | {"label": "positive", "answers": [" the"]})
    )
    assert found["summary"] | {"pairs": 0, "right": 0} == found["summary"]
    assert {note["kind"]: note["lines"] for note in found["notes"]} == {
        "the model gives the answer of a negative": [1],
        "the model does not answer": [2],
    }


def test_a_corrupt_prompt_that_alone_gets_the_answer_is_not_said_to_be_answered_like_the_clean_one(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    # Both sides get ' Martin' in the first; in the second only the corrupt one is answered.
    same = pair("David", "Martin", corrupt=TEXT.format("David", "Martin", "David").replace("bridge", "farm"))
    only = pair("Martin", "David", answers=[" Martin"], wrong_answers=[])
    answer = circuits("prompts", "check", write(tmp_path / "own.jsonl", same, only))
    assert answer.exit_code == 0
    said = {line.partition(":")[0] for line in answer.stdout.splitlines()}
    assert {
        "the corrupt prompt is answered like the clean one (line 1)",
        "only the corrupt prompt gets the answer (line 2)",
        "the model does not answer (line 2)",
    } <= said
    assert answer.stdout.splitlines()[-1].endswith(
        "reference answers 1 of 2 rightly; 1 of 2 corrupt prompts gets the same answer; "
        "only the corrupt prompt gets it in 1."
    )


def test_answers_that_some_prompts_hold_and_others_do_not_are_doubted(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    held = [pair("David", "Martin"), pair("Martin", "David")]
    assert checked(circuits, write(tmp_path / "held.jsonl", *held))["notes"] == []
    other = pair("Martin", "David", answers=[" Sarah"])
    notes = {note["kind"]: note for note in checked(circuits, write(tmp_path / "own.jsonl", held[0], other))["notes"]}
    mixed = notes["the prompt holds its answer, and others do not"]
    assert mixed["lines"] == [1]
    assert mixed["detail"] == "'Martin' stands in it: to copy an answer and to know it are two tasks."


def test_weights_are_not_loaded_for_a_file_without_a_good_line(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "load_for_reading", lambda _: pytest.fail("weights are loaded"))
    found = checked(circuits, write(tmp_path / "own.jsonl", pair("David", "Zebra")), code=2)
    assert (found["model"], found["prompts"], {fault["line"] for fault in found["bad_lines"]}) == ("reference", [], {1})


def test_every_line_is_read_as_tokens_once(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, read_text = [], prompt_lines.prompt_from_text

    def reading(clean: str, *of: Any, **how: Any) -> Any:
        read.append(clean)
        return read_text(clean, *of, **how)

    monkeypatch.setattr(prompt_lines, "prompt_from_text", reading)
    lines = [pair("David", "Martin"), pair("Martin", "David")]
    checked(circuits, write(tmp_path / "own.jsonl", *lines))
    assert read == [line["clean"] for line in lines]


@pytest.mark.parametrize("command", [("prompts", "check"), ("prompts", "show"), ("discover",)])
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("own.csv", "cleen,corrupt,answers\nA,B,C\n", "unknown key 'cleen'"),
        ("own.csv", "one,two\nA,B\n", "names no column of prompts"),
        ("own.csv", "", "holds no prompt. Give a header, clean,corrupt,answers,wrong_answers, and a row."),
        ("own.tab", "", "holds no prompt. Give a header, clean,corrupt,answers,wrong_answers with tabs in place of"),
        ("own.json", "[]", 'holds no prompt. Give an array of JSON objects, such as [{"clean": "...", "corrupt"'),
        ("own.json", "", "holds no prompt. Give an array of JSON objects, such as [{"),
        ("own.jsonl", '{"question": "A"}\n', "unknown key 'question'"),
        ("own.jsonl", "A, B\n", "not JSON"),
    ],
)
def test_a_file_that_says_nothing_of_prompts_is_refused_before_its_model_is_looked_for(
    circuits: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    name: str,
    text: str,
    said: str,
) -> None:
    monkeypatch.setattr(tokenizers, "tokenizer_of", lambda _: pytest.fail("a tokenizer is read"))
    path = tmp_path / name
    path.write_text(text)
    # No model is called so: nobody looks.
    refused = circuits(*command, path, "--model", "no-such-model")
    assert refused.exit_code == 2
    assert said in refused.stdout + refused.stderr
    assert "no-such-model" not in refused.stdout + refused.stderr.partition("\n")[2]


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_bad_header_is_told_before_anything_heavy_is_imported(tmp_path: Path, command: str) -> None:
    (tmp_path / "own.csv").write_text("cleen,corrupt,answers\nA,B,C\n")
    code = (
        "import sys\nfrom pipelines.cli.main import main\n"
        f"sys.argv = ['circuits', 'prompts', '{command}', 'own.csv']\n"
        "try: main()\nexcept SystemExit as ended: print(ended.code, 'torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "2 False"
    assert "unknown key 'cleen'" in done.stdout + done.stderr


def test_bad_lines_are_said_once_beside_the_good_ones(circuits: Callable[..., Any], tmp_path: Path) -> None:
    bad, beyond = pair("David", "Martin", extra=1), {"clean_ids": [1], "corrupt_ids": [2], "answer_ids": [99999]}
    path = write(tmp_path / "own.jsonl", pair("David", "Martin"), bad, bad, beyond, pair("David", "Martin"))
    found = checked(circuits, path, code=2)
    assert [one["line"] for one in found["bad_lines"]] == [2, 3, 4]
    assert found["bad_lines"][2]["fault"].startswith("answer token 99999 is not in the model's vocabulary")
    assert found["left_out"] == [{"line": 5, "reason": "a copy of line 1"}]
    assert [row["line"] for row in found["prompts"]] == [1]
    shown = circuits("prompts", "check", path)
    assert shown.exit_code == 2
    assert shown.stderr.splitlines()[1:] == [
        f"error: {path}: 3 bad lines; a run uses none of its prompts until they are mended."
    ]
    # In the file's order.
    begun = [line.partition(": ")[0] for line in shown.stdout.splitlines() if line.startswith("line")]
    assert begun == ["line 1, pair", "lines 2-3, bad", "line 4, bad", "line 5 is left out"]
    assert "lines 2-3, bad: unknown key 'extra'" in shown.stdout
    assert "1 prompt; 3 bad lines; 1 left out; reference answers 1 of 1 rightly" in shown.stdout


def test_copies_are_said_together_at_the_first_of_them(circuits: Callable[..., Any], tmp_path: Path) -> None:
    one, other = pair("David", "Martin"), pair("Martin", "David")
    path = write(tmp_path / "own.jsonl", one, one, other, *[one] * 40)
    begun = [line for line in circuits("prompts", "check", path).stdout.splitlines() if line.startswith("line")]
    assert [line.partition(": ")[0] for line in begun] == ["line 1, pair", "lines 2, 4-43 are left out", "line 3, pair"]
    assert begun[1].endswith("left out: copies of line 1")


def test_what_to_do_about_several_lines_is_said_once(circuits: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", pair("Zebra", "Martin"), pair("Quagga", "Martin"))
    shown = circuits("prompts", "check", path).stdout
    assert "line 2, bad: the model's tokenizer does not know 'Quagga'.\n" in shown
    assert shown.count("Choose words of its vocabulary") == 1


def test_the_first_lines_are_shown_and_all_are_counted(circuits: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", pair("David", "Martin"), pair("Martin", "David"))
    shown = circuits("prompts", "check", path, "--lines", "1").stdout
    assert "line 1, pair: answers, says 'Martin'" in shown
    assert "  clean    Because|David|and|Martin|were" in shown
    assert "  changed  9 'David' -> 'Martin'" in shown
    assert "line 2, pair" not in shown
    assert "... and 1 more" in shown
    assert "answers 2 of 2 rightly; 0 of 2 corrupt" in shown


def test_prompts_of_a_task_are_shown_with_tokens_and_roles(circuits: Callable[..., Any], tmp_path: Path) -> None:
    answer = circuits("prompts", "show", "ioi", "--prompts", "2", "--json")
    shown = json.loads(answer.stdout)
    tokenizer: Any = load_model("reference").tokenizer
    built = TASKS["ioi"]().build(tokenizer, n=2)
    assert [row["clean"] for row in shown["prompts"]] == [
        tokenizer.convert_ids_to_tokens(list(prompt.clean)) for prompt in built
    ]
    for row, prompt in zip(shown["prompts"], built, strict=True):
        assert {role: at["positions"] for role, at in row["roles"].items()} == {
            role: list(at) for role, at in prompt.roles.items()
        }
    text = circuits("prompts", "show", "ioi", "--prompts", "1").stdout
    assert "|".join(shown["prompts"][0]["clean"]) in text.replace("\n", "")
    of_file = circuits("prompts", "show", write(tmp_path / "own.jsonl", pair("David", "Martin")), "--json")
    assert json.loads(of_file.stdout)["prompts"][0]["answers"] == [["Martin"]]
    unknown = circuits("prompts", "show", "iio")
    assert unknown.exit_code == 2
    assert "ioi" in unknown.stderr
    other = circuits("prompts", "show", "ioi", "--corruption", "abc", "--prompts", "1", "--json")
    assert json.loads(other.stdout)["prompts"][0]["corrupt"] != shown["prompts"][0]["corrupt"]


def test_a_new_template_is_accepted_and_answered(circuits: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    assert circuits("prompts", "new", path).exit_code == 0
    answer = circuits("prompts", "check", path, "--prompts", "20", "--lines", "1")
    assert "own.yaml: 20 prompts; reference answers 20 of 20 rightly; 0 of 20 corrupt" in answer.stdout.replace(
        "\n", " "
    )
    assert "prompt 0, pair: answers" in answer.stdout
    assert "prompt 1, pair" not in answer.stdout
    assert "... and 19 more (--lines N shows more)" in answer.stdout
    none = circuits("prompts", "check", path, "--prompts", "20", "--lines", "0").stdout
    assert "more" not in none
    assert "prompt 0" not in none
    found = checked(circuits, path)
    assert found["summary"]["prompts"] == 64
    assert [row["prompt"] for row in found["prompts"]] == [*range(64)]
    shown = json.loads(circuits("prompts", "show", path, "--prompts", "5", "--json").stdout)
    # Each half has words of its own: of five prompts, three begin the first half, as of any other number.
    assert [row["clean"] for row in shown["prompts"][:3]] == [row["clean"] for row in found["prompts"][:3]]
    assert [row["clean"] for row in shown["prompts"][3:]] == [row["clean"] for row in found["prompts"][32:34]]
    other = json.loads(circuits("prompts", "show", path, "--prompts", "5", "--seed", "1", "--json").stdout)
    assert other["prompts"] != shown["prompts"]


def test_words_of_a_template_that_do_not_fit_are_refused_or_left_out(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    circuits("prompts", "new", path)
    path.write_text(path.read_text().replace("[bridge,", "[bridge, zqxjkv,"))
    refused = circuits("prompts", "check", path)
    assert refused.exit_code == 2
    assert "of 'place' 'zqxjkv' (not known)" in refused.stderr
    path.write_text(f"{path.read_text()}leave_out: unequal\n")
    found = checked(circuits, path)
    assert found["remarks"] == ["1 of the words 'place' is left out: 'zqxjkv' (not known)."]
    assert found["summary"]["right"] == 64


def test_an_answer_without_its_space_is_noticed_once(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = train_bpe("bytes")
    config = GPT2Config(
        vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0, n_embd=8, n_layer=1, n_head=1, n_positions=32
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    (spaced,) = tokenizer(" are")["input_ids"]
    one = FirstToken(spaced, 0.5, False)
    monkeypatch.setattr(seen, "first_tokens", lambda _, prompts: [Said(one, one) for _ in prompts])
    sides = {"clean": "The keys near the table,", "corrupt": "The key near the table,"}
    path = write(tmp_path / "own.jsonl", sides | {"answers": ["are"]})
    answer = circuits("prompts", "check", path, "--model", tmp_path / "model", "--json")
    notes = [note for note in json.loads(answer.stdout)["notes"] if "space" in note["kind"]]
    assert [(note["kind"], note["lines"]) for note in notes] == [("answers without a leading space", [1])]
    assert notes[0]["detail"].endswith("did you mean ' are'?")


def test_answers_of_several_tokens_are_named_with_the_metric_that_reads_them(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    long = pair("David", "Martin", answers=[" Martin and"], wrong_answers=[" David and"])
    found = checked(circuits, write(tmp_path / "own.jsonl", pair("Martin", "David"), long))
    (note,) = (note for note in found["notes"] if note["kind"] == "answers of several tokens")
    assert (note["lines"], note["detail"]) == ([2], "'Martin' + 'and'.")


def test_what_discover_refuses_is_said_in_its_words_with_the_command_that_takes_it(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    one = pair("Martin", "David")
    long = pair("David", "Martin", answers=[" Martin and"], wrong_answers=[" David and"])
    file = write(tmp_path / "my own.jsonl", one, one, long)
    found = checked(circuits, file)
    asked = shlex.split(found["instead"])[1:]
    assert asked == ["discover", str(file), "--model", "reference", "--metric", "log-probability-difference"]
    (refusal,) = found["refusals"]
    assert "answers of 1 of 2 prompts have several (the first is line 3 of my own.jsonl, with up to 2)" in refusal
    said = circuits("discover", file).stderr.splitlines()[-1]
    assert said == f"error: {refusal}"
    assert circuits(*asked, "--method", "random", "--edges", "5").exit_code == 0
    shown = circuits("prompts", "check", file).stdout.splitlines()
    assert shown[-3] == f"`circuits discover`, with its usual metric and ablation, refuses these prompts: {refusal}"
    assert shown[-2] == f"This takes them: {found['instead']}"


@pytest.mark.parametrize(
    ("changes", "said", "options"),
    [
        ({}, [], None),
        ({"wrong_answers": []}, ["compares answers with wrong answers, but 1 of 2"], ["--metric", "answer-logit"]),
        (
            {"wrong_answers": [], "answers": [" Martin and"]},
            ["reads one token, and answers of 1 of 2"],
            ["--metric", "answer-log-probability"],
        ),
        (
            {"corrupt": TEXT.format("David", "Martin", "David").replace(" and ", "  and ")},
            ["the same tokens in 1 of 2 pairs (the first is line 1 of own.jsonl)"],
            None,
        ),
    ],
)
def test_each_reason_for_discover_to_refuse_has_its_command(
    circuits: Callable[..., Any], tmp_path: Path, changes: dict[str, Any], said: list[str], options: list[str] | None
) -> None:
    found = checked(circuits, write(tmp_path / "own.jsonl", pair("David", "Martin", **changes), pair("Leo", "Sam")))
    assert [text in refusal for text, refusal in zip(said, found["refusals"], strict=True)] == [True] * len(said)
    assert (found["instead"] and found["instead"].split()[5:]) == options


def test_labeled_prompts_need_another_ablation(circuits: Callable[..., Any], tmp_path: Path) -> None:
    positive = {"prompt": "Because David and Martin were leaving", "label": "positive", "answers": [" the"]}
    file = write(tmp_path / "own.jsonl", positive | {"label": "negative", "prompt": "Because David"}, positive)
    found = checked(circuits, file)
    assert "compares answers with wrong answers, but 1 of 1 prompt has no wrong answer" in found["refusals"][0]
    assert "(the first is line 2 of own.jsonl)" in found["refusals"][0]
    assert "without partners" in found["refusals"][1]
    asked = found["instead"].split()[1:]
    assert asked[4:] == ["--metric", "answer-logit", "--ablation", "mean"]
    assert circuits(*asked, "--method", "random", "--edges", "5").exit_code == 0


def test_labeled_prompts_whose_negatives_are_all_bad_are_no_pairs(circuits: Callable[..., Any], tmp_path: Path) -> None:
    positive = {"prompt": "Because David and Martin were leaving", "label": "positive", "answers": [" the"]}
    bad = positive | {"label": "negative", "answers": [" xyzzy"]}
    answer = circuits("prompts", "check", write(tmp_path / "own.jsonl", positive, bad), "--json")
    assert answer.exit_code == 2
    found = json.loads(answer.stdout)
    assert "are labeled positives and negatives without partners" in found["refusals"][1]
    assert not any("without_unchanged" in refusal or "pairs (the first" in refusal for refusal in found["refusals"])
    assert "--ablation mean" in found["instead"]


def test_prompts_of_a_template_are_made_once(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made, build_all = tmp_path / "own.yaml", [], TemplateTask.build

    def build(self: TemplateTask, *of: Any, **how: Any) -> Any:
        made.append(how["n"])
        return build_all(self, *of, **how)

    circuits("prompts", "new", path)
    monkeypatch.setattr(TemplateTask, "build", build)
    for command in ("check", "show"):
        made.clear()
        assert circuits("prompts", command, path, "--prompts", "6").exit_code == 0
        assert made == [6]


def test_fewer_prompts_of_a_template_than_were_asked_for_are_said_once(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    circuits("prompts", "new", path)
    path.write_text(path.read_text().replace("Martin, Simon, Anna, Emily, Lisa, Peter, Laura", "Martin, Simon, Anna"))
    said = "40 prompts were asked for, and own.yaml makes 32: all of them were taken."
    assert json.loads(circuits("prompts", "check", path, "--prompts", "40", "--json").stdout)["remarks"] == [said]
    shown = json.loads(circuits("prompts", "show", path, "--prompts", "40", "--json").stdout)
    assert (shown["notes"], len(shown["prompts"])) == ([said], 32)


@pytest.mark.parametrize("command", ["check", "show"])
def test_what_the_tokenizer_refuses_is_refused_before_weights_are_loaded(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("load_for_reading", "load_model"):
        monkeypatch.setattr(load, name, lambda _: pytest.fail("weights are loaded"))
    path = tmp_path / "own.yaml"
    circuits("prompts", "new", path)
    path.write_text(path.read_text().replace('answers: " {IO}"', 'answers: " {IO} xyzzy"'))
    refused = circuits("prompts", command, path)
    assert refused.exit_code == 2
    assert "xyzzy" in refused.stderr


def test_copies_that_only_the_tokenizer_makes_are_told(circuits: Callable[..., Any], tmp_path: Path) -> None:
    one = pair("David", "Martin")
    found = checked(circuits, write(tmp_path / "own.jsonl", one, one | {"clean": one["clean"] + " "}))
    assert found["left_out"] == []
    assert found["remarks"] == [
        "2 prompts hold 1 different one: copies are no further evidence, and intervals over them are too narrow."
    ]


def test_a_file_of_texts_is_no_file_of_bad_lines(circuits: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("Because David and Martin were leaving the bridge")
    refused = [circuits(*command, tmp_path / "own.txt") for command in (("prompts", "check"), ("discover",))]
    assert [answer.exit_code for answer in refused] == [2, 2]
    assert len({answer.stderr.splitlines()[-1] for answer in refused}) == 1
    assert "holds texts, which have no answers and no corrupt side" in refused[0].stderr


def test_lines_and_tasks_are_told_apart(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "own.jsonl", pair("David", "Martin"))
    refused = circuits("prompts", "check", path, "--prompts", "3")
    assert refused.exit_code == 2
    assert "are checked: leave out --prompts." in refused.stderr
    refused = circuits("prompts", "check", "ioi")
    assert refused.exit_code == 2
    assert "`circuits prompts show` shows the prompts of a task" in refused.stderr
    monkeypatch.chdir(tmp_path)
    refused = circuits("prompts", "check", "own.jsnol")
    assert refused.exit_code == 2
    assert refused.stderr.endswith("`circuits tasks` lists the tasks. Did you mean 'own.jsonl'?\n")


def test_showing_a_task_shows_its_prompts(circuits: Callable[..., Any]) -> None:
    asked = ("ioi", "--model", "reference", "--prompts", "2")
    shown = circuits("tasks", "show", *asked)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == circuits("prompts", "show", *asked).stdout
    refused = circuits("tasks", "show", "ioi", "--details")
    assert refused.exit_code == 2
    assert "tasks show --help" in refused.stderr
    assert circuits("tasks", "ioi").exit_code == 2


def test_an_image_is_shown_as_its_place_in_the_prompt(circuits: Callable[..., Any], tmp_path: Path) -> None:
    vlm = ("--model", "reference-vlm")
    shown = json.loads(circuits("prompts", "show", "scene-objects", *vlm, "--prompts", "1", "--json").stdout)
    (row,) = shown["prompts"]
    first, stop = row["image"]["tokens"]
    assert row["image"] | {"width": 64, "height": 64, "is_changed": True} == row["image"]
    assert len(set(row["clean"][first:stop])) == 1
    text = circuits("prompts", "show", "scene-objects", *vlm, "--prompts", "1").stdout.replace("\n", "")
    assert f"|[the image, tokens {first}-{stop - 1}]|" in text
    assert "changed  the image" in text


def test_questions_about_images_are_checked(circuits: Callable[..., Any], tmp_path: Path) -> None:
    prompts = IMAGE_TASKS["scene-objects"]().build(load_model("reference-vlm").vision, n=2)
    tokenizer: Any = load_model("reference-vlm").tokenizer
    lines = []
    for number, prompt in enumerate(prompts):
        assert prompt.image is not None
        (tmp_path / f"{number}.png").write_bytes(prompt.image.data or b"")
        name = tokenizer.decode([prompt.clean[at] for at in prompt.roles["textual-object"]])
        text = f"Is there a {name} in the image?"
        lines.append({"image": f"{number}.png", "text": text, "label": "yes"})
    path = write(tmp_path / "pope.jsonl", *lines)
    answer = circuits("prompts", "check", path, "--model", "reference-vlm", "--images", tmp_path, "--json")
    found = json.loads(answer.stdout)
    assert found["summary"] | {"prompts": 2, "right": 2, "pairs": 0} == found["summary"]
    assert [row["image"]["is_changed"] for row in found["prompts"]] == [False, False]
    refused = circuits("prompts", "check", path, "--model", "reference-vlm")
    assert refused.exit_code == 2
    assert "give the folder that holds them (--images DIR)" in refused.stderr
    bad = write(tmp_path / "bad.jsonl", lines[0], lines[1] | {"label": "maybe"})
    answer = circuits("prompts", "check", bad, "--model", "reference-vlm", "--images", tmp_path)
    assert answer.exit_code == 2
    assert "line 2, bad: " in answer.stdout
    assert answer.stderr.splitlines()[-1].startswith(f"error: {bad}: 1 bad line; ")


def test_of_lines_that_differ_the_first_is_told_as_one_of_them(circuits: Callable[..., Any], tmp_path: Path) -> None:
    names = (("David", "Martin"), ("Leo", "Sam"))
    lines = [pair(one, two, answers=[f" {one}"], wrong_answers=[f" {two}"]) for one, two in names]
    notes = {note["kind"]: note for note in checked(circuits, write(tmp_path / "own.jsonl", *lines))["notes"]}
    unanswered = notes["the model does not answer"]
    assert unanswered["lines"] == [1, 2]
    assert unanswered["detail"].startswith("of line 1, it says 'Martin' first")


def test_a_key_that_is_misspelt_and_an_answer_that_is_wrong_too_are_told_in_words(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    misspelt = {key.replace("wrong_answers", "wrong_answer"): value for key, value in pair("Leo", "Sam").items()}
    both = pair("David", "Martin", wrong_answers=[" Martin"])
    answer = circuits("prompts", "check", write(tmp_path / "own.jsonl", misspelt, both))
    assert answer.exit_code == 2
    assert "unknown key 'wrong_answer'" in answer.stdout
    assert "Did you mean 'wrong_answers'?" in answer.stdout
    assert "' Martin' is an answer and a wrong answer" in answer.stdout
