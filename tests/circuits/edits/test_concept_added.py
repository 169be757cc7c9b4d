"""A vector added while a model runs and generates: against TransformerLens' own hooks, and against the fast path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits.concept import AtLayer, concept_added
from circuits.evaluation.concept_curve import concept_values
from circuits.metrics import METRICS
from circuits.model.continuations import continuations
from tests.conftest import FAMILIES, MORE_FAMILIES, UNLIKE, mostly_slow, random_prompts

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
N_NEW = 5


def vector_of(model: Any, size: float = 2.0) -> Any:
    return size * np.random.default_rng(0).standard_normal(model.forward.weight_u.shape[1])


def hooked(model: Any, layer: int, vector: Any, start: int) -> Any:
    """TransformerLens' hooks, which add the vector to the stream from a position on."""
    added = torch.from_numpy(vector)

    def add(stream: Tensor, hook: Any) -> Tensor:
        changed = stream.clone()
        changed[:, start:] += added.to(stream)
        return changed

    is_final = layer == model.forward.n_layers
    name = f"blocks.{layer - 1}.hook_out" if is_final else f"blocks.{layer}.hook_in"
    return model.bridge.hooks(fwd_hooks=[(name, add)])


def greedy(model: Any, ids: Tensor) -> list[int]:
    """The likeliest token, N_NEW times."""
    for _ in range(N_NEW):
        ids = torch.cat([ids, model.bridge(ids)[:, -1:].argmax(-1)], dim=1)
    return ids[0, -N_NEW:].tolist()


@pytest.mark.parametrize("family", mostly_slow(FAMILIES + MORE_FAMILIES, UNLIKE))
def test_logits_and_generated_tokens_are_those_of_transformer_lens_hooks(family_model, family):
    model, prompt = family_model(family), random_prompts(n=1, length=9).prompts[0]
    ids, vector = torch.tensor([prompt.clean]), vector_of(model)
    prompts = PromptSet("one", (prompt,))
    with torch.no_grad():
        plain = model.bridge(ids)
        for layer in (0, 2, model.forward.n_layers):
            with hooked(model, layer, vector, len(prompt) - 1):
                expected, tokens = model.bridge(ids), greedy(model, ids)
            with concept_added(model, AtLayer(layer, "END.."), vector, prompts):
                actual = model.bridge(ids)
                said = continuations(model, prompts, N_NEW)
            torch.testing.assert_close(actual, expected, **CLOSE)
            assert said[0].tolist() == tokens
            assert not torch.equal(actual, plain)
            assert torch.equal(model.bridge(ids), plain)  # nothing is left on the model


def test_a_cache_gives_the_same_tokens_as_running_all_of_them_again(family_model):
    for family in ("gpt2", "llama"):
        model, prompts = family_model(family), random_prompts(n=1, length=9)
        ids, vector = torch.tensor([prompts.prompts[0].clean]), vector_of(model, 4.0)
        for rows in ("END..", "END", "all", "3"):
            with concept_added(model, AtLayer(1, rows), vector, prompts):
                said = continuations(model, prompts, N_NEW)
                cached = model.bridge.original_model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=N_NEW,
                    min_new_tokens=N_NEW,
                    do_sample=False,
                )
            assert cached[0, -N_NEW:].tolist() == said[0].tolist()


def test_a_row_that_goes_on_changes_what_a_row_of_the_prompt_leaves(family_model):
    """Before the last norm nothing but a huge vector is left: the same token is said wherever it is added."""
    model, drawn = family_model("gpt2"), random_prompts(n=8, length=9)
    at_end = tuple(one for one in drawn if one.answer_position == len(one) - 1)
    prompts = PromptSet("answered at the end", at_end)
    assert len(prompts) > 1
    vector, final, plain = vector_of(model, 1e5), model.forward.n_layers, continuations(model, prompts, N_NEW)
    with concept_added(model, AtLayer(final, "END.."), vector, prompts):
        on = continuations(model, prompts, N_NEW)
    with concept_added(model, AtLayer(final, "END"), vector, prompts):
        once = continuations(model, prompts, N_NEW)
    token = int(on[0, 0])
    assert (on == token).all()
    assert not (plain == token).all()
    assert (once[:, 0] == token).all()
    # The next tokens follow from the tokens alone.
    longer = PromptSet("longer", tuple(Prompt((*one.clean, token), (*one.corrupt, token), (1,)) for one in prompts))
    assert np.array_equal(once[:, 1:], continuations(model, longer, N_NEW - 1))


