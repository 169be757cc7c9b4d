"""Profiles on patterns worked out by hand, and on random models against patterns of TransformerLens' own cache."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.model.load import load_model
from circuits.profiles import (
    PROFILES,
    Attention,
    Distance,
    DuplicateToken,
    Entropy,
    Induction,
    OutputNorm,
    OwnToken,
    PreviousToken,
    Profile,
    Received,
    Sink,
    ValueDrain,
    WeightProfile,
    measure_profiles,
    weigh_profiles,
)
from circuits.profiles.base import ContinuedProfile, LayerSeen
from circuits.tasks import IMAGE_TASKS
from tests.circuits.hand_models import induction_prompts, write_induction
from tests.conftest import FAMILIES, random_prompts

ROWS = [[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]


def seen(rows: list[list[float]], tokens: tuple[int, ...] = (1, 2, 3, 4), **roles: tuple[int, ...]) -> LayerSeen:
    """A layer of one prompt and one head with this pattern."""
    pattern = torch.tensor(rows, dtype=torch.float32)[None, None]
    prompt = Prompt(tokens, tokens, (0,), roles=roles)
    batch: Any = SimpleNamespace(prompts=(prompt,), clean=torch.tensor([tokens]))
    places = {profile: profile.places(PromptSet("by hand", (prompt,))) for profile in (Attention(), Attention(to="IO"))}
    nothing = torch.zeros(1, len(tokens), 1, 2)
    return LayerSeen(
        SimpleNamespace(),  # pyright: ignore[reportArgumentType]
        batch,
        0,
        places,
        pattern=pattern,
        visible=torch.ones_like(pattern[0], dtype=torch.bool).tril(),
        value=nothing.transpose(1, 2),
        z=nothing,
        residual=nothing[:, :, 0],
    )


def value(profile: Profile, of: LayerSeen) -> float:
    return float(profile.read(of).values.squeeze())


def test_attention_received_is_the_mean_over_the_queries_that_can_see_a_position():
    of = seen(ROWS)
    assert [value(Received(position), of) for position in range(4)] == [0.6875, 0.25, 0.125, 0.25]
    assert [value(Sink(position), of) for position in range(4)] == [1, 0, 0, 0]


def test_an_even_head_gives_the_first_of_64_tokens_a_harmonic_share():
    rows = torch.ones(64, 64).tril()
    even = seen((rows / rows.sum(1, keepdim=True)).tolist(), tuple(range(64)))
    assert value(Received(), even) == pytest.approx(sum(1 / n for n in range(1, 65)) / 64, rel=1e-6)
    assert value(Entropy(), even) == pytest.approx(1, rel=1e-6)
    own = seen(torch.eye(64).tolist(), tuple(range(64)))
    assert value(Received(), own) == 1 / 64
    assert (value(OwnToken(), own), value(Entropy(), own), value(Distance(), own)) == (1, 0, 0)


def test_where_a_head_attends():
    of = seen(ROWS, (5, 6, 5, 6), IO=(0, 1), S=(3,))
    # Queries 2 and 3 come again: they attend to their first occurrences, 0 and 1, and to what followed, 1 and 2.
    assert value(DuplicateToken(), of) == (0.5 + 0.25) / 2
    assert value(Induction(), of) == (0.5 + 0.25) / 2
    assert value(PreviousToken(), of) == pytest.approx((1 + 0.5 + 0.25) / 3)
    assert value(OwnToken(), of) == pytest.approx(0.25 / 3)
    assert value(Distance(), of) == pytest.approx((0 + 1 + 1.5 + 1.5) / 4)
    assert value(Distance(window=1), of) == pytest.approx((0 + 1 + 1 + 0.75) / 4)
    assert value(Entropy(), of) == pytest.approx((0 + math.log(2) / math.log(3) + 1) / 3)
    to_each = Attention().read(of).values[0, :, 0].tolist()
    assert dict(zip(of.places[Attention()], to_each, strict=True)) == {"END": 0.25, "IO": 0.5, "S": 0.25}
    assert value(Attention(to="IO"), of) == 0.5


def test_a_previous_token_head_is_one_token_away():
    of = seen(torch.eye(5).roll(1, 0).tril().tolist()[:5], (1, 2, 3, 4, 5))
    assert (value(PreviousToken(), of), value(Distance(window=9), of)) == (1, pytest.approx(4 / 5))


def test_the_hand_written_induction_model_is_profiled_as_what_it_is(tmp_path):
    model, prompts = load_model(str(write_induction(tmp_path))), induction_prompts()
    before, again = measure_profiles(model, prompts, [PreviousToken(), Induction()])
    previous, induction = before.means[0], again.means[0]
    assert previous.max() == 1
    assert induction.max() == 1
    assert previous.argmax() != induction.argmax()
    assert str(again.components[int(induction.argmax())]).startswith("a1.")


@pytest.mark.parametrize("family", [*FAMILIES, "gptneo", "smollm3"])
def test_profiles_are_those_of_the_patterns_in_the_bridge_own_cache(family, family_model):
    model, prompts = family_model(family), random_prompts(5, length=20)
    profiles = [PreviousToken(), Attention(query="last-two", to="first"), Received(), Entropy(), OutputNorm()]
    scores = measure_profiles(model, prompts, profiles)
    previous, to_first, received, entropy, norms = (own.per_prompt[:, 0] for own in scores)
    n_heads = model.wiring.n_heads
    for number, prompt in enumerate(prompts):
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(torch.tensor([prompt.clean]))
        for layer in range(model.wiring.n_layers):
            heads = slice(layer * n_heads, (layer + 1) * n_heads)
            pattern = cache[f"blocks.{layer}.attn.hook_pattern"][0].float()
            n = pattern.shape[-1]
            expected = pattern.diagonal(-1, dim1=1, dim2=2).mean(-1)
            np.testing.assert_allclose(previous[number, heads], expected, atol=2e-5)
            rows = pattern[:, list(prompt.roles["last-two"])]
            np.testing.assert_allclose(to_first[number, heads], rows[..., 0].mean(-1), atol=2e-5)
            # A sliding window hides the first token from later ones.
            can_see = [q for q in range(n) if pattern[:, q, 0].max() > 0]
            np.testing.assert_allclose(received[number, heads], pattern[:, can_see, 0].mean(-1), atol=2e-5)
            visible = (pattern > 0).any(0).sum(-1)
            several = visible > 1
            ratio = torch.special.entr(pattern).sum(-1)[:, several] / visible[several].log()
            np.testing.assert_allclose(entropy[number, heads], ratio.mean(-1), atol=1e-4)
            z = cache[f"blocks.{layer}.attn.hook_z"][0].reshape(n, n_heads, -1)
            written = torch.einsum("pha,had->phd", z, model.forward.layers[layer].head_weights_o)
            np.testing.assert_allclose(norms[number, heads], written.norm(dim=-1).mean(0), rtol=1e-4)


def test_prompts_are_measured_alone_as_together_and_in_parts(family_model, monkeypatch):
    model, prompts = family_model("llama"), random_prompts(7, length=18)
    profiles = [Attention(), Induction(), ValueDrain(), Sink()]
    together = measure_profiles(model, prompts, profiles)
    monkeypatch.setattr(model.forward, "numbers_at_once", 1)
    for own, parted in zip(together, measure_profiles(model, prompts, profiles), strict=True):
        np.testing.assert_allclose(parted.per_prompt, own.per_prompt, atol=1e-5)
    for number in range(len(prompts)):
        for own, alone in zip(together, measure_profiles(model, prompts[number : number + 1], profiles), strict=True):
            shared = [own.positions.index(place) for place in alone.positions]
            np.testing.assert_allclose(alone.per_prompt[0], own.per_prompt[number, shared], atol=1e-5)
            np.testing.assert_array_equal(alone.measured[0], own.measured[number, shared])


def test_what_a_prompt_lacks_is_not_measured(family_model):
    model = family_model("gpt2")
    prompts = PromptSet(
        "two", (Prompt((1, 2, 1), (1, 2, 3), (4,), roles={"A": (0,)}), Prompt((1, 2, 3), (1, 2, 1), (4,)))
    )
    copies, to_role = measure_profiles(model, prompts, [DuplicateToken(), Attention(to="A")])
    for scores in (copies, to_role):
        np.testing.assert_array_equal(scores.measured[:, 0, 0], [True, False])
        assert scores.per_prompt[0].min() > 0
        assert not scores.per_prompt[1].any()


@pytest.mark.parametrize(
    ("profile", "prompts", "message"),
    [
        (
            Attention(to="IO"),
            random_prompts(2),
            r"no prompt of 'random' has the role 'IO'. Roles are END, first, last-two",
        ),
        (Attention(query="S"), random_prompts(2), "has the role 'S'"),
        (Received(position=3), random_prompts(2), "position 3 is seen by 6 tokens of the shortest prompt, which has 9"),
        (Sink(position=-1), random_prompts(2), "count from 0"),
        (ValueDrain(), PromptSet("one", (Prompt((1,), (2,), (3,)),)), "a single token"),
    ],
)
def test_prompts_that_lack_what_is_read_are_refused_before_the_model_runs(
    profile, prompts, message, family_model, monkeypatch
):
    model = family_model("gpt2")
    monkeypatch.setattr(model.forward, "run", lambda *_, **__: pytest.fail("the model ran"))
    with pytest.raises(ValueError, match=message):
        measure_profiles(model, prompts, [profile])


def test_settings_without_sense_are_refused():
    with pytest.raises(ValueError, match="window=0 holds no token"):
        Distance(window=0)
    with pytest.raises(ValueError, match=r"over=1\.5 is no share"):
        Sink(over=1.5)


def answered(model: Any, prompts: PromptSet) -> PromptSet:
    """The prompts with the token that the model says as their answer, all of them a needle."""
    own = [int(model.bridge(torch.tensor([prompt.clean]))[0, -1].argmax()) for prompt in prompts]
    roles = {"needle": tuple(range(len(prompts.prompts[0])))}
    renewed = [replace(p, answers=(said,), wrong_answers=(), roles=roles) for p, said in zip(prompts, own, strict=True)]
    return PromptSet(prompts.task, tuple(renewed))


def as_choices(prompts: PromptSet) -> PromptSet:
    """The prompts with two options each, of which the first is correct in every other one."""
    roles = {"label_A": (3,), "option_A": (4, 5), "label_B": (7,), "option_B": (8,)}
    correct = [{"correct_label": roles[("label_A", "label_B")[n % 2]]} for n in range(len(prompts))]
    renewed = [replace(p, roles={**p.roles, **roles, **own}) for p, own in zip(prompts, correct, strict=True)]
    return PromptSet(prompts.task, tuple(renewed))


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_keeps_within_its_bounds_and_says_where_it_comes_from(name, family_model):
    model, prompts = family_model("qwen3"), random_prompts(4, length=20)
    profile = PROFILES[name]()
    if name in ("image-attention", "visual-sinks", "head-divergence"):
        model = load_model("reference-vlm")
        prompts = IMAGE_TASKS["scene-objects"]().build(model.vision, n=3)
    if name in ("correct-letter", "options"):
        prompts = as_choices(prompts)
    if isinstance(profile, ContinuedProfile):
        prompts = answered(model, prompts)
    is_weighed = isinstance(profile, WeightProfile)
    (scores,) = weigh_profiles(model, [profile]) if is_weighed else measure_profiles(model, prompts, [profile])
    low, high = profile.limits
    measured = scores.per_prompt[scores.measured]
    assert low is None or measured.min() >= low
    assert high is None or measured.max() <= high + 1e-5
    has_one_number = name in ("sink", "sinks", "secondary-sinks", "visual-sinks") or isinstance(
        profile, ContinuedProfile
    )
    assert np.ptp(measured) > 0 or has_one_number
    origin = scores.provenance
    assert (origin.method, origin.scores_are, origin.metric) == (name, "observed", "none")
    assert origin.prompts_fingerprint == ("none" if is_weighed else prompts.fingerprint)
    assert profile.summary[0].islower()
    assert profile.label == name
    assert replace(profile) == profile
