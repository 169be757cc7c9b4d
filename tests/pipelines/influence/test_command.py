"""`circuits influence`: which texts use some heads, or a circuit, from the command line and from Python."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.texts import Text, texts_as_prompts
from circuits.edits import Uniform
from circuits.evaluation.influence import edited_losses, influence
from pipelines import discover
from pipelines.influence.masked import Ranked, masked_from
from pipelines.profile.given import as_text
from tests.bundled import bundled
from tests.circuits.hand_models import write_induction

Command = Callable[..., Any]

# Of eight different letters after the start, and the first half of them twice.
_TEXTS = [
    *(
        {"ids": [0, *own, *own[:3]], "name": f"twice {n}", "group": "twice"}
        for n, own in enumerate(([1, 2, 3, 4], [5, 2, 8, 6]))
    ),
    *(
        {"ids": [0, *own], "name": f"once {n}", "group": "once"}
        for n, own in enumerate(([1, 2, 3, 4, 5, 6, 7], [8, 7, 6, 5, 4, 3]))
    ),
]


@pytest.fixture
def texts(tmp_path: Path) -> str:
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(map(json.dumps, _TEXTS)))
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_induction(tmp_path_factory.mktemp("induction")))


def test_texts_with_copied_spans_use_the_head_that_copies(circuits: Command, texts: str, model: str):
    given = ("influence", texts, "--model", model, "--heads", "a1.h1")
    answer = circuits(*given, "--prompts-per-job", "3", "--json").json
    twice, once = answer["groups"]
    assert (twice["group"], twice["n_texts"], once["influence"]) == ("twice", 2, 0)
    assert twice["influence"] > 0.1
    assert (twice["auroc"], once["auroc"], twice["random_auroc"]["range"]) == (1, 0, [0.5, 0.5])
    # The only other head of its layer copies nothing.
    assert twice["random"] == {"n": 1, "mean": 0, "range": [0, 0], "as_much": 0}
    assert [row["rank"] for row in answer["texts"]] == [1, 2, 1, 2]
    with (Path(answer["folder"]) / "influence.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["text"] for line in lines] == [row["text"] for row in answer["texts"]]
    assert [float(line["influence"]) for line in lines] == [row["influence"] for row in answer["texts"]]
    assert {path.suffix for path in Path(answer["folder"]).glob("influence.*")} == {".json", ".csv", ".pdf", ".svg"}
    again = circuits(*given, "--prompts-per-job", "3")
    assert "nothing new to compute" in again.stdout
    assert "depends on what is masked" in again.stdout
    whole = circuits(*given, "--json").json
    assert whole["texts"] == answer["texts"]


def test_numbers_are_those_of_the_function(circuits: Command, tmp_path: Path):
    said = ["Mary and John were near the store , Mary and John were near the store", "Susan gave a drink to Peter"]
    (tmp_path / "said.txt").write_text("\n\n".join(said))
    rows = circuits("influence", "said.txt", "--heads", "a1.h0, a1.h1", "--random", "0", "--json").json["texts"]
    loaded = bundled("reference")
    prompts = texts_as_prompts([Text(f"{n}", "all", own) for n, own in enumerate(said, 1)], loaded.tokenizer)
    losses = edited_losses(loaded, prompts, [{"a1.h0": Uniform(), "a1.h1": Uniform()}])
    expected = {f"{n}": influence(*own) for n, own in enumerate(losses, 1)}
    for row in rows:
        assert row["influence"] == pytest.approx(expected[row["text"]].value)
        assert row["influence_interval"] == expected[row["text"]].interval.as_json()
        assert row["random"] is None
        assert row["loss"] == pytest.approx(float(np.mean(losses[int(row["text"]) - 1][0])))


def test_heads_by_a_profile_and_by_a_run_and_a_circuit(circuits: Command, tmp_path: Path):
    (tmp_path / "said.txt").write_text("Mary and John were near the store , Mary and John were near the store")
    short = ("--random", "1", "--json")
    ranked = circuits("influence", "said.txt", "--heads", "induction:2", "--profile-prompts", "4", *short).json
    assert (ranked["profile"]["name"], ranked["profile"]["task"]) == ("induction", "induction")
    means = ranked["profile"]["means"]
    assert means == sorted(means, reverse=True)
    assert len(ranked["heads"]) == 2
    percent = circuits("influence", "said.txt", "--heads", "induction:12.5%", "--profile-prompts", "4", *short).json
    assert percent["heads"] == ranked["heads"]  # of 16
    run = discover("ioi", prompts=4, edges=30, out="runs")
    of_run = circuits("influence", "said.txt", "--heads", run.name, *short).json
    assert set(of_run["heads"]) == {str(node.component) for node in run.circuit.nodes if node.component.is_head}
    ablated = circuits("influence", "said.txt", "--circuit", run.name, *short).json
    assert (ablated["run"], ablated["heads"]) == (run.name, None)
    assert ablated["texts"][0]["influence"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--heads", "a1.h1", "--circuit", "x"], "give --heads or --circuit"),
        ([], "give --heads or --circuit"),
        (["--circuit", "x", "--edit", "zero"], "--edit is for heads"),
        (["--heads", "a1.h9"], "no head 'a1.h9'"),
        (["--heads", "inductoin:2"], "Did you mean 'induction'"),
        (["--heads", "induction:0"], "no number of heads"),
        (["--heads", "induction:200%"], "no number of heads"),
        (["--heads", "induction:99", "--profile-prompts", "2"], "asks for 99 heads"),
        (["--heads", "attention:3", "--profile-prompts", "2"], "name one of them"),
        (["--heads", "norun"], "neither heads (a1.h0,a2.h3), nor PROFILE:K"),
        (["--heads", "a1.h1", "--edit", "unifrom"], "Did you mean 'uniform'"),
        (["--heads", "a1.h1", "--edit", "uniform END"], "roles of prompts"),
        (["--circuit", "norun"], "no run 'norun'"),
        (["--circuit", "norun", "--profile-task", "ioi"], "--profile-task says on which prompts a profile ranks"),
        (["--heads", "a1.h1", "--profile-task", "nowhere"], "--profile-task says on which prompts a profile ranks"),
        (["--heads", "a1.h1", "--profile-prompts", "9"], "leave --profile-prompts out"),
        (["--heads", "a1.h1", "--task-set", "cue=2"], "leave --task-set out"),
    ],
)
def test_bad_input_is_one_message(circuits: Command, tmp_path: Path, arguments: list[str], said: str):
    (tmp_path / "said.txt").write_text("Mary and John were near the store")
    answer = circuits("influence", "said.txt", *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the texts"),
        ("", "holds no text"),
        ("Mary saw quarks", "does not know"),
        ("Mary", "are needed"),
    ],
)
def test_texts_that_cannot_be_read_are_refused(circuits: Command, tmp_path: Path, content: str | None, said: str):
    if content is not None:
        (tmp_path / "said.txt").write_text(content)
    answer = circuits("influence", "said.txt", "--heads", "a1.h1")
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_what_heads_may_be(tmp_path: Path):
    assert masked_from("a1.h0,a0.h3 ,a1.h0", out=tmp_path) == ("a1.h0", "a0.h3")
    between = masked_from("attention=END->IO:4", out=tmp_path)
    assert isinstance(between, Ranked)
    assert (between.profile.settings, between.k) == ({"query": "END", "to": "IO"}, 4)
    ranked = masked_from("retrieval:count=True:5%", out=tmp_path)
    assert isinstance(ranked, Ranked)
    assert (ranked.k, ranked.is_percent, ranked.task) == (5, True, "needle")
    assert as_text(ranked.profile) == "retrieval:count=True"
