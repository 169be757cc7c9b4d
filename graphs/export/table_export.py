"""What the formats of tables share: the rows, and what is said of how many there are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from circuits.scores import Scores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.base import NotedExport, Written
from graphs.export.score_table import ScoreTable, score_table


class TableExport(NotedExport):
    """Every score, in the circuit or not: the rows of `graphs.export.score_table`; or what two circuits share."""

    def written(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> Written:
        self.require()
        table = score_table(subject, scores, name=self.name)
        return Written(self.table_bytes(table, subject, command), (f"Written: {table.in_words}",))

    def require(self) -> None:
        """Raise an error where a package that writes the format is missing."""
        return

    @abstractmethod
    def table_bytes(self, table: ScoreTable, subject: CircuitGraph | Comparison, command: str | None) -> bytes:
        """The whole file of a table.

        command  what makes the subject again
        """
