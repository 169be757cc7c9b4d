"""Which prompt each sequence of a running model is, from the first pass over it on: where its roles and tokens are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.edits.places import Placed


class Sequences:
    """The sequences that a model runs, known by their tokens; `begin` is called before every pass.

    prompts      whose roles are named; a sequence begins with one of them, clean or corrupt
    needs_roles  whether roles are named at all; if not, any tokens can be run
    """

    def __init__(self, prompts: PromptSet | None, *, needs_roles: bool) -> None:
        self.prompts = () if prompts is None else prompts.prompts
        self.needs_roles = needs_roles
        self.places: list[Placed] = []
        self.n_past = 0
        self.cache: Any = None

    def begin(self, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before a pass: which prompt each sequence is, unless the pass goes on with those of the one before."""
        ids = args[0] if args else kwargs.get("input_ids")
        self.cache = kwargs.get("past_key_values")
        self.n_past = 0 if self.cache is None else int(self.cache.get_seq_length())
        if self.n_past:
            n = None if ids is None else len(ids)
            if n is not None and n != len(self.places):
                raise ValueError(f"{n} sequences go on from {len(self.places)}: run these prompts from their start.")
            return
        if not isinstance(ids, Tensor):
            raise ValueError("edits need token ids: run the model on `input_ids`, not on embeddings.")
        mask = kwargs.get("attention_mask")
        is_token = torch.ones_like(ids) if not isinstance(mask, Tensor) or mask.ndim != 2 else mask
        self.places = [self._placed(row, own.bool()) for row, own in zip(ids, is_token, strict=True)]

    def positions(self, n_new: int, *, device: torch.device) -> Tensor:
        """[sequence, token] the positions of all tokens up to the newest of a pass, negative where they are padding."""
        offsets = torch.tensor([placed.offset for placed in self.places], device=device).unsqueeze(1)
        return torch.arange(self.n_past + n_new, device=device).unsqueeze(0) - offsets

    def _placed(self, ids: Tensor, is_token: Tensor) -> Placed:
        tokens, offset = tuple(ids[is_token].tolist()), int(is_token.int().argmax())
        return Placed(self._roles(tokens) if self.needs_roles else {}, offset)

    def _roles(self, tokens: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
        """The roles of the prompt that the tokens begin with: the longest one, a clean one first."""
        for side in ("clean", "corrupt"):
            begun = [prompt for prompt in self.prompts if _begins(tokens, getattr(prompt, side))]
            longest = [prompt for prompt in begun if len(prompt) == max(map(len, begun))]
            if longest and any(prompt.roles != longest[0].roles for prompt in longest):
                raise ValueError("two of the prompts have the same tokens and different roles: run them apart.")
            if longest:
                return longest[0].roles
        raise ValueError(
            f"a sequence of {len(tokens)} tokens begins with none of the {len(self.prompts)} prompts whose roles the "
            "edits name: run these prompts, or name positions."
        )


def _begins(tokens: Sequence[int], prompt: tuple[int, ...]) -> bool:
    return tuple(tokens[: len(prompt)]) == prompt
