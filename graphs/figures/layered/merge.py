"""Scenes with fewer boxes: several merged into one, and the lines between the same boxes into one line.

No merge lets a path leave a box and come back to it, so that all lines still lead onwards: where it would, the box
ends and another of its kind begins.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from circuits.components import Component
from circuits.kinds import PORTS, Port
from graphs.annotations import Annotations
from graphs.figures.layered.scene import BARS, Box, Line, Scene
from graphs.figures.layered.settings import DrawingSettings

WITHOUT_ROLE, MLPS = "no role", "MLPs"


def merged(scene: Scene, settings: DrawingSettings) -> Scene:
    """The scene bundled and collapsed as the settings say. ValueError for roles that no head has."""
    if settings.bundle == "layer":
        of_layer = {name: str(box.parts[0].whole) for name, box in scene.boxes.items()}
        return _joined(scene, of_layer, _layer_box, renames=True)
    if settings.bundle == "role":
        if not any(box.role for box in scene.boxes.values()):
            raise ValueError(
                "bundle role: no head of this circuit has a role. `circuits roles` gives heads theirs, and writes the "
                "circuit with them."
            )
        of_role = {name: _role_of(box) for name, box in scene.boxes.items()}
        # A key-value head, which has no role of its own, goes with the first head that it serves.
        of_role |= {group: of_role[heads[0]] for group, heads in scene.serves.items()}
        into = _chains(scene, of_role)
        return _in_steps(_joined(scene, into, _role_box, renames=True), scene)
    if "kv" in settings.collapse:
        of_group = {head: group for group, heads in scene.serves.items() for head in heads}
        scene = _joined(scene, {name: of_group.get(name, name) for name in scene.boxes}, _group_box)
    if "mlps" in settings.collapse:
        ranks = _runs_of_mlps(scene)
        scene = _joined(scene, {name: ranks.get(name, name) for name in scene.boxes}, partial(_mlps_box, scene))
    return scene


def grouped(scene: Scene, annotations: Annotations) -> Scene:
    """The scene with the groups that were made by hand, each as one box, or several where a path comes back to it.

    Where a group has no place between what leads to it and what it leads to, boxes stand by steps in place of layers.
    """
    of_node = {node: group.name for group in annotations.groups for node in group.nodes}
    of_box = {name: _group_of(box, of_node) for name, box in scene.boxes.items()}
    if not any(of_box.values()):
        return scene
    into = _chains(scene, of_box)

    def named(boxes: Sequence[Box]) -> Box:
        name = of_box[boxes[0].name]
        if name is None:
            return boxes[0]
        parts, label = _parts(boxes), f"{name} ({sum(part.is_node for part in _parts(boxes))})"
        names = [box.name for box in boxes]
        # After the key-value heads that serve its heads, where lines leave room for that.
        rank = _common_rank(scene, names, _served(scene)) or _common_rank(scene, names) or boxes[-1].rank
        return Box("+".join(map(str, parts)), label, label, parts, rank, _ports(boxes))

    joined = _joined(scene, into, named, renames=True)
    leads_on = all(joined.boxes[line.source].rank < joined.boxes[line.target].rank for line in joined.lines)
    return joined if leads_on else _in_steps(joined, scene)


def _group_of(box: Box, of_node: Mapping[str, str]) -> str | None:
    """The group that all parts of a box are in; None where they are in none, or not all in one."""
    groups = {of_node.get(str(part)) for part in box.parts}
    return groups.pop() if len(groups) == 1 else None


def _joined(
    scene: Scene, into: Mapping[str, str], named: Callable[[Sequence[Box]], Box], *, renames: bool = False
) -> Scene:
    """Boxes that go into one become the box that `named` makes of them; lines inside a box are left out.

    renames  whether a box that stays alone is named anew as well
    """
    groups: dict[str, list[Box]] = defaultdict(list)
    for name, box in scene.boxes.items():
        groups[into[name]].append(box)
    boxes = {
        key: named(own) if len(own) > 1 or (renames and not own[0].is_bar) else own[0] for key, own in groups.items()
    }
    lines: dict[tuple[str, str, Port | None], Line] = {}
    for line in scene.lines:
        source, target = boxes[into[line.source]], boxes[into[line.target]]
        if source.name != target.name:
            port = line.port if line.port in target.ports else None
            key = source.name, target.name, port
            moved = Line(*key, line.scores, line.counts)
            lines[key] = _sum(lines[key], moved) if key in lines else moved
    by_name = {box.name: box for box in sorted(boxes.values(), key=lambda box: box.rank)}
    serves = _beside(by_name, [(boxes[into[group]], boxes[into[head]]) for group, head in _served(scene)])
    return Scene(by_name, tuple(lines.values()), serves).with_lines(tuple(lines.values()))


def _served(scene: Scene) -> list[tuple[str, str]]:
    """Key-value heads, each with every head that it serves."""
    return [(group, head) for group, heads in scene.serves.items() for head in heads]


def _beside(boxes: Mapping[str, Box], pairs: Iterable[tuple[Box, Box]]) -> dict[str, tuple[str, ...]]:
    """Boxes of key-value heads, each with those beside it: boxes of heads of the same layer that it alone serves.

    What holds parts of other layers, or of other kinds, may stand in another row; the key-value head stays in its own.
    """
    serving: dict[str, dict[str, None]] = defaultdict(dict)
    for group, head in pairs:
        serving[head.name][group.name] = None
    beside: dict[str, list[str]] = defaultdict(list)
    for name, groups in serving.items():
        own, head = boxes[next(iter(groups))], boxes[name]
        are_heads = all(part.is_head for part in head.parts) and all(part.is_key_value_head for part in own.parts)
        if len(groups) == 1 and are_heads and len({part.layer for part in (*own.parts, *head.parts)}) == 1:
            beside[own.name].append(name)
    return {group: tuple(heads) for group, heads in beside.items()}


def _sum(a: Line, b: Line) -> Line:
    scores = tuple(
        None if x is None and y is None else (x or 0.0) + (y or 0.0) for x, y in zip(a.scores, b.scores, strict=True)
    )
    return a._replace(scores=scores, counts=tuple(x + y for x, y in zip(a.counts, b.counts, strict=True)))


def _chains(scene: Scene, of_kind: Mapping[str, str | None]) -> dict[str, str]:
    """Box -> the box that it goes into: the last of its kind, unless a path leads from that through others to it."""
    key_value = {head: group for group, heads in scene.serves.items() for head in heads}
    into, last = {name: name for name in scene.boxes}, dict[str, str]()
    for name in sorted(scene.boxes, key=lambda name: (scene.boxes[key_value.get(name, name)].rank, name)):
        kind = of_kind[name]
        if kind is None:
            continue
        if kind in last and not _comes_back(scene, into, last[kind], name):
            into[name] = last[kind]
        else:
            last[kind] = name
    return into


def _runs_of_mlps(scene: Scene) -> dict[str, str]:
    """MLP -> the first of those that it is merged with: as many in a row as have one place between what leads to any
    of them and what any of them leads to."""
    into: dict[str, str] = {}
    run: list[str] = []
    for name in (name for name, box in scene.boxes.items() if box.is_mlp):
        run = [*run, name] if _common_rank(scene, [*run, name]) is not None else [name]
        into[name] = run[0]
    return into


def _common_rank(scene: Scene, run: Sequence[str], further: Iterable[tuple[str, str]] = ()) -> tuple[float, int] | None:
    """The rank of one of these boxes that lies after all that lead to them and before all that they lead to.

    further  what leads from one box to another beside the lines
    """
    links = [*((line.source, line.target) for line in scene.lines), *further]
    before = [scene.boxes[source].rank for source, target in links if target in run and source not in run]
    after = [scene.boxes[target].rank for source, target in links if source in run and target not in run]
    ranks = (scene.boxes[name].rank for name in run)
    lowest, highest = max(before, default=(-math.inf, 0)), min(after, default=(math.inf, 0))
    return next((rank for rank in ranks if lowest < rank < highest), None)


def _comes_back(scene: Scene, into: Mapping[str, str], box: str, name: str) -> bool:
    """Whether a path leads from a merged box through other boxes to one that would be merged with it."""
    onwards: dict[str, set[str]] = defaultdict(set)
    links = [*((line.source, line.target) for line in scene.lines), *_served(scene)]
    joined = {member: box if into[member] in (box, name) else into[member] for member in scene.boxes}
    for source, target in links:
        if joined[source] != joined[target]:
            onwards[joined[source]].add(joined[target])
    seen, waiting = set[str](), list(onwards[box])
    while waiting:
        current = waiting.pop()
        if current == box:
            return True
        if current not in seen:
            seen.add(current)
            waiting += onwards[current]
    return False


def _role_of(box: Box) -> str | None:
    if box.is_bar:
        return None
    return MLPS if box.is_mlp else box.role or WITHOUT_ROLE


def _in_steps(scene: Scene, before: Scene) -> Scene:
    """Boxes ranked by the longest path that leads to them, as those of a role are of several layers.

    before  the scene before boxes were merged
    """
    name_of = {str(part): name for name, box in scene.boxes.items() for part in box.parts}
    links = {(line.source, line.target) for line in scene.lines}
    links |= {(name_of[group], name_of[head]) for group, head in _served(before)}
    depth = {name: int(name != BARS[0]) for name in scene.boxes}
    for _ in scene.boxes:
        for source, target in links:
            if source != target:
                depth[target] = max(depth[target], depth[source] + 1)
    if BARS[1] in depth:
        depth[BARS[1]] = max(depth.values()) + 1
    # No layer stands beside a row of steps, so that names have to say it.
    boxes = {name: box._replace(rank=(float(depth[name]), 0), short=box.label) for name, box in scene.boxes.items()}
    return replace(scene, boxes=dict(sorted(boxes.items(), key=lambda item: item[1].rank)), serves={}, has_layers=False)


def _parts(boxes: Iterable[Box]) -> tuple[Component, ...]:
    return tuple(sorted((part for box in boxes for part in box.parts), key=lambda part: part.order))


def _ports(boxes: Iterable[Box]) -> tuple[Port, ...]:
    present = {port for box in boxes for port in box.ports}
    return tuple(port for port in PORTS if port in present)


def _layer_box(boxes: Sequence[Box]) -> Box:
    whole = boxes[0].parts[0].whole
    name = str(whole)
    short = "MLP" if whole.in_mlp else "attn" if whole.in_attention else name
    return Box(name, name, short, _parts(boxes), whole.row, _ports(boxes))


def _role_box(boxes: Sequence[Box]) -> Box:
    parts = _parts(boxes)
    # A key-value head, which has no role of its own, is beside a head that it serves.
    named = next((box for box in boxes if not box.parts[0].is_key_value_head), boxes[0])
    label = f"{_role_of(named)} ({sum(part.is_node for part in parts)})"
    return Box("+".join(map(str, parts)), label, label, parts, boxes[0].rank, _ports(boxes), named.role)


def _group_box(boxes: Sequence[Box]) -> Box:
    heads = [box.parts[0] for box in boxes if box.parts[0].is_head]
    numbers = ",".join(str(part.index) for part in heads)
    label = f"a{heads[0].layer}.h{numbers}"
    roles = dict.fromkeys(box.role for box in boxes if box.role)
    return Box(
        "+".join(box.name for box in boxes), label, f"h{numbers}", _parts(boxes), max(box.rank for box in boxes),
        _ports(boxes), next(iter(roles), None),
    )  # fmt: skip


def _mlps_box(scene: Scene, boxes: Sequence[Box]) -> Box:
    first, last = boxes[0].parts[0].whole, boxes[-1].parts[-1].whole
    label = str(first) if first == last else f"{first}\u2013{last}"
    rank = _common_rank(scene, [box.name for box in boxes]) or boxes[0].rank
    return Box("+".join(box.name for box in boxes), label, label, _parts(boxes), rank)
