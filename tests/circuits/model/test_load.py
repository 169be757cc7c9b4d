"""Loading: families, checks on loading, and what is refused with which message."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

from circuits.model.load import load_model, model_from_module
from circuits.model.sources import find_model, model_fingerprint
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module


@pytest.fixture
def saved_gpt2(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    random_module("gpt2").save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES + MORE_FAMILIES)
def test_every_family_loads_and_only_post_norms_refuse_edges(family, family_model):
    model = family_model(family)
    assert ("edges" in model.refusals) == (family == "gemma2")


@pytest.mark.parametrize("family", FAMILIES + MORE_FAMILIES)
def test_loaded_logits_equal_those_of_the_module_before_it_was_wrapped(family):
    module = random_module(family)
    ids = torch.arange(20).view(2, 10)
    with torch.no_grad():
        expected = module(ids, use_cache=False).logits
    model = model_from_module(module)
    run = model.forward.record(ids)
    torch.testing.assert_close(model.forward.logits(run.residual[-1]), expected, rtol=0, atol=2e-5)


def test_grouped_heads_keep_their_number_of_key_value_heads(family_model):
    wiring = family_model("llama").wiring
    assert (wiring.n_heads, wiring.n_kv_heads) == (4, 2)
    assert len(wiring.readers) == 3 * (4 + 2 + 2 + 1) + 1


def test_a_saved_folder_loads_and_its_fingerprint_needs_no_loading(saved_gpt2):
    model = load_model(str(saved_gpt2))
    assert model.name == "tiny"
    assert model.fingerprint == model_fingerprint(str(saved_gpt2))


def test_the_fingerprint_changes_with_one_weight(saved_gpt2):
    before = model_fingerprint(str(saved_gpt2))
    module = random_module("gpt2")
    module.transformer.h[0].mlp.c_fc.bias.data[0] += 1
    module.save_pretrained(saved_gpt2)
    assert model_fingerprint(str(saved_gpt2)) != before


def test_bfloat16_runs_and_is_recorded(saved_gpt2):
    assert load_model(str(saved_gpt2), dtype="bfloat16").dtype == "bfloat16"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'reference'"):
        load_model("referense!")


def test_a_folder_without_a_configuration_says_what_a_model_folder_holds(tmp_path):
    with pytest.raises(ValueError, match=r"holds no config\.json"):
        load_model(str(tmp_path))


def test_truncated_weights_are_named(saved_gpt2):
    weights = saved_gpt2 / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        find_model(str(saved_gpt2))


def test_overwritten_weights_are_named(saved_gpt2):
    (saved_gpt2 / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        find_model(str(saved_gpt2))


def test_missing_weights_are_refused_instead_of_drawn_at_random(saved_gpt2):
    from safetensors.torch import load_file, save_file

    weights = load_file(saved_gpt2 / "model.safetensors")
    del weights["transformer.h.1.attn.c_attn.weight"]
    save_file(weights, saved_gpt2 / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lack 1 tensor"):
        load_model(str(saved_gpt2))


def test_weights_without_safetensors_are_refused(saved_gpt2):
    (saved_gpt2 / "model.safetensors").rename(saved_gpt2 / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"no \*\.safetensors"):
        load_model(str(saved_gpt2))


def test_layers_of_an_unknown_build_are_refused_with_the_reason():
    from transformers import BloomConfig, BloomForCausalLM

    # Positions enter as a bias on each head's attention scores; the MLP adds the residual stream to its own output.
    config = BloomConfig(vocab_size=50, hidden_size=32, n_layer=2, n_head=4)
    with pytest.raises(ValueError, match="is not supported: its layers cannot be run one by one: TypeError: BloomMLP"):
        model_from_module(BloomForCausalLM(config))


def test_a_norm_before_the_output_projection_refuses_edges_only():
    from transformers import BitNetConfig, BitNetForCausalLM

    config = BitNetConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = model_from_module(BitNetForCausalLM(config))
    assert "norm between the heads and W_O" in model.refusals["edges"]


def test_an_absent_gpu_is_reported_plainly(saved_gpt2):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match="sees 0 CUDA device"):
        load_model(str(saved_gpt2), device="cuda")


@pytest.mark.parametrize(
    ("name", "n_layers", "is_causal"), [("hist", 1, False), ("frac_prevs_causal", 2, True), ("stories260k", 5, True)]
)
def test_sample_models_load(name, n_layers, is_causal, sample_model):
    model = sample_model(name)
    assert (model.wiring.n_layers, model.forward.is_causal, model.refusals) == (n_layers, is_causal, {})


def test_a_native_folder_round_trips(tmp_path, native_folder):
    model = load_model(str(native_folder))
    copy = tmp_path / "copy"
    shutil.copytree(native_folder, copy)
    assert load_model(str(copy)).fingerprint == model.fingerprint


def test_a_native_folder_with_a_wrong_shape_says_so(native_folder):
    config = json.loads((native_folder / "config.json").read_text())
    (native_folder / "config.json").write_text(json.dumps(config | {"d_head": 5}))
    with pytest.raises(ValueError, match=r"d_head = 5, by which .*W_K' is of 2 x 21 x 5 numbers; .* of 2 x 21 x 6"):
        load_model(str(native_folder))


@pytest.fixture
def native_folder(tmp_path: Path) -> Path:
    from tests.circuits.hand_models import write_detector

    return write_detector(tmp_path / "detector")


def test_a_model_of_another_kind_is_refused_in_one_line(tmp_path: Path):
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    config_file = tmp_path / "bert" / "config.json"
    config_file.write_text(json.dumps(json.loads(config_file.read_text()) | {"model_type": "clip_vision_model"}))
    with pytest.raises(ValueError, match="it is of type 'clip_vision_model', which is no language model") as caught:
        load_model(str(tmp_path / "bert"))
    assert "\n" not in str(caught.value)


def test_an_encoder_decoder_model_is_called_so(tmp_path: Path):
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    with pytest.raises(ValueError, match="it is of type 't5', an encoder-decoder model; circuits are found in models"):
        load_model(str(tmp_path / "t5"))


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (RepositoryNotFoundError, "it is not there either, or not for everybody: look for its name on the hub"),
        (GatedRepoError, "it is given to those alone who accept its terms: do so on its page, and log in"),
        (LocalEntryNotFoundError, "it cannot be had here: it is not in the cache, and the hub is not reached. Copy"),
        (ConnectionError, "it cannot be had here: it is not in the cache, and the hub is not reached. Copy"),
    ],
)
def test_what_the_hub_says_is_said_in_our_words(monkeypatch, raised, said):
    def refuse(*_: Any, **__: Any) -> None:
        error = raised.__new__(raised)
        error.args = ("401 Client Error. (Request ID: Root=1-2) If you are trying to access a private repo, ...",)
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ValueError, match="Did you mean 'smollm2-135m'") as error:
        find_model("smollm2-135n")
    message = str(error.value)
    assert f"As a Hugging Face id {said}" in message
    assert "Client Error" not in message
    assert raised.__name__ not in message
    # What can be no id of the hub is not to be downloaded from it.
    assert "hf download" not in message
    if "cannot be had" in said:
        with pytest.raises(ValueError, match=r"fill the cache elsewhere with `hf download some/model`\.$"):
            find_model("some/model")
