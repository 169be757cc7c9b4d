"""What running circuits takes, by hand, by its laws, and against what real runs multiply."""

from __future__ import annotations

import numpy as np
import pytest

from circuits.arrays import Bools
from circuits.components import Edge
from circuits.evaluation.circuit_work import Parts
from circuits.evaluation.faithfulness import circuit_values
from circuits.masks import pruned, random_circuits_of
from circuits.metrics import METRICS
from circuits.model.lengths import TOKENS_PER_PASS
from circuits.model.multiply_adds import counted
from pipelines.costs.circuit_runs import (
    Batch,
    Circuits,
    parts_drawn,
    parts_of,
    parts_of_components,
    passes,
    passes_of_one,
)
from pipelines.costs.shape import GPT2_SMALL, SHAPES, Shape
from pipelines.costs.shape_of import shape_of
from tests.bundled import bundled
from tests.conftest import random_prompts

ONE = Shape("one", 1, 2, 1, 3, 5, 7, 11, mlp_products=3)


def test_what_is_run_of_a_circuit_is_counted():
    edges = map(Edge.parse, ["input->a0.h0<q>", "input->a0.h0<v>", "input->m0", "a0.h0->m0", "m0->logits"])
    assert parts_of(edges) == Parts(n_ports=2, n_heads=1, n_mlps=1, n_writers=3)


def test_a_circuit_of_components_is_run_where_these_are():
    """Of 12 heads to an MLP: 26 components are 24 heads, with a query, keys and values each, and 2 MLPs."""
    assert parts_of_components(GPT2_SMALL, 26) == Parts(n_ports=72, n_heads=24, n_mlps=2, n_writers=27)
    every = GPT2_SMALL.n_writers - 1
    assert parts_of_components(GPT2_SMALL, every) == parts_drawn(GPT2_SMALL, 1)


def test_a_circuit_of_all_edges_can_be_counted_by_hand():
    """4 ports of 5 x 3, 2 heads of 3 x 5, an MLP of 3 x 5 x 7; 6 readers of half of 4 writers, of 5 numbers, with 120
    for each of these where they are 128 wide."""
    assert parts_drawn(ONE, 1) == Parts(4, 2, 1, 4)
    work = (4 + 2) * 15 + 105 + 6 * 2 * 5 + 6 * 5 * 120 * (5 / 128) ** 0.5
    assert passes_of_one(ONE, parts_drawn(ONE, 1)) == pytest.approx(work / ONE.per_layer)


@pytest.mark.parametrize("shape", SHAPES[:4], ids=lambda shape: shape.name)
def test_circuits_of_more_edges_take_longer_and_all_edges_more_than_a_pass(shape: Shape):
    of_share = [passes(shape, [Circuits(1, share)]) for share in (0, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 1)]
    assert of_share == sorted(of_share)
    assert of_share[0] < 0.05
    assert of_share[-1] > 1


def test_what_is_resumed_takes_half_and_a_gradient_three_times():
    (of_one,) = {passes(GPT2_SMALL, [Circuits(1, 0.1)])}
    # Half, but for sums, which are over all writers before, with edges or without.
    assert passes(GPT2_SMALL, [Circuits(4, 0.1, resumed=True)]) == pytest.approx(2 * of_one, rel=0.1)
    assert passes(GPT2_SMALL, [Circuits(2, 0.1, gradients=True)]) == pytest.approx(6 * of_one)
    assert Circuits(2, gradients=True).n_runs == 6
    assert passes(GPT2_SMALL, [Circuits(1, are_whole=True)]) == 1
    assert passes(None, [Circuits(2, 0.1), Circuits(3, are_whole=True)]) == 5


def test_random_circuits_that_are_stacked_take_the_ports_of_all_of_them():
    """As they are run: each alone multiplies less than in a stack. And so they are counted."""
    model = bundled("reference")
    shape, prompts, n = shape_of(model), random_prompts(8, 20), 8
    drawn = random_circuits_of(model.wiring, 20, n=n)

    def multiplied(circuits: Bools) -> int:
        with counted() as work:
            circuit_values(model, prompts, circuits, metric=METRICS["logit-difference"])
        return work.multiply_adds

    multiplied(drawn[:1])  # what is known of prompts of a length is made once
    nothing = multiplied(np.zeros_like(drawn[:1]))
    alone = sum(multiplied(one[None]) - nothing for one in drawn)
    stacked = multiplied(drawn) - nothing
    of_kind = [Circuits(n, float(drawn.mean()))]
    batch = Batch(prompts.n_tokens, model.forward.numbers_at_once)
    assert batch.stacked(shape) >= n
    assert Batch(prompts.n_tokens, 1).stacked(shape) == 1
    assert stacked > 1.2 * alone
    # Of very many tokens, where what a run takes however few it has is nothing.
    together, apart = (Batch(10**6 * prompts.n_tokens, numbers) for numbers in (10**6 * batch.numbers, 1))
    more = passes(shape, of_kind, together) / passes(shape, of_kind, apart)
    assert more == pytest.approx(stacked / alone, rel=0.3)


def test_copies_of_weights_matter_for_few_tokens():
    few, many = (passes(GPT2_SMALL, [Circuits(1, 0.01)], Batch(n_tokens, 1)) for n_tokens in (16, 10**6))
    assert few > 1.1 * many
    assert many == pytest.approx(passes(GPT2_SMALL, [Circuits(1, 0.01)]), rel=1e-3)


def test_a_run_of_few_tokens_takes_as_long_as_one_of_some_more():
    few = Batch(TOKENS_PER_PASS, 1)
    assert passes(GPT2_SMALL, [Circuits(3, are_whole=True)], few) == pytest.approx(2 * 3)
    assert passes(GPT2_SMALL, [Circuits(2, are_whole=True, resumed=True)], few) == pytest.approx(2)
    apart = Batch(10**9, 1)
    one = [Circuits(3, 0.01, parts=parts_drawn(GPT2_SMALL, 1))]
    assert passes(GPT2_SMALL, one, few) == pytest.approx(passes(GPT2_SMALL, one, apart) + 3)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_circuits_multiply_about_what_is_counted(share: float):
    """Products with weights alone, of what no circuit runs in the last layers but at the answers."""
    model = bundled("reference")
    shape, prompts = shape_of(model), random_prompts(8, 20)
    (drawn,) = pruned(model.wiring, np.random.default_rng(0).random((1, model.wiring.n_edges)) < share)

    def multiplied(circuit: Bools) -> int:
        with counted() as work:
            circuit_values(model, prompts, circuit[None], metric=METRICS["logit-difference"])
        return work.multiply_adds

    multiplied(drawn)  # what is known of prompts of a length is made once
    of_one = (multiplied(drawn) - multiplied(np.zeros_like(drawn))) / prompts.n_tokens
    parts = parts_of(model.wiring.edges[number] for number in np.flatnonzero(drawn))
    products = (parts.n_ports + parts.n_heads) * shape.d_model * shape.d_head + parts.n_mlps * shape.in_mlp
    assert 0.5 * products < of_one < 1.1 * products
    for expected, found in zip(parts_drawn(shape, drawn.mean()), parts, strict=True):
        assert expected == pytest.approx(found, rel=0.35, abs=4)
