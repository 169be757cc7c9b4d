"""Answers of several tokens and prompts of mixed lengths, from a prompt file to the numbers of each command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompt_files import read_prompts
from circuits.model.load import load_model
from pipelines import open_run
from tests.bundled import bundled

Command = Callable[..., Any]

# Of three lengths, and with answers of two to four tokens.
RECORDS = [
    {
        "clean": "At the store Mary and John met, and John gave a book to",
        "corrupt": "At the store Mary and John met, and Mary gave a book to",
        "answers": [" Mary at the store"],
        "wrong_answers": [" John and"],
        "roles": {"IO": "Mary"},
    },
    {
        "clean": "Mary and John met, and John gave a book to",
        "corrupt": "Mary and John met, and Mary gave a book to",
        "answers": [" Mary and"],
        "wrong_answers": [" John and Mary"],
        "roles": {"IO": "Mary"},
    },
    {
        "clean": "At the park John and Mary met, and Mary gave the book to",
        "corrupt": "At the park John and Mary met, and John gave the book to",
        "answers": [" John", " the book"],
        "wrong_answers": [" Mary and John"],
        "roles": {"IO": "John"},
    },
]


@pytest.fixture
def prompt_file(tmp_path: Path) -> Path:
    path = tmp_path / "long.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in RECORDS))
    return path


def by_hand(side: str) -> list[float]:
    """log-probability-difference of each prompt: the plain model on the text of each answer, token after token."""
    model = bundled("reference")
    tokenizer: Any = model.tokenizer
    values = []
    for record in RECORDS:
        prompt = tokenizer(record[side])["input_ids"]
        totals = []
        for answers in (record["answers"], record["wrong_answers"]):
            total = 0.0
            for answer in answers:
                ids = tokenizer(record[side] + answer)["input_ids"]
                with torch.no_grad():
                    log_probabilities = model.original(torch.tensor([ids])).logits[0].log_softmax(-1)
                steps = range(len(prompt), len(ids))
                total += np.exp(sum(float(log_probabilities[step - 1, ids[step]]) for step in steps))
            totals.append(np.log(total))
        values.append(totals[0] - totals[1])
    return values


def test_discover_and_evaluate_read_answers_of_several_tokens(circuits: Command, prompt_file: Path):
    metric = ("--metric", "log-probability-difference")
    run = circuits("discover", prompt_file, *metric, "--prompts-per-job", "2", "--edges", "80", "--json").json
    assert run["metric"]["clean"] == pytest.approx(np.mean(by_hand("clean")), abs=1e-4)
    assert run["metric"]["corrupt"] == pytest.approx(np.mean(by_hand("corrupt")), abs=1e-4)
    assert run["chance"] == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
    (row,) = circuits("evaluate", run["run"], "--random", "3", "--knockouts", "2", "--resamples", "4", "--json").json[
        "runs"
    ]
    assert row["faithfulness"] == run["faithfulness"]
    graph = open_run(Path("runs") / run["run"]).circuit
    assert graph.provenance is not None
    read = read_prompts(prompt_file, bundled("reference").tokenizer)
    assert graph.provenance.prompts_fingerprint == read.fingerprint


def test_prompts_of_several_tokens_that_the_model_solves_are_kept(circuits: Command, prompt_file: Path):
    assert [value > 0 for value in by_hand("clean")] == [False, True, True]
    asked = ("--solved", "--prompts", "2", "--metric", "log-probability-difference", "--edges", "20", "--json")
    run = circuits("discover", prompt_file, *asked).json
    assert (run["solved"]["kept"], run["solved"]["drawn"]) == (2, 3)
    assert run["metric"]["clean"] == pytest.approx(np.mean(by_hand("clean")[1:]), abs=1e-4)


def test_trace_reads_answers_of_several_tokens(circuits: Command, prompt_file: Path):
    asked = ("--metric", "log-probability-difference", "--ablation", "corrupt", "--set", "kinds=[residual]")
    run = circuits("trace", prompt_file, *asked, "--json").json
    assert run["metric"]["clean"] == pytest.approx(np.mean(by_hand("clean")), abs=1e-4)
    assert run["metric"]["corrupt"] == pytest.approx(np.mean(by_hand("corrupt")), abs=1e-4)


def test_the_usual_metric_names_the_one_to_use(circuits: Command, prompt_file: Path):
    answer = circuits("discover", prompt_file, "--edges", "20")
    assert answer.exit_code != 0
    assert "answers of 3 of 3 prompts have several (the first is line 1 of long.jsonl, with up to 4)" in answer.stderr
    assert "Use 'log-probability-difference'" in answer.stderr


def test_ids_need_no_tokenizer(circuits: Command, tiny: Any, tmp_path: Path):
    records = [json.loads(line) for line in tiny.prompts.read_text().splitlines()]
    for number, record in enumerate(records):
        del record["wrong_answer_ids"]
        record["answer_ids"] = [[*record["answer_ids"], number % 3, 5]]
        for side in ("clean_ids", "corrupt_ids"):
            record[side] = record[side][number % 4 :]
    path = tmp_path / "ids.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    asked = ("--model", tiny.model, "--metric", "answer-log-probability", "--edges", "20", "--json")
    run = circuits("discover", path, *asked).json
    module, expected = load_model(str(tiny.model)).original, []
    for record in records:
        (answer,), ids = record["answer_ids"], record["clean_ids"]
        logits = module(torch.tensor([[*ids, *answer[:-1]]]))[0].log_softmax(-1)
        expected.append(sum(float(logits[len(ids) - 1 + n, token]) for n, token in enumerate(answer)))
    assert run["metric"]["clean"] == pytest.approx(np.mean(expected), abs=1e-4)
