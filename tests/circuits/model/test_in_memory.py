"""A model in memory gives what the same model gives from its folder, and is left as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from circuits import METHODS, METRICS, TASKS, activations, load_model, patch
from circuits.model.in_memory import content_name, plain_twin, saved, tokenizer_with
from circuits.model.seen_weights import _by_sums, checksum
from circuits.model.sources import BUNDLED
from tests.conftest import FAMILIES, MORE_FAMILIES, UNLIKE, VOCABULARY, mostly_slow, random_module, random_prompts


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


def by_hand(model: Any) -> list[Any]:
    """What functions give that people call by hand."""
    prompts = random_prompts()
    held = activations(model, prompts, ["a1.h1", "m1", "r2", "a1.p0"])
    return [patch(model, prompts, ["a1.h1", "m0"], at="first").per_prompt, *held.values()]


@pytest.mark.parametrize("family", mostly_slow(FAMILIES + MORE_FAMILIES, UNLIKE))
def test_in_every_family_a_model_in_memory_gives_what_its_folder_gives_bit_for_bit(family, tmp_path):
    module = random_module(family)
    module.save_pretrained(tmp_path / "model")
    expected = by_hand(load_model(tmp_path / "model"))
    for held in (module, bridge_around(random_module(family))):
        for found, right in zip(by_hand(load_model(held)), expected, strict=True):
            np.testing.assert_array_equal(found, right)


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


def state_of(module: Any) -> dict[str, Any]:
    """What somebody may rely on of a model that is theirs, other than the weights."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_state_dict_pre_hooks")
    return {
        "parts": {name: (type(part), part.training) for name, part in module.named_modules()},
        "hooks": {(name, kind): dict(getattr(part, kind)) for name, part in module.named_modules() for kind in hooks},
        "tensors": {
            name: (id(one), one.data_ptr(), one.dtype, one.requires_grad, one.grad)
            for name, one in module.named_parameters()
        },
        "config": module.config.to_dict(),
        "attention": module.config._attn_implementation,
        "own": sorted(vars(module)),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_nothing_of_the_model_changes_but_for_being_read(dtype):
    module = random_module("gpt2").to(dtype).train()
    module.transformer.wpe.requires_grad_(False)
    module.lm_head.weight.grad = torch.ones_like(module.lm_head.weight)
    module.transformer.h[0].register_forward_hook(lambda part, given, output: None)
    before, random_state = state_of(module), torch.get_rng_state()
    by_hand(load_model(module))
    assert state_of(module) == before
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_that_change_after_loading_are_refused_and_never_half_measured(family, dtype):
    module, prompts = random_module(family), random_prompts()
    held = load_model(module, dtype=dtype)
    before = patch(held, prompts, "a1.h1").per_prompt
    last = list(module.named_parameters())[-1][1]
    with torch.no_grad():
        last[..., 0] += 1e-3
    for measure in (
        lambda: patch(held, prompts, "a1.h1"),
        lambda: activations(held, prompts, "r1"),
        lambda: METHODS["eap"]().score(held, prompts, metric=METRICS["logit-difference"]),
    ):
        with pytest.raises(ValueError, match=r"changed after it was loaded, such as .*Load it anew: load_model"):
            measure()
    with torch.no_grad():
        last *= 3
    assert not np.array_equal(patch(load_model(module, dtype=dtype), prompts, "a1.h1").per_prompt, before)


def test_weights_of_a_model_from_a_folder_that_were_changed_are_refused():
    model = load_model("reference")
    query: Any = model.bridge.blocks[0].attn.q.original_component
    query.weight.data *= 2
    prompts = TASKS["ioi"]().build(model.tokenizer, n=2)
    with pytest.raises(ValueError, match=r"by its folder"):
        patch(model, prompts, "a3.h3")


@pytest.mark.parametrize("of", [checksum, _by_sums])
def test_checksums_know_other_numbers_and_other_places(of):
    weights = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    others = [
        weights.flip(0),
        weights.flip(1),
        weights * (1 + 1e-6),
        weights.index_add(0, torch.tensor([2]), weights[:1]),
    ]
    known = {of(weights), *map(of, others), *(of(other.bfloat16()) for other in others[:2])}
    assert len(known) == 7
    assert of(weights.T.clone().T) == of(weights)
    assert of(torch.tensor(2.0)) != of(torch.tensor(3.0))


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


def other_classes() -> dict[str, Any]:
    import transformers as tf

    shape: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2}
    shape |= {"num_attention_heads": 4, "intermediate_size": 64, "pad_token_id": 0}
    gpt2 = tf.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    t5 = tf.T5Config(vocab_size=VOCABULARY, d_model=32, num_layers=2, num_heads=4, d_ff=64, d_kv=8)

    class Changed(tf.GPT2LMHeadModel):
        def forward(self, *given: Any, **settings: Any) -> Any:
            found = super().forward(*given, **settings)
            found.logits = 2 * found.logits
            return found

    return {
        "as GPT2LMHeadModel": tf.GPT2Model(gpt2),
        "as LlamaForCausalLM": tf.LlamaForSequenceClassification(tf.LlamaConfig(**shape)),
        "as BertLMHeadModel": tf.BertForMaskedLM(tf.BertConfig(**shape)),
        "as no language model": tf.T5ForConditionalGeneration(t5),
        r"Changed in memory .* as GPT2LMHeadModel": Changed(gpt2),
    }


