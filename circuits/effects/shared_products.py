"""Products with a layer's weights that several runs ask for at the same time, made as one.

A run is a generator that hands over what it wants multiplied, and goes on with the outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor


class Product(NamedTuple):
    """What a run asks a layer's weights for.

    of      [group, token, in] -> [group, token, out], each token by itself; the same in all runs
    inputs  [group, ..., in] this run's tokens
    plus    what is added to them, if anything
    """

    of: Callable[[Tensor], Tensor]
    inputs: Tensor
    plus: Tensor | None = None

    @property
    def shape(self) -> torch.Size:
        return self.inputs.shape[1:-1]

    def whole(self) -> Tensor:
        return self.inputs if self.plus is None else self.inputs + self.plus


def joined_inputs(products: Sequence[Product]) -> Tensor:
    """The inputs of all runs, side by side [group, token, in]; without gradients, each is read and written once."""
    first, sizes = products[0].inputs, [math.prod(product.shape) for product in products]
    if len(products) == 1 or torch.is_grad_enabled():
        flat = [product.whole().flatten(1, -2) for product in products]
        return flat[0] if len(flat) == 1 else torch.cat(flat, dim=1)
    joined = first.new_empty(len(first), sum(sizes), first.shape[-1])
    for part, product in zip(joined.split(sizes, dim=1), products, strict=True):
        into = part.unflatten(1, product.shape)
        if product.plus is None:
            into.copy_(product.inputs)
        else:
            torch.add(product.inputs, product.plus, out=into)
    return joined


_Result = TypeVar("_Result")
Running = Generator[Product, Tensor, _Result]
"""A run that hands over products, gets each one's outputs [group, ..., out], and ends with a result."""


def together(runs: Sequence[Running[_Result]]) -> list[_Result]:
    """The results of runs of the same circuits, product by product."""
    results: list[_Result] = []
    outputs: list[Tensor | None] = [None] * len(runs)
    while not results:
        products: list[Product] = []
        for run, of_run in zip(runs, outputs, strict=True):
            try:
                products.append(next(run) if of_run is None else run.send(of_run))
            except StopIteration as end:
                results.append(end.value)
        if products:
            output = products[0].of(joined_inputs(products))
            parts = output.split([math.prod(product.shape) for product in products], dim=1)
            outputs = [part.unflatten(1, product.shape) for part, product in zip(parts, products, strict=True)]
    return results
