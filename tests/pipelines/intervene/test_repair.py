"""`circuits intervene repair`: planted reuse is found and judged on other prompts; its absence is said."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipelines.intervene.repair.command import COMMAND
from pipelines.reporting.paper import MARKDOWN
from tests.circuits.hand_models import CUE_FAILS, CUE_WORKS, inhibition_prompts, write_inhibition
from tests.pipelines.drawn_again import draws_again
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


class Planted(NamedTuple):
    """A model whose inhibition head works on one task and on half the prompts of another."""

    model: Path
    works: Path
    both: Path


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    for name, cues, seed in (("works", (CUE_WORKS,), 1), ("both", (CUE_WORKS, CUE_FAILS), 0)):
        lines = [json.dumps(prompt.as_json()) for prompt in inhibition_prompts(40, cues, seed)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return Planted(write_inhibition(folder / "model"), folder / "works.jsonl", folder / "both.jsonl")


def asked(planted: Planted, *more: str) -> tuple[str, ...]:
    of_task = ("intervene", "repair", str(planted.both), "--model", str(planted.model), "--json")
    return (*of_task, "--right", "right", "--wrong", "wrong", *more)


def like(planted: Planted) -> tuple[str, ...]:
    return ("--like", str(planted.works), "--like-right", "right", "--like-wrong", "wrong")


def test_the_planted_head_is_found_and_mends_the_other_half_of_the_prompts(circuits: Command, planted, tmp_path):
    report = circuits(*asked(planted, *like(planted))).json
    assert [row["head"] for row in report["found"] if row["is_candidate"]] == ["a0.h0"]
    assert report["found"][0] == {
        "head": "a0.h0",
        "focus": 0.5,
        "like_focus": 1,
        "difference": 0.5,
        "difference_interval": report["found"][0]["difference_interval"],
        "is_candidate": True,
    }
    assert report["chosen"] == ["a0.h0"]
    assert (report["settings"]["n_choosing"], report["settings"]["n_judging"]) == (20, 20)
    plain, mended = report["rows"]
    assert (plain["accuracy"], plain["metric"], plain["n"]) == (0.5, 1, 20)
    assert (mended["accuracy"], mended["metric"], mended["new_mistakes"], mended["mended"]) == (1, 2, 0, 10)
    assert mended["is_chosen"]
    assert mended["random"]["accuracy"]["range"] == [0.5, 0.5]
    (mover,) = report["movers"]
    assert (mover["head"], mover["right"], mover["right_change"], mover["wrong_change"]) == ("a1.h1", 0.75, 0.25, -0.25)
    assert (mover["direct"], mover["direct_change"], mover["direct_ratio"]) == (1, 1, 2)
    assert [report["paths"][name] for name in ("whole", "edited", "other_heads", "rest")] == [1, 0, 1, 0]
    assert report["spearman"] is None  # two later heads are too few
    assert report["like_rows"][0]["accuracy"] == 1
    assert report["like_rows"][1]["accuracy"] == 0  # without the head neither letter wins
    assert report["warnings"] == []
    folder = tmp_path / report["folder"]
    tables = {"repair.json", "repair.csv", "downstream.csv"}
    assert {path.name for path in folder.iterdir()} == {*tables, "about.json", "repair.pdf", "repair.svg"}
    assert ">both, heads as on works: set END wrong<" in (folder / "repair.svg").read_text()
    assert draws_again("repair", folder / "repair.svg")
    assert next(csv.DictReader((folder / "downstream.csv").open()))["head"] == "a1.h1"


def test_heads_are_found_by_effect_too_and_tables_say_what_was_found(circuits: Command, planted):
    report = circuits(*asked(planted, "--find", "effect")).json
    assert report["found"][0]["head"] == "a0.h0"
    assert report["found"][0]["difference"] == 1
    assert report["chosen"] == ["a0.h0"]
    assert report["like_rows"] == []
    arguments = [one for one in asked(planted, *like(planted)) if one != "--json"]
    printed = circuits(*arguments).stdout
    for text in (
        "on the other task",
        "20 prompts that judge",
        "Chosen: a0.h0.",
        "a1.h1",
        "knock-out END of the chosen",
    ):
        assert text in printed


def test_the_other_task_may_be_a_run_of_the_same_model(circuits: Command, planted):
    of_run = ("discover", str(planted.works), "--method", "eap", "--edges", "3")
    run = circuits(*of_run, "--model", str(planted.model), "--json").json["folder"]
    roles = ("--like-right", "right", "--like-wrong", "wrong")
    report = circuits(*asked(planted, "--like", run, *roles)).json
    assert report["chosen"] == ["a0.h0"]
    assert (report["settings"]["like"], report["settings"]["n_like"]) == (planted.works.name, 30)
    of_task = ("intervene", "repair", "colored-objects", "--model", "reference-early")
    answer = circuits(*of_task, "--like", run, *roles)
    assert answer.exit_code == 2
    assert "take one model" in answer.stderr


def test_heads_that_repair_nothing_are_said_to(circuits: Command, planted):
    report = circuits(*asked(planted, "--heads", "a0.h1,a1.h0")).json
    assert [row["heads"] for row in report["rows"]] == [[], ["a0.h1"], ["a1.h0"], ["a0.h1", "a1.h0"]]
    assert report["found"] == []
    assert any("this repairs nothing" in warning for warning in report["warnings"])
    assert any("not particular to the heads" in warning for warning in report["warnings"])


def test_the_bundled_model_has_no_head_that_the_other_task_lends(circuits: Command):
    of_task = ("intervene", "repair", "colored-objects", "--model", "reference-early", "--like", "ioi")
    report = circuits(*of_task, "--prompts", "16", "--random", "2", "--candidates", "6", "--most", "2", "--json").json
    assert [len(row["heads"]) for row in report["choosing"]] == [0, *[1] * 6, 2]
    judged = [tuple(row["heads"]) for row in report["rows"]]
    assert sorted(map(len, judged)) == [0, 1, 1, 2]
    gains = {tuple(row["heads"]): row["difference"] for row in report["choosing"][1:7]}
    assert {head for heads in judged for head in heads} == {h[0] for h in sorted(gains, key=lambda h: -gains[h])[:2]}
    assert report["chosen"] in [list(heads) for heads in judged[1:]]
    assert report["edits"][0]["edit"] == "set END color_* without correct_color"
    assert report["settings"]["like"] == "ioi"
    assert report["like_rows"][0]["accuracy"] == 1
    assert any("no head's row turns surely to the wrong words on ioi" in warning for warning in report["warnings"])
    assert 0 < report["rows"][0]["accuracy"] < 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "no head is given, and no task that they are found by"),
        (("--like", "ioi", "--heads", "a0.h0"), "give heads or like, not both"),
        (("--like", "nothing"), "no task 'nothing'. Known:"),
        (("--like", "works"), "no task 'works'"),
        (("--heads", "a0.h0", "--prompts", "3"), "give at least 4"),
        (("--heads", "a0.h0", "--edit", "set END wrong=2"), "a row adds up to 1"),
        (("--heads", "a9.h0"), "has no head 'a9.h0'"),
        (("--heads", "a0.h0", "--wrong", "S1"), "no role 'S1'"),
        (("--heads", "a0.h0", "--like-right", "right"), "and no other task: name it"),
        (("--heads", "a0.h0", "--metric", "loss"), "no metric 'loss'. Known:"),
        (("--find", "effect", "--like", "ioi", "--like-wrong", "S1"), "looks at no words of the other task"),
    ],
)
def test_what_cannot_be_is_refused(circuits: Command, planted, more, message):
    answer = circuits(*asked(planted, *more))
    assert answer.exit_code == 2
    assert message in answer.stderr


@pytest.mark.parametrize(
    ("right", "like_right"), [("nobody", "right"), ("right", "nobody"), ("right=0.5", "right"), ("right", "wrong=2")]
)
def test_roles_of_both_tasks_are_checked_before_a_head_is_looked_for(circuits: Command, planted, right, like_right):
    of_task = ("intervene", "repair", str(planted.both), "--model", str(planted.model), "--right", right)
    of_like = ("--like", str(planted.works), "--like-right", like_right, "--like-wrong", "wrong")
    answer = circuits(*of_task, "--wrong", "wrong", *of_like)
    assert answer.exit_code == 2
    assert "no role 'nobody'" in answer.stderr or "a row adds up to 1" in answer.stderr
    assert "computing" not in answer.stderr


def test_prompts_without_wrong_answers_are_refused_before_a_head_is_tried(circuits: Command, planted, tmp_path):
    records = [json.loads(line) | {"wrong_answer_ids": []} for line in planted.both.read_text().splitlines()]
    (tmp_path / "right.jsonl").write_text("\n".join(map(json.dumps, records)))
    of_task = ("intervene", "repair", tmp_path / "right.jsonl", "--model", planted.model, "--metric", "answer-logit")
    answer = circuits(*of_task, "--heads", "a0.h0", "--right", "right", "--wrong", "wrong")
    assert answer.exit_code == 2
    assert "has no wrong answer" in answer.stderr
    assert "computing" not in answer.stderr


def test_roles_must_be_known(circuits: Command, planted):
    answer = circuits("intervene", "repair", "successor", "--heads", "a0.h0")
    assert answer.exit_code == 2
    assert "(it is of ioi, colored-objects, " in answer.stderr
    assert "): give their roles, --right ROLES and --wrong ROLES" in answer.stderr
    answer = circuits(*asked(planted, "--like", str(planted.works)))
    assert "--like-right ROLES" in answer.stderr


def test_tables_for_papers_have_both_halves(planted: Planted, tmp_path: Path):
    asked = {"heads": "a0.h0", "edit": ["set END wrong"], "right": "right", "wrong": "wrong"}
    tables = papers_of(COMMAND, task=str(planted.both), model=str(planted.model), out=tmp_path / "runs", **asked)
    assert [len(table.rows) for table in tables.values()] == [2, 2]
    assert "Chosen on other prompts: a0.h0." in MARKDOWN.write(tables["effects"], "brackets", None)
