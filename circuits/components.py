"""Names of a model's components, and the edges that may exist between them.

A *component* writes into the residual stream (`input`, `a0.h1`, `m0`) or reads the final one (`logits`).
An *edge* `source->target` is the part of the target's input that the source wrote; attention heads read
through three ports, `a0.h1->a2.h3<q>`. Names are those of EAP-IG and of the MIB benchmark.

With grouped-query attention one key-value head serves several query heads. Its key and value inputs are then
one reader each, named after the key-value head: `a0.h1->a2.kv1<k>`; `Wiring.heads_of_group` gives the heads it serves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from circuits.cached import cached_property
from circuits.kinds import KINDS, PORTS, Kind, Port, Sublayer
from circuits.lookup import lookup
from circuits.numbers import count_text

_READER = re.compile(rf"([^<>]+)(?:<([{''.join(PORTS)}])>)?")


@dataclass(frozen=True)
class Component:
    """One part of a model: `input`, `a9.h6` (head), `a9.kv1` (key-value head), `m3` (MLP), `logits`,
    `a9` (the whole attention output of a layer), `r9` (the residual stream entering layer 9), or inside a layer's
    attention `a9.q6`, `a9.k6`, `a9.v6`, `a9.p6`: the query of head 6, a key, a value, the attention pattern of head 6.
    Keys and values are counted as the model has them: with grouped queries, by key-value head.

    `KINDS` describes the kinds; predicates raise a ValueError for one that is not there.

    >>> from circuits import Component
    >>> head, mlp, stream = map(Component.parse, ("a9.h6", "m3", "r9"))
    >>> head.is_head, head.is_key_value_head, head.is_node, head.is_sublayer, head.is_per_token
    (True, False, True, False, True)
    >>> stream.is_state, stream.sublayer, head.sublayer, str(head.whole)
    (True, None, 'attention', 'a9')
    >>> head.in_attention, mlp.in_mlp, mlp.writes, mlp.reads
    (True, True, True, True)
    >>> head.ports, Component.parse("a9.kv1").is_reader_only
    (('q', 'k', 'v'), True)
    >>> head.row, [str(part) for part in sorted([head, mlp, stream], key=lambda part: part.order)]
    ((9.0, 3), ['m3', 'r9', 'a9.h6'])
    """

    kind: str
    layer: int | None = None
    index: int | None = None  # head, or key-value head for `kv`, `key` and `value`

    def __str__(self) -> str:
        return self._kind.form.format(layer=self.layer, index=self.index)

    @classmethod
    def parse(cls, name: str, *, offered: Iterable[Kind] | None = None) -> Component:
        """The component called `name`; inverse of `str`. ValueError for what no component can be called.

        offered   the kinds of which the error shows names: those that the caller takes; None for all

        >>> from circuits import Component
        >>> Component.parse("a9.h6")
        Component(kind='head', layer=9, index=6)
        """
        for kind in KINDS.values():
            if match := kind.pattern.fullmatch(name):
                return cls(kind.name, **{number: int(digits) for number, digits in match.groupdict().items()})
        examples = ", ".join(repr(kind.example) for kind in offered or KINDS.values())
        raise ValueError(f"no component can be called {name!r}. Names look like {examples}.")

    @property
    def _kind(self) -> Kind:
        return lookup(KINDS, self.kind, "kind of component")

    @property
    def is_head(self) -> bool:
        """Whether it is one attention head."""
        return self.kind == "head"

    @property
    def is_key_value_head(self) -> bool:
        """Whether it is the reader of keys and values that several heads share."""
        return self.kind == "kv"

    @property
    def sublayer(self) -> Sublayer | None:
        """The part of its layer that it belongs to; None for `input`, `logits` and the residual stream."""
        return self._kind.sublayer

    @property
    def in_attention(self) -> bool:
        """Whether it is a part of a layer's attention, or all of it."""
        return self.sublayer == "attention"

    @property
    def in_mlp(self) -> bool:
        """Whether it is the MLP of its layer, or a part of it."""
        return self.sublayer == "mlp"

    @property
    def writes(self) -> bool:
        """Whether edges may start from it."""
        return self._kind.writes

    @property
    def reads(self) -> bool:
        """Whether edges may end in it."""
        return self._kind.reads

    @property
    def is_reader_only(self) -> bool:
        """Whether edges may end in it and none start from it: `logits`, and key-value heads."""
        return self.reads and not self.writes

    @property
    def ports(self) -> tuple[Port | None, ...]:
        """Where edges into it may end; None is an input without a name."""
        return self._kind.ports

    @property
    def is_node(self) -> bool:
        """Whether circuits of components choose it, rank it and knock it out: a head or an MLP."""
        return self._kind.is_node

    @property
    def is_sublayer(self) -> bool:
        """Whether it is the whole attention or MLP of a layer."""
        return self._kind.is_sublayer

    @property
    def is_state(self) -> bool:
        """Whether it is the residual stream entering a layer, or leaving the last."""
        return self._kind.is_state

    @property
    def is_per_token(self) -> bool:
        """Whether its value at a position changes the stream at that position alone."""
        return self._kind.is_per_token

    @property
    def whole(self) -> Component:
        """The attention or MLP of the layer that it is a part of; itself where it is part of neither."""
        return self if self.sublayer is None else Component(self.sublayer, self.layer)

    @property
    def row(self) -> tuple[float, int]:
        """Layer, and place of its kind in the layer: `input` comes first, `logits` last. Components of a row run
        together."""
        if self.layer is None:
            return (-math.inf if self.writes else math.inf), 0
        return float(self.layer), list(KINDS).index(self.kind)

    @property
    def order(self) -> tuple[float, int, int]:
        """By which components are sorted as they run, those of a row by index."""
        return (*self.row, self.index or 0)


