"""What compared runs share: the figures of the page of reuse."""

from __future__ import annotations

from functools import partial

from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import panel

_SUMMARIES = {
    "transfer": ("transfer", "what each circuit does on the other tasks, beside what circuits share"),
    "sets": ("sets", "circuits made of several: their sizes and what they keep"),
    "overlap": ("curve", "overlap of the strongest parts at every size, beside chance"),
    "clusters": ("clusters", "tasks clustered by overlap and by transfer"),
}
REUSE = [
    FIGURES.register(FigureKind(name, summary, "COMPARISON|RUN RUN...", 1, None, partial(panel, of)))
    for name, (of, summary) in _SUMMARIES.items()
]
