"""Activation patching: by hand, against whole re-runs through TransformerLens, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import ActivationPatching
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import FAMILIES, MORE_FAMILIES, mostly_slow, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
_HOOKS = {"head": "attn.hook_z", "attention": "hook_attn_out", "mlp": "hook_mlp_out", "residual": "hook_resid_pre"}


class Reruns:
    """Effects of patching one prompt at a time through TransformerLens hooks, nothing resumed or stacked."""

    def __init__(self, model, prompts):
        self.bridge, self.prompts = model.bridge, tuple(prompts)
        is_patched = tuple(_HOOKS.values())
        with torch.no_grad():
            self.donors = [
                self.bridge.run_with_cache(
                    torch.tensor([prompt.corrupt]), names_filter=lambda hook_name: hook_name.endswith(is_patched)
                )[1]
                for prompt in self.prompts
            ]
            self.clean = [self.difference(self.bridge(torch.tensor([prompt.clean])), prompt) for prompt in self.prompts]

    @staticmethod
    def difference(logits, prompt):
        row = logits[0, prompt.answer_position]
        return float(row[prompt.answers[0]] - row[prompt.wrong_answers[0]])

    def effects(self, component, position):
        """[prompt] effects at a position, or at all (None); prompts that are too short for it are left out."""
        name = f"blocks.{component.layer}.{_HOOKS[component.kind]}"
        positions = slice(None) if position is None else slice(position, position + 1)
        effects = []
        for prompt, donor, clean in zip(self.prompts, self.donors, self.clean, strict=True):
            if position is not None and position >= len(prompt):
                continue

            def patch(value, hook, donor=donor[name]):
                value = value.clone()
                if component.kind == "head":
                    value[:, positions, component.index] = donor[:, positions, component.index]
                else:
                    value[:, positions] = donor[:, positions]
                return value

            with torch.no_grad():
                patched = self.bridge.run_with_hooks(torch.tensor([prompt.clean]), fwd_hooks=[(name, patch)])
            effects.append(clean - self.difference(patched, prompt))
        return np.array(effects)


# Positions and prefixes are the same whatever the layers are made of: three families show all four combinations.
IN_EVERY_WAY = ("gpt2", "llama", "gemma2")


@pytest.mark.parametrize(
    ("family", "at", "shared_prefix"),
    [(family, "positions", 2) for family in FAMILIES + MORE_FAMILIES]
    + mostly_slow([(family, "all", 0) for family in FAMILIES], [(family, "all", 0) for family in IN_EVERY_WAY])
    + [(family, *case) for family in IN_EVERY_WAY for case in (("all", 5), ("positions", 0))],
)
def test_resumed_and_stacked_patches_equal_whole_reruns(family, at, shared_prefix, family_model):
    # Three prompts have both lengths, and an answer before the end.
    model, prompts = family_model(family), random_prompts(3, shared_prefix=shared_prefix)
    scores = ActivationPatching(at=at).score(model, prompts, metric=LOGIT_DIFFERENCE)
    size, reruns = np.abs(scores.per_prompt).max(), Reruns(model, prompts)
    checked = 0
    for column, component in enumerate(scores.components):
        for row, position in enumerate(scores.positions):
            if component == scores.components[-1] or (3 * column + row) % (10 if at == "positions" else 2):
                continue  # the final stream has no bridge hook; one in ten positions, or every other part, is checked
            expected = reruns.effects(component, None if at == "all" else int(position))
            effects = scores.per_prompt[scores.measured[:, row, column], row, column]
            np.testing.assert_allclose(effects, expected, atol=1e-5 * size)
            checked += 1
    assert checked >= 10


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return load_model(str(write_detector(tmp_path_factory.mktemp("models") / "detector")))


@pytest.fixture
def previous_token_prompt():
    """At the question mark the answer is the token before it: 1 when clean, 2 when corrupt."""
    return PromptSet(
        "previous",
        (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,), roles={"asked": (2,), "start": (0, 1)}),),
    )


def test_only_the_two_working_heads_of_the_hand_model_score(detector, previous_token_prompt):
    """Clean logits at the end: token 1 has 2, others 0; corrupt: token 2 has 2. The difference falls from 2 to -2."""
    scores = ActivationPatching(kinds=("head", "mlp")).score(detector, previous_token_prompt, metric=LOGIT_DIFFERENCE)
    effects = dict(zip(map(str, scores.components), scores.means[0], strict=True))
    assert effects == pytest.approx({"a0.h0": 4, "a0.h1": 0, "m0": 0, "a1.h0": 0, "a1.h1": 4, "m1": 0}, abs=1e-5)


def test_roles_show_where_the_hand_model_keeps_the_token(detector, previous_token_prompt):
    """The token enters at `asked`; a0.h0 has moved it to the end, so r1 carries it at END and no longer at `asked`."""
    scores = ActivationPatching(at="roles", kinds=("residual", "head")).score(
        detector, previous_token_prompt, metric=LOGIT_DIFFERENCE
    )
    column = {str(component): number for number, component in enumerate(scores.components)}
    assert scores.positions == ("start", "asked", "END")
    by_role = {role: scores.at(role).means[0] for role in scores.positions}
    assert [by_role[role][column["r0"]] for role in scores.positions] == pytest.approx([0, 4, 0], abs=1e-5)
    assert [by_role[role][column["r1"]] for role in scores.positions] == pytest.approx([0, 0, 4], abs=1e-5)
    assert [by_role[role][column["a0.h0"]] for role in scores.positions] == pytest.approx([0, 0, 4], abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES + MORE_FAMILIES)
def test_restoring_is_corrupting_with_the_prompts_exchanged(family, family_model):
    model, prompts = family_model(family), random_prompts(shared_prefix=3)
    restored = ActivationPatching(direction="restore").score(model, prompts, metric=LOGIT_DIFFERENCE)
    exchanged = ActivationPatching().score(model, prompts.swapped(), metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(restored.per_prompt, -exchanged.per_prompt, atol=1e-5)


def test_corrupting_the_whole_stream_loses_the_whole_gap_at_every_layer(family_model):
    from circuits.evaluation.faithfulness import measure_baseline

    model, prompts = family_model("llama"), random_prompts()
    scores = ActivationPatching(kinds=("residual",)).score(model, prompts, metric=LOGIT_DIFFERENCE)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    gaps = baseline.clean - baseline.ablated
    np.testing.assert_allclose(scores.per_prompt[:, 0], np.tile(gaps[:, None], (1, 4)), atol=1e-5)


def test_positions_beyond_a_short_prompt_are_not_measured_rather_than_zero(family_model):
    prompts = random_prompts(2, length=5)
    scores = ActivationPatching(at="positions", kinds=("mlp",)).score(
        family_model("gpt2"), prompts, metric=LOGIT_DIFFERENCE
    )
    assert scores.positions == tuple("012345")
    assert scores.measured[0, :, 0].tolist() == [True] * 5 + [False]
    assert scores.measured[1, :, 0].all()


def test_a_kind_that_no_patch_knows_is_refused(family_model):
    method = ActivationPatching()
    object.__setattr__(method, "kinds", ("kv",))
    with pytest.raises(ValueError, match="no patch changes z by its kv"):
        method.score(family_model("llama"), random_prompts(), metric=LOGIT_DIFFERENCE)


def test_positions_before_the_first_difference_score_exactly_zero(family_model):
    prompts = random_prompts(shared_prefix=4)
    scores = ActivationPatching(at="positions").score(family_model("llama"), prompts, metric=LOGIT_DIFFERENCE)
    assert (scores.per_prompt[:, :4] == 0).all()
    assert scores.measured[:, :4].all()


def test_bidirectional_models_are_patched_whole(sample_model):
    from circuits.data.prompt_files import read_prompts
    from tests.conftest import SAMPLES

    model = sample_model("hist")
    prompts = read_prompts(SAMPLES / "hist" / "prompts.jsonl")[:12]
    scores = ActivationPatching(at="positions", kinds=("head", "mlp")).score(model, prompts, metric=LOGIT_DIFFERENCE)
    reruns = Reruns(model, prompts)
    for column, component in enumerate(scores.components):
        for row, position in enumerate(scores.positions):
            effects = scores.per_prompt[scores.measured[:, row, column], row, column]
            np.testing.assert_allclose(effects, reruns.effects(component, int(position)), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "named"), [({"at": "rolls"}, "roles"), ({"direction": "x"}, "restore"), ({"kinds": ()}, "mlp")]
)
def test_unknown_settings_name_the_known_ones(settings, named):
    with pytest.raises(ValueError, match=f"Known: .*{named}"):
        ActivationPatching(**settings)
