"""The smallest circuit of a model on some prompts, judged on others; and the check of any circuit's certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import Ablation, Corrupt
from circuits.arrays import Bools, Floats, Numbers
from circuits.data.prompts import PromptSet
from circuits.evaluation.bounds import Bound
from circuits.evaluation.certificate import Certificate, certify
from circuits.evaluation.counted_runs import CountedRuns
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.faithfulness import Faithfulness, circuit_values, faithfulness, measure_baseline
from circuits.evaluation.minimal_search import MinimalSearch, Minimum, search_minimum
from circuits.metrics import Metric

if TYPE_CHECKING:
    from circuits.model.load import Model

_CORRUPT = Corrupt()
_SEARCH = MinimalSearch()


@dataclass(frozen=True)
class MinimalCircuit:
    """The smallest circuit found on some prompts, and how faithful it is on others.

    found            the circuit, its certificate, others of the same size, and the runs spent
    values           [prompt] its metric on the prompts that it was sought on
    faithfulness     on these
    held_out_values  [prompt] its metric on prompts that took no part; None without any
    held_out         its faithfulness on these

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Grown
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> start = Grown(30).choose(METHODS["eap"]().score(model, prompts, metric=metric)).mask
    >>> from circuits.evaluation.bounds import MeanBound
    >>> from circuits.evaluation.minimal import minimal_circuit
    >>> from circuits.evaluation.minimal_search import MinimalSearch
    >>> search = MinimalSearch(MeanBound(tolerance=0.6), other_runs=0)
    >>> result = minimal_circuit(model, prompts, metric=metric, search=search, start=start)
    >>> result.circuit.shape, len(result.certificate.edges) == int(result.circuit.sum()), result.held_out
    ((479,), True, None)
    >>> round(result.faithfulness.mean, 1)
    0.4
    """

    found: Minimum
    values: Floats
    faithfulness: Faithfulness
    held_out_values: Floats | None = None
    held_out: Faithfulness | None = None

    @property
    def circuit(self) -> Bools:
        """[edge] whether each possible edge is in the circuit, in wiring order."""
        return self.found.circuit

    @property
    def certificate(self) -> Certificate:
        """Each edge of the circuit, with what its absence changes."""
        return self.found.certificate


def minimal_circuit(
    model: Model,
    prompts: PromptSet,
    *,
    metric: Metric,
    ablation: Ablation = _CORRUPT,
    search: MinimalSearch = _SEARCH,
    start: Bools | None = None,
    order: Numbers | None = None,
    held_out: PromptSet | None = None,
) -> MinimalCircuit:
    """The smallest circuit within a bound, sought on `prompts` and judged on `held_out`.

    start  [edge] a circuit within the bound to begin with; by default the whole model, which suits small models
    order  numbers of edges, weakest first, such as `scores.ranking()[::-1]`; by default as they are wired

    Cost: the prompts clean and ablated, and at most `search.n_planned` circuits; where k of n edges stay, about
    k log2(n / k) + 2 k, and as many as are allowed to look for others. Raises NoMinimalCircuitError where `start` is
    not within the bound, and a ValueError where edges cannot be measured on the model.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Grown
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> start = Grown(30).choose(METHODS["eap"]().score(model, prompts, metric=metric)).mask
    >>> from circuits.evaluation.bounds import MeanBound
    >>> from circuits.evaluation.minimal import minimal_circuit
    >>> from circuits.evaluation.minimal_search import MinimalSearch
    >>> search = MinimalSearch(MeanBound(tolerance=0.6), other_runs=0)
    >>> result = minimal_circuit(model, prompts, metric=metric, search=search, start=start)
    >>> int(result.circuit.sum()) < 30, result.certificate.holds
    (True, True)
    """
    ablation = ablation.fitted(model, prompts)
    runs = _runs(model, prompts, metric, ablation)
    n_edges = model.wiring.n_edges
    begin = np.ones(n_edges, dtype=np.bool_) if start is None else start
    found = search_minimum(runs, (begin,), np.arange(n_edges) if order is None else order, search)
    values = runs.values(found.circuit[None])[0]
    own = MinimalCircuit(found, values, faithfulness(values, runs.baseline))
    if held_out is None or not len(held_out):
        return own
    of_others = circuit_values(model, held_out, found.circuit, metric=metric, ablation=ablation)[0]
    baseline = measure_baseline(model, held_out, metric=metric, ablation=ablation)
    return MinimalCircuit(found, values, own.faithfulness, of_others, faithfulness(of_others, baseline))


def check(
    model: Model,
    prompts: PromptSet,
    circuit: Bools,
    *,
    metric: Metric,
    ablation: Ablation = _CORRUPT,
    bound: Bound = _SEARCH.bound,
) -> Certificate:
    """The certificate of any circuit [edge]: `removable` are the edges that can go alone. One circuit run per edge.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Grown
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> start = Grown(30).choose(METHODS["eap"]().score(model, prompts, metric=metric)).mask
    >>> from circuits.evaluation.bounds import MeanBound
    >>> from circuits.evaluation.minimal import check
    >>> certificate = check(model, prompts, start, metric=metric, bound=MeanBound(tolerance=0.6))
    >>> len(certificate.removable) > 0
    True
    """
    ablation = ablation.fitted(model, prompts)
    return certify(_runs(model, prompts, metric, ablation), circuit, bound)


def _runs(model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation) -> CountedRuns:
    model.require("edges", "minimal")
    baseline = measure_baseline(model, prompts, metric=metric, ablation=ablation)
    return CountedRuns(model.wiring, CircuitRunner(model, prompts, metric, ablation).values, baseline)
