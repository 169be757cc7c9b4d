"""What a whole study costs on GPUs like the one that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from circuits.methods import METHODS
from pipelines.costs.memory import one_pair, stored, weights
from pipelines.costs.shape import Shape
from pipelines.costs.speed import GPU, seconds
from pipelines.costs.work import METHODS_COSTED, choose

# Memory of GPUs that people have, in GB.
GPUS = (24, 80, 141)


@dataclass(frozen=True)
class Study:
    """Every costed method on every task: scores per prompt, and a circuit chosen from each."""

    n_tasks: int = 20
    n_prompts: int = 256
    n_tokens: int = 20

    @property
    def n_pairs(self) -> int:
        """Pairs of prompts that one method measures."""
        return self.n_tasks * self.n_prompts

    def gpu_hours(self, shape: Shape) -> Mapping[str, float]:
        """Hours of one GPU by method, and of running circuits to choose one from each method's scores."""
        by_method = {name: work(shape, self.n_tokens) for name, work in METHODS_COSTED.items()}
        hours = {name: self.n_pairs * seconds(work, GPU) / 3600 for name, work in by_method.items()}
        chosen = len(METHODS_COSTED) * self.n_pairs * seconds(choose(shape, self.n_tokens), GPU) / 3600
        return hours | {"choosing circuits": chosen}

    def memory(self, shape: Shape, dtype: str) -> float:
        """Bytes of the weights, and of what one pair needs beyond them."""
        return weights(shape, dtype) + one_pair(shape, self.n_tokens, dtype)

    def smallest_gpu(self, shape: Shape, dtype: str) -> int | None:
        """The smallest GPU, in GB, that holds the model and a pair; None where several must share its layers."""
        return next((size for size in GPUS if self.memory(shape, dtype) <= size * 1e9), None)

    def store(self, shape: Shape) -> float:
        """Bytes that the store keeps of all scores."""
        of_edges = sum(METHODS[name].result == "edges" for name in METHODS_COSTED)
        return self.n_tasks * stored(shape, self.n_prompts, of_edges, len(METHODS_COSTED) - of_edges)
