"""Circuits run with everything else corrupted: laws, and one-edge patches through TransformerLens hooks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from circuits.ablations import Corrupt, Zero
from circuits.components import Edge
from circuits.data.prompts import Prompt, PromptSet
from circuits.effects import circuit_runs
from circuits.evaluation.budgets import BUDGETS, budget_circuits, cmd, cpr
from circuits.evaluation.faithfulness import (
    Baseline,
    circuit_values,
    component_circuit_values,
    faithfulness,
    measure_baseline,
    recorded_pairs,
)
from circuits.intervals import ratio_t_interval
from circuits.masks import edge_sources, pruned
from circuits.methods import ActivationPatching, EdgeAttribution
from circuits.metrics import ACCURACY, METRICS
from circuits.model.load import load_model, model_from_module
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import FAMILIES, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
EDGE_FAMILIES = ("gpt2", "neox", "llama", "mistral", "qwen2", "qwen3")


@pytest.mark.parametrize("family", EDGE_FAMILIES)
@pytest.mark.parametrize("shared_prefix", [0, 4])
def test_all_edges_give_the_clean_run_and_none_the_corrupt_run(family, shared_prefix, family_model):
    model, prompts = family_model(family), random_prompts(shared_prefix=shared_prefix)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    everything = np.ones(model.wiring.n_edges, dtype=bool)
    values = circuit_values(model, prompts, np.stack([everything, ~everything]), metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(values[0], baseline.clean, atol=2e-5)
    np.testing.assert_allclose(values[1], baseline.ablated, atol=2e-5)


def long_answers(prompts: PromptSet) -> PromptSet:
    """The same prompts, asked at their ends, the answer or the wrong answer of two tokens."""

    def longer(answers: tuple) -> tuple:
        return tuple((answer, 1) for answer in answers)

    made = [replace(prompt, answer_position=-1) for prompt in prompts]
    made[::2] = [replace(prompt, answers=longer(prompt.answers)) for prompt in made[::2]]
    made[1::2] = [replace(prompt, wrong_answers=longer(prompt.wrong_answers)) for prompt in made[1::2]]
    return PromptSet(prompts.task, tuple(made))


@pytest.mark.parametrize("given", [lambda prompts: prompts, long_answers], ids=["short", "long"])
def test_circuits_are_judged_by_their_answers_as_the_model_is(given, family_model):
    model, prompts = family_model("gpt2"), given(random_prompts(12))
    everything = np.ones(model.wiring.n_edges, dtype=bool)
    some = np.random.default_rng(0).random(model.wiring.n_edges) < 0.5
    judged = circuit_values(model, prompts, np.stack([everything, some, ~everything]), metric=ACCURACY)
    baseline = measure_baseline(model, prompts, metric=METRICS["log-probability-difference"])
    np.testing.assert_array_equal(judged[0], baseline.is_correct)
    assert 0 < judged.mean() < 1
    # With one answer and one wrong answer, right is where the difference is positive.
    np.testing.assert_array_equal(judged[2], baseline.ablated > 0)
    values = circuit_values(model, prompts, some, metric=METRICS["log-probability-difference"])
    np.testing.assert_array_equal(judged[1], values[0] > 0)
    components = np.ones((1, len(model.wiring.writers)), dtype=bool)
    kept = component_circuit_values(model, prompts, components, metric=ACCURACY)
    np.testing.assert_array_equal(kept[0], baseline.is_correct)


@pytest.mark.parametrize("family", EDGE_FAMILIES)
def test_edges_off_every_path_change_nothing(family, family_model):
    model, prompts = family_model(family), random_prompts()
    chosen = np.random.default_rng(1).random(model.wiring.n_edges) < 0.15
    kept = [model.wiring.edge_index(e) for e in model.wiring.on_a_path(np.array(model.wiring.edges)[chosen])]
    pruned = np.zeros_like(chosen)
    pruned[kept] = True
    assert 0 < pruned.sum() < chosen.sum()
    values = circuit_values(model, prompts, np.stack([chosen, pruned]), metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(values[0], values[1], atol=2e-5)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_batches_of_several_lengths_run_at_once_as_they_do_alone(share, family_model, monkeypatch):
    """Also where memory holds no more than the first two of them."""
    model = family_model("llama")
    prompts = [random_prompts(2, length=n, shared_prefix=start).prompts for n, start in ((6, 0), (7, 3), (9, 2))]
    monkeypatch.setattr("circuits.model.lengths.TOKENS_PER_PASS", 0)  # then no lengths share a batch
    joined = PromptSet("lengths", tuple(prompt for part in prompts for prompt in part))
    circuits = np.random.default_rng(0).random((3, model.wiring.n_edges)) < share
    alone = circuit_values(model, joined, circuits, metric=LOGIT_DIFFERENCE)
    pairs = recorded_pairs(model, joined, metric=LOGIT_DIFFERENCE)
    assert pairs is not None
    assert len({pair.batch.n_positions for pair in pairs}) > 2
    together = circuit_values(model, joined, circuits, metric=LOGIT_DIFFERENCE, pairs=pairs)
    np.testing.assert_allclose(together, alone, atol=2e-5)
    n_tokens = sum(len(pair.batch) * (pair.batch.n_positions - pair.batch.start) for pair in pairs[:2])
    n_numbers = n_tokens * len(model.wiring.writers) * model.forward.weight_u.shape[1]
    monkeypatch.setattr(model.forward, "numbers_at_once", n_numbers // 2)  # a group may hold two such intermediates
    in_groups = circuit_values(model, joined, circuits, metric=LOGIT_DIFFERENCE, pairs=pairs)
    np.testing.assert_allclose(in_groups, alone, atol=2e-5)


@pytest.mark.parametrize("family", EDGE_FAMILIES)
@pytest.mark.parametrize("ablation", [Corrupt(), Zero()], ids=["corrupt", "zero"])
def test_mlps_read_at_the_answers_alone_are_run_there_alone(family, ablation, family_model, monkeypatch):
    model, prompts, draw = (
        family_model(family),
        long_answers(random_prompts(4, shared_prefix=2)),
        np.random.default_rng(0),
    )
    forward, wiring = model.forward, model.wiring
    into_logits = np.zeros(wiring.n_edges, dtype=bool)
    into_logits[wiring.edge_offsets[-2] :] = True  # nothing else is read: all MLPs at the answers
    circuits = np.concatenate([into_logits[None], draw.random((4, wiring.n_edges)) < draw.random((4, 1))])
    everywhere = circuit_runs._mlps_everywhere(forward, wiring, torch.from_numpy(circuits))
    assert not everywhere[0].any()
    assert everywhere[1:].any()
    assert not everywhere[:, -1].any()  # after the last layer there are no keys and values
    options = {"metric": METRICS["log-probability-difference"], "ablation": ablation}
    read = [circuit_values(model, prompts, circuit, **options) for circuit in circuits]
    monkeypatch.setattr(circuit_runs, "_mlps_everywhere", lambda *_: torch.ones_like(everywhere))
    whole = [circuit_values(model, prompts, circuit, **options) for circuit in circuits]
    np.testing.assert_allclose(read, whole, rtol=1e-5, atol=2e-6)


def test_a_path_through_keys_or_values_reads_an_mlp_everywhere(family_model):
    model = family_model("gpt2")

    def runs_everywhere(*edges):
        circuit = np.isin([str(edge) for edge in model.wiring.edges], edges)
        assert circuit.sum() == len(edges)
        return circuit_runs._mlps_everywhere(model.forward, model.wiring, torch.from_numpy(circuit)[None])[0, 0]

    assert not runs_everywhere("m0->logits", "m0->a1.h0<q>", "a1.h0->m1", "m1->logits")
    assert runs_everywhere("m0->a1.h0<v>", "a1.h0->logits")
    assert runs_everywhere("m0->a1.h0<k>", "a1.h0->m1", "m1->logits")


def noted_runs(monkeypatch):
    """(first layer, number of edges) of every circuit that is run from here on."""
    runs, run = [], circuit_runs.metrics_with_edges

    def noted(model, pairs, weights, *, first_layer, **options):
        runs.extend((first_layer, int(n)) for n in weights.sum(1))
        return run(model, pairs, weights, first_layer=first_layer, **options)

    monkeypatch.setattr(circuit_runs, "metrics_with_edges", noted)
    return runs


@pytest.mark.parametrize("family", EDGE_FAMILIES)
@pytest.mark.parametrize("ablation", [Corrupt(), Zero()], ids=["corrupt", "zero"])
def test_resumed_circuits_are_what_they_are_run_whole(family, ablation, family_model, monkeypatch):
    """In groups of batches of several lengths; those that lack a component, one of their edges, or nearly all."""
    model = family_model(family)
    monkeypatch.setattr("circuits.model.lengths.TOKENS_PER_PASS", 0)  # then no lengths share a batch
    prompts, draw, wiring = random_prompts(4, shared_prefix=2), np.random.default_rng(0), model.wiring
    base = draw.random(wiring.n_edges) < 0.5
    owners = edge_sources(wiring)
    without_one = base & (owners != np.arange(len(wiring.writers))[:, None])
    without_edge = np.tile(base, (6, 1))
    without_edge[np.arange(6), draw.choice(np.flatnonzero(base), 6, replace=False)] = False
    others = draw.random((3, wiring.n_edges)) < np.array([[0.02], [0.5], [1]])
    circuits = np.concatenate([base[None], without_one, without_edge, others, base[None]])
    options = {"metric": LOGIT_DIFFERENCE, "ablation": ablation}
    pairs = recorded_pairs(model, prompts, **options)
    assert pairs is not None
    assert len(pairs) > 1
    whole = circuit_values(model, prompts, circuits, **options)
    runs = noted_runs(monkeypatch)
    resumed = circuit_values(model, prompts, circuits, pairs=pairs, resumes=True, **options)
    np.testing.assert_allclose(resumed, whole, atol=5e-5)
    assert np.ptp(whole, axis=0).min() > 0.1
    assert len(runs) == len(np.unique(circuits, axis=0)) - 1  # the model was run already
    assert {first_layer for first_layer, _ in runs} >= set(range(wiring.n_layers))


def test_a_knock_out_is_resumed_at_its_first_reader_and_dead_ends_of_all_are_not_run(family_model, monkeypatch):
    """A component that is knocked out makes dead ends before it: there the circuit is still that of the others."""
    model, prompts = family_model("llama"), random_prompts(2, shared_prefix=2)
    wiring, owners = model.wiring, edge_sources(model.wiring)
    base = np.random.default_rng(1).random(wiring.n_edges) < 0.2
    on_paths = pruned(wiring, base)
    writers = np.unique(owners[on_paths])
    without = base & (owners != writers[:, None])
    first_edges = [np.flatnonzero(on_paths & (owners == writer))[0] for writer in writers]
    readers = np.searchsorted(wiring.edge_offsets, first_edges, side="right") - 1
    dead_ends = (pruned(wiring, without) != (without & on_paths)).any(axis=1)
    assert dead_ends.any()  # that a single one has
    assert on_paths.sum() < base.sum()  # that all have
    pairs = recorded_pairs(model, prompts, metric=LOGIT_DIFFERENCE)
    runs = noted_runs(monkeypatch)
    circuit_values(
        model, prompts, np.concatenate([base[None], without]), metric=LOGIT_DIFFERENCE, pairs=pairs, resumes=True
    )
    assert sorted(first_layer for first_layer, _ in runs) == sorted([0, *(readers // wiring.readers_per_layer)])
    assert max(n_edges for _, n_edges in runs) == on_paths.sum()


def test_circuits_stacked_and_alone_agree(family_model):
    model, prompts = family_model("llama"), random_prompts()
    circuits = np.random.default_rng(0).random((5, model.wiring.n_edges)) < 0.5
    together = circuit_values(model, prompts, circuits, metric=LOGIT_DIFFERENCE)
    alone = np.concatenate([circuit_values(model, prompts, one, metric=LOGIT_DIFFERENCE) for one in circuits])
    np.testing.assert_allclose(together, alone, atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shared_prefix", [0, 4])
def test_all_components_give_the_clean_run_and_none_the_corrupt_run(family, shared_prefix, family_model):
    model, prompts = family_model(family), random_prompts(shared_prefix=shared_prefix)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    everything = np.ones(len(model.wiring.writers), dtype=bool)
    values = component_circuit_values(model, prompts, np.stack([everything, ~everything]), metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(values[0], baseline.clean, atol=2e-5)
    np.testing.assert_allclose(values[1], baseline.ablated, atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_leaving_out_one_component_is_patching_it(family, family_model):
    model, prompts = family_model(family), random_prompts(shared_prefix=3)
    without_one = ~np.eye(len(model.wiring.writers), dtype=bool)[1:]
    values = component_circuit_values(model, prompts, without_one, metric=LOGIT_DIFFERENCE)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    patched = ActivationPatching(kinds=("head", "mlp")).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert patched.components == model.wiring.writers[1:]
    np.testing.assert_allclose(baseline.clean - values, patched.per_prompt[:, 0].T, atol=5e-5)


def test_patching_a_head_behind_a_norm_before_the_output_projection_is_leaving_it_out():
    """BitNet norms all heads together before W_O, so a head's change goes through that norm."""
    from transformers import BitNetConfig, BitNetForCausalLM

    shape = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BitNetConfig(**shape, num_key_value_heads=2, intermediate_size=64, bos_token_id=0, eos_token_id=0)
    torch.manual_seed(0)
    model, prompts = model_from_module(BitNetForCausalLM(config)), random_prompts(3)
    without_one = ~np.eye(len(model.wiring.writers), dtype=bool)[1:]
    values = component_circuit_values(model, prompts, without_one, metric=LOGIT_DIFFERENCE)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    patched = ActivationPatching(kinds=("head", "mlp")).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert np.abs(patched.per_prompt).max() > 1e-3
    np.testing.assert_allclose(baseline.clean - values, patched.per_prompt[:, 0].T, atol=1e-5)


