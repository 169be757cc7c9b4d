"""A pretrained model that somebody holds, by hand and in runs: the numbers of the same model by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from circuits import activations, load_model, patch
from circuits.model.fetchable import SMOLLM2_135M, require_fetched
from pipelines import discover, label_heads, trace

pytestmark = pytest.mark.slow
NAMES = (("David", "Martin"), ("Mary", "John"), ("Anna", "Tom"), ("Sarah", "Paul"))
PAIRS = [
    (
        f"When {a} and {b} went to the store, {b} gave a drink to",
        f"When {a} and {b} went to the store, {a} gave a drink to",
        f" {a}",
        f" {b}",
    )
    for a, b in NAMES
]


def held(kind: str) -> Any:
    folder = require_fetched(SMOLLM2_135M.name)
    if kind == "bridge":
        from transformer_lens.model_bridge import TransformerBridge

        bridge: Any = TransformerBridge.boot_transformers(str(folder), dtype=torch.float32)
        bridge.cfg.default_prepend_bos = False  # as the model's own tokenizer
        return bridge
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def measured(model: Any, out: Any) -> list[Any]:
    """What all that people call gives, as arrays and texts."""
    settings: Any = {"model": model, "out": out, "progress": False}
    run = discover(PAIRS, edges=100, **settings)
    traced = trace(PAIRS[:1], **settings)
    loaded = model if isinstance(model, str) else load_model(model)
    loaded = load_model(loaded) if isinstance(loaded, str) else loaded
    points = activations(loaded, run.prompts, ["a23.h3", "m4", "r30"])
    return [
        run.scores.per_prompt,
        [str(edge) for edge in run.circuit.edges],
        run.faithfulness,
        traced.trace.to_frame()["recovery"].to_numpy(),
        label_heads(run, out=out, progress=False).to_frame()["mean"].to_numpy(),
        patch(loaded, run.prompts, ["a23.h3", "a29.h1"]).per_prompt,
        *points.values(),
    ]


@pytest.fixture(scope="module")
def by_name(tmp_path_factory):
    return measured(SMOLLM2_135M.name, tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("kind", ["transformers", "bridge"])
def test_a_pretrained_model_in_memory_gives_what_its_name_gives_bit_for_bit(kind, by_name, tmp_path):
    for found, expected in zip(measured(held(kind), tmp_path), by_name, strict=True):
        np.testing.assert_array_equal(found, expected)
