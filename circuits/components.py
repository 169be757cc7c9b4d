"""Names of a model's components, and the edges that may exist between them.

A *component* writes into the residual stream (`input`, `a0.h1`, `m0`) or reads the final one (`logits`).
An *edge* `source->target` is the part of the target's input that the source wrote; attention heads read
through three ports, `a0.h1->a2.h3<q>`. Names are those of EAP-IG and of the MIB benchmark.

With grouped-query attention one key-value head serves several query heads. Its key and value inputs are then
one reader each, named after the key-value head: `a0.h1->a2.kv1<k>`; `Wiring.heads_of_group` gives the heads it serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["input", "head", "kv", "mlp", "logits", "attention", "residual", "query", "key", "value", "pattern"]
Port = Literal["q", "k", "v"]
PORTS: tuple[Port, ...] = ("q", "k", "v")

_NAME = re.compile(
    r"(?P<input>input)|(?P<logits>logits)|a(?P<head_layer>\d+)\.h(?P<head>\d+)|a(?P<kv_layer>\d+)\.kv(?P<kv>\d+)"
    r"|a(?P<part_layer>\d+)\.(?P<letter>[qkvp])(?P<part>\d+)"
    r"|a(?P<attention>\d+)|m(?P<mlp>\d+)|r(?P<residual>\d+)"
)
_LETTERS: dict[Kind, str] = {"query": "q", "key": "k", "value": "v", "pattern": "p"}


@dataclass(frozen=True)
class Component:
    """One part of a model: `input`, `a9.h6` (head), `a9.kv1` (key-value head), `m3` (MLP), `logits`,
    `a9` (the whole attention output of a layer), `r9` (the residual stream entering layer 9), or inside a layer's
    attention `a9.q6`, `a9.k6`, `a9.v6`, `a9.p6`: the query of head 6, a key, a value, the attention pattern of head 6.
    Keys and values are counted as the model has them: with grouped queries, by key-value head."""

    kind: Kind
    layer: int | None = None
    index: int | None = None  # head, or key-value head for `kv`, `key` and `value`

    def __str__(self) -> str:
        match self.kind:
            case "input" | "logits":
                return self.kind
            case "head":
                return f"a{self.layer}.h{self.index}"
            case "kv":
                return f"a{self.layer}.kv{self.index}"
            case "query" | "key" | "value" | "pattern":
                return f"a{self.layer}.{_LETTERS[self.kind]}{self.index}"
            case "attention":
                return f"a{self.layer}"
            case "mlp":
                return f"m{self.layer}"
            case "residual":
                return f"r{self.layer}"

    @classmethod
    def parse(cls, name: str) -> Component:
        """The component called `name`; inverse of `str`.

        >>> from circuits import Component
        >>> Component.parse("a9.h6")
        Component(kind='head', layer=9, index=6)
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(
                f"no component can be called {name!r}. "
                "Names look like 'input', 'a9.h6', 'a9.kv1', 'a9', 'a9.q6', 'm3', 'r9', 'logits'."
            )
        groups = {group: text for group, text in match.groupdict().items() if text is not None}
        if "input" in groups:
            return INPUT
        if "logits" in groups:
            return LOGITS
        if "head" in groups:
            return head(int(groups["head_layer"]), int(groups["head"]))
        if "kv" in groups:
            return cls("kv", int(groups["kv_layer"]), int(groups["kv"]))
        if "part" in groups:
            kind: Kind = next(kind for kind, letter in _LETTERS.items() if letter == groups["letter"])
            return cls(kind, int(groups["part_layer"]), int(groups["part"]))
        whole, layer = groups.popitem()
        return cls(whole, int(layer))  # pyright: ignore[reportArgumentType]


INPUT = Component("input")
LOGITS = Component("logits")


def head(layer: int, index: int) -> Component:
    """Attention head `index` of `layer`, both counted from 0."""
    return Component("head", layer, index)


def mlp(layer: int) -> Component:
    """The MLP of `layer`, counted from 0."""
    return Component("mlp", layer)


