"""The run of a causal trace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from circuits.cached import cached_property
from circuits.files import portable
from circuits.lookup import lookup
from circuits.recovery import Trace
from pipelines.runs.run import Run
from pipelines.trace.settings import TraceSettings
from pipelines.trace.stages import trace_from

if TYPE_CHECKING:
    from graphs.figures.fit import Drawing
    from graphs.picture import Picture

TRACE_SCORES = "trace.npz"


class TraceRun(Run):
    """A run of `circuits trace`, with the recovery of every component at every position.

    >>> from pipelines import trace
    >>> run = trace("ioi", prompts=4, noise_at="S1")
    >>> run.command, run.trace.scores.positions
    ('trace', ('S1', 'S1+1', 'IO', 'S2', 'END'))
    >>> run.draw("depth").to_bytes("svg")[:5]
    b'<?xml'
    """

    command = "trace"
    config_type = TraceSettings
    config: TraceSettings

    @cached_property
    def trace(self) -> Trace:
        """What restoring brings back."""
        return trace_from([self._result(TRACE_SCORES)], self._prompt_set(TRACE_SCORES))

    def draw(self, what: Literal["positions", "depth", "heads"] = "positions", *, size: str | None = None) -> Picture:
        """The recovery rates as a picture, which a notebook shows and `save` writes.

        what  `positions`: heat maps of layer by position; `depth`: over layers, a curve for each position; `heads`: all
              heads at one position
        size  `column`, `page`, `slide`, or WIDTHxHEIGHT in inches; by default what the figure takes

        ValueError where the trace has nothing to show in this way, or not at this size.

        >>> from pipelines import trace
        >>> trace("ioi", prompts=4, noise_at="S1").draw("depth").save("depth.pdf")
        """
        from graphs.figures.canvas import figure_bytes
        from graphs.figures.sizes import size_from
        from graphs.picture import Picture

        drawing, asked = self._drawing(what), None if size is None else size_from(size)
        drawing(asked)  # what does not fit is refused here, and not where it is shown
        return Picture(
            f"recovery rates of {self.name}",
            lambda: drawing(asked),
            lambda kind, dpi: figure_bytes(partial(drawing, asked), kind, dpi=dpi),
        )

    def _drawing(self, what: str) -> Drawing:
        from graphs.figures.fit import of_one_layout
        from graphs.figures.trace_depth import draw_depth
        from graphs.figures.trace_heatmap import draw_trace
        from pipelines.trace.recovery_tables import head_table, trace_table

        kinds = {"positions": (draw_trace, trace_table), "depth": (draw_depth, trace_table)}
        kinds["heads"] = (draw_trace, head_table)
        draw, table_of = lookup(kinds, what, "drawing of a trace")
        if (table := table_of(self.trace, self.summary)) is None:
            raise ValueError(
                f"run {self.name} did not trace what {what!r} shows: heads are traced with kinds=['head']."
            )
        return of_one_layout(draw, table)

    def _repr_html_(self) -> str:
        from circuits.html_text import html_block, html_image, html_note

        # Where only heads were traced, these are shown.
        shown = "positions" if any(not part.is_head for part in self.trace.scores.components) else "heads"
        picture = self.draw(shown)
        drawing = html_image(picture.to_bytes("svg"), picture.text)
        return html_block(f"trace {self.name}", html_note(f"in {portable(self.folder)}"), drawing)
