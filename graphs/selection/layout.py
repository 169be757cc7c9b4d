"""Where the edges of a wiring lie, in blocks that one array operation handles."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from circuits.arrays import Numbers
from circuits.components import LOGITS, Wiring
from circuits.masks import endpoints


class Block(NamedTuple):
    """Readers in a row that see the same writers: all queries, keys and values of a layer, or its MLP.

    edges    of these readers; [reader, writer] once reshaped
    first    number of the first reader
    shape    how many readers, and how many writers they see: numbers 0 .. n-1
    feeds    [reader, i] number of each writer that the reader leads to, the first one again where it leads to fewer
    writers  [writer] numbers of all writers that the block leads to; `logits` counts as one after the last writer
    inputs   [writer, i] index within the block of each reader that leads to the writer, filled up likewise
    """

    edges: slice
    first: int
    shape: tuple[int, int]
    feeds: Numbers
    writers: Numbers
    inputs: Numbers


class Layout(NamedTuple):
    """The blocks of a wiring as they run, and the ends of its edges.

    source   [edge] number of the writer that an edge starts from
    target   [edge] number of the reader that it ends in
    blocks   in the order in which they run
    feeds    [reader] numbers of the writers that a reader leads to
    end      number that stands for `logits` among the writers
    """

    source: Numbers
    target: Numbers
    blocks: tuple[Block, ...]
    feeds: tuple[tuple[int, ...], ...]
    end: int


@lru_cache(maxsize=8)
def layout_of(wiring: Wiring) -> Layout:
    """The layout of a wiring; found once."""
    end, numbers = len(wiring.writers), {writer: number for number, writer in enumerate(wiring.writers)}
    numbers[LOGITS] = end
    feeds = tuple(tuple(numbers[part] for part in wiring.writers_fed_by(reader.component)) for reader in wiring.readers)
    sizes = np.diff(wiring.edge_offsets).tolist()
    blocks = []
    for _, run in itertools.groupby(range(len(sizes)), key=sizes.__getitem__):
        readers = list(run)
        blocks.append(_block(wiring, readers, sizes[readers[0]], feeds))
    return Layout(*endpoints(wiring), tuple(blocks), feeds, end)


def _block(wiring: Wiring, readers: list[int], n_sources: int, feeds: tuple[tuple[int, ...], ...]) -> Block:
    inputs: dict[int, list[int]] = {}
    for index, reader in enumerate(readers):
        for writer in feeds[reader]:
            inputs.setdefault(writer, []).append(index)
    return Block(
        slice(wiring.edge_offsets[readers[0]], wiring.edge_offsets[readers[-1] + 1]),
        readers[0],
        (len(readers), n_sources),
        _padded([list(feeds[reader]) for reader in readers]),
        np.fromiter(inputs, dtype=np.int64),
        _padded(list(inputs.values())),
    )


def _padded(rows: list[list[int]]) -> Numbers:
    """Rows of equal length: the first entry again at the end of shorter ones."""
    longest = max(map(len, rows))
    return np.array([row + row[:1] * (longest - len(row)) for row in rows], dtype=np.int64)
