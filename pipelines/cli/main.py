"""The `circuits` command. Results go to stdout, everything else to stderr; bad input gives one message and exit code 2.

Each command imports what it needs itself, so that `circuits --help` answers at once.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from pipelines.cli import catalogue_commands, graph_commands, model_commands, store_commands
from pipelines.cli.closed_pipe import going_on
from pipelines.cli.commands import GROUPS, Offer, offers, run
from pipelines.cli.errors import BAD_INPUT, reports_errors
from pipelines.cli.leaving import leaving_at_once
from pipelines.cli.one_run import OneRunCommand
from pipelines.cli.options import with_options
from pipelines.cli.output import Output, print_json
from pipelines.cli.prompts import TasksCommand, prompts
from pipelines.cli.sections import CommandsInSections, GroupOfCommands
from pipelines.cli.signals import end_on_signals
from pipelines.engine.shown_warnings import show_warnings

app = typer.Typer(
    name="circuits",
    cls=CommandsInSections,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """The `circuits` command, once it is imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    sys.stderr = going_on(sys.stderr)
    show_warnings(sys.stderr)
    end_on_signals()
    if (message := renamed_option(sys.argv[1:])) is not None:
        sys.stderr.write(f"error: {message}\n")
        sys.exit(BAD_INPUT)
    app()


def renamed_option(arguments: Sequence[str]) -> str | None:
    """The new name of the first option that is called as it was in version 0.1, in a sentence; None without one."""
    given = [argument.partition("=")[0] for argument in arguments]
    if not any(argument.startswith("--") for argument in given):
        return None
    from pipelines.runs.settings import RENAMED

    options = {f"--{old.replace('_', '-')}": f"--{new.replace('_', '-')}" for old, new in RENAMED.items()}
    return next((f"option {name} is now called {options[name]}." for name in given if name in options), None)


def _print_version(is_asked: bool) -> None:
    if not is_asked:
        return
    from importlib.metadata import version

    sys.stdout.write(f"circuits {version('circuit-workbench')}\n")
    raise typer.Exit


@app.callback()
def _for_all(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Discover, compare and export circuits of transformer language models."""
    # Names of files are any bytes; a name that is no text must not end a command whose work is done.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _add_commands() -> None:
    """Every command on offer, in groups where its name has two words."""
    groups = {name: typer.Typer(help=summary, cls=GroupOfCommands) for name, summary in GROUPS.items()}
    for name, group in groups.items():
        app.add_typer(group, name=name, no_args_is_help=True)
        # A group of one command keeps its name.
        group.callback()(lambda: None)
    for name, offer in offers().items():
        group, is_grouped, own = name.rpartition(" ")
        is_tasks = name == "tasks"
        command = with_options(functools.partial(_tasks if is_tasks else run, name, offer), offer.settings)
        kind = TasksCommand if is_tasks else OneRunCommand
        (groups[group] if is_grouped else app).command(own, cls=kind)(reports_errors(command, name=name))


def _tasks(name: str, offer: Offer, values: Mapping[str, Any], output: Output) -> None:
    """A model on every task; without a model the list of the tasks, at once."""
    from pipelines.cli.catalogue import print_tasks, task_rows

    if "model" in values:
        run(name, offer, values, output)
        return
    output.check(offer.settings)
    of_output = ["to"] if output.to is not None else []
    of_output += [option for option in ("quiet", "verbose") if getattr(output, option)]
    if of_model := [given for given in [*values, *of_output] if given != "details"]:
        names = ", ".join(f"--{given}" for given in of_model)
        raise ValueError(f"{names} belong to the measurement of a model: name one (--model reference), or leave out.")
    rows = task_rows()
    print_json({"tasks": rows}) if output.as_json else print_tasks(rows, in_detail="details" in values)


_add_commands()
app.add_typer(prompts, name="prompts", no_args_is_help=True)
for one_section in (graph_commands, catalogue_commands, model_commands, store_commands):
    app.add_typer(one_section.commands)


if __name__ == "__main__":
    leaving_at_once(main)
