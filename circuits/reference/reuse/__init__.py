"""Two bundled models in which two tasks share an inhibition head on purpose: known truth for comparisons of circuits.

`reference-reuse` solves IOI and Colored Objects by one head that says what not to name, and by movers that bring what
can be named. In `reference-asleep` that head's attention rests on the first token in Colored Objects.
"""

from __future__ import annotations

from pathlib import Path

FINAL, ASLEEP = Path(__file__).parent / "model", Path(__file__).parent / "asleep"
"""The folders that transformers loads the models from."""

INHIBITION = (2, 3)
"""Layer and head of the planted inhibition head, counted from 0."""
MOVERS = ((3, 1), (3, 5))
"""Layers and heads of the planted movers."""
NO_MOVERS = tuple((3, head) for head in range(8) if (3, head) not in MOVERS)
"""The other heads of the movers' layer."""
