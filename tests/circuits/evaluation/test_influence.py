"""Influence on texts: by hand on an induction model, and against the model's own losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from circuits.ablations import Mean
from circuits.data.texts import Text, texts_as_prompts
from circuits.edits import Uniform, Zero, edited
from circuits.evaluation.influence import BLOCK, circuit_losses, edited_losses, group_auroc, influence
from circuits.model.load import load_model
from tests.bundled import bundled
from tests.circuits.hand_models import write_induction

# The loss of a token that gets logit 2 among 9, of one of which all others say so, and of one without any.
COPIED = math.log(math.e**2 + 8) - 2


@pytest.fixture(scope="module")
def induction(tmp_path_factory):
    return load_model(str(write_induction(tmp_path_factory.mktemp("induction"))))


def texts(*ids):
    return texts_as_prompts([Text(f"{number}", "all", own) for number, own in enumerate(ids)], None)


REPEATED, ONCE = (0, 3, 5, 7, 2, 3, 5, 7), (0, 8, 1, 6, 4, 2, 7, 3)


def test_masking_the_head_that_copies_costs_on_repeated_spans_and_nothing_elsewhere(induction):
    """Without an earlier copy of its token, a1.h1 attends to all alike already: uniform changes no bit."""
    heads = ["a0.h0", "a0.h1", "a1.h0", "a1.h1"]
    repeated, once = edited_losses(induction, texts(REPEATED, ONCE), [{head: Uniform()} for head in heads])
    assert repeated[0, 5:] == pytest.approx([COPIED] * 2, abs=1e-5)
    assert np.array_equal(once[2:], np.broadcast_to(once[0], (3, 7)))
    shares = [influence(repeated[0], masked).value for masked in repeated[1:]]
    assert shares[0] > 0.1  # the previous-token head feeds it
    assert shares[1:3] == [0, 0]
    # At the second 3 five other letters were seen with it, and 3 twice: logit 2/6 for those seen once, 4/6 for 3.
    assert repeated[4, 5] == pytest.approx(math.log(4 * math.exp(1 / 3) + math.exp(2 / 3) + 4) - 1 / 3, abs=1e-5)
    assert shares[3] > 0.1


def test_losses_are_those_of_the_model_itself_and_texts_of_mixed_lengths_do_not_disturb_each_other():
    model = bundled("reference")
    assert model.tokenizer is not None
    said = [
        "Mary and John were near the store , Mary and John were near",
        "Susan gave a drink to",
        "the ball and the ring",
    ]
    prompts = texts_as_prompts([Text(f"{number}", "all", own) for number, own in enumerate(said)], model.tokenizer)
    edits = {"a1.h0": Uniform(), "a2.h3": Zero()}
    for words, losses in zip(said, edited_losses(model, prompts, [edits]), strict=True):
        ids = torch.tensor([model.tokenizer(words)["input_ids"]])
        plain = model.bridge(ids)[0, :-1]
        with edited(model, edits):
            masked = model.bridge(ids)[0, :-1]
        for logits, own in zip((plain, masked), losses, strict=True):
            assert own == pytest.approx(cross_entropy(logits, ids[0, 1:], reduction="none").numpy(), abs=2e-5)


def test_a_circuit_is_used_where_its_edges_carry_something(induction):
    """Without a0.h0 -> a1.h1<k> nothing is found; edges that carry nothing, and none at all, change nothing."""
    wiring = induction.wiring
    edges = [str(edge) for edge in wiring.edges]
    circuits = np.array([[edge == wanted for edge in edges] for wanted in ("a0.h0->a1.h1<k>", "a0.h1->a1.h1<k>", "")])
    assert circuits.sum(axis=1).tolist() == [1, 1, 0]
    repeated, once = circuit_losses(induction, texts(REPEATED, ONCE), circuits, ablation=Mean())
    assert influence(repeated[0], repeated[1]).value > 0.1
    assert np.allclose(repeated[2:], repeated[0], atol=1e-6)
    assert np.allclose(once[2:], once[0], atol=1e-6)
    plain = edited_losses(induction, texts(REPEATED, ONCE), [])
    assert repeated[0] == pytest.approx(plain[0][0], abs=1e-6)


def test_all_edges_ablated_is_the_loss_of_the_means(induction):
    everything = np.ones((1, induction.wiring.n_edges), dtype=bool)
    whole = texts(REPEATED, ONCE)
    losses = circuit_losses(induction, whole, everything, ablation=Mean())
    assert np.ptp(np.concatenate([own[1, [1, 2]] for own in losses])) > 0  # unigram means: tokens differ
    first, second = losses[0][1], losses[1][1]
    assert first[REPEATED.index(7) - 1] == pytest.approx(second[ONCE.index(7) - 1], abs=1e-5)


def test_influence_by_hand():
    plain, masked = np.array([1.0] * BLOCK + [3.0] * BLOCK), np.array([2.0] * BLOCK + [3.0] * BLOCK)
    estimate = influence(plain, masked)
    assert estimate.value == pytest.approx(0.25)
    assert estimate.interval.low < 0.25 < estimate.interval.high
    assert influence(plain, plain).value == 0
    assert influence(masked, plain).value < 0
    assert influence(plain[:BLOCK], masked[:BLOCK]).interval == (-math.inf, math.inf)
    with pytest.raises(ValueError, match="loss is 0"):
        influence(np.zeros(4), np.ones(4))


def test_the_area_counts_pairs_and_has_a_width_where_groups_are_apart():
    apart = group_auroc(np.array([3.0, 4.0, 5.0]), np.array([0.0, 1.0]))
    assert apart.value == 1
    assert apart.interval.high == 1
    assert apart.interval.low < 0.5  # two texts on one side show little
    assert group_auroc(np.array([1.0, 1.0]), np.array([1.0])).value == 0.5
