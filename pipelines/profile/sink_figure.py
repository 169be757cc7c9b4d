"""Sinks by layer as a figure: where heads rest on a token, how far its stream stands out, and the levels of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuits.components import Component
from circuits.numbers import count_text
from circuits.profiles.secondary_sinks import PLACES
from graphs.figures.sink_levels import (
    LayerPanel,
    LayerPoint,
    LayerSeries,
    LevelPanel,
    SinkChart,
    SinkLevel,
    largest,
    sink_chart_bytes,
)
from pipelines.profile.figures import FORMATS
from pipelines.profile.report import ProfileReport
from pipelines.reporting.tables import Row

_MOST_LEVELS = 8
_OF_HEADS, _OF_STREAM, _LEVELS = ("sink", "sinks"), "residual-peak", "secondary-sinks"
_DRAIN = "value-drain"


def sink_figure(report: ProfileReport) -> dict[str, bytes]:
    """sinks.pdf and sinks.svg; nothing where no profile of sinks was asked for.

    Values of the first token are drawn beside a profile of sinks, and give no figure alone.
    """
    asked = dict.fromkeys(row["profile"] for row in report.profiles if _name(row) in (*_OF_HEADS, _OF_STREAM, _LEVELS))
    if not asked:
        return {}
    about, notes = report.about, []
    shares = list(_of_positions(report))
    heads = list(_panel("heads that rest on a token: share of heads and prompts", shares, is_share=True))
    if heads and len(shares) > len(heads[0].series):
        notes.append(f"Of {len(shares)} positions those that most heads of a layer rest on; profiles.csv has all.")
    drain = [_series(row, _rows(report.layers, row)) for row in report.profiles if _name(row) == _DRAIN]
    of_states = [row for row in report.profiles if _name(row) == _OF_STREAM]
    stream = [_series(row, _rows(report.rows, row)) for row in of_states]
    ratios = (
        ("norm of the first token's stream over the median of the others", stream),
        ("norm of the first token's value over the median of the others, mean over heads", drain),
    )
    panels = [*heads, *(panel for title, series in ratios for panel in _panel(title, series, is_share=False))]
    chart = SinkChart(
        tuple(panels),
        tuple(_levels(report, name) for name in asked if name.split(":")[0] == _LEVELS),
        about["n_layers"],
        "Sinks by layer",
        f"{about['model']} on {about['task']}, {count_text(about['n_prompts'], 'prompt')}",
        tuple(notes),
    )
    return {f"sinks.{kind}": sink_chart_bytes(chart, kind) for kind in FORMATS}


def _name(row: Row) -> str:
    return row["profile"].split(":")[0]


def _panel(title: str, series: Sequence[LayerSeries], *, is_share: bool) -> Iterator[LayerPanel]:
    """The panel of lines; none where nothing was measured."""
    if known := tuple(own for own in series if own.points):
        yield LayerPanel(title, largest(known), is_share)


def _of_positions(report: ProfileReport) -> Iterator[LayerSeries]:
    """One line for each position and bound, whichever of the two profiles has it."""
    known = set()
    for row in report.profiles:
        if _name(row) not in _OF_HEADS:
            continue
        settings = row["settings"]
        position, over = settings.get("position", row["place"]), settings["over"]
        if (str(position), over) not in known:
            known.add((str(position), over))
            name = "the first token" if str(position) == "0" else f"token {position}"
            yield _series(row, _rows(report.layers, row), f"{name}, over {over:g}")


def _rows(rows: Sequence[Row], of: Row) -> list[Row]:
    return [row for row in rows if (row["profile"], row["place"]) == (of["profile"], of["place"])]


def _series(of: Row, rows: Sequence[Row], name: str = "") -> LayerSeries:
    """The rows of layers, or of states, as a line."""
    points = [
        LayerPoint(_layer(row), row["mean"], None if row["interval"] is None else (*row["interval"],))
        for row in rows
        if row["mean"] is not None
    ]
    return LayerSeries(name or of["profile"], tuple(points))


def _layer(row: Row) -> int:
    """The layer of a row of layers; of one of states (`r3`) that which the state enters."""
    return row["layer"] if "layer" in row else Component.parse(row["head"]).layer or 0


def _levels(report: ProfileReport, profile: str) -> LevelPanel:
    """The levels of one profile of secondary sinks: tokens by the state in which they start."""
    of_states = {
        place: [row["mean"] for row in sorted(_rows(report.rows, {"profile": profile, "place": place}), key=_layer)]
        for place in PLACES
    }
    starts, lifetime = of_states["starts"], of_states["lifetime"]
    starting = [state for state, number in enumerate(starts) if number]
    kept = sorted(sorted(starting, key=lambda state: -starts[state])[:_MOST_LEVELS])
    title = f"tokens that point where the first one does ({profile})"
    if not starting:
        title += ": none"
    elif len(kept) < len(starting):
        title += f": the largest {len(kept)} of {len(starting)} levels"
    levels = tuple(SinkLevel(state, lifetime[state], starts[state]) for state in kept)
    return LevelPanel(title, tuple(of_states["first"]), levels)
