"""`circuits intervene rank`: directions of one half of the prompts judged on the other, from the command line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompt_files import write_jsonl
from circuits.edits.projection import Projected, Subspace
from circuits.evaluation.rank_curve import fitted, rank_values, vectors_of
from circuits.metrics import METRICS
from circuits.tasks import TASKS
from pipelines import rank_curve
from tests.bundled import bundled
from tests.circuits.hand_models import selector_prompts, write_selector
from tests.pipelines.drawn_again import draws_again

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture
def selector(tmp_path: Path) -> list[str]:
    """The task of a head whose queries are a simplex of four, as the beginning of a command."""
    path = tmp_path / "selector.jsonl"
    write_jsonl(selector_prompts(16), path)
    return [str(path), "--model", str(write_selector(tmp_path / "model")), "--heads", "a0.h0", "--prompts-per-job", "5"]


def test_a_simplex_of_four_is_kept_by_three_directions_of_other_prompts(circuits: Command, selector: list[str]):
    given = ("intervene", "rank", *selector, "--key", "letters", "--ranks", "0,1,2,3")
    answer = circuits(*given, "--json").json
    rows = {row["rank"]: row for row in answer["ranks"]}
    assert list(rows)[:4] == [0, 1, 2, 3]
    assert answer["plain"]["metric"] == pytest.approx(2, abs=1e-4)
    assert rows[0]["kept"] == 0
    assert rows[2]["kept"] < 0.9
    assert rows[3]["kept"] == pytest.approx(1, abs=1e-3)
    assert rows[3]["accuracy"] == 1
    assert rows[3]["variance"] == pytest.approx({"query": 1, "key": 1}, abs=1e-5)
    assert rows[3]["random"]["n"] == 3
    assert rows[3]["random"]["kept"]["range"][1] < 0.9
    *_, last = answer["ranks"]
    assert (last["kept"], last["random"]["n"]) == (pytest.approx(1, abs=1e-4), 0)
    with (Path(answer["folder"]) / "rank.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["kept"]) for line in lines] == pytest.approx([row["kept"] for row in answer["ranks"]])
    drawn = (Path(answer["folder"]) / "rank.svg").read_text()
    assert draws_again("rank", Path(answer["folder"]) / "rank.svg")
    assert "directions of the query and key" in drawn
    assert "Plain model: 2.00." in drawn
    assert circuits(*given, "--json").json["jobs"]["computed"] == 0
    assert "judged with directions of the half" in circuits(*given).stdout


def test_each_prompt_is_judged_with_directions_of_the_other_half(tmp_path: Path):
    report = rank_curve("ioi", heads="a3.h3", sides="query", ranks="2", prompts=9, prompts_per_job=4, out=tmp_path)
    model, asked = bundled("reference"), Projected(("a3.h3",), "END", "all", ("query",))
    prompts, metrics = TASKS["ioi"]().build(model.tokenizer, n=9), np.zeros(9)
    vectors = vectors_of(model, prompts, asked)[3, 3, "query"].values
    for half in (0, 1):
        subspace = Subspace(*(torch.from_numpy(array) for array in fitted(vectors[1 - half :: 2])))
        found = {(3, 3, "query"): subspace}
        metrics[half::2] = rank_values(
            model, prompts[half::2], asked, [(found, 2)], metric=METRICS["logit-difference"]
        ).metric[1]
    (row,) = (row for row in report.rows if row["rank"] == 2)
    assert row["metric"] == pytest.approx(metrics.mean(), abs=1e-4)


def test_without_loss_nothing_is_said_to_be_kept(circuits: Command):
    asked = ("ioi", "--heads", "a0.h1", "--prompts", "6", "--ranks", "1", "--random", "0")
    answer = circuits("intervene", "rank", *asked, "--json").json
    assert answer["ranks"][0]["kept_interval"] is None
    assert "may be 0: what is kept of it says nothing" in answer["warnings"][-1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--heads", "m1"), "m1 is no query head"),
        (("--heads", "a9.h0"), "has no head 'a9.h0'"),
        (("--heads", "a1.h0", "--key", "S9"), "no role 'S9'"),
        (("--heads", "a1.h0", "--ranks", "5"), "each half of the prompts has 3 of the query vectors"),
        (("--heads", "a1.h0", "--ranks", "99"), "99 directions are asked for; a head of this model has 32"),
        (("--heads", "a1.h0", "--ranks=-1"), "-1 directions: give 0 or more"),
        (("--heads", "a1.h0", "--sides", "keys"), "sides"),
    ],
)
def test_what_cannot_be_projected_is_refused_before_anything_is_judged(circuits: Command, given: Any, message: str):
    refused = circuits("intervene", "rank", "ioi", "--prompts", "6", *given)
    assert refused.exit_code == 2
    assert message in refused.stderr.replace("\n", " ")
    assert "judge directions" not in refused.stderr
