"""The judge: laws, models worked out on paper, and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from circuits.ablations import Corrupt, Zero
from circuits.components import Edge, Wiring, head
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.budgets import BUDGETS, cmd, cpr, node_budget_circuits
from circuits.evaluation.criteria import (
    CircuitRunner,
    against_random,
    bootstrap_circuits,
    cmd_estimate,
    component_uses,
    cpr_estimate,
    distance,
    judge,
    mean_incompleteness,
    mean_jaccard,
    smallest_use,
    stability,
    worst_incompleteness,
)
from circuits.evaluation.faithfulness import (
    Baseline,
    circuit_values,
    component_circuit_values,
    measure_baseline,
    share_of_gap,
)
from circuits.evaluation.knockouts import KnockoutSearch, knockout_values, search_knockouts
from circuits.intervals import ratio_t_interval, t_interval
from circuits.masks import (
    Parts,
    edges_among,
    pruned,
)
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import QUESTION, write_detector
from tests.circuits.test_masks import WIRINGS
from tests.conftest import mostly_slow, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


# --- components and budgets as circuits ---


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS)
def test_weighted_edge_counts_are_the_edges_on_paths_among_the_components(wiring):
    members = np.random.default_rng(1).random((8, len(wiring.writers))) < 0.4
    for mask, edge_mask in zip(members, edges_among(wiring, members), strict=True):
        inside = {writer for writer, is_in in zip(wiring.writers, mask, strict=True) if is_in}
        inside |= {wiring.writers[0]}
        readers = inside | {wiring.group_of_head(part) for part in inside if part.kind == "head"}
        among = [
            edge
            for edge in wiring.edges
            if edge.source in inside and (edge.target in readers or edge.target.kind == "logits")
        ]
        assert [wiring.edges[number] for number in np.flatnonzero(edge_mask)] == list(wiring.on_a_path(among))


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox"])
@pytest.mark.parametrize("ablation", [None, Zero()], ids=["corrupt", "zero"])
def test_all_edges_among_some_components_are_these_components(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(4)
    members = np.random.default_rng(2).random((5, len(model.wiring.writers))) < 0.6
    members[:, 0] = True
    options = {"metric": LOGIT_DIFFERENCE} | ({} if ablation is None else {"ablation": ablation})
    by_edges = circuit_values(model, prompts, edges_among(model.wiring, members), **options)
    by_components = component_circuit_values(model, prompts, members, **options)
    np.testing.assert_allclose(by_edges, by_components, atol=5e-5)  # float32 sums in another order
    assert np.ptp(by_components, axis=0).max() > 0.1


def test_node_budgets_take_a_share_of_what_was_scored():
    wiring = Wiring(5, 20, 20)
    heads = [part for part in wiring.writers if part.kind == "head"]
    strength = np.arange(len(heads))
    circuits = node_budget_circuits(wiring, heads, strength)
    kinds = np.array([part.kind for part in wiring.writers])
    assert circuits[:, kinds == "head"].sum(axis=1).tolist() == [int(budget * 100) for budget in BUDGETS]
    assert circuits[:, kinds != "head"].all()  # input, and MLPs, which were not scored
    assert circuits[3, wiring.writer_index(head(4, 19))]  # the one head of the 1 % circuit is the strongest


# --- knock-outs ---


def detector(folder):
    """The hand model, its one prompt, and the circuit input -> a0.h0 -> a1.h1 -> logits."""
    model = load_model(str(write_detector(folder)))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    circuit = np.zeros(model.wiring.n_edges, dtype=bool)
    for edge in ("input->a0.h0<v>", "a0.h0->a1.h1<v>", "a1.h1->logits"):
        circuit[model.wiring.edge_index(Edge.parse(edge))] = True
    return CircuitRunner(model, prompts, LOGIT_DIFFERENCE), circuit


def knocked_out(runner, circuit, search=None):
    baseline = measure_baseline(runner.model, runner.prompts, metric=runner.metric, ablation=runner.ablation)
    sets = search_knockouts(runner.values, runner.removal_effects, runner.parts, circuit, search or KnockoutSearch())
    return sets, knockout_values(runner.values, runner.parts, circuit, sets), baseline


def test_the_hand_models_circuit_is_complete_and_each_of_its_heads_is_needed(tmp_path):
    runner, circuit = detector(tmp_path / "detector")
    sets, values, baseline = knocked_out(runner, circuit)
    wiring = runner.model.wiring
    assert [str(wiring.writers[number]) for number in sets.components] == ["a0.h0", "a1.h1"]
    assert mean_incompleteness(values, sets, baseline).in_metric.value == pytest.approx(0, abs=1e-5)
    assert worst_incompleteness(values, sets, baseline)[0].in_metric.value == pytest.approx(0, abs=1e-5)
    # Without either head the answer is that of the corrupt prompt: from 2 to -2, the whole gap.
    for use in component_uses(values, baseline):
        assert use.in_metric.value == pytest.approx(4)
        assert use.of_gap is not None
        assert use.of_gap.value == pytest.approx(1)


def test_a_head_that_does_nothing_makes_the_circuit_not_minimal(tmp_path):
    runner, circuit = detector(tmp_path / "detector")
    for edge in ("input->a0.h1<v>", "a0.h1->logits"):
        circuit[runner.model.wiring.edge_index(Edge.parse(edge))] = True
    sets, values, baseline = knocked_out(runner, circuit)
    uses = dict(zip((str(runner.model.wiring.writers[n]) for n in sets.components), component_uses(values, baseline)))  # noqa: B905
    assert {name: use.in_metric.value for name, use in uses.items()} == pytest.approx(
        {"a0.h0": 4, "a0.h1": 0, "a1.h1": 4}, abs=1e-5
    )
    assert smallest_use(values, baseline).in_metric.value == pytest.approx(0, abs=1e-5)


def test_a_circuit_without_the_second_head_is_unfaithful_and_has_no_use_for_the_first(tmp_path):
    runner, circuit = detector(tmp_path / "detector")
    circuit[runner.model.wiring.edge_index(Edge.parse("a1.h1->logits"))] = False
    baseline = measure_baseline(runner.model, runner.prompts, metric=runner.metric)
    share = distance(runner.values(circuit[None])[0], baseline).of_gap
    assert share is not None
    assert share.value == pytest.approx(1)
    _, values, _ = knocked_out(runner, circuit)
    assert smallest_use(values, baseline).in_metric.value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_the_whole_model_is_faithful_and_complete(family, family_model):
    runner = CircuitRunner(family_model(family), random_prompts(4), LOGIT_DIFFERENCE)
    assert runner.level == ("components" if family == "gemma2" else "edges")
    whole = runner.parts.everything
    sets, values, baseline = knocked_out(runner, whole, KnockoutSearch(sets=3, steps=2, candidates=2))
    assert distance(runner.values(whole[None])[0], baseline).in_metric.value == pytest.approx(0, abs=2e-5)
    assert mean_incompleteness(values, sets, baseline).in_metric.value == 0
    assert worst_incompleteness(values, sets, baseline)[0].in_metric.value == 0
    assert smallest_use(values, baseline).in_metric.value > 1e-3  # in a random model every component matters


def test_knocking_out_is_giving_ablated_outputs(family_model):
    """Removing a component's outgoing edges from the model is what evaluation by components does."""
    model, prompts = family_model("llama"), random_prompts(4)
    runner = CircuitRunner(model, prompts, LOGIT_DIFFERENCE)
    knocked = np.random.default_rng(4).random((6, len(model.wiring.writers))) < 0.3
    knocked[:, 0] = False
    without = runner.parts.without(runner.parts.everything, knocked)
    values = circuit_values(model, prompts, without, metric=LOGIT_DIFFERENCE)
    expected = component_circuit_values(model, prompts, ~knocked, metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(values, expected, atol=5e-5)
    np.testing.assert_array_equal(runner.values(without), expected)  # what is cheaper is run


def recorded_layers(monkeypatch, name):
    """The first layer of every run of a circuit on a batch."""
    from circuits.effects import circuit_runs, component_runs

    module = circuit_runs if name == "metrics_with_edges" else component_runs
    run, calls = getattr(module, name), []

    def noted(model, where, circuits, *, first_layer=0, **options):
        n_batches = len(where) if name == "metrics_with_edges" else 1
        calls.extend([first_layer] * len(circuits) * n_batches)
        return run(model, where, circuits, first_layer=first_layer, **options)

    monkeypatch.setattr(module, name, noted)
    return calls


@pytest.mark.parametrize(
    ("family", "ablation", "of_model"),
    mostly_slow(
        itertools.product(["gpt2", "llama", "neox", "qwen3"], [Corrupt(), Zero()], [False, True]),
        [
            *itertools.product(["gpt2"], [Corrupt(), Zero()], [False, True]),
            *(("llama", Corrupt(), False), ("neox", Zero(), True), ("qwen3", Corrupt(), True)),
        ],
    ),
)
def test_knock_outs_resumed_at_their_layer_equal_the_whole_run(family, ablation, of_model, family_model, monkeypatch):
    monkeypatch.setattr("circuits.model.lengths.TOKENS_PER_PASS", 0)  # then there are two batches, of two lengths
    model, prompts = family_model(family), random_prompts(3, shared_prefix=2)
    runner = CircuitRunner(model, prompts, LOGIT_DIFFERENCE, ablation)
    parts, draw = runner.parts, np.random.default_rng(0)
    circuit = parts.everything if of_model else pruned(model.wiring, draw.random(model.wiring.n_edges) < 0.5)
    components = parts.members(circuit)
    singles = components[:, None] == np.arange(parts.n_writers)
    held = np.zeros((3, parts.n_writers), dtype=bool)
    held[1, components[:2]] = held[2, components[-4:]] = True
    circuits = np.concatenate([parts.without(circuit, knocked | singles) for knocked in held])
    circuits = np.concatenate([circuit[None], parts.without(circuit, held), circuits])
    layers = recorded_layers(monkeypatch, "metric_with_components" if of_model else "metrics_with_edges")
    resumed = runner.values(circuits)
    assert set(layers) >= {0, model.wiring.n_layers - 1}  # it did resume
    assert len(layers) < 2 * len(circuits)
    whole = pruned(model.wiring, circuits)
    options = {"metric": LOGIT_DIFFERENCE, "ablation": ablation}
    alone = [circuit_values(model, prompts, one[None], **options)[0] for one in whole[::3]]
    np.testing.assert_allclose(resumed[::3], alone, atol=5e-5)
    assert np.ptp(resumed, axis=0).min() > 0.1


def test_circuits_that_differ_by_dead_ends_are_run_once(family_model, monkeypatch):
    model = family_model("gpt2")
    runner = CircuitRunner(model, random_prompts(2), LOGIT_DIFFERENCE)
    chosen = np.random.default_rng(1).random(model.wiring.n_edges) < 0.15
    n_run = []
    monkeypatch.setattr(
        "circuits.evaluation.criteria.circuit_values",
        lambda m, p, masks, **_: n_run.append(len(masks)) or np.tile(np.arange(len(masks))[:, None], 2),
    )
    values = runner.values(np.stack([chosen, pruned(model.wiring, chosen), ~chosen]))
    assert n_run == [2]
    assert values[0, 0] == values[1, 0] != values[2, 0]


# Two heads in one layer, each enough for the behavior: a0.h0 has a backup in a0.h1; a0.h2 and m0 do nothing.
BACKED_UP = Parts.components(Wiring(1, 3, 3))


def either_head(circuits):
    """The metric [circuit, 2 prompts]: 1 where a0.h0 or a0.h1 is in the circuit."""
    works = (circuits[:, 1] | circuits[:, 2]).astype(float)
    return np.stack([works, works], axis=1)


def one_by_one(circuits):
    """[circuit, writer] how much the metric falls without each writer."""
    singles = np.eye(BACKED_UP.n_writers, dtype=bool)
    without = [either_head(BACKED_UP.without(circuit, singles)).mean(axis=1) for circuit in circuits]
    return either_head(circuits).mean(axis=1)[:, None] - np.array(without)


UNIT = Baseline(np.ones(2), np.zeros(2), None)


def test_a_missing_backup_is_found_by_growing_a_knock_out():
    without_backup = np.array([True, True, False, True, True])
    assert distance(either_head(without_backup[None])[0], UNIT).in_metric.value == 0  # faithful all the same
    sets = search_knockouts(
        either_head, one_by_one, BACKED_UP, without_backup, KnockoutSearch(sets=4, steps=2, candidates=3)
    )
    values = knockout_values(either_head, BACKED_UP, without_backup, sets)
    worst, knocked = worst_incompleteness(values, sets, UNIT)
    assert worst.in_metric.value == 1
    assert knocked[1]
    assert not knocked[2]  # not in the circuit, so it is not knocked out


def test_heads_that_back_each_other_up_are_used_once_the_other_is_gone():
    everything = BACKED_UP.everything
    sets = search_knockouts(
        either_head, one_by_one, BACKED_UP, everything, KnockoutSearch(sets=0, steps=1, candidates=4)
    )
    values = knockout_values(either_head, BACKED_UP, everything, sets)
    assert (values.telling[:, 0, 0] == values.telling[:, 0, 1]).all()  # with K empty nothing seems to matter
    assert [use.in_metric.value for use in component_uses(values, UNIT)] == [1, 1, 0, 0]
    assert smallest_use(values, UNIT).in_metric.value == 0


def test_random_sets_are_drawn_from_the_circuit_in_several_sizes():
    circuit = np.ones(21, dtype=bool)
    circuit[::5] = False
    parts = Parts(np.arange(21), 21)
    nothing = (lambda masks: np.zeros((len(masks), 1)), lambda masks: np.zeros((len(masks), 21)))
    sampled = search_knockouts(*nothing, parts, circuit, KnockoutSearch(sets=5)).sampled
    assert not sampled[:, ~circuit].any()
    assert sampled.sum(axis=1).tolist() == [1, 4, 8, 12, 15]


def test_a_circuit_without_components_has_nothing_to_knock_out():
    nothing = np.array([True, False, False, False, False])
    sets = search_knockouts(either_head, one_by_one, BACKED_UP, nothing, KnockoutSearch())
    assert [len(masks) for masks in sets] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_short_search_gives_a_part_of_what_the_thorough_one_gives(family, family_model):
    runner = CircuitRunner(family_model(family), random_prompts(4), LOGIT_DIFFERENCE)
    circuit = pruned(runner.model.wiring, np.random.default_rng(0).random(runner.model.wiring.n_edges) < 0.5)
    short, few, baseline = knocked_out(runner, circuit, KnockoutSearch(components=5, grows=False))
    thorough, many, _ = knocked_out(runner, circuit)
    np.testing.assert_array_equal(short.components, thorough.components)
    np.testing.assert_array_equal(short.greedy, thorough.greedy)
    np.testing.assert_allclose(few.circuit, many.circuit, atol=5e-5)
    np.testing.assert_allclose(few.model, many.model, atol=5e-5)
    assert len(short.measured) == 5 < len(thorough.measured) == len(thorough.components)
    uses = dict(zip(thorough.measured, component_uses(many, baseline), strict=True))
    for number, use in zip(short.measured, component_uses(few, baseline), strict=True):
        assert use.in_metric.value <= uses[number].in_metric.value + 5e-5
    # Of the components of least use to first order.
    first_order = np.abs(runner.removal_effects(circuit[None]))[0]
    assert first_order[short.measured].mean() < first_order[np.setdiff1d(short.components, short.measured)].mean()


# --- estimates with their uncertainty ---


def test_a_share_is_a_ratio_of_means_with_an_interval_around_it():
    baseline = Baseline(np.array([4.0, 2.0, 6.0]), np.array([0.0, 1.0, 1.0]), None)
    effect = judge(baseline.clean - np.array([[3.0, 1.0, 2.0]]), lambda means: np.abs(means).max(axis=-1), baseline)
    assert effect.of_gap is not None
    assert effect.in_metric.value == pytest.approx((1 + 1 + 4) / 3)
    assert effect.of_gap.value == pytest.approx((1 + 1 + 4) / (4 + 1 + 5))
    low, high = effect.in_metric.interval
    assert 1 <= low < effect.in_metric.value < high <= 4
    assert effect.of_gap.interval.as_json() is None  # gaps 4, 1 and 5: their mean may be 0
    ten_times = Baseline(np.tile(baseline.clean, 10), np.tile(baseline.ablated, 10), None)
    many = judge(np.tile([[1.0, 1.0, 4.0]], 10), lambda means: np.abs(means).max(axis=-1), ten_times).of_gap
    assert many is not None
    assert 1 / 4 < many.interval.low < many.value < many.interval.high < 1


def test_a_distance_is_a_difference_without_its_sign():
    draw = np.random.default_rng(2)
    baseline = Baseline(5 + draw.random(20), draw.random(20), None)
    differences = 1 + draw.random(20)
    expected = t_interval(differences).item()
    for sign in (1, -1):
        effect = distance(baseline.clean - sign * differences, baseline)
        assert effect.in_metric.value == pytest.approx(differences.mean())
        assert effect.in_metric.interval == pytest.approx(expected)
        assert effect.of_gap is not None
        of_gap = ratio_t_interval(differences, baseline.clean - baseline.ablated).item()
        assert effect.of_gap == (pytest.approx(differences.mean() / baseline.gap), pytest.approx(of_gap))
    around_zero = distance(baseline.clean - (differences - differences.mean()), baseline)
    assert around_zero.in_metric.interval == pytest.approx((0, (expected.high - expected.low) / 2))


def test_without_a_gap_there_is_no_share():
    same = Baseline(np.ones(3), np.ones(3), None)
    effect = judge(np.ones((2, 3)), lambda means: means.max(axis=-1), same)
    assert effect.in_metric == (1, (1, 1))
    assert effect.of_gap is None


@pytest.mark.parametrize("sign", [1, -1])
def test_areas_with_intervals_are_the_areas_of_evaluation(sign):
    draw = np.random.default_rng(5)
    clean = sign * (3 + draw.random(8))
    weights = np.zeros(len(BUDGETS))
    for number, width in enumerate(np.diff(BUDGETS)):
        weights[[number, number + 1]] += width / 2
    baseline, values = Baseline(clean, draw.random(8), None), draw.normal(size=(len(BUDGETS), 8))
    for estimate, expected in (
        (cpr_estimate(values, baseline), cpr(values, baseline)),
        (cmd_estimate(values, baseline), cmd(values, baseline)),
    ):
        assert estimate is not None
        assert estimate.value == pytest.approx(expected)
        assert estimate.interval.low < expected < estimate.interval.high
    of_cpr = cpr_estimate(values, baseline)
    assert of_cpr is not None
    kept, gap = weights @ (values - baseline.ablated), clean - baseline.ablated
    assert of_cpr.interval == pytest.approx(ratio_t_interval(kept, gap).item())


@pytest.mark.parametrize("sign", [1, -1])
def test_the_whole_model_keeps_all_whichever_way_the_metric_points(sign):
    baseline = Baseline(sign * np.array([4.0, 5.0, 3.0]), np.zeros(3), None)
    assert share_of_gap(baseline.clean, baseline) == (1, pytest.approx((1, 1)))
    everywhere = np.tile(baseline.clean, (len(BUDGETS), 1))
    width = BUDGETS[-1] - BUDGETS[0]
    assert cpr_estimate(everywhere, baseline) == (pytest.approx(width), pytest.approx((width, width)))


def test_one_prompt_gives_numbers_whose_intervals_are_unbounded():
    one = Baseline(np.array([2.0]), np.zeros(1), None)
    apart = distance(np.array([1.5]), one)
    worst = judge(np.array([[0.5]]), lambda means: np.abs(means).max(axis=-1), one)
    for effect in (apart, worst):
        assert effect.of_gap is not None
        assert (effect.in_metric.value, effect.of_gap.value) == (0.5, 0.25)
        assert effect.in_metric.interval.as_json() is None
        assert effect.of_gap.interval.as_json() is None


def test_the_p_value_counts_the_circuit_among_the_random_ones():
    baseline = Baseline(np.array([1.0, 3.0]), np.zeros(2), None)
    random = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [3.0, 3.0]])  # 2, 0, 1, 1 from the model's mean
    assert against_random(random, np.array([1.5, 1.5]), baseline).p_value == 2 / 5
    comparison = against_random(random, np.array([1.0, 1.0]), baseline)
    assert comparison.p_value == 4 / 5
    assert comparison.distance.in_metric.value == 1
    assert comparison.kept is not None
    assert comparison.kept.value == pytest.approx(1.5 / 2)


