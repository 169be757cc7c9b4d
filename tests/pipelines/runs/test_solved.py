"""--solved keeps the prompts that the model answers correctly, and every result says how many were dropped."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.prompt_files import read_prompts
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import measure_baseline
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.tasks import TASKS
from graphs.export import exporter
from pipelines import DiscoverRun, compare, discover, evaluate, open_run, study, trace
from pipelines.engine.execute import execute
from pipelines.engine.execution import Execution
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from
from pipelines.runs.first_jobs import FirstJobs
from pipelines.runs.settings import RunConfig
from tests.bundled import bundled
from tests.pipelines.cli.test_bad_input import require_refusal

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]
# A checkpoint that answers about half of these prompts.
HALF = {"task": "colored-objects", "model": "reference-early"}
N, SEED = 12, 3


def is_correct(model: Any, prompts: PromptSet) -> list[bool]:
    baseline = measure_baseline(model, prompts, metric=METRICS["logit-difference"])
    assert baseline.is_correct is not None
    return baseline.is_correct.tolist()


def words_of(figure: bytes) -> str:
    """The text of an SVG figure, in one line."""
    return " ".join(re.findall(r">([^<>]+)</text>", figure.decode()))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("solved") / "runs"


@pytest.fixture(scope="module")
def run(store: Path) -> DiscoverRun:
    return discover(**HALF, prompts=N, seed=SEED, solved=True, edges=30, out=store)


@pytest.fixture(scope="module")
def drawn() -> tuple[PromptSet, list[bool]]:
    """What is drawn without --solved, and which of it the model answers."""
    model = load_model(HALF["model"])
    prompts = TASKS[HALF["task"]]().build(model.tokenizer, n=64, seed=SEED)
    return prompts, is_correct(model, prompts)


def prompts_of(config: RunConfig, store: Path) -> PromptSet:
    """The prompts of a run, computed here."""
    first, kept = FirstJobs(config, ()), Store(store)
    kept.prepare()
    execute((*first.answered, first.prompts), kept, Execution(out=store), on_done=lambda job: None)
    return prompts_from(kept.read(first.prompts.key))


def test_the_prompts_of_a_run_are_the_first_that_the_model_solves(
    run: DiscoverRun, drawn: tuple[PromptSet, list[bool]]
) -> None:
    prompts, right = drawn
    numbers = [number for number, solved in enumerate(right) if solved][:N]
    expected = PromptSet("expected", tuple(prompts.prompts[number] for number in numbers))
    assert run.scores.provenance.prompts_fingerprint == expected.fingerprint
    assert run.summary["accuracy"] == 1
    n_drawn = numbers[-1] + 1
    assert n_drawn > N
    told = run.summary["solved"]
    assert (told["kept"], told["drawn"], told["dropped_share"]) == (N, n_drawn, pytest.approx(1 - N / n_drawn))
    low, high = told["dropped_share_interval"]
    assert low < told["dropped_share"] < high


def test_fewer_prompts_of_a_seed_are_the_first_of_more(run: DiscoverRun, drawn: Any, store: Path) -> None:
    config = RunConfig(**HALF, prompts=5, seed=SEED, solved=True)
    prompts, right = drawn
    numbers = [number for number, solved in enumerate(right) if solved][:5]
    fewer = prompts_of(config, store)
    assert fewer.prompts == tuple(prompts.prompts[number] for number in numbers)
    assert fewer.solved == {"kept": 5, "drawn": numbers[-1] + 1}


def test_the_share_that_was_dropped_is_in_provenance_exports_and_figures(run: DiscoverRun) -> None:
    solved = {name: run.summary["solved"][name] for name in ("kept", "drawn")}
    assert run.circuit.provenance is not None
    assert run.circuit.provenance.solved == run.scores.provenance.solved == solved
    assert json.loads(exporter("json").to_bytes(run.circuit))["provenance"]["solved"] == solved
    assert b'"drawn"' in exporter("graphml").to_bytes(run.circuit).replace(b"&quot;", b'"')
    assert f"prompts {N} solved of {solved['drawn']} drawn" in words_of(exporter("svg").to_bytes(run.circuit))


def test_every_table_says_it_and_the_same_command_computes_nothing(run: DiscoverRun, circuits: Command) -> None:
    store, told = str(run.folder.parent), f"{N} solved of {run.summary['solved']['drawn']} drawn ("
    again = circuits("discover", "--config", run.folder / "config.yaml", "--runs", store)
    # Wrapped in its column.
    assert told in " ".join(again.stdout.replace("│", " ").split())
    assert "nothing new to compute" in again.stdout
    others = ["--random", "0", "--knockouts", "0", "--resamples", "0"]
    judged = circuits("evaluate", run.name, "--runs", store, *others).stdout
    assert f"prompts of {run.name}: {told}" in judged
    compared = circuits("compare", run.name, run.name, "--runs", store, "--overlap-only").stdout
    assert f"prompts of {run.name} (1): {told}" in compared
    assert f"prompts of {run.name} (2): {told}" in compared


def test_a_run_of_all_prompts_says_that_none_were_dropped(store: Path, run: DiscoverRun) -> None:
    every = discover(**HALF, prompts=N, seed=SEED, edges=30, out=store)
    assert every.summary["solved"] is None
    assert every.scores.provenance.solved is None
    assert every.summary["accuracy"] < 1
    solved = compare(run, every, overlap_only=True, out=store).summary["solved"]
    assert solved[every.name] is None
    assert solved[run.name] is not None
    assert evaluate(every, out=store, random=0, knockouts=0, resamples=0).rows[0]["solved"] is None


def test_keys_of_other_runs_do_not_hold_the_setting_and_those_of_solved_ones_the_dtype() -> None:
    keys = [
        FirstJobs(RunConfig(**HALF, dtype=dtype, solved=solved), ()).prompts.key
        for solved in (False, True)
        for dtype in ("float32", "bfloat16")
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert "solved" not in FirstJobs(RunConfig(**HALF), ()).prompts.settings


def test_a_trace_and_a_study_say_it_too(store: Path, run: DiscoverRun, circuits: Command) -> None:
    traced = trace(**HALF, prompts=4, seed=SEED, solved=True, settings={"kinds": ["residual"]}, out=store)
    assert traced.summary["solved"]["kept"] == 4
    told = f"4 solved of {traced.summary['solved']['drawn']} drawn"
    assert told in words_of((traced.folder / "trace.svg").read_bytes())
    shown = circuits("trace", "--config", traced.folder / "config.yaml", "--runs", str(store)).stdout
    assert f"prompts: {told}" in shown
    given: dict[str, Any] = {**HALF, "prompts": N, "seed": SEED}
    varied = study(**given, vary={"solved": [False, True]}, truth=run.name, out=store)
    assert [row["solved"] and row["solved"]["drawn"] for row in varied.rows] == [None, run.summary["solved"]["drawn"]]
    rows = list(csv.DictReader(io.StringIO((varied.folder / "study.csv").read_text())))
    assert [row["n_drawn"] for row in rows] == ["", str(run.summary["solved"]["drawn"])]
    assert "of those drawn were dropped" in words_of((varied.folder / "study.svg").read_bytes())


def test_luck_is_named() -> None:
    from pipelines.runs.caveats import of_accuracy

    told = {"accuracy": 1.0, "chance": 0.5, "accuracy_interval": [0.9, 1.0]}
    told["solved"] = {"dropped_share": 0.45, "dropped_share_interval": [0.3, 0.6]}
    (warning,) = of_accuracy(told)
    assert warning.startswith("the model answers 55% of the prompts drawn correctly, which may be chance (50%)")
    assert of_accuracy(told | {"chance": 0.25}) == []


# Prompt files


@pytest.fixture(scope="module")
def right(tiny: Any) -> list[bool]:
    """Which prompts of the tiny model's file it answers."""
    return is_correct(load_model(str(tiny.model)), read_prompts(tiny.prompts))