def one_edge_corrupted(model, prompt, edge: Edge) -> float:
    """The logit difference when one edge of a GPT-2 is corrupted, through TransformerLens' split inputs."""
    bridge = model.bridge
    clean, corrupt = torch.tensor([prompt.clean]), torch.tensor([prompt.corrupt])

    def outputs(ids):
        with torch.no_grad():
            _, cache = bridge.run_with_cache(ids)
        source = edge.source
        if source.kind == "input":
            return cache["blocks.0.hook_resid_pre"]
        if source.kind == "mlp":
            return cache[f"blocks.{source.layer}.hook_mlp_out"]
        z = cache[f"blocks.{source.layer}.attn.hook_z"][:, :, source.index]
        return z @ model.forward.layers[source.layer].head_weights_o[source.index]

    # What the source writes is taken from the clean run: upstream of a single patched edge nothing changes.
    change = outputs(corrupt) - outputs(clean)
    target = edge.target

    def patch(value, hook):
        value = value.clone()
        if value.ndim == 4:
            value[:, :, target.index] += change
        else:
            value += change
        return value

    layer = model.wiring.n_layers - 1 if target.kind == "logits" else target.layer
    site = {"logits": "hook_resid_post", "mlp": "hook_mlp_in"}.get(target.kind, f"attn.hook_{edge.port}_input")
    with torch.no_grad():
        logits = bridge.run_with_hooks(clean, fwd_hooks=[(f"blocks.{layer}.{site}", patch)])[0, prompt.answer_position]
    return float(logits[prompt.answers[0]] - logits[prompt.wrong_answers[0]])


