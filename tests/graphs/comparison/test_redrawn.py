"""Circuits on other draws of the prompts: ceilings, the reuse index, and what the prompts leave undecided."""

from dataclasses import replace

import numpy as np
import pytest

from circuits.components import Wiring
from graphs import CircuitGraph, Greedy, Grown, TopComponents, reuse
from graphs.comparison.ceiling import _gaps, reuse_index
from graphs.comparison.levels import edge_strata
from graphs.comparison.redrawn import Amounts, halves_of, redraw

WIRING = Wiring(n_layers=3, n_heads=4, n_kv_heads=4)
FEW = Amounts(resamples=40, splits=10)
N = 12  # edges of a circuit


def truth(seed, common=0.0):
    """Mean scores of a task: heavy tails, and a part that all tasks have."""
    draw, shared = np.random.default_rng([seed, 7]), np.random.default_rng(1000)
    return (
        common * shared.standard_normal(WIRING.n_edges) ** 3 + (1 - common) * draw.standard_normal(WIRING.n_edges) ** 3
    )


def prompts_of(mean, seed, n=16, noise=2.0):
    return mean + noise * np.random.default_rng([seed, 8]).standard_normal((n, WIRING.n_edges))


@pytest.fixture
def task(random_edge_scores):
    """`task(mean, seed, ...)`: scores of fresh prompts, and the circuit that they choose."""

    def build(mean, seed, **more):
        scores = random_edge_scores(WIRING, seed=0, prompts_fingerprint=f"prompts {seed}")
        scores = replace(scores, per_prompt=prompts_of(mean, seed, **more))
        return CircuitGraph.from_scores(scores, Grown(N)), scores

    return build


def index_of(a, b, amounts=FEW):
    first, second = (redraw(*side, amounts=amounts) for side in (a, b))
    return reuse_index(first, second, "edges", edge_strata(WIRING)[1])


def test_resampled_circuits_are_those_of_the_resampled_means(task):
    graph, scores = task(truth(0), 1)
    drawn = redraw(graph, scores, amounts=FEW)
    again = redraw(graph, scores, amounts=FEW)
    assert (drawn.resampled == again.resampled).all()
    weights = halves_of(scores, 8, 10, 0)
    assert (weights.sum(axis=2) == 8).all()
    assert not (weights[:, 0] * weights[:, 1]).any()
    for split, halves in zip(drawn.edges("halves"), weights, strict=True):
        for circuit, half in zip(split, halves, strict=True):
            alone = replace(scores, per_prompt=scores.per_prompt[half > 0])
            assert (Grown(N).choose(alone).mask == circuit).all()


def test_runs_on_the_same_prompts_are_drawn_alike(task):
    (graph, scores), (_, other) = task(truth(0), 1), task(truth(0), 2)
    same = replace(scores, provenance=replace(scores.provenance, method="another"))
    one, two, apart = (redraw(graph, each, amounts=FEW) for each in (scores, same, other))
    assert (one.resampled == two.resampled).all()
    assert (one.resampled != apart.resampled).any()


def test_the_same_task_on_other_prompts_has_an_index_of_one(task):
    index = index_of(task(truth(3), 1, n=32), task(truth(3), 2, n=32))
    assert index.value == pytest.approx(1, abs=0.3)
    assert index.interval is not None
    assert index.interval[0] < 1 < index.interval[1]
    assert index.between == pytest.approx((index.within_a + index.within_b) / 2, abs=0.2)


def test_unrelated_tasks_share_what_chance_gives(task):
    index = index_of(task(truth(3), 1, n=32), task(truth(4), 2, n=32))
    assert abs(index.value) < 0.25
    assert index.between < min(index.within_a, index.within_b)


def test_prompts_that_agree_have_a_ceiling_of_one_and_planted_overlap_is_found(task):
    a, b = np.zeros((2, WIRING.n_edges))
    for mean, heads in ((a, ("a0.h0", "a1.h1", "a2.h2")), (b, ("a0.h0", "a1.h1", "a2.h3"))):
        for head in heads:
            layer = int(head[1])
            edges = [f"input->{head}<v>", f"{head}->logits", f"{head}->m{layer}", f"m{layer}->logits"]
            mean[[[str(edge) for edge in WIRING.edges].index(name) for name in edges]] = 5
    index = index_of(task(a, 1, noise=0.1), task(b, 2, noise=0.1))
    assert (index.within_a, index.within_b) == (1, 1)
    assert index.between == pytest.approx(9 / 15)  # of 12 edges each, the last head's three differ
    assert index.value == pytest.approx((0.6 - index.chance) / (1 - index.chance))
    assert index.interval == pytest.approx((index.value, index.value))


def test_noise_has_no_index(task):
    index = index_of(task(0 * truth(0), 1, noise=1), task(0 * truth(0), 2, noise=1))
    assert index.interval is None


def test_with_few_prompts_there_are_no_halves(task):
    (graph, scores), other = task(truth(0), 1, n=3), task(truth(1), 2, n=16)
    assert redraw(graph, scores, amounts=FEW).halves.shape[0] == 0
    assert index_of((graph, scores), other) is None
    assert redraw(*task(truth(0), 1, n=1), amounts=FEW) is None
    assert redraw(*task(truth(0), 1), amounts=Amounts(resamples=5, splits=0)).halves.shape[0] == 0


def test_halves_of_runs_with_more_prompts_are_as_small_as_those_of_others(task):
    (a, few), (b, many) = task(truth(0), 1, n=8), task(truth(1), 2, n=40)
    index = reuse(a, b, scores=(few, many), resamples=20).edges.index
    assert index.n_prompts == 4


