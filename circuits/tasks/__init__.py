"""Prompt sets that can be built for a model: one task per file, found by name in `TASKS`, or in `IMAGE_TASKS`."""

from __future__ import annotations

from circuits.tasks.agreement import Agreement
from circuits.tasks.antonym import Antonym
from circuits.tasks.base import Task
from circuits.tasks.boxes import Boxes
from circuits.tasks.capital import Capital
from circuits.tasks.coco_objects import CocoObjects
from circuits.tasks.colored_objects import ColoredObjects
from circuits.tasks.docstring import Docstring
from circuits.tasks.facts import Facts
from circuits.tasks.gendered_pronoun import GenderedPronoun
from circuits.tasks.greater_than import GreaterThan
from circuits.tasks.greater_than_decade import GreaterThanDecade
from circuits.tasks.image_base import ImageTask
from circuits.tasks.induction import Induction
from circuits.tasks.ioi import IndirectObject
from circuits.tasks.multiple_choice import MultipleChoice
from circuits.tasks.scene_objects import SceneObjects
from circuits.tasks.successor import SuccessorOfDays, SuccessorOfMonths, SuccessorOfNumbers

__all__ = ["IMAGE_TASKS", "TASKS", "ImageTask", "Task"]

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        IndirectObject,
        ColoredObjects,
        GreaterThan,
        Docstring,
        Induction,
        Agreement,
        GenderedPronoun,
        Capital,
        SuccessorOfDays,
        SuccessorOfMonths,
        SuccessorOfNumbers,
        Antonym,
        GreaterThanDecade,
        MultipleChoice,
        Facts,
        Boxes,
    )
}

IMAGE_TASKS: dict[str, type[ImageTask]] = {task.name: task for task in (SceneObjects, CocoObjects)}
"""Those for models that read images."""
