"""`circuits profile`: what is said beside numbers, differences between places, and profiles of the stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.prompt_files import read_prompts
from circuits.profiles import Dormant, contrast, measure_profiles
from tests.bundled import bundled

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Twelve texts of two domains, one with more tokens that come again."""
    draw, path = np.random.default_rng(0), tmp_path / "texts.jsonl"
    lines = []
    for number in range(12):
        ids = draw.integers(5, 9 if number % 2 else 200, size=24).tolist()
        role = ("domain_prose", "domain_code")[number % 2]
        roles = {role: list(range(24))}
        lines.append(json.dumps({"clean_ids": ids, "corrupt_ids": ids[::-1], "answer_ids": [7], "roles": roles}))
    path.write_text("\n".join(lines))
    return path


def test_two_domains_are_told_apart_with_an_interval(circuits: Command, texts: Path):
    asked = ("profile", str(texts), "--profiles", "dormant", "--contrast", "domain_code,domain_prose")
    answer = circuits(*asked, "--json").json
    assert [row["place"] for row in answer["profiles"]] == [
        *("all", "domain_code", "domain_prose"),
        "domain_code - domain_prose",
    ]
    assert [row["n_prompts"] for row in answer["profiles"]] == [12, 6, 6, 12]
    model = bundled("reference")
    (scores,) = measure_profiles(model, read_prompts(texts, model.tokenizer), [Dormant()])
    gap, interval = contrast(scores, "domain_code", "domain_prose")
    rows = [row for row in answer["heads"] if row["place"] == "domain_code - domain_prose"]
    assert [row["mean"] for row in rows] == pytest.approx(list(gap), abs=1e-5)
    assert [row["interval"] for row in rows] == [
        pytest.approx([*ends], abs=1e-5) for ends in zip(*interval, strict=True)
    ]
    plain = circuits("profile", str(texts), "--profiles", "dormant", "--json").json
    assert plain["heads"] == [row for row in answer["heads"] if row not in rows]
    assert "domain_code - domain_prose" in circuits(*asked).stdout.replace("\n", " ").replace("│", "")


def test_plain_texts_are_read_and_their_groups_are_domains(circuits: Command, texts: Path, tmp_path: Path):
    given = [json.loads(line) for line in texts.read_text().splitlines()]
    groups = [next(iter(prompt["roles"])).removeprefix("domain_") for prompt in given]
    plain = tmp_path / "plain.jsonl"
    lines = [{"ids": [*one["clean_ids"], 7], "group": group} for one, group in zip(given, groups, strict=True)]
    plain.write_text("\n".join(map(json.dumps, lines)))
    asked = ("--profiles", "dormant,sink", "--json")
    of_prompts, of_texts = (circuits("profile", str(path), *asked).json for path in (texts, plain))
    assert of_texts["heads"] == of_prompts["heads"]
    assert of_texts["task"] == "plain"
    assert circuits("profile", str(plain), "--prompts", "4", *asked).json["n_prompts"] == 4
    for refused, said in (
        (circuits("discover", str(plain)), "holds texts, which have no answers"),
        (circuits("profile", str(plain), "--solved"), "ask nothing that could be solved"),
    ):
        assert refused.exit_code == 2
        assert said in " ".join(refused.stderr.split())


def test_places_that_no_profile_has_are_refused(circuits: Command, texts: Path):
    asked = ("profile", str(texts), "--profiles", "dormant", "--contrast")
    refused = circuits(*asked, "domain_code,domain_wiki")
    assert refused.exit_code == 2
    assert "both places 'domain_code' and 'domain_wiki'. Places are all, domain_code" in refused.stderr.replace(
        "\n", " "
    )
    assert "contrast names 1 places" in circuits(*asked, "domain_code").stderr.replace("\n", " ")


def test_sinks_say_how_many_tokens_see_them(circuits: Command, texts: Path):
    answer = circuits("profile", str(texts), "--profiles", "sink,sinks,received:position=2", "--json").json
    notes = {row["profile"]: row["note"] for row in answer["profiles"]}
    assert notes == {
        "sink": "position 0 is seen by 24 tokens",
        "sinks": "positions 0 to 8 are seen by 16 tokens or more",
        "received:position=2": "position 2 is seen by 22 tokens",
    }
    assert "sink: position 0 is seen by 24 tokens." in circuits("profile", str(texts), "--profiles", "sink").stdout


def test_profiles_of_the_stream_have_a_row_for_each_state(circuits: Command, texts: Path):
    asked = ("profile", str(texts), "--profiles", "residual-peak,secondary-sinks:peak=0")
    answer = circuits(*asked, "--json").json
    rows = [row for row in answer["heads"] if row["profile"] == "residual-peak"]
    assert [row["head"] for row in rows] == [f"r{state}" for state in range(5)]
    assert min(row["interval"][0] for row in rows) > 0
    assert {row["mean"] for row in answer["profiles"]} == {None}  # no mean over heads
    first = [row["mean"] for row in answer["heads"] if row["place"] == "first"]
    assert sum(first) == pytest.approx(1)
    assert "r" in circuits(*asked).stdout


def test_pictures_are_profiled_by_category(circuits: Command):
    profiles = "image-attention,saliency,head-divergence"
    answer = circuits(
        "profile", "scene-objects", "--model", "reference-vlm", "--prompts", "3", "--profiles", profiles, "--json"
    ).json
    places = [row["place"] for row in answer["profiles"] if row["profile"] == "saliency"]
    assert set(places) >= {"all", "object-visual", "early-textual", "END"}
    assert {row["n_prompts"] for row in answer["profiles"] if row["profile"] != "saliency"} == {3}


def test_the_needle_counts_on_prompts_that_the_model_answers(circuits: Command):
    answer = circuits("profile", "needle", "--prompts", "12", "--profiles", "retrieval,induction", "--json").json
    counted = {row["profile"]: row["n_prompts"] for row in answer["profiles"]}
    note = next(row["note"] for row in answer["profiles"] if row["profile"] == "retrieval")
    assert "whose whole answer the model says itself" in note
    drawn = (Path(answer["folder"]) / "heads.svg").read_text()
    assert f"needle, {counted['retrieval']} to 12 of 12 prompts" in drawn
    assert 0 < counted["retrieval"] < counted["induction"] == 12
    (best,) = sorted((row for row in answer["heads"] if row["profile"] == "retrieval"), key=lambda row: -row["mean"])[
        :1
    ]
    assert best["head"].startswith("a1.")