@dataclass(frozen=True)
class Reader:
    """An input that edges can end in: a component, and for attention the port it reads through."""

    component: Component
    port: Port | None = None

    def __str__(self) -> str:
        return str(self.component) if self.port is None else f"{self.component}<{self.port}>"

    @classmethod
    def parse(cls, name: str) -> Reader:
        """The reader called `name`, such as `m3` or `a2.h3<q>`; inverse of `str`."""
        match = re.fullmatch(r"([^<>]+)(?:<([qkv])>)?", name)
        if match is None:
            raise ValueError(f"no reader can be called {name!r}. Names look like 'm3', 'logits', 'a2.h3<q>'.")
        return cls(Component.parse(match[1]), match[2])  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Edge:
    """What `source` wrote, as read by `target` (through `port`, for attention)."""

    source: Component
    target: Component
    port: Port | None = None

    def __str__(self) -> str:
        return f"{self.source}->{self.reader}"

    @property
    def reader(self) -> Reader:
        return Reader(self.target, self.port)

    @classmethod
    def parse(cls, name: str) -> Edge:
        """The edge called `name`, such as `a9.h6->a10.h0<q>`; inverse of `str`.

        >>> from circuits import Edge
        >>> edge = Edge.parse("a9.h6->a10.h0<q>")
        >>> str(edge.source), str(edge.target), edge.port
        ('a9.h6', 'a10.h0', 'q')
        """
        source, arrow, reader = name.partition("->")
        if not arrow:
            raise ValueError(f"no edge can be called {name!r}. Names look like 'a9.h6->a10.h0<q>' or 'm3->logits'.")
        target = Reader.parse(reader)
        return cls(Component.parse(source), target.component, target.port)


