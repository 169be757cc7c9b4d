"""`circuits effects`: direct and total effects beside each other, from the command line and from Python."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.prompt_files import read_prompts, write_jsonl
from circuits.intervals import t_interval
from circuits.methods import ActivationPatching, DirectEffect
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.profiles import DirectLogitAttribution, measure_profiles
from pipelines import effects
from pipelines.effects.command import COMMAND
from tests.circuits.hand_models import choice_prompts, write_choice
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


def test_effects_are_those_of_the_methods_and_the_files_say_the_same(circuits: Command, tiny: Any, tmp_path: Path):
    given = ("effects", str(tiny.prompts), "--model", str(tiny.model), "--prompts-per-job", "5")
    answer = circuits(*given, "--json").json
    model = load_model(str(tiny.model))
    prompts, metric = read_prompts(tiny.prompts, model.tokenizer), METRICS["logit-difference"]
    direct, total = (
        method.score(model, prompts, metric=metric).at("END").per_prompt[:, 0]
        for method in (DirectEffect(at="roles"), ActivationPatching(at="roles", kinds=("head", "mlp")))
    )
    (written,) = measure_profiles(model, prompts, [DirectLogitAttribution()])
    parts = [str(part) for part in DirectEffect().score(model, prompts[:1], metric=metric).components]
    of_part = {row["part"]: row for row in answer["parts"]}
    assert set(of_part) == set(parts)
    for n, name in enumerate(parts):
        row = of_part[name]
        assert (row["direct"], row["total"]) == pytest.approx((direct[:, n].mean(), total[:, n].mean()), abs=1e-5)
        assert row["indirect"] == pytest.approx(row["total"] - row["direct"], abs=1e-5)
        low, high = t_interval(total[:, n].astype(float) - direct[:, n]).item()
        assert row["indirect_interval"] == pytest.approx([low, high], abs=1e-4)
        at = [str(part) for part in written.components].index(name)
        assert row["writes"] == pytest.approx(written.per_prompt[:, 0, at].mean(), abs=1e-5)
    sizes = [abs(row["total"]) for row in answer["parts"]]
    assert sizes == sorted(sizes, reverse=True)
    assert of_part["m1"]["indirect"] == pytest.approx(0, abs=1e-5)
    with (Path(answer["folder"]) / "effects.csv").open(newline="") as file:
        assert [line["part"] for line in csv.DictReader(file)] == [row["part"] for row in answer["parts"]]
    assert (Path(answer["folder"]) / "effects.pdf").is_file()
    drawn = circuits("draw", "effects", answer["folder"], "--out", str(tmp_path / "drawn.svg"))
    assert drawn.exit_code == 0
    texts = (tmp_path / "drawn.svg").read_text()
    assert "a head or MLP" in texts
    assert "total effect, logit-difference" in texts
    again = circuits(*given, "--json").json
    assert again["jobs"]["computed"] == 0
    assert "no classes of heads: the prompts have no options" in " ".join(circuits(*given).stdout.split())


def test_heads_have_classes_on_prompts_with_options(tmp_path: Path, sixteen_choices: Path):
    of_options = {"options": "option_*", "correct": "correct_option"}
    report = effects(sixteen_choices, prompts_per_job=6, out=tmp_path, **of_options)
    assert report.about["options"] == ["option_A", "option_B"]
    assert report.about["no_classes"] is None
    heads = [row for row in report.rows if row["part"].startswith("a")]
    assert {row["class"] for row in report.rows if not row["part"].startswith("a")} == {None}
    assert {row["class"] for row in heads} <= {None, "correct letter", "uniform", "amplification"} | {
        f"{kind} letter {letter}" for kind in ("single", "fixed") for letter in "AB"
    }
    assert any(row["class"] is not None for row in heads)
    (gap,) = [text for text in report.warnings if "may not differ" in text]  # random tokens: nothing is asked
    assert f"clean {report.about['clean']:z.3f}" in gap
    other = effects(sixteen_choices, prompts_per_job=6, out=tmp_path)
    said = "the prompts have no options: roles label_[A-Z], and correct_label where one of them is"
    assert other.about["no_classes"] == said
    assert {row["class"] for row in other.rows} == {None}


def test_by_default_options_are_their_letters(tmp_path: Path):
    """In the model written by hand one head copies the correct letter; another looks there to no effect."""
    write_jsonl(choice_prompts(n=24), tmp_path / "choices.jsonl")
    model = write_choice(tmp_path / "model")
    report = effects(tmp_path / "choices.jsonl", model=str(model), out=tmp_path / "runs")
    of_part = {row["part"]: row for row in report.rows}
    assert report.about["options"] == ["label_A", "label_B", "label_C", "label_D"]
    assert report.warnings == ()
    assert {name: of_part[name]["class"] for name in ("a0.h0", "a0.h1", "a1.h0", "a1.h1")} == {
        "a0.h0": None,
        "a0.h1": "fixed letter B",
        "a1.h0": "correct letter",
        "a1.h1": "correct letter",
    }
    gap = report.about["clean"] - report.about["ablated"]
    assert (of_part["a1.h1"]["total"], of_part["a1.h1"]["direct"]) == pytest.approx((gap, gap))
    assert (of_part["a1.h0"]["total"], of_part["a1.h0"]["direct"]) == (0, 0)
    assert of_part["a0.h0"]["direct"] == 0
    assert of_part["a0.h0"]["total"] > 0


@pytest.fixture
def sixteen_choices(tmp_path: Path) -> Path:
    """Prompts of random tokens, two of which are options; half of the time the second is correct."""
    draw, path = np.random.default_rng(0), tmp_path / "choices.jsonl"
    lines = []
    for number in range(16):
        clean, corrupt = (draw.integers(100, 400, size=8).tolist() for _ in range(2))
        roles = {"option_A": [2], "option_B": [4], "correct_option": [4 if number % 2 else 2]}
        lines.append(
            {"clean_ids": clean, "corrupt_ids": corrupt, "answer_ids": [7], "wrong_answer_ids": [9], "roles": roles}
        )
    path.write_text("\n".join(map(str, lines)).replace("'", '"'))
    return path


def test_without_wrong_answers_what_parts_write_is_left_out(circuits: Command, tmp_path: Path):
    path = tmp_path / "alone.jsonl"
    path.write_text('{"clean_ids": [5, 7, 5], "corrupt_ids": [5, 7, 8], "answer_ids": [7]}\n' * 2)
    answer = circuits("effects", str(path), "--metric", "answer-logit", "--json").json
    assert "writes" not in answer["parts"][0]
    left_out = "what parts write is left out: line 1 of alone.jsonl has no wrong answer"
    assert any(left_out in text for text in answer["warnings"])
    refused = circuits("effects", str(path), "--json")
    assert refused.exit_code == 2
    assert "no wrong answer" in refused.stderr


def test_the_table_for_papers_has_the_largest_effects_first_and_csv_all(tiny: Any, tmp_path: Path):
    (table,) = papers_of(COMMAND, task=str(tiny.prompts), model=str(tiny.model), out=tmp_path / "runs").values()
    sizes = [abs(row["total"]) for row in table.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert len(table.rows) == 6  # 4 heads and 2 MLPs
    assert [column.name for column in table.columns][:2] == ["total", "direct"]