def test_leaving_out_one_edge_equals_patching_it_through_transformer_lens(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    wiring, bridge = model.wiring, model.bridge
    chosen = np.random.default_rng(3).choice(wiring.n_edges, size=25, replace=False)
    circuits = np.ones((len(chosen), wiring.n_edges), dtype=bool)
    circuits[np.arange(len(chosen)), chosen] = False
    values = circuit_values(model, prompts, circuits, metric=LOGIT_DIFFERENCE)
    bridge.set_use_split_qkv_input(True)
    bridge.set_use_hook_mlp_in(True)
    try:
        expected = [
            [one_edge_corrupted(model, prompt, wiring.edges[number]) for prompt in prompts] for number in chosen
        ]
    finally:
        bridge.set_use_split_qkv_input(False)
        bridge.set_use_hook_mlp_in(False)
    np.testing.assert_allclose(values, expected, atol=5e-5)


def test_the_hand_models_path_is_faithful_alone(tmp_path):
    """Values along input -> a0.h0 -> a1.h1 -> logits carry the token; positions are the same in both prompts."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    circuit = np.zeros(model.wiring.n_edges, dtype=bool)
    for edge in ("input->a0.h0<v>", "a0.h0->a1.h1<v>", "a1.h1->logits"):
        circuit[model.wiring.edge_index(Edge.parse(edge))] = True
    broken = circuit.copy()
    broken[model.wiring.edge_index(Edge.parse("a0.h0->a1.h1<v>"))] = False
    values = circuit_values(model, prompts, np.stack([circuit, broken]), metric=LOGIT_DIFFERENCE)
    assert (baseline.clean[0], baseline.ablated[0], baseline.accuracy) == pytest.approx((2, -2, 1))
    assert values[:, 0] == pytest.approx([2, -2])
    assert faithfulness(values[0], baseline).mean == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "metric"), [("hist", "logit-difference"), ("frac_prevs_causal", "answer-logit"), ("hist", "kl-divergence")]
)
def test_the_known_circuit_of_a_compiled_program_is_exact(name, metric, sample_model):
    """Corrupting everything outside the true circuit at once changes no output."""
    import json

    from circuits.data.prompt_files import read_prompts
    from tests.conftest import SAMPLES

    model, prompts = sample_model(name), read_prompts(SAMPLES / name / "prompts.jsonl")
    truth = json.loads((SAMPLES / name / "truth.json").read_text())
    circuit = np.array([str(edge) in truth["edges_that_matter"] for edge in model.wiring.edges])
    baseline = measure_baseline(model, prompts, metric=METRICS[metric])
    values = circuit_values(model, prompts, circuit, metric=METRICS[metric])[0]
    np.testing.assert_allclose(values, baseline.clean, atol=1e-3)


def test_faithfulness_is_a_ratio_of_means_with_an_interval_around_it():
    baseline = Baseline(np.array([2.0, 4.0, 3.0, 3.0]), np.array([0.0, 0.0, 1.0, 1.0]), None)
    values = np.array([1.0, 2.0, 2.0, 2.5])
    estimate = faithfulness(values, baseline)
    assert estimate.mean == pytest.approx((1 + 2 + 1 + 1.5) / (2 + 4 + 2 + 2))
    assert estimate.interval == ratio_t_interval(values - baseline.ablated, np.array([2.0, 4, 2, 2])).item()
    assert estimate.interval.low < estimate.mean < estimate.interval.high


def test_a_gap_that_may_be_zero_leaves_faithfulness_without_a_bounded_interval():
    unsure = Baseline(np.array([4.0, -1.0, -2.0]), np.zeros(3), None)
    estimate = faithfulness(np.array([1.0, 2.0, 3.0]), unsure)
    assert estimate.mean == pytest.approx(6)
    assert estimate.interval == (-np.inf, np.inf)


def test_without_a_gap_there_is_no_faithfulness_rather_than_a_number():
    baseline = Baseline(np.array([1.0, 1.0]), np.array([1.0, 1.0]), None)
    assert faithfulness(np.array([1.0, 1.0]), baseline) == (None, None)


def test_areas_of_a_curve_worked_out_by_hand():
    """f = 1 at every budget: CPR is the width of the budget axis, CMD is 0; f = 0: the other way round."""
    baseline = Baseline(np.array([1.0]), np.array([0.0]), None)
    width = BUDGETS[-1] - BUDGETS[0]
    for f, areas in ((1.0, (width, 0.0)), (0.0, (0.0, width)), (2.0, (2 * width, width))):
        values = np.full((len(BUDGETS), 1), f)
        assert (cpr(values, baseline), cmd(values, baseline)) == pytest.approx(areas)


def test_budgets_keep_the_highest_scores(family_model):
    model, prompts = family_model("gpt2"), random_prompts()
    scores = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    for absolute in (True, False):
        circuits = budget_circuits(scores, absolute=absolute)
        assert circuits.sum(1).tolist() == [int(budget * model.wiring.n_edges) for budget in BUDGETS]
        ranked = np.abs(scores.means) if absolute else scores.means
        for circuit in circuits[3:-1]:
            assert ranked[circuit].min() >= ranked[~circuit].max()


def test_a_prompt_is_correct_where_an_answer_is_above_every_wrong_one_whatever_else_is_likely(family_model):
    model, prompts = family_model("gpt2"), random_prompts(5)
    with torch.no_grad():
        order = [
            model.bridge(torch.tensor([p.clean]))[0, p.answer_position].argsort(descending=True).tolist()
            for p in prompts
        ]
    # (ranks of the answers, ranks of the wrong answers): rank 0 is the most likely token
    ranks = [((0,), (1,)), ((5,), (9, 20)), ((9,), (5, 20)), ((30, 3), (4, 5)), ((1,), ())]
    answered = PromptSet(
        "answered",
        tuple(
            replace(
                p, answers=tuple(tokens[rank] for rank in right), wrong_answers=tuple(tokens[rank] for rank in wrong)
            )
            for p, tokens, (right, wrong) in zip(prompts, order, ranks, strict=True)
        ),
    )
    baseline = measure_baseline(model, answered, metric=METRICS["answer-logit"])
    assert baseline.is_correct is not None
    assert baseline.is_top1 is not None
    assert baseline.is_correct.tolist() == [True, True, False, True, False]
    assert baseline.is_top1.tolist() == [True, False, False, False, False]
    assert (baseline.accuracy, baseline.top1) == pytest.approx((0.6, 0.2))


def test_a_tie_with_a_wrong_answer_is_not_above_it():
    from circuits.model.answers import answered

    logits = torch.tensor([[2.0, 2.0, 1.0], [2.0, 2.0, 1.0]])
    prompts = [Prompt((1,), (2,), (0,), (1,)), Prompt((1,), (2,), (0,), (2,))]
    assert answered(logits, prompts).is_correct.tolist() == [False, True]


def test_a_model_with_one_output_has_no_accuracy(sample_model):
    from circuits.data.prompt_files import read_prompts
    from tests.conftest import SAMPLES

    model = sample_model("frac_prevs_causal")
    prompts = read_prompts(SAMPLES / "frac_prevs_causal" / "prompts.jsonl")
    baseline = measure_baseline(model, prompts, metric=METRICS["answer-logit"])
    assert baseline.accuracy is None
    assert baseline.top1 is None
