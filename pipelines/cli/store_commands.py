"""Commands about a folder of runs: what is in it, shown in a browser, and what no run needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from circuits.model.phases import phase
from pipelines.cli.errors import reports_errors
from pipelines.cli.one_run import OneRunCommand
from pipelines.cli.options import Json, Runs, path_named
from pipelines.cli.output import print_json
from pipelines.cli.plain_command import PlainCommand

commands = typer.Typer()


@commands.command(cls=OneRunCommand)
@reports_errors
def status(
    runs: Runs = Path("runs"),
    as_json: Json = False,
) -> None:
    """The runs of a store: what was asked, how faithful, and whether finished, running, interrupted or failed."""
    from pipelines.cli.status import print_status
    from pipelines.engine.store import require_folder
    from pipelines.reporting.tables import console, width_asked_for
    from pipelines.runs.state import states_in

    require_folder(runs)
    states, others = states_in(runs)
    if as_json:
        print_json({"runs": states, "running": others})
        return
    shown = console()
    print_status(states, others, runs, width=shown.width if shown.is_terminal else width_asked_for())


@commands.command(cls=PlainCommand)
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


@commands.command(cls=OneRunCommand)
@reports_errors
def clean(
    runs: Runs = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove the results in a store that no run and no report in it refers to, after saying how much that is."""
    from pipelines.cli.clean import said
    from pipelines.runs.unused import remove, unused_in

    with phase(f"looking up which results in {runs} are of use"):
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
        with phase(f"removing {len(unused.files):,} files"):
            remove(unused)