# --- stability ---


def test_resampled_circuits_are_those_of_the_prompts_drawn():
    scores = np.random.default_rng(6).normal(size=(7, 30))
    counts = np.random.default_rng(0).multinomial(7, np.full(7, 1 / 7), size=9)
    for absolute in (True, False):
        chosen = bootstrap_circuits(scores, n=5, absolute=absolute, resamples=9)
        for row, count in zip(chosen, counts, strict=True):
            means = np.repeat(scores, count, axis=0).mean(axis=0)
            ranked = np.argsort(-(np.abs(means) if absolute else means))
            assert set(np.flatnonzero(row)) == set(ranked[:5])


def test_the_jaccard_overlap_is_that_of_all_pairs_one_by_one():
    circuits = np.random.default_rng(7).random((6, 12)) < 0.4
    circuits[:2] = False
    pairs = []
    for a, b in itertools.combinations(circuits, 2):
        pairs.append((a & b).sum() / (a | b).sum() if (a | b).any() else 1)
    assert mean_jaccard(circuits) == pytest.approx(np.mean(pairs))


def test_prompts_that_agree_up_to_size_give_the_same_circuit_each_time():
    scores = np.arange(1, 6)[:, None] * np.random.default_rng(8).normal(size=20)
    assert stability(scores, n=6, absolute=True) == 1


def test_scores_that_are_the_same_for_every_prompt_have_no_stability():
    learned = np.tile(np.random.default_rng(9).random(20), (5, 1))
    assert stability(learned, n=6, absolute=True) is None
    assert mean_jaccard(bootstrap_circuits(learned, n=6, absolute=True, resamples=10)) == 1


def test_one_resample_makes_no_pair():
    with pytest.raises(ValueError, match="resample at least twice"):
        mean_jaccard(np.ones((1, 3), dtype=bool))