@dataclass(frozen=True)
class Wiring:
    """The components and the possible edges of one architecture, in a fixed order.

    Writers are ordered as they run: `input`, then for each layer its heads and its MLP. A reader therefore
    sees a *prefix* of the writers, and edge number `edge_offset(reader) + writer` needs no table.
    Readers per layer: queries of all heads, keys, values (of key-value heads), then the MLP; last `logits`.
    In a parallel block (GPT-NeoX) the MLP does not read its own layer's heads.

    joins_heads  the attention of a layer is one part, `a3`, which reads and writes once, in the place of its heads
    """

    n_layers: int
    n_heads: int
    n_kv_heads: int
    is_parallel: bool = False
    has_mlps: bool = True
    joins_heads: bool = False

    def __post_init__(self) -> None:
        if self.joins_heads and (self.n_heads, self.n_kv_heads) != (1, 1):
            raise ValueError(f"{self.n_heads} heads joined into one part: set n_heads=1 and n_kv_heads=1.")
        if min(self.n_layers, self.n_heads, self.n_kv_heads) < 1 or self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"{self.n_layers} layers of {self.n_heads} heads on {self.n_kv_heads} key-value heads: all must be "
                "at least 1, and the heads a multiple of the key-value heads."
            )

    @property
    def is_grouped(self) -> bool:
        """Whether several query heads share one key-value head."""
        return self.n_kv_heads != self.n_heads

    @property
    def by_layer(self) -> Wiring:
        """The same layers with their heads joined."""
        return Wiring(self.n_layers, 1, 1, self.is_parallel, self.has_mlps, joins_heads=True)

    @property
    def attention_kind(self) -> Kind:
        """The kind of the components of an attention layer: heads, or the whole."""
        return "attention" if self.joins_heads else "head"

    def attention_part(self, layer: int, index: int = 0) -> Component:
        """Head `index` of a layer; the whole attention where heads are joined."""
        return Component("attention", layer) if self.joins_heads else head(layer, index)

    @property
    def writers_per_layer(self) -> int:
        return self.n_heads + self.has_mlps

    @property
    def readers_per_layer(self) -> int:
        return (1 if self.joins_heads else self.n_heads + 2 * self.n_kv_heads) + self.has_mlps

    @cached_property
    def writers(self) -> tuple[Component, ...]:
        layers = (
            component
            for layer in range(self.n_layers)
            for component in (
                *(self.attention_part(layer, h) for h in range(self.n_heads)),
                *([mlp(layer)] if self.has_mlps else []),
            )
        )
        return (INPUT, *layers)

    @cached_property
    def readers(self) -> tuple[Reader, ...]:
        readers: list[Reader] = []
        for layer in range(self.n_layers):
            if self.joins_heads:
                readers.append(Reader(self.attention_part(layer)))
            else:
                readers += [Reader(head(layer, h), "q") for h in range(self.n_heads)]
                for port in PORTS[1:]:
                    readers += [Reader(self.key_value_component(layer, i), port) for i in range(self.n_kv_heads)]
            if self.has_mlps:
                readers.append(Reader(mlp(layer)))
        return (*readers, Reader(LOGITS))

    def key_value_component(self, layer: int, index: int) -> Component:
        """The component of key-value head `index`: the head itself, or the group's `a2.kv1`."""
        return Component("kv", layer, index) if self.is_grouped else head(layer, index)

    def heads_of_group(self, group: Component) -> tuple[Component, ...]:
        """The query heads that key-value head `group` (`a2.kv1`) serves."""
        size = self.n_heads // self.n_kv_heads
        if group.kind != "kv" or group.layer is None or group.index is None:
            raise ValueError(f"{group} is not a key-value head, such as 'a2.kv1'.")
        return tuple(head(group.layer, group.index * size + i) for i in range(size))

    def group_of_head(self, of: Component) -> Component:
        """The owner of the keys and values that head `of` attends with."""
        if of.kind != "head" or of.layer is None or of.index is None:
            raise ValueError(f"{of} is not an attention head, such as 'a2.h3'.")
        return self.key_value_component(of.layer, of.index // (self.n_heads // self.n_kv_heads))

    def n_sources(self, reader: int) -> int:
        """How many writers run before reader number `reader`: it may read writers 0 .. n-1."""
        layer, index = divmod(reader, self.readers_per_layer)
        before = 1 + layer * self.writers_per_layer
        reads_own_heads = self.has_mlps and index == self.readers_per_layer - 1 and not self.is_parallel
        return before + self.n_heads if layer < self.n_layers and reads_own_heads else before

    @cached_property
    def edge_offsets(self) -> tuple[int, ...]:
        """Number of the first edge into each reader; one more entry than readers, the last is `n_edges`."""
        offsets = [0]
        for reader in range(len(self.readers)):
            offsets.append(offsets[-1] + self.n_sources(reader))
        return tuple(offsets)

    @property
    def n_edges(self) -> int:
        return self.edge_offsets[-1]

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All possible edges, by reader, then by writer."""
        return tuple(
            Edge(writer, reader.component, reader.port)
            for number, reader in enumerate(self.readers)
            for writer in self.writers[: self.n_sources(number)]
        )

    @cached_property
    def _numbers(self) -> tuple[dict[Component, int], dict[Reader, int]]:
        return {w: i for i, w in enumerate(self.writers)}, {r: i for i, r in enumerate(self.readers)}

    def writer_index(self, component: Component) -> int:
        try:
            return self._numbers[0][component]
        except KeyError:
            raise ValueError(f"this model has no writer {component}. {self._describe()}") from None

    def reader_index(self, reader: Reader) -> int:
        try:
            return self._numbers[1][reader]
        except KeyError:
            raise ValueError(f"this model has no reader {reader}. {self._describe()}") from None

    def edge_index(self, edge: Edge) -> int:
        """Number of `edge` in `edges`."""
        writer, reader = self.writer_index(edge.source), self.reader_index(edge.reader)
        if writer >= self.n_sources(reader):
            raise ValueError(f"{edge} runs backwards: {edge.source} does not run before {edge.reader}.")
        return self.edge_offsets[reader] + writer

    def on_a_path(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        """Those of `edges` that lie on a path from `input` to `logits` within `edges`, in wiring order.

        A head is reached through any of its ports; a key-value head leads on to every head it serves.
        Edges left out cannot influence the output of a circuit in which all other edges carry corrupt values.
        """
        chosen = sorted({self.edge_index(edge) for edge in edges})
        kept = [self.edges[number] for number in chosen]
        reached = {INPUT}
        for edge in kept:
            if edge.source in reached:
                reached.update(self._writers_fed_by(edge.target))
        leading = {LOGITS}
        for edge in reversed(kept):
            if leading.intersection(self._writers_fed_by(edge.target)):
                leading.add(edge.source)
        return (
            edge for edge in kept if edge.source in reached and leading.intersection(self._writers_fed_by(edge.target))
        )

    def _writers_fed_by(self, target: Component) -> tuple[Component, ...]:
        return self.heads_of_group(target) if target.kind == "kv" else (target,)

    def _describe(self) -> str:
        if self.joins_heads:
            return f"It has layers 0-{self.n_layers - 1} with their heads joined."
        groups = f" on {self.n_kv_heads} key-value heads" if self.is_grouped else ""
        return f"It has layers 0-{self.n_layers - 1} of heads 0-{self.n_heads - 1}{groups}."
