"""Heads that see are those whose output changes with the picture, and only they are strengthened."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.image_prompts import image_prompts
from circuits.data.prompts import PromptSet
from circuits.injection.answers import answers
from circuits.injection.vision_heads import (
    HeadDivergence,
    Reinforcement,
    head_divergence,
    reinforced,
    reinforcement,
    reinforcement_tap,
)
from circuits.tasks import IMAGE_TASKS
from tests.bundled import bundled
from tests.conftest import FAMILIES, VOCABULARY, random_prompts

HALF = Reinforcement(tuple((2.0, 1.0, 1.0, 0.5) for _ in range(3)))


@pytest.fixture(scope="module")
def vlm() -> Any:
    return bundled("reference-vlm")


@pytest.fixture(scope="module")
def prompts(vlm: Any) -> PromptSet:
    asked = IMAGE_TASKS["scene-objects"]().questions(n=6, seed=2, negatives="random")
    return image_prompts("scene-objects", asked, vlm.vision)


def divergence(values: list[list[float]], without: list[list[float]]) -> HeadDivergence:
    """The divergence of one prompt."""
    names = tuple(f"a{layer}.h{head}" for layer, heads in enumerate(values) for head in range(len(heads)))
    return HeadDivergence(names, len(values), np.array(values).reshape(1, -1), np.array(without).reshape(1, -1))


def test_divergence_is_what_the_models_own_heads_show(vlm: Any, prompts: PromptSet):
    measured = head_divergence(vlm, prompts)
    prompt = prompts.prompts[3]
    first, stop = prompt.image_tokens or (0, 0)
    blind = torch.tensor([prompt.clean[:first] + prompt.clean[stop:]])

    def last_z(ids: torch.Tensor, **pixels: Any) -> torch.Tensor:
        """What the output matrix of layer 4 reads [head, d_head]."""
        seen: list[torch.Tensor] = []
        matrix = vlm.bridge.blocks[4].attn.o
        handle = matrix.register_forward_pre_hook(lambda _m, args: seen.append(args[0][0, -1].view(4, -1)))
        with torch.no_grad():
            vlm.bridge.original_model(input_ids=ids, **pixels)
        handle.remove()
        return seen[0]

    seeing, without = last_z(torch.tensor([prompt.clean]), **vlm.vision.pixels([prompt.image])), last_z(blind)
    own = slice(16, 20)
    assert measured.heads[own] == ("a4.h0", "a4.h1", "a4.h2", "a4.h3")
    np.testing.assert_allclose(measured.divergence[3, own], (seeing - without).norm(dim=-1), rtol=1e-3)
    np.testing.assert_allclose(measured.without[3, own], without.square().sum(-1), rtol=1e-3)


def test_prompts_without_a_picture_are_refused(family_model: Any):
    with pytest.raises(ValueError, match="prompt 0 shows no image"):
        head_divergence(family_model("llama"), random_prompts())


def test_heads_above_the_median_of_their_layer_are_strengthened():
    chosen = reinforcement(divergence([[1, 2, 3, 4], [5, 5, 5, 6]], [[1, 1, 1, 1], [1, 1, 1, 1]]), factor=3)
    assert chosen.factors == ((1, 1, 3, 3), (1, 1, 1, 3))
    assert chosen.changed == (0, 1)


def test_outliers_are_left_alone():
    # Head 3 exceeds mean + deviation in both: 4 > 2.5 + 1.12 and 9 > 3 + 3.46. Its divergence counts as 0.
    chosen = reinforcement(divergence([[1, 2, 3, 4]], [[1, 1, 1, 9]]))
    assert chosen.factors == ((1, 2, 2, 1),)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tap_on_the_last_token_does_what_the_hooks_do(family_model: Any, family: str):
    model = family_model(family)
    ids = torch.randint(VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = model.bridge.original_model(ids).logits
        with reinforced(model, HALF):
            expected = model.bridge.original_model(ids).logits
        run = model.forward.run(model.forward.embed(ids), n_positions=9, rows=None, tap=reinforcement_tap(model, HALF))
        logits = model.forward.logits(run)
    assert torch.equal(expected[:, :-1], plain[:, :-1])
    assert not torch.allclose(expected[:, -1], plain[:, -1], atol=0.01)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_factors_of_one_change_no_bit_and_hooks_are_removed(vlm: Any, prompts: PromptSet):
    nothing = Reinforcement(((1.0,) * 4,) * 6)
    plain, unchanged = answers(vlm, prompts, {"plain": None, "one": partial(reinforcement_tap, vlm, nothing)}).values()
    assert np.array_equal(plain.answer_logit, unchanged.answer_logit)
    matrix, twice = vlm.bridge.blocks[5].attn.o, Reinforcement(((2.0,) * 4,) * 6)
    with reinforced(vlm, twice):
        assert len(matrix._forward_pre_hooks) == 1
    with pytest.raises(RuntimeError, match="interrupted"), reinforced(vlm, twice):
        raise RuntimeError("interrupted")
    assert not matrix._forward_pre_hooks


def test_another_models_heads_are_refused(family_model: Any):
    with pytest.raises(ValueError, match="Was it made for another model"):
        reinforcement_tap(family_model("llama"), Reinforcement(((1.0,) * 4,) * 6))
