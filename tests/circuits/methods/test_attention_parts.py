"""Queries, keys, values and patterns patched by themselves, against whole re-runs through TransformerLens hooks.

The bridge's hooks for queries and keys come before norms and rotation, ours after them. Both act on each position
and head by itself, so a value taken from the same position of another run is the same patch in either case. Keys and
values are counted by key-value head in both.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import ActivationPatching
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import PROGRAMS
from tests.conftest import mostly_slow, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
PARTS = ("query", "key", "value", "pattern")
HOOKS = {"query": "hook_q", "key": "hook_k", "value": "hook_v", "pattern": "hook_pattern", "head": "hook_z"}

# Prefixes and directions are the same whatever the layers are made of: two families show all four combinations.
FEW = [("gpt2", 0, "corrupt"), ("gpt2", 5, "restore"), ("llama", 5, "corrupt"), ("llama", 0, "restore")]
FEW += [("neox", 5, "corrupt"), ("qwen3", 0, "restore"), ("mistral", 5, "corrupt")]
ALL = [
    *itertools.product(("gpt2", "llama"), (0, 5), ("corrupt", "restore")),
    *((family, *case) for family in ("neox", "qwen3", "mistral") for case in ((5, "corrupt"), (0, "restore"))),
]
every_case = pytest.mark.parametrize(("family", "shared_prefix", "direction"), mostly_slow(ALL, FEW))
# Places of several positions are patched by the code of single ones.
few_cases = pytest.mark.parametrize(
    ("family", "shared_prefix", "direction"),
    mostly_slow(ALL, [("gpt2", 5, "restore"), ("llama", 0, "corrupt"), ("neox", 5, "corrupt")]),
)


def logit_difference(logits: torch.Tensor, prompt: Prompt) -> float:
    row = logits[0, prompt.answer_position]
    return float(row[prompt.answers[0]] - row[prompt.wrong_answers[0]])


class Reruns:
    """Effects by whole re-runs of single prompts through the bridge's hooks, nothing resumed or stacked."""

    def __init__(self, model, prompts: PromptSet, direction: str) -> None:
        self.bridge, self.prompts = model.bridge, tuple(prompts)
        pairs = [(p.clean, p.corrupt) if direction == "corrupt" else (p.corrupt, p.clean) for p in prompts]
        self.base = [torch.tensor([base]) for base, _ in pairs]
        hooked = tuple(HOOKS.values())
        self.donors = [
            self.bridge.run_with_cache(torch.tensor([donor]), names_filter=lambda name: name.endswith(hooked))[1]
            for _, donor in pairs
        ]
        with torch.no_grad():
            self.unpatched = [logit_difference(self.bridge(ids), p) for ids, p in zip(self.base, prompts, strict=True)]
        self.sign = 1 if direction == "corrupt" else -1

    def effect(self, number: int, component, positions: list[int]) -> float:
        """Of patching a component of one prompt at these positions: of keys or values themselves, else of queries."""
        name = f"blocks.{component.layer}.attn.{HOOKS[component.kind]}"
        donor = self.donors[number][name]

        def patch(value, hook):
            value = value.clone()
            if component.kind == "pattern":
                value[:, component.index, positions] = donor[:, component.index, positions]
            else:
                value[:, positions, component.index] = donor[:, positions, component.index]
            return value

        with torch.no_grad():
            logits = self.bridge.run_with_hooks(self.base[number], fwd_hooks=[(name, patch)])
        return self.sign * (self.unpatched[number] - logit_difference(logits, self.prompts[number]))


def assert_equal_to_reruns(model, prompts, *, at, direction, positions_of, n_of_each=6):
    """Compare some measured scores of each kind, drawn at random; positions_of(prompt, position) -> positions."""
    scores = ActivationPatching(at=at, direction=direction, kinds=PARTS).score(model, prompts, metric=LOGIT_DIFFERENCE)
    reruns = Reruns(model, prompts, direction)
    kinds = np.array([component.kind for component in scores.components])
    draw, places = np.random.default_rng(0), np.argwhere(scores.measured)
    measured = np.concatenate([draw.permutation(places[kinds[places[:, 2]] == kind])[:n_of_each] for kind in PARTS])
    expected = [
        reruns.effect(number, scores.components[column], positions_of(reruns.prompts[number], scores.positions[row]))
        for number, row, column in measured
    ]
    effects = scores.per_prompt[tuple(measured.T)]
    size = np.abs(scores.per_prompt).max()
    for kind in PARTS:  # without an effect of each kind somewhere, nothing would be compared
        assert np.abs(np.array(expected)[kinds[measured[:, 2]] == kind]).max() > 1e-2 * size
    # Rounding of float32 through three layers, relative to the largest effect.
    np.testing.assert_allclose(effects, expected, atol=1e-5 * max(1, size))


