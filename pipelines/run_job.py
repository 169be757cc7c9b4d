"""Running one job, in whatever process: read its inputs from the store, compute, keep the result.

Models are loaded here, when a job first needs one, and stay loaded: one process runs many jobs on the same model.
Loading them in advance (a worker plugin) would block the worker's heartbeat; sending them would copy gigabytes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from pipelines.cost import Meter
from pipelines.job import Job
from pipelines.stages import STAGES
from pipelines.store import Store

if TYPE_CHECKING:
    from circuits.models import Model

_MODELS_KEPT = 2
_LOADED: OrderedDict[tuple[str, ...], Model] = OrderedDict()
_LOADING = threading.Lock()


def run_job(job: Job, folder: str, device: str, *_: Any) -> str:
    """Compute a job unless its result is kept already, and keep it. Returns its key: results travel through the store.

    The arguments after `device` only make Dask wait for the jobs that this one reads.
    Bad input raises a plain ValueError, which also reaches the caller from another process.
    """
    # Jobs run side by side; and on one thread, sums keep one order wherever a job runs.
    threadpool_limits(1)
    store = Store(folder)
    if not store.has(job.key):
        inputs = {name: tuple(store.read(key) for key in keys) for name, keys in job.inputs.items()}
        meter = Meter()
        try:
            with meter.running():
                result = STAGES[job.stage](_settings(job), inputs, lambda: meter.loading(lambda: model_of(job, device)))
        except ValueError as error:
            # Subclasses with their own arguments do not survive the way back from another process.
            raise ValueError(str(error)) from error
        store.write(job.key, job.stage, result)
        store.write_cost(job.key, meter.cost)
    return job.key


def _settings(job: Job) -> dict[str, Any]:
    """The settings of a job, with the path of a file or folder that still holds what was planned."""
    settings = dict(job.settings)
    if "autoencoder" in job.locations:
        from circuits.coding.sae_files import fingerprint

        folder = job.locations["autoencoder"]
        if fingerprint(folder) != settings["autoencoder"]:
            raise ValueError(f"{folder} has changed since this run was planned. Run the command again.")
        return settings | {"path": folder}
    settings |= {f"{name}_at": job.locations[name] for name in ("images", "annotations") if name in job.locations}
    if "file" not in job.locations:
        return settings
    path = Path(job.locations["file"])
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read the prompt file {path}: {error.strerror or error}.") from None
    if digest != settings["file"]:
        raise ValueError(f"{path} has changed since this run was planned. Run the command again.")
    return settings | {"path": str(path)}


def model_of(job: Job, device: str) -> Model:
    """The model of a job, loaded once per process."""
    spec, dtype = job.locations["model"], job.settings.get("dtype", "float32")
    wanted = (job.settings["model"], dtype, device)
    with _LOADING:
        # Inside the lock: two threads that import torch at once can see it half made.
        import torch

        from circuits.models import load_model

        # OpenMP keeps the number per thread, so every job sets it.
        torch.set_num_threads(1)
        if wanted not in _LOADED:
            model = load_model(spec, device=device, dtype=dtype)
            if model.fingerprint != job.settings["model"]:
                raise ValueError(
                    f"model {spec}: the weights loaded here ({model.fingerprint}) differ from those of the "
                    f"plan ({job.settings['model']}). Give every worker the same files, and run again."
                )
            _LOADED[wanted] = model
            while len(_LOADED) > _MODELS_KEPT:
                _LOADED.popitem(last=False)
        _LOADED.move_to_end(wanted)
        return _LOADED[wanted]
