"""What stands in a model's folder beside plain weights: adapters, quantized weights, damaged tokenizers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from circuits.model import adapters
from circuits.model.load import load_model
from circuits.model.sources import BUNDLED, model_fingerprint
from tests.conftest import random_module

QUERIES = "model.layers.0.self_attn.q_proj"


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    random_module("llama").save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def with_config(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def with_tensors(folder: Path, **changed: torch.Tensor) -> None:
    path = folder / "model.safetensors"
    save_file(load_file(path) | {f"{QUERIES}.{name}": value for name, value in changed.items()}, path)


def write_adapter(folder: Path, *, rank: int = 2, alpha: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """A LoRA adapter of the queries of layer 0; returns its two matrices."""
    generator = torch.Generator().manual_seed(3)
    a, b = (0.3 * torch.randn(shape, generator=generator) for shape in ((rank, 32), (32, rank)))
    names = {"lora_A": a, "lora_B": b}
    save_file(
        {f"base_model.model.{QUERIES}.{name}.weight": value for name, value in names.items()},
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": [QUERIES], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "someone/llama"}))
    return a, b


def test_an_adapter_without_its_package_is_refused(llama, monkeypatch):
    write_adapter(llama)
    monkeypatch.setattr(adapters, "find_spec", lambda _: None)
    with pytest.raises(
        ValueError, match=r"holds a LORA adapter for someone/llama beside the weights.*pip install peft"
    ):
        load_model(str(llama))


def test_an_adapter_is_merged_where_its_package_is_there(llama):
    pytest.importorskip("peft")
    a, b = write_adapter(llama)
    expected = random_module("llama")
    expected.model.layers[0].self_attn.q_proj.weight.data += 2 * b @ a
    ids = torch.arange(20).view(2, 10)
    forward = load_model(str(llama)).forward
    with torch.no_grad():
        torch.testing.assert_close(forward.logits(forward.record(ids).residual[-1]), expected(ids).logits)


def test_an_adapter_that_would_have_to_be_unpickled_is_refused(llama):
    write_adapter(llama)
    (llama / "adapter_model.safetensors").rename(llama / "adapter_model.bin")
    with pytest.raises(ValueError, match=r"no adapter_model\.safetensors"):
        load_model(str(llama))


def test_an_adapter_alone_is_no_model(llama):
    write_adapter(llama)
    (llama / "config.json").unlink()
    with pytest.raises(ValueError, match="holds a LORA adapter for someone/llama, and not the model"):
        load_model(str(llama))


def test_how_strong_an_adapter_is_is_part_of_the_fingerprint(llama):
    fingerprints = {model_fingerprint(str(llama))}
    for alpha in (4, 8):
        write_adapter(llama, alpha=alpha)
        fingerprints.add(model_fingerprint(str(llama)))
    assert len(fingerprints) == 3


def test_an_adapter_among_the_weights_is_refused(llama):
    with_tensors(llama, **{"lora_A.weight": torch.ones(2, 32), "lora_B.weight": torch.ones(32, 2)})
    with pytest.raises(ValueError, match=r"hold 2 tensor\(s\) that belong to quantized weights or to an adapter"):
        load_model(str(llama))


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "compressed-tensors", "hqq"])
def test_quantized_weights_without_their_package_are_named(llama, method):
    with_config(llama, quantization_config={"quant_method": method, "bits": 4, "load_in_4bit": True})
    with pytest.raises(ValueError, match=rf"its weights are quantized \({method}\): .*(install|available)") as caught:
        load_model(str(llama))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", [{}, {"quantization_config": {"quant_method": "home-made"}}])
def test_integer_codes_are_not_read_as_weights(llama, config):
    with_config(llama, **config)
    with_tensors(llama, weight=torch.ones(32, 32, dtype=torch.int8))
    with pytest.raises(ValueError, match=r"q_proj\.weight' as I8: codes of quantized weights"):
        load_model(str(llama))


def test_scales_of_quantized_weights_are_not_left_out(llama):
    with_tensors(llama, weight_scale=torch.ones(1))
    with pytest.raises(ValueError, match=r"such as '.*q_proj\.weight_scale'"):
        load_model(str(llama))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", b'{"version": "1.0", "trunc'),
        ("tokenizer.json", b"\xff\xfe"),
        ("tokenizer_config.json", b"[]"),
    ],
)
@pytest.mark.parametrize("model", ["reference", "reference-vlm"])
def test_a_damaged_tokenizer_file_is_named(tmp_path, model, name, content):
    folder = shutil.copytree(BUNDLED[model], tmp_path / "copy")
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^model 'copy' cannot be opened: .*cannot be read from {folder / name}: "):
        load_model(str(folder))


def test_a_tokenizer_in_another_format_is_named_by_its_folder(llama):
    (llama / "tokenizer.model").write_bytes(b"no sentencepiece model")
    with pytest.raises(ValueError, match=f"its tokenizer cannot be read from {llama}"):
        load_model(str(llama))


CODE_BESIDE = {
    "AutoConfig": "own_configuration.Own",
    "AutoModelForCausalLM": "own_model.Own",
    "AutoTokenizer": ["own_tokenizer.Own", "own_tokenizer.Own"],
}


def with_code(folder: Path, marker: Path) -> None:
    """Code of its own beside a model, which leaves a file where it runs; its configuration asks for it."""
    for name in ("own_configuration", "own_model", "own_tokenizer"):
        (folder / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\nfrom transformers import LlamaConfig as Own\n")
    with_config(folder, auto_map=CODE_BESIDE)


def test_code_that_comes_with_a_model_is_not_run(llama: Path, tmp_path: Path):
    plain = load_model(str(llama))
    with_code(llama, tmp_path / "ran")
    model = load_model(str(llama))
    assert not (tmp_path / "ran").exists()
    assert torch.equal(model.forward.weight_u, plain.forward.weight_u)


def test_a_model_that_only_its_own_code_could_make_is_refused(llama: Path, tmp_path: Path):
    with_code(llama, tmp_path / "ran")
    with_config(llama, model_type="own")
    with pytest.raises(
        ValueError, match=r"'own', which transformers does not know: code that comes .*none is ever run"
    ):
        load_model(str(llama))
    assert not (tmp_path / "ran").exists()
