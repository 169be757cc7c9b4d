"""What a reader has made of a circuit: nodes grouped under a name, and notes on nodes. The page saves such files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from circuits.strict_json import kind_of, parse_strictly

FORMAT, VERSION = "circuit-workbench-annotations", 1
_BARS = ("input", "logits")


class Group(NamedTuple):
    """Nodes that are drawn as one box.

    >>> from graphs import Group
    >>> Group("movers", ("a3.h2", "a3.h3")).nodes
    ('a3.h2', 'a3.h3')
    """

    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Annotations:
    """Groups of nodes, each node in one at most, and notes: node -> what was noted. ValueError for others.

    >>> from graphs import Annotations, Group
    >>> mine = Annotations(groups=(Group("movers", ("a3.h2", "a3.h3")),), notes={"m0": "reads the embedding"})
    >>> mine.grouped, mine.as_json()["notes"]
    (('a3.h2', 'a3.h3'), {'m0': 'reads the embedding'})
    >>> mine.require_nodes(["a3.h2", "a3.h3", "m0"])
    """

    groups: tuple[Group, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in self.groups:
            if not group.name.strip() or not group.nodes:
                raise ValueError(f"group {group.name!r} of {len(group.nodes)} nodes: it needs a name, and a node.")
        names, nodes = Counter(group.name for group in self.groups), Counter(self.grouped)
        for what, counts in (("name of a group", names), ("node", nodes)):
            if several := [one for one, n in counts.items() if n > 1]:
                raise ValueError(f"{what} {several[0]!r} stands in several groups: it may stand in one.")
        if bars := [name for name in self.grouped if name in _BARS]:
            raise ValueError(f"{bars[0]} is grouped: where a circuit begins and ends stands by itself.")

    @property
    def grouped(self) -> tuple[str, ...]:
        """All nodes in groups."""
        return tuple(node for group in self.groups for node in group.nodes)

    def require_nodes(self, known: Iterable[str]) -> None:
        """Raise a ValueError where a node is annotated that is not among the known ones."""
        present = set(known)
        lacking = [node for node in (*self.grouped, *self.notes) if node not in present]
        if lacking:
            raise ValueError(
                f"the annotations are of {lacking[0]}, which this circuit does not have. They belong to another one; "
                "open its own page, annotate, and save."
            )

    def as_json(self) -> dict[str, Any]:
        """As the file holds it."""
        groups = [{"name": group.name, "nodes": list(group.nodes)} for group in self.groups]
        return {"format": FORMAT, "version": VERSION, "groups": groups, "notes": dict(self.notes)}


def annotations_from(data: bytes, *, source: str) -> Annotations:
    """What a file of annotations holds. ValueError, naming `source`, for a damaged one or one of a newer version.

    >>> import json
    >>> from graphs import Annotations, Group, annotations_from
    >>> saved = json.dumps(Annotations(groups=(Group("movers", ("a3.h2", "a3.h3")),)).as_json())
    >>> annotations_from(saved.encode(), source="mine.json").groups[0].name
    'movers'
    """
    try:
        content = parse_strictly(data)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it holds no annotations of a circuit")
        version = content.get("version")
        if isinstance(version, bool) or not isinstance(version, int):
            raise ValueError(f"its version is {version!r}, and none that this package reads")
        if version > VERSION:
            raise ValueError(f"it is of version {version}, and this package reads up to {VERSION}")
        groups = tuple(map(_group, _of(list, content.get("groups", []), "groups")))
        notes = {node: _text(note) for node, note in _of(dict, content.get("notes", {}), "notes").items()}
        return Annotations(groups, notes)
    except ValueError as error:
        said = str(error).rstrip(".")
        raise ValueError(f"{source}: {said}. Save it on a circuit's page, and give that file.") from None


def _group(value: Any) -> Group:
    found = _of(dict, value, "a group")
    if lacking := [name for name in ("name", "nodes") if name not in found]:
        raise ValueError(f"a group lacks {lacking[0]!r}")
    return Group(_text(found["name"]), tuple(map(_text, _of(list, found["nodes"], "nodes"))))


def _of(kind: type, value: Any, what: str) -> Any:
    """A value of that kind."""
    if not isinstance(value, kind):
        raise ValueError(f"{what} is {kind_of(value)}, expected {kind_of(kind())}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value
