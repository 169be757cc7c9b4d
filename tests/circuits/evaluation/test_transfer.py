"""Transfer on models whose metric can be added up by hand: parts that add, that need each other, and that stand in."""

from collections.abc import Callable

import numpy as np
import pytest

from circuits.components import Wiring
from circuits.evaluation.faithfulness import Baseline
from circuits.evaluation.matched_circuits import likeness, matched_circuits
from circuits.evaluation.transfer import Candidates, Member, OnTask, asymmetry, members_on
from circuits.masks import random_circuits

N_PROMPTS, N_PARTS = 6, 8
WIRING = Wiring(n_layers=2, n_heads=4, n_kv_heads=4, has_mlps=False)
Metric = Callable[[np.ndarray], float]


def masks(*circuits: set[int]) -> np.ndarray:
    return np.array([[part in circuit for part in range(WIRING.n_edges)] for circuit in circuits])


def on_tasks(own: np.ndarray, *metrics: Metric, random: np.ndarray | None = None) -> list[OnTask]:
    """Every circuit on tasks whose metric is a function of the mask: from 0 to 1, with a spread over prompts."""
    n_draws = 0 if random is None else random.shape[1]
    drawn = np.zeros((len(own), n_draws, WIRING.n_edges), dtype=bool) if random is None else random
    candidates = Candidates(own, {}, {}, drawn, [np.empty((0, WIRING.n_edges), dtype=bool)] * len(own))
    sizes = np.linspace(0.9, 1.1, N_PROMPTS)
    tasks = []
    for target, metric in enumerate(metrics):
        members = members_on(WIRING, target, candidates)
        values = {member: metric(mask) * sizes for member, mask in members.items()}
        clean, ablated = metric(np.ones(WIRING.n_edges, dtype=bool)), metric(np.zeros(WIRING.n_edges, dtype=bool))
        tasks.append(OnTask(target, Baseline(clean * sizes, ablated * sizes, None), values))
    return tasks


def adds(*parts: int) -> Metric:
    """The share of the parts that are kept."""
    return lambda mask: float(mask[list(parts)].mean())


def needs(*parts: int) -> Metric:
    """1 where all parts are kept: one that is missing takes all."""
    return lambda mask: float(mask[list(parts)].all())


def any_of(*parts: int) -> Metric:
    """1 where any part is kept: each stands in for the others."""
    return lambda mask: float(mask[list(parts)].any())


def x(task: OnTask, sort: str, *of: int, number: int = 0) -> float | None:
    return task.faithfulness(Member(sort, of, number)).mean  # pyright: ignore[reportArgumentType]


def test_parts_that_add_up_transfer_by_their_number():
    a, b = on_tasks(masks({0, 1, 2, 3}, {2, 3, 4, 5}), adds(0, 1, 2, 3), adds(2, 3, 4, 5))
    assert (x(a, "own", 0), x(a, "own", 1), x(b, "own", 0)) == (1, pytest.approx(0.5), pytest.approx(0.5))
    assert x(b, "union", 0, 1) == pytest.approx(1)
    assert x(b, "shared", 0, 1) == pytest.approx(0.5)
    assert x(b, "only", 0, 1) == pytest.approx(0)
    assert x(b, "only", 1, 0) == pytest.approx(0.5)
    assert x(b, "without_shared", 0, 1) == pytest.approx(0.5)
    assert (b.necessity(0) or a.necessity(1)).value == pytest.approx(0.5)  # pyright: ignore[reportOptionalMemberAccess]


def test_parts_that_need_each_other_overlap_without_transfer():
    a, b = on_tasks(masks({0, 1, 2}, {1, 2, 3}), needs(0, 1, 2), needs(1, 2, 3))
    assert (x(a, "own", 1), x(b, "own", 0)) == (0, 0)
    assert (x(a, "shared", 1, 0), x(a, "union", 1, 0), x(a, "without_shared", 1, 0)) == (0, 1, 0)
    # Necessary to both, sufficient for neither.
    assert (a.necessity(1).value, b.necessity(0).value) == (1, 1)  # pyright: ignore[reportOptionalMemberAccess]


