"""Peak memory by hand, by its laws, and against what torch really keeps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from circuits.ablations import Corrupt
from circuits.effects.gradients import _Reads, _run_with_gradients
from circuits.effects.paired_runs import record_pair
from circuits.methods import METHODS
from circuits.methods.head_coding import HeadCoding
from circuits.methods.staged_path_patching import StagedPathPatching
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.load import load_model
from circuits.model.sources import find_model
from pipelines.compare.stages import TRANSFER
from pipelines.costs.asked import Asked, Budget
from pipelines.costs.forecast import (
    METHODS_FORECAST,
    SCORES_FORECAST,
    SCORES_OF_STAGES,
    STAGES_FORECAST,
    loaded,
    peak,
    without_number,
)
from pipelines.costs.passes import STAGES_WORK, WORK_FORECAST
from pipelines.costs.shape import SHAPES, Shape
from pipelines.costs.shape_of import shape_of, shape_of_files
from pipelines.discover.plan import all_jobs as discover_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.evaluate.stages import (
    HYPOTHESIS_RUNS,
    KNOCKOUTS,
    NODE_CURVE,
    RANDOM_CIRCUITS,
    RANDOM_CURVE,
    SEARCH_KNOCKOUTS,
)
from pipelines.trace.plan import trace_jobs
from pipelines.trace.settings import TraceSettings
from tests.conftest import random_prompts

ONE = Shape("one", 1, 2, 1, 3, 5, 7, 11, mlp_products=3)
GPU = Budget("cuda", 2**20, 2**16)
UNBOUNDED = Budget("cpu", 2**50, 2048)
RULES = {**METHODS_FORECAST, **STAGES_FORECAST}


# Autoencoders are trained on as many prompts as they are given, whatever room there is, and scores are drawn for all.
IN_BATCHES = [name for name in RULES if name not in ("autoencoders", "codes", "random", "circuit-file")]


# Of stages that draw circuits.
DRAWS: dict[str, dict[str, Any]] = {
    "random-circuits": {"n": 20},
    "random-curve": {"n": 3, "sizes": [4, 40]},
    "hypothesis-runs": {"draws": 30, "most": 50},
}


def settings_of(name: str) -> dict[str, Any]:
    if name in ("autoencoders", "codes"):
        return {"coding": dataclasses.asdict(HeadCoding().coding), "trials": [0, 2]}
    if name.startswith("staged-paths"):
        return {"lines": StagedPathPatching().stages, "between": True, "freeze_mlps": False}
    if name in DRAWS:
        return DRAWS[name]
    name = "causal-tracing" if name.startswith("trace") else name
    return dataclasses.asdict(METHODS[name]()) if name in METHODS else {}


def test_recorded_runs_can_be_counted_by_hand():
    """A token has its stream, attention and MLP output (3 x 5), two heads' outputs (6), and queries, keys and values
    of 2 + 1 + 1 heads (12): 33 numbers in one layer. Two runs of 2 prompts of 4 tokens in float32; and three times
    the logits of 11 words."""
    found = peak(RULES["baseline"], Asked(ONE, 2, 4, "float32", GPU), {})
    assert found.batch == 2
    assert found.n_bytes == 2 * 8 * 33 * 4 + 3 * 2 * 11 * 4


def test_edge_attribution_can_be_counted_by_hand():
    n_tokens, n_edges = 2 * 4, 4 + 3 + 4  # into heads, MLP, logits
    kept = n_tokens * (6 + 5 + 2 * 5)
    gradients = n_tokens * (12 + 2 * 5)
    writers, readers = 4 * n_tokens * 5, 3 * 4 * n_tokens * 5
    of_scores = 2 * n_edges + 2 * n_edges  # of the batch, and of all prompts
    found = peak(RULES["eap"], Asked(ONE, 2, 4, "float32", GPU), {})
    assert found.n_bytes == 4 * (kept + gradients + writers + readers + of_scores)


def of_kinds(*kinds: str) -> dict[str, Any]:
    return {"kinds": kinds}


def test_what_is_patched_in_one_stack_can_be_counted_by_hand():
    """Of 2 heads and 1 key: heads, attention and MLP change a position alone and come together, streams by themselves;
    a variant of 8 tokens has 33 numbers and twice the MLP's 7 hidden values of each."""
    runs, variant = 2 * 8 * 33 * 4, 8 * (33 + 2 * 7) * 4
    for kinds, n in ((("head", "attention", "mlp", "residual"), 4), (("residual",), 1), (("key", "value"), 2)):
        for name in ("causal-tracing", "activation-patching", "trace"):
            found = peak(RULES[name], Asked(ONE, 2, 4, "float32", GPU), of_kinds(*kinds))
            assert found.n_bytes == runs + n * variant
    few = Budget("cuda", 2**20, 16)
    assert peak(RULES["trace"], Asked(ONE, 2, 4, "float32", few), of_kinds("head")).n_bytes == runs + 2 * variant


