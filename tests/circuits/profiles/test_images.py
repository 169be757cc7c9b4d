"""What heads see of pictures: by hand, on the bundled model that reads images, and against its own gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import PromptSet
from circuits.injection.vision_heads import head_divergence
from circuits.profiles import (
    Attention,
    HeadDivergence,
    ImageAttention,
    Saliency,
    VisualSinks,
    measure_profiles,
)
from circuits.tasks import IMAGE_TASKS
from tests.bundled import bundled
from tests.circuits.profiles.by_hand import by_place, seen
from tests.conftest import random_prompts

VISUAL = ("early-visual", "object-visual", "late-visual")


@pytest.fixture(scope="module")
def vlm() -> Any:
    return bundled("reference-vlm")


@pytest.fixture(scope="module")
def prompts(vlm: Any) -> PromptSet:
    return IMAGE_TASKS["scene-objects"]().build(vlm.vision, n=3, seed=2)


@pytest.mark.parametrize(("second", "third", "portion"), [(0.2, 0.2, 0.4), (0.3, 0.1, 0.6)])
def test_the_share_of_attention_on_visual_sinks(second: float, third: float, portion: float):
    """The first token is massive in dimension 3; the second of three image tokens points there too."""
    rows = torch.zeros(5, 5)
    rows[4] = torch.tensor([0.4, 0.1, second, third, 0.1])
    sinks = VisualSinks()
    of = seen(rows, sinks)
    (prompt,) = of.prompts
    object.__setattr__(prompt, "image_tokens", (1, 4))
    of.residual = torch.full((1, 5, 1000), 0.1)
    of.residual[0, 0, 3] = 100
    assert by_place(sinks, of) == {"attention": 0, "tokens": 0}
    of.residual[0, 2, 3] = 100
    assert by_place(sinks, of) == {"attention": pytest.approx(portion), "tokens": pytest.approx(1 / 3)}
    assert float(ImageAttention().read(of).values) == pytest.approx(0.5)
    of.residual[0, 0, 3] = 1  # no longer massive: nothing says which dimension a sink has
    assert by_place(sinks, of)["attention"] == 0


def test_attention_to_the_image_is_that_to_its_parts(vlm: Any, prompts: PromptSet):
    whole, parts = measure_profiles(vlm, prompts, [ImageAttention(), Attention()])
    total = sum(parts.at(role).per_prompt for role in VISUAL)
    np.testing.assert_allclose(whole.per_prompt, total, atol=1e-5)
    assert whole.per_prompt.max() > 0.2


def test_divergence_is_that_which_strengthens_heads(vlm: Any, prompts: PromptSet):
    (scores,) = measure_profiles(vlm, prompts, [HeadDivergence()])
    np.testing.assert_array_equal(scores.per_prompt[:, 0], head_divergence(vlm, prompts).divergence)


def test_saliency_over_all_keys_is_the_gradient_by_the_output_times_it(vlm: Any, prompts: PromptSet):
    (scores,) = measure_profiles(vlm, prompts, [Saliency()])
    categories = sum(scores.at(role).per_prompt for role in scores.positions[1:])
    # The categories partition a prompt.
    np.testing.assert_allclose(categories, scores.at("all").per_prompt, atol=1e-4)
    assert np.abs(scores.at("object-visual").per_prompt).max() > 0.01
    (sizes,) = measure_profiles(vlm, prompts, [Saliency(absolute=True)])
    assert (sizes.per_prompt >= np.abs(scores.per_prompt) - 1e-4).all()


@pytest.mark.parametrize("family", ["gpt2", "qwen3"])
def test_saliency_is_what_a_little_more_of_a_head_adds(family: str, family_model: Any):
    """d metric / d log of a factor on a head's output, against a difference of two runs of the model itself."""
    model = family_model(family)
    prompts = PromptSet("alike", random_prompts(4).prompts[::2])
    (scores,) = measure_profiles(model, prompts, [Saliency()])
    forward, n_heads, step = model.forward, model.wiring.n_heads, 1e-2
    for layer, index in ((0, 1), (model.wiring.n_layers - 1, 0)):

        def gain(factor: float, layer: int = layer, index: int = index) -> list[float]:
            def tap(number: int, site: Any, value: torch.Tensor) -> torch.Tensor:
                if (number, site) != (layer, "z"):
                    return value
                scales = torch.ones(n_heads)
                scales[index] = factor
                return value * scales[:, None]

            ids = torch.tensor([prompt.clean for prompt in prompts])
            with torch.no_grad():
                final = forward.run(forward.embed(ids), n_positions=ids.shape[1], tap=tap)
                logits = forward.logits(final).double()
            return [
                float(own[p.answer_position, p.answers[0]] - own[p.answer_position, p.wrong_answers[0]])
                for own, p in zip(logits, prompts, strict=True)
            ]

        difference = (np.array(gain(1 + step)) - np.array(gain(1 - step))) / (2 * step)
        np.testing.assert_allclose(scores.at("all").per_prompt[:, 0, layer * n_heads + index], difference, atol=2e-3)


@pytest.mark.parametrize("profile", [HeadDivergence(), ImageAttention(), VisualSinks()])
def test_prompts_without_a_picture_are_refused(profile: Any, family_model: Any):
    with pytest.raises(ValueError, match="shows no image"):
        measure_profiles(family_model("gpt2"), random_prompts(2), [profile])


def test_answers_of_several_tokens_have_no_single_logit(family_model: Any):
    drawn = random_prompts(1).prompts[0]
    long = replace(drawn, answers=((1, 2),), wrong_answers=(), answer_position=-1)
    with pytest.raises(ValueError, match="answers have several tokens"):
        measure_profiles(family_model("gpt2"), PromptSet("long", (long,)), [Saliency()])
    with pytest.raises(ValueError, match="numbers above 0"):
        VisualSinks(over=0)
