"""Circuits run on the same prompts one after another: each different one once, counted, and kept for the next call."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from circuits.components import Wiring
from circuits.evaluation.faithfulness import Baseline
from circuits.masks import pruned

_DIGEST_BYTES = 16


class OutOfRunsError(Exception):
    """A search has asked for as many different circuits as it may."""


class PausedError(Exception):
    """As many circuits were run as were to be run now; the search goes on with what is kept."""


class KeptRuns(NamedTuple):
    """Circuits that were run, and what they gave.

    digests  [run, byte] of the circuits without dead ends
    values   [run, prompt] the metric
    """

    digests: NDArray[np.uint8]
    values: Floats


class CountedRuns:
    """The metric of circuits, each of which is run once however often it is asked for.

    Circuits that differ by dead ends alone are one circuit. The whole model and the empty circuit are known from the
    baseline, and not counted.

    n_asked  how many different circuits were asked for
    limit    the most that may be asked for: a search that asks for more ends in an `OutOfRunsError`
    """

    def __init__(
        self,
        wiring: Wiring,
        run: Callable[[Bools], Floats],
        baseline: Baseline,
        *,
        kept: KeptRuns | None = None,
        n_now: int | None = None,
    ) -> None:
        """Circuits of a model.

        run       from different circuits [circuit, edge] to the metric [circuit, prompt]
        baseline  of the same prompts
        kept      runs of earlier calls, which are counted when they are asked for and not run again
        n_now     how many to run before a `PausedError`; None for all
        """
        self.wiring, self.baseline = wiring, baseline
        self.n_asked = 0
        self.limit = math.inf
        self._run, self._n_now = run, n_now
        self._asked: set[bytes] = set()
        self._known = {}
        if kept is not None:
            self._known = {digest.tobytes(): row for digest, row in zip(*kept, strict=True)}
        self._n_kept = len(self._known)
        whole = pruned(wiring, np.ones(wiring.n_edges, dtype=np.bool_))
        ends = _digests(np.stack([whole, np.zeros_like(whole)]))
        self._given = dict(zip(ends, (baseline.clean, baseline.ablated), strict=True))

    def values(self, circuits: Bools) -> Floats:
        """The metric [circuit, prompt] of circuits [circuit, edge] in wiring order."""
        circuits = pruned(self.wiring, circuits)
        digests = _digests(circuits)
        self._ask(circuits, digests)
        return np.stack([self._value(digest) for digest in digests])

    def known(self, circuits: Bools) -> tuple[Floats, Bools]:
        """What is known of circuits without a further run: values [circuit, prompt], and for which [circuit]."""
        digests = _digests(pruned(self.wiring, circuits))
        is_known = np.array([digest in self._given or digest in self._asked for digest in digests], dtype=np.bool_)
        nothing = np.zeros(len(self.baseline.clean))
        rows = [self._value(digest) if known else nothing for digest, known in zip(digests, is_known, strict=True)]
        return np.array(rows).reshape(len(digests), len(nothing)), is_known

    @property
    def new(self) -> KeptRuns:
        """The circuits that were run here."""
        fresh = list(self._known)[self._n_kept :]
        digests = np.frombuffer(b"".join(fresh), dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
        rows = [self._known[digest] for digest in fresh]
        return KeptRuns(digests, np.array(rows).reshape(len(fresh), len(self.baseline.clean)))

    def _value(self, digest: bytes) -> Floats:
        return self._given[digest] if digest in self._given else self._known[digest]

    def _ask(self, circuits: Bools, digests: list[bytes]) -> None:
        """Count circuits, and run those that are not known; as many as the limits leave before an error."""
        number_of = {digest: number for number, digest in reversed(list(enumerate(digests)))}
        before = self._asked | self._given.keys()
        wanted = [digest for digest in dict.fromkeys(digests) if digest not in before]
        n_allowed = int(min(len(wanted), self.limit - self.n_asked))
        allowed = wanted[:n_allowed]
        missing = [digest for digest in allowed if digest not in self._known]
        n_left = len(missing) if self._n_now is None else self._n_now - (len(self._known) - self._n_kept)
        now = missing[:n_left]
        if now:
            rows = self._run(circuits[[number_of[digest] for digest in now]])
            self._known.update(zip(now, rows, strict=True))
        if len(now) < len(missing):
            raise PausedError
        self._asked.update(allowed)
        self.n_asked += n_allowed
        if n_allowed < len(wanted):
            raise OutOfRunsError


def _digests(circuits: Bools) -> list[bytes]:
    return [hashlib.blake2b(row.tobytes(), digest_size=_DIGEST_BYTES).digest() for row in np.packbits(circuits, axis=1)]
