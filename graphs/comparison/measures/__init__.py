"""How alike two circuits are: one measure per file, in a registry that other packages can add to."""

from graphs.comparison.measures.base import Measure
from graphs.comparison.measures.registry import MEASURES, measured

from graphs.comparison.measures import (  # isort: skip
    containment,
    cosine,
    iom,
    iou,
    rank_biased_overlap,
    sign_agreement,
    spearman,
    weighted_jaccard,
)

__all__ = [
    "MEASURES",
    "Measure",
    "containment",
    "cosine",
    "iom",
    "iou",
    "measured",
    "rank_biased_overlap",
    "sign_agreement",
    "spearman",
    "weighted_jaccard",
]
