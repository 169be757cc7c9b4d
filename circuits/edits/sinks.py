"""Rules of `redistribute`: which tokens are sinks, and which get the attention that is taken from them.

act  Yu et al. 2024 (arXiv 2406.15765): tokens that get much attention on average. The authors spare the first sink,
     whichever it is; here the first token is spared, sink or not
var  Kang et al. 2025 (arXiv 2503.03321): tokens whose stream is massive in a few dimensions. The authors know these of
     two models; here they are those in which the stream at the first token is more than 100 times its median
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from circuits.edits.base import Where
from circuits.edits.places import positions_of

_MASSIVE = 100.0


class Found(NamedTuple):
    """sinks, receivers [sequence, query, key]; rows [sequence, query] that are changed."""

    sinks: Tensor
    receivers: Tensor
    rows: Tensor


@dataclass(frozen=True)
class SinkRule:
    """beta  what the attention to sinks is multiplied by, from 0 to 1; 1 changes nothing"""

    name: ClassVar[str]
    needs_all_rows: ClassVar[bool] = False

    beta: float

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise ValueError(f"'redistribute' takes a beta from 0 to 1; found {self.beta:g}.")

    @property
    def key_places(self) -> tuple[str, ...]:
        """The places of keys that it names."""
        return ()

    @property
    def effect(self) -> str:
        """What it does, in words."""
        raise NotImplementedError

    def found(self, pattern: Tensor, where: Where) -> Found:
        """What is a sink, and what gets the freed attention, of a pattern [sequence, query, key]."""
        raise NotImplementedError


@dataclass(frozen=True)
class Act(SinkRule):
    """Sinks get more than `over` of the attention of the queries that can see them, on average; all others receive."""

    name = "act"
    needs_all_rows = True

    beta: float = 0.4
    over: float = 0.1

    @property
    def effect(self) -> str:
        return (
            f"the attention to tokens that get more than {self.over:g} on average, but the first, times {self.beta:g}; "
            "the rest to the other tokens in proportion"
        )

    def found(self, pattern: Tensor, where: Where) -> Found:
        if where.queries.shape != where.keys.shape:
            raise ValueError("'redistribute ... act' must see the rows of all queries: generate with use_cache=False.")
        counted = where.visible & (where.queries >= 0).unsqueeze(-1)
        mean = torch.where(counted, pattern, 0).sum(1) / counted.sum(1).clamp_min(1)
        sinks = ((mean > self.over) & (where.keys > 0)).unsqueeze(1) & where.visible
        return Found(sinks, where.visible & ~sinks, torch.ones_like(where.queries, dtype=torch.bool))


@dataclass(frozen=True)
class Var(SinkRule):
    """Sinks have |x_d| > tau rms(x) in a massive dimension d of the stream x; other tokens `on` the image receive.

    Only rows after the image are changed that give it at least `least` of their attention, and of that at most `rho`
    to sinks: heads that read the image.
    """

    name = "var"

    beta: float = 0.6
    on: str = "*visual"
    tau: float = 20.0
    rho: float = 0.5
    least: float = 0.2

    @property
    def key_places(self) -> tuple[str, ...]:
        return (self.on,)

    @property
    def effect(self) -> str:
        return (
            f"where at least {self.least:g} of the attention is on {self.on}, and of that at most {self.rho:g} on "
            f"massive tokens: the attention to all massive tokens times {self.beta:g}; the rest to the others of "
            f"{self.on} in proportion"
        )

    def found(self, pattern: Tensor, where: Where) -> Found:
        if where.residual.shape[1] != where.keys.shape[1]:
            raise ValueError("'redistribute ... var' must see the stream at all tokens: generate with use_cache=False.")
        is_sink = massive_tokens(where.residual, where.keys, self.tau)
        on = torch.zeros_like(where.keys, dtype=torch.bool)
        for number, placed in enumerate(where.places):
            on[number] = torch.isin(
                where.keys[number], on.new_tensor(positions_of(self.on, placed.roles), dtype=torch.long)
            )
        sinks, image = is_sink.unsqueeze(1) & where.visible, on.unsqueeze(1) & where.visible
        on_image, on_sinks = (torch.where(mask, pattern, 0).sum(-1) for mask in (image, image & sinks))
        last = torch.where(on, where.keys, -1).amax(-1, keepdim=True)
        reads = (on_image >= self.least) & (on_sinks <= self.rho * on_image)
        has_sink = (on & is_sink).any(-1, keepdim=True)
        return Found(sinks, image & ~sinks, reads & has_sink & (where.queries > last))


def massive_tokens(residual: Tensor, keys: Tensor, tau: float) -> Tensor:
    """[sequence, key] whether max |x_d| over the massive dimensions d exceeds tau times the root mean square of x.

    residual  [sequence, key, d_model]; keys [sequence, key] positions, negative where they are padding

    A dimension is massive where |x_d| at the first token is above 100 times the median of its |x|.
    """
    size = residual.float().abs()
    first = torch.einsum("sk,skd->sd", (keys == 0).to(size.dtype), size)
    is_massive = first > _MASSIVE * first.median(-1, keepdim=True).values
    largest = torch.where(is_massive.unsqueeze(1), size, 0).amax(-1)
    return (largest > tau * (size.square().mean(-1) + 1e-6).sqrt()) & (keys >= 0)
