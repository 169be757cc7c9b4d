"""`circuits reads`: attention scores split over writers, from the command line and from Python."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.components import Component
from circuits.intervals import t_interval
from circuits.profiles.reads import Score, score_parts
from circuits.tasks import TASKS
from pipelines import reads
from tests.bundled import bundled

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]
GIVEN = ("reads", "ioi", "--heads", "a2.h1,a3.h0", "--key", "IO", "--minus", "S1", "--prompts", "6")


def test_scores_are_split_and_the_files_say_the_same(circuits: Command):
    answer = circuits(*GIVEN, "--json").json
    assert (answer["score"], answer["n_prompts"]) == ("END->IO minus S1", 6)
    for head, n_writers in (("a2.h1", 1 + 2 * 5 + 1), ("a3.h0", 1 + 3 * 5 + 1)):
        rows = [row for row in answer["parts"] if row["head"] == head]
        whole, *parts = rows
        assert len(parts) == 2 * n_writers + 20
        of_query, of_key = parts[:n_writers], parts[n_writers : 2 * n_writers]
        assert {row["key_part"] for row in of_query} == {"all"}
        assert (of_key[0]["key_part"], of_key[-1]["key_part"]) == ("input", "biases")
        for side in (of_query, of_key):
            assert sum(row["mean"] for row in side) == pytest.approx(whole["mean"], abs=1e-4)
        sizes = [abs(row["mean"]) for row in parts[2 * n_writers :]]
        assert sizes == sorted(sizes, reverse=True)
    with (Path(answer["folder"]) / "reads.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["mean"]) for line in lines] == pytest.approx([row["mean"] for row in answer["parts"]])
    drawn = (Path(answer["folder"]) / "reads.svg").read_text()
    for table in answer["tables"]:
        (whole,) = (
            row["mean"]
            for row in answer["parts"]
            if (row["head"], row["query_part"], row["key_part"]) == (table["head"], "all", "all")
        )
        assert np.sum(table["pairs"]) == pytest.approx(whole, abs=1e-4)
        assert f"{table['head']}: " in drawn
    again = circuits(*GIVEN).stdout
    assert "nothing new to compute" in again
    assert "add up to the score" in again


def test_numbers_are_those_of_all_prompts_at_once(tmp_path: Path):
    report = reads("ioi", heads="a2.h1", key="S2", prompts=7, prompts_per_job=3, pairs=5, out=tmp_path)
    model = bundled("reference")
    prompts = TASKS["ioi"]().build(model.tokenizer, n=7)
    (parts,) = score_parts(model, prompts, [Component.parse("a2.h1")], Score("END", "S2"))
    of_key = [row for row in report.rows if row["query_part"] == "all"][1:]
    assert [row["mean"] for row in of_key] == pytest.approx(list(parts.key.mean(axis=0)), abs=1e-5)
    assert [row["interval"][0] for row in of_key] == pytest.approx(list(t_interval(parts.key).low), abs=1e-4)
    pair = report.rows[-5]
    alone = [
        score_parts(model, prompts[n : n + 1], [Component.parse("a2.h1")], Score("END", "S2"))[0].pairs
        for n in range(7)
    ]
    names = [str(writer) for writer in parts.writers]
    values = np.array([own[names.index(pair["query_part"]), names.index(pair["key_part"])] for own in alone])
    assert abs(values.mean()) == pytest.approx(np.abs(parts.pairs / 7).max(), abs=1e-4)
    assert pair["mean"] == pytest.approx(values.mean(), abs=1e-4)
    low, high = t_interval(values).item()
    assert pair["interval"] == pytest.approx([low, high], abs=1e-3)


def test_keys_that_come_later_say_so(circuits: Command):
    answer = circuits(
        "reads", "ioi", "--heads", "a2.h1", "--query", "IO", "--key", "END", "--prompts", "4", "--json"
    ).json
    assert answer["parts"][0]["mean"] is None
    assert "no query of a2.h1 can see a key" in answer["warnings"][0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--heads", "m1", "--key", "IO"), "m1 is no query head"),
        (("--heads", ",", "--key", "IO"), "names nothing"),
        (("--heads", "a9.h0", "--key", "IO"), "has no head 'a9.h0': its heads are a0.h0 to a3.h3"),
        (("--heads", "a2.h1", "--key", "S3"), "no prompt of 'ioi' has the role 'S3'"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_measured(circuits: Command, given: Any, message: str):
    refused = circuits("reads", "ioi", "--prompts", "4", *given)
    assert refused.exit_code == 2
    assert message in refused.stderr.replace("\n", " ")
