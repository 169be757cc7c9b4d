"""What computing a job takes: seconds, multiply-adds with weights, memory. Loading the model is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.model.multiply_adds import Work, counted

if TYPE_CHECKING:
    from circuits.model.load import Model

_SELF = Path("/proc/self")


class Meter:
    """Measures one job. Memory is the whole process's, above what it held once the model was loaded."""

    def __init__(self) -> None:
        self._loading = 0.0
        self._base: int | None = None
        self._device: Any = None
        self._began = time.perf_counter()
        self._work = Work()
        self.cost: dict[str, Any] = {}

    def loading(self, load: Callable[[], Model]) -> Model:
        """Load the model, without counting it."""
        began = time.perf_counter()
        with counted():
            model = load()
        self._loading += time.perf_counter() - began
        if self._base is None:
            self._device = model.forward.device
            self._base = self._reset_memory()
        return model

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure what happens inside the `with`."""
        self._began = time.perf_counter()
        with counted() as self._work:
            yield
        memory = None if self._base is None else round(max(0, self._peak() - self._base) / 2**20, 1)
        self.cost = {**self.spent(), "peak_memory_mb": memory}

    def spent(self) -> dict[str, Any]:
        """Seconds and multiply-adds so far."""
        seconds = round(time.perf_counter() - self._began - self._loading, 4)
        return {"seconds": seconds, "multiply_adds": self._work.multiply_adds}

    def _reset_memory(self) -> int | None:
        """Reset the peak and return the bytes held now; None where the system does not tell."""
        if self._device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            (_SELF / "clear_refs").write_text("5")  # Linux: resets the high-water mark
            return self._status("VmRSS")
        except (OSError, StopIteration):
            return None

    def _peak(self) -> int:
        if self._device.type == "cuda":
            import torch

            return torch.cuda.max_memory_allocated(self._device)
        return self._status("VmHWM")

    @staticmethod
    def _status(name: str) -> int:
        lines = (_SELF / "status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))
