"""What the jobs of `circuits tasks --model M` compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.evaluation.faithfulness import measure_baseline
from circuits.metrics import METRICS
from circuits.tasks import TASKS
from circuits.tasks.base import UnbuildableError
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage


def measure_task(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A model's answers to the prompts of a task under one corruption.

    Arrays [prompt]: `clean` and `corrupt`, the `metric` of the two prompts: the logit difference, or of answers of
    several tokens the log-probability difference; `is_correct` and `is_top1` of the clean one. Where the task cannot be
    built for the model, no array but the `reason`, in words.
    """
    loaded = model()
    if loaded.n_outputs == 1:
        raise ValueError(f"model {loaded.name!r} predicts one number: it answers no prompts, and no task fits it.")
    if loaded.tokenizer is None:
        return Result({"reason": "tasks are made of words, and the model has no tokenizer"})
    task = TASKS[settings["task"]](corruption=settings["corruption"])
    try:
        prompts = task.build_at_most(loaded.tokenizer, n=settings["n"], seed=settings["seed"])
        loaded.check_prompts(prompts)
    except UnbuildableError as error:
        return Result({"reason": error.reason})
    except ValueError as error:
        return Result({"reason": str(error)})
    metric = "log-probability-difference" if any(prompt.has_long_answers for prompt in prompts) else "logit-difference"
    baseline = measure_baseline(loaded, prompts, metric=METRICS[metric])
    assert baseline.is_correct is not None
    assert baseline.is_top1 is not None
    arrays = {"clean": baseline.clean, "corrupt": baseline.ablated}
    arrays |= {"is_correct": baseline.is_correct, "is_top1": baseline.is_top1}
    return Result({"chance": prompts.chance, "metric": metric}, arrays)


TASK = Stage("task", 2, measure_task, title="task {task}, corruption {corruption}")
