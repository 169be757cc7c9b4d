"""Changing a model's own modules at the last position of every forward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from circuits.model.load import Model

Change = Callable[[Tensor], Tensor]


def with_last_changed(values: Tensor, change: Change) -> Tensor:
    """A copy of values [batch, position, ...] with `change` made to the last position [batch, 1, ...]."""
    if values.shape[1] == 1:
        return change(values)
    return torch.cat((values[:, :-1], change(values[:, -1:])), dim=1)


def refuse_padded_ends(model: Model) -> Any:
    """A hook by which the model raises a ValueError where a prompt's last position is padding; the caller removes it.

    The attention mask [prompt, position] is read when prompts are run; tokens that are generated are never padding.
    """

    def check(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        mask, ids = kwargs.get("attention_mask"), args[0] if args else kwargs.get("input_ids")
        if not isinstance(mask, Tensor) or mask.ndim != 2 or (isinstance(ids, Tensor) and ids.shape[-1] == 1):
            return
        padded = (mask[:, -1] == 0).nonzero().flatten().tolist()
        if padded:
            raise ValueError(
                f"{len(padded)} of {len(mask)} prompts end in padding (the first is prompt {padded[0]}), where nothing "
                "would read what is changed. Pad on the left (tokenizer.padding_side = 'left')."
            )

    return model.bridge.original_model.register_forward_pre_hook(check, with_kwargs=True)
