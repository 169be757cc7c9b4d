"""Files as EAP-IG writes them, made here from names alone; and what its loader requires, checked without it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from circuits.components import Wiring


def edge_names(n_layers: int, n_heads: int, *, is_parallel: bool = False, has_mlps: bool = True) -> Iterator[str]:
    """The edges of a model in that tool's order, where every head has keys and values of its own."""
    stream = ["input"]
    for layer in range(n_layers):
        heads, mlp = [f"a{layer}.h{head}" for head in range(n_heads)], f"m{layer}"
        yield from (f"{node}->{head}<{port}>" for node in stream for head in heads for port in "qkv")
        seen_by_mlp = stream if is_parallel else [*stream, *heads]
        yield from (f"{node}->{mlp}" for node in seen_by_mlp if has_mlps)
        stream = [*stream, *heads, *([mlp] if has_mlps else [])]
    yield from (f"{node}->logits" for node in stream)


def circuit_file(wiring: Wiring, chosen: Iterable[str], *, seed: int = 0) -> dict[str, Any]:
    """A file with random scores of all edges, those named in `chosen` in its circuit."""
    names = list(edge_names(wiring.n_layers, wiring.n_heads, is_parallel=wiring.is_parallel, has_mlps=wiring.has_mlps))
    scores = np.random.default_rng(seed).standard_normal(len(names)).tolist()
    inside = set(chosen)
    assert inside <= set(names)
    nodes = dict.fromkeys(name for edge in names for name in re.split("->|<", edge)[:2])
    return {
        "cfg": {
            "n_layers": wiring.n_layers,
            "n_heads": wiring.n_heads,
            "parallel_attn_mlp": wiring.is_parallel,
            "d_model": 16,
        },
        "nodes": {name: {"in_graph": True} for name in nodes},
        "edges": {
            name: {"score": score, "in_graph": name in inside} for name, score in zip(names, scores, strict=True)
        },
    }


def write_circuit_file(path: Path, wiring: Wiring, chosen: Iterable[str] = ()) -> Path:
    path.write_text(json.dumps(circuit_file(wiring, chosen)), encoding="utf-8")
    return path


def require_loadable(document: Any) -> None:
    """Assert what EAP-IG's loader needs: its three objects, counts in `cfg`, and no name that its graph lacks."""
    assert {"cfg", "nodes", "edges"} <= set(document)
    config = document["cfg"]
    for key in ("n_layers", "n_heads", "d_model"):
        assert type(config[key]) is int, key
    assert type(config["parallel_attn_mlp"]) is bool
    known = set(edge_names(config["n_layers"], config["n_heads"], is_parallel=config["parallel_attn_mlp"]))
    for name, said in document["edges"].items():
        assert name in known, name
        assert type(said["score"]) is float
        assert type(said["in_graph"]) is bool
    nodes = {node for edge in known for node in re.split("->|<", edge)[:2]}
    for name, said in document["nodes"].items():
        assert name in nodes, name
        assert type(said["in_graph"]) is bool
        assert type(said.get("score", 0.0)) is float
