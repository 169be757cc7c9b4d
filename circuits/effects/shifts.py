"""How far writers are from their ablated values, held while a circuit runs: only those that add anything."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

import torch
from torch import Tensor

from circuits.model.layers import on_device
from circuits.model.linear import weighted_sums


class Space:
    """Memory that one circuit after another is run in: new pages of it cost a twentieth of a run."""

    def __init__(self) -> None:
        self._parts: dict[int, Space] = {}
        self._values: Tensor | None = None

    def part(self, number: int) -> Space:
        """Of one of several batches that are run at the same time."""
        return self._parts.setdefault(number, Space())

    def empty(self, like: Tensor, *shape: int) -> Tensor:
        """A tensor with any values, which shares its memory with the one given before."""
        size = math.prod(shape)
        if self._values is None or self._values.numel() < size:
            self._values = None
            self._values = like.new_empty(size)
        return self._values[:size].view(shape)


class Written(NamedTuple):
    """What some consecutive writers add beyond their ablated values.

    n_writers  how many writers there are
    which      [n] those of them that add anything, on the CPU; None for all
    shifts     [circuit, n, prompt, position, d_model]; None where none does
    """

    n_writers: int
    which: Tensor | None
    shifts: Tensor | None


class Shifts:
    """How far writers are from their ablated values, as they run.

    known   [prompt, writer, position, d_model] of the first writers, the same in all circuits
    values  [circuit, n, prompt, position, d_model] of the later ones that add anything, filled as they run
    """

    def __init__(self, known: Tensor, n_circuits: int, n_writers: int, space: Space | None) -> None:
        """space: where values are written; None to keep the graph that gradients pass through."""
        n_prompts, self._n_known, *by_token = known.shape
        self._shape = (n_prompts, *by_token)
        self._known = known.transpose(0, 1).flatten(1)
        self._n_run = self._n_known
        self._held: list[int] = []  # the numbers of the writers that `values` holds, ascending
        # Gradients do not pass through tensors that are overwritten.
        self._parts: list[Tensor] | None = [] if space is None else None
        if space is not None:
            self._values = space.empty(known, n_circuits, n_writers - self._n_known + 1, *self._shape)
            if self._n_known == 1:  # a row among the others costs less than a sum of its own
                self._n_known, self._n_run = 0, 0
                self.append([Written(1, None, known.transpose(0, 1))])

    def append(self, written: list[Written]) -> None:
        """Add the next writers."""
        for n_writers, which, shifts in written:
            if shifts is not None:
                added = range(n_writers) if which is None else which.tolist()
                if self._parts is None:
                    self._values[:, len(self._held) : len(self._held) + len(added)] = shifts
                else:
                    self._parts.append(shifts)
                self._held += [self._n_run + number for number in added]
            self._n_run += n_writers

    def of_one_circuit(self) -> Tensor:
        """[prompt, writer, position, d_model] of all writers, where there is one circuit; laid out writer by writer, so
        that the first of them are `known` without a copy."""
        values = self._values[0, : len(self._held)] if self._parts is None else torch.cat(self._parts, dim=1)[0]
        later = values
        if len(self._held) < self._n_run - self._n_known:
            later = values.new_zeros(self._n_run - self._n_known, *self._shape)
            held = torch.tensor(self._held, dtype=torch.long) - self._n_known
            later[on_device(held, values.device)] = values
        known = self._known[: self._n_known].unflatten(1, self._shape)
        return torch.cat((known, later)).transpose(0, 1)

    def hold_any_from(self, first: int) -> bool:
        """Whether any writer from this number on adds anything."""
        return bool(self._held) and self._held[-1] >= first

    def seen_by(self, sources: Tensor, *, first: int = 0) -> Tensor:
        """Weighted sum of the shifts along each reader's edges [circuit, reader, prompt, position, d_model].

        sources  [circuit, reader, writer] for consecutive writers
        first    the first of these, which is 0 or no `known` one
        """
        n_circuits, n_readers, n_sources = sources.shape
        n_known = min(n_sources, self._n_known) if first == 0 else 0
        start, stop = bisect_left(self._held, first), bisect_left(self._held, first + n_sources)
        seen = None
        if stop > start:
            held = self._held[start:stop]
            if stop - start < n_sources - n_known:
                numbers = on_device(torch.tensor(held) - first, sources.device)
                seen = self._later(sources.index_select(2, numbers), slice(start, stop))
            else:
                seen = self._later(sources[..., n_known:], slice(start, stop))
        if n_known:
            early = sources[..., :n_known].reshape(-1, n_known) @ self._known[:n_known]
            early = early.view(n_circuits, n_readers, -1)
            seen = early if seen is None else seen + early
        assert seen is not None
        return seen.unflatten(2, self._shape)

    def _later(self, sources: Tensor, chosen: slice) -> Tensor:
        """The sum over held writers, [circuit, reader, prompt x position x d_model]."""
        if self._parts is not None:
            return sources @ torch.cat(self._parts, dim=1)[:, chosen].flatten(2)
        return weighted_sums(sources, self._values[:, chosen].flatten(2))
