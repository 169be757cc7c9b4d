"""Prompts of different lengths run together: which ones, and that nothing but the time depends on it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from circuits.ablations import Corrupt
from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.lengths import Extent, cheapest_groups, cost_of, same_rotations_up_to
from circuits.model.load import model_from_module
from circuits.model.prompt_check import longest, require_reproduced
from circuits.scores import ComponentScores
from tests.circuits.plain_runs import long_prompts
from tests.conftest import mostly_slow, random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def mixed(n: int = 14, seed: int = 0) -> PromptSet:
    """Pairs of 4 to 17 tokens, which differ somewhere in the middle."""
    draw, prompts = random.Random(seed), []
    for number in range(n):
        clean = [draw.randrange(50) for _ in range(4 + number * 5 % n)]
        at = draw.randrange(1, len(clean))
        corrupt = [*clean[:at], (clean[at] + 1 + draw.randrange(48)) % 50, *clean[at + 1 :]]
        answer, wrong = draw.sample(range(50), 2)
        prompts.append(Prompt(tuple(clean), tuple(corrupt), (answer,), (wrong,), roles={"changed": (at,)}))
    return PromptSet("mixed", tuple(prompts))


def partitions(extents: list[Extent]) -> Iterator[list[list[Extent]]]:
    """Every way to put some extents into groups."""
    if not extents:
        yield []
        return
    first, *others = extents
    for groups in partitions(others):
        yield [[first], *groups]
        for number, group in enumerate(groups):
            yield [*groups[:number], [first, *group], *groups[number + 1 :]]


def total(groups: list[list[Extent]], sizes: dict[Extent, int], at_once: int) -> int:
    return sum(cost_of(group, sizes, at_once) for group in groups)


@pytest.mark.parametrize("seed", range(6))
def test_no_other_way_to_group_lengths_costs_less(seed):
    """Where all begin to differ at one position, neighbors by length are the best of all groups there are."""
    draw = random.Random(seed)
    sizes = {Extent(length, 2): draw.randrange(1, 9) for length in draw.sample(range(3, 60), 7)}
    for at_once in (4, 64):
        groups = cheapest_groups(sizes, at_once)
        assert sorted(itertools.chain(*groups)) == sorted(sizes)
        if at_once == 64:  # a group of several batches may be cut so that none is half empty
            assert total(groups, sizes, at_once) == min(total(each, sizes, at_once) for each in partitions([*sizes]))


@pytest.mark.parametrize("seed", range(6))
def test_groups_cost_no_more_than_one_for_each_extent_or_one_for_all(seed):
    draw = random.Random(seed)
    extents = {Extent(length := draw.randrange(4, 40), draw.randrange(length)) for _ in range(12)}
    sizes = {extent: draw.randrange(1, 9) for extent in extents}
    for at_once in (4, 64):
        groups = cheapest_groups(sizes, at_once)
        assert sorted(itertools.chain(*groups)) == sorted(sizes)
        most = min(total(each, sizes, at_once) for each in ([[one] for one in sizes], [list(sizes)]))
        assert total(groups, sizes, at_once) <= most


def test_a_few_tokens_more_are_filled_up_and_many_are_not():
    def lengths(sizes: dict[tuple[int, int], int]) -> list[list[int]]:
        groups = cheapest_groups({Extent(*extent): n for extent, n in sizes.items()}, 64)
        return [[extent.length for extent in group] for group in groups]

    assert lengths({(9, 0): 8, (10, 0): 8}) == [[9, 10]]
    assert lengths({(9, 0): 8, (90, 0): 8}) == [[9], [90]]
    assert lengths({(12, 0): 5}) == [[12]]
    # What long prompts share is run once: a pair that differs early would have them run from there on.
    assert lengths({(90, 80): 8, (90, 2): 8}) == [[90], [90]]
    assert lengths({(90, 80): 8, (90, 79): 8}) == [[90, 90]]


def test_prompts_of_one_length_come_as_they_did():
    prompts = PromptSet("one", random_prompts(12, shared_prefix=3).prompts[::2])
    forward = model_from_module(random_module("gpt2", n_layers=1)).forward
    for shares_prefix in (True, False):
        plain, with_answers = (
            list(batches(prompts, forward, at_once=4, shares_prefix=shares_prefix, with_answers=flag))
            for flag in (False, True)
        )
        assert [batch.prompt_indices for batch in plain] == [batch.prompt_indices for batch in with_answers]
        for one, other in zip(plain, with_answers, strict=True):
            assert torch.equal(one.clean, other.clean)
            assert one.start == other.start
            assert other.of_prompts.all()


def test_only_methods_get_prompts_that_are_filled_up(family_model):
    """Others may take the last position of a batch for the end of each prompt."""
    for prompts in (mixed(), long_prompts()):
        for batch in batches(prompts, family_model("gpt2").forward):
            assert {len(prompt) for prompt in batch.prompts} == {batch.n_positions}
            assert batch.n_sequences == len(batch)


def test_what_a_batch_holds_is_told_by_its_masks(family_model):
    seen = []
    for batch in batches(long_prompts(), family_model("gpt2").forward, with_answers=True):
        seen += batch.prompt_indices
        for row, (prompt, one) in enumerate(zip(batch.by_sequence, batch.continuations, strict=True)):
            whole = [*prompt.clean, *one]
            assert batch.clean[row][batch.of_sequences[row]].tolist() == whole
            assert batch.clean[row][batch.of_prompts[row]].tolist() == list(prompt.clean)
            assert batch.read_positions[row].tolist()[: len(one) + 1] == list(range(len(prompt) - 1, len(whole)))
            assert int(batch.read_positions[row].max()) == len(whole) - 1
            assert batch.alone(row).clean.tolist() == [whole]
        for number in range(len(batch)):
            part = batch.part(slice(number, number + 1))
            assert set(part.owners) == {0}
            assert part.continuations == batch.prompts[number].continuations
    assert sorted(seen) == list(range(len(long_prompts())))


def test_a_batch_holds_so_many_sequences_or_one_prompt(family_model):
    prompts = PromptSet("p", tuple(long_prompts().prompts) * 3)
    for at_once in (1, 3, 5):
        made = list(batches(prompts, family_model("gpt2").forward, at_once=at_once, with_answers=True))
        assert all(batch.n_sequences <= at_once or len(batch) == 1 for batch in made)
        assert sorted(n for batch in made for n in batch.prompt_indices) == list(range(len(prompts)))


WITH_SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("eap-ig", {}),
    ("activation-patching", {"at": "positions"}),
    ("activation-patching", {"at": "roles", "direction": "restore", "kinds": ("head", "key", "value", "pattern")}),
    ("path-patching", {}),
    ("causal-tracing", {"at": "roles", "window": 2}),
    ("atp-star", {"at": "positions"}),
    ("eap-ig-activations", {"steps": 2}),
]
UNLIKE_IN_LENGTH = ("gpt2", "mistral", "qwen3")


# Each method on one family, in turn, and with the slow tests on all.
@pytest.mark.parametrize(
    ("family", "name", "settings"),
    mostly_slow(
        [(family, *method) for family in UNLIKE_IN_LENGTH for method in WITH_SETTINGS],
        [(UNLIKE_IN_LENGTH[number % 3], *method) for number, method in enumerate(WITH_SETTINGS)],
    ),
)
def test_scores_are_those_of_each_prompt_alone(family, name, settings, family_model):
    model, prompts, method = family_model(family), mixed(), METHODS[name](**settings)
    together = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert len(list(batches(prompts, model.forward, shares_prefix=False, with_answers=True))) < len(prompts) / 2
    for number in range(0, len(prompts), 3):
        alone = method.score(model, prompts[number : number + 1], metric=LOGIT_DIFFERENCE)
        own = together.per_prompt[number]
        if settings.get("at") in ("positions", "roles"):
            assert isinstance(together, ComponentScores)
            assert isinstance(alone, ComponentScores)
            columns = [together.positions.index(position) for position in alone.positions]
            own = own[columns]
            others = np.delete(np.arange(len(together.positions)), columns)
            assert not together.measured[number, others].any()
            assert (together.measured[number, columns] == alone.measured[0]).all()
        np.testing.assert_allclose(alone.per_prompt[0], own, atol=1e-5 * max(1, np.abs(together.per_prompt).max()))


# Positions whose meaning depends on the length of the text


@pytest.mark.parametrize(
    ("parameters", "limit"),
    [
        ({"rope_type": "default"}, float("inf")),
        ({"rope_type": "llama3", "original_max_position_embeddings": 8}, float("inf")),
        ({"rope_type": "dynamic", "factor": 2.0}, 64),
        ({"rope_type": "longrope", "original_max_position_embeddings": 16}, 16),
        ({"full": {"rope_type": "longrope", "original_max_position_embeddings": 16}, "local": {}}, 16),
        (None, float("inf")),
    ],
)
def test_rotations_that_change_with_the_length_are_known(parameters, limit):
    config = SimpleNamespace(rope_parameters=parameters, max_position_embeddings=64)
    assert same_rotations_up_to(config) == limit
    assert same_rotations_up_to(SimpleNamespace(text_config=config)) == limit


def test_prompts_beyond_such_a_limit_are_run_by_length(family_model, monkeypatch):
    forward = family_model("llama").forward
    monkeypatch.setattr(forward, "same_rotations_up_to", 10)
    for batch in batches(mixed(), forward, shares_prefix=False, with_answers=True):
        lengths = {len(prompt) for prompt in batch.prompts}
        assert max(lengths) <= 10 or len(lengths) == 1
    model = family_model("llama")
    model.check_prompts(mixed())
    with pytest.raises(
        ValueError, match=r"prompt 3 has answers of different lengths, and is longer than the 10 tokens"
    ):
        model.check_prompts(PromptSet("p", (*long_prompts().prompts[:1], *mixed().prompts[:2], _longer())))


def _longer() -> Prompt:
    return Prompt(tuple(range(10)), (9, *range(1, 10)), ((5, 6),), ((7, 8, 9),))


def test_a_model_that_sees_later_tokens_takes_no_answers_of_several(family_model, monkeypatch):
    model = family_model("llama")
    monkeypatch.setattr(model.forward, "is_causal", False)
    with pytest.raises(ValueError, match=r"prompt 0 has answers of several tokens, .*Give answers of one token"):
        model.check_prompts(long_prompts())


def test_the_check_on_a_runs_own_prompts_fills_a_short_one_up(family_model):
    chosen = longest(mixed())
    assert [len(prompt) for prompt in chosen] == [17, 4]
    (long, short) = longest(long_prompts())
    assert (long.n_positions, short.n_positions) == (11, 5)
    assert long.continuations == ((2, 3),)
    model = family_model("llama")
    for prompts in (chosen, (long, short)):
        require_reproduced(model.forward, model.original, prompts)


def test_a_model_in_which_filler_is_seen_is_refused(family_model, monkeypatch):
    """What is filled up must change nothing; a mask that lets tokens see those after them is found out."""
    model = model_from_module(random_module("gpt2", n_layers=2))
    length, context = 17, model.forward.context(17)
    seeing = [layer._replace(bias=torch.zeros_like(layer.bias)) for layer in context]
    monkeypatch.setitem(model.forward._contexts, length, seeing)
    with pytest.raises(ValueError, match="is not supported on prompts of 17 tokens"):
        METHODS["eap"]().score(model, mixed(), metric=LOGIT_DIFFERENCE, ablation=Corrupt())
