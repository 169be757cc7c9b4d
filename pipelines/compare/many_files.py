"""Files of all circuits of a comparison together.

diff.csv                 every node and edge of any circuit: which have it, its scores, whether it is rescored
union.json, core-M.json, consensus.json   circuits made of them; `circuits export` takes these files
matrices.csv             every number of every ordered pair of runs
clusters.pdf, .svg       of three runs or more: tasks clustered by overlap and by transfer
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from circuits.scores import Provenance
from graphs.comparison.diff_of_many import PartsDiff
from graphs.export import exporter
from graphs.figures.task_trees import TreesFigure, trees_figure_bytes
from pipelines.compare.many import OfMany
from pipelines.reporting.tables import Column, as_csv
from pipelines.trace.figures import FORMATS

ALIKE = {"overlap": "overlap (IoU of edges)", "transfer": "transfer, relative to the task's own circuit"}


def files_of_many(many: OfMany, labels: Sequence[str], origin: Provenance) -> dict[str, bytes]:
    """The files, by name."""
    names = ["name", "kind", "membership", *(f"in_{label}" for label in labels)]
    names += [*(f"score_{label}" for label in labels), "rescored", "sign_flipped"]
    rows = [*_rows(many, "nodes", labels), *_rows(many, "edges", labels)]
    kept = {"diff.csv": as_csv(rows, list(map(Column, names)))}
    kept |= {f"{name}.json": exporter("json").to_bytes(graph) for name, graph in many.combined.items()}
    kept["matrices.csv"] = as_csv(_matrix_rows(many.rows["matrices"], labels))
    if many.trees:
        shown = TreesFigure(
            tuple((ALIKE[name], tree) for name, tree in many.trees.items()), f"{origin.model}, {origin.metric}"
        )
        kept |= {f"clusters.{kind}": trees_figure_bytes(shown, kind) for kind in FORMATS}
    return kept


def _rows(many: OfMany, kind: str, labels: Sequence[str]) -> list[dict[str, Any]]:
    """A row per node, or per edge."""
    parts: PartsDiff = getattr(many.diff, kind)
    scores = [{item.name: item.score for item in getattr(graph, kind)} for graph in many.graphs]
    changes: dict[str, list[str]] = defaultdict(list)
    flips: dict[str, list[str]] = defaultdict(list)
    for one in parts.rescored:
        pair = f"{labels[one.a]}/{labels[one.b]}"
        changes[one.name].append(pair)
        if one.is_flipped:
            flips[one.name].append(pair)
    return [
        {
            "name": name,
            "kind": kind.removesuffix("s"),
            "membership": membership,
            **{f"in_{label}": bool(held) for label, held in zip(labels, holds, strict=True)},
            **{f"score_{label}": of_run.get(name) for label, of_run in zip(labels, scores, strict=True)},
            "rescored": " ".join(changes[name]),
            "sign_flipped": " ".join(flips[name]),
        }
        for name, holds, membership in zip(parts.names, parts.holds, parts.memberships(), strict=True)
    ]


def _matrix_rows(matrices: Mapping[str, Any], labels: Sequence[str]) -> list[dict[str, Any]]:
    """A row per ordered pair of runs; the circuit of `a` on the task of `b`, where the direction matters."""
    return [
        {"a": a, "b": b, **{name: matrix[row][column] for name, matrix in matrices.items()}}
        for row, a in enumerate(labels)
        for column, b in enumerate(labels)
    ]
