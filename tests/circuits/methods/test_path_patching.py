"""Path patching: against the two-pass recipe through TransformerLens hooks, by hand, and with bad input."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from circuits.components import Reader
from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import PathPatching
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import QUESTION, write_detector
from tests.conftest import FAMILIES, mostly_slow, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


class Runs(NamedTuple):
    """A prompt with what the recipe takes from its plain runs, the same for every sender and receiver."""

    prompt: Prompt
    clean_logits: torch.Tensor
    clean: Any
    corrupt: Any


def runs_of(model, prompts) -> list[Runs]:
    with torch.no_grad():
        cached = [
            [model.bridge.run_with_cache(torch.tensor([ids])) for ids in (prompt.clean, prompt.corrupt)]
            for prompt in prompts
        ]
    return [
        Runs(prompt, logits, clean, corrupt)
        for prompt, ((logits, clean), (_, corrupt)) in zip(prompts, cached, strict=True)
    ]


def two_passes(model, runs, sender, receivers, at, freeze_mlps) -> float:
    """Clean minus patched logit difference, following the published recipe literally with two hooked runs."""
    bridge, n_layers = model.bridge, model.wiring.n_layers
    prompt, clean_logits, clean_cache, corrupt_cache = runs
    clean = torch.tensor([prompt.clean])
    positions = list(range(len(prompt))) if at == "all" else list(prompt.roles[at])

    # A hook may be called with another name than it was registered under, so each gets its own.
    def freeze(value, hook, site):
        value = value.clone()
        value[:, positions] = clean_cache[site][:, positions]
        if site == f"blocks.{sender.layer}.attn.hook_z":
            value[:, positions, sender.index] = corrupt_cache[site][:, positions, sender.index]
        return value

    recorded = {}

    def record(value, hook, site):
        recorded[site] = value.clone()
        return value

    def put_in(value, hook, site):
        value = value.clone()
        for reader in map(Reader.parse, receivers):
            if receiver_site(reader, n_layers) == site:
                chosen = (slice(None), positions)
                if reader.port is not None:
                    chosen = (*chosen, reader.component.index)
                value[chosen] = recorded[site][chosen]
        return value

    sites = list(dict.fromkeys(receiver_site(Reader.parse(name), n_layers) for name in receivers))
    frozen = [f"blocks.{layer}.attn.hook_z" for layer in range(n_layers)]
    frozen += [f"blocks.{layer}.hook_mlp_out" for layer in range(n_layers)] if freeze_mlps else []
    first_pass = [(site, partial(freeze, site=site)) for site in frozen] + [(s, partial(record, site=s)) for s in sites]
    with torch.no_grad():
        bridge.run_with_hooks(clean, fwd_hooks=first_pass)
        patched = bridge.run_with_hooks(clean, fwd_hooks=[(site, partial(put_in, site=site)) for site in sites])

    def difference(logits):
        read = logits[0, prompt.answer_position]
        return float(read[prompt.answers[0]] - read[prompt.wrong_answers[0]])

    return difference(clean_logits) - difference(patched)


def receiver_site(reader: Reader, n_layers: int) -> str:
    if reader.component.kind == "logits":
        return f"blocks.{n_layers - 1}.hook_resid_post"
    if reader.component.is_state:
        return f"blocks.{reader.component.layer}.hook_in"
    if reader.port is None:
        return f"blocks.{reader.component.layer}.mlp.hook_in"
    return f"blocks.{reader.component.layer}.attn.hook_{reader.port}"


def receivers_for(model):
    kv = str(model.wiring.key_value_component(2, 1))
    return [("logits",), ("a1.h2<q>", "a2.h0<q>"), (f"{kv}<k>",), (f"{kv}<v>",), ("m2",), ("r2",)]


def assert_follows_the_recipe(model, runs, receivers, *, at="END", freeze_mlps=False):
    """Scores of every fifth sender against the two hooked runs."""
    prompts = PromptSet("random", tuple(one.prompt for one in runs))
    method = PathPatching(receivers=receivers, at=at, freeze_mlps=freeze_mlps)
    scores = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
    checked = [column for column in range(0, len(scores.components), 5) if scores.measured[0, 0, column]]
    assert checked
    for column in checked:
        sender = scores.components[column]
        expected = [two_passes(model, one, sender, receivers, at, freeze_mlps) for one in runs]
        effects = scores.per_prompt[:, 0, column]
        np.testing.assert_allclose(effects, expected, rtol=2e-4, atol=5e-5, err_msg=f"{receivers} {sender}")


@pytest.mark.parametrize("family", mostly_slow(FAMILIES, ("gpt2", "neox", "llama", "gemma2")))
def test_equals_the_recipe_followed_with_two_hooked_runs(family, family_model):
    model = family_model(family)
    runs = runs_of(model, random_prompts(2, shared_prefix=3))
    for receivers in receivers_for(model):
        assert_follows_the_recipe(model, runs, receivers)


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama"])
def test_frozen_mlps_leave_only_direct_paths(family, family_model):
    model = family_model(family)
    assert_follows_the_recipe(model, runs_of(model, random_prompts(2)), ("logits",), freeze_mlps=True)


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", "gemma2"])
def test_at_all_positions_it_is_wang_et_als_recipe(family, family_model):
    model = family_model(family)
    runs = runs_of(model, random_prompts(2))
    for receivers in receivers_for(model):
        assert_follows_the_recipe(model, runs, receivers, at="all")


def test_the_hand_models_path_runs_through_one_head_into_the_others_values(tmp_path):
    """a0.h0 reaches the logits only through a1.h1's values: 4 into these, 0 directly; a1.h1 writes to the logits."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    into_logits = PathPatching().score(model, prompts, metric=LOGIT_DIFFERENCE)
    into_values = PathPatching(receivers=("a1.h1<v>",)).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert into_logits.means[0].tolist() == pytest.approx([0, 0, 0, 4], abs=1e-4)
    assert into_values.means[0].tolist() == pytest.approx([4, 0, 0, 0], abs=1e-4)
    assert into_values.measured[0, 0].tolist() == [True, True, False, False]