def test_direct_effects_and_paths_can_be_counted_by_hand():
    """Final streams of 2 prompts x (2 heads + 1 MLP), of 5 numbers, four times; and a layer of 2 heads' paths, at
    END or everywhere."""
    runs, asked = 2 * 8 * 33 * 4, Asked(ONE, 2, 4, "float32", GPU)
    assert peak(RULES["direct-effect"], asked, of_kinds("head", "mlp")).n_bytes == runs + 4 * 2 * 3 * 5 * 4
    of_token = (33 + 2 * 7) * 4
    given = settings_of("path-patching")
    assert peak(RULES["path-patching"], asked, given).n_bytes == runs + 2 * 2 * of_token
    for everywhere in ({"at": "all"}, {"receivers": ("a0.kv0<v>",)}):
        assert peak(RULES["path-patching"], asked, given | everywhere).n_bytes == runs + 2 * 8 * of_token


def test_conductance_holds_what_heads_and_mlps_give_at_every_point():
    asked, settings = Asked(ONE, 2, 4, "float32", GPU), {"steps": 3}
    more = peak(RULES["ceap"], asked, settings).n_bytes - peak(RULES["eap-ig"], asked, settings).n_bytes
    assert more == 3 * 8 * (6 + 5 + 2 * 5) * 4


def test_acdc_and_mask_learning_hold_the_runs_of_all_prompts():
    few = Budget("cpu", 2**12, 2**10)
    for name in ("acdc", "mask-learning"):
        asked = [Asked(SHAPES[0], n, 16, "float32", few) for n in (64, 128)]
        first, second = (peak(RULES[name], one, settings_of(name)) for one in asked)
        assert first.batch == second.batch
        runs = 2 * 64 * 16 * 12 * SHAPES[0].numbers_per_token * 4
        assert second.n_bytes - first.n_bytes >= runs


def test_autoencoders_grow_with_features_trials_and_prompts():
    asked, settings = Asked(SHAPES[0], 32, 16, "float32", UNBOUNDED), settings_of("autoencoders")
    recipe = settings["coding"]["recipe"]

    def bytes_of(asked: Asked = asked, **more: Any) -> float:
        return peak(RULES["autoencoders"], asked, settings | more).n_bytes

    assert bytes_of(trials=[0, 4]) > bytes_of()
    assert bytes_of(coding=settings["coding"] | {"recipe": recipe | {"features": 400}}) > bytes_of()
    assert bytes_of(coding=settings["coding"] | {"scope": "layer"}) > bytes_of()
    assert bytes_of(asked._replace(n_prompts=64)) > bytes_of()


def test_a_model_is_its_weights_and_those_of_attention_once_more():
    attention = 5 * 3 * (2 + 2) + 5 * 6
    assert loaded(ONE, "float32", "cuda") == 4 * (ONE.n_weights + attention)
    assert loaded(ONE, "bfloat16", "cuda") == 2 * (ONE.n_weights + attention)
    assert loaded(ONE, "float32", "cpu") - loaded(ONE, "float32", "cuda") > 4e8  # Python and torch


@pytest.mark.parametrize("name", IN_BATCHES)
@pytest.mark.parametrize("shape", SHAPES[:4], ids=lambda shape: shape.name)
def test_memory_grows_with_prompts_and_tokens_and_less_of_it_holds_no_more(name, shape):
    settings, bounded = settings_of(name), Budget.of_cpu(1e12)

    def bytes_of(n_prompts: int, n_tokens: int, budget: Budget = UNBOUNDED) -> float:
        return peak(RULES[name], Asked(shape, n_prompts, n_tokens, "float32", budget), settings).n_bytes

    of_prompts = [bytes_of(n, 16) for n in range(1, 129)]
    # A full batch holds no more, while the scores of all go on growing.
    assert of_prompts == sorted(of_prompts)
    assert of_prompts[0] < of_prompts[7] < of_prompts[63]
    of_tokens = [bytes_of(16, n) for n in (4, 8, 16, 32, 64)]
    assert of_tokens == sorted(set(of_tokens))
    assert all(bytes_of(n, 16, bounded) <= of_one for n, of_one in enumerate(of_prompts, start=1))


