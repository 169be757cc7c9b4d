"""Settings of `circuits intervene edit`."""

from __future__ import annotations

from pydantic import model_validator

from pipelines.intervene.edited_task import EditedTaskSettings


class EditSettings(EditedTaskSettings):
    """Edit attention rows or outputs of chosen heads, and measure what that does to a task.

    Edits are NAME ROWS ...: "set END S1,S2" (all weight of END's row on these roles, equal shares), "set END
    IO=0.7,S1=0.3", "set END color_* without correct_color", "uniform END", "zero END", "to-first all", "shuffle END",
    "reverse END"; of outputs "knock-out END", "scale END 0.5". ROWS: a role, ROLE.. (from there on), or all. Compared
    with the plain model and with the same edit on other heads of the same layers. Writes edit.json, edit.csv and a
    figure to a folder of the store. Repeating the command computes nothing new.

    >>> from pipelines.intervene.edit.settings import EditSettings
    >>> EditSettings(task="ioi", heads="a2.h1,a2.h3", edit="uniform END").heads
    ('a2.h1', 'a2.h3')
    """

    paper_tables = ("effects",)

    @model_validator(mode="after")
    def _says_what(self) -> EditSettings:
        if not self.heads:
            raise ValueError("no head is given. Name those to edit, such as --heads a2.h1,a3.h0.")
        if not self.edit:
            raise ValueError(
                "no edit is given. Say what to do, such as --edit 'uniform END' or --edit 'set END S1,S2'."
            )
        return self
