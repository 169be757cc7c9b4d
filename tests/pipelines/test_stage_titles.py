"""What progress calls a step: words, not the name under which its results are kept."""

from __future__ import annotations

import importlib
import pkgutil

import pipelines
from pipelines.engine.stage import Stage


def stages() -> set[Stage]:
    """All stages that a module of `pipelines` holds."""
    names = (module.name for module in pkgutil.walk_packages(pipelines.__path__, "pipelines."))
    modules = (importlib.import_module(name) for name in names if not name.endswith("__main__"))
    return {value for module in modules for value in vars(module).values() if isinstance(value, Stage)}


def test_a_step_whose_name_is_no_word_has_a_title():
    every = stages()
    assert len(every) > 50
    assert [stage.name for stage in every if "-" in stage.name and not stage.title] == []
