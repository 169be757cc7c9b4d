"""Answers of several tokens the long way: the plain transformers model, a sequence at a time, and hooks on its modules.

Nothing here uses batches, readouts or the resumed forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from circuits.data.answers import tokens_of
from circuits.data.prompts import Prompt, PromptSet

D_HEAD = 8
FAMILIES = ("gpt2", "llama")  # llama: two query heads share a key-value head

# Metrics by hand: from log-probabilities of the answers and of the wrong answers.
BY_HAND: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "answer-log-probability": lambda right, wrong: right.exp().sum().log(),
    "log-probability-difference": lambda right, wrong: right.exp().sum().log() - wrong.exp().sum().log(),
    "answer-probability": lambda right, wrong: right.exp().sum(),
    "probability-difference": lambda right, wrong: right.exp().sum() - wrong.exp().sum(),
}


def long_prompts() -> PromptSet:
    """Prompts of four lengths whose answers have one to three tokens, some with common beginnings; one of one token."""
    return PromptSet(
        "long",
        (
            Prompt((3, 9, 4, 17, 22), (3, 9, 8, 17, 22), ((5, 6),), ((7, 8, 9),), roles={"changed": (2,)}),
            Prompt(
                (1, 2, 3, 4, 5, 6, 7),
                (1, 2, 9, 4, 5, 6, 7),
                ((5, 6), (11, 12, 13)),
                (4, (5, 9)),
                roles={"changed": (2,)},
            ),
            Prompt((30, 31, 32, 33, 34), (30, 31, 40, 33, 34), (8,), (9,), roles={"changed": (2,)}),
            Prompt(
                (20, 21, 22, 23, 24, 25, 26, 27, 28), (20, 21, 22, 33, 24, 25, 26, 27, 28), ((2, 3, 4),), ((2, 3, 5),)
            ),
            Prompt((40, 41, 42, 43), (45, 41, 42, 43), ((6, 7),), (3,)),
        ),
    )


class Plain:
    """A plain model: where its heads, MLPs and norms are."""

    def __init__(self, model: Any, family: str) -> None:
        self.module = model.original
        for parameter in self.module.parameters():
            parameter.requires_grad_(False)
        inner = self.module.transformer if family == "gpt2" else self.module.model
        self.blocks = inner.h if family == "gpt2" else inner.layers
        self.final_norm = inner.ln_f if family == "gpt2" else inner.norm
        self.is_gpt2 = family == "gpt2"

    def output(self, layer: int) -> Any:
        """The projection that reads all heads' z side by side."""
        return self.blocks[layer].attn.c_proj if self.is_gpt2 else self.blocks[layer].self_attn.o_proj

    def weight_o(self, layer: int, index: int) -> Tensor:
        weight = self.output(layer).weight if self.is_gpt2 else self.output(layer).weight.T
        return weight[index * D_HEAD : (index + 1) * D_HEAD]

    def mlp(self, layer: int) -> Any:
        return self.blocks[layer].mlp

    def norms(self, layer: int) -> tuple[Any, Any]:
        """In front of the attention, and of the MLP."""
        block = self.blocks[layer]
        return (block.ln_1, block.ln_2) if self.is_gpt2 else (block.input_layernorm, block.post_attention_layernorm)

    def log_probability(self, ids: Sequence[int], answer: Sequence[int]) -> Tensor:
        """Of one answer after a prompt."""
        logits = self.module(torch.tensor([[*ids, *answer[:-1]]])).logits[0].log_softmax(-1)
        return torch.stack([logits[len(ids) - 1 + n, token] for n, token in enumerate(answer)]).sum()

    def metric(self, prompt: Prompt, name: str, run: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
        """A metric from what `run` gives for each answer: its log-probability."""
        right, wrong = (
            torch.stack([run(tokens_of(answer)) for answer in side]) for side in (prompt.answers, prompt.wrong_answers)
        )
        return BY_HAND[name](right, wrong)

    def clean(self, prompt: Prompt, name: str) -> Tensor:
        return self.metric(prompt, name, lambda answer: self.log_probability(prompt.clean, answer))

    def corrupt(self, prompt: Prompt, name: str) -> Tensor:
        return self.metric(prompt, name, lambda answer: self.log_probability(prompt.corrupt, answer))

    def values(self, ids: Sequence[int], modules: Mapping[str, tuple[Any, str]]) -> dict[str, Tensor]:
        """What modules read (`in`) or give (`out`) on one sequence [position, ...]."""
        kept: dict[str, Tensor] = {}
        handles = []
        for name, (module, side) in modules.items():
            if side == "in":
                handles.append(
                    module.register_forward_pre_hook(lambda _m, args, name=name: kept.update({name: args[0][0]}))
                )
            else:
                handles.append(module.register_forward_hook(lambda _m, _a, out, name=name: kept.update({name: out[0]})))
        with torch.no_grad():
            self.module(torch.tensor([list(ids)]))
        for handle in handles:
            handle.remove()
        return kept

    def patched(
        self,
        prompt: Prompt,
        name: str,
        sites: Sequence[tuple[Any, str, slice]],
        where: Callable[[int], Tensor],
        *,
        restores: bool = False,
    ) -> Tensor:
        """The metric of the clean prompt with some values of the corrupt one put in; `restores`: the other way round.

        sites  module, whether what it reads or gives is patched, and which of its numbers
        where  from how many positions a sequence has to [position] whether to patch
        """
        base, donor = (prompt.corrupt, prompt.clean) if restores else (prompt.clean, prompt.corrupt)

        def run(answer: tuple[int, ...]) -> Tensor:
            other = [*donor, *answer[:-1]]
            named = {str(number): (module, side) for number, (module, side, _) in enumerate(sites)}
            given, mask = self.values(other, named), where(len(other))
            with (
                changed(
                    [
                        (module, side, _put(given[str(number)], mask, part))
                        for number, (module, side, part) in enumerate(sites)
                    ]
                ),
                torch.no_grad(),
            ):
                return self.log_probability(base, answer)

        return self.metric(prompt, name, run)


def everywhere(n_positions: int) -> Tensor:
    return torch.ones(n_positions, dtype=torch.bool)


def at(*positions: int) -> Callable[[int], Tensor]:
    return lambda n_positions: torch.isin(torch.arange(n_positions), torch.tensor(positions))


def _put(given: Tensor, mask: Tensor, part: slice) -> Callable[[Tensor], Tensor]:
    def change(value: Tensor) -> Tensor:
        value = value.clone()
        value[0, mask, part] = given[mask, part]
        return value

    return change


@contextmanager
def changed(changes: Sequence[tuple[Any, str, Callable[[Tensor], Tensor]]]) -> Iterator[None]:
    """Within it, modules read or give something else."""
    handles = []
    for module, side, change in changes:
        if side == "in":
            handles.append(
                module.register_forward_pre_hook(lambda _m, args, change=change: (change(args[0]), *args[1:]))
            )
        else:
            handles.append(module.register_forward_hook(lambda _m, _a, out, change=change: change(out)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
