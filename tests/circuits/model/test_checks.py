"""The checks at the door: right models pass, whatever size their logits have, and wrong ones do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from circuits.data.prompts import PromptSet
from circuits.model import checks, load
from circuits.model.bridge import TextConfig
from circuits.model.checks import check_resuming, probe_ids
from circuits.model.forward import Forward
from circuits.model.layers import Layer
from circuits.model.load import model_from_module
from circuits.model.original import own_logits, own_rounding
from tests.circuits.unusual_models import ministral, with_later
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module, random_prompts


def silent_at_the_last_position(family: str) -> Any:
    """A model whose logits at the end of the probes, where resumed runs are compared, are zero but for rounding."""
    module = random_module(family)
    module.config.tie_word_embeddings = False
    final: list[torch.Tensor] = []
    handle = module.base_model.get_submodule({"gpt2": "ln_f", "llama": "norm", "neox": "final_layer_norm"}[family])
    hook = handle.register_forward_hook(lambda _module, _inputs, output: final.append(output))
    ids = probe_ids(TextConfig(module.config), "cpu")
    with torch.no_grad():
        module(ids, use_cache=False)
        hook.remove()
        orthogonal = torch.linalg.qr(final[0][:, -1].T).Q
        unembed = module.get_output_embeddings()
        weight = unembed.weight - unembed.weight @ orthogonal @ orthogonal.T
        unembed.weight = torch.nn.Parameter(weight)
        logits = module(ids, use_cache=False).logits
    assert logits[:, -1].abs().max() < 1e-4 * logits.abs().max()
    return module


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox"])
def test_a_model_may_have_logits_near_zero_where_runs_are_compared(family):
    assert model_from_module(silent_at_the_last_position(family)).refusals == {}


@pytest.mark.parametrize("family", ["llama", "gpt2", "gptneo", "granite"])
def test_a_model_in_float64_may_round_as_float32(family):
    """transformers computes norms, rotations and softmax in float32."""
    assert model_from_module(random_module(family).double()).dtype == "float64"


@pytest.mark.parametrize(("family", "n_layers"), [("llama", 16), ("qwen2", 24)])
def test_a_deep_model_in_16_bits_may_round_as_it_does_by_itself(family, n_layers):
    module = random_module(family, n_layers=n_layers).to(torch.bfloat16)
    ids = probe_ids(TextConfig(module.config), "cpu")
    rounding = own_rounding(module, ids, own_logits(module, ids))
    assert rounding > 0.03
    model = model_from_module(module)
    model.check_prompts(random_prompts(2, length=30))
    assert own_rounding(random_module(family), ids, own_logits(random_module(family), ids)) == 0


@pytest.mark.parametrize("make", [lambda: random_module("gpt2"), lambda: silent_at_the_last_position("gpt2")])
@pytest.mark.parametrize("fault", ["longer", "turned"])
def test_a_resumed_stream_off_by_a_thousandth_is_caught(make, fault, monkeypatch):
    model = model_from_module(make())
    plain = Forward.run

    def off(self: Forward, residual: torch.Tensor, **settings: Any) -> torch.Tensor:
        final = plain(self, residual, **settings)
        if settings.get("rows") is None:
            return final
        return 1.001 * final if fault == "longer" else final + 0.001 * final.roll(1, dims=-1)

    check_resuming(model.forward, model.bridge, probe_ids(model.bridge.cfg, "cpu"))
    monkeypatch.setattr(Forward, "run", off)
    with pytest.raises(ValueError, match="resuming at layer 0"):
        check_resuming(model.forward, model.bridge, probe_ids(model.bridge.cfg, "cpu"))


@pytest.mark.parametrize("number", [1, 2])
def test_a_layer_that_is_wrong_when_it_is_resumed_alone_is_caught(number, monkeypatch):
    """Also one from which no run is resumed to the end."""
    model, plain = model_from_module(random_module("llama", n_layers=5)), Forward._layer

    def off(self: Forward, layer: int, residual: torch.Tensor, context: Any, places: Any, *rest: Any) -> torch.Tensor:
        left = plain(self, layer, residual, context, places, *rest)
        is_alone = layer == number and places.start > 0 and left.shape[1] > 1
        return left + 0.001 * left.roll(1, dims=-1) if is_alone else left

    monkeypatch.setattr(Forward, "_layer", off)
    monkeypatch.setattr(checks, "resumed", lambda forward, run, layer: (run.residual[-1][:, -1], 6))
    with pytest.raises(ValueError, match=f"running layer {number} alone from position 6 on"):
        check_resuming(model.forward, model.bridge, probe_ids(model.bridge.cfg, "cpu"))


def test_a_model_opened_for_reading_is_compared_on_short_prompts_too_and_measures_nothing(monkeypatch):
    model, plain = load.load_for_reading("reference"), Layer.attend
    prompts = random_prompts(2, length=8)
    model.check_prompts(prompts)
    with pytest.raises(ValueError, match="opened to read what it says, and not checked"):
        model.require("edges", "eap")
    again = load.load_for_reading("reference")
    monkeypatch.setattr(Layer, "attend", lambda self, q, k, v, bias: plain(self, q, k, v.flip(0), bias))
    with pytest.raises(ValueError, match="is not supported on prompts of 9 tokens: running prompts of 9 tokens"):
        again.check_prompts(prompts)


@pytest.mark.parametrize(
    "make",
    [
        ministral,
        lambda: with_later("model.layers.1.self_attn.q_proj"),
        lambda: with_later("model.layers.0.mlp.up_proj"),
    ],
    ids=["ministral3", "queries", "mlp"],
)
def test_a_family_that_changes_with_the_position_is_refused_on_long_prompts_only(make):
    model = model_from_module(make())
    model.check_prompts(random_prompts(length=11))
    with pytest.raises(ValueError, match="not supported on prompts of 41 tokens, though it is on those of 12"):
        model.check_prompts(random_prompts(length=40))


def test_a_fault_in_stacked_prompts_alone_is_caught(monkeypatch):
    model, plain = model_from_module(random_module("gpt2")), Layer.attend

    def mixed(self: Layer, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return plain(self, q, k[:1].expand_as(k), v, bias)

    model.check_prompts(random_prompts(2, length=30))
    monkeypatch.setattr(Layer, "attend", mixed)
    for n_prompts, length in ((6, 51), (1, 40)):  # of a single prompt, its corruption is stacked with it
        with pytest.raises(ValueError, match=f"running prompts of {length} tokens"):
            model.check_prompts(random_prompts(n_prompts, length=length - (n_prompts > 1)))


def test_prompts_are_run_once_for_each_longer_length(monkeypatch):
    model, n_runs = model_from_module(random_module("gpt2")), []
    monkeypatch.setattr(load, "require_reproduced", lambda *_: n_runs.append(1))
    for length in (8, 30, 30, 20, 40):
        model.check_prompts(random_prompts(length=length))
    assert len(n_runs) == 2


def test_the_wrapped_model_and_the_model_itself_share_their_weights(family_model):
    model = family_model("llama")
    held = {parameter.data_ptr() for parameter in model.bridge.original_model.parameters()}
    assert {parameter.data_ptr() for parameter in model.original.parameters()} <= held


@pytest.mark.parametrize("family", FAMILIES + MORE_FAMILIES)
def test_every_family_passes_on_long_prompts(family, family_model):
    family_model(family).check_prompts(random_prompts(3, length=50))


def test_prompts_that_have_passed_are_not_looked_at_again(monkeypatch):
    module = random_module("gpt2")
    model, prompts = load.load_model(module), random_prompts(3)
    looked, look = [], PromptSet.require_vocabulary
    monkeypatch.setattr(
        PromptSet, "require_vocabulary", lambda self, *sizes: (looked.append(id(self)), look(self, *sizes))
    )
    model.check_prompts(prompts)
    model.check_prompts(prompts)
    others = random_prompts(3)
    model.check_prompts(others)
    assert looked == [id(prompts), id(others)]
    too_large = PromptSet("large", (replace(prompts.prompts[0], answers=(10_000,)),))
    for _ in range(2):
        with pytest.raises(ValueError, match="10000 is not in the model's vocabulary"):
            model.check_prompts(too_large)
    with torch.no_grad():
        next(module.parameters()).add_(1)
    with pytest.raises(ValueError, match="were changed after it was loaded"):
        model.check_prompts(prompts)
