"""Fast runs under edits give what the whole edited model gives; attention by role and direct attribution add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits import KnockOut, Reverse, Scale, SetRows, Shuffle, Uniform, edited
from circuits.edits.downstream import observe
from circuits.edits.runs import each_edited
from circuits.model.load import load_model
from tests.circuits.hand_models import QUESTION, write_detector
from tests.circuits.plain_runs import long_prompts
from tests.conftest import FAMILIES, MORE_FAMILIES, random_prompts

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
EDITS = {
    "a1.h1": Uniform("END"),
    "a0.h3": [Reverse("all"), Scale("last-two", 2.0)],
    "a2.h2": [Shuffle("END"), SetRows("END", "END=0.5,7=0.5")],
}


def finals(model: Any, prompts: PromptSet, variants: list[Any]) -> Tensor:
    """Logits [variant, prompt, token] at the answer position, the plain run first."""
    got = torch.zeros(1 + len(variants), len(prompts), model.n_outputs)

    def work(batch: Any, plain: Tensor, run: Callable[[int], Tensor]) -> None:
        for number, final in enumerate([plain, *map(run, range(len(variants)))]):
            first = model.forward.logits(final[:, 0])[batch.first_sequences]
            got[number, list(batch.prompt_indices)] = first

    each_edited(model, prompts, variants, work)
    return got


def whole(model: Any, prompts: PromptSet, edits: Any) -> Tensor:
    """The same by hooks on the whole model, one prompt at a time."""
    with torch.no_grad(), edited(model, edits, prompts):
        return torch.stack([model.bridge(torch.tensor([p.clean]))[0, p.answer_position] for p in prompts])


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_fast_runs_and_parts_of_the_logit_difference_are_those_of_the_whole_model(family_model, family):
    model, prompts = family_model(family), random_prompts(5)
    expected = whole(model, prompts, EDITS)
    plain, fast, empty = finals(model, prompts, [EDITS, {}])
    torch.testing.assert_close(fast, expected, **CLOSE)
    assert torch.equal(plain, empty)
    if family == "gemma2":
        with pytest.raises(ValueError, match="caps its logits"):
            observe(model, prompts, ["first"], EDITS)
        return
    seen = observe(model, prompts, ["first", "last-two"], EDITS)
    by_hand = [float(row[p.answers[0]] - row[p.wrong_answers[0]]) for row, p in zip(expected, prompts, strict=True)]
    np.testing.assert_allclose(seen.difference, by_hand, atol=2e-5)
    np.testing.assert_allclose(seen.direct.sum(1) + seen.others.sum(1), by_hand, atol=2e-5)
    np.testing.assert_allclose(seen.attention[:, seen.heads.index("a2.h2"), 0], 0, atol=1e-6)


def test_answers_of_several_tokens_are_read_under_edits(family_model):
    model, prompts = family_model("llama"), long_prompts()
    edits = {"a1.h0": Uniform("END"), "a2.h3": KnockOut("END..")}
    plain, fast = finals(model, prompts, [edits])
    torch.testing.assert_close(fast, whole(model, prompts, edits), **CLOSE)
    assert float((fast - plain).abs().max()) > 0.01


def test_what_heads_do_in_a_model_worked_out_by_hand(tmp_path):
    model, ids = load_model(str(write_detector(tmp_path / "detector"))), (3, 1, 1, 2, QUESTION)
    roles = {"last": (3,), "ones": (1, 2), "all": (0, 1, 2, 3, 4)}
    prompts = PromptSet("asked", (Prompt(ids, ids, (2,), (1,), roles=roles),))
    groups = ["last", "ones", "all", "all without last"]
    seen = observe(model, prompts, groups)
    assert seen.heads == ("a0.h0", "a0.h1", "a1.h0", "a1.h1")
    assert seen.attention[0, 0].tolist() == [1, 0, 1, 0]  # the previous-token head
    assert seen.direct[0].tolist() == [0, 0, 0, 2]  # a1.h1 alone writes the output
    assert seen.difference.tolist() == [2]
    edited_to = observe(model, prompts, groups, {"a0.h0": SetRows("END", "last=0.25,ones=0.75")})
    assert edited_to.attention[0, 0].tolist() == [0.25, 0.75, 1, 0.75]
    assert edited_to.direct[0].tolist() == [0, 0, 0, 0.5 - 1.5]
    assert not edited_to.others.any()


def test_attention_to_roles_is_that_of_the_recorded_patterns(family_model):
    model, prompts = family_model("qwen3"), random_prompts(3)
    seen = observe(model, prompts, ["first", "last-two"])
    for number, prompt in enumerate(prompts):
        run = model.forward.record(torch.tensor([prompt.clean]))
        rows = torch.cat([model.forward.pattern_of(run, n)[0, :, prompt.answer_position] for n in range(3)])
        np.testing.assert_allclose(seen.attention[number, :, 0], rows[:, 0], atol=1e-5)
        np.testing.assert_allclose(
            seen.attention[number, :, 1], rows[:, list(prompt.roles["last-two"])].sum(1), atol=1e-5
        )


def test_prompts_that_lack_what_is_compared_are_refused(family_model):
    model = family_model("gpt2")
    with pytest.raises(ValueError, match="prompt 0 has answers of several tokens"):
        observe(model, long_prompts(), ["END"])
    alone = PromptSet("alone", (Prompt((1, 2), (3, 2), (4,)),))
    with pytest.raises(ValueError, match="prompt 0 has no wrong answer"):
        observe(model, alone, ["END"])
    with pytest.raises(ValueError, match="prompt 0: no role 'S1'"):
        observe(model, random_prompts(2), ["S1"])
