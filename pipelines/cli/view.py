"""`circuits view`: the server of `pipelines.view`, with the pages that `circuits export` makes."""

from __future__ import annotations

import sys
import threading
import webbrowser
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.model.phases import told_elsewhere
from pipelines.cli.export import export
from pipelines.cli.stored import read_comparison
from pipelines.engine.store import require_folder
from pipelines.view.handlers import Makers
from pipelines.view.server import serve

if TYPE_CHECKING:
    from graphs import Comparison

_PAGE = "html"


def show_store(folder: Path, port: int, *, opens: bool) -> None:
    """Show a folder of runs until Ctrl-C or SIGTERM. ValueError where there is no folder."""
    require_folder(folder)

    def started(address: str) -> None:
        sys.stdout.write(f"{folder} is shown at {address} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        if opens and not webbrowser.open(address):
            sys.stderr.write(f"warning: no browser could be opened; go to {address}\n")

    # What makes pages takes seconds to import: before the first is asked for, and not in its way.
    threading.Thread(target=import_module, args=("pipelines.discover.run",), daemon=True).start()
    with told_elsewhere():  # it waits to be asked
        serve(folder, port, page_makers(), started=started)


def page_makers() -> Makers:
    """The pages of `circuits export`."""
    return Makers(_of_run, _of_pair, read_comparison, _policy)


def _of_run(folder: Path) -> bytes:
    return export(folder.absolute(), _PAGE, out=folder.parent)


def _of_pair(comparison: Comparison, command: str) -> bytes:
    from graphs.export import exporter

    return exporter(_PAGE).to_bytes(comparison, command=command)


def _policy() -> str:
    """What the pages may do: what they may as files, but in nobody's frame, and apart from the server's own pages."""
    from graphs.export.page.file import page_policy

    return f"{page_policy()}; frame-ancestors 'none'; sandbox allow-scripts allow-downloads"
