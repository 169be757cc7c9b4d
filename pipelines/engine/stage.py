"""Stage: what a job computes, with the version that its key holds.

A stage stands beside the command that needs it, and a job holds the stage itself: a worker process finds the function
by its module, and no table lists all stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.engine.result_file import Result

if TYPE_CHECKING:
    from circuits.data.prompts import PromptSet
    from circuits.model.load import Model

Settings = Mapping[str, Any]
Inputs = Mapping[str, tuple[Result, ...]]
# Without an argument the model of the job; by name another one that its settings and locations hold.
LoadModel = Callable[..., "Model"]
Locate = Callable[[Settings, Mapping[str, str]], Settings]
Requires = Callable[[Settings, "PromptSet"], object]
RequiresTogether = Callable[[Settings, Mapping[str, "PromptSet"]], None]


class First(Protocol):
    """The prompts that a stage makes, as far as they are known before weights are loaded."""

    def __call__(self, settings: Settings, *, most: int | None = None) -> PromptSet | None:
        """The prompts of located settings, where `most` is given some of them; None where the tokenizer alone does not
        tell them. ValueError for what it cannot take."""


def as_planned(settings: Settings, locations: Mapping[str, str]) -> Settings:
    """The settings of a job that reads no file of the user's."""
    return settings


def any_prompts(settings: Settings, prompts: PromptSet) -> None:
    """What a stage requires of its prompts that takes any, or none."""


def any_sets(settings: Settings, prompts: Mapping[str, PromptSet]) -> None:
    """What a stage requires of several sets of prompts that takes any beside each other."""


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline: results of earlier jobs in, one result out.

    name     what keys, results and records call it
    version  raise it when the code changes what is computed: keys of jobs hold it
    compute  (settings, inputs, model) -> result; `model` loads the model when called, and a stage that does not call
             it runs without torch
    locate   (settings, locations of the job) -> settings with the paths of the files that `compute` reads; raises a
             ValueError where a file is no longer what was planned with
    title    what progress and errors call it, such as `choose the circuit`; may hold settings, as in `task {task}`. The
             name where it is empty
    first    of a stage that makes prompts: those of them that are known before weights are loaded
    requires (settings, prompts) -> a ValueError for prompts that `compute` refuses whatever the model: it is called
             before weights are loaded, with some of them where they are many
    asks_of  the inputs whose prompts `requires` looks at, each by itself
    requires_together
             (settings, input -> its prompts) -> likewise, for sets of prompts that it refuses beside each other
    """

    name: str
    version: int
    compute: Callable[[Settings, Inputs, LoadModel], Result]
    locate: Locate = as_planned
    title: str = ""
    first: First | None = None
    requires: Requires = any_prompts
    asks_of: tuple[str, ...] = ("prompts",)
    requires_together: RequiresTogether = any_sets
