"""Prompt sets that can be built for a model: one task per file, found by name in `TASKS`."""

from __future__ import annotations

from circuits.tasks.base import Task
from circuits.tasks.colored_objects import ColoredObjects
from circuits.tasks.docstring import Docstring
from circuits.tasks.greater_than import GreaterThan
from circuits.tasks.induction import Induction
from circuits.tasks.ioi import IndirectObject

__all__ = ["TASKS", "Task"]

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (IndirectObject, ColoredObjects, GreaterThan, Docstring, Induction)
}
