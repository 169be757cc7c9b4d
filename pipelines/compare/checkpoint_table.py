"""Two checkpoints of one wiring: what share of their difference components recover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.numbers import count_text
from pipelines.reporting.tables import Column, brackets, measured, print_columns, print_line

_LISTED = 8
_DRAWN = {"random": "at random", "matched": "its own heads renamed within layers"}


def print_checkpoints(row: Mapping[str, Any]) -> None:
    """The groups of one ordered pair, and the components that recover most."""
    title = f"{row['task']}: outputs of {row['from']} patched into {row['into']}"
    if row["reason"] is not None:
        print_line(f"{title}: not told, {row['reason']}")
        return
    columns = (
        Column("patched", "group"),
        measured("n_components"),
        measured("recovered", interval="interval"),
    )
    print_columns(title, columns, row["groups"])
    into, source, gap = (row["metric"]["into"], row["metric"]["from"], row["gap"])
    print_line(
        f"metric {into['value']:z.3f} into, {source['value']:z.3f} from: a difference of {gap['value']:z.3f} "
        f"{brackets(gap['interval'], '.3f')} over {count_text(row['n_prompts'], 'prompt')}. Recovered: the share "
        f"of it; 95 % t "
        "intervals over prompts. What all together do not recover is in the final norm, the unembedding and biases."
    )
    for sort, name in _DRAWN.items():
        if (drawn := row["drawn"].get(sort)) is not None:
            numbers = f"{drawn['mean']:z.2f} {brackets(drawn['range'], '.2f')}"
            print_line(f"as many components as its circuit has, {name}: {numbers} (range of {drawn['n']})")
    most = sorted(row["components"], key=lambda entry: -abs(entry["recovered"]))[:_LISTED]
    shown = ", ".join(
        f"{entry['component']} {entry['recovered']:z.2f} {brackets(entry['interval'], '.2f')}" for entry in most
    )
    print_line(f"most alone: {shown}")