@pytest.mark.parametrize("name", IN_BATCHES)
def test_less_memory_makes_smaller_batches_that_need_less(name):
    asked = [Asked(SHAPES[1], 64, 32, "float32", Budget.of_cpu(free)) for free in (64e9, 2e9, 1e9, 0.5e9, 0.1e9, 0)]
    found = [peak(RULES[name], one, settings_of(name)) for one in asked]
    batches_made = [one.batch for one in found]
    assert batches_made == sorted(batches_made, reverse=True)
    assert batches_made[-1] == 1
    assert found[-1].n_bytes < found[0].n_bytes


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_recorded_run_keeps_as_many_numbers_as_the_formula_says(family, family_model):
    model = family_model(family)
    shape, batch = shape_of(model), next(batches(random_prompts(4), model.forward, shares_prefix=False))
    run = model.forward.record(batch.clean)
    values = [value for name in dataclasses.asdict(run) if name != "start" for value in getattr(run, name)]
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in values}
    n_tokens = batch.n_sequences * batch.n_positions
    # The final stream comes on top.
    expected = 4 * n_tokens * (shape.n_layers * shape.numbers_per_token + shape.d_model)
    assert sum(storages.values()) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_run_with_gradients_keeps_as_many_numbers_as_the_formula_says(family, family_model):
    model = family_model(family)
    shape, batch = shape_of(model), next(batches(random_prompts(4), model.forward, shares_prefix=False))
    pair = record_pair(model.forward, batch, METRICS["logit-difference"], Corrupt(), needs=("z", "mlp"))
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.original.parameters()}
    weights |= {one.untyped_storage().data_ptr() for of in model.forward.layers for one in (of.weight_qkv, of.weight_o)}
    kept: dict[int, int] = {}

    def note(value: torch.Tensor) -> torch.Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    reads = _Reads()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        final = _run_with_gradients(model.forward, pair, None, 0, reads)
    for value in (*reads.streams.values(), *reads.wanted.values()):
        note(value)
    del final
    n_tokens = batch.n_sequences * batch.n_positions
    # The last layer is run at the answers alone, but for its keys and values.
    most = 4 * n_tokens * shape.n_layers * shape.numbers_kept_for_gradients
    assert most * (shape.n_layers - 1) / shape.n_layers * 0.9 < sum(kept.values()) < most * 1.1


@pytest.mark.parametrize("name", ["reference", "two-route", "reference-reuse", "reference-vlm"])
def test_the_shape_in_the_files_is_that_of_the_loaded_model(name):
    of_model, of_files = shape_of(load_model(name)), shape_of_files(find_model(name))
    assert of_files is not None
    same = ("n_layers", "n_heads", "n_kv_heads", "d_head", "d_model", "d_mlp", "n_vocabulary", "is_rotary")
    assert {field: getattr(of_files, field) for field in same} == {field: getattr(of_model, field) for field in same}


# Methods that measure in stages, with those that run the model or train.
IN_STAGES = {
    "head-coding": ("features", "autoencoders", "codes"),
    "code-pairs": ("features", "autoencoders", "codes"),
    "staged-path-patching": ("staged-paths", "staged-paths-others"),
    "circuit-file": ("circuit-file",),
}
# Their runs have jobs of every stage of a run.
RUN_ALL_STAGES = ("eap-ig", "head-coding", "staged-path-patching")
# Commands that judge and compare circuits run these.
RUN_CIRCUITS = (SEARCH_KNOCKOUTS, KNOCKOUTS, RANDOM_CIRCUITS, RANDOM_CURVE, NODE_CURVE, HYPOTHESIS_RUNS, TRANSFER)


def test_every_method_is_forecast_or_named_here():
    assert set(METHODS_FORECAST).isdisjoint(IN_STAGES)
    assert set(METHODS_FORECAST) | set(IN_STAGES) == set(METHODS)
    for name, stages in IN_STAGES.items():
        made = METHODS[name](**({"epochs": 1} if "codes" in stages else {}))
        assert {without_number(stage.name) for stage in made.score_stages()} - {"staged-paths-found"} == set(stages)
        assert set(stages) <= set(STAGES_FORECAST)


def test_every_stage_that_is_forecast_is_one_of_jobs_that_run_a_model():
    jobs = []
    for name in RUN_ALL_STAGES:
        config = DiscoverSettings(task="ioi", method=name, ablation="mean", curve=True, minimal=name == "eap-ig")
        jobs += discover_jobs(config).all
    jobs += trace_jobs(TraceSettings(task="scene-objects", model="reference-vlm", draw_images=1)).all
    planned = {without_number(job.stage.name) for job in jobs if "model" in job.locations}
    assert set(STAGES_FORECAST) <= planned | {stage.name for stage in RUN_CIRCUITS} | set(IN_STAGES["circuit-file"])


