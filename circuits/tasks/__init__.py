"""Prompt sets that can be built for a model: one task per file, found by name in `TASKS`, or in `IMAGE_TASKS`."""

from __future__ import annotations

from circuits.tasks.base import Task
from circuits.tasks.coco_objects import CocoObjects
from circuits.tasks.colored_objects import ColoredObjects
from circuits.tasks.docstring import Docstring
from circuits.tasks.greater_than import GreaterThan
from circuits.tasks.image_base import ImageTask
from circuits.tasks.induction import Induction
from circuits.tasks.ioi import IndirectObject
from circuits.tasks.scene_objects import SceneObjects

__all__ = ["IMAGE_TASKS", "TASKS", "ImageTask", "Task"]

TASKS: dict[str, type[Task]] = {
    task.name: task for task in (IndirectObject, ColoredObjects, GreaterThan, Docstring, Induction)
}

IMAGE_TASKS: dict[str, type[ImageTask]] = {task.name: task for task in (SceneObjects, CocoObjects)}
"""Those for models that read images."""
