"""What the stages compute that run the circuits of one task on the prompts of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.matched_circuits import likeness, matched_circuits
from circuits.evaluation.transfer import DRAWN, MOST_LIKE, Candidates, Member, members_on
from circuits.masks import random_circuits, random_component_sets
from circuits.metrics import ACCURACY, METRICS
from circuits.model.phases import phase
from circuits.model.steps import steps, whole
from pipelines.discover.rules import made_rule
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from, scores_from
from pipelines.runs.stage_inputs import ablation_of, slice_of


def draw_circuits(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Random circuits as large as a run's, and the run's with its heads renamed: [draw, part], in bits."""
    runner = CircuitRunner(model(), prompts_from(inputs["prompts"][0]), METRICS[settings["metric"]])
    circuit, n, seed = runner.circuit(inputs["choose"][0].arrays["mask"]), settings["draws"], settings["seed"]
    with phase(f"drawing {n} random circuits"):
        if runner.level == "edges":
            drawn = random_circuits(runner.model.wiring, circuit, n=n, seed=seed)
        else:
            drawn = random_component_sets(circuit, n=n, seed=seed)
    with phase(f"renaming its heads at random {n} times"):
        matched = matched_circuits(runner.model.wiring, circuit, n=n, seed=seed)
    arrays = {"own": circuit, "random": drawn, "matched": matched}
    return Result(
        {"level": runner.level, "n_parts": len(circuit), "likeness": likeness(circuit, matched)},
        {name: np.packbits(np.atleast_2d(masks), axis=1) for name, masks in arrays.items()},
    )


def choose_at_size(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A run's circuit at the size of the largest of the circuits compared, by the rule and ranking that chose it."""
    return _chosen_again(settings, inputs, max(int(chosen.arrays["mask"].sum()) for chosen in inputs["all"]))


def choose_half(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A run's circuit at half its size, by the rule and ranking that chose it."""
    return _chosen_again(settings, inputs, max(1, int(inputs["choose"][0].arrays["mask"].sum()) // 2))


def _chosen_again(settings: Mapping[str, Any], inputs: Inputs, n: int) -> Result:
    prompts = prompts_from(inputs["prompts"][0])
    edges = scores_from(inputs["edges"], prompts)
    others = [scores_from(inputs[name], prompts) for name in sorted(inputs) if name.startswith("others_")]
    is_absolute = inputs["choose"][0].meta["ranking"] == "absolute"
    rule = made_rule(settings["rule"], absolute=is_absolute, n=n)
    return Result({"n": n}, {"mask": rule.choose_with(others, edges).mask})


def run_on_task(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of a slice of one task's prompts on the circuits of all tasks, and on those made of them.

    values   [circuit, prompt] in the order of `members` (sort, runs, number)
    correct  [circuit, prompt] whether those that are not drawn answer right, in the same order; left out where the
             model predicts a single number
    """
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    prompts = slice_of(settings, inputs)
    runner = CircuitRunner(model(), prompts, metric, ablation)
    sized, half = (
        {
            int(name.removeprefix(sort)): runner.circuit(inputs[name][0].arrays["mask"])
            for name in inputs
            if name.startswith(sort)
        }
        for sort in ("sized_", "half_")
    )
    drawn = inputs["drawn"]
    candidates = Candidates(
        np.concatenate([_unpacked(entry, "own") for entry in drawn]),
        sized,
        half,
        np.stack([_unpacked(entry, "random") for entry in drawn]),
        [_unpacked(entry, "matched")[: 0 if entry.meta["likeness"] > MOST_LIKE else None] for entry in drawn],
    )
    members = members_on(runner.model.wiring, settings["target"], candidates, seed=settings["seed"])
    masks = np.stack(list(members.values()))
    # How often circuits answer right is asked of those that are not drawn, where the model gives tokens.
    judged = np.array([member.sort not in DRAWN for member in members]) & (runner.model.n_outputs > 1)
    arrays: dict[str, Floats | Bools] = {}
    runs = (("values", runner, masks), ("correct", replace(runner, metric=ACCURACY), masks[judged]))
    with whole():
        for name, asked, circuits in steps(runs, [asked.weight(circuits) for _, asked, circuits in runs]):
            if len(circuits):
                arrays[name] = asked.values(circuits)
    if judged.any():
        arrays["correct"] = arrays["correct"] > 0
    # The input is no component of a circuit.
    first = 0 if runner.level == "edges" else 1
    sizes = [int(mask[first:].sum()) for mask in members.values()]
    return Result({"level": runner.level, "members": [list(member) for member in members], "sizes": sizes}, arrays)


def members_from(result: Result) -> dict[Member, int]:
    """The circuits of a `transfer` job, with their sizes in edges or components."""
    pairs = zip(result.meta["members"], result.meta["sizes"], strict=True)
    return {Member(sort, tuple(of), number): size for (sort, of, number), size in pairs}


def _unpacked(result: Result, name: str) -> Bools:
    """[draw, part] masks from bits."""
    return np.unpackbits(result.arrays[name], axis=1, count=result.meta["n_parts"]).astype(np.bool_)


DRAW_CIRCUITS = Stage("draw-circuits", 1, draw_circuits, title="draw random circuits")
AT_SIZE = Stage("choose-at-size", 1, choose_at_size, title="choose the circuit at the size of the largest")
HALF = Stage("choose-half", 1, choose_half, title="choose the circuit at half its size")
TRANSFER = Stage("transfer", 5, run_on_task, title="run all circuits on one task")
