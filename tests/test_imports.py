"""Imports go one way: who may import whom, folder by folder, and no circle anywhere."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

from tests.conftest import ROOT

PACKAGES = ("circuits", "graphs", "pipelines")

# Room -> the rooms that its files may import, beside their own. Every file directly in `circuits/` may be imported by
# all; `metrics.py` and `ablations.py`, which need a model, are rooms of their own. What is not named is forbidden.
OF_CIRCUITS: dict[str, set[str]] = {
    "circuits": set(),
    "circuits/data": set(),
    "circuits/model": {"circuits/data"},
    "circuits/metrics": {"circuits/data"},
    "circuits/tasks": {"circuits/data"},
    "circuits/ablations": {"circuits/model", "circuits/data"},
    "circuits/head_codes": {"circuits/model", "circuits/data"},
    "circuits/injection": {"circuits/model", "circuits/data"},
    "circuits/profiles": {"circuits/model", "circuits/data"},
    "circuits/edits": {"circuits/model", "circuits/data"},
    "circuits/effects": {"circuits/ablations", "circuits/metrics", "circuits/model", "circuits/data"},
}
_EFFECTS = {"circuits/effects", *OF_CIRCUITS["circuits/effects"]}
OF_CIRCUITS |= {
    "circuits/methods": _EFFECTS | {"circuits/head_codes"},
    "circuits/evaluation": _EFFECTS | {"circuits/edits"},
    "circuits/remedies": {
        "circuits/edits",
        "circuits/profiles",
        "circuits/injection",
        "circuits/model",
        "circuits/data",
    },
    "circuits/reference": {"circuits/tasks", "circuits/injection", "circuits/data"},
}
OF_GRAPHS: dict[str, set[str]] = {
    "graphs/selection": set(),
    "graphs/roles": set(),
    "graphs/node_sums": set(),
    "graphs/prompt_use": set(),
    "graphs/picture": set(),
    "graphs/annotations": set(),
    "graphs/drawable": {"graphs/picture", "graphs/annotations"},
    "graphs/circuit_graph": {
        *("graphs/selection", "graphs/roles", "graphs/node_sums", "graphs/prompt_use", "graphs/drawable"),
    },
    "graphs/flaws": {"graphs/circuit_graph"},
    "graphs/recovery_table": set(),
    "graphs/comparison": {
        "graphs/circuit_graph",
        "graphs/drawable",
        "graphs/node_sums",
        "graphs/selection",
        "graphs/recovery_table",
        "graphs/roles",
    },
}
OF_GRAPHS["graphs/figures"] = {
    "graphs/comparison",
    "graphs/annotations",
    "graphs/flaws",
    *OF_GRAPHS["graphs/comparison"],
}
OF_GRAPHS["graphs/export"] = {"graphs/figures", "graphs/picture", "graphs/prompt_use", *OF_GRAPHS["graphs/figures"]}
# The only files of `circuits` that `graphs` may import: names and results, no torch.
SEEN_BY_GRAPHS = {f"circuits.{name}" for name in ("components", "scores", "recovery", "masks", "arrays", "intervals")}
SEEN_BY_GRAPHS |= {
    f"circuits.{name}"
    for name in (
        "cached",
        "csv_text",
        "files",
        "html_text",
        "kinds",
        "lookup",
        "mib_file",
        "numbers",
        "packaged",
        "quantities",
        "registry",
        "solved",
        "strict_json",
        "type_faults",
    )
}

_SHARED = {"pipelines/keywords", "pipelines/command", "pipelines/reporting", "pipelines/runs", "pipelines/engine"}
OF_PIPELINES: dict[str, set[str]] = {
    "pipelines/engine": set(),
    "pipelines/keywords": {"pipelines/runs"},
    "pipelines/costs": set(),
    "pipelines/runs": {"pipelines/costs", "pipelines/engine"},
    "pipelines/reporting": {"pipelines/engine"},
    "pipelines/forecast": {"pipelines/costs", "pipelines/runs", "pipelines/engine"},
    "pipelines/command": {"pipelines/forecast", "pipelines/reporting", "pipelines/runs", "pipelines/engine"},
    "pipelines/discover": {*_SHARED, "pipelines/costs"},
    "pipelines/trace": _SHARED,
    **{
        f"pipelines/{command}": {*_SHARED, "pipelines/discover", "pipelines/trace"}
        for command in ("study", "codes", "intervene", "cluster", "reproduce")
    },
    "pipelines/evaluate": {*_SHARED, "pipelines/costs", "pipelines/discover", "pipelines/trace"},
    "pipelines/tasks": _SHARED,
    "pipelines/prompts": {"pipelines/reporting", "pipelines/runs", "pipelines/engine"},
    "pipelines/orders": _SHARED,
    "pipelines/profile": _SHARED,
    "pipelines/roles": {*_SHARED, "pipelines/discover", "pipelines/profile"},
    "pipelines/influence": {*_SHARED, "pipelines/discover", "pipelines/profile"},
    "pipelines/reads": _SHARED,
    "pipelines/effects": _SHARED,
    "pipelines/attention": _SHARED,
    "pipelines/compare": {*_SHARED, "pipelines/costs", "pipelines/discover", "pipelines/trace", "pipelines/roles"},
    "pipelines/report": {
        *_SHARED,
        *(f"pipelines/{name}" for name in ("discover", "trace", "evaluate", "study", "compare", "reuse")),
    },
    "pipelines/reuse": {*_SHARED, "pipelines/compare"},
}
OF_PIPELINES["pipelines/view"] = {"pipelines/reporting", "pipelines/runs", "pipelines/engine", "pipelines/compare"}
OF_PIPELINES["pipelines/draw"] = _SHARED | {
    f"pipelines/{command}"
    for command in ("discover", "trace", "evaluate", "study", "compare", "reuse", "intervene", "roles", "effects")
}
OF_PIPELINES["pipelines/page"] = _SHARED | {
    f"pipelines/{name}" for name in ("attention", "discover", "profile", "roles", "trace")
}
OF_PIPELINES["pipelines/intervene"] |= {"pipelines/profile"}
OF_PIPELINES["pipelines/cli"] = {*OF_PIPELINES, "pipelines"}
ALLOWED = OF_CIRCUITS | OF_GRAPHS | OF_PIPELINES


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}


@cache
def imports_of(module: str) -> frozenset[str]:
    """The modules of the project that a file imports, anywhere in it: in functions and for type checking too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {
                name if (name := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            }
    return frozenset(name for name in found if name in MODULES and name != module)


def room_of(module: str) -> str:
    package, *rest = module.split(".")
    if not rest:
        return package
    if package == "circuits" and len(rest) == 1 and rest[0] not in ("metrics", "ablations"):
        is_folder = MODULES[module].name == "__init__.py"
        return f"circuits/{rest[0]}" if is_folder else "circuits"
    return f"{package}/{rest[0]}"


# What a package offers at its top is looked up on first use (`__getattr__`); the table of names is no layer.
FACADES = PACKAGES


def test_every_room_is_in_the_table():
    assert {room_of(module) for module in MODULES if module not in FACADES} <= set(ALLOWED)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_the_table_allows(room):
    offenders = []
    for module in MODULES:
        if module in FACADES or room_of(module) != room:
            continue
        for imported in sorted(imports_of(module)):
            other = room_of(imported)
            if room.startswith(("circuits", "graphs")):
                is_shared = imported in SEEN_BY_GRAPHS if room.startswith("graphs") else other == "circuits"
            else:
                is_shared = not other.startswith("pipelines")
            if other != room and not is_shared and other not in ALLOWED[room]:
                offenders.append(f"{module} imports {imported}")
    assert not offenders, "\n".join(offenders)


def test_nobody_imports_the_training_of_the_bundled_models():
    for module in MODULES:
        if room_of(module) != "circuits/reference":
            assert not {room_of(name) for name in imports_of(module)} & {"circuits/reference"}, module


def test_no_import_circle():
    graph = nx.DiGraph((module, other) for module in MODULES if module not in FACADES for other in imports_of(module))
    circles = [sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1]
    assert not circles


def test_rooms_form_layers_without_a_circle():
    graph = nx.DiGraph()
    for module in MODULES:
        if module not in FACADES:
            graph.add_edges_from((room_of(module), room_of(name)) for name in imports_of(module))
    graph.remove_edges_from(nx.selfloop_edges(graph))
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)
