"""Running one job, in whatever process: read its inputs from the store, compute, keep the result.

Models are loaded here, when a job first needs one, and stay loaded: one process runs many jobs on the same model.
Loading them in advance (a worker plugin) would block the worker's heartbeat; sending them would copy gigabytes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from circuits.model.phases import phases_told_to
from circuits.model.steps import watched_by
from pipelines.engine.claim import Meanwhile, claimed
from pipelines.engine.held_results import HeldResults
from pipelines.engine.job import Job
from pipelines.engine.meter import Meter
from pipelines.engine.one_thread import limit_threads
from pipelines.engine.store import Store
from pipelines.engine.watch import JobWatch, Tell

if TYPE_CHECKING:
    from circuits.model.load import Model

_MODELS_KEPT = 2
_LOADED: OrderedDict[tuple[str, ...], tuple[Model, str]] = OrderedDict()
"""Models by their weights, type and device, each with the hash of its tokenizer."""
_LOADING = threading.Lock()
_HELD = HeldResults()
_NOTHING = Meanwhile()


def run_job(job: Job, folder: str, device: str, run: str, tell: Tell, meanwhile: Meanwhile = _NOTHING, *_: Any) -> str:
    """Compute a job unless its result is kept already, and keep it. Returns its key: results travel through the store.

    run        names the command that it is computed for, beside what it took: others see who computed it
    tell       is called as the job goes on
    meanwhile  what is done while another process computes the job; arguments after it only make Dask wait for the jobs
               that this one reads

    Bad input raises a plain ValueError, which also reaches the caller from another process.
    """
    store = Store(folder)
    if not store.has(job.key):
        with claimed(store.claim(job.key), job.label, lambda: store.has(job.key), meanwhile) as is_ours:
            if is_ours:
                _compute(job, store, device, run, tell)
    return job.key


def _compute(job: Job, store: Store, device: str, run: str, tell: Tell) -> None:
    # Jobs run side by side; and on one thread, sums keep one order wherever a job runs.
    limit_threads()
    inputs = {name: tuple(_HELD.read(store, key) for key in keys) for name, keys in job.inputs.items()}
    meter = Meter()
    watch = JobWatch(job, store, device, meter.spent, tell)
    try:
        with meter.running(), watched_by(watch), phases_told_to(watch.phases):
            settings = job.stage.locate(job.settings, job.locations)

            def load(name: str = "model") -> Model:
                with phases_told_to(None):  # that a model is loaded is said when the job begins
                    return meter.loading(lambda: model_of(job, device, name))

            result = job.stage.compute(settings, inputs, load)
    except ValueError as error:
        # Subclasses with their own arguments do not survive the way back from another process.
        plain = ValueError(str(error))
        plain.add_note(f"in job '{job.label}'")
        raise plain from error
    except Exception as error:
        error.add_note(f"in job '{job.label}'")
        raise
    cost = meter.cost | {name: meter.cost[name] + of for name, of in watch.before.items()}
    # Before the result: whoever sees the one sees the other.
    store.write_cost(job.key, cost | {"run": run})
    store.write(job.key, job.stage.name, result)


def model_of(job: Job, device: str, name: str = "model") -> Model:
    """The model of a job, loaded once per process.

    name  under which its settings hold the model's fingerprint, and its locations where it is
    """
    spec, dtype = job.locations[name], job.settings.get("dtype", "float32")
    wanted = (job.settings[name], dtype, device)
    with _LOADING:
        # Inside the lock: two threads that import torch at once can see it half made.
        import torch

        from circuits.model.load import load_model
        from circuits.model.sources import find_model, tokenizer_hash

        # OpenMP keeps the number per thread, so every job sets it.
        torch.set_num_threads(1)
        # Weights may be beside one tokenizer here and another there, and those read texts differently.
        tokenizer = job.settings.get("tokenizer")
        if wanted not in _LOADED or tokenizer not in (None, _LOADED[wanted][1]):
            model = load_model(spec, device=device, dtype=dtype)
            if model.fingerprint != job.settings[name]:
                raise ValueError(
                    f"model {spec}: the weights loaded here ({model.fingerprint}) differ from those of the "
                    f"plan ({job.settings[name]}). Give every worker the same files, and run again."
                )
            found = tokenizer_hash(find_model(spec))
            if tokenizer not in (None, found):
                raise ValueError(
                    f"model {spec}: the files of the tokenizer here differ from those of the plan. Give every worker "
                    "the same files, and run again."
                )
            # Nobody holds it but jobs, which change nothing: its weights are not looked at again before each.
            _LOADED[wanted] = replace(model, seen=None), found
            while len(_LOADED) > _MODELS_KEPT:
                _LOADED.popitem(last=False)
        _LOADED.move_to_end(wanted)
        return _LOADED[wanted][0]
