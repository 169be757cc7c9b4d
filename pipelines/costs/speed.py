"""How fast work is done: what was measured, and the rates that follow from it (`tests/benchmarks/results.md`).

Rates are in floating point operations per second, two for a multiply-add.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pipelines.costs.shape import GPT2_SMALL, SMOLLM2, Shape
from pipelines.costs.work import Work, activation_patching, eap

GPU, CPU = "H100 80 GB, float32", "one core of an EPYC, float32"


def _heads(shape: Shape, n_tokens: int) -> Work:
    return activation_patching(shape, n_tokens, only_heads=True)


def _eap_ig(shape: Shape, n_tokens: int) -> Work:
    return eap(shape, n_tokens, n_points=5)


class Measured(NamedTuple):
    """Seconds that work took on a machine, on pairs that differ everywhere."""

    machine: str
    what: str
    shape: Shape
    n_pairs: int
    n_tokens: int
    work: Callable[[Shape, int], Work]
    seconds: float

    @property
    def operations(self) -> float:
        return 2 * self.n_pairs * self.work(self.shape, self.n_tokens).whole

    @property
    def predicted_s(self) -> float:
        """What the rates say."""
        return self.n_pairs * seconds(self.work(self.shape, self.n_tokens), self.machine)


# The first of each machine and sort of work sets the rate: those with enough tokens to keep it busy.
MEASURED = (
    Measured(GPU, "head sweep", GPT2_SMALL, 64, 64, _heads, 1.120),
    Measured(GPU, "edge attribution", GPT2_SMALL, 64, 64, eap, 0.156),
    Measured(GPU, "head sweep", GPT2_SMALL, 16, 15, _heads, 0.110),
    Measured(GPU, "edge attribution", GPT2_SMALL, 16, 15, eap, 0.0347),
    Measured(GPU, "EAP-IG, 5 steps", GPT2_SMALL, 16, 15, _eap_ig, 0.0356),
    Measured(CPU, "head sweep", GPT2_SMALL, 16, 15, _heads, 17.2),
    Measured(CPU, "edge attribution", GPT2_SMALL, 16, 15, eap, 2.51),
    Measured(CPU, "EAP-IG, 5 steps", GPT2_SMALL, 16, 15, _eap_ig, 6.26),
    Measured(CPU, "edge attribution", SMOLLM2, 8, 16, eap, 3.49),
)


def sets_rate(point: Measured) -> bool:
    """Whether a machine's rate comes from this point: its others are then predictions to compare."""
    alike = [one for one in MEASURED if (one.machine, one.work) == (point.machine, point.work)]
    return point.work in (_heads, eap) and alike[0] is point


def rates(machine: str) -> tuple[float, float]:
    """Operations per second of runs without gradients, and of runs with them."""
    of_sweeps, of_gradients = (
        next(one for one in MEASURED if one.machine == machine and one.work is work) for work in (_heads, eap)
    )
    of_one = of_sweeps.operations / of_sweeps.seconds
    work = of_gradients.work(of_gradients.shape, of_gradients.n_tokens)
    # Its two recorded runs go at the rate of sweeps at best; what is left of the time is that of its gradients.
    left_s = of_gradients.seconds - 2 * of_gradients.n_pairs * work.sweeps / of_one
    return of_one, 2 * of_gradients.n_pairs * work.gradients / left_s


def seconds(work: Work, machine: str) -> float:
    """What some work takes."""
    of_sweeps, of_gradients = rates(machine)
    return 2 * (work.sweeps / of_sweeps + work.gradients / of_gradients)
