"""A model in memory gives what the same model gives from its folder, and is left as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from circuits import METHODS, METRICS, TASKS, load_model
from circuits.model.in_memory import content_name, plain_twin, saved, tokenizer_with
from circuits.model.sources import BUNDLED
from tests.conftest import random_module


def bridge_around(module: Any) -> Any:
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    return build_bridge_from_module(module, type(module).__name__, hf_config=module.config, tokenizer=None)


def reference_module() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(BUNDLED["reference"], dtype=torch.float32)


@pytest.fixture(scope="module")
def from_folder():
    return load_model("reference")


@pytest.mark.parametrize("wraps", [lambda module: module, bridge_around], ids=["transformers", "TransformerBridge"])
def test_scores_are_those_of_the_same_model_from_its_folder_bit_for_bit(from_folder, wraps):
    held = load_model(wraps(reference_module()), tokenizer=from_folder.tokenizer)
    prompts = TASKS["ioi"]().build(from_folder.tokenizer, n=4)
    for method in ("eap-ig", "activation-patching"):
        found, expected = (
            METHODS[method]().score(model, prompts, metric=METRICS["logit-difference"]) for model in (held, from_folder)
        )
        np.testing.assert_array_equal(found.per_prompt, expected.per_prompt)
    assert held.spec is None
    assert from_folder.spec == "reference"


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma2"])
def test_a_bridge_holds_the_model_that_it_was_made_of(family):
    module, ids = random_module(family), torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        expected = plain_twin(module)(ids).logits
        found = plain_twin(bridge_around(random_module(family)))(ids).logits
    assert torch.equal(found, expected)


def test_the_model_is_left_as_it_was():
    module = random_module("llama").train()
    module.set_attn_implementation("sdpa")
    before = {name: (parameter.clone(), parameter.requires_grad) for name, parameter in module.named_parameters()}
    model = load_model(module)
    assert module.training
    assert module.lm_head.training
    assert module.config._attn_implementation == "sdpa"
    for name, parameter in module.named_parameters():
        assert torch.equal(parameter, before[name][0])
        assert parameter.requires_grad == before[name][1]
    assert type(module.lm_head) is nn.Linear
    assert module.lm_head.weight.data_ptr() == model.original.lm_head.weight.data_ptr()


def test_a_model_whose_class_and_weights_are_not_all_of_it_is_refused():
    module = random_module("llama")
    handle = module.model.layers[0].mlp.register_forward_hook(lambda part, given, output: 0 * output)
    with pytest.raises(ValueError, match="were parts replaced, or hooked"):
        plain_twin(module)
    handle.remove()
    plain_twin(module)


def test_names_follow_the_content():
    module = random_module("llama")
    name = content_name(plain_twin(module), None)
    assert name.startswith("LlamaForCausalLM-")
    assert name == content_name(plain_twin(random_module("llama")), None)
    assert load_model(module).name == name
    with torch.no_grad():
        module.lm_head.weight[0, 0] += 1
    assert content_name(plain_twin(module), None) != name


def test_a_model_is_written_once_and_read_back(tmp_path, from_folder):
    twin = plain_twin(reference_module())
    folder = saved(twin, from_folder.tokenizer, tmp_path)
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert saved(twin, from_folder.tokenizer, tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    again = load_model(str(folder))
    assert again.name == folder.name
    assert again.tokenizer is not None
    assert again.tokenizer.get_vocab() == from_folder.tokenizer.get_vocab()


def test_the_tokenizer_is_found_where_the_model_came_from(from_folder):
    found = tokenizer_with(reference_module())
    assert found is not None
    assert found.get_vocab() == from_folder.tokenizer.get_vocab()
    assert tokenizer_with(random_module("llama")) is None


def test_weights_in_16_bits_are_computed_with_as_asked(tmp_path):
    module = random_module("llama").to(torch.bfloat16)
    folder = saved(plain_twin(module), None, tmp_path)
    ids = torch.tensor([[1, 2, 3]])
    for dtype in ("float32", "bfloat16"):
        held, read = load_model(module, dtype=dtype), load_model(str(folder), dtype=dtype)
        assert held.dtype == read.dtype == dtype
        with torch.no_grad():
            assert torch.equal(held.original(ids).logits, read.original(ids).logits)
    assert module.dtype == torch.bfloat16


def test_what_is_no_model_is_refused():
    for given in (nn.Linear(2, 2), 7, None):
        with pytest.raises(ValueError, match=f"TransformerBridge of one in memory; found {type(given).__name__}"):
            load_model(given)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="brings its own tokenizer"):
        load_model("reference", tokenizer=object())  # pyright: ignore[reportArgumentType]


def test_a_bridge_whose_weights_were_changed_is_refused():
    bridge = bridge_around(random_module("gpt2"))
    with torch.no_grad():
        # The bridge of GPT-2 has the query apart from the matrix that transformers has it in.
        query = bridge.blocks[0].attn.q.original_component
        query.weight = nn.Parameter(3 * query.weight)
    with pytest.raises(ValueError, match="were parts replaced, or hooked"):
        plain_twin(bridge)


def test_a_bridge_in_compatibility_mode_is_refused():
    bridge = bridge_around(random_module("gpt2"))
    bridge.compatibility_mode = True
    with pytest.raises(ValueError, match="compatibility mode, which folds and centers weights"):
        plain_twin(bridge)
