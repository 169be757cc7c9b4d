"""A worker process uses the memory of earlier tensors again, whatever Dask told it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCRIPT = """
import resource, sys
import numpy as np
from pipelines.engine.freed_memory import keep_freed_memory
if sys.argv[1] == "keeps":
    keep_freed_memory()
for _ in range(3):
    np.zeros(2_000_000, np.uint8)[:] = 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    np.empty(2_000_000, np.uint8)[:] = 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(how: str) -> int:
    """How many pages the system gives for a hundred tensors of 2 MB, one after the other."""
    environment = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], env=environment, check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")
def test_tensors_come_in_pages_that_were_there():
    assert new_pages("keeps") < 1000 < new_pages("gives back")