def test_models_that_their_folder_would_not_give_are_refused_by_their_class():
    for said, module in other_classes().items():
        with pytest.raises(ValueError, match=f"transformers opens a folder of it .*{said}|{said}"):
            plain_twin(module.eval())


def test_adapters_quantized_and_absent_weights_are_refused():
    with_adapter = random_module("llama")
    attention: Any = with_adapter.model.layers[0].self_attn
    attention.q_proj.lora_A = nn.Linear(32, 2, bias=False)
    quantized = random_module("llama")
    quantized.hf_quantizer = object()
    elsewhere = random_module("llama")
    elsewhere.model.layers[1].mlp.to("meta")
    for module, said in (
        (with_adapter, r"model\.merge_and_unload\(\)"),
        (quantized, "quantized weights"),
        (elsewhere, "layers.1.mlp.gate_proj.weight.*load all of them"),
    ):
        with pytest.raises(ValueError, match=said):
            load_model(module)


def test_a_compiled_model_is_the_model_that_was_compiled():
    module = random_module("llama")
    compiled: Any = torch.compile(module)
    assert load_model(compiled).name == load_model(module).name


def test_what_is_no_fast_tokenizer_is_refused(from_folder):
    module = random_module("llama")
    for wrong in ("gpt2", 7, from_folder):
        with pytest.raises(ValueError, match=r"the tokenizer is .*expected a fast tokenizer"):
            load_model(module, tokenizer=wrong)
    with pytest.raises(ValueError, match=r"is None, expected a fast tokenizer.*load_model\(module, tokenizer="):
        TASKS["ioi"]().build(load_model(module).tokenizer, n=2)  # pyright: ignore[reportArgumentType]


def test_a_tokenizer_that_its_folder_would_not_give_is_refused(tmp_path, from_folder):
    # Beside this type of model, transformers takes a class of its own, which splits words otherwise.
    with pytest.raises(ValueError, match=r"not what transformers opens beside a model of type 'qwen2'"):
        saved(plain_twin(random_module("qwen2")), from_folder.tokenizer, tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_bridge_puts_a_beginning_in_front_where_transformer_lens_does():
    from transformer_lens.model_bridge import TransformerBridge

    bridge: Any = TransformerBridge.boot_transformers(str(BUNDLED["reference"]), dtype=torch.float32)
    for has_start in (True, False):
        bridge.cfg.default_prepend_bos = has_start
        found: Any = tokenizer_with(bridge)
        assert found("Because David")["input_ids"] == bridge.to_tokens("Because David")[0].tolist()
