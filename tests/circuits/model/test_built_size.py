"""Tables that a family makes beside its weights are measured before they are made, whatever the family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from circuits.model import built_size
from circuits.model.built_size import require_room_for_tables
from circuits.model.load import load_model
from tests.conftest import random_module

PLACE = Path("config.json")
MANY, TOO_MANY = 10**6, 10**12
# Family -> what it calls its positions, and the bytes of its tables for each or for each pair, with 2 layers.
SIZES: dict[str, Any] = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
GPT: dict[str, Any] = {"vocab_size": 16, "n_embd": 16, "n_layer": 2, "n_head": 2}
TURNED = {**GPT, "rotary_dim": 4}
NEO = {**SIZES, "num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]]}
LINES: dict[str, tuple[dict[str, Any], str, int]] = {
    "GPTJ": (TURNED, "n_positions", 2 * 4 * 4),
    "CodeGen": ({**TURNED, "n_head": 4}, "n_positions", 2 * 4 * 4),
    "XGLM": ({"vocab_size": 16, "d_model": 16, "num_layers": 2, "attention_heads": 2}, "max_position_embeddings", 64),
}
SQUARES: dict[str, tuple[dict[str, Any], str, int]] = {
    "GPTNeo": (NEO, "max_position_embeddings", 2),
    "GPTBigCode": (GPT, "n_positions", 1),
    "OpenAIGPT": (GPT, "n_positions", 2 * 4),
}
# Those that make no tables: positions are learned, or turn what is there, or are counted when the model runs.
NONE: dict[str, tuple[dict[str, Any], str]] = {
    "GPT2": (GPT, "n_positions"),
    "OPT": ({**SIZES, "word_embed_proj_dim": 16}, "max_position_embeddings"),
    "Bloom": (SIZES, "seq_length"),
    "Mpt": ({"vocab_size": 16, "d_model": 16, "n_layers": 2, "n_heads": 2}, "max_seq_len"),
    **{
        family: ({**SIZES, "pad_token_id": 0, **more}, "max_position_embeddings")
        for family, more in {
            "Llama": {"num_key_value_heads": 1},
            "Mistral": {"num_key_value_heads": 1},
            "Qwen2": {"num_key_value_heads": 1},
            "GPTNeoX": {},
            "Gemma": {"num_key_value_heads": 1, "head_dim": 8},
            "Gemma2": {"num_key_value_heads": 1, "head_dim": 8},
            "Gemma3Text": {"num_key_value_heads": 1, "head_dim": 8},
            "Falcon": {},
            "Phi": {"num_key_value_heads": 1},
            "Cohere": {"num_key_value_heads": 1},
        }.items()
    },
}


def check(family: str, sizes: dict[str, Any], name: str, n: int, *, n_numbers: int | None = None) -> None:
    import transformers as tf

    config = getattr(tf, f"{family}Config")(**sizes, **{name: n})
    require_room_for_tables(tf.AutoModelForCausalLM, config, torch.float32, PLACE, n_numbers=n_numbers)


@pytest.mark.parametrize(("family", "case"), [*LINES.items(), *SQUARES.items()])
def test_tables_are_bounded_by_the_memory_for_them(family, case, monkeypatch):
    sizes, name, n_bytes = case
    whole = n_bytes * (MANY if family in LINES else MANY**2)
    # Some positions more than are said, for padding, and counters.
    monkeypatch.setattr(built_size, "free_memory", lambda: whole + 10**8)
    check(family, sizes, name, MANY)
    monkeypatch.setattr(built_size, "free_memory", lambda: whole - 1)
    with pytest.raises(ValueError, match=rf"config\.json says {name} = {MANY}, whose tables take .* GB, and there are"):
        check(family, sizes, name, MANY)


@pytest.mark.parametrize(("family", "case"), SQUARES.items())
def test_tables_of_more_numbers_than_can_be_counted_are_refused(family, case):
    sizes, name, _ = case
    with pytest.raises(ValueError, match=r"= 1000000000000, whose tables are larger than any memory\. Give a smaller"):
        check(family, sizes, name, TOO_MANY)


@pytest.mark.parametrize(("family", "case"), NONE.items())
def test_positions_without_tables_may_be_any_number(family, case):
    sizes, name = case
    check(family, sizes, name, TOO_MANY)


@pytest.mark.parametrize("family", ["GPT2", "OPT"])
def test_a_parameter_is_no_larger_than_all_that_the_files_hold(family):
    sizes, name = NONE[family]
    with pytest.raises(ValueError, match=r"is of 100000\d x 16 numbers, but the weights files hold 5,000 numbers"):
        check(family, sizes, name, MANY, n_numbers=5000)


@pytest.mark.parametrize("family", ["gptj", "opt"])
def test_a_folder_that_says_too_many_positions_is_refused_before_they_are_made(family, tmp_path):
    random_module(family, n_layers=1).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (name,) = {"n_positions", "max_position_embeddings"} & config.keys()
    (tmp_path / "config.json").write_text(json.dumps(config | {name: TOO_MANY}))
    told = r"n_positions = 1000000000000, whose tables take 16,000\.0 GB"
    if family == "opt":
        told = r"'model\.decoder\.embed_positions\.weight' is of 1000000000002 x 32 numbers, but the weights files hold"
    with pytest.raises(ValueError, match=told):
        load_model(str(tmp_path))
