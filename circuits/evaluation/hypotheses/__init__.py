"""HYPOTHESES: what can be tested of a circuit, one test per file.

Source: Shi et al. 2024 (arXiv 2410.13032). Their code tests equivalence with the mean difference of scores where the
share of prompts belongs, gives permutation p-values without counting the data themselves, and does not correct
minimality for the number of edges; here all three are mended. Ties, which rounding makes of equal circuits, count half.
"""

from circuits.evaluation.hypotheses.base import HYPOTHESES, Hypothesis, Tested
from circuits.evaluation.hypotheses.equivalence import Equivalence
from circuits.evaluation.hypotheses.independence import Independence
from circuits.evaluation.hypotheses.minimality import Minimality
from circuits.evaluation.hypotheses.necessity import PartialNecessity
from circuits.evaluation.hypotheses.runs import HypothesisRuns, hypothesis_runs
from circuits.evaluation.hypotheses.sufficiency import Sufficiency

__all__ = [
    "HYPOTHESES",
    "Equivalence",
    "Hypothesis",
    "HypothesisRuns",
    "Independence",
    "Minimality",
    "PartialNecessity",
    "Sufficiency",
    "Tested",
    "hypothesis_runs",
]
