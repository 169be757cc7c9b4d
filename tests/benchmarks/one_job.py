"""One method on one model in a process of its own.

python -m tests.benchmarks.one_job MODEL METHOD PROMPTS TOKENS SETTINGS

prints, as JSON, what the process held when it held most, and what with the model loaded and nothing run.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import numpy as np
import psutil
import torch

from circuits.evaluation.faithfulness import circuit_values, measure_baseline
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.model.load import Model, load_model
from tests.benchmarks.conftest import random_pairs

# Circuits that are run, where the settings do not say how many.
N_CIRCUITS = 4
# What ru_maxrss counts in: kibibytes, and on a Mac bytes.
_UNIT = 1 if sys.platform == "darwin" else 1024


def main(spec: str, method: str, n_prompts: str, n_tokens: str, settings: str) -> None:
    torch.set_num_threads(1)
    model = load_model(spec)
    loaded = psutil.Process().memory_info().rss
    _run(model, method, int(n_prompts), int(n_tokens), json.loads(settings))
    peak = _UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"loaded": loaded, "peak": peak}))


def _run(model: Model, method: str, n_prompts: int, n_tokens: int, settings: dict[str, Any]) -> None:
    metric, vocabulary = METRICS["logit-difference"], model.forward.weight_u.shape[0]
    prompts = random_pairs(n_prompts, n_tokens, shared_prefix=0, vocabulary=vocabulary)
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
