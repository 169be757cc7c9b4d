"""Nobody else is let in: scheduler, workers and their pages listen on this machine alone."""

from __future__ import annotations

import psutil

from pipelines.engine.cluster import connect
from pipelines.engine.execution import Execution


def listening() -> set[tuple[int, str, int]]:
    """(process, address, port) of what this process and those that it started listen on."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return {
        (process.pid, connection.laddr.ip, connection.laddr.port)
        for process in family
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def test_what_workers_here_listen_on_is_reached_from_this_machine_alone():
    before = listening()
    with connect(Execution(workers=1)) as client:
        client.wait_for_workers(1)
        opened = listening() - before
    assert len(opened) >= 4  # the scheduler and its page, a worker and its nanny
    assert {address for _, address, _ in opened} == {"127.0.0.1"}