def test_the_model_itself_gives_what_the_fast_path_gives(family_model):
    model, prompts = family_model("llama"), random_prompts(n=3, length=9)
    at, vector = AtLayer(1, "END"), vector_of(model)
    values = concept_values(model, prompts, at, [vector], metric=METRICS["answer-logit"]).metric[1]
    with torch.no_grad(), concept_added(model, at, vector, prompts):
        logits = [model.bridge(torch.tensor([prompt.clean]))[0, prompt.answer_position] for prompt in prompts]
    own = [float(row[prompt.answers[0]]) for row, prompt in zip(logits, prompts, strict=True)]
    assert values == pytest.approx(own, abs=1e-4)


def test_padding_on_the_left_moves_nothing(family_model):
    model, prompts = family_model("llama"), random_prompts(n=1, length=9)
    ids, vector = torch.tensor([prompts.prompts[0].clean]), vector_of(model)
    padded = torch.cat([torch.zeros(1, 3, dtype=torch.long), ids], dim=1)
    mask = torch.cat([torch.zeros(1, 3, dtype=torch.long), torch.ones_like(ids)], dim=1)
    with torch.no_grad(), concept_added(model, AtLayer(1, "2"), vector, prompts):
        short = model.bridge(ids)[:, -1]
        long = model.bridge(padded, attention_mask=mask)[:, -1]
    torch.testing.assert_close(long, short, **CLOSE)


def test_zeros_change_no_bit_and_a_failed_run_leaves_no_hooks(family_model):
    model, prompts = family_model("gpt2"), random_prompts(n=1)
    ids = torch.tensor([prompts.prompts[0].clean])
    with torch.no_grad():
        before = model.bridge(ids)
        with concept_added(model, AtLayer(1, "all"), 0 * vector_of(model)):
            assert torch.equal(model.bridge(ids), before)
        with pytest.raises(RuntimeError), concept_added(model, AtLayer(1, "all"), vector_of(model)):
            raise RuntimeError
        assert torch.equal(model.bridge(ids), before)
        with concept_added(model, AtLayer(1, "all"), vector_of(model)), pytest.raises(ValueError, match="at present"):
            concept_values(model, prompts, AtLayer(1, "END"), [], metric=METRICS["answer-logit"])


@pytest.mark.parametrize(
    ("layer", "rows", "size", "given", "message"),
    [
        (9, "all", 32, False, "has no layer 9"),
        (1, "END..", 32, False, "'END..' is a role: give the prompts"),
        (1, "S9", 32, True, "no role 'S9'"),
        (1, "all", 7, False, r"the vector has the shape \[7\]; the stream of"),
    ],
)
def test_what_cannot_be_added_is_refused_before_anything_runs(family_model, layer, rows, size, given, message):
    model, prompts = family_model("gpt2"), random_prompts(n=1)
    vector = np.ones(model.forward.weight_u.shape[1] if size == 32 else size)
    with (
        pytest.raises(ValueError, match=message),
        concept_added(model, AtLayer(layer, rows), vector, prompts if given else None),
    ):
        pass


def test_more_tokens_than_there_is_room_for_are_refused(family_model):
    model, prompts = family_model("gpt2"), random_prompts(n=1, length=9)
    with pytest.raises(ValueError, match=r"has 9 tokens, and 9999 are to follow; .* takes at most"):
        continuations(model, prompts, 9999)
