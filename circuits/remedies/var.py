"""`var`: heads that read an image look less at its massive tokens, and more at the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from circuits.data.prompts import PromptSet
from circuits.edits import Edit, Redistribute
from circuits.edits.sinks import Var, massive_tokens
from circuits.model.batches import Batch, each_batch
from circuits.remedies.base import REMEDIES, Remedy

if TYPE_CHECKING:
    from circuits.model.load import Model


@REMEDIES.register
@dataclass(frozen=True)
class VisualRedistribution(Remedy):
    """The attention to massive tokens times beta, and what is freed to the others of the image.

    The authors edit every head whose row reads the image: the row `all heads` of the results. Heads that it helps on
    some prompts are edited as well, and judged on others.

    on, tau  the image's tokens, and how massive a token is (`circuits.edits.sinks.Var`)

    Source: VAR (Kang et al. 2025, arXiv 2503.03321).

    >>> from circuits.remedies import VisualRedistribution
    >>> [edit.text for edit in VisualRedistribution().edits(0.6)]
    ['redistribute all var beta=0.6 on=*visual tau=20.0 rho=0.5 least=0.2']
    """

    name = "var"
    summary = "in heads that read an image, the attention to massive tokens times beta, and the rest to the others"

    betas: tuple[float, ...] = (0.6,)
    on: str = "*visual"
    tau: float = 20.0

    def __post_init__(self) -> None:
        if not self.betas:
            raise ValueError("give a beta at least.")
        for beta in self.betas:
            Var(beta, self.on, self.tau)

    @property
    def probes(self) -> Mapping[float, tuple[float, ...]]:
        return {self.betas[0]: self.betas}

    def edits(self, strength: float) -> tuple[Edit, ...]:
        return (Redistribute("all", Var(strength, self.on, self.tau)),)

    def layers(self, n_layers: int) -> range:
        return range(2, n_layers - 1)

    def warnings(self, model: Model, prompts: PromptSet) -> tuple[str, ...]:
        """Where no token is massive in any layer, nothing is redistributed; the first token does not count."""
        forward, found = model.forward, [False]

        def look(batch: Batch) -> None:
            run = forward.record(batch.clean, batch.clean_pixels(forward))
            keys = torch.arange(batch.n_positions, device=forward.device).expand(len(batch.clean), -1)
            for layer in self.layers(forward.n_layers):
                found[0] |= bool(massive_tokens(run.residual[layer], keys, self.tau)[:, 1:].any())

        with torch.no_grad():
            each_batch(prompts, forward, look, shares_prefix=False)
        if found[0]:
            return ()
        return (
            f"no token but the first is massive (tau {self.tau:g}) in any layer: there is nothing to redistribute.",
        )
