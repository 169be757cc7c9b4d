"""Prompt sets that can be built for a model: one task per file, found by name in `TASKS`, or in `IMAGE_TASKS`."""

from __future__ import annotations

from circuits.registry import Registry, subclass_of
from circuits.tasks.agreement import Agreement
from circuits.tasks.antonym import Antonym
from circuits.tasks.backcopy import Backcopy
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
from circuits.tasks.multiple_choice import FactChoice, MultipleChoice, Numerals, OtherLetters, ShuffledLetters
from circuits.tasks.needle import Needle, NeedleLong
from circuits.tasks.scene_objects import SceneObjects
from circuits.tasks.successor import SuccessorOfDays, SuccessorOfMonths, SuccessorOfNumbers
from circuits.tasks.two_route import TwoRouteLearned, TwoRouteNearby

__all__ = ["IMAGE_TASKS", "TASKS", "ImageTask", "Task"]

TASKS: Registry[type[Task]] = Registry("tasks", subclass_of(Task), ignores=subclass_of(ImageTask))
"""Those made of words."""
IMAGE_TASKS: Registry[type[ImageTask]] = Registry("tasks", subclass_of(ImageTask), ignores=subclass_of(Task))
"""Those for models that read images."""

for _task in (
    *(IndirectObject, ColoredObjects, GreaterThan, GreaterThanDecade, Docstring, Induction),
    *(Agreement, GenderedPronoun, Capital, SuccessorOfDays, SuccessorOfMonths, SuccessorOfNumbers, Antonym),
    *(MultipleChoice, ShuffledLetters, OtherLetters, Numerals, FactChoice),
    *(Facts, Boxes),
    *(Needle, NeedleLong, Backcopy),
    *(TwoRouteNearby, TwoRouteLearned),
):
    TASKS.register(_task)
for _task in (SceneObjects, CocoObjects):
    IMAGE_TASKS.register(_task)
