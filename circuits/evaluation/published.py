"""Published circuits as data: heads by what they do and, where the paper lists them, edges.

    PUBLISHED["ioi"].known.edge_mask(model.wiring)
    published_circuit("ioi-gpt2-small").heads

Lists are facts of papers and of the code that comes with them; `note` says where a list is less than its circuit.

IOI's edges are those of the ground truth that comes with ACDC (Conmy et al. 2023): MLPs are not judged, so every edge
between them, from and to the circuit's heads, to the logits, and those of the embedding into MLPs and logits are kept;
of the other edges only those of the named groups of heads. On GPT-2 small this gives 963 edges between components.
The figure of 1,041 also counts 78 links *inside* the 26 heads, from each of a head's three inputs to the head, which
are no edges here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from circuits.cached import cached_property
from circuits.components import INPUT, LOGITS, Component, Edge, Port, Wiring, head, mlp
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.lookup import unknown

GPT2_SMALL = Wiring(12, 12, 12)
GPT2_MEDIUM = Wiring(24, 16, 16)
ATTN_ONLY_4L = Wiring(4, 8, 8, has_mlps=False)

MOVERS = ("name mover", "backup name mover", "negative name mover")
_INPUT, _LOGITS, _MLPS, _HEADS = "input", "logits", "MLPs", "heads"


@dataclass(frozen=True)
class Connection:
    """All edges from one group to another, by role, or `input`, `logits`, `MLPs`, `heads` (all of the circuit).

    ports  through which heads read; MLPs and logits have none
    """

    source: str
    target: str
    ports: tuple[Port | None, ...] = (None,)


@dataclass(frozen=True)
class PublishedCircuit:
    """A circuit from a paper.

    task, model  what it does, in which model
    roles        role -> heads (and MLPs, where the paper judges them)
    source       the paper
    wiring       of the model
    connections  its edges, by groups; empty where the paper lists none
    n_edges      edges as published; None where no number is given
    judges_mlps  whether the paper says which MLPs are in and which are not
    title        of the model, where it is not called so
    note         what the list leaves out; empty where it is the whole circuit
    """

    task: str
    model: str
    roles: Mapping[str, tuple[Component, ...]]
    source: str
    wiring: Wiring
    connections: tuple[Connection, ...] = ()
    n_edges: int | None = None
    judges_mlps: bool = True
    title: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Task and model: `ioi-gpt2-small`."""
        return f"{self.task}-{self.title or self.model}"

    @property
    def heads(self) -> tuple[Component, ...]:
        """All heads, by role."""
        return tuple(part for group in self.roles.values() for part in group if part.is_head)

    @property
    def role_of(self) -> Mapping[str, str]:
        """Name of a component -> its role."""
        return {str(part): role for role, group in self.roles.items() for part in group}

    @cached_property
    def edges(self) -> tuple[Edge, ...] | None:
        """Edges in wiring order; None where the paper lists none."""
        if not self.connections:
            return None
        edges = {edge for connection in self.connections for edge in self._edges_of(connection)}
        return tuple(sorted(edges, key=self.wiring.edge_index))

    @property
    def known(self) -> KnownCircuit:
        """The ground truth by which a ranking of edges and components is judged."""
        nodes = tuple(part for group in self.roles.values() for part in group)
        kinds = ("head", "mlp") if self.judges_mlps else ("head",)
        return KnownCircuit(self.task, self.edges, nodes, kinds, self.wiring)

    def _edges_of(self, connection: Connection) -> Iterator[Edge]:
        """Those edges between two groups that run forward."""
        for source in self._group(connection.source):
            for target in self._group(connection.target):
                for port in connection.ports:
                    edge = Edge(source, target, port)
                    if self.wiring.writer_index(source) < self.wiring.n_sources(self.wiring.reader_index(edge.reader)):
                        yield edge

    def _group(self, name: str) -> tuple[Component, ...]:
        groups = {_INPUT: (INPUT,), _LOGITS: (LOGITS,), _HEADS: self.heads}
        groups[_MLPS] = tuple(mlp(layer) for layer in range(self.wiring.n_layers))
        return groups[name] if name in groups else self.roles[name]


def _heads(names: str) -> tuple[Component, ...]:
    """Heads written as layer.head, with spaces between them."""
    return tuple(head(*map(int, name.split("."))) for name in names.split())


