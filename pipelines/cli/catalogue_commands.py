"""Commands that list what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.errors import reports_errors
from pipelines.cli.options import Json
from pipelines.cli.output import print_json
from pipelines.cli.plain_command import PlainCommand

commands = typer.Typer()


@commands.command(cls=PlainCommand)
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


@commands.command(cls=PlainCommand)
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


@commands.command(cls=PlainCommand)
@reports_errors
def rules(as_json: Json = False) -> None:
    """The rules by which `circuits roles` gives heads their roles, for --rules, with thresholds and sources."""
    from pipelines.cli.catalogue import print_offered, rule_rows

    rows = rule_rows()
    print_json({"rules": rows}) if as_json else print_offered("rules", rows)


@commands.command(cls=PlainCommand)
@reports_errors
def profiles(as_json: Json = False) -> None:
    """What `circuits profile` reads off every head, for --profiles, with settings and defaults."""
    from pipelines.cli.catalogue import print_offered, profile_rows

    rows = profile_rows()
    print_json({"profiles": rows}) if as_json else print_offered("profiles", rows)


@commands.command(cls=PlainCommand)
@reports_errors
def figures(as_json: Json = False) -> None:
    """The kinds of figure that `circuits draw` makes, and what each is drawn from."""
    from pipelines.cli.catalogue import figure_rows, print_offered

    rows = figure_rows()
    print_json({"figures": rows}) if as_json else print_offered("figures", rows)


@commands.command(cls=PlainCommand)
@reports_errors
def exports(as_json: Json = False) -> None:
    """The formats that `circuits export` writes, for --to."""
    from pipelines.cli.catalogue import export_rows, print_offered

    rows = export_rows()
    print_json({"exports": rows}) if as_json else print_offered("exports", rows)


@commands.command(cls=PlainCommand)
@reports_errors
def published(as_json: Json = False) -> None:
    """Circuits from papers, with their sources: for `circuits compare RUN published:NAME`, and for --truth."""
    from pipelines.cli.catalogue import print_published, published_rows

    rows = published_rows()
    print_json({"published": rows}) if as_json else print_published(rows)
