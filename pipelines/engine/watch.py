"""JobWatch: how far a job is, and what of it is kept while it runs, so that an interruption loses little.

    runs/jobs/ab/ab12....partial    what a job has computed so far; gone once its result is kept

Beside the values it holds what the job has taken so far: the cost of an interrupted job is that of all attempts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.versions import versions
from pipelines.engine.job import Job
from pipelines.engine.result_file import DamagedError, Result, decode, encode
from pipelines.engine.store import Store

Tell = Callable[[str, float, float, str], None]
"""(key of a job, how much of it is done, the seconds that it has taken, what it does now in words)"""

_TOLD_EVERY_S = 0.5
# What a job computes in its first seconds is not kept, and what it has kept is written that often.
_KEPT_AFTER_S, _WRITTEN_EVERY_S = 5.0, 10.0


class _Phases:
    """What a job does now, in words, as `circuits.model.phases.Listener`."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._texts = tell, list[str]()

    @property
    def text(self) -> str:
        """Of the phase that began last; empty where there is none."""
        return self._texts[-1] if self._texts else ""

    def begins(self, text: str) -> None:
        self._texts.append(text)
        self._tell(text)

    def reached(self, share: float) -> None:
        """Of a job, its steps tell how far it is."""

    def ends(self) -> None:
        self._texts.pop()
        self._tell(self.text)


class JobWatch:
    """Watches a job, as `circuits.model.steps.Watch`; `phases` hears of what it does beside its steps.

    before  what earlier attempts at it have taken, by the names of its cost
    """

    def __init__(self, job: Job, store: Store, device: str, spent: Callable[[], Mapping[str, Any]], tell: Tell) -> None:
        """A job that begins on a device.

        spent  what it has taken so far; loading the model is no part of it
        tell   is called as the job goes on
        """
        self._job, self._store, self._spent, self._tell = job, store, spent, tell
        # Other versions and devices may round differently.
        self._made_by = {"device": device, **versions()}
        self._told_s = self._written_s = self._share = 0.0
        self.phases = _Phases(self._tell_now)
        self._begun_s = time.monotonic()
        self.before, self._values = self._read()

    def reached(self, share: float) -> None:
        self._share = share
        if time.monotonic() - self._told_s >= _TOLD_EVERY_S:
            self._tell_now(self.phases.text)

    def _tell_now(self, doing: str) -> None:
        self._told_s = time.monotonic()
        self._tell(self._job.key, self._share, self._spent()["seconds"] + self.before.get("seconds", 0.0), doing)

    def find(self, name: str) -> Floats | None:
        return self._values.get(name)

    def keep(self, name: str, values: Callable[[], Floats]) -> None:
        now_s = time.monotonic()
        if now_s - self._begun_s < _KEPT_AFTER_S:
            return
        self._values[name] = values()
        if now_s - self._written_s >= _WRITTEN_EVERY_S:
            self._write()
            self._written_s = time.monotonic()

    def _write(self) -> None:
        values = dict(sorted(self._values.items()))  # the order in which JSON keeps names
        kept = {name: list(value.shape) for name, value in values.items()}
        spent, before = self._spent(), self.before
        taken = {name: spent[name] + before.get(name, 0) for name in ("seconds", "multiply_adds")}
        flat = np.concatenate([value.ravel().astype(np.float64) for value in values.values()])
        result = Result({"kept": kept, "taken": taken, "made_by": self._made_by}, {"values": flat})
        self._store.write_partial(self._job.key, encode(result, key=self._job.key, stage=self._job.stage.name))

    def _read(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """What earlier attempts have taken, and what they kept; nothing where other versions or another device did."""
        data = self._store.partial(self._job.key)
        try:
            found = None if data is None else decode(data, key=self._job.key, where=str(self._job.key))
        except DamagedError:
            found = None
        if found is None or found.meta.get("made_by") != self._made_by:
            return {}, {}
        values, at = dict[str, Floats](), 0
        for name, shape in sorted(found.meta["kept"].items()):
            n = int(np.prod(shape))
            values[name] = found.arrays["values"][at : at + n].reshape(shape)
            at += n
        return found.meta["taken"], values
