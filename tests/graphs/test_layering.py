import subprocess
import sys
from pathlib import Path

import graphs

FOLDER = Path(graphs.__file__).parent
_FILES = sorted(FOLDER.rglob("*.py"))
MODULES = [
    ".".join(("graphs", *file.relative_to(FOLDER).with_suffix("").parts)).removesuffix(".__init__") for file in _FILES
]


def modules_after(code):
    """Top-level names in sys.modules after running `code` in a fresh interpreter."""
    listing = (
        f"{code}\nimport sys\nsys.stdout.write(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing], check=True, capture_output=True, text=True, cwd=FOLDER.parent
    )
    return set(done.stdout.split())


def test_no_module_of_graphs_loads_torch_or_dask():
    loaded = modules_after("\n".join(f"import {module}" for module in MODULES))
    assert "graphs" in loaded
    assert not loaded & {"torch", "dask", "distributed", "transformers", "pipelines"}


def test_importing_graphs_leaves_heavy_packages_until_they_are_used():
    assert not modules_after("import graphs") & {"matplotlib", "scipy", "sklearn", "networkx", "sparse", "pandas"}
