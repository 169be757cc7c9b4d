"""What people give by mistake in Python: a ValueError says what is wrong before a model runs, and never a traceback of
another library."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuits import METHODS, METRICS, TASKS, activations, load_model, patch, prompts_from, read_prompts, read_template
from circuits import write_jsonl as write
from circuits.lookup import UnknownNameError
from pipelines import DiscoverRun, Execution, compare, discover, evaluate, open_run

TEXT = "Because David and Martin were leaving the bridge , David returned the sandwich to"
PAIR = (TEXT, TEXT.replace(", David", ", Martin"), "Martin", "David")
METRIC = METRICS["logit-difference"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> DiscoverRun:
    return discover("ioi", prompts=8, edges=20, out=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def model() -> Any:
    return load_model("reference")


@pytest.fixture(scope="module")
def prompts(model) -> Any:
    return TASKS["ioi"]().build(model.tokenizer, n=4)


PAIRS: list[tuple[Any, str]] = [
    (None, "found None"),
    (7, "found 7"),
    (TASKS["ioi"](), "found IndirectObject"),
    (TASKS["ioi"], "found an object of type ABCMeta"),
    ({"clean": TEXT}, "given as a list of them, or as a frame"),
    (PAIR, r"pair 1 is 'Because .*give \(clean, corrupt, answer\)"),
    ([None], "pair 1 is None: give"),
    ([PAIR, (b"a", b"b", b"c")], "pair 2 holds what is neither text nor a number"),
    ([{"clean": TEXT, "corrupt": TEXT, "answers": [" a"], "roles": {"x": {1}}}], "pair 1 holds what is neither"),
    (torch.zeros(3), r"pair 1 is 0\.0: give"),
]


@pytest.mark.parametrize(("task", "said"), PAIRS)
def test_what_is_no_task_is_refused(task, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        discover(task, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_pairs_may_be_a_frame_an_array_a_generator_and_hold_numbers_of_numpy(model, tmp_path):
    import pandas as pd

    columns = ["clean", "corrupt", "answers", "wrong_answers"]
    frame = pd.DataFrame([PAIR, (*PAIR[:3], None)], columns=columns)
    ids = prompts_from([PAIR], model.tokenizer).prompts[0]
    as_ids = {"clean_ids": np.array(ids.clean), "corrupt_ids": ids.corrupt, "answer_ids": [np.int64(ids.answers[0])]}
    expected = prompts_from([PAIR], model.tokenizer).fingerprint
    for given in (frame[:1], np.array([PAIR]), (pair for pair in [PAIR])):
        assert prompts_from(given, model.tokenizer).fingerprint == expected  # pyright: ignore[reportArgumentType]
    assert prompts_from(frame[1:], model.tokenizer).prompts[0].wrong_answers == ()  # pyright: ignore[reportArgumentType]
    assert prompts_from([as_ids]).prompts[0].clean == ids.clean
    settings: Any = {"edges": np.int64(10), "settings": {"steps": np.int64(2)}, "name": "mine", "out": tmp_path}
    named = discover(frame[:1], **settings)  # pyright: ignore[reportArgumentType]
    assert named.name == "mine"
    assert named.config.settings == {"steps": 2}
    assert named.circuit.n_edges == 10
    assert evaluate(named, random=np.int64(1), knockouts=0, resamples=0, out=tmp_path).rows[0]["n_edges"] == 10  # pyright: ignore[reportArgumentType]


def calls(run: Any, model: Any, prompts: Any, out: Path) -> list[tuple[Callable[[], Any], str]]:
    eap, build = METHODS["eap"](), TASKS["ioi"]().build
    return [
        (lambda: discover("ioi", out=out, curve=np.array([5, 10])), "curve is"),
        (lambda: open_run("x", out=3), r"the store `out` is given by its path; found 3 \(int\)"),
        (lambda: open_run(run.circuit), "a run is given by its path or its name"),
        (lambda: compare([run], out=out), "1 run given"),
        (
            lambda: eap.score(prompts, model, metric=METRIC),
            "the model is an object of type PromptSet, which",
        ),
        (lambda: eap.score(model, prompts, metric="logit-difference"), r"METRICS\['logit-difference'\]"),
        (lambda: eap.score(model, run.prompts, metric=METRIC), r"run\.prompts\.prompt_set"),
        (lambda: patch(model, list(run.prompts), "a3.h3"), r"Take a slice, .* run\.prompts\[:8\]"),
        (lambda: METHODS["eapp"], "no method 'eapp'.*Did you mean 'eap'"),
        (lambda: TASKS["ioo"], "no task 'ioo'.*Did you mean 'ioi'"),
        (lambda: eap.score(model, [PAIR], metric=METRIC), r"prompts_from\(pairs, model\.tokenizer\)"),
        (lambda: patch(model, 7, "a1.h1"), "own ones: a list of pairs, a frame of pandas or polars, or a prompt file"),
        (lambda: activations(model, prompts, []), "no point is given"),
        (lambda: activations(model, prompts, "r1")["r2"], "no activations of 'r2'"),
        (lambda: build(model, n=2), r"tokenizer is an object of type Model, .*model\.tokenizer"),
        (lambda: build(model.tokenizer, n="2"), "asked for '2' prompts"),
        (lambda: build(model.tokenizer, n=2, seed=None), "seed is None"),
        (lambda: prompts_from(None, model.tokenizer), "found None"),
        (lambda: read_prompts(3), r"a prompt file is given by its path; found 3 \(int\)"),
        (lambda: read_template(3), r"a template is given by its path; found 3 \(int\)"),
        (lambda: write([PAIR], out / "w.jsonl"), "prompts_from.*found list"),
        (lambda: write(prompts, "/proc/w.jsonl"), "cannot write /proc/w.jsonl"),
        (lambda: load_model(""), "no model is named"),
        (lambda: load_model("reference", device=None), "no device None"),
        (lambda: run.scores.interval(level=95), "level is 95: give a share between 0 and 1"),
        (lambda: run.circuit.draw(size=(3, 4)), r"size \(3, 4\): give a size such as 'page'"),
        (lambda: run.circuit.draw(font="big"), "font 'big'"),
        (lambda: run.circuit.draw(top="3"), "top '3': give a whole number"),
        (lambda: run.circuit.draw(min_score="a"), "min_score 'a'"),
        (lambda: run.circuit.draw(layers=3), r"layers 3: give the first and the last"),
        (lambda: run.circuit.draw(roles="mover"), "role mover: no head"),
        (lambda: run.circuit.draw(annotations="x"), "annotations 'x'"),
        (lambda: run.circuit.draw().save(3), "the file to write is given by its path"),
        (lambda: run.circuit.draw().save("/proc/x.pdf"), "cannot write /proc/x.pdf"),
    ]


def test_a_wrong_argument_is_named_with_what_was_expected(run, model, prompts, tmp_path):
    for call, said in calls(run, model, prompts, tmp_path):
        with pytest.raises(ValueError, match=said):
            call()


def test_names_that_a_mapping_does_not_know_are_absent_as_in_any_mapping(model, prompts):
    with pytest.raises(KeyError):
        METHODS["eapp"]
    assert METHODS.get("eapp") is None
    assert "eapp" not in METHODS
    assert str(UnknownNameError("said once")) == "said once"
    assert "r2" not in activations(model, prompts, "r1")


def test_prompts_of_a_run_are_cut_as_a_list_is_and_written(run, model, tmp_path):
    some = run.prompts[1:4]
    assert [prompt.clean for prompt in some] == [run.prompts[number].clean for number in (1, 2, 3)]
    assert (
        patch(model, some, "a3.h3").per_prompt.tolist() == patch(model, run.prompts, "a3.h3").per_prompt[1:4].tolist()
    )
    write(some, str(tmp_path / "some.jsonl"))
    assert read_prompts(str(tmp_path / "some.jsonl")).fingerprint == some.prompt_set.fingerprint


def test_runs_are_compared_as_a_list_too(run):
    listed = compare([run, run], overlap_only=True, out=run.folder.parent)
    assert listed.folder == compare(run, run, overlap_only=True, out=run.folder.parent).folder


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": "a"}, "eap-ig: steps='a' is not a whole number"),
        ({"steps": 2.5}, "eap-ig: steps=2.5 is not a whole number"),
        ({"steps": True}, "eap-ig: steps=True is not a whole number"),
        ({"stepz": 3}, "no setting of eap-ig 'stepz'. Known: rule, steps. Did you mean 'steps'?"),
    ],
)
def test_settings_of_a_method_that_are_none_are_named(given: Any, said: str):
    method: Any = METHODS["eap-ig"]
    with pytest.raises(ValueError, match=re.escape(said)):
        method(**given)
    assert method(np.int64(3)).steps == 3


def test_too_many_settings_of_a_method_are_refused():
    method: Any = METHODS["eap-ig"]
    with pytest.raises(ValueError, match="eap-ig has 2 settings, and 3 are given"):
        method(3, "left", 4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": "x"}, "^workers is 'x': "),
        ({"out": 5}, "^out is 5: "),
        ({"workrs": 2}, "no setting of Execution 'workrs'.*Did you mean 'workers'"),
        ({"workers": 2, "gpus": True}, "workers and gpus are different places to run"),
    ],
)
def test_where_to_run_is_refused_in_one_line(given: Any, said: str):
    with pytest.raises(ValueError, match=said) as refused:
        Execution(**given)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ([8], "there is no prompt 8: the scores are of 8, 0 to 7"),
        ([-9], "there is no prompt -9"),
        (3, "a list of their numbers, such as .0, 3.; found 3"),
        ("ab", "a list of their numbers"),
        ([0.5], "a list of their numbers"),
        ([], "a list of their numbers"),
        ([True, False], "a list of their numbers"),
    ],
)
def test_numbers_of_prompts_that_are_none_are_refused(run: DiscoverRun, chosen: Any, said: str):
    with pytest.raises(ValueError, match=said):
        run.scores.of_prompts(chosen)
    assert run.scores.of_prompts([-1, 0]).n_prompts == 2
