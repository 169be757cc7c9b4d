"""The command starts at once: heavy libraries are imported only by the commands that need them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "torch",
    "transformers",
    "transformer_lens",
    "numba",
    "sparse",
    "distributed",
    "dask",
    "matplotlib",
    "networkx",
    "scipy",
}
ROOT = Path(__file__).parents[3]
HELP = [
    (*command, "--help") for command in ([], ["discover"], ["compare"], ["export"], ["status"], ["doctor"], ["fetch"])
]
LISTS = [(name, "--json") for name in ("tasks", "methods", "models")]
# Imports the package, runs one command after the other, and says after each what is imported by then.
RUN = """
import contextlib, io, json, sys
import pipelines
imported = [list(sys.modules)]
from pipelines.cli.main import main
for command in json.loads(sys.argv[1]):
    sys.argv = ["circuits", *command]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main()
    imported.append(list(sys.modules))
print(json.dumps(imported))
"""


@pytest.fixture(scope="module")
def imported() -> dict[tuple[str, ...], set[str]]:
    """Command -> names of the modules that a fresh process has imported after it and those before; (): the package."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    commands = [*HELP, *LISTS]
    process = [sys.executable, "-c", RUN, json.dumps(commands)]
    finished = subprocess.run(process, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return dict(zip([(), *commands], map(set, json.loads(finished.stdout)), strict=True))


@pytest.mark.parametrize("command", HELP)
def test_help_imports_nothing_heavy(imported: dict[tuple[str, ...], set[str]], command: tuple[str, ...]):
    assert "pipelines.cli.main" in imported[command]
    assert not imported[command] & HEAVY


def test_importing_the_package_imports_nothing_heavy(imported: dict[tuple[str, ...], set[str]]):
    assert "pipelines" in imported[()]
    assert not imported[()] & (HEAVY | {"pydantic", "numpy"})


@pytest.mark.parametrize("command", LISTS)
def test_lists_are_made_without_torch(imported: dict[tuple[str, ...], set[str]], command: tuple[str, ...]):
    assert not imported[command] & {"torch", "transformers", "distributed", "matplotlib", "numba"}
