"""The dose-response curve as a figure."""

from __future__ import annotations

from circuits.numbers import count_text
from graphs.figures.dose_response import Dose, DoseResponse, dose_response_bytes
from pipelines.intervene.concept.report import ConceptReport
from pipelines.intervene.concept.table import made_in_words
from pipelines.intervene.effect_figure import FORMATS
from pipelines.intervene.effect_rows import short
from pipelines.reporting.tables import Row, value_at


def figures(report: ConceptReport) -> dict[str, bytes]:
    """concept.pdf and concept.svg."""
    return {f"concept.{kind}": dose_response_bytes(curve(report), kind) for kind in FORMATS}


def curve(report: ConceptReport) -> DoseResponse:
    """What the figure shows: the plain model at strength 0, and every strength beside random vectors."""
    settings, vector = report.settings, report.vector
    doses = [_dose(row) for row in report.rows if row["strength"] != 0]
    plain = Dose(0.0, 0.0, None, report.plain["accuracy"], report.plain["accuracy_interval"], None, None)
    of_random = f", {settings['random']} random vectors" if settings["random"] else ""
    return DoseResponse(
        (*doses, plain),
        f"{short(settings['task'])}: a vector added at {settings['at']} before layer {settings['layer']}",
        f"{short(settings['model'])}, {count_text(settings['n_prompts'], 'prompt')}, seed "
        f"{settings['seed']}{of_random}",
        report.chance,
        settings["metric"].replace("-", " "),
        (
            f"The vector: {made_in_words(report)}; its norm is {vector['norm']:.2f}, that of the stream "
            f"{vector['stream_norm']:.2f}. Each prompt is judged with a vector that it did not make.",
        ),
    )


def _dose(row: Row) -> Dose:
    return Dose(
        row["strength"],
        row["change"],
        row["change_interval"],
        row["accuracy"],
        row["accuracy_interval"],
        value_at(row, "random.change.range"),
        value_at(row, "random.accuracy.range"),
    )