INPUT = Component("input")
LOGITS = Component("logits")
BIASES = Component("bias")


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
        match = _READER.fullmatch(name)
        if match is None:
            raise ValueError(f"no reader can be called {name!r}. Names look like 'm3', 'logits', 'a2.h3<q>'.")
        readers = [kind for kind in KINDS.values() if kind.reads]
        return cls(Component.parse(match[1], offered=readers), match[2])  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Edge:
    """What `source` wrote, as read by `target` (through `port`, for attention).

    >>> from circuits import Edge
    >>> edge = Edge.parse("m3->a10.h0<q>")
    >>> str(edge.source), str(edge.target), str(edge.reader)
    ('m3', 'a10.h0', 'a10.h0<q>')
    """

    source: Component
    target: Component
    port: Port | None = None

    def __str__(self) -> str:
        return f"{self.source}->{self.reader}"

    @property
    def reader(self) -> Reader:
        """The input that it ends in."""
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
        writers = [kind for kind in KINDS.values() if kind.writes]
        return cls(Component.parse(source, offered=writers), target.component, target.port)


def require_head(part: Component, *, model: str, n_layers: int, n_heads: int) -> None:
    """Raise a ValueError for what is no query head of a model of this name and shape.

    >>> from circuits.components import Component, require_head
    >>> require_head(Component.parse("a1.h3"), model="reference", n_layers=4, n_heads=4)
    """
    if not part.is_head or (part.layer or 0) >= n_layers or (part.index or 0) >= n_heads:
        raise ValueError(
            f"{model!r} has no head {str(part)!r}: its heads are a0.h0 to a{n_layers - 1}.h{n_heads - 1}, query heads "
            "also where several share keys and values."
        )