def test_parts_that_every_resample_has_are_sure_and_others_are_not(task):
    a, b = truth(5), truth(5)
    shared = np.argsort(-np.abs(a))[:N]
    b[shared[: N // 2]] = 0
    reused = reuse(*(task(mean, seed, noise=0.5)[0] for seed, mean in enumerate((a, b))))
    assert {part.belongs for part in reused.heads.parts} == {"undecided"}  # without scores
    assert not reused.edges.parts
    (first, one), (second, two) = (task(mean, seed, noise=0.5) for seed, mean in enumerate((a, b)))
    reused = reuse(first, second, scores=(one, two), resamples=200)
    for part in reused.edges.parts:
        shares = {"a": part.share_a, "b": part.share_b}
        if part.belongs == "shared":
            assert min(shares.values()) >= 0.95
        if part.belongs == "only_a":
            assert (part.share_a >= 0.95, part.share_b <= 0.05) == (True, True)
    assert reused.edges.belonging("only_a")
    assert reused.edges.belonging("undecided")
    assert set(reused.edges.belonging("shared")) <= set(reused.edges.shared)
    assert reused.resamples == 200


def test_compared_with_itself_nothing_is_only_in_one(task):
    graph, scores = task(truth(6), 1)
    reused = reuse(graph, graph, scores=(scores, scores), resamples=60)
    for overlap in reused.levels.values():
        assert not overlap.belonging("only_a") + overlap.belonging("only_b")
        assert (overlap.iou, overlap.interval) == (1, (1, 1))


def test_the_other_way_round_a_and_b_swap(task):
    sides = task(truth(6, 0.5), 1), task(truth(7, 0.5), 2)
    one, other = (
        reuse(first[0], second[0], scores=(first[1], second[1]), resamples=40) for first, second in (sides, sides[::-1])
    )
    swapped = {"only_a": "only_b", "only_b": "only_a"}
    for name, overlap in one.levels.items():
        back = other.levels[name]
        assert (overlap.n_a, overlap.of_a, overlap.shared) == (back.n_b, back.of_b, back.shared)
        assert overlap.index.value == pytest.approx(back.index.value)
        assert overlap.index.interval == pytest.approx(back.index.interval)
        of_back = {part.name: part.belongs for part in back.parts}
        assert {p.name: swapped.get(p.belongs, p.belongs) for p in overlap.parts} == of_back
        assert overlap.interval == back.interval


def test_the_curve_has_bands_of_chance_and_of_halves(task):
    (a, one), (b, two) = task(truth(6, 0.7), 1), task(truth(7, 0.7), 2)
    points = reuse(a, b, scores=(one, two), resamples=20, fractions=(0.05, 0.2)).sweep
    assert [point.of for point in points] == ["heads", "heads", "edges", "edges"]
    for point in points:
        assert point.null_low <= point.expected_iou <= point.null_high
        assert point.ceiling_low <= point.ceiling <= point.ceiling_high
    assert points[-1].ceiling > points[-1].expected_iou


def test_rules_that_choose_circuits_one_by_one_are_asked_less_often(task):
    graph, scores = task(truth(0), 1, n=2)
    greedy = CircuitGraph.from_scores(scores, Greedy(N))
    assert redraw(greedy, scores, amounts=Amounts(resamples=20, splits=2)).fewer is None
    drawn = redraw(greedy, scores, amounts=Amounts(resamples=101, splits=20))
    assert len(drawn.resampled) == 100
    assert drawn.fewer == "100 resamples and 10 splits: rule greedy chooses circuits one by one"
    assert len(redraw(graph, scores, amounts=Amounts(resamples=101, splits=2)).resampled) == 101


def test_circuits_of_components_are_drawn_again_from_their_scores(edge_scores_of, node_scores_of):
    scores, nodes = edge_scores_of({}), node_scores_of({"a0.h0": 1.0, "a0.h1": 0.5})
    per_prompt = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.6], [0.0, 0.6]])[:, None]
    nodes = replace(nodes, per_prompt=per_prompt, measured=np.ones(per_prompt.shape, dtype=bool))
    graph = CircuitGraph.from_scores(scores, TopComponents(1), node_scores=nodes)
    drawn = redraw(graph, scores, nodes, amounts=FEW)
    share = drawn.of("heads", "resampled").mean(axis=0)
    assert share[0] + share[1] == pytest.approx(1)
    assert 0.5 < share[0] < 1


@pytest.mark.slow
@pytest.mark.parametrize("common", [0.0, 0.7])
def test_intervals_of_the_index_hold_the_true_one(task, common):
    """At least 95 of 100 intervals hold the index of endless fresh prompts, and they are not boundless."""
    means, fresh = [truth(6, common), truth(7, common)], []
    for number in range(150):
        sides = [[task(mean, 10_000 + 4 * number + part, n=8)[0].edge_mask for part in range(2)] for mean in means]
        fresh.append(sides)
    drawn, strata = np.array(fresh), edge_strata(WIRING)[1]  # [draw, task, part, edge]
    _, gaps = _gaps(drawn[:, 0], drawn[:, 1], strata)
    true = gaps[:, 0].mean() / gaps[:, 1].mean()
    amounts = Amounts(resamples=1, splits=50)
    found = [index_of(task(means[0], 2 * k), task(means[1], 2 * k + 1), amounts) for k in range(60)]
    values = [index.value for index in found if index.value is not None]
    assert len(values) == len(found)
    assert np.mean(values) == pytest.approx(true, abs=0.08)
    bounded = [index.interval for index in found if index.interval is not None]
    assert len(bounded) > 50
    assert np.mean([low <= true <= high for low, high in bounded]) >= 0.9
    assert np.mean([high - low for low, high in bounded]) < 8 * np.std(values)
