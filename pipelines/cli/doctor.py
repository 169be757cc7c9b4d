"""Whether the installation works: versions, device, bundled models, optional packages, write access."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from circuits.model.phases import phase
from circuits.numbers import count_text
from circuits.versions import versions

# package -> what it is for; a missing one is not an error
_OPTIONAL = {
    "pygraphviz": "Graphviz layouts",
    "pyarrow": "Parquet tables",
    "gguf": "models in GGUF files, and circuits fetch (extra gguf)",
    "peft": "adapters (LoRA) beside a model's weights",
    "torchvision": "image processors of some vision-language models (extra multimodal)",
    "dask_jobqueue": "clusters with a queue (SLURM)",
    "bokeh": "the Dask dashboard",
}


def examine() -> list[dict[str, str]]:
    """One entry per check: `check`, `state` (fine, absent, fails) and `found`."""
    from circuits.model.sources import BUNDLED

    checks: dict[str, Callable[[], str]] = {
        "versions": lambda: ", ".join(f"{name} {number}" for name, number in versions().items()),
        "processors": lambda: f"{os.cpu_count()} cores",
        "torch device": _device,
        "writing here": _write,
    }
    checks |= {f"model {name}": _loads(name) for name in sorted(BUNDLED)}
    return [_examined(name, check) for name, check in checks.items()] + [_optional(name) for name in _OPTIONAL]


def _examined(name: str, check: Callable[[], str]) -> dict[str, str]:
    try:
        with phase(f"checking {name}"):
            return {"check": name, "state": "fine", "found": check()}
    except Exception as error:  # whatever is broken, the other checks still have to run
        return {"check": name, "state": "fails", "found": f"{type(error).__name__}: {error}"}


def _optional(package: str) -> dict[str, str]:
    state = "fine" if find_spec(package) is not None else "absent"
    return {"check": f"optional: {package}", "state": state, "found": _OPTIONAL[package]}


def _device() -> str:
    import torch

    if not torch.cuda.is_available():
        return "cpu (torch sees no CUDA device)"
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return f"cuda: {', '.join(names)}"


def _write() -> str:
    with tempfile.NamedTemporaryFile(dir=Path.cwd(), prefix=".probe."):
        return str(Path.cwd())


def _loads(name: str) -> Callable[[], str]:
    def load() -> str:
        from circuits.model.load import load_model

        model: Any = load_model(name)
        refused = "; ".join(f"{what} refused: {why}" for what, why in model.refusals.items())
        return f"loads; {count_text(model.wiring.n_edges, 'edge')}{'; ' + refused if refused else ''}"

    return load
