"""Dask workers: on this machine, one per GPU, or those of an existing cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pipelines.engine.execution import Execution
from pipelines.engine.main_guard import require_main_guard
from pipelines.engine.shown_warnings import show_warnings

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

_CONNECT_WAIT_S = 8
_ANY_PORT = "127.0.0.1:0"  # for this machine alone
# The last has a level of its own.
_CONNECTION_LOGGERS = ("tornado", "asyncio", "distributed", "distributed.client")
# What every worker process starts with; results depend on the number of threads, which is one everywhere.
_ENVIRONMENT = {"TOKENIZERS_PARALLELISM": "false"}
# Set before a worker starts. Its errors reach the driver and are reported there.
_START_UP = {
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.admin.log-length": 0,
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
}


@contextlib.contextmanager
def connect(execution: Execution) -> Iterator[Client]:
    """A Dask client on the workers that `execution` asks for; workers started here end with it.

    Raises a ValueError where there is no GPU or no scheduler at the address, and where each worker would start workers.
    """
    from dask import config
    from distributed import Client

    # Workers are started with spawn: forking a process that has used torch can hang.
    with config.set(_START_UP), _quiet_connections(), contextlib.ExitStack() as stack:
        if execution.scheduler is not None:
            client = stack.enter_context(_client_at(execution.scheduler, security_of(execution)))
        else:
            require_main_guard()
            cluster = _gpu_cluster() if execution.gpus else _local_cluster(execution.workers or 1)
            client = stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))
        yield client


def tell_driver(topic: str, key: str, share: float, seconds: float, doing: str) -> None:
    """On a worker: tell whoever listens for `topic` how much of a job is done, the seconds that it has taken and what
    it does now."""
    from distributed import get_worker

    get_worker().log_event(topic, (key, share, seconds, doing))


def dask_setup(_: Any) -> None:
    """Called by Dask in each worker process, whose warnings are written as the driver's are. Ctrl-C in a terminal
    reaches all processes: only the driver reacts."""
    show_warnings(sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _CONNECTION_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _quiet_connections() -> Iterator[None]:
    """No log of broken connections: Ctrl-C and dying workers break them. What a job raises is still reported."""
    loggers = [logging.getLogger(name) for name in _CONNECTION_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them."""
    import torch

    if not torch.cuda.is_available():
        return []
    listed = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return listed or [str(number) for number in range(torch.cuda.device_count())]


_CPU = "cpu"


def require_gpus() -> list[str]:
    """`visible_gpus`, of which there must be at least one."""
    gpus = visible_gpus()
    if not gpus:
        raise ValueError(
            "--gpus needs a CUDA device, and this machine shows none to torch (`circuits doctor` says why). "
            "Use --workers N for processes on the CPU."
        )
    return gpus


def require_place(execution: Execution) -> None:
    """Raise a ValueError where this machine lacks what the jobs are to run on. A cluster's workers have their own."""
    if execution.gpus:
        require_gpus()
    elif execution.scheduler is None and execution.device != _CPU:
        from circuits.model.load import require_device

        require_device(execution.device)


def _local_cluster(n_workers: int) -> Any:
    from distributed import LocalCluster

    settings: dict[str, Any] = {
        "n_workers": n_workers,
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": _ANY_PORT,
        "worker_dashboard_address": _ANY_PORT,
        "env": _ENVIRONMENT,
        "preload": [__name__],
        "silence_logs": logging.ERROR,
        # Weights are neither spilled nor moved: Dask's limits would only kill workers that have work to do.
        "memory_limit": 0,
    }
    return LocalCluster(**settings)


def _gpu_cluster() -> Any:
    from distributed import Nanny, Scheduler, SpecCluster

    workers = {
        number: {
            "cls": Nanny,
            "options": {
                "nthreads": 1,
                "memory_limit": 0,
                "resources": {"GPU": 1},
                "preload": [__name__],
                "env": _ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": name},
                "dashboard_address": _ANY_PORT,
                "host": "127.0.0.1",
            },
        }
        for number, name in enumerate(require_gpus())
    }
    settings: dict[str, Any] = {
        "workers": workers,
        "scheduler": {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": _ANY_PORT}},
        "silence_logs": logging.ERROR,
    }
    return SpecCluster(**settings)


def security_of(execution: Execution) -> Security:
    """What connections to a cluster are secured by: the files of the settings, or else what Dask's own settings say."""
    from distributed.security import Security

    if not execution.scheduler_tls:
        return Security()
    files = {name: str(path) for name, path in execution.scheduler_tls.items()}
    return Security(
        require_encryption=True,
        tls_ca_file=files["ca"],
        tls_client_cert=files["cert"],
        tls_client_key=files["key"],
    )


def _client_at(address: str, security: Security) -> Client:
    from distributed import Client

    _require_scheduler(address, security)
    try:
        return Client(address, timeout=f"{_CONNECT_WAIT_S}s", set_as_default=False, security=security)
    except OSError as error:  # it answered a moment ago
        raise _no_scheduler(address, _in_a_line(error)) from None


def _require_scheduler(address: str, security: Security) -> None:
    """Raise a ValueError within seconds where no Dask scheduler answers at an address: a client tries for longer."""
    if address.startswith("tls://") and security.get_connection_args("client").get("ssl_context") is None:
        raise ValueError(
            f"the scheduler at {address!r} is asked for over TLS, and there are no certificates: give --scheduler-tls "
            "ca=FILE, --scheduler-tls cert=FILE and --scheduler-tls key=FILE."
        )
    # In a thread of its own: in a notebook, this one has a loop that runs.
    with ThreadPoolExecutor(1) as thread:
        try:
            identity = thread.submit(asyncio.run, _identity(address, security)).result()
            reason = f"a {identity.get('type')} answers there" if identity.get("type") != "Scheduler" else None
        except TimeoutError:
            reason = f"nothing is said within {_CONNECT_WAIT_S} s"
        except (OSError, ValueError) as error:
            reason = _in_a_line(error)
        except Exception:  # whatever may come of reading what another server sends
            reason = "what answers there is no Dask server"
    if reason is not None:
        raise _no_scheduler(address, reason)


def _in_a_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")


def _no_scheduler(address: str, reason: str) -> ValueError:
    return ValueError(f"no Dask scheduler answers at {address!r}: {reason}. Addresses look like 'tcp://host:8786'.")


async def _identity(address: str, security: Security) -> Mapping[str, Any]:
    """What a server says that it is."""
    from distributed.comm.core import connect as reach
    from distributed.core import send_recv

    async def ask() -> Mapping[str, Any]:
        comm = await reach(address, timeout=_CONNECT_WAIT_S, **security.get_connection_args("client"))
        try:
            return dict(await send_recv(comm, op="identity", reply=True) or {})
        finally:
            comm.abort()

    return await asyncio.wait_for(ask(), _CONNECT_WAIT_S)


def resources_of(client: Client, execution: Execution) -> dict[str, float]:
    """What a task must reserve: a GPU where workers announce them. Dask would wait forever for what no worker has."""
    if not device_of(execution).startswith("cuda"):
        return {}
    announced = [worker.get("resources", {}) for worker in client.scheduler_info()["workers"].values()]
    return {"GPU": 1} if any(entry.get("GPU", 0) >= 1 for entry in announced) else {}


def device_of(execution: Execution) -> str:
    """The device that jobs compute on: each GPU worker sees one GPU only."""
    return "cuda" if execution.gpus and execution.device == "cpu" else execution.device
