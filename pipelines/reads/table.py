"""What heads read, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.numbers import count_text
from circuits.solved import kept_of_drawn
from pipelines.reads.report import ALL, ReadsReport
from pipelines.reporting.tables import DASH, Column, Row, brackets, print_line, print_table

_SHOWN = 5
COLUMNS = (*map(Column, ("head", "query_part", "key_part", "n_prompts")), Column("mean", interval="interval"))


def print_reads(report: ReadsReport) -> None:
    """A row per head: its score, and the largest parts of the query, of the key, and of pairs."""
    about = report.about
    cells = [
        [
            head,
            _number(_of(report, head, whole=True)[0]),
            _listed(_of(report, head, key=ALL), "query_part"),
            _listed(_of(report, head, query=ALL), "key_part"),
            _listed(_of(report, head), "query_part", "key_part"),
        ]
        for head in dict.fromkeys(row["head"] for row in report.rows)
    ]
    title = (
        f"attention scores {about['score']}: {about['model']} on {about['task']}, "
        f"{count_text(about['n_prompts'], 'prompt')}"
    )
    print_table(title, ("head", "score", "of the query", "of the key", "pairs (query x key)"), cells)
    print_line(
        "Scores before the softmax, which only differences between keys change (--minus). In brackets: 95 % t "
        "intervals over prompts. Parts of the query add up to the score, those of the key too, and all pairs."
    )
    if about["solved"] is not None:
        print_line(f"prompts: {kept_of_drawn(about['solved'])}")


def _of(
    report: ReadsReport, head: str, *, query: str | None = None, key: str | None = None, whole: bool = False
) -> list[Row]:
    """The rows of a head: its score (`whole`), the parts of one side, or those of pairs."""
    wanted = (True, True) if whole else (query == ALL, key == ALL)
    own = [row for row in report.rows if row["head"] == head]
    return [row for row in own if (row["query_part"] == ALL, row["key_part"] == ALL) == wanted]


def _listed(rows: Sequence[Row], *names: str) -> str:
    largest = sorted(rows, key=lambda row: -abs(row["mean"]))[:_SHOWN]
    return "\n".join(f"{' x '.join(row[name] for name in names)} {_number(row)}" for row in largest)


def _number(row: Row) -> str:
    return DASH if row["mean"] is None else f"{row['mean']:z.2f} {brackets(row['interval'], '.2f')}"
