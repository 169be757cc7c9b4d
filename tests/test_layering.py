"""Imports go one way, and the heavy ones happen late."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

HEAVY = ("torch", "transformers", "transformer_lens", "numba", "sparse", "distributed", "matplotlib", "sklearn")


def modules_imported(file: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, type checking included."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def sources(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


def offenders(package: str, forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in sources(package)
        for module in sorted(modules_imported(file))
        if module.split(".")[0] in forbidden and module not in allowed
    ]


def test_circuits_imports_no_library_of_graphs_or_pipelines():
    assert not offenders("circuits", ("dask", "distributed", "networkx"))


def test_graphs_imports_no_torch_and_no_dask():
    assert not offenders("graphs", ("torch", "dask", "distributed"))


def test_distributed_appears_in_few_files():
    using = {f.name for f in sources("pipelines") if any(m.split(".")[0] == "distributed" for m in modules_imported(f))}
    assert using <= {"cluster.py", "on_workers.py", "sent_inputs.py"}, using


# One after the other in one process; that of the command line has tests of its own.
STARTING = ("circuits", "graphs", "pipelines", "circuits.components", "circuits.scores", "circuits.tasks",
            "circuits.evaluation.faithfulness")  # fmt: skip


def test_starting_imports_nothing_heavy():
    check = f"""
import importlib, sys
for name in {STARTING}:
    importlib.import_module(name)
    print(name, [heavy for heavy in {HEAVY} if heavy in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == [f"{name} []" for name in STARTING]
