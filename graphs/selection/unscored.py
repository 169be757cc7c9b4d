"""Edges that were not measured, beside chosen ones."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Numbers
from circuits.components import LOGITS
from circuits.masks import endpoints
from circuits.scores import EdgeScores


def with_unscored(scores: EdgeScores, chosen: Numbers) -> Numbers:
    """The chosen edges, and unmeasured edges between the heads that these touch, MLPs, `input` and `logits`."""
    wiring, (source, target) = scores.wiring, endpoints(scores.wiring)
    writes = np.array([not wiring.is_head(writer) for writer in wiring.writers])
    writes[source[chosen]] = True
    for reader in np.unique(target[chosen]):
        writes[[wiring.writer_index(part) for part in wiring.writers_fed_by(wiring.readers[reader].component)]] = True
    members = {writer for writer, is_in in zip(wiring.writers, writes, strict=True) if is_in} | {LOGITS}
    reads = np.array([bool(members.intersection(wiring.writers_fed_by(reader.component))) for reader in wiring.readers])
    unscored = np.flatnonzero(~scores.measured & writes[source] & reads[target])
    return np.union1d(chosen, unscored)
