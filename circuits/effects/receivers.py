"""Receivers: where paths end that are patched. Without torch, so that lists of them can be checked before a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from circuits.components import LOGITS, Component, Reader, Wiring, head

Input = Literal["q", "k", "v", "z"]
INPUTS: tuple[Input, ...] = ("q", "k", "v", "z")
_Z = re.compile(r"(a[0-9]+\.h[0-9]+)<z>")


@dataclass(frozen=True)
class Receiver:
    """What a path runs into: a head's query, key, value or z (all three at once), an MLP, or a point of the stream.

    component  a head, a key-value head, an MLP, `logits`, or the stream entering a layer, such as `r5`
    port       of a head: `q`, `k`, `v`, or `z`, the head's output on queries, keys and values that changed together
    """

    component: Component
    port: Input | None = None

    def __str__(self) -> str:
        return str(self.component) if self.port is None else f"{self.component}<{self.port}>"

    @classmethod
    def parse(cls, name: str) -> Receiver:
        """The receiver called `name`, such as `logits`, `r5`, `m3`, `a9.h9<q>` or `a9.h9<z>`; inverse of `str`.

        >>> str(Receiver.parse("a9.h9<z>")), Receiver.parse("r5").component.is_state
        ('a9.h9<z>', True)
        """
        if (of_z := _Z.fullmatch(name)) is not None:
            return cls(Component.parse(of_z[1]), "z")
        reader = Reader.parse(name)
        return cls(reader.component, reader.port)

    @property
    def ends_stream(self) -> bool:
        """Whether it is the whole stream at a point, which overwrites what other receivers before it change."""
        return self.component == LOGITS or self.component.is_state

    def check(self, wiring: Wiring) -> None:
        """Raise a ValueError where a model wired like this has no such receiver."""
        layer = self.component.layer
        if self.component.is_state and layer is not None:
            if layer > wiring.n_layers:
                raise ValueError(
                    f"this model has no {self}: its stream enters layers 0-{wiring.n_layers - 1}, and "
                    f"r{wiring.n_layers} is what leaves the last."
                )
        elif self.port == "z":
            wiring.writer_index(self.component)
        else:
            wiring.reader_index(Reader(self.component, self.port))

    def layer_in(self, wiring: Wiring) -> int:
        """The layer in which it is; that after the last for what the logits read."""
        return wiring.n_layers if self.component.layer is None else self.component.layer

    def heads_before(self, wiring: Wiring) -> int:
        """Heads of the layers before this one reach it."""
        layer = self.layer_in(wiring)
        # An MLP reads the heads of its own layer, unless they run in parallel.
        return layer + 1 if self.component.in_mlp and not wiring.is_parallel else layer


def receivers_from(names: tuple[str, ...], what: str) -> tuple[Receiver, ...]:
    """The receivers of these names. ValueError for none, and where one of several overwrites what others change.

    what  whose they are, for errors
    """
    if not names:
        raise ValueError(f"{what}: no receiver is given. Name readers, such as 'logits' or 'a9.h9<q>'.")
    receivers = tuple(map(Receiver.parse, names))
    ends = [str(receiver) for receiver in receivers if receiver.ends_stream]
    if ends and len(receivers) > 1:
        raise ValueError(
            f"{what}: {ends[0]!r} is given beside other receivers. Patching the stream there overwrites what they "
            f"change: run two path patchings, one into {ends[0]!r}."
        )
    return receivers


def senders_before(receivers: Sequence[Receiver], wiring: Wiring, *, between: bool = True) -> range:
    """The layers whose heads reach a receiver; `between` False: those whose heads reach all receivers."""
    before = [receiver.heads_before(wiring) for receiver in receivers]
    return range(0 if not before else max(before) if between else min(before))


def heads_of(wiring: Wiring) -> tuple[Component, ...]:
    """All heads, by layer."""
    return tuple(head(layer, index) for layer in range(wiring.n_layers) for index in range(wiring.n_heads))
