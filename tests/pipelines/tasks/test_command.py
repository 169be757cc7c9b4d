"""`circuits tasks --model M`: a model measured on every task; without a model, the list."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.intervals import wilson_interval
from circuits.model.answers import answered
from circuits.solved import RULE, verdict
from circuits.tasks import TASKS
from pipelines.engine.execution import Execution
from pipelines.reporting.paper import MARKDOWN
from pipelines.tasks.command import COMMAND
from pipelines.tasks.plan import plan
from pipelines.tasks.settings import TasksSettings
from tests.bundled import bundled
from tests.pipelines.paper_checks import papers_of

Command = Callable[..., Any]
LEARNED = ("colored-objects", "docstring", "greater-than", "induction", "ioi")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def measured(circuits: Command, store: Path, *more: str) -> dict[str, Any]:
    asked = ("--model", "reference-early", "--prompts", "12", "--seed", "1")
    return circuits("tasks", *asked, "--runs", store, "--json", *more).json


def test_every_task_has_numbers_or_a_reason(circuits: Command, store: Path) -> None:
    rows = {row["task"]: row for row in measured(circuits, store)["tasks"]}
    assert set(rows) == set(TASKS)
    held = {name for name, row in rows.items() if row["reason"] is None}
    # Those that it learned, and those of random tokens, which any tokenizer has.
    assert held >= {*LEARNED, "needle"}
    assert not held & {"agreement", "capital", "two-route-nearby"}
    for name, row in rows.items():
        assert list(row["corruptions"]) == list(TASKS[name].corruptions)
        if name not in held:
            assert f"task '{name}' cannot be built for this model's tokenizer: needs" in row["reason"]
            assert row["accuracy"] is row["chance"] is row["verdict"] is None


def test_numbers_are_those_of_the_prompts_run_alone(circuits: Command, store: Path) -> None:
    import torch

    rows = {row["task"]: row for row in measured(circuits, store)["tasks"]}
    model, row = bundled("reference-early"), rows["colored-objects"]
    prompts = TASKS["colored-objects"]().build(model.tokenizer, n=12, seed=1)
    logits = torch.stack([model.bridge(torch.tensor([prompt.clean]))[0, -1] for prompt in prompts])
    judged = answered(logits, prompts.prompts)
    n_correct = int(judged.is_correct.sum())
    assert 0 < n_correct < 12
    assert row["accuracy"] == n_correct / 12
    assert row["accuracy_interval"] == list(wilson_interval(n_correct, 12))
    assert row["verdict"] == verdict(n_correct, 12, 0.5)
    assert row["top1"] == int(judged.is_top1.sum()) / 12
    assert (row["chance"], row["metric"]) == (0.5, "logit-difference")
    differences = [
        float(own[list(prompt.answers)].mean() - own[list(prompt.wrong_answers)].mean())
        for own, prompt in zip(logits, prompts, strict=True)
    ]
    assert row["difference"] == pytest.approx(np.mean(differences), abs=1e-4)
    low, high = row["difference_interval"]
    half = 2.200985 * np.std(differences, ddof=1) / np.sqrt(12)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-4)


def test_the_same_command_again_computes_nothing_and_files_say_the_same(circuits: Command, store: Path) -> None:
    first = measured(circuits, store)
    again = measured(circuits, store)
    assert again["jobs"] == {"total": sum(len(task.corruptions) for task in TASKS.values()), "computed": 0}
    assert again["tasks"] == first["tasks"]
    lines = list(csv.DictReader(io.StringIO((Path(again["folder"]) / "tasks.csv").read_text())))
    assert [(line["task"], line["corruption"]) for line in lines] == [
        (row["task"], corruption) for row in first["tasks"] for corruption in row["corruptions"]
    ]
    ioi = next(row for row in first["tasks"] if row["task"] == "ioi")
    flipped = next(line for line in lines if (line["task"], line["corruption"]) == ("ioi", "flip"))
    assert float(flipped["corrupt"]) == ioi["corruptions"]["flip"]["corrupt"]
    assert float(flipped["corrupt_low"]) == ioi["corruptions"]["flip"]["corrupt_interval"][0]


def test_the_table_says_verdicts_and_reasons(circuits: Command, store: Path) -> None:
    asked = ("--model", "reference-early", "--prompts", "12", "--seed", "1", "--runs", store)
    printed = circuits("tasks", *asked).stdout
    line = next(line for line in printed.splitlines() if "colored-objects" in line)
    assert "not" in line or "in part" in line
    assert "in part" in next(line for line in printed.splitlines() if "induction" in line)  # 12 of 12 show no more
    assert RULE in " ".join(printed.split())
    row = next(row for row in measured(circuits, store)["tasks"] if row["task"] == "ioi")
    assert f"{row['accuracy']:.1%} [{row['accuracy_interval'][0]:.1%}, " in printed
    held = [row["task"] for row in measured(circuits, store)["tasks"] if row["reason"] is None]
    assert {*LEARNED, "needle"} <= set(held)
    assert sum(line.startswith("│") for line in printed.splitlines()) == len(held)
    assert f"Cannot be built for this model ({len(TASKS) - len(held)}): agreement; antonym; " in printed
    assert "needs at least 5 countries" not in printed
    in_detail = circuits("tasks", *asked, "--details").stdout
    assert "- capital: cannot be built for this model's tokenizer: needs at least 5 countries" in in_detail
    assert all(name in in_detail for name in TASKS["greater-than"].corruptions)


def test_without_a_model_the_tasks_are_listed_and_other_options_are_refused(circuits: Command, tmp_path: Path) -> None:
    assert {row["task"] for row in circuits("tasks", "--json").json["tasks"]} >= set(TASKS)
    in_short, in_detail = (circuits("tasks", *more).stdout for more in ((), ("--details",)))
    assert len(in_short.splitlines()) < len(in_detail.splitlines()) / 2
    assert "What each corruption does: --details" in in_short
    assert "nothing is" in in_detail
    refused = circuits("tasks", "--prompts", "3")
    assert refused.exit_code == 2
    assert "--prompts belong to the measurement of a model" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_fewer_prompts_are_taken_where_fewer_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    from circuits.tasks import greater_than

    monkeypatch.setattr(greater_than, "NOUNS", ("war",))
    monkeypatch.setattr(greater_than, "CENTURIES", ("17",))
    tokenizer = bundled("reference").tokenizer
    assert len(TASKS["greater-than"]().build_at_most(tokenizer, n=200)) == 97


def test_the_folder_of_a_model_with_a_slash_in_its_name_is_one_folder(tmp_path: Path) -> None:
    jobs = plan(TasksSettings(model="reference"), Execution(out=tmp_path))
    assert re.fullmatch(r"tasks-org-model-Q4_1-[0-9a-f]{8}", replace(jobs, model="org/model (Q4_1)").folder.name)
    assert replace(jobs, model="org/model (Q4_1)").folder.parent == jobs.store.folder


def test_tables_for_papers_have_the_tasks_that_can_be_built_and_name_the_others(store: Path) -> None:
    tables = papers_of(COMMAND, model="reference-early", prompts=12, seed=1, out=store)
    assert {row["task"] for row in tables["tasks"].rows} >= {*LEARNED, "needle"}
    text = MARKDOWN.write(tables["tasks"], "brackets", None)
    assert "Cannot be built for this model: " in text
    assert RULE.split(":")[0] in text
    assert "| Task | Corruption | " in MARKDOWN.write(tables["corruptions"], "brackets", None)
