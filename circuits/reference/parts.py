"""What every training of a bundled GPT-2 needs: its shape, an untrained model, recent accuracies, files written."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel


@dataclass(frozen=True)
class Shape:
    """How large a model is."""

    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128
    n_positions: int = 128


class Recent:
    """The mean of the last few accuracies."""

    def __init__(self, window: int) -> None:
        self._values: deque[float] = deque(maxlen=window)

    def add(self, value: float) -> None:
        self._values.append(value)

    def clear(self) -> None:
        self._values.clear()

    def reaches(self, threshold: float) -> bool:
        """Whether a full window of accuracies averages at least `threshold`."""
        return len(self._values) == self._values.maxlen and sum(self._values) / len(self._values) >= threshold


def new_model(shape: Shape, n_vocabulary: int, seed: int) -> GPT2LMHeadModel:
    """An untrained model."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=n_vocabulary,
        n_positions=shape.n_positions,
        n_embd=shape.d_model,
        n_layer=shape.n_layers,
        n_head=shape.n_heads,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config)


def write(model: GPT2LMHeadModel, tokenizer: Any, folder: Path) -> None:
    """Write the model and its tokenizer into `folder`, readable by everyone."""
    # The same function under the name that GPT-2 models carry; the fused form is faster to train.
    model.config.activation_function = "gelu_new"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)  # weights are written for their owner alone
