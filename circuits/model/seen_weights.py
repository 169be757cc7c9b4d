"""Whether weights are still those that a model was loaded with.

Some weights are copied at load, and others shared with the module that they came from: one that is changed in place
afterwards would be measured half as it was and half as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn


class SeenWeights:
    """The weights of some modules at one moment, as checksums. They know other weights, and the same at other places.

    Cost of a look: all weights are read once, in about .2 seconds a gigabyte.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self._modules = modules
        self._seen = self._checksums()

    def first_changed(self) -> str | None:
        """The name of the first weight that is not what it was; None where all are."""
        now = self._checksums()
        changed = (at for at in {**self._seen, **now} if self._seen.get(at) != now.get(at))
        return next((name for _, name in changed), None)

    def _checksums(self) -> dict[tuple[int, str], Hashable]:
        found: dict[tuple[int, str], Hashable] = {}
        known: dict[tuple[Any, ...], Hashable] = {}
        for number, module in enumerate(self._modules):
            # Within a bridge the names of one tensor are many.
            for name, tensor in module.named_parameters(remove_duplicate=False):
                at = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
                if at not in known:
                    known[at] = checksum(tensor)
                found[number, name] = known[at]
        return found


def checksum(tensor: Tensor) -> Hashable:
    """A number for weights and their places, or numbers."""
    plain = tensor.detach().contiguous()
    if plain.device.type == "cpu":
        return zlib.crc32(plain.reshape(-1).view(torch.uint8).numpy().data)
    return _by_sums(plain)


def _by_sums(tensor: Tensor) -> Hashable:
    """The sums of the bits of every row and of every column, computed where the weights are; then one of these."""
    bits = tensor.reshape(tensor.shape[0] if tensor.ndim else 1, -1).view(_INTEGERS[tensor.element_size()])
    sums = torch.cat([bits.sum(0, dtype=torch.int64), bits.sum(1, dtype=torch.int64)])
    return zlib.crc32(sums.cpu().numpy().data)


_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
