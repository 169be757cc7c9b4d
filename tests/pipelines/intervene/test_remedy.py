"""The commands that try a remedy: one half of the prompts chooses, the other judges; by hand and on bundled models."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from circuits.edits import Scale
from circuits.remedies import REMEDIES, Remedy
from pipelines import try_remedy
from pipelines.intervene.remedy.command import COMMAND
from pipelines.reporting.paper import MARKDOWN
from tests.circuits.hand_models import (
    CUE_FAILS,
    CUE_WORKS,
    inhibition_prompts,
    planted_sink_prompts,
    write_inhibition,
    write_planted_sinks,
)
from tests.pipelines.drawn_again import draws_again
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model whose inhibition head works after one cue and not after the other, and prompts with both in turn."""
    folder = tmp_path_factory.mktemp("planted")
    lines = [json.dumps(prompt.as_json()) for prompt in inhibition_prompts(8, (CUE_WORKS, CUE_FAILS))]
    (folder / "both.jsonl").write_text("\n".join(lines) + "\n")
    return write_inhibition(folder / "model"), folder / "both.jsonl"


def asked(planted: tuple[Path, Path], name: str, *more: str) -> tuple[str, ...]:
    model, prompts = planted
    return ("intervene", name, str(prompts), *more, "--model", str(model), "--prompts-per-job", "2")


def test_the_head_that_helps_one_half_is_judged_by_the_other(circuits: Command, planted, tmp_path):
    how = ("--remedy", "edit", "--set", "edit=set END wrong", "--sizes", "1,2", "--gain", "accuracy")
    report = circuits(*asked(planted, "remedy", *how, "--json")).json
    assert report["helped"] == [{"strength": 1, "n_helped": 1, "n": 4}]
    assert report["ranking"][0] == {"head": "a0.h0", "value": 0.5}
    assert [row["heads"] for row in report["choosing"]] == [[], ["a0.h0"]]
    plain, chosen, every = report["rows"]
    assert (plain["n"], plain["accuracy"], plain["metric"]) == (4, 0.5, 1)
    assert (chosen["heads"], chosen["is_chosen"], chosen["accuracy"], chosen["metric"]) == (["a0.h0"], True, 1, 2)
    assert chosen["random_sets"] == [["a0.h1"]]
    assert (every["variant"], every["n_heads"], every["accuracy"]) == ("all", 4, 0)
    said = report["verdict"]
    assert (said["chosen_gain"], said["gain"], said["as_much"], said["of"]) == (0.5, 0.5, 0, "accuracy")
    assert not said["gains"]  # of four prompts two change: that may be luck
    assert said["words"] in report["warnings"]
    folder = tmp_path / report["folder"]
    lines = list(csv.DictReader((folder / "remedy.csv").open()))
    assert [(line["heads"], line["is_chosen"], float(line["accuracy"])) for line in lines[:2]] == [
        ("", "False", 0.5),
        ("a0.h0", "True", 1),
    ]
    assert len(list(csv.DictReader((folder / "choosing.csv").open()))) == 2
    assert ">all 4 heads<" in (folder / "remedy.svg").read_text()
    assert draws_again("remedy", folder / "remedy.svg")
    assert not (folder / "curve.svg").exists()


def test_a_calibration_without_a_gain_says_so_and_a_second_run_computes_nothing(circuits: Command, planted):
    more = ("--gammas", "1.0,3.0", "--up", "3", "--down", "0.5", "--random", "1", "--sizes", "1")
    first, again = (circuits(*asked(planted, "zero-tuning", *more)) for _ in range(2))
    assert first.exit_code == 0, first.stderr
    assert "warning: no gain: " in first.stderr
    assert "Verdict (metric): no gain: " in first.stdout
    assert "the first token is content" in first.stderr
    assert "nothing new to compute" in again.stdout


def test_heads_may_be_found_by_an_estimate_that_is_exact_here(circuits: Command, planted):
    how = ("--remedy", "edit", "--set", "edit=scale END 2", "--sizes", "1", "--random", "0", "--json")
    exact, estimated = (
        circuits(*asked(planted, "remedy", *how, "--find", find)).json for find in ("exact", "estimate")
    )
    assert {row["head"] for row in exact["ranking"]} == {row["head"] for row in estimated["ranking"]}
    last = [{row["head"]: row["value"] for row in report["ranking"]}["a1.h1"] for report in (exact, estimated)]
    assert last[0] == pytest.approx(last[1])  # the head of the last layer: nothing but the unembedding reads it
    assert estimated["settings"]["find"] == "estimate"


