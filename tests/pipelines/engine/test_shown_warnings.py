"""Warnings are written alike by a command and by its workers, and no name in them is obeyed by a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
WORKER = """
import logging
from pipelines.engine.cluster import dask_setup
dask_setup(None)
logging.getLogger("pipelines.engine.claim").warning("'%s' is being computed", "a\\x1b[2Jb")
"""


def test_a_worker_warns_as_its_driver_does():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    worker = subprocess.run(
        [sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert worker.stderr.startswith("warning: 'a")
    assert "\x1b" not in worker.stderr