def test_of_a_file_all_solved_prompts_are_kept(tiny: Any, right: list[bool], circuits: Command) -> None:
    n = sum(right)
    assert 1 < n < 12
    first = circuits(*tiny.arguments, "--solved", "--json").json
    assert (first["n_prompts"], first["accuracy"]) == (n, 1)
    assert (first["solved"]["kept"], first["solved"]["drawn"]) == (n, 12)
    assert first["jobs"]["computed"] == first["jobs"]["total"]
    again = circuits(*tiny.arguments, "--solved", "--json").json
    assert again["run"] == first["run"]
    assert again["jobs"] == {"total": first["jobs"]["total"], "computed": 0}
    kept = open_run(first["run"])
    assert (kept.config.prompts, kept.config.solved) == (n, True)
    prompts = read_prompts(tiny.prompts)
    expected = tuple(prompt for prompt, solved in zip(prompts, right, strict=True) if solved)
    assert kept.scores.provenance.prompts_fingerprint == PromptSet("expected", expected).fingerprint
    # Some of them take what was answered from the store.
    fewer = circuits(*tiny.arguments, "--solved", "--prompts", "2", "--json").json
    numbers = [number for number, solved in enumerate(right) if solved]
    assert (fewer["solved"]["kept"], fewer["solved"]["drawn"]) == (2, numbers[1] + 1)


def test_more_solved_prompts_than_a_file_has_are_refused_with_their_number(
    tiny: Any, right: list[bool], circuits: Command
) -> None:
    answer = circuits(*tiny.arguments, "--solved", "--prompts", "12")
    require_refusal(answer, f"12 prompts that the model solves were asked for, and it solves {sum(right)} of the 12")