def test_masked_induction_heads_cost_a_bundled_model_the_task_together_and_not_alone(circuits: Command, tmp_path):
    asked = ("intervene", "mask-heads", "induction", "induction:1,4", "--prompts", "8", "--random", "2", "--json")
    report = circuits(*asked).json
    plain, one, four, every = report["rows"]
    assert (plain["top1"], one["top1"], four["top1"]) == (1, 1, 0)
    assert one["heads"] == ["a1.h2"]
    assert set(four["heads"]) == {f"a1.h{n}" for n in range(4)}
    assert four["difference_interval"][1] < one["difference_interval"][0] < 0
    assert (one["random"]["n"], four["random"]["n"], every["n_heads"]) == (2, 0, 16)
    assert "there are no other heads of the same layers to compare 4 heads with." in report["warnings"]
    assert report["verdict"] is None
    folder = tmp_path / report["folder"]
    assert (folder / "curve.pdf").read_bytes().startswith(b"%PDF")
    assert ">heads masked<" in (folder / "curve.svg").read_text()
    assert draws_again("masking", folder / "curve.svg")
    assert report["settings"]["profile"] == "induction"


@pytest.mark.slow
def test_retrieval_heads_of_a_bundled_model_hide_each_other_and_the_head_that_feeds_them_is_none(circuits: Command):
    """docs/remedies.md, on fewer prompts."""
    needle = ("needle", "--task-set", "lengths=[20]", "--task-set", "depths=[0,0.25,0.5]", "--prompts", "40", "--json")
    metric = ("--metric", "answer-log-probability")
    masked = circuits("intervene", "mask-heads", *needle, "retrieval:1,4", "--random", "2", *metric).json
    plain, one, four, _ = masked["rows"]
    assert set(four["heads"]) == {f"a1.h{n}" for n in range(4)}
    assert min(plain["top1"], one["top1"]) > 0.8
    assert four["top1"] == 0
    assert four["difference_interval"][1] < -20
    assert one["difference_interval"][0] > -8
    edited = circuits("intervene", "edit", *needle, "--heads", "a0.h0", "--edit", "uniform all", *metric).json
    _, feeding = edited["rows"]
    assert feeding["top1"] < 0.1
    assert feeding["difference_interval"][1] < -20
    assert feeding["random"]["difference"]["range"][0] > -5
    profiles = circuits("profile", *needle, "--profiles", "retrieval").json
    of_head = {row["head"]: row["mean"] for row in profiles["heads"]}
    assert of_head["a0.h0"] < 0.2
    assert min(of_head[f"a1.h{n}"] for n in range(4)) > 0.9


@pytest.mark.parametrize("name", ["var", "vhr"])
def test_calibrations_of_models_that_see_are_judged(circuits: Command, name):
    asked = ("intervene", name, "scene-objects", "--model", "reference-vlm", "--prompts", "4", "--random", "1")
    answer = circuits(*asked, "--sizes", "1", "--json")
    assert answer.exit_code == 0, answer.stderr
    rows = answer.json["rows"]
    assert rows[0]["variant"] == "plain"
    assert sum(row["is_chosen"] for row in rows) == 1
    if name == "var":
        assert "there is nothing to redistribute" in answer.stderr + " ".join(answer.json["warnings"])
        assert max(abs(row["difference"]) for row in rows) < 1e-5
        assert not answer.json["verdict"]["gains"]


