"""Tests of circuits: on scores with known p-values, on simulated ones, and on models whose circuit is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import binom, kstest

from circuits.components import Wiring
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.hypotheses import (
    HYPOTHESES,
    Equivalence,
    HypothesisRuns,
    Independence,
    Minimality,
    PartialNecessity,
    Sufficiency,
    hypothesis_runs,
)
from circuits.evaluation.hypotheses.inflated import inflated_circuits
from circuits.masks import pruned
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import induction_prompts, write_induction

WIRING = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=True)
N = 20


def runs(**given) -> HypothesisRuns:
    """Scores of 20 prompts: the circuit as good as the model, everything else 0."""
    scores = np.linspace(1, 2, N)
    none = np.zeros((0, N))
    of_all = {"circuit": scores, "model": scores, "complement": np.zeros(N), "tested": np.arange(0), "n_parts": 0}
    drawn = {"removed": none, "inflated": np.zeros((0, 2, N)), "random": none, "without_random": none}
    return HypothesisRuns(**(of_all | drawn | given))


def test_equal_scores_are_ties_and_equivalent():
    assert Equivalence().test(runs()).p == 1
    almost = runs(circuit=np.linspace(1, 2, N) * (1 + 1e-7))
    assert Equivalence().test(almost).p == 1
    better = Equivalence().test(runs(circuit=np.linspace(1.1, 2.1, N)))
    # All 20 prompts, or none, of a binomial with probability .6.
    assert better.p == pytest.approx(0.6**20 + 0.4**20)
    assert better.rejects
    assert better.numbers["above"] == N


def test_three_of_four_prompts_by_hand():
    scores = np.array([1.0, 2.0, 3.0, 4.0])
    tested = Equivalence(epsilon=0).test(runs(circuit=scores + np.array([1, 1, 1, -1]), model=scores))
    # |K / 4 - 1/2| >= 1/4 leaves out two of four alone: 1 - 6 / 16.
    assert tested.p == pytest.approx(10 / 16)


def test_the_permutation_p_value_counts_the_data_as_one_of_the_permutations():
    scores = np.arange(8.0)
    tested = Independence(permutations=200).test(runs(model=scores, complement=scores))
    assert tested.p == pytest.approx(1 / 201)
    assert Independence(permutations=200).test(runs(model=scores, complement=np.zeros(8))).p is None
    few = Independence().test(runs(model=scores[:7], complement=scores[:7]))
    assert few.p is None
    assert "7 prompts" in (few.reason or "")


def test_the_permutation_p_value_is_the_share_of_all_permutations():
    draw = np.random.default_rng(3)
    model, complement = draw.normal(size=8), draw.normal(size=8)
    tested = Independence(permutations=4000, seed=1).test(runs(model=model, complement=complement))

    def kernel(x):
        apart = np.abs(x[:, None] - x)
        return np.exp(-((apart / np.median(apart[np.triu_indices(8, 1)])) ** 2) / 2)

    center = np.eye(8) - 1 / 8
    first, second = center @ kernel(complement) @ center, kernel(model)
    orders = np.array(list(permutations(range(8))))[::7]
    statistics = np.array([(first * second[np.ix_(order, order)]).sum() for order in orders])
    exact = (statistics >= (first * second).sum() - 1e-12).mean()
    assert tested.p == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_p_values_of_independent_scores_are_uniform(seed):
    draw = np.random.default_rng(seed)
    ps = [
        Independence(permutations=99, seed=n).test(runs(model=draw.normal(size=12), complement=draw.normal(size=12))).p
        for n in range(150)
    ]
    jitter = np.random.default_rng(0).random(150) / 100  # p takes steps of 1 / 100
    assert kstest(np.array(ps) - jitter, "uniform").pvalue > 0.01


def test_equivalent_circuits_are_rejected_less_than_once_in_twenty():
    draw = np.random.default_rng(0)
    rejected = 0
    for _ in range(400):
        scores = draw.normal(size=40)
        # Above the model on 60 % of prompts: the edge of the null hypothesis.
        above = np.where(draw.random(40) < 0.6, 1.0, -1.0)
        rejected += bool(Equivalence().test(runs(model=scores, circuit=scores + above)).rejects)
    assert rejected / 400 < 0.08
    far = np.where(draw.random(40) < 0.95, 1.0, -1.0)
    assert Equivalence().test(runs(model=np.zeros(40), circuit=far)).rejects


def test_sufficiency_and_necessity_count_the_random_circuits_that_are_beaten():
    ones = np.ones((40, N))
    low, high = 0.1 * ones, 1.5 * ones
    mixed = np.concatenate([low[:38], np.repeat(np.linspace(1, 2, N)[None], 2, axis=0)])
    tested = Sufficiency().test(runs(random=mixed))
    assert tested.numbers["beaten"] == 39  # 38, and two ties
    assert tested.p == pytest.approx(binom.sf(38, 40, 0.9))
    assert Sufficiency().test(runs(random=low)).rejects
    assert not Sufficiency().test(runs(random=low[:28])).rejects  # .9 ** 28 is above .05
    assert PartialNecessity().test(runs(without_random=high)).rejects
    assert PartialNecessity().test(runs(without_random=np.zeros((40, N)))).p == pytest.approx(binom.sf(19, 40, 0.9))
    assert Sufficiency().test(runs()).p is None


def test_a_part_that_moves_less_than_random_ones_makes_a_circuit_not_minimal():
    scores = np.linspace(1, 2, N)
    inflated = np.stack([np.stack([scores, scores - size]) for size in np.linspace(0.01, 0.5, 60)])
    needed, superfluous = scores - 1, scores - 1e-9
    given = {"inflated": inflated, "n_parts": 2, "tested": np.array([4, 7])}
    assert not Minimality().test(runs(removed=np.stack([needed, needed]), **given)).rejects
    tested = Minimality().test(runs(removed=np.stack([needed, superfluous]), **given))
    assert tested.rejects
    assert tested.numbers["superfluous"] == [7]
    assert tested.p == pytest.approx(2 * 0.1**60)  # none of 60, corrected for two parts


def test_inflated_circuits_add_a_path_and_lose_one_part_of_it():
    circuit = pruned(WIRING, np.random.default_rng(1).random((1, WIRING.n_edges)) < 0.2)[0]
    for larger, smaller in inflated_circuits(WIRING, circuit, n=30, seed=2):
        assert (larger & circuit == circuit).all()
        np.testing.assert_array_equal(pruned(WIRING, larger), larger)  # without dead ends: it is a path
        (lost,) = np.flatnonzero(larger & ~smaller)
        assert not circuit[lost]
        assert (smaller <= larger).all()
    whole = np.ones(WIRING.n_edges, dtype=bool)
    assert len(inflated_circuits(WIRING, whole, n=5)) == 0
    components = np.arange(len(WIRING.writers)) < 3
    for larger, smaller in inflated_circuits(WIRING, components, n=5):
        assert larger.sum() == 4
        np.testing.assert_array_equal(smaller, components)


@pytest.fixture(scope="module")
def induction(tmp_path_factory):
    """A model whose circuit is known: its runner, and the mask of its true edges."""
    model = load_model(str(write_induction(tmp_path_factory.mktemp("model"))))
    runner = CircuitRunner(model, induction_prompts(16), METRICS["logit-difference"])
    true = {"input->a1.h1<q>", "input->a0.h0<v>", "a0.h0->a1.h1<k>", "input->a1.h1<v>", "a1.h1->logits"}
    names = [str(edge) for edge in model.wiring.edges]
    assert true <= set(names)
    return runner, np.array([name in true for name in names]), names


def outcome(induction, circuit, name):
    runner, _, _ = induction
    measured = hypothesis_runs(runner.values, runner.model.wiring, circuit, draws=60, most=50)
    return HYPOTHESES[name]().test(measured)


def test_the_true_circuit_passes_every_test(induction):
    _, circuit, _ = induction
    assert outcome(induction, circuit, "equivalence").p == 1
    assert outcome(induction, circuit, "sufficiency").rejects
    necessary = outcome(induction, circuit, "partial-necessity")
    assert necessary.rejects
    assert necessary.numbers["beaten"] == 60  # nothing outside the circuit moves the score
    minimal = outcome(induction, circuit, "minimality")
    assert not minimal.rejects
    assert minimal.numbers["n_tested"] == minimal.numbers["n_parts"] == 5


def test_a_circuit_that_leaves_no_room_has_no_test_of_necessity(induction):
    _, circuit, _ = induction
    tested = outcome(induction, np.ones_like(circuit), "partial-necessity")
    assert tested.p is None
    assert "no circuit of its size" in tested.reason


def test_half_of_the_circuit_is_not_equivalent_and_a_planted_edge_is_superfluous(induction):
    _, circuit, names = induction
    half = circuit & (np.array(names) != "a0.h0->a1.h1<k>")
    assert outcome(induction, half, "equivalence").rejects
    assert not outcome(induction, half, "sufficiency").rejects
    planted = circuit.copy()
    for name in ("input->m1", "m1->logits"):
        planted[names.index(name)] = True
    found = outcome(induction, planted, "minimality")
    assert found.rejects
    assert found.numbers["superfluous"] == sorted(names.index(name) for name in ("input->m1", "m1->logits"))


@pytest.mark.parametrize("name", HYPOTHESES)
def test_every_test_says_what_it_tests(name):
    made = HYPOTHESES[name]()
    for text in (made.in_words(made.null), made.in_words(made.rejected)):
        assert "{" not in text
        assert text[0].islower()
    assert replace(made) == made
