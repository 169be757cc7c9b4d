"""A causal trace: what restoring brought back, where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from graphs.figures.canvas import DrawingFormat
from pipelines.report import methods
from pipelines.report.chapters.base import Chapter, name_of_figure, settings_of
from pipelines.reporting.document import Figure, Piece
from pipelines.reporting.stored import read_report
from pipelines.runs.about_file import sealed_bytes
from pipelines.runs.origin import command_that_made
from pipelines.trace.files import TRACE_FILE
from pipelines.trace.paper import papers
from pipelines.trace.report import Traced
from pipelines.trace.run import TraceRun

_RECOVERY = (
    "The recovery rate of a part at a position was the metric of the corrupt run with this part restored to its clean "
    "value there, minus that of the corrupt run, as a share of the metric's difference between clean and corrupt runs; "
    "of the means over prompts."
)
_FIGURES = {
    "trace": "Recovery rates by layer and position",
    "depth": "Recovery rates over depth, by kind of component",
    "places": "Recovery rates over depth, by position",
    "heads": "Recovery rates of single heads",
}


def read(run: TraceRun) -> Chapter:
    """The chapter of a trace."""
    summary, config, provenance = run.summary, run.config, run.trace.scores.provenance
    return Chapter(
        name=run.name,
        title=f"{summary['task']} in {summary['model']}, traced",
        subject=f"causal tracing of {summary['task']} in {summary['model']}",
        methods={
            "Model": [methods.model_sentence(run.trace.scores.wiring, provenance)],
            "Prompts": [*methods.prompt_sentences(config, summary)],
            "Metric": [methods.metric_sentence(config, summary)],
            "Scores": [*methods.score_sentences(provenance, of="Components"), _RECOVERY],
            "Statistics": [methods.INTERVALS],
        },
        cites=[*methods.cited_by(config, provenance)],
        results=[*_figures(run), *_tables(run)],
        limits=[f"{summary['task']}: {text}" for text in summary["warnings"]],
        command=command_that_made(run),
        settings=settings_of(run),
        versions=provenance.versions,
        row=summary,
    )


def _figures(run: TraceRun) -> Iterator[Piece]:
    """The figures that the trace drew."""
    for name, caption in _FIGURES.items():
        if (run.folder / f"{name}.pdf").is_file():
            told = (
                f"{caption} in `{run.summary['model']}` on `{run.summary['task']}`, with 95 % intervals over prompts."
            )
            yield Figure(name_of_figure(run, name), told, _stored(run.folder / name))


def _tables(run: TraceRun) -> Iterator[Piece]:
    """Positions, and the components that restore most."""
    again = command_that_made(run)
    rows = tuple(read_report(run.folder / TRACE_FILE, Traced.format, needs=["rows"], again=again)["rows"])
    ratio = run.trace.ratio_of_means()
    yield from papers(Traced(folder=run.folder, trace=run.trace, ratio=ratio, summary=run.summary, rows=rows)).values()


def _stored(path: Path) -> Callable[[DrawingFormat], bytes]:
    """What reads a figure that a command has drawn, in the kinds that it draws: PDF and SVG."""

    def draw(kind: DrawingFormat) -> bytes:
        return sealed_bytes(path.with_suffix(f".{kind}"))

    return draw
