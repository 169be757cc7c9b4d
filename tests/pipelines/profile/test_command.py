"""`circuits profile`: heads of a model on the prompts of a task, from the command line and from Python."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from circuits.data.prompt_files import read_prompts
from circuits.intervals import t_interval
from circuits.model.load import load_model
from circuits.profiles import PROFILES, Attention, Copying, Received, measure_profiles, weigh_profiles
from circuits.tasks import TASKS
from pipelines import profile
from pipelines.profile.given import as_text, profile_from, profiles_from
from tests.bundled import bundled

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


def test_every_head_is_profiled_and_the_files_say_the_same(circuits: Command):
    answer = circuits("profile", "ioi", "--prompts", "6", "--json").json
    assert answer["task"] == "ioi"
    assert {row["profile"] for row in answer["profiles"]} == {as_text(own) for own in profiles_from(())}
    assert {row["place"] for row in answer["profiles"] if row["profile"] == "attention"} >= {"IO", "S1", "S2", "END"}
    assert len(answer["heads"]) == 16 * len(answer["profiles"])
    with (Path(answer["folder"]) / "profiles.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["profile"], line["head"]) for line in lines] == [(r["profile"], r["head"]) for r in answer["heads"]]
    assert float(lines[0]["mean"]) == pytest.approx(answer["heads"][0]["mean"])
    again = circuits("profile", "ioi", "--prompts", "6", "--json").json
    assert again["jobs"]["computed"] == 0
    assert "no effect of theirs" in circuits("profile", "ioi", "--prompts", "6").stdout


def test_parts_that_add_up_have_rows_beside_those_of_heads(circuits: Command):
    given = ("profile", "ioi", "--prompts", "6", "--profiles", "direct-logit-attribution,entropy")
    answer = circuits(*given, "--json").json
    parts = [row for row in answer["heads"] if row["profile"] == "direct-logit-attribution"]
    assert [row["head"] for row in parts[:6]] == ["input", "a0.h0", "a0.h1", "a0.h2", "a0.h3", "m0"]
    assert parts[-1]["head"] == "biases"
    assert len(parts) == 1 + 4 * 5 + 1
    model = bundled("reference")
    prompts = TASKS["ioi"]().build(model.tokenizer, n=6)
    ends = [prompt.answer_position for prompt in prompts]
    logits = [model.bridge(torch.tensor([p.clean]))[0, end] for p, end in zip(prompts, ends, strict=True)]
    differences = [
        float(own[list(p.answers)].mean() - own[list(p.wrong_answers)].mean())
        for own, p in zip(logits, prompts, strict=True)
    ]
    assert sum(row["mean"] for row in parts) == pytest.approx(sum(differences) / 6, abs=1e-4)
    (whole,) = (row for row in answer["profiles"] if row["profile"] == "direct-logit-attribution")
    heads = [row["mean"] for row in parts if row["head"].startswith("a")]
    assert whole["mean"] == pytest.approx(sum(heads) / 16)


def test_weights_need_no_prompts_and_stand_beside_profiles_of_prompts(circuits: Command, tmp_path: Path):
    answer = circuits("profile", "--profiles", "copying,singular-values:first=1", "--json").json
    assert (answer["task"], answer["n_prompts"], answer["jobs"]["total"]) == (None, 0, 1)
    assert {row["n_prompts"] for row in answer["profiles"]} == {0}
    assert {row["interval"] is None for row in answer["heads"]} == {True}
    (scores,) = weigh_profiles(bundled("reference"), [Copying()])
    means = [row["mean"] for row in answer["heads"] if row["profile"] == "copying"]
    assert means == pytest.approx([float(value) for value in scores.per_prompt.reshape(-1)])
    both = circuits("profile", "ioi", "--prompts", "4", "--profiles", "copying,entropy", "--json").json
    assert [row["mean"] for row in both["heads"] if row["profile"] == "copying"] == means
    assert {row["profile"]: row["n_prompts"] for row in both["profiles"]} == {"entropy": 4, "copying": 0}
    every = circuits("profile", "--json").json
    assert {row["profile"] for row in every["profiles"]} == {as_text(own) for own in profiles_from((), of_weights=True)}
    assert "or would by their weights" in circuits("profile").stdout


def test_the_table_says_where_attention_comes_from_and_shares_of_prompts_in_percent(circuits: Command):
    asked = ("profile", "ioi", "--prompts", "6", "--profiles", "attention:to=IO,attention:query=S2:to=S1,sink")
    rows = [" ".join(line.split()) for line in circuits(*asked).stdout.splitlines()]
    assert any("│ attention:to=IO │ END to IO │ share of attention │ 6 │ 0." in row for row in rows)
    assert any("│ S2 to S1 │" in row for row in rows)
    assert any("│ share of prompts │ 6 │" in row and "%" in row.rsplit("│ 6 │")[1] for row in rows)


def test_attention_between_roles_may_be_written_as_an_arrow():
    (short,) = profiles_from(["attention=S2->S1+1"])
    assert as_text(short) == "attention:query=S2:to=S1+1"
    with pytest.raises(ValueError, match="'entropy' has no settings"):
        profiles_from(["entropy=S2->S1"])
    with pytest.raises(ValueError, match="no profile 'atention'"):
        profiles_from(["atention=S2->S1"])


def test_numbers_are_those_of_all_prompts_at_once(tiny: Any, new_prompts: Callable[..., Path], tmp_path: Path):
    path = new_prompts(tmp_path / "own.jsonl", n_prompts=10, seed=3)
    texts = ("entropy", "distance:window=2")
    report = profile(path, model=str(tiny.model), profiles=",".join(texts), prompts_per_job=3, out=tmp_path)
    model = load_model(str(tiny.model))
    expected = measure_profiles(model, read_prompts(path, model.tokenizer), profiles_from(texts))
    for scores, name in zip(expected, texts, strict=True):
        rows = [row for row in report.rows if row["profile"] == name]
        assert [row["head"] for row in rows] == [str(head) for head in scores.components]
        assert [row["mean"] for row in rows] == pytest.approx(list(scores.means[0]), abs=1e-5)
        low, high = t_interval(scores.per_prompt[:, 0])
        assert [row["interval"][0] for row in rows] == pytest.approx(list(low), abs=1e-5)
        assert [row["interval"][1] for row in rows] == pytest.approx(list(high), abs=1e-5)


def test_a_share_of_prompts_stays_between_0_and_1(circuits: Command):
    answer = circuits("profile", "ioi", "--prompts", "6", "--profiles", "sink", "--json").json
    ends = [end for row in answer["heads"] for end in row["interval"]]
    assert min(ends) >= 0
    assert max(ends) <= 1


def test_intervals_end_where_a_profile_can_be_no_more(circuits: Command):
    """The prompts of a head that copies nearly all of nearly every needle; counted by steps there is no most."""
    share, steps = "retrieval", "retrieval:count=True"
    profiles = f"{share},{steps}"
    answer = circuits("profile", "needle", "--prompts", "24", "--profiles", profiles, "--json").json
    highest = {
        name: max(row["interval"][1] for row in answer["heads"] if row["profile"] == name) for name in (share, steps)
    }
    assert highest[share] == 1 < highest[steps]


def test_a_profile_is_written_as_it_is_read():
    for text in ("attention", "attention:query=S2:to=IO", "received:position=3"):
        assert as_text(profile_from(text)) == text
    assert profile_from("attention:to=IO") == Attention(to="IO")
    assert profiles_from(["received:position=0", "received"]) == (Received(),)


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ("matching:distance=900", "distance=900: 'reference' has"),
        ("inducton", "no profile 'inducton'. Known: attention"),
        ("attention:too=IO", "no setting of profile attention"),
        ("entropy:window=2", "profile 'entropy' has no settings; got 'window'"),
        ("distance:window=far", "profile 'distance', setting window"),
        ("distance:window=0", "window=0 holds no token"),
        ("attention:to=S3", "no prompt of 'ioi' has the role 'S3'"),
        ("received:position=40", "position 40 is seen by 0 tokens"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_measured(circuits: Command, profiles: str, message: str):
    refused = circuits("profile", "ioi", "--prompts", "4", "--profiles", profiles)
    assert refused.exit_code == 2
    assert message in refused.stderr.replace("\n", " ")
    assert "profile prompts" not in refused.stderr


def test_profiles_of_prompts_need_a_task(circuits: Command):
    refused = circuits("profile", "--profiles", "copying,entropy")
    assert refused.exit_code == 2
    assert "profile 'entropy' reads prompts: name a task" in refused.stderr.replace("\n", " ")


def test_profiles_are_listed(circuits: Command):
    rows = circuits("profiles", "--json").json["profiles"]
    assert {row["profile"] for row in rows} == set(PROFILES)
    assert {row["profile"]: row["settings"] for row in rows}["attention"] == {"query": "END", "to": "each"}


def test_heads_are_drawn_in_a_grid_for_each_profile_and_place(circuits: Command, tmp_path: Path):
    asked = ("profile", "ioi", "--prompts", "4", "--profiles", "attention:to=IO,entropy,residual-peak", "--json")
    answer = circuits(*asked).json
    folder = tmp_path / answer["folder"]
    assert (folder / "heads.pdf").read_bytes().startswith(b"%PDF")
    drawn = (folder / "heads.svg").read_text()
    means = [abs(row["mean"]) for row in answer["heads"] if row["profile"] == "entropy"]
    assert f"entropy: {max(means):.3g}" in drawn
    assert "attention:to=IO, END" in drawn  # and goes on in the next line
    assert "residual-peak" not in drawn.partition("</metadata>")[2]  # of the stream, and of no head
    alone = circuits("profile", "ioi", "--prompts", "4", "--profiles", "residual-peak", "--json").json
    assert not (tmp_path / alone["folder"] / "heads.pdf").exists()


def test_layers_have_the_mean_of_their_heads_and_sinks_are_drawn_by_layer(circuits: Command, tmp_path: Path):
    asked = "sinks:queries=14,residual-peak,secondary-sinks:peak=0"
    answer = circuits("profile", "ioi", "--prompts", "4", "--profiles", f"{asked},entropy", "--json").json
    assert {row["profile"] for row in answer["layers"]} == {"sinks:queries=14", "entropy"}  # states are no layers
    of_heads = [row["mean"] for row in answer["heads"] if row["profile"] == "entropy"]
    of_layers = [row["mean"] for row in answer["layers"] if row["profile"] == "entropy"]
    assert of_layers == pytest.approx([sum(of_heads[4 * layer : 4 * layer + 4]) / 4 for layer in range(4)])
    folder = tmp_path / answer["folder"]
    assert (folder / "sinks.pdf").read_bytes().startswith(b"%PDF")
    drawn = (folder / "sinks.svg").read_text()
    for text in ("the first token, over 0.3", "residual-peak", "the first token", "At a layer: its heads"):
        assert text in drawn
    other = circuits("profile", "ioi", "--prompts", "4", "--profiles", "entropy,value-drain", "--json").json
    assert not (tmp_path / other["folder"] / "sinks.pdf").exists()