def _ioi_connections() -> tuple[Connection, ...]:
    all_ports: tuple[Port, ...] = ("q", "k", "v")
    of_movers = [
        connection
        for mover in MOVERS
        for connection in (
            Connection(_INPUT, mover, ("k", "v")),
            Connection("S-inhibition", mover, ("q",)),
            Connection(mover, _LOGITS),
        )
    ]
    return (
        Connection(_INPUT, "previous token", all_ports),
        Connection(_INPUT, "duplicate token", all_ports),
        Connection(_INPUT, "S-inhibition", ("q",)),
        Connection("previous token", "induction", ("k", "v")),
        Connection("induction", "S-inhibition", ("k", "v")),
        Connection("duplicate token", "S-inhibition", ("k", "v")),
        *of_movers,
        Connection(_INPUT, _MLPS),
        Connection(_INPUT, _LOGITS),
        Connection(_MLPS, _HEADS, all_ports),
        Connection(_HEADS, _MLPS),
        Connection(_MLPS, _MLPS),
        Connection(_MLPS, _LOGITS),
    )


IOI = PublishedCircuit(
    task="ioi",
    model="gpt2",
    roles={
        "name mover": _heads("9.9 10.0 9.6"),
        "backup name mover": _heads("10.10 10.6 10.2 10.1 11.2 9.7 9.0 11.9"),
        "negative name mover": _heads("10.7 11.10"),
        "S-inhibition": _heads("7.3 7.9 8.6 8.10"),
        "induction": _heads("5.5 5.8 5.9 6.9"),
        "duplicate token": _heads("0.1 0.10 3.0"),
        "previous token": _heads("2.2 4.11"),
    },
    source="Wang et al. 2022, arXiv 2211.00593; edges as in the ground truth of Conmy et al. 2023, arXiv 2304.14997",
    wiring=GPT2_SMALL,
    connections=_ioi_connections(),
    n_edges=1041,
    judges_mlps=False,
    title="gpt2-small",
)

GREATER_THAN = PublishedCircuit(
    task="greater-than",
    model="gpt2",
    roles={
        "year heads": _heads("0.1 0.3 0.5 5.5 6.1 6.9 7.10 8.11 9.1"),
        "early MLPs": tuple(mlp(layer) for layer in range(4)),
        "late MLPs": tuple(mlp(layer) for layer in range(8, 12)),
    },
    source="Hanna et al. 2023, arXiv 2305.00586",
    wiring=GPT2_SMALL,
    title="gpt2-small",
)

DOCSTRING = PublishedCircuit(
    task="docstring",
    model="attn-only-4l",
    roles={"docstring heads": _heads("0.5 1.2 1.4 2.0 3.0 3.6")},
    source="Heimersheim & Janiak 2023; 37 edges with their ports in Conmy et al. 2023, not listed here",
    wiring=ATTN_ONLY_4L,
    n_edges=37,
)

# Roles as Merullo et al. name them. Their paper tabulates no full circuit, and counts 32 heads in 4 stages.
_REUSED = {
    "mover": _heads("15.14 16.15 17.4 18.5 19.15"),
    "induction": _heads("9.3"),
    "duplicate token": _heads("6.4"),
}
_MERULLO = "Merullo et al. 2024, arXiv 2310.08744"

IOI_MEDIUM = PublishedCircuit(
    task="ioi",
    model="gpt2-medium",
    roles={
        **_REUSED,
        "negative mover": _heads("19.1"),
        "inhibition": _heads("12.3 13.4 13.13"),
    },
    source=_MERULLO,
    wiring=GPT2_MEDIUM,
    judges_mlps=False,
    note="heads that the paper names; it tabulates no full list",
)

COLORED_OBJECTS_MEDIUM = PublishedCircuit(
    task="colored-objects",
    model="gpt2-medium",
    roles={**_REUSED, "content gatherer": _heads("11.6 11.7 12.15")},
    source=_MERULLO,
    wiring=GPT2_MEDIUM,
    judges_mlps=False,
    note="heads that the paper names; it tabulates no full list. IOI's inhibition heads and its negative mover are "
    "inactive here, and left out",
)

# By the name of the task where there is one circuit, or one in the smallest model; else by task and model.
PUBLISHED: Mapping[str, PublishedCircuit] = {
    **{circuit.task: circuit for circuit in (IOI, GREATER_THAN, DOCSTRING)},
    **{circuit.name: circuit for circuit in (IOI_MEDIUM, COLORED_OBJECTS_MEDIUM)},
}


def published_circuit(name: str) -> PublishedCircuit:
    """A published circuit by its key in `PUBLISHED` or by its whole name. ValueError for another one.

    >>> len(published_circuit("ioi-gpt2-small").heads)
    26
    """
    by_name = {circuit.name: circuit for circuit in PUBLISHED.values()}
    known = {**by_name, **PUBLISHED}
    if name not in known:
        raise ValueError(unknown(name, known, "published circuit"))
    return known[name]
