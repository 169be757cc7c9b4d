"""A process that is gone counts as gone, however its parent goes about it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil

from pipelines.engine.owner import is_running, this_process

SAYS_WHO_IT_IS = """
import json, sys, time
from pipelines.engine.owner import this_process
print(json.dumps(this_process()), flush=True)
time.sleep(60)
"""


def test_this_process_runs():
    assert is_running(this_process())


def test_of_another_host_it_is_not_known():
    assert is_running(this_process() | {"host": "elsewhere"}) is None


def test_a_killed_process_is_gone_before_its_parent_waits_for_it():
    with subprocess.Popen([sys.executable, "-c", SAYS_WHO_IT_IS], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        owner = json.loads(child.stdout.readline())
        assert is_running(owner)
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert is_running(owner) is False
