"""FIGURES: kinds of figure by name, also those of other packages (entry points `circuit_workbench.figures`)."""

from __future__ import annotations

from operator import attrgetter

from circuits.registry import Registry, instance_of
from pipelines.draw.kinds.base import FigureKind

FIGURES: Registry[FigureKind] = Registry("figures", instance_of(FigureKind), attrgetter("name"))
