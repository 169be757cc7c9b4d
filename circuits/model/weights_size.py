"""How many numbers a model's files hold, and whether they fit on one GPU, or into main memory."""

from __future__ import annotations

import math

from circuits.model.room import free_memory
from circuits.model.sources import ModelSource, shapes_in

BYTES = {"float32": 4, "bfloat16": 2}


def n_weights(source: ModelSource) -> int:
    """How many numbers the files of a model hold, read from their headers. ValueError for those that are damaged."""
    if source.file is not None:
        from circuits.model.gguf_header import read_header

        return sum(tensor.n_elements for tensor in read_header(source.file).tensors)
    return sum(math.prod(shape) for file in source.weight_files for shape in shapes_in(file).values())


def require_fits(source: ModelSource, dtype: str, device: str) -> None:
    """Raise a ValueError, before anything is loaded, where the weights alone are larger than the memory of a GPU, or
    than what main memory has free: taking more there ends the process without a word."""
    import torch

    n_numbers, is_gpu = n_weights(source), torch.device(device).type == "cuda"
    n_bytes = torch.cuda.mem_get_info(torch.device(device))[1] if is_gpu else free_memory()
    if n_numbers * BYTES[dtype] <= n_bytes:
        return
    smaller = "" if dtype == "bfloat16" else f"--dtype bfloat16 ({n_numbers * BYTES['bfloat16'] / 1e9:,.1f} GB), "
    if is_gpu:
        has, rule = "has", "A model must fit on one GPU, with room for what is measured: its layers are not spread over"
        rule, other = f"{rule} several", "a larger GPU, a smaller model, or the CPU"
    else:
        has, rule = "has free", "A model must fit, with room for what is measured"
        other = "a machine with more memory, or a smaller model, or end other programs"
    raise ValueError(
        f"model {source.name!r} holds {n_numbers / 1e9:,.1f} billion numbers, {n_numbers * BYTES[dtype] / 1e9:,.1f} GB "
        f"as {dtype}, and {device} {has} {n_bytes / 1e9:,.1f} GB. {rule}. Use {smaller}{other}."
    )