@dataclass(frozen=True)
class Wiring:
    """The components and the possible edges of one architecture, in a fixed order.

    Writers are ordered as they run: `input`, then for each layer its heads and its MLP. A reader therefore
    sees a *prefix* of the writers, and edge number `edge_offset(reader) + writer` needs no table.
    Readers per layer: queries of all heads, keys, values (of key-value heads), then the MLP; last `logits`.
    In a parallel block (GPT-NeoX) the MLP does not read its own layer's heads.

    joins_heads  the attention of a layer is one part, `a3`, which reads and writes once, in the place of its heads

    >>> from circuits import Wiring
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> wiring.n_edges, [str(writer) for writer in wiring.writers]
    (46, ['input', 'a0.h0', 'a0.h1', 'm0', 'a1.h0', 'a1.h1', 'm1'])
    >>> wiring.shape, wiring.is_grouped, wiring.node_kinds, wiring.attention_kind
    ('2 layers of 2 heads', False, ('head', 'mlp'), 'head')
    >>> wiring.writers_per_layer, wiring.readers_per_layer, [str(reader) for reader in wiring.readers][-3:]
    (3, 7, ['a1.h1<v>', 'm1', 'logits'])
    >>> edge = wiring.edges[-1]
    >>> str(edge), wiring.edge_index(edge), wiring.writer_index(edge.source), wiring.reader_index(edge.reader)
    ('m1->logits', 45, 6, 14)
    >>> wiring.edge_offsets[-1] - wiring.edge_offsets[-2] == wiring.n_sources(len(wiring.readers) - 1)
    True
    >>> part = wiring.attention_part(1, 0)
    >>> str(part), wiring.is_head(part), [str(mlp) for mlp in wiring.of_kind("mlp", 1)]
    ('a1.h0', True, ['m1'])
    >>> [str(reader) for reader in wiring.readers_of(part)], str(wiring.reader_of(part, "k"))
    (['a1.h0<q>', 'a1.h0<k>', 'a1.h0<v>'], 'a1.h0<k>')
    >>> grouped = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
    >>> shared = grouped.key_value_component(1, 0)
    >>> str(shared), [str(head) for head in grouped.heads_of_group(shared)]
    ('a1.kv0', ['a1.h0', 'a1.h1'])
    >>> str(grouped.group_of_head(part)), [str(head) for head in grouped.writers_fed_by(shared)]
    ('a1.kv0', ['a1.h0', 'a1.h1'])
    >>> grouped.ungrouped.n_kv_heads, grouped.by_layer.shape
    (4, '2 layers with their heads joined')
    >>> from circuits import Edge
    >>> names = ("input->m0", "m0->logits", "input->a1.h0<v>")  # nothing leads on from the last one
    >>> [str(edge) for edge in wiring.on_a_path(map(Edge.parse, names))]
    ['input->m0', 'm0->logits']
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
                f"{count_text(self.n_layers, 'layer')} of {count_text(self.n_heads, 'head')} on "
                f"{count_text(self.n_kv_heads, 'key-value head')}: all must be "
                "at least 1, and the heads a multiple of the key-value heads."
            )

    @property
    def is_grouped(self) -> bool:
        """Whether several query heads share one key-value head."""
        return self.n_kv_heads != self.n_heads

    @property
    def shape(self) -> str:
        """Its shape in words: `2 layers of 4 heads on 2 key-value heads`, and what is unusual about it."""
        groups = f" on {self.n_kv_heads} key-value heads" if self.is_grouped else ""
        heads = "with their heads joined" if self.joins_heads else f"of {count_text(self.n_heads, 'head')}{groups}"
        parallel = ", attention and MLP in parallel" if self.is_parallel else ""
        return f"{count_text(self.n_layers, 'layer')} {heads}{'' if self.has_mlps else ' without MLPs'}{parallel}"

    @property
    def ungrouped(self) -> Wiring:
        """The same, where every head has keys and values of its own."""
        return replace(self, n_kv_heads=self.n_heads)

    @property
    def by_layer(self) -> Wiring:
        """The same layers with their heads joined."""
        return Wiring(self.n_layers, 1, 1, self.is_parallel, self.has_mlps, joins_heads=True)

    @property
    def attention_kind(self) -> str:
        """The kind of the components of an attention layer: heads, or the whole."""
        return "attention" if self.joins_heads else "head"

    @property
    def node_kinds(self) -> tuple[str, ...]:
        """The kinds of the components of a layer that write and read, as they run."""
        return (self.attention_kind, "mlp") if self.has_mlps else (self.attention_kind,)

    def is_head(self, component: Component) -> bool:
        """Whether it is a head; a whole attention where heads are joined."""
        return component.kind == self.attention_kind

    def attention_part(self, layer: int, index: int = 0) -> Component:
        """Head `index` of a layer; the whole attention where heads are joined."""
        return Component("attention", layer) if self.joins_heads else head(layer, index)

    def of_kind(self, kind: str, layer: int) -> tuple[Component, ...]:
        """The components of a kind in a layer, by index; none where the model has none."""
        what = lookup(KINDS, kind, "kind of component")
        if what.sublayer == "mlp" and not self.has_mlps:
            return ()
        if what.counted_by is None:
            return (Component(kind, layer),)
        return tuple(Component(kind, layer, index) for index in range(getattr(self, what.counted_by)))

    @cached_property
    def _mlp_parts_per_layer(self) -> int:
        return sum(part.in_mlp for kind in self.node_kinds for part in self.of_kind(kind, 0))

    @property
    def writers_per_layer(self) -> int:
        """How many parts of a layer write into the stream."""
        return self.n_heads + self._mlp_parts_per_layer

    @property
    def readers_per_layer(self) -> int:
        """How many inputs a layer has."""
        return (1 if self.joins_heads else self.n_heads + 2 * self.n_kv_heads) + self._mlp_parts_per_layer

    @cached_property
    def writers(self) -> tuple[Component, ...]:
        """All components that write, as they run."""
        layers = range(self.n_layers)
        return (INPUT, *(part for layer in layers for kind in self.node_kinds for part in self.of_kind(kind, layer)))

    @cached_property
    def readers(self) -> tuple[Reader, ...]:
        """All inputs that edges can end in, as they run."""
        readers: dict[Reader, None] = {}  # heads that share keys and values give one reader
        for layer in range(self.n_layers):
            for kind in self.node_kinds:
                parts = self.of_kind(kind, layer)
                readers.update((self.reader_of(part, port), None) for port in KINDS[kind].ports for part in parts)
        return (*readers, Reader(LOGITS))

    def reader_of(self, component: Component, port: Port | None) -> Reader:
        """The reader through which `component` gets its input at `port`: for a head's keys, that of its group."""
        is_shared = component.is_head and port in KINDS["kv"].ports
        return Reader(self.group_of_head(component) if is_shared else component, port)

    def readers_of(self, component: Component) -> tuple[Reader, ...]:
        """The readers through which `component` gets its input; none for `input`."""
        return tuple(self.reader_of(component, port) for port in component.ports)

    def writers_fed_by(self, target: Component) -> tuple[Component, ...]:
        """The components that what `target` reads goes into: itself, or the heads that a key-value head serves."""
        return self.heads_of_group(target) if target.is_key_value_head else (target,)

    def key_value_component(self, layer: int, index: int) -> Component:
        """The component of key-value head `index`: the head itself, or the group's `a2.kv1`."""
        return Component("kv", layer, index) if self.is_grouped else head(layer, index)

    def heads_of_group(self, group: Component) -> tuple[Component, ...]:
        """The query heads that key-value head `group` (`a2.kv1`) serves."""
        size = self.n_heads // self.n_kv_heads
        if not group.is_key_value_head or group.layer is None or group.index is None:
            raise ValueError(f"{group} is not a key-value head, such as 'a2.kv1'.")
        return tuple(head(group.layer, group.index * size + i) for i in range(size))

    def group_of_head(self, of: Component) -> Component:
        """The owner of the keys and values that head `of` attends with."""
        if not of.is_head or of.layer is None or of.index is None:
            raise ValueError(f"{of} is not an attention head, such as 'a2.h3'.")
        return self.key_value_component(of.layer, of.index // (self.n_heads // self.n_kv_heads))

    def n_sources(self, reader: int) -> int:
        """How many writers run before reader number `reader`: it may read writers 0 .. n-1."""
        layer, index = divmod(reader, self.readers_per_layer)
        before = 1 + layer * self.writers_per_layer
        reads_own_heads = index >= self.readers_per_layer - self._mlp_parts_per_layer and not self.is_parallel
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
        """How many edges may exist."""
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
        """Number of a component in `writers`."""
        try:
            return self._numbers[0][component]
        except KeyError:
            raise ValueError(self._why_not(component)) from None

    def reader_index(self, reader: Reader) -> int:
        """Number of an input in `readers`."""
        try:
            return self._numbers[1][reader]
        except KeyError:
            raise ValueError(self._why_not(reader.component, reader)) from None

    def edge_index(self, edge: Edge) -> int:
        """Number of `edge` in `edges`."""
        writer, reader = self.writer_index(edge.source), self.reader_index(edge.reader)
        number = self.edge_offsets[reader] + writer
        if number >= self.edge_offsets[reader + 1]:
            raise ValueError(f"{edge} runs backwards: {edge.source} does not run before {edge.reader}.")
        return number

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
                reached.update(self.writers_fed_by(edge.target))
        leading = {LOGITS}
        for edge in reversed(kept):
            if leading.intersection(self.writers_fed_by(edge.target)):
                leading.add(edge.source)
        return (
            edge for edge in kept if edge.source in reached and leading.intersection(self.writers_fed_by(edge.target))
        )

    def _why_not(self, component: Component, reader: Reader | None = None) -> str:
        """Why edges cannot start from a component, or end in a reader of one; and what the model has."""
        if component in self._numbers[0] or component in {one.component for one in self.readers}:
            return self._why_no_start(component) if reader is None else self._why_no_end(component, reader)
        names = {"head": "head", "mlp": "MLP", "kv": "key-value head"}
        what = names.get(component.kind, "part of a circuit called")
        return f"this model has no {what} {component}. {self._describe(is_of_sources=reader is None)}"

    def _why_no_start(self, component: Component) -> str:
        """Why no edge starts from a component that the model has, and from what one may start instead."""
        instead = self._describe(is_of_sources=True)
        if component.is_key_value_head:
            served = ", ".join(map(str, self.heads_of_group(component)))
            instead = f"Give the heads that it serves ({served}), or an edge into it ({INPUT}->{component}<v>)."
        return f"no edge starts from {component}: it is only read into. {instead}"

    def _why_no_end(self, component: Component, reader: Reader) -> str:
        """Why no edge ends in a component that the model has."""
        ends = [str(one) for one in self.readers if one.component == component]
        if not ends:
            return f"no edge ends in {component}: nothing comes before it. {self._describe()}"
        if component.is_head and reader.port in KINDS["kv"].ports:
            shared = self.reader_of(component, reader.port)
            return f"no edge ends in {reader}, which several heads share: give {shared}."
        return f"no edge ends in {reader}: give {' or '.join(ends)}."

    def _describe(self, *, is_of_sources: bool = False) -> str:
        """What the model has; of what edges start from, key-value heads are no part."""
        mlps = f", and MLPs m0 to m{self.n_layers - 1}" if self.has_mlps else ""
        if self.joins_heads:
            return f"It has layers 0-{self.n_layers - 1} with their heads joined, a0 to a{self.n_layers - 1}{mlps}."
        has_groups = self.is_grouped and not is_of_sources
        groups = f" on key-value heads 0-{self.n_kv_heads - 1}" if has_groups else ""
        return f"It has layers 0-{self.n_layers - 1}, each with heads 0-{self.n_heads - 1}{groups}{mlps}."
