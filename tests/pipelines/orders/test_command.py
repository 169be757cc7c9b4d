"""`circuits orders`: how much answers depend on the order of options, from the command line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.evaluation.order_sensitivity import order_sensitivity, order_values
from circuits.metrics import METRICS
from circuits.tasks import TASKS
from tests.bundled import bundled

Command = Callable[..., Any]


def test_the_numbers_are_those_of_the_function_in_whatever_slices(circuits: Command):
    given = ("orders", "colored-objects", "--questions", "5")
    answer = circuits(*given, "--prompts-per-job", "2", "--json").json
    model = bundled("reference")
    questions = TASKS["colored-objects"]().in_every_order(model.tokenizer, n=5)
    found = order_sensitivity(*order_values(model, questions, metric=METRICS["logit-difference"]))
    assert answer["variance"] == pytest.approx(found.variance.value, rel=1e-4)
    assert answer["variance_interval"] == pytest.approx(found.variance.interval.as_json(), rel=1e-4)
    assert (answer["n_questions"], answer["n_orders"], len(answer["lines"])) == (5, 6, 3)
    with (Path(answer["folder"]) / "orders.csv").open(newline="") as file:
        assert [float(row["metric"]) for row in csv.DictReader(file)] == [row["metric"] for row in answer["lines"]]
    again = circuits(*given, "--prompts-per-job", "2")
    assert "nothing new to compute" in again.stdout
    assert "order sensitivity" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ioi"], "no options whose order could change. Tasks that have: colored-objects, multiple-choice"),
        (["multiple-choise"], "Did you mean 'multiple-choice"),
        (["colored-objects", "--metric", "acuracy"], "no metric 'acuracy'"),
        (["multiple-choice"], "cannot be built in every order"),
    ],
)
def test_bad_input_is_one_message(circuits: Command, arguments: list[str], said: str):
    answer = circuits("orders", *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert "loading the model" not in answer.stderr