@pytest.mark.parametrize("receivers", [("a1.h1<v>",), ("a1.h1<k>",), ("a1.h1<q>", "a1.h1<v>")])
def test_into_keys_and_values_senders_are_patched_where_these_are_read(receivers, tmp_path):
    """At the answer's position they are read only as far as it attends to itself."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet("previous", (Prompt((0, 3, 1, QUESTION), (0, 3, 2, QUESTION), (1,), (2,)),))
    assert PathPatching(receivers=receivers).position == "all"
    by_default = PathPatching(receivers=receivers).score(model, prompts, metric=LOGIT_DIFFERENCE)
    everywhere = PathPatching(receivers=receivers, at="all").score(model, prompts, metric=LOGIT_DIFFERENCE)
    np.testing.assert_array_equal(by_default.per_prompt, everywhere.per_prompt)


def test_bad_receivers_and_roles_are_refused(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2)
    for settings, message in (
        ({"receivers": ()}, "no receiver is given"),
        ({"receivers": ("logits", "m1")}, "is given beside other receivers"),
        ({"receivers": ("a9.h9<q>",)}, "no head a9.h9"),
        ({"receivers": ("a1.h0",)}, "no edge ends in a1.h0"),
        ({"receivers": ("a0.h1<v>",)}, "into a0.h1<v>: no head runs before"),
        ({"receivers": ("a0.h1<q>", "a0.h0<k>")}, "into a0.h1<q>, a0.h0<k>: no head runs before"),
        ({"at": "S2"}, "prompts lack that role"),
    ):
        with pytest.raises(ValueError, match=message):
            PathPatching(**settings).score(model, prompts, metric=LOGIT_DIFFERENCE)
