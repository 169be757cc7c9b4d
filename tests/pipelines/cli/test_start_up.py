"""The command starts at once: heavy libraries are imported only by the commands that need them."""

from __future__ import annotations

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


def modules_after(code: str) -> set[str]:
    """Names of the modules that a fresh process has imported after `code`."""
    report = "\nimport sys; sys.stderr.write('MODULES ' + ' '.join(sys.modules))"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    finished = subprocess.run(
        [sys.executable, "-c", code + report], check=True, capture_output=True, text=True, env=environment
    )
    return set(finished.stderr.split("MODULES ")[1].split())


@pytest.mark.parametrize("command", [[], ["discover"], ["compare"], ["export"], ["status"], ["doctor"], ["fetch"]])
def test_help_imports_nothing_heavy(command: list[str]):
    arguments = ["circuits", *command, "--help"]
    start = "from pipelines.cli.main import main\ntry: main()\nexcept SystemExit: pass"
    code = f"import sys; sys.argv = {arguments!r}\n{start}"
    assert not modules_after(code) & HEAVY


def test_importing_the_package_imports_nothing_heavy():
    assert not modules_after("import pipelines") & (HEAVY | {"pydantic", "numpy"})


@pytest.mark.parametrize("command", ["tasks", "methods", "models"])
def test_lists_are_made_without_torch(command: str):
    arguments = ["circuits", command, "--json"]
    start = "from pipelines.cli.main import main\ntry: main()\nexcept SystemExit: pass"
    code = f"import sys; sys.argv = {arguments!r}\n{start}"
    assert not modules_after(code) & {"torch", "transformers", "distributed", "matplotlib", "numba"}
