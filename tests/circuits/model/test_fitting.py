"""A configuration that is not that of the weights beside it is refused by the headers of their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from circuits.model.fitting import Stack, layers_left_out, require_fitting, stacks
from circuits.model.load import load_model
from circuits.model.sources import BUNDLED, find_model
from circuits.model.tokenizers import tokenizer_of
from tests.conftest import SAMPLES, random_module
from tests.pipelines.conftest import write_native_model

PLACE = Path("config.json")


@pytest.fixture
def native(tmp_path: Path) -> Path:
    return write_native_model(tmp_path / "native")


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    return shutil.copytree(BUNDLED["reference"], tmp_path / "gpt2")


def with_config(folder: Path, **settings: Any) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return str(folder)


@pytest.mark.parametrize(
    ("size", "value", "told"),
    [
        ("n_layers", 3, r"n_layers = 3, but the weights files hold 2 layers \(blocks\.0 to blocks\.1\)"),
        ("n_layers", 1, "n_layers = 1, but the weights files hold 2 layers"),
        ("d_model", 5, "d_model = 5, .* is of 2 x 5 x 4 numbers; in the weights files it is of 2 x 16 x 4"),
        ("d_vocab", 21, "d_vocab = 21, .*'embed.W_E' is of 21 x"),
        ("d_vocab_out", 21, "d_vocab_out = 21.*'unembed"),
        ("n_heads", 1, "n_heads = 1, .*attn"),
        ("n_key_value_heads", 1, "n_key_value_heads = 1, .*attn.[bW]_[KV]"),
        ("d_mlp", None, "4 d_model = "),
        ("n_ctx", 3, "n_ctx = 3, .*W_pos"),
    ],
)
def test_a_native_size_that_the_weights_deny_is_told_before_a_model_is_built(native, size, value, told):
    with pytest.raises(ValueError, match=f"config.json says .*{told}.*Give the configuration"):
        find_model(with_config(native, **{size: value}))


def test_a_native_layer_that_lacks_a_tensor_is_told_before_a_model_is_built(native):
    weights = load_file(native / "model.safetensors")
    del weights["blocks.1.attn.W_Q"]
    save_file(weights, native / "model.safetensors")
    with pytest.raises(ValueError, match=r"lack 'blocks\.1\.attn\.W_Q', which other layers have"):
        find_model(str(native))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda weights: weights.pop("unembed.W_U"), r"lack 1 tensor\(s\), such as 'head.weight'"),
        (
            lambda weights: weights.update({"ln_final.w": weights["unembed.W_U"][:, 0].clone()}),
            r"hold 1 tensor\(s\) that config.json has no place for, such as 'ln_final.weight'",
        ),
    ],
)
def test_native_weights_with_a_tensor_too_few_or_too_many_are_told_in_one_line(native, change, told):
    weights = load_file(native / "model.safetensors")
    change(weights)
    save_file(weights, native / "model.safetensors")
    with pytest.raises(ValueError, match=told) as caught:
        load_model(str(native))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("size", "value", "told"),
    [
        ("n_layer", 5, r"n_layer = 5, but the weights files hold 4 layers \(transformer\.h\.0 to transformer\.h\.3\)"),
        ("n_layer", 3, "n_layer = 3, but the weights files hold 4 layers"),
        ("vocab_size", 471, r"vocab_size = 471, but no tensor .* \('transformer.wte.weight' is of 470 x 128\)"),
        ("n_embd", 96, "n_embd = 96, but no tensor in the weights files has that size"),
    ],
)
def test_a_size_that_the_weights_deny_is_told_before_a_model_is_built(gpt2, size, value, told):
    with pytest.raises(ValueError, match=f"config.json says {told}.*Give the configuration"):
        find_model(with_config(gpt2, **{size: value}))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("decoder_layers", 10**8, "but the weights files hold 52 weights in all"),
        ("num_encoder_layers", 10**8, "but the weights files hold 52 weights in all"),
        ("num_local_experts", 10**8, "but the weights files hold 52 weights in all"),
        ("attention_types", [[["global", "local"], 10**9]], "but the weights files hold 52 weights in all"),
        ("num_labels", 30_000_000, "at most 1,000,000 are read"),
        ("max_position_embeddings", -5, "expected a whole number, 1 or more"),
    ],
)
def test_what_would_be_written_out_or_built_without_end_is_told_before_a_model_is_built(gpt2, name, value, told):
    with pytest.raises(ValueError, match=rf"config\.json says {name} = .*{told}"):
        find_model(with_config(gpt2, **{name: value}))


@pytest.mark.parametrize(
    "unread", [{"num_labels": 1000}, {"attention_types": [[["global", "local"], 2]]}, {"num_experts": 128}]
)
def test_what_has_a_size_of_the_weights_is_taken(gpt2, unread):
    assert find_model(with_config(gpt2, **unread)).config.items() >= unread.items()


def test_a_shape_that_only_the_family_knows_is_told_with_both(gpt2):
    told = r"'transformer\.h\.0\.mlp\.c_fc\.bias' is of 500 numbers; .* it is of 512, and 11 more differ"
    with pytest.raises(ValueError, match=told):
        load_model(with_config(gpt2, n_inner=500))


def test_a_value_that_a_family_does_not_take_is_named_as_it_is_written(gpt2):
    folder = with_config(gpt2, resid_pdrop="little")
    for read in (load_model, tokenizer_of):
        with pytest.raises(ValueError, match=r"says resid_pdrop = .little., which models of type 'gpt2' do") as error:
            read(folder)
        assert "expected float" not in str(error.value)


@pytest.mark.parametrize("name", ["n_layer", "n_head", "n_embd", "vocab_size"])
def test_a_size_that_every_model_has_is_not_null(gpt2, name):
    with pytest.raises(ValueError, match=rf"config\.json says {name} = null, expected a whole number, 1 or more"):
        load_model(with_config(gpt2, **{name: None}))


def test_a_size_that_is_left_to_its_default_is_told_as_such(tmp_path):
    random_module("llama").save_pretrained(tmp_path / "llama")
    path = tmp_path / "llama" / "config.json"
    config = json.loads(path.read_text())
    del config["num_hidden_layers"]
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not say num_hidden_layers, by default 32, but the weights files hold"):
        load_model(str(tmp_path / "llama"))


def test_layers_that_predict_further_tokens_are_none_of_the_model():
    shapes = {f"model.layers.{layer}.mlp.weight": (8, 20) for layer in range(3)}
    config = {"num_hidden_layers": 2, "num_nextn_predict_layers": 1, "hidden_size": 8, "vocab_size": 20}
    require_fitting(config, shapes, PLACE, filled=config)
    with pytest.raises(ValueError, match="num_hidden_layers = 2, but the weights files hold 3 layers"):
        require_fitting(config, shapes, PLACE, filled=config | {"num_nextn_predict_layers": 0})


SHAPES = {"h.0.w": (8, 20), "h.1.w": (8, 20)}
SIZES = {"num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 20}


@pytest.mark.parametrize(
    "more",
    [
        {"task_specific_params": {"x": {"num_layers": 0}}},
        {"attn_config": {"n_heads": None, "d_model": 10**9}},
        {"speculators_config": {"num_layers": 10**6}},
        {"quantization_config": {"vision_config": {"num_hidden_layers": 10**9}}},
        {"intermediate_size": 16, "n_inner": 0},
    ],
)
def test_what_is_no_size_of_the_model_is_not_compared(more: dict[str, Any]):
    require_fitting(SIZES | more, SHAPES, PLACE, filled=SIZES | more)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"vision_config": {"num_hidden_layers": 10**9}}, "num_hidden_layers = 1000000000, but .* 2 weights"),
        ({"audio_config": {"encoder_config": {"hidden_size": 10**9}}}, "hidden_size = 1000000000, but .* 320 numbers"),
        ({"text_config": SIZES | {"num_attention_heads": 0}}, "num_attention_heads = 0, expected a whole number"),
        ({"n_inner": 0}, "n_inner = 0, expected a whole number"),
        ({"intermediate_size": 16, "n_inner": 10**9}, "n_inner = 1000000000, but .* 320 numbers"),
        ({"num_heads": 4, "n_head": 0}, "n_head = 0, expected a whole number"),
        ({"intermediate_size": 16, "n_inner": False}, "n_inner = False, expected a whole number"),
    ],
)
def test_a_size_of_the_model_or_of_a_part_is_told_before_that_is_built(more: dict[str, Any], told: str):
    with pytest.raises(ValueError, match=rf"config\.json says {told}"):
        require_fitting(SIZES | more, SHAPES, PLACE, filled=SIZES | more)


def test_learned_positions_are_no_more_than_there_are_numbers(gpt2):
    with pytest.raises(ValueError, match=r"n_positions = 1000000000, but the weights files hold .* numbers in all"):
        find_model(with_config(gpt2, n_positions=10**9))


def test_native_positions_that_are_not_learned_are_bounded_by_what_sees_what(native):
    weights = load_file(native / "model.safetensors")
    weights.pop("pos_embed.W_pos")
    save_file(weights, native / "model.safetensors")
    find_model(with_config(native, n_ctx=2000))
    with pytest.raises(ValueError, match=r"n_ctx = 1000000, whose tables take 2,000\.0 GB, and there are"):
        find_model(with_config(native, n_ctx=10**6))


NATIVE_SIZES = ["n_layers", "n_heads", "d_head", "d_mlp", "d_vocab", "n_ctx", "d_model", "d_vocab_out"]


@pytest.mark.parametrize("name", ["hist", "frac_prevs_causal"])
@pytest.mark.parametrize("size", NATIVE_SIZES)
@pytest.mark.parametrize("by", [1, 7])
def test_every_size_of_a_native_model_is_held_against_its_tensors(tmp_path, name, size, by):
    if not (SAMPLES / name).is_dir():
        pytest.skip(f"no sample model {name!r} here (CIRCUITS_SAMPLE_MODELS)")
    folder = shutil.copytree(SAMPLES / name, tmp_path / name)
    find_model(str(folder))
    value = json.loads((folder / "config.json").read_text())[size] + by
    told = rf"{size} = {value}, .*" + ("weights files hold" if size == "n_layers" else r"'[\w.]+' is of")
    with pytest.raises(ValueError, match=f"config.json says .*{told}.*Give the configuration"):
        find_model(with_config(folder, **{size: value}))


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_model_fits_its_configuration(name):
    assert find_model(name).weight_files


def test_the_layers_of_the_language_model_are_compared_in_one_that_reads_images():
    shapes = {
        f"model.{part}.layers.{n}.w": (8, 20) for part, depth in (("text", 3), ("vision", 2)) for n in range(depth)
    }
    assert stacks(shapes) == [Stack("model.text.layers", 3), Stack("model.vision.layers", 2)]
    text = {"num_hidden_layers": 3, "hidden_size": 8, "vocab_size": 20}
    config = {"vocab_size": 99, "text_config": text, "vision_config": {"num_hidden_layers": 2}}
    require_fitting({**config, "vocab_size": 7}, shapes, PLACE, filled=config | {"vocab_size": 7})
    with pytest.raises(ValueError, match="num_hidden_layers = 4, but the weights files hold 3 layers"):
        require_fitting(config, shapes, PLACE, filled={"text_config": text | {"num_hidden_layers": 4}})


def test_a_layer_is_left_out_where_none_of_its_tensors_is_read_and_others_are():
    names = ["h.0.a", "h.0.b", "h.1.a", "h.1.b", "mtp.0.a", "head"]
    assert list(layers_left_out(names, ["h.1.a", "h.1.b", "h.0.b", "mtp.0.a"])) == ["h.1"]
