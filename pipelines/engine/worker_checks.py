"""What is asked of workers before a job is sent to them: the same packages, the same model, the folder of the store.

What is asked first needs nothing but Python there, so that a worker without this package can be told of.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import pkgutil
import platform
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.engine.remote_job import HOW_TO_SHARE
from pipelines.engine.versions_here import difference, versions_here

# distributed's client; this file asks through it and imports nothing of it.
Client = Any
_ENTRY = "pipelines.engine.remote_job:run_parcels"


def require_same_packages(client: Client, workers: Sequence[str]) -> None:
    """Raise a ValueError that names the first worker which lacks this package, or has another version of one that it
    needs."""
    wanted = versions_here()
    found: dict[str, dict[str, str]] = {worker: {} for worker in workers}
    for package in wanted:
        ask = platform.python_version if package == "python" else importlib.metadata.version
        answers = _each(client, workers, ask, *(() if package == "python" else (package,)))
        for worker, answer in answers.items():
            if isinstance(answer, str):
                found[worker][package] = answer
    for worker in workers:
        if (said := difference(wanted, found[worker], worker)) is not None:
            raise ValueError(f"{said} {_of_all(client, workers)}")
    for worker, answer in _each(client, workers, pkgutil.resolve_name, f"{_ENTRY.partition(':')[0]}:__name__").items():
        if isinstance(answer, ImportError):
            raise ValueError(
                f"worker {worker} cannot import circuit-workbench ({answer}). Install circuit-workbench=="
                f"{wanted.get('circuit-workbench', '')} there and start the worker again. {_of_all(client, workers)}"
            )


def require_folder(client: Client, workers: Sequence[str], folder: Path) -> None:
    """Raise a ValueError where a worker does not see the folder of the store."""
    probe = folder.absolute() / f".probe.{uuid.uuid4().hex}.tmp"
    probe.touch()
    try:
        seen = _each(client, workers, os.path.exists, str(probe))
    finally:
        probe.unlink()
    if blind := sorted(worker for worker, sees in seen.items() if sees is False):
        raise ValueError(
            f"{len(blind)} of {len(seen)} workers do not see {folder.absolute()} (the first is {blind[0]}). "
            f"{HOW_TO_SHARE}"
        )


def require_models(client: Client, workers: Sequence[str], models: Mapping[str, str]) -> None:
    """Raise a ValueError where a worker has no such model, or another one by the same name.

    models  where a model is -> hash of its content
    """
    for worker, answer in _each(client, workers, _hashes, tuple(models)).items():
        if isinstance(answer, ValueError):
            raise ValueError(f"worker {worker}: {answer} Put the model's files where the worker finds them.")
        if not isinstance(answer, dict):
            continue
        for spec, wanted in models.items():
            if answer[spec] != wanted:
                raise ValueError(
                    f"worker {worker} has other weights as {spec!r} (hash {answer[spec]}) than this process "
                    f"({wanted}). Give every worker the same files, and run again."
                )


async def _hashes(specs: Sequence[str]) -> dict[str, str]:
    """Model -> hash of its content, on a worker; in a thread, as a worker that is silent for long counts as lost."""
    from circuits.model.sources import model_fingerprint

    return {spec: await asyncio.to_thread(model_fingerprint, spec) for spec in specs}


def _each(client: Client, workers: Sequence[str], ask: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Worker -> its answer, or the error that asking raised; of a worker that has gone meanwhile, a kind of OSError."""
    answers: Any = client.run(ask, *arguments, workers=list(workers), on_error="return")
    return dict(answers)


def _of_all(client: Client, workers: Sequence[str]) -> str:
    n_workers = len(workers)
    return f"(Asked {n_workers} worker{'s' if n_workers > 1 else ''} of {client.scheduler.address}.)"
