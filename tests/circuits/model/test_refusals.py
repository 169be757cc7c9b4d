"""Models that cannot be opened: one line that names the model and the reason, and no traceback."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from circuits.evaluation.faithfulness import circuit_values
from circuits.metrics import METRICS
from circuits.model import checks
from circuits.model.load import load_model, model_from_module
from tests.circuits.unusual_models import head_normed, unsupported
from tests.conftest import random_module, random_prompts

VARIANT, OTHERS = "transformer-lens does not support this variant of", "; others of the family may run"
REASONS = {
    "mpt": "MptForCausalLM is not supported: its MLP, a MptMLP, cannot be run on its input alone",
    "opt-projected": "its layers write 32 numbers per position and its unembedding reads 16",
    "opt-350m": "its layers write 32 numbers per position and its unembedding reads 16",
    "opt-post-norm": f"{VARIANT} OPTForCausalLM{OTHERS}: .*final_layer_norm",
    "opt-unnormed": f"{VARIANT} OPTForCausalLM{OTHERS}: .*final_layer_norm",
    "llama4": "its rotary embeddings are one table of complex64, not cosines and sines",
    "xlnet": "transformer-lens does not support XLNetLMHeadModel: Unsupported architecture",
    "convolutions": f"{VARIANT} Lfm2ForCausalLM{OTHERS}",
    "alibi": f"{VARIANT} FalconForCausalLM{OTHERS}: .*logits differ",
    "phi-normed": f"{VARIANT} PhiForCausalLM{OTHERS}: .*q_layernorm",
}


@pytest.mark.parametrize("name", REASONS)
def test_a_family_that_cannot_be_taken_apart_is_refused_with_the_reason(name):
    with pytest.raises(ValueError, match=f"^model 'tiny' cannot be opened: .*{REASONS[name]}") as caught:
        model_from_module(unsupported(name), name="tiny")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mpt", "opt-350m", "llama4"])
def test_so_is_a_folder_with_such_a_model(name, tmp_path):
    unsupported(name).save_pretrained(tmp_path / "tiny")
    with pytest.raises(ValueError, match=f"^model 'tiny' cannot be opened: .*{REASONS[name]}"):
        load_model(str(tmp_path / "tiny"))


def test_a_configuration_of_the_wrong_type_is_named(tmp_path):
    random_module("llama").save_pretrained(tmp_path / "tiny")
    config = tmp_path / "tiny" / "config.json"
    config.write_text(config.read_text().replace('"hidden_size": 32', '"hidden_size": "wide"'))
    with pytest.raises(ValueError, match=r"config.json says hidden_size = 'wide', expected a whole number"):
        load_model(str(tmp_path / "tiny"))


@pytest.mark.parametrize(("family", "size"), [("llama", "intermediate_size"), ("opt", "ffn_dim"), ("gpt2", "n_embd")])
def test_a_size_beyond_the_weights_is_refused_by_whatever_name_the_family_has_for_it(family, size, tmp_path):
    random_module(family, n_layers=1).save_pretrained(tmp_path / "tiny")
    config = tmp_path / "tiny" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {size: 10**9}))
    with pytest.raises(ValueError, match=rf"config.json says {size} = 1000000000, but the weights files hold"):
        load_model(str(tmp_path / "tiny"))


def test_what_nobody_foresaw_is_a_reason_too(monkeypatch):
    def fails(*_: object) -> None:
        raise IndexError("no such layer")

    monkeypatch.setattr(checks, "wiring_of", fails)
    with pytest.raises(ValueError, match="cannot be opened: GPT2LMHeadModel is not supported: IndexError: no such"):
        model_from_module(random_module("gpt2"))


def test_hooks_called_otherwise_refuse_edges_and_nothing_else(monkeypatch):
    monkeypatch.setattr(checks, "_hooked", lambda *_: {})
    assert list(model_from_module(random_module("gpt2")).refusals) == ["edges"]


@pytest.mark.parametrize("family", ["stablelm", "cohere"])
def test_each_head_may_have_its_own_norm(family):
    """Heads that no edge leads to are left out of circuits, and the others keep the gains that are theirs."""
    module, ids = head_normed(family), torch.arange(20).view(2, 10)
    with torch.no_grad():
        expected = module(ids).logits
    model = model_from_module(module)
    torch.testing.assert_close(
        model.forward.logits(model.forward.record(ids).residual[-1]), expected, rtol=0, atol=2e-5
    )
    circuits = np.random.default_rng(0).random((6, model.wiring.n_edges)) < 0.02
    metric, prompts = METRICS["logit-difference"], random_prompts()
    together = circuit_values(model, prompts, np.concatenate([circuits, np.ones_like(circuits[:1])]), metric=metric)
    alone = np.concatenate([circuit_values(model, prompts, one, metric=metric) for one in circuits])
    np.testing.assert_allclose(together[:-1], alone, atol=2e-5)
