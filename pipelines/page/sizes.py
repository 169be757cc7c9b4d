"""How faithful smaller circuits of a run are: the sizes that its search tried, and its curve."""

from __future__ import annotations

from collections.abc import Iterator

from graphs.export.page.extras import Curve, CurvePoint, MeasuredPart
from pipelines.discover.figures import size_curves
from pipelines.discover.measured_parts import tried_parts
from pipelines.discover.run import DiscoverRun


def measured_parts(run: DiscoverRun) -> tuple[MeasuredPart, ...]:
    """The parts of a run's circuit that its search has run alone."""
    names = {item.name for item in run.circuit.edges}
    return tuple(
        MeasuredPart(edges, part.value, part.low, part.high, part.prompts)
        for edges, part in tried_parts(run, 1, run.circuit.n_edges - 1)
        if edges and edges < names
    )


def curves(run: DiscoverRun) -> tuple[Curve, ...]:
    """Faithfulness over size, one curve per ranking that was tried."""
    return tuple(_curves(run))


def _curves(run: DiscoverRun) -> Iterator[Curve]:
    for panel in size_curves(run.summary, bound=1 - run.config.tolerance).panels:
        for series in panel.series if panel.of == "edges" else ():
            points = (CurvePoint(one.size, one.value, *(one.interval or (None, None))) for one in series.points)
            yield Curve(f"{panel.title}, {series.name}", tuple(point for point in points if point.value is not None))
