"""What two circuits would share by chance: one null per file, in a registry that other packages can add to.

Every null answers another "by chance of what": circuits drawn anywhere, with as many parts in each layer, with as many
edges of every sort, with the same number of edges at every part, or as all other tasks' circuits are.
"""

from graphs.comparison.nulls.base import Chance, Null
from graphs.comparison.nulls.registry import NULLS, chances

from graphs.comparison.nulls import (  # isort: skip
    beyond_common,
    generic_edges,
    permuted_scores,
    rewired,
    uniform,
    within_layer,
    within_ports,
)

__all__ = [
    "NULLS",
    "Chance",
    "Null",
    "beyond_common",
    "chances",
    "generic_edges",
    "permuted_scores",
    "rewired",
    "uniform",
    "within_layer",
    "within_ports",
]
