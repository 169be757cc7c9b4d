"""What a configuration of the Hugging Face layout would make, measured on a device that holds nothing.

Tables of positions are no weights, so no file tells their size, and every family makes others: sines and cosines in all
layers or once, who sees whom as a square, or none. The model is built once without memory, and what it made is counted.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from circuits.model.fitting import GIVE, times
from circuits.model.room import free_memory
from circuits.model.size_names import SIZE_NAMES, UNLEARNED_POSITIONS

if TYPE_CHECKING:
    from pathlib import Path

    import torch

# What families call the most positions that a prompt may have.
_POSITIONS = (*SIZE_NAMES["n_positions"], *UNLEARNED_POSITIONS)
_TOO_MANY = "overflow"  # of more numbers than torch can count


def require_room_for_tables(kind: Any, config: Any, dtype: torch.dtype, place: Path, *, n_numbers: int | None) -> None:
    """Raise a ValueError where a model would make tables that do not fit into memory, or a parameter that is larger
    than all that its files hold.

    kind       transformers' class that builds such models
    place      the configuration's file
    n_numbers  that the files hold; None where they are codes of quantized weights, and fewer than the model has

    Cost: that of building the model without its weights, a tenth of a second for ten layers.
    """
    said, has = _positions_said(config, place), free_memory()
    smaller = "Give a smaller one, of the longest prompt: the weights hold nothing of it."
    module = _built_without_memory(kind, config, dtype)
    if module is None:
        raise ValueError(f"{said}, whose tables are larger than any memory. {smaller}")
    if n_numbers is not None:
        name, largest = max(module.named_parameters(), key=lambda named: named[1].numel())
        if largest.numel() > n_numbers:
            raise ValueError(
                f"{place} says sizes by which {name!r} is of {times(largest.shape)} numbers, but the weights files "
                f"hold {n_numbers:,} numbers in all. {GIVE}"
            )
    n_bytes = sum(table.nbytes for table in module.buffers())
    if n_bytes > has:
        raise ValueError(
            f"{said}, whose tables take {n_bytes / 1e9:,.1f} GB, and there are {has / 1e9:,.1f} GB free. {smaller}"
        )


def _built_without_memory(kind: Any, config: Any, dtype: torch.dtype) -> torch.nn.Module | None:
    """The model with tensors that have a shape and no numbers; None where there are more than torch can count."""
    import torch

    try:
        with torch.device("meta"):
            return kind.from_config(copy.deepcopy(config), dtype=dtype, trust_remote_code=False)
    except RuntimeError as error:
        if _TOO_MANY in str(error):
            return None
        raise


def _positions_said(config: Any, place: Path) -> str:
    """Where the configuration, or its language model's, says how many positions there are, and how many."""
    of_text: Mapping[str, Any] = config.get_text_config().to_dict()
    named = {name: of_text[name] for name in _POSITIONS if type(of_text.get(name)) is int}
    if not named:
        return f"{place} says sizes"
    name = max(named, key=lambda name: named[name])
    return f"{place} says {name} = {named[name]}"