def test_parts_that_stand_in_transfer_without_overlap():
    a, b = on_tasks(masks({0}, {1}), any_of(0, 1), any_of(0, 1))
    assert (x(a, "own", 1), x(b, "own", 0), x(a, "shared", 1, 0)) == (1, 1, 0)
    assert x(a, "without_shared", 1, 0) == 1


def test_what_a_shared_part_needs_of_heads_is_told_from_what_has_none():
    """Nothing is left without `input->m0`, whatever else is dropped: the heads are dropped without it."""
    wiring = Wiring(n_layers=2, n_heads=8, n_kv_heads=8)
    edges = ("input->m0", "m0->a1.h3<v>", "a1.h3->logits")
    numbers = [[str(edge) for edge in wiring.edges].index(name) for name in edges]
    own = np.zeros((2, wiring.n_edges), dtype=bool)
    own[:, numbers] = True
    drawn = np.zeros((2, 5, wiring.n_edges), dtype=bool)
    members = members_on(wiring, 1, Candidates(own, {}, {}, drawn, [drawn[0], drawn[1]]))
    sizes = np.linspace(0.9, 1.1, N_PROMPTS)
    values = {member: mask[numbers].all() * sizes for member, mask in members.items()}
    task = OnTask(1, Baseline(sizes, np.zeros(N_PROMPTS), None), values)
    heads = members[Member("without_heads", (0, 1))]
    assert not heads[numbers[1:]].any()
    assert all(mask[numbers[0]] for member, mask in members.items() if member.sort == "without_matched")
    assert [estimate and estimate.value for estimate in (task.necessity(0), task.necessity_at_heads(0))] == [1, 1]
    n_same = sum(not mask[numbers].all() for member, mask in members.items() if member.sort == "without_matched")
    assert n_same < 5
    kept, beyond = task.without_matched(0), task.necessity_beyond_matched(0)
    assert kept is not None
    assert beyond is not None
    assert kept.value == beyond.value == pytest.approx(1 - n_same / 5)
    # Of a shared part without heads there is no such question.
    own[:, numbers[1:]] = False
    headless = members_on(wiring, 1, Candidates(own, {}, {}, drawn, [drawn[0], drawn[1]]))
    assert not {"without_heads", "without_matched"} & {member.sort for member in headless}


def test_one_circuit_for_both_is_a_shared_mechanism_and_a_larger_one_contains_it():
    a, b = on_tasks(masks({0, 1}, {0, 1}), needs(0, 1), needs(0, 1))
    assert [estimate.value for estimate in (a.retention(Member("own", (1,))), asymmetry(a, b)) if estimate] == [1, 0]
    large, small = on_tasks(masks({0, 1, 2, 3}, {0, 1}), needs(0, 1, 2, 3), needs(0, 1))
    lead = asymmetry(large, small)
    assert lead is not None
    assert lead.value == pytest.approx(1)


def test_accuracy_is_counted_and_set_against_the_empty_and_the_own_circuit():
    (task,) = on_tasks(masks({0, 1}), adds(0, 1))
    own, empty = Member("own", (0,)), Member("empty", ())
    assert (task.accuracy(own), task.accuracy_retention(own)) == (None, None)  # not measured
    half = np.array([True, False, True, False, True, False])
    correct = {empty: half, own: np.ones(6, dtype=bool), Member("own", (1,)): half | (np.arange(6) == 1)}
    task = OnTask(0, task.baseline, task.values, correct)
    share = task.accuracy(Member("own", (1,)))
    assert share is not None
    assert (share.n_hits, share.n) == (4, 6)
    kept = task.accuracy_retention(Member("own", (1,)))
    assert kept is not None
    assert kept.value == pytest.approx(1 / 3)  # of three prompts that the own circuit adds, one
    assert kept.interval.low <= kept.value <= kept.interval.high


