"""`circuits prompts check`, `show` and `new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.errors import reports_errors
from pipelines.cli.options import Json
from pipelines.cli.output import print_json

Model = Annotated[str, typer.Option(help="Bundled or fetched name, Hugging Face id or folder.")]

prompts = typer.Typer(help="Your own prompts: what a model sees of them, and a file to begin with.")


@prompts.command()
@reports_errors
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A prompt file (.jsonl, .json, .csv, .tsv).")],
    model: Model = "reference",
    lines: Annotated[int, typer.Option(min=0, help="How many lines are shown in full; all of them are checked.")] = 20,
    as_json: Json = False,
) -> None:
    """What a model sees of every line of a prompt file, and whether it answers. Exit code 2 where a line is bad."""
    from pipelines.prompts.check import check_prompts
    from pipelines.prompts.table import print_checked

    checked = check_prompts(file, model)
    print_json(checked.as_json()) if as_json else print_checked(checked, most=lines)
    checked.require_good()


@prompts.command()
@reports_errors
def show(
    task: Annotated[str, typer.Argument(metavar="TASK|FILE", help="A task (`circuits tasks`) or a prompt file.")],
    model: Model = "reference",
    n: Annotated[int, typer.Option("--prompts", min=1, help="How many prompts.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed for drawing the prompts.")] = 0,
    corruption: Annotated[str | None, typer.Option(help="How prompts are corrupted (`circuits tasks`).")] = None,
    as_json: Json = False,
) -> None:
    """Prompts of a task or a file with their tokens, roles and answers, clean above corrupt; the model does not run."""
    from pipelines.prompts.show import show_prompts
    from pipelines.prompts.table import print_shown

    shown = show_prompts(task, model, n=n, seed=seed, corruption=corruption)
    print_json(shown) if as_json else print_shown(shown)


@prompts.command()
@reports_errors
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write: .jsonl, .json, .csv or .tsv.")],
) -> None:
    """Write a prompt file to begin with, which says in its comments what to put where."""
    from pipelines.prompts.template import write_template

    write_template(file)
    typer.echo(f"{file}: now `circuits prompts check {file} --model M`.")
