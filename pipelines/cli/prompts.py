"""`circuits prompts check`, `show` and `new`; `circuits tasks show` is the second of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.errors import reports_errors
from pipelines.cli.one_run import OneRunCommand
from pipelines.cli.options import Json, path_named
from pipelines.cli.output import print_json
from pipelines.cli.phases import say_first
from pipelines.cli.plain_command import PlainCommand
from pipelines.cli.sections import GroupOfCommands
from pipelines.runs.shell_text import shell_word

if TYPE_CHECKING:
    from pipelines.runs.settings import PromptSettings

_MOST_SHOWN = 1_000_000
Images = Annotated[
    Path | None, typer.Option(parser=path_named, metavar="PATH", help="Folder of the images that prompts ask about.")
]
Annotations = Annotated[
    Path | None, typer.Option(parser=path_named, metavar="PATH", help="Where the objects are: COCO's instances_*.json.")
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed for drawing the prompts.")]
Model = Annotated[str, typer.Option(metavar="TEXT", help="Name (`circuits models`), Hugging Face id or folder.")]

prompts = typer.Typer(
    help="Your own prompts: what a model sees of them, and a file to begin with.", cls=GroupOfCommands
)


@prompts.command(cls=PlainCommand)
@reports_errors
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A prompt file (.jsonl, .json, .csv, .tsv) or a template (.yaml).")
    ],
    model: Model = "reference",
    lines: Annotated[
        int, typer.Option(min=0, max=_MOST_SHOWN, metavar="N", help="How many are shown in full; all are checked.")
    ] = 20,
    n: Annotated[
        int | None,
        typer.Option("--prompts", min=1, metavar="N", help="Of a template, how many prompts are drawn. [64]"),
    ] = None,
    seed: Seed = 0,
    images: Images = None,
    annotations: Annotations = None,
    as_json: Json = False,
) -> None:
    """What a model sees of every line of a prompt file, or every prompt of a template, and whether it answers.

    Bad lines stand among the others; where there are any, exit code 2.
    """
    say_first("prompts check", f"{file} as {model} sees it")
    from pipelines.prompts.check import check_prompts
    from pipelines.prompts.table import print_checked

    asked = {"prompts": n, "seed": seed, "images": images, "annotations": annotations}
    checked = check_prompts(_settings(str(file), model, **asked))
    print_json(checked.as_json()) if as_json else print_checked(checked, most=lines)
    checked.require_good()


@prompts.command(cls=PlainCommand)
@reports_errors
def show(
    task: Annotated[
        str, typer.Argument(metavar="TASK|FILE", help="A task (`circuits tasks`), a prompt file or a template.")
    ],
    model: Model = "reference",
    n: Annotated[int, typer.Option("--prompts", min=1, metavar="N", help="How many prompts.")] = 3,
    seed: Seed = 0,
    corruption: Annotated[
        str | None, typer.Option(metavar="TEXT", help="How prompts are corrupted (`circuits tasks`).")
    ] = None,
    images: Images = None,
    annotations: Annotations = None,
    as_json: Json = False,
) -> None:
    """Prompts of a task or a file with their tokens, roles and answers, clean above corrupt; the model does not run."""
    say_first("prompts show", f"{task} as {model} sees it")
    from pipelines.prompts.show import show_prompts
    from pipelines.prompts.table import print_shown

    asked = {"prompts": n, "seed": seed, "corruption": corruption, "images": images, "annotations": annotations}
    shown = show_prompts(_settings(task, model, **asked))
    print_json(shown) if as_json else print_shown(shown)


@prompts.command(cls=PlainCommand)
@reports_errors
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write: .jsonl, .json, .csv, .tsv, or .yaml.")],
) -> None:
    """Write a prompt file to begin with, or as .yaml a template, which says in its comments what to put where."""
    from pipelines.prompts.new import write_new

    write_new(file)
    typer.echo(f"{file}: now `circuits prompts check {shell_word(str(file))} --model M`.")


class TasksCommand(OneRunCommand):
    """`circuits tasks`, which hands `show TASK` on to `circuits prompts show`."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command that is meant."""
        if args[:1] != ["show"]:
            return super().make_context(info_name, args, parent, **extra)
        shown: Any = typer.main.get_command(prompts)
        return shown.commands["show"].make_context(f"{info_name} show", args[1:], parent, **extra)


def _settings(task: str, model: str, **asked: Any) -> PromptSettings:
    from pipelines.runs.settings import PromptSettings

    return PromptSettings(task=task, model=model, **asked)