def test_what_can_be_refused_is_refused_before_the_file_is_answered(tiny: Any, circuits: Command) -> None:
    require_refusal(circuits(*tiny.arguments, "--solved", "--edges", "3", "--threshold", "1"), "two ways to select")
    assert not Path("runs").exists()


def test_a_file_of_which_none_is_solved_is_an_error(tiny: Any, right: list[bool], circuits: Command) -> None:
    lines = tiny.prompts.read_text().splitlines()
    failed = [line for line, solved in zip(lines, right, strict=True) if not solved]
    Path("failed.jsonl").write_text("\n".join(failed))
    answer = circuits("discover", "failed.jsonl", *tiny.arguments[2:], "--solved")
    require_refusal(answer, f"solves none of the {len(failed)} prompts of failed.jsonl")


def test_a_study_of_models_keeps_what_each_of_them_solves(
    tiny: Any, right: list[bool], new_model: Callable[..., Path], tmp_path: Path
) -> None:
    other = new_model(tmp_path / "other", seed=5)
    known = tmp_path / "truth.json"
    known.write_text(json.dumps({"edges": ["input->a0.h0<v>", "a0.h0->logits"]}))
    models = [str(tiny.model), str(other)]
    result = study(str(tiny.prompts), solved=True, vary={"model": models}, truth=known, out=tmp_path / "runs")
    own = sum(is_correct(load_model(str(other)), read_prompts(tiny.prompts)))
    assert [row["n_prompts"] for row in result.rows] == [sum(right), own]
    assert [row["solved"]["drawn"] for row in result.rows] == [12, 12]


def test_of_labeled_prompts_negatives_without_the_answer_are_kept(tiny: Any, tmp_path: Path) -> None:
    path, pairs = tmp_path / "labeled.jsonl", [json.loads(line) for line in tiny.prompts.read_text().splitlines()]
    labels = ["positive"] * 6 + ["negative"] * 6
    shared = ("answer_ids", "wrong_answer_ids")
    records = [
        {"prompt_ids": pair["clean_ids"], "label": label} | {name: pair[name] for name in shared}
        for pair, label in zip(pairs, labels, strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    whole, model = read_prompts(path), load_model(str(tiny.model))
    sides = [is_correct(model, PromptSet("side", side)) for side in (whole.prompts, whole.negatives)]
    n = sum(sides[0])
    kept = prompts_of(RunConfig(task=str(path), model=str(tiny.model), prompts=n, solved=True), tmp_path / "runs")
    assert kept.prompts == tuple(p for p, solved in zip(whole.prompts, sides[0], strict=True) if solved)
    expected = [p for p, given in zip(whole.negatives, sides[1], strict=True) if not given]
    assert kept.negatives == tuple(expected[:n])


@pytest.mark.slow
def test_workers_keep_the_same_prompts(tiny: Any, circuits: Command, tmp_path: Path) -> None:
    given = (tiny.arguments[1:], [HALF["task"], "--model", HALF["model"], "--prompts", "12"])
    settings = ("--solved", "--edges", "30", "--json", "--runs")
    there = [circuits("discover", *own, *settings, tmp_path / "there", "--workers", "2").json["run"] for own in given]
    here = [circuits("discover", *own, *settings, tmp_path / "here").json["run"] for own in given]
    assert there == here
    for name in here:
        kept = [(tmp_path / out / name / "scores.npz").read_bytes() for out in ("there", "here")]
        assert kept[0] == kept[1]


# Questions about images


def test_of_questions_about_images_the_solved_ones_are_kept(store: Path) -> None:
    config = RunConfig(task="scene-objects", model="reference-vlm", prompts=4, solved=True)
    every = prompts_of(config.model_copy(update={"solved": False, "prompts": 12}), store)
    right = is_correct(bundled("reference-vlm"), every)
    kept = prompts_of(config, store)
    numbers = [number for number, solved in enumerate(right) if solved][:4]
    assert [p.as_json() for p in kept] == [every.prompts[number].as_json() for number in numbers]
    assert kept.solved == {"kept": 4, "drawn": numbers[-1] + 1}
    assert np.all([p.image is not None and p.image.data is not None for p in kept])


def test_a_half_of_the_prompts_says_how_many_were_kept_in_all(run: DiscoverRun, store: Path) -> None:
    halves = discover(**HALF, prompts=N, seed=SEED, edges=30, solved=True, judge_on="held-out", out=store)
    assert halves.summary["n_choosing"] < N
    told = {name: halves.summary["solved"][name] for name in ("kept", "drawn")}
    assert halves.scores.provenance.solved == halves.circuit.provenance.solved == told
    assert told["kept"] == N
