"""COMMANDS: the commands that are folders of `pipelines`, and those of other packages.

The settings of a command are imported for its help, everything else when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipelines.runs.settings import CommandSettings

if TYPE_CHECKING:
    from pipelines.command import Command

# Name -> the class of its settings. Beside that module stands `command`, whose COMMAND is run.
COMMANDS = {
    "discover": "pipelines.discover.settings:DiscoverSettings",
    "trace": "pipelines.trace.settings:TraceSettings",
    "intervene iri": "pipelines.intervene.settings:IriSettings",
    "compare": "pipelines.compare.settings:CompareSettings",
    "evaluate": "pipelines.evaluate.settings:EvaluateSettings",
    "study": "pipelines.study.settings:StudySettings",
    "codes": "pipelines.codes.settings:CodesSettings",
}
# What groups of commands have in common.
GROUPS = {"intervene": "Intervene on a model as it answers, where a trace suggests it may help."}


def settings_of(name: str) -> type[CommandSettings]:
    """The class of a command's settings."""
    module, _, kind = COMMANDS[name].partition(":")
    return getattr(import_module(module), kind)


def command_of(name: str) -> Command[Any, Any, Any]:
    """A command, ready to run."""
    folder = COMMANDS[name].partition(":")[0].rpartition(".")[0]
    return import_module(f"{folder}.command").COMMAND


def run(name: str, values: Mapping[str, Any], as_json: bool) -> None:
    """Run a command with the settings that were given, and print what it reports."""
    from pipelines.cli.output import print_json
    from pipelines.command import run_command
    from pipelines.reporting.tables import print_line
    from pipelines.runs.settings_file import settings_from

    command = command_of(name)
    settings, execution = settings_from(values, command.settings)
    report = run_command(command, settings, execution, shows_progress=True)
    for warning in report.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    if as_json:
        print_json(report.to_dict() | report.spent)
        return
    command.table(report)
    print_line(report.last_line)