@few_cases
def test_parts_patched_at_all_positions_equal_whole_reruns(family, shared_prefix, direction, family_model):
    assert_equal_to_reruns(
        family_model(family),
        random_prompts(3, shared_prefix=shared_prefix),
        at="all",
        direction=direction,
        positions_of=lambda prompt, position: list(range(len(prompt))),
    )


@every_case
def test_parts_patched_at_single_positions_equal_whole_reruns(family, shared_prefix, direction, family_model):
    assert_equal_to_reruns(
        family_model(family),
        random_prompts(3, shared_prefix=shared_prefix),
        at="positions",
        direction=direction,
        positions_of=lambda prompt, position: [int(position)],
    )


@few_cases
def test_parts_patched_at_roles_equal_whole_reruns(family, shared_prefix, direction, family_model):
    assert_equal_to_reruns(
        family_model(family),
        random_prompts(3, shared_prefix=shared_prefix),
        at="roles",
        direction=direction,
        positions_of=lambda prompt, position: list(prompt.roles[position]),
    )


def test_parts_are_counted_as_the_model_has_them(family_model):
    """Tiny llama: 4 query heads on 2 key-value heads."""
    scores = ActivationPatching(kinds=PARTS).score(family_model("llama"), random_prompts(2), metric=LOGIT_DIFFERENCE)
    names = [str(component) for component in scores.components if component.layer == 1]
    by_head = {letter: [f"a1.{letter}{head}" for head in range(4)] for letter in "qp"}
    assert names == [*by_head["q"], "a1.k0", "a1.k1", "a1.v0", "a1.v1", *by_head["p"]]


@pytest.mark.parametrize(
    ("name", "working"),
    [
        # Where a0.h0 looks depends on position alone, and where a1.h1 looks on the tokens.
        ("induction", {"a0.v0", "a1.q1", "a1.k1", "a1.v1", "a1.p1"}),
        ("two-step copy", {"a0.v1", "a1.v0"}),
        ("conjunction", {"a0.v0", "a0.v1"}),
    ],
)
def test_exactly_the_parts_that_a_program_uses_have_an_effect(name, working, tmp_path):
    program = PROGRAMS[name]
    model = load_model(str(program.write(tmp_path / "model")))
    scores = ActivationPatching(kinds=PARTS).score(model, program.prompts(), metric=LOGIT_DIFFERENCE)
    effects = np.abs(scores.per_prompt[:, 0]).max(axis=0)
    active = {str(part) for part, effect in zip(scores.components, effects, strict=True) if effect > 0}
    assert active == working


def test_where_an_induction_heads_parts_work(tmp_path):
    """The query at the end, keys and values where the earlier token is followed; patterns by the query's position."""
    program = PROGRAMS["induction"]
    model = load_model(str(program.write(tmp_path / "model")))
    # A B stands at 1, 2 of the clean prompt; C D at 3, 4 of the corrupt one.
    prompts = PromptSet("one", (Prompt((0, 1, 2, 7, 8, 1), (0, 5, 6, 3, 4, 3), (2,), (4,)),))
    scores = ActivationPatching(at="positions", kinds=PARTS).score(model, prompts, metric=LOGIT_DIFFERENCE)
    effects = scores.per_prompt[0]  # [position, part]
    column = {str(component): number for number, component in enumerate(scores.components)}
    where = {name: np.flatnonzero(effects[:, column[name]]).tolist() for name in ("a1.q1", "a1.k1", "a1.v1", "a1.p1")}
    assert where == {"a1.q1": [5], "a1.k1": [2], "a1.v1": [2], "a1.p1": [5]}
    # The corrupt query finds no 3 in the clean prompt and attends to all 6 tokens alike: 2 has 2/6, 4 nothing. The
    # corrupt pattern attends to position 4, where the clean prompt has an 8. The corrupt value at position 2 is a 6.
    nonzero = [effects[position, column[name]] for name, (position,) in where.items()]
    assert nonzero == pytest.approx([2 - 1 / 3, 2 - 1 / 3, 2, 2], abs=1e-6)
