"""`circuits intervene concept`: vectors of one half of the prompts judged on the other, from the command line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from circuits.data.prompt_files import write_jsonl
from circuits.edits.concept import AtLayer, concept_added
from circuits.evaluation.concept_curve import concept_values, concept_vector, streams_of
from circuits.metrics import METRICS
from circuits.model.continuations import continuations
from circuits.tasks import TASKS
from pipelines import add_concept
from tests.bundled import bundled
from tests.circuits.hand_models import selector_prompts, write_selector
from tests.pipelines.drawn_again import draws_again

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


def test_each_prompt_is_judged_with_the_vector_of_the_other_half(tmp_path: Path):
    asked = {"layer": 1, "at": "END", "strengths": "-1,2", "prompts": 9, "prompts_per_job": 4, "random": 1}
    report = add_concept("greater-than", **asked, out=tmp_path)
    model, at = bundled("reference"), AtLayer(1, "END")
    prompts, metric = TASKS["greater-than"]().build(model.tokenizer, n=9), np.zeros((3, 9))
    for half in (0, 1):
        others = prompts[1 - half :: 2]
        vector = concept_vector(*(streams_of(model, others, at, side=side) for side in ("clean", "corrupt")))
        metric[:, half::2] = concept_values(
            model, prompts[half::2], at, [-vector, 2 * vector], metric=METRICS["logit-difference"]
        ).metric
    assert [row["metric"] for row in report.rows] == pytest.approx(metric[1:].mean(axis=1).tolist(), abs=1e-4)
    changes = (metric[1:] - metric[0]).mean(axis=1)
    assert [row["change"] for row in report.rows] == pytest.approx(changes.tolist(), abs=1e-4)
    assert [row["random"]["n"] for row in report.rows] == [1, 1]


def test_nothing_added_changes_nothing_and_nothing_is_computed_twice(circuits: Command):
    given = ("intervene", "concept", "greater-than", "--layer", "2", "--strengths=-1,0,1", "--prompts", "8")
    answer = circuits(*given, "--json").json
    below, none, above = answer["strengths"]
    assert (none["change"], none["change_interval"], none["random"]["n"]) == (0, [0, 0], 0)
    assert below["beyond_random_interval"][1] < 0 < above["beyond_random_interval"][0]
    assert answer["vector"]["cosine"] > 0.8
    with (Path(answer["folder"]) / "concept.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["change"]) for line in lines] == [row["change"] for row in answer["strengths"]]
    drawn = (Path(answer["folder"]) / "concept.svg").read_text()
    assert draws_again("concept", Path(answer["folder"]) / "concept.svg")
    assert "clean minus corrupt at END; its norm is" in drawn
    assert "5 random vectors" in drawn
    again = circuits(*given).stdout
    assert "nothing new to compute" in again
    assert "judged with a vector that it did not make" in again


def test_a_vector_of_two_sets_of_prompts_says_what_they_differ_in(circuits: Command, tmp_path: Path):
    model, prompts = write_selector(tmp_path / "model"), selector_prompts(16)
    # The logit of letter 0, at the end, is 2 where it is the answer and 0 elsewhere.
    with_0 = [one for one in prompts[4:] if one.answers == (0,)]
    without = [one for one in prompts[4:] if one.answers != (0,)]
    judged = [replace(one, answers=(0,), wrong_answers=(5,)) for one in prompts[:4]]
    for name, own in (("concept", with_0), ("baseline", without), ("judged", judged)):
        assert own
        write_jsonl(type(prompts)(name, tuple(own)), tmp_path / f"{name}.jsonl")
    sets = ("--concept", str(tmp_path / "concept.jsonl"), "--baseline", str(tmp_path / "baseline.jsonl"))
    given = ("intervene", "concept", str(tmp_path / "judged.jsonl"), "--model", str(model), "--layer", "2", *sets)
    answer = circuits(*given, "--strengths", "1,3", "--random", "0", "--json").json
    once, thrice = answer["strengths"]
    assert thrice["change"] == pytest.approx(3 * once["change"], abs=1e-4)
    assert once["change"] > 1.5
    assert answer["vector"]["cosine"] is None
    assert once["beyond_random"] is None
    same = circuits(*given[:-1], str(tmp_path / "judged.jsonl"))
    assert same.exit_code == 2
    assert "it is judged on prompts that did not make it" in same.stderr.replace("\n", " ")


def test_texts_generated_with_the_vector_added_are_those_of_the_model_itself(circuits: Command, tmp_path: Path):
    given = ("intervene", "concept", "greater-than", "--layer", "1", "--at", "END..", "--strengths", "0,8")
    asked = (*given, "--prompts", "5", "--prompts-per-job", "2", "--random", "2", "--generate", "3")
    answer = circuits(*asked, "--json").json
    model, at = bundled("reference"), AtLayer(1, "END..")
    prompts = TASKS["greater-than"]().build(model.tokenizer, n=5)
    plain, added = continuations(model, prompts, 3), np.zeros((5, 3), dtype=np.int64)
    for half in (0, 1):
        others, own = prompts[1 - half :: 2], prompts[half::2]
        vector = concept_vector(*(streams_of(model, others, at, side=side) for side in ("clean", "corrupt")))
        with concept_added(model, at, 8 * vector, own):
            added[half::2] = continuations(model, own, 3)
    before, none, strong = answer["generated"]
    assert (before["strength"], before["changed"], before["same_tokens"]) == (None, 0, 3)
    assert (none["strength"], none["changed"], none["random"]["n"]) == (0, 0, 0)
    assert strong["changed"] == float((added != plain).any(axis=1).mean()) > 0
    assert strong["same_tokens"] == float(np.cumprod(added == plain, axis=1).sum(axis=1).mean())
    says = [bool(set(row.tolist()) & set(one.answers)) for row, one in zip(added, prompts, strict=True)]
    assert strong["says_answer"] == np.mean(says)
    assert strong["random"]["n"] == 2
    first = answer["texts"][0]["texts"]
    assert first == {
        "plain": cast("Any", model.tokenizer).decode(plain[0]),
        "0": cast("Any", model.tokenizer).decode(plain[0]),
        "8": cast("Any", model.tokenizer).decode(added[0]),
    }
    with (Path(answer["folder"]) / "generated.csv").open(newline="") as file:
        assert [line["strength"] for line in csv.DictReader(file)] == ["", "0.0", "8.0"]
    shown = circuits(*asked).stdout
    assert "nothing new to compute" in shown
    assert "3 tokens generated with the vector added" in shown
    assert f"8: {first['8']!r}" in shown
    assert f"After {answer['texts'][0]['prompt']!r}:" in " ".join(shown.split())
    assert shown.index("plain: ") < shown.index("0: ") < shown.index("8: ")
    # Without it nothing is generated, and the curve is the one that was computed.
    assert (
        circuits(*given, "--prompts", "5", "--prompts-per-job", "2", "--random", "2", "--json").json["generated"] == []
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--layer", "9"), "has no layer 9"),
        (("--layer=-1",), "layer"),
        (("--layer", "1", "--at", "S9"), "no role 'S9'"),
        (("--layer", "1", "--read", "S9"), "no role 'S9'"),
        (("--layer", "0"), "END before layer 0: the vector is 0"),
        (("--layer", "1", "--concept", "ioi"), "--concept is given without --baseline"),
        (("--layer", "1", "--strengths", "much"), "strengths"),
        (("--layer", "1", "--generate", "99999"), "99999 are to follow"),
        (("--layer", "1", "--concept", "iou", "--baseline", "ioi"), "iou"),
    ],
)
def test_what_cannot_be_added_is_refused_before_anything_is_judged(circuits: Command, given: Any, message: str):
    refused = circuits("intervene", "concept", "ioi", "--prompts", "6", *given)
    assert refused.exit_code == 2
    assert message in refused.stderr.replace("\n", " ")
    assert "judge strengths" not in refused.stderr