def test_every_method_whose_scores_come_from_stages_has_a_rule_for_them():
    for method in METHODS.values():
        assert method.scored_in[0] in ("measure", *SCORES_OF_STAGES)
        assert method.result in SCORES_FORECAST


def test_scores_of_stages_can_be_counted_by_hand():
    """4 prompts x 11 edges, or x 2 heads x (4 stages and 2 more), of 4 bytes, three times; of codes' pairs 4 prompts
    and 10 trials, five times, and 40 bytes for each of 8 prompts x 2 pairs that are sorted."""
    asked = Asked(ONE, 4, 4, "float32", GPU)
    assert peak(SCORES_FORECAST["edges"], asked, {}).n_bytes == 3 * 4 * 11 * 4
    assert peak(SCORES_FORECAST["components"], asked, {"stages": ["a"] * 4}).n_bytes == 3 * 4 * 2 * 6 * 4
    for trials in (10, None):  # given autoencoders are taken for as many
        of_pairs = peak(SCORES_FORECAST["edges"], asked, {"trials": trials}).n_bytes
        assert of_pairs == 5 * (4 + 10) * 11 * 4 + 40 * 8 * 2


def test_a_stage_of_paths_needs_what_path_patching_there_does():
    """At END one position is run; of values, and of whatever is tried where nothing was found, all are."""
    asked = Asked(SHAPES[0], 8, 16, "float32", UNBOUNDED)
    first, values = (settings_of("path-patching") | {"at": at} for at in ("END", "all"))
    lines = ["movers: logits @END", "inhibition: movers.q @END", "induction: inhibition.v @all"]
    how = {"between": True, "freeze_mlps": False}
    for n, alike in ((1, first), (2, first), (3, values)):
        stage = how | {"lines": lines[:n]}
        assert peak(RULES["staged-paths"], asked, stage) == peak(RULES["path-patching"], asked, alike)
        assert peak(RULES["staged-paths-others"], asked, stage) == peak(RULES["path-patching"], asked, values)


def test_circuits_that_judge_hold_what_is_drawn_and_what_is_resumed():
    """2 prompts of 4 tokens: both runs; a circuit of 4 writers of 5 numbers, and four of which it may be resumed."""
    asked = Asked(ONE, 2, 4, "float32", GPU)
    runs, of_one = 2 * 8 * 33 * 4, 4 * 8 * 5 * 4
    for n in (1, 3):
        assert peak(RULES["random-circuits"], asked, {"n": n}).n_bytes == pytest.approx(runs + n * 2.35 * of_one)
    assert peak(RULES["random-curve"], asked, {"n": 3, "sizes": [1, 2]}) == peak(
        RULES["random-circuits"], asked, {"n": 6}
    )
    for stage in ("search-knockouts", "knockouts"):
        assert peak(RULES[stage], asked, {}).n_bytes == pytest.approx(runs + (4 + 2.35) * of_one)
    tested = peak(RULES["hypothesis-runs"], asked, {"draws": 2, "most": 50}).n_bytes
    assert tested == pytest.approx(runs + (4 + 8 * 2.35) * of_one)


def test_a_circuit_in_a_file_may_have_all_edges():
    few, many = (peak(RULES["circuit-file"], Asked(ONE, n, 4, "float32", GPU), {}).n_bytes for n in (1, 100))
    assert few == many == 900 * ONE.wiring.n_edges


@pytest.mark.parametrize("stage", STAGES_WORK)
def test_work_of_stages_grows_with_prompts(stage):
    settings = settings_of(stage)
    of_prompts = [STAGES_WORK[stage](Asked(SHAPES[0], n, 16, "float32", GPU), settings).whole for n in (1, 2, 4)]
    assert of_prompts == sorted(set(of_prompts))


def test_work_of_what_learns_grows_with_its_steps():
    asked = Asked(SHAPES[0], 8, 16, "float32", GPU)
    of_steps = [WORK_FORECAST["mask-learning"](asked, settings_of("mask-learning") | {"steps": n}) for n in (1, 2, 3)]
    assert of_steps[2].whole - of_steps[1].whole == pytest.approx(of_steps[1].whole - of_steps[0].whole)
    assert of_steps[1].whole > of_steps[0].whole
    coding = settings_of("autoencoders")
    longer = {**coding, "coding": {**coding["coding"], "recipe": {**coding["coding"]["recipe"], "epochs": 1000}}}
    assert STAGES_WORK["autoencoders"](asked, longer).whole == 2 * STAGES_WORK["autoencoders"](asked, coding).whole