def test_three_tasks_have_cores():
    own = masks({0, 1, 2}, {1, 2, 3}, {2, 3, 4})
    tasks = on_tasks(own, adds(0, 1, 2), adds(1, 2, 3), adds(2, 3, 4))
    assert x(tasks[0], "core", 0, 1, 2, number=2) == pytest.approx(2 / 3)  # 1, 2 and 3 are in two or more
    assert x(tasks[1], "core", 0, 1, 2, number=3) == pytest.approx(1 / 3)  # only 2 is in all
    assert {member.number for member in tasks[0].values if member.sort == "core"} == {2, 3}


def test_normalized_transfer_is_zero_on_other_heads_and_one_for_the_own_circuit():
    own = random_circuits(WIRING, masks({0, 9, 30})[0] | (np.arange(WIRING.n_edges) % 5 == 0), n=2, seed=1)
    drawn = [matched_circuits(WIRING, circuit, n=4, seed=2) for circuit in own]
    assert max(likeness(circuit, one) for circuit, one in zip(own, drawn, strict=True)) < 1
    candidates = Candidates(own, {}, {}, np.stack([one[:1] for one in drawn]), drawn)
    members = members_on(WIRING, 0, candidates)
    weights = np.random.default_rng(0).random((N_PROMPTS, WIRING.n_edges))
    values = {member: weights @ mask for member, mask in members.items()}
    task = OnTask(0, Baseline(weights.sum(axis=1), np.zeros(N_PROMPTS), None), values)
    own_one = task.normalized(0)
    assert own_one is not None
    assert own_one.value == pytest.approx(1)
    floor = np.mean([weights @ mask for mask in drawn[1]])
    expected = ((weights @ own[1]).mean() - floor) / ((weights @ own[0]).mean() - floor)
    other = task.normalized(1)
    assert other is not None
    assert other.value == pytest.approx(expected)
    assert other.interval.low <= other.value <= other.interval.high
    p = task.p_value("matched", 1)
    n_as_good = sum((weights @ mask).mean() >= (weights @ own[1]).mean() for mask in drawn[1])
    assert p == (1 + n_as_good) / (1 + len(drawn[1]))


def test_where_the_own_circuit_goes_beyond_the_model_others_are_held_against_the_model():
    sizes = np.linspace(0.9, 1.1, N_PROMPTS)
    for own, expected in ((2.4, 1.08), (1.0, 1.08), (0.9, 1.2)):
        kept = {Member("own", (0,)): own, Member("own", (1,)): 1.08, Member("half", (0,)): 0.54}
        kept |= {Member(sort, (1,), n): 0.08 for sort in ("matched", "random") for n in range(2)}  # pyright: ignore[reportArgumentType]
        values = {member: value * sizes for member, value in kept.items()}
        task = OnTask(0, Baseline(sizes, np.zeros(N_PROMPTS), None), values)
        assert task.goes_beyond == (own > 1)
        found = (task.retention(Member("own", (1,))), task.half, task.normalized(1))
        assert [estimate and estimate.value for estimate in found] == pytest.approx(
            [expected, expected / 2, 1 / (min(own, 1) - 0.08)]
        )


def test_without_draws_nothing_is_normalized():
    a, _ = on_tasks(masks({0, 1}, {1, 2}), adds(0, 1), adds(1, 2))
    assert (a.normalized(1), a.beyond("matched", 1), a.p_value("random", 1)) == (None, None, None)


def test_without_a_gap_nothing_is_a_share():
    a, b = on_tasks(masks({0, 1}, {1, 2}), lambda mask: 1.0, adds(1, 2))
    assert x(a, "own", 1) is None
    assert asymmetry(a, b) is None


def test_half_of_a_circuit_is_run_on_its_own_task_alone():
    own = masks({0, 1, 2, 3}, {4, 5})
    halves = {0: masks({0, 1})[0], 1: masks({4})[0]}
    none = np.zeros((2, 0, WIRING.n_edges), dtype=bool)
    candidates = Candidates(own, {}, halves, none, [none[0], none[0]])
    for target in (0, 1):
        members = members_on(WIRING, target, candidates)
        assert [member.of for member in members if member.sort == "half"] == [(target,)]
        np.testing.assert_array_equal(members[Member("half", (target,))], halves[target])
