"""The model itself, as transformers runs it with no part of it wrapped: what everything here is compared with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from circuits.model.checks import deviation


def own_logits(original: nn.Module, ids: Tensor, **inputs: Any) -> Tensor:
    """Logits [prompt, position, vocabulary] that the model itself gives."""
    with torch.no_grad():
        output = original(ids, **inputs)
    return output if isinstance(output, Tensor) else output.logits


def own_rounding(original: Any, ids: Tensor, expected: Tensor, **inputs: Any) -> float:
    """How far the logits move, relative to the largest, where transformers computes the attention in another way.

    expected  the model's own logits
    In 16 bits rounding grows over the layers, by how much depends on the model: in SmolLM2-135M to 7 % of the largest
    logit. 0 for float32, and for families that know one way only. Cost: one forward pass.
    """
    if expected.dtype not in (torch.bfloat16, torch.float16) or not hasattr(original, "set_attn_implementation"):
        return 0.0
    usual = original.config._attn_implementation
    try:
        original.set_attn_implementation("sdpa" if usual == "eager" else "eager")
        return deviation(own_logits(original, ids, **inputs), expected)
    except (ValueError, ImportError):
        return 0.0
    finally:
        original.set_attn_implementation(usual)
