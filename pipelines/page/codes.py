"""The codes of heads that speak most for positives, of a run that coded heads."""

from __future__ import annotations

import numpy as np

from circuits.head_codes.stored import StoredCodes
from graphs.export.page.extras import HeadCode
from pipelines.discover.run import DiscoverRun

_SHOWN = 5


def codes_of(run: DiscoverRun) -> dict[str, tuple[HeadCode, ...]]:
    """Head of the circuit -> its codes that occur more often on positives than on negatives; {} without any."""
    codes = run.codes
    if codes is None:
        return {}
    n_heads = run.circuit.wiring.n_heads
    heads = [part for part in run.circuit.heads if part.is_head]
    return {str(head): _of_head(codes, (head.layer or 0) * n_heads + (head.index or 0)) for head in heads}


def _of_head(codes: StoredCodes, number: int) -> tuple[HeadCode, ...]:
    """Of the first trial: autoencoders of other trials number their codes in their own way."""
    own, positive = codes.codes[0][:, number], codes.is_positive
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    counts = [
        HeadCode(
            int(code), int((own[positive] == code).sum()), int((own[~positive] == code).sum()), n_positive, n_negative
        )
        for code in np.unique(own[positive])
    ]
    speaking = [one for one in counts if one.positives * n_negative > one.negatives * n_positive]
    return tuple(sorted(speaking, key=lambda one: (one.negatives - one.positives, one.code))[:_SHOWN])