def test_var_restores_what_planted_sinks_break_and_says_that_it_is_a_gain_of_this_head(circuits: Command, tmp_path):
    model = write_planted_sinks(tmp_path / "sinks")
    lines = [json.dumps(prompt.as_json()) for prompt in planted_sink_prompts(8)]
    (tmp_path / "sinks.jsonl").write_text("\n".join(lines) + "\n")
    asked = ("intervene", "var", "sinks.jsonl", "--model", str(model), "--on", "image", "--tau", "4", "--json")
    report = circuits(*asked, "--sizes", "1", "--random", "1").json
    plain, chosen, every = report["rows"]
    assert (plain["accuracy"], plain["metric"]) == (0, pytest.approx(-0.2))
    assert (chosen["heads"], chosen["accuracy"], chosen["metric"]) == (["a2.h0"], 1, pytest.approx(0.2))
    assert chosen["random_sets"] == [["a2.h1"]]
    assert chosen["random"]["accuracy"]["range"] == [0, 0]
    assert (every["n_heads"], every["accuracy"]) == (2, 1)
    assert report["verdict"]["words"].startswith("a gain: +0.400 on the prompts that chose, +0.400")
    assert report["warnings"] == []
    # Nothing is massive at a tau above a sink's size.
    none = circuits(*asked, "--sizes", "1", "--tau", "6").json
    assert any("there is nothing to redistribute" in text for text in none["warnings"])
    assert none["verdict"]["words"].startswith("no gain: ")


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("mask-heads", ("inductoin:4",), "Did you mean 'induction'?"),
        ("mask-heads", ("induction:0",), "sizes are numbers of heads"),
        ("mask-heads", ("induction", "--edit", "uniforn END"), "Did you mean 'uniform'?"),
        ("zero-tuning", ("--gammas", "0"), "gamma above 0"),
        ("act", ("--betas", "2"), "takes a beta from 0 to 1"),
        ("remedy", ("--remedy", "ackt"), "no remedy 'ackt'"),
        ("remedy", ("--set", "edits=uniform"), "no setting of remedy edit 'edits'"),
        ("act", ("--find", "estimate", "--gain", "accuracy"), "find=estimate estimates the metric, and no accuracy"),
        ("zero-tuning", ("--prompts", "2"), "half of the prompts choose and half judge"),
    ],
)
def test_what_settings_show_is_refused_at_once(circuits: Command, planted, tmp_path, name, more, message):
    answer = circuits(*asked(planted, name, *more))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("act", (), "leaves out the outer layers, and the model has 2 alone"),
        ("mask-heads", ("attention:1",), "heads are ranked by one"),
        ("mask-heads", ("induction:1", "--edit", "uniform S1"), "no role 'S1'"),
        ("vhr", (), "shows no picture that could be taken away"),
    ],
)
def test_what_models_and_prompts_lack_is_refused_before_anything_is_measured(
    circuits: Command, planted, name, more, message
):
    answer = circuits(*asked(planted, name, *more))
    assert answer.exit_code == 2
    assert message in answer.stderr
    of_model = any(text in message for text in ("outer layers", "ranked by one"))
    assert ("in job 'check remedy'" in answer.stderr) == of_model  # else before weights are loaded
    assert "heads alone" not in answer.stderr


def test_a_remedy_of_another_package_is_tried_by_its_name(planted, monkeypatch, tmp_path):
    @dataclass(frozen=True)
    class Louder(Remedy):
        name, summary = "louder", "heads speak louder at the end"

        factor: float = 2.0

        def edits(self, strength: float) -> tuple[Scale, ...]:
            return (Scale("END", self.factor),)

    monkeypatch.chdir(tmp_path)
    REMEDIES.register(Louder)
    try:
        model, prompts = planted
        report = try_remedy("louder", str(prompts), model=str(model), random=1, settings={"factor": 3.0})
    finally:
        del REMEDIES._things["louder"]
    assert report.settings["factor"] == 3
    assert report.edit["edit"] == "scale END 3.0"


def test_tables_for_papers_have_both_halves_and_the_verdict(planted: tuple[Path, Path], tmp_path: Path):
    model, prompts = planted
    asked = {"name": "edit", "settings": {"edit": "set END wrong"}, "sizes": "1,2", "gain": "accuracy"}
    command = COMMAND["AnyRemedySettings"]
    tables = papers_of(command, task=str(prompts), model=str(model), out=tmp_path / "runs", **asked)
    assert list(tables) == ["effects", "choosing"]
    text = MARKDOWN.write(tables["effects"], "brackets", None)
    assert "| a0.h0 | yes |" in text
    assert "Verdict (accuracy): " in text
    assert "Prompts: 4." in text
