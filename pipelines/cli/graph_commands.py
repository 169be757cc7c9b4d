"""Commands that draw what is stored, write it as a file, and tell what such a file says of itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from circuits.model.phases import phase, told_elsewhere
from circuits.visible_text import visible
from pipelines.cli.errors import reports_errors
from pipelines.cli.one_run import OneRunCommand
from pipelines.cli.options import Json, Quiet, Runs, file_or_stdout, path_named
from pipelines.cli.output import print_json, write_file
from pipelines.cli.phases import say_reading
from pipelines.cli.plain_command import PlainCommand
from pipelines.runs.shell_text import shell_line

commands = typer.Typer()


@commands.command(cls=OneRunCommand)
@reports_errors
def export(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|COMPARISON|FILE", help="A run or a comparison: folder or name; or a circuit's JSON file."
        ),
    ],
    to: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="A format of `circuits exports`, such as pdf.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="File to write; - is stdout. [NAME.FORMAT]", parser=file_or_stdout),
    ] = None,
    with_caption: Annotated[
        bool,
        typer.Option(
            "--caption",
            help="Print a caption for it, ready to paste, with --beside one for each; without --to, that alone.",
        ),
    ] = False,
    runs: Runs = Path("runs"),
    size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Of a drawing: column, page, slide, or WIDTHxHEIGHT in inches. [page]"),
    ] = None,
    font: Annotated[
        float | None, typer.Option(metavar="POINTS", help="Points of a drawing's text. [the size's own]")
    ] = None,
    orientation: Annotated[
        str | None, typer.Option(help="Where a drawing's layers lead: up, or right. [up]", metavar="up|right")
    ] = None,
    top: Annotated[
        int | None, typer.Option(metavar="N", help="Draw the N lines with the largest |score|. [what can be read]")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="X", help="Draw edges whose |score| is at least this.")
    ] = None,
    heads_only: Annotated[bool, typer.Option("--heads-only", help="Draw no MLPs and no edges at them.")] = False,
    layers: Annotated[
        str | None, typer.Option(help="Draw edges with both ends in these layers.", metavar="FIRST-LAST")
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", help="Draw edges at heads of this role; repeat for more.", metavar="ROLE"),
    ] = None,
    ports: Annotated[
        list[str] | None,
        typer.Option("--port", help="Draw edges that enter heads there; repeat for more.", metavar="q|k|v"),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(help="Of a comparison: draw what both have, or one alone.", metavar="shared|a|b"),
    ] = None,
    bundle: Annotated[
        str | None,
        typer.Option(help="Draw one box per layer's attention and MLP, or per role of heads.", metavar="layer|role"),
    ] = None,
    collapse: Annotated[
        list[str] | None,
        typer.Option(
            help="Draw MLPs of neighboring layers as one, or each key-value head with its heads; repeat for more.",
            metavar="mlps|kv",
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(help="Draw the groups and notes that were saved on a page.", metavar="FILE", parser=path_named),
    ] = None,
    readings: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            help="For html: a folder of circuits roles, attention or profile, to show of heads; repeat for more.",
            metavar="FOLDER",
            parser=path_named,
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="Another run whose circuit is drawn beside, in its own drawing; repeat for more.", metavar="RUN"
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a circuit or a comparison in another format, and a caption; drawings say below them what they leave out."""
    if not quiet:
        say_reading("export", run, *(beside or ()))
    from circuits.files import real_path
    from graphs.export import exporter
    from pipelines.cli.drawing import drawing_settings
    from pipelines.cli.export import caption, export_beside, exported
    from pipelines.runs.places import require_place_for_file

    drawing = drawing_settings(
        size=size,
        font=font,
        orientation=orientation,
        top=top,
        min_score=min_score,
        heads_only=heads_only,
        layers=layers,
        roles=roles,
        ports=ports,
        only=only,
        annotations=annotations,
        bundle=bundle,
        collapse=collapse,
    )
    if to is None:
        if not with_caption or out is not None or beside:
            raise ValueError("give --to FORMAT (`circuits exports` lists them), or --caption alone for a caption.")
        sys.stdout.write(f"{visible(caption(run, out=runs, drawing=drawing))}\n")
        return
    if with_caption and out == "-":
        raise ValueError("--out - writes the file to stdout, where --caption writes as well: give another --out.")
    name, exports = real_path(Path(run)).name.removesuffix(".json"), exporter(to)
    path = Path(out) if out is not None else Path(f"{name}.{exports.extension}")
    if out not in (None, "-"):
        exports.require_ending(path)
    if real_path(path) == real_path(Path(run)):
        raise ValueError(f"{path} is the file that is exported, and would be replaced: name another one with --out.")
    if out != "-":
        require_place_for_file(path)
    if beside and readings:
        raise ValueError("--with is read beside one run, and --beside names others: leave out one of them.")
    with phase(f"making the {to} of {', '.join((run, *(beside or ())))}"):
        if beside:
            made = export_beside([run, *beside], to, out=runs, drawing=drawing)
        else:
            made = exported(run, to, out=runs, drawing=drawing, readings=readings or ())
    # The caption of a drawing has these too; a table holds all of its rows, whoever is told.
    is_told = beside or not with_caption if made.is_drawn else not quiet
    for note in made.notes if is_told else ():
        typer.echo(visible(note), err=True)
    if out == "-":
        sys.stdout.buffer.write(made.data)
        return
    write_file(path, made.data, is_quiet=quiet)
    if with_caption:
        for line in made.in_words().split("\n"):
            sys.stdout.write(f"{visible(line)}\n")


