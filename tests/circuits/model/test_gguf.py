"""Models in GGUF files: the same logits as the same weights elsewhere, named as what they are, faults named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from circuits.model import gguf_header
from circuits.model.gguf_header import read_header
from circuits.model.load import Model, load_model, model_from_module
from circuits.model.sources import find_model, model_fingerprint
from tests.circuits.gguf_models import write_gguf
from tests.conftest import random_module

IDS = torch.arange(20).view(2, 10)


def logits_of(model: Model) -> torch.Tensor:
    return model.forward.logits(model.forward.record(IDS).residual[-1])


@pytest.mark.parametrize("kind", ["F32", "Q8_0", "Q4_1", "BF16"])
def test_logits_are_those_of_the_same_weights_as_safetensors(tmp_path, kind):
    file = tmp_path / "tiny.gguf"
    module = write_gguf(file, kind=kind)
    module.save_pretrained(tmp_path / "folder")
    from_file, from_folder = load_model(str(file)), load_model(str(tmp_path / "folder"))
    torch.testing.assert_close(logits_of(from_file), logits_of(from_folder), rtol=0, atol=1e-5)
    is_rounded = (logits_of(from_file) - logits_of(model_from_module(random_module("llama")))).abs().max() > 1e-4
    assert is_rounded == (kind != "F32")


@pytest.mark.parametrize(("kind", "name"), [("Q4_1", "tiny (GGUF, Q4_1)"), ("F32", "tiny (GGUF)")])
def test_records_name_quantized_weights_as_such(tmp_path, kind, name):
    write_gguf(tmp_path / "tiny.gguf", kind=kind)
    model = load_model(str(tmp_path / "tiny.gguf"))
    quantization = None if kind == "F32" else kind
    assert (model.name, model.quantization, model.description()["quantization"]) == (name, quantization, quantization)


def test_shape_and_fingerprint_need_no_loading(tmp_path):
    files = [tmp_path / "one.gguf", tmp_path / "other.gguf"]
    for file, kind in zip(files, ("Q8_0", "Q4_1"), strict=True):
        write_gguf(file, kind=kind)
    config = find_model(str(files[0])).config
    assert {name: config[name] for name in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")} == {
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    assert model_fingerprint(str(files[0])) == load_model(str(files[0])).fingerprint != model_fingerprint(str(files[1]))


def test_the_tokenizer_in_the_file_is_used(tmp_path):
    write_gguf(tmp_path / "tiny.gguf", has_tokenizer=True)
    tokenizer = load_model(str(tmp_path / "tiny.gguf")).tokenizer
    assert tokenizer is not None
    assert tokenizer("abc")["input_ids"] == [30, 5]  # "ab" is one token, merged
    write_gguf(tmp_path / "without.gguf")
    assert load_model(str(tmp_path / "without.gguf")).tokenizer is None


def test_bfloat16_is_for_gguf_too(tmp_path):
    write_gguf(tmp_path / "tiny.gguf", kind="Q8_0")
    assert load_model(str(tmp_path / "tiny.gguf"), dtype="bfloat16").bridge.original_model.dtype == torch.bfloat16


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(gguf_header, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"needs the package gguf.*pip install 'circuit-workbench\[gguf\]'"):
        load_model(str(tmp_path / "tiny.gguf"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-100], "expected .* bytes, found"),
        (lambda data: data[:200], "its header is cut short"),
        (lambda data: b"GGML" + data[4:], "does not begin with GGUF"),
        (lambda data: data[:4] + b"\x09" + data[5:], "version 9"),
        (lambda data: data[:40], "cut short"),
        (lambda data: data[:24] + b"\xff" * 8 + data[32:], "cut short"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage, reason):
    file = tmp_path / "tiny.gguf"
    write_gguf(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=rf"tiny\.gguf is no GGUF file, or is damaged \(.*{reason}"):
        find_model(str(file))


def test_what_transformers_does_not_know_is_refused_with_the_reason(tmp_path):
    write_gguf(tmp_path / "odd.gguf", architecture="mpt")
    with pytest.raises(
        ValueError, match=r"^model 'odd \(GGUF\)' cannot be opened: .*architecture mpt is not supported"
    ):
        load_model(str(tmp_path / "odd.gguf"))


def test_a_missing_tensor_is_not_drawn_at_random(tmp_path):
    write_gguf(tmp_path / "tiny.gguf", without="blk.1.attn_v")
    with pytest.raises(ValueError, match=r"lacks 1 tensor\(s\), such as 'model\.layers\.1\.self_attn\.v_proj\.weight'"):
        load_model(str(tmp_path / "tiny.gguf"))


def test_one_part_of_several_is_no_model(tmp_path):
    write_gguf(tmp_path / "tiny-00001-of-00003.gguf", n_parts=3)
    with pytest.raises(ValueError, match="is one of 3 parts"):
        find_model(str(tmp_path / "tiny-00001-of-00003.gguf"))


def test_a_folder_of_gguf_files_and_a_wrong_path_say_what_to_give(tmp_path: Path):
    write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(ValueError, match=r"but GGUF files: give one of them, .*tiny\.gguf"):
        find_model(str(tmp_path))
    with pytest.raises(ValueError, match=r"no file .*absent\.gguf"):
        find_model(str(tmp_path / "absent.gguf"))


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0"])
def test_the_header_says_how_the_weights_are_stored(tmp_path, kind):
    write_gguf(tmp_path / "tiny.gguf", kind=kind)
    header = read_header(tmp_path / "tiny.gguf")
    assert header.quantization == (kind if kind.startswith("Q") else None)
    assert 0 <= (tmp_path / "tiny.gguf").stat().st_size - header.n_bytes < 32
