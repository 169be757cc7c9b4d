"""What the jobs of `circuits orders` compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuits.evaluation.order_sensitivity import lines_of, order_values
from circuits.metrics import METRICS
from circuits.tasks import TASKS
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.task_settings import make_task


def measure_orders(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Arrays [question, order] of a slice of the questions: `values` of the metric, `is_correct`, and `lines`, on which
    line from 0 the correct option stands."""
    loaded, (start, stop) = model(), settings["slice"]
    assert loaded.tokenizer is not None, "the plan refuses models without"
    given = settings.get("task_settings", {})
    task = make_task(TASKS[settings["task"]], given, held_out=settings["held_out"])
    questions = task.in_every_order(loaded.tokenizer, n=stop, seed=settings["seed"])[start:]
    for question in questions:
        loaded.check_prompts(question)
    values, is_correct = order_values(loaded, questions, metric=METRICS[settings["metric"]])
    lines = np.array([lines_of(question, task.right_roles) for question in questions])
    return Result({}, {"values": values, "is_correct": is_correct, "lines": lines})


ORDERS = Stage("orders", 1, measure_orders, title="answers in every order")
