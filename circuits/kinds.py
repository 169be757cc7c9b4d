"""Kinds of component: how each is called, what it writes and reads, and where in a layer it runs.

`KINDS` is the one place that says so. Names, wirings, orders, patches, figures and files follow from it: a new kind is
a line here. `Component` has the same as predicates, such as `is_head`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from circuits.cached import cached_property

Port = Literal["q", "k", "v"]
PORTS: tuple[Port, ...] = ("q", "k", "v")
Sublayer = Literal["attention", "mlp"]


@dataclass(frozen=True)
class Kind:
    """What all components of a kind have in common.

    name          as in `Component.kind` and in files
    form          how its components are called: `a{layer}.h{index}`; without `{layer}` there is only one in a model
    title         what figures and tables of traces call it; None for a kind that is not in them
    sublayer      the part of a layer that it belongs to; None for what is in the residual stream itself
    writes        whether it writes into the residual stream, so that edges may start from it
    ports         where edges into it may end; `(None,)` for a single input without a name, `()` for none at all
    joins_heads   whether it stands for all heads of a layer, in wirings that join them
    is_per_token  whether its value at a position changes the stream at that position alone; a key or a value changes
                  all that attend to it
    counted_by    the field of `Wiring` that says how many a layer has, for kinds with an index
    """

    name: str
    form: str
    title: str | None = None
    sublayer: Sublayer | None = None
    writes: bool = False
    ports: tuple[Port | None, ...] = ()
    joins_heads: bool = False
    is_per_token: bool = True
    counted_by: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the names of its components; groups `layer` and `index`, as far as it has them."""
        return re.compile(re.sub(r"\\\{(layer|index)\\\}", r"(?P<\1>[0-9]+)", re.escape(self.form)))

    @property
    def example(self) -> str:
        """A name such as error messages show."""
        return self.form.format(layer=9, index=6)

    @cached_property
    def has_layer(self) -> bool:
        return "{layer}" in self.form

    @cached_property
    def has_index(self) -> bool:
        """Whether a layer may have several."""
        return "{index}" in self.form

    @property
    def reads(self) -> bool:
        """Whether edges may end in it."""
        return bool(self.ports)

    @property
    def is_node(self) -> bool:
        """Whether circuits of components choose it, rank it and knock it out: heads and MLPs."""
        return self.writes and self.has_layer and not self.joins_heads

    @property
    def is_sublayer(self) -> bool:
        """Whether it is the whole attention or MLP of a layer."""
        return self.sublayer is not None and not self.has_index

    @property
    def is_state(self) -> bool:
        """Whether it is the stream between layers: one enters each layer, and one more leaves the last."""
        return self.sublayer is None and self.has_layer and not self.has_index

    @property
    def is_inner(self) -> bool:
        """Whether it is a value inside a head: what it would write is not known without running the head on it."""
        return self.sublayer is not None and not self.writes and not self.reads


# Within a layer, kinds run in this order.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("input", "input", writes=True),
        Kind("residual", "r{layer}", "hidden state"),
        # With grouped queries, one of these has the keys and values of several heads.
        Kind(
            "kv", "a{layer}.kv{index}", None, "attention", ports=("k", "v"), is_per_token=False, counted_by="n_kv_heads"
        ),
        Kind("head", "a{layer}.h{index}", "head output", "attention", writes=True, ports=PORTS, counted_by="n_heads"),
        Kind("query", "a{layer}.q{index}", None, "attention", counted_by="n_heads"),
        Kind("key", "a{layer}.k{index}", None, "attention", is_per_token=False, counted_by="n_kv_heads"),
        Kind("value", "a{layer}.v{index}", None, "attention", is_per_token=False, counted_by="n_kv_heads"),
        Kind("pattern", "a{layer}.p{index}", None, "attention", counted_by="n_heads"),
        Kind("attention", "a{layer}", "attention output", "attention", writes=True, ports=(None,), joins_heads=True),
        Kind("mlp", "m{layer}", "MLP output", "mlp", writes=True, ports=(None,)),
        # What all biases write together: it belongs to no part that could be ablated, and makes sums of parts whole.
        Kind("bias", "biases"),
        Kind("logits", "logits", ports=(None,)),
    )
}
