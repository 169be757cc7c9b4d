"""Costs computed from a shape are those of real runs, and the page shows what the formulas give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.evaluation.sizes import PASSES_PER_RUN
from circuits.scores import EdgeScores
from pipelines.costs.asked import Asked, Budget
from pipelines.costs.forecast import METHODS_FORECAST, loaded, peak
from pipelines.costs.memory import stored, weights
from pipelines.costs.page import with_tables
from pipelines.costs.passes import WORK_FORECAST
from pipelines.costs.shape import GPT2_SMALL, SHAPES, Shape
from pipelines.costs.speed import MEASURED, rates, seconds, sets_rate
from pipelines.costs.study import Study
from pipelines.costs.work import (
    METHODS_COSTED,
    N_CIRCUITS,
    activation_patching,
    contraction,
    eap,
    plain_pass,
)

ROOT = Path(__file__).parents[3]
N_PAIRS, N_TOKENS = 4, 16
SMALL = (
    Shape("deep", 6, 8, 8, 16, 128, 512, 500),
    Shape("shallow", 3, 4, 4, 16, 64, 256, 200),
)
# Products that give edges are not in the count of real runs: how often the formula has them.
N_CONTRACTIONS = {"eap": 1, "eap-ig": 1, "clean-corrupt": 2, "eap-ig-activations": 1}


@pytest.fixture(scope="module", params=SMALL, ids=lambda shape: shape.name)
def real(request: pytest.FixtureRequest) -> tuple[Shape, Any, Any]:
    """A shape, a random model of it, and pairs that differ everywhere."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from circuits.data.prompts import Prompt, PromptSet
    from circuits.model.load import model_from_module

    shape = request.param
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=shape.n_vocabulary,
        n_embd=shape.d_model,
        n_layer=shape.n_layers,
        n_head=shape.n_heads,
        n_positions=64,
        bos_token_id=None,
        eos_token_id=None,
    )
    draw, prompts = np.random.default_rng(0), []
    for _ in range(N_PAIRS):
        clean, corrupt = draw.integers(shape.n_vocabulary, size=(2, N_TOKENS)).tolist()
        right, wrong = draw.choice(shape.n_vocabulary, size=2, replace=False).tolist()
        prompts.append(Prompt(tuple(clean), tuple(corrupt), (right,), (wrong,)))
    model = model_from_module(GPT2LMHeadModel(config).eval(), name=shape.name)
    return shape, model, PromptSet("random", tuple(prompts))


@pytest.mark.parametrize("method", METHODS_COSTED)
def test_the_work_of_a_method_is_what_a_real_run_counts(real, method):
    from circuits.methods import METHODS
    from circuits.metrics import METRICS
    from circuits.model.multiply_adds import counted

    shape, model, prompts = real
    made, metric = METHODS[method](), METRICS["logit-difference"]
    made.check(model, prompts, metric)
    with counted() as work:
        made.score(model, prompts, metric=metric)
    not_counted = N_CONTRACTIONS.get(method, 0) * contraction(shape, N_TOKENS)
    expected = N_PAIRS * (METHODS_COSTED[method](shape, N_TOKENS).whole - not_counted)
    # Which tokens of the last layer are run differs a little from method to method.
    assert work.multiply_adds == pytest.approx(expected, rel=0.08)


SETTINGS = (
    ("activation-patching", {"kinds": ("head", "residual")}),
    ("causal-tracing", {"at": "all"}),
    ("causal-tracing", {"at": "positions", "kinds": ("attention", "mlp")}),
    ("direct-effect", {}),
    ("ceap", {"steps": 3}),
    ("path-patching", {}),
    ("path-patching", {"at": "all"}),
    ("path-patching", {"at": "all", "freeze_mlps": True}),
    ("path-patching", {"receivers": ("m2",), "at": "all"}),
)


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_the_forecast_work_of_a_job_is_what_a_real_run_counts(real, name, settings):
    from circuits.methods import METHODS
    from circuits.metrics import METRICS
    from circuits.model.multiply_adds import counted

    shape, model, prompts = real
    made, metric = METHODS[name](**settings), METRICS["logit-difference"]
    made.check(model, prompts, metric)
    with counted() as work:
        made.score(model, prompts, metric=metric)
    n_contractions = {"ceap": settings.get("steps", 0)}.get(name, 0)
    not_counted = N_PAIRS * n_contractions * contraction(shape, N_TOKENS)
    asked = Asked(shape, N_PAIRS, N_TOKENS, "float32", Budget.of_cpu(16e9))
    forecast = WORK_FORECAST[name](asked, dataclasses.asdict(made)).whole
    assert work.multiply_adds == pytest.approx(forecast - not_counted, rel=0.12)


def test_a_baseline_takes_two_passes_and_a_circuit_of_a_search_about_half_of_one(real):
    from circuits.evaluation.faithfulness import circuit_values, measure_baseline
    from circuits.methods import METHODS
    from circuits.metrics import METRICS
    from circuits.model.multiply_adds import counted

    shape, model, prompts = real
    metric, one_pass = METRICS["logit-difference"], N_PAIRS * plain_pass(shape, N_TOKENS)
    model.check_prompts(prompts)
    with counted() as of_baseline:
        measure_baseline(model, prompts, metric=metric)
    assert of_baseline.multiply_adds == pytest.approx(2 * one_pass, rel=0.02)
    scores = METHODS["eap"]().score(model, prompts, metric=metric)
    assert isinstance(scores, EdgeScores)
    order = scores.ranking()
    sizes = np.geomspace(1, len(order) - 1, N_CIRCUITS).astype(int)
    circuits = np.zeros((N_CIRCUITS, len(order)), dtype=np.bool_)
    for circuit, size in zip(circuits, sizes, strict=True):
        circuit[order[:size]] = True
    with counted() as of_circuits:
        circuit_values(model, prompts, circuits, metric=metric)
    each = (of_circuits.multiply_adds / one_pass - 2) / N_CIRCUITS
    assert each == pytest.approx(PASSES_PER_RUN, rel=0.3)


