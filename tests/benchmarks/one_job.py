"""One method, or a stage that judges a circuit, on one model in a process of its own.

python -m tests.benchmarks.one_job MODEL METHOD PROMPTS TOKENS SETTINGS

prints, as JSON, what the process held when it held most, and what with the model loaded and nothing run; how many
forward passes of the same prompts take as long on one processor; of a stage, also how many were forecast.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import torch

from circuits.arrays import Bools
from circuits.data.prompts import PromptSet
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.faithfulness import circuit_values, measure_baseline
from circuits.evaluation.hypotheses import hypothesis_runs
from circuits.evaluation.knockouts import KnockoutSearch, knockout_values, search_knockouts
from circuits.masks import pruned, random_circuits
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.load import Model, load_model
from graphs.circuit_graph import CircuitGraph
from pipelines.costs.circuit_runs import Batch, Circuits, passes
from pipelines.costs.shape_of import shape_of
from pipelines.evaluate.weights import Judged
from tests.benchmarks.conftest import random_pairs

# Circuits that are run, where the settings do not say how many.
N_CIRCUITS = 4
# What ru_maxrss counts in: kibibytes, and on a Mac bytes.
_UNIT = 1 if sys.platform == "darwin" else 1024


SEARCH = KnockoutSearch(components=24, grows=False)


def circuit_of(model: Model, n_edges: int) -> Bools:
    """A circuit of about so many edges between some components, as circuits of tasks are."""
    wiring, draw = model.wiring, np.random.default_rng(0)
    strength = draw.standard_exponential(len(wiring.writers)) ** 2
    scores = draw.standard_exponential(wiring.n_edges) * strength[[*map(wiring.writer_index, _sources(model))]]
    order, n_best, n_most = np.argsort(-scores), n_edges, wiring.n_edges

    def best(n: int) -> Bools:
        mask = np.zeros(wiring.n_edges, dtype=np.bool_)
        mask[order[:n]] = True
        return pruned(wiring, mask[None])[0]

    while n_best < n_most:
        middle = (n_best + n_most) // 2
        n_best, n_most = (n_best, middle) if best(middle).sum() >= n_edges else (middle + 1, n_most)
    return best(n_best)


def _sources(model: Model) -> list[Any]:
    return [edge.source for edge in model.wiring.edges]


def _random(runner: CircuitRunner, circuit: Bools, n: int) -> None:
    runner.values(random_circuits(runner.model.wiring, circuit, n=n, seed=0))


def _hypotheses(runner: CircuitRunner, circuit: Bools, n: int) -> None:
    hypothesis_runs(runner.values, runner.model.wiring, circuit, draws=n)


def _knockouts(runner: CircuitRunner, circuit: Bools, n: int) -> None:
    found = search_knockouts(runner.values, runner.removal_effects, runner.parts, circuit, SEARCH)
    knockout_values(runner.values, runner.parts, circuit, found)


def _of_random(judged: Judged, n_components: int, n: int) -> list[Circuits]:
    return judged.drawn(n)


def _of_hypotheses(judged: Judged, n_components: int, n: int) -> list[Circuits]:
    return judged.for_hypotheses(draws=n, most=50)


def _of_knockouts(judged: Judged, n_components: int, n: int) -> list[Circuits]:
    return judged.searched(SEARCH, n_components) + judged.knocked_out(SEARCH, n_components)


# Stages that judge a circuit: what they run on it, with as many draws as are asked for, and what is forecast of that.
JUDGING: dict[str, tuple[Callable[[CircuitRunner, Bools, int], None], Callable[[Judged, int, int], list[Circuits]]]] = {
    "random-circuits": (_random, _of_random),
    "hypothesis-runs": (_hypotheses, _of_hypotheses),
    "search-knockouts": (_knockouts, _of_knockouts),
}
# The clean and the ablated run, beside which circuits are run.
_RECORDED = 2


def main(spec: str, method: str, n_prompts: str, n_tokens: str, settings: str) -> None:
    torch.set_num_threads(1)
    # As jobs hold it, which look at its weights once.
    model = replace(load_model(spec), seen=None)
    vocabulary = model.forward.weight_u.shape[0]
    prompts = random_pairs(int(n_prompts), int(n_tokens), shared_prefix=0, vocabulary=vocabulary)
    given = json.loads(settings)
    circuit = circuit_of(model, given["edges_of_circuit"]) if method in JUDGING else None
    loaded = psutil.Process().memory_info().rss
    # What the first run of a model takes, jobs take once.
    model.forward.record(next(batches(prompts[:1], model.forward, shares_prefix=False)).clean)
    began = time.process_time()
    if circuit is not None:
        JUDGING[method][0](CircuitRunner(model, prompts, METRICS["logit-difference"]), circuit, given["draws"])
    else:
        _run(model, method, prompts, given)
    peak, seconds = _UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time() - began
    batch = next(batches(prompts[:8], model.forward, shares_prefix=False))
    a_pass = min(_seconds(lambda: model.forward.record(batch.clean)) for _ in range(3)) / len(batch)
    measured = {"loaded": loaded, "peak": peak, "passes": seconds / (a_pass * len(prompts))}
    if circuit is not None:
        graph = CircuitGraph.from_edges(model.wiring, [model.wiring.edges[n] for n in np.flatnonzero(circuit)])
        n_components = sum(node.component.is_node for node in graph.nodes)
        runs = JUDGING[method][1](Judged(graph, are_whole=False), n_components, given["draws"])
        at_once = Batch(len(prompts) * int(n_tokens), model.forward.numbers_at_once)
        measured["forecast_passes"] = _RECORDED + passes(shape_of(model), runs, at_once)
    sys.stdout.write(json.dumps(measured))


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def _run(model: Model, method: str, prompts: PromptSet, settings: dict[str, Any]) -> None:
    metric = METRICS["logit-difference"]
    if method == "baseline":
        measure_baseline(model, prompts, metric=metric)
    elif method == "circuits":
        n_circuits = settings.get("circuits", N_CIRCUITS)
        circuits = np.random.default_rng(0).random((n_circuits, model.wiring.n_edges)) < 0.1
        circuit_values(model, prompts, circuits, metric=metric)
    else:
        METHODS[method](**settings).score(model, prompts, metric=metric)


if __name__ == "__main__":
    main(*sys.argv[1:])