@commands.command(cls=OneRunCommand)
@reports_errors
def show(
    file: Annotated[
        Path, typer.Argument(metavar="RUN|FILE", help="A run, or what `circuits export` or another command wrote.")
    ],
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """A run as it was printed when it ended; of a file what it says of itself: model, task, prompts, method, settings,
    faithfulness, and the command behind it."""
    from pipelines.cli.exported import facts_of, print_stored

    with phase(f"reading {file}"):
        facts = facts_of(file, runs)
    print_json(facts) if as_json else print_stored(file, facts, runs)


@commands.command(cls=OneRunCommand)
@reports_errors
def rerun(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="RUN|FILE", help="A run, or what `circuits export` or another command wrote.")
    ],
    runs: Runs = Path("runs"),
) -> None:
    """Compute again what a file shows, by the commands that it keeps, and say whether its circuits have the same
    numbers now."""
    from pipelines.cli.exported import commands_of, facts_of
    from pipelines.cli.same_numbers import same_numbers
    from pipelines.reporting.tables import print_line

    every_command = context.find_root().command
    with phase(f"reading {file}, and looking for what its commands read"):
        facts, commands_kept = facts_of(file), commands_of(file, runs)
    for arguments in commands_kept:
        typer.echo(f"circuits {shell_line(arguments)}", err=True)
        with told_elsewhere():
            code = every_command(arguments, standalone_mode=False)
        if code:
            raise typer.Exit(code)
    for line in same_numbers(facts, file, runs):
        print_line(line)


@commands.command(cls=PlainCommand)
@reports_errors
def draw(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind of `circuits figures`, such as transfer.")],
    subjects: Annotated[
        list[str],
        typer.Argument(metavar="SUBJECT", help="What it is drawn from: runs, a comparison, ..."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(parser=path_named, metavar="FILE", help="File to write: .pdf, .svg, .png or .eps. [KIND.pdf]"),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="column, page, slide, or WIDTHxHEIGHT in inches. [what it takes]")
    ] = None,
    font: Annotated[
        float | None, typer.Option(metavar="POINTS", help="With --size: text in points, 6 or more.")
    ] = None,
    runs: Runs = Path("runs"),
    quiet: Quiet = False,
) -> None:
    """Draw a figure from what is stored; no model runs."""
    if not quiet:
        say_reading("draw", *subjects)
    from graphs.figures.sizes import size_from
    from pipelines.draw.draw import draw as drawn
    from pipelines.runs.places import require_place_for_file

    if font is not None and size is None:
        raise ValueError("--font belongs to --size: give a size, such as --size column.")
    path = Path(f"{kind}.pdf") if out is None else out
    if not path.suffix:
        raise ValueError(f"{path} has no ending that says what is written: call it .pdf, .svg, .png or .eps.")
    require_place_for_file(path)
    asked = None if size is None else size_from(size, font=font)
    with phase(f"drawing {kind} of {', '.join(subjects)}"):
        data = drawn(kind, *subjects, to=path.suffix.removeprefix("."), size=asked, out=runs)
    write_file(path, data, is_quiet=quiet)