def test_edges_are_those_of_the_wiring_of_a_real_model(real):
    shape, model, _ = real
    assert shape.wiring == model.wiring


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("GPT-2 small", 124.4),
        ("SmolLM2-135M", 134.5),
        ("GPT-2 medium", 354.8),
        ("Llama 3.2 1B", 1235.8),
        ("GPT-2 XL", 1557.6),
        ("Llama 3.1 8B", 8030.3),
        ("Qwen2.5 32B", 32763.9),
        ("Llama 3.1 70B", 70553.7),
    ],
)
def test_shapes_have_the_published_number_of_weights(name, millions):
    (shape,) = [shape for shape in SHAPES if shape.name == name]
    assert shape.n_weights / 1e6 == pytest.approx(millions, rel=0.01)


def test_a_pass_of_one_layer_can_be_redone_by_hand():
    shape = Shape("one", 1, 2, 1, 3, 5, 7, 11, mlp_products=3)
    # Queries 5x6, keys and values 5x3 each, output 6x5, three products of 5x7: 195; unembedding 5x11.
    assert shape.per_layer == 30 + 15 + 15 + 30 + 105
    assert plain_pass(shape, 4) == 4 * 195 + 55
    assert shape.n_weights == 195 + 55


def test_the_store_is_as_large_as_computed(circuits: Callable[..., Any], tmp_path: Path):
    shape = Shape("reference", 4, 4, 4, 16, 64, 256, 100)
    answer = circuits("discover", "induction", "--prompts", "64", "--method", "eap", "--json")
    assert answer.exit_code == 0, answer.stderr
    from pipelines.engine.result_file import decode

    files = [(path, decode(path.read_bytes(), key=path.stem, where="")) for path in tmp_path.glob("runs/jobs/*/*.npz")]
    scores = [path.stat().st_size for path, result in files if "per_prompt" in result.arrays]
    n_prompts = sum(len(result.arrays["per_prompt"]) for _, result in files if "per_prompt" in result.arrays)
    assert scores
    # Beside the scores, a file has a record and a mask of what was measured.
    assert sum(scores) == pytest.approx(stored(shape, n_prompts, 1, 0), rel=0.15)


def test_memory_of_edge_attribution_is_near_the_point_measured_on_a_gpu():
    """0.38 GB beyond the weights: what the run holds, and the attention's weights once more."""
    asked = Asked(GPT2_SMALL, 16, 15, "float32", Budget("cuda", 2**29, 65536))
    batch, of_run = peak(METHODS_FORECAST["eap"], asked, {})
    assert batch == 16
    of_weights = loaded(GPT2_SMALL, "float32", "cuda") - weights(GPT2_SMALL, "float32")
    assert (of_run + of_weights) / 1e9 == pytest.approx(0.38, rel=0.05)


def test_rates_give_back_the_points_that_set_them():
    setting = [point for point in MEASURED if sets_rate(point)]
    assert len(setting) == 2 * len({point.machine for point in MEASURED})
    for point in setting:
        assert point.predicted_s == pytest.approx(point.seconds)
        assert all(rate > 0 for rate in rates(point.machine))


def test_twice_the_prompts_take_twice_the_hours_and_the_store():
    once, twice = Study(n_prompts=10), Study(n_prompts=20)
    for name, hours in once.gpu_hours(GPT2_SMALL).items():
        assert twice.gpu_hours(GPT2_SMALL)[name] == pytest.approx(2 * hours)
    assert twice.store(GPT2_SMALL) == 2 * once.store(GPT2_SMALL)


def test_hours_are_those_of_the_work():
    study = Study(n_tasks=1, n_prompts=3600, n_tokens=20)
    machine = MEASURED[0].machine
    assert study.gpu_hours(GPT2_SMALL)["eap"] == pytest.approx(seconds(eap(GPT2_SMALL, 20), machine))


def test_sweeps_of_heads_alone_are_part_of_all_sweeps():
    heads = activation_patching(GPT2_SMALL, 20, only_heads=True).whole
    assert 0.5 < heads / activation_patching(GPT2_SMALL, 20).whole < 1


def test_a_model_of_70_billion_weights_fits_on_no_gpu():
    sizes = {shape.name: Study().smallest_gpu(shape, "bfloat16") for shape in SHAPES}
    assert sizes["Llama 3.1 70B"] is None
    assert sizes["Qwen2.5 32B"] == 80
    assert sizes["Llama 3.1 8B"] == 24


def test_the_page_has_the_tables_that_the_formulas_give():
    page = (ROOT / "docs" / "cost_of_a_study.md").read_text(encoding="utf-8")
    assert page.count("<!-- table ") == 5
    assert with_tables(page) == page, "run: python -m pipelines.costs.page docs/cost_of_a_study.md"
