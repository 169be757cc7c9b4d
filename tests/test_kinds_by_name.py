"""No module but the table of kinds, `Component` and what takes points by hand asks for a kind by its name: others ask
predicates."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT

# Reading and patching by hand say for each kind which array of a run it is.
KNOW_KINDS = {
    "circuits/kinds.py",
    "circuits/components.py",
    "circuits/model/activations.py",
    "circuits/effects/by_hand.py",
}


def _is_text(node: ast.AST, constants: dict[str, ast.AST]) -> bool:
    """Whether a literal is text or holds text; names of module-level constants stand for their literals."""
    if isinstance(node, ast.Name):
        return node.id in constants and _is_text(constants[node.id], {})
    if isinstance(node, ast.Dict):
        return any(key is not None and _is_text(key, constants) for key in node.keys)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_is_text(item, constants) for item in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_kind(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "kind"


def kinds_asked_by_name(source: str) -> list[int]:
    """The lines in which some `.kind` is compared with literal text, matched with it or looked up in it."""
    tree = ast.parse(source)
    constants: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            constants.update((target.id, node.value) for target in targets if isinstance(target, ast.Name))
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left, _, others):
                sides = [left, *others]
            case ast.Subscript(value, key):
                sides = [value, key]
            case ast.Call(ast.Attribute(value, "get"), arguments):
                sides = [value, *arguments]
            case ast.Call(ast.Attribute(value, "startswith" | "endswith"), arguments):
                sides = [value, *arguments]
            case ast.Match(subject, cases):
                patterns = (pattern for one in cases for pattern in ast.walk(one.pattern))
                sides = [subject, *(pattern.value for pattern in patterns if isinstance(pattern, ast.MatchValue))]
            case _:
                continue
        if any(map(_is_kind, sides)) and any(_is_text(side, constants) for side in sides):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "source",
    [
        "part.kind == 'head'",
        "'head' != edge.source.kind",
        "part.kind in ('head', 'mlp')",
        "part.kind not in {'head'}",
        "_FIRST = ('head',)\npart.kind in _FIRST",
        "{'head': 1}[part.kind]",
        "{'head': 1}.get(part.kind, 2)",
        "_FILLS: dict[str, str] = {'head': 'red'}\n_FILLS[part.kind]",
        "part.kind.startswith('a')",
        "match part.kind:\n  case 'head' | 'kv': pass",
    ],
)
def test_a_kind_asked_by_name_is_seen(source):
    assert kinds_asked_by_name(source)


@pytest.mark.parametrize("source", ["part.kind == kind", "part.kind in kinds", "TITLES[part.kind]", "x.kind == 1"])
def test_a_kind_that_is_data_is_not_asked_by_name(source):
    assert not kinds_asked_by_name(source)


def test_only_the_table_and_components_know_kinds_by_name():
    asking = {}
    for package in ("circuits", "graphs", "pipelines"):
        for file in sorted((ROOT / package).rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            if ".kind" in source and (lines := kinds_asked_by_name(source)):
                asking[str(file.relative_to(ROOT))] = lines
    assert {file: lines for file, lines in asking.items() if file not in KNOW_KINDS} == {}
