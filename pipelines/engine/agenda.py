"""What there is to do: the kind and the weight of every job, and what is left of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines.engine.job import Job

# Of a job that has nothing to do, as it turns out.
_LEAST_WEIGHT = 1e-6
# Stands for the model of jobs that run none, and whose weight is given as if they did.
_AS_IF_MODEL = "as if"


class Kind(NamedTuple):
    """Jobs whose seconds grow with their weights alike: those of one stage and method, on one model.

    is_apart  whether their pace says nothing of that of other kinds
    """

    stage: str
    method: str
    model: str
    is_apart: bool


class Planned(NamedTuple):
    """What is known of a job before it runs, and whether it is still to be done."""

    kind: Kind
    weight: float
    is_left: bool


class Left(NamedTuple):
    """What is left of one kind of job."""

    weight: float
    n_jobs: int


class Agenda:
    """The jobs of a command. Every change of one goes through `_set`, and the sums follow: of a hundred thousand jobs,
    nobody adds up all of them each time that one is done.

    left    what is left of each kind of which there is a job left
    weight  of all jobs, those that are done included
    """

    def __init__(self, todo: Iterable[Job]) -> None:
        self.left: dict[Kind, Left] = {}
        self.weight = 0.0
        self._jobs: dict[str, Planned] = {}
        for job in todo:
            self._set(job.key, _unplanned(job))

    def of(self, job: Job) -> Planned:
        """What is known of a job, also where it is not one of these."""
        return self._jobs.get(job.key) or _unplanned(job)

    def done(self, job: Job) -> None:
        """A job is done; nothing changes where it is not one of these."""
        if (planned := self._jobs.get(job.key)) is not None:
            self._set(job.key, planned._replace(is_left=False))

    def reweigh(self, weights: Mapping[str, float]) -> None:
        """Weights of jobs, by their keys, that are known now: they compare with those of all jobs that run a model."""
        for key, weight in weights.items():
            if (planned := self._jobs.get(key)) is not None:
                kind = planned.kind._replace(is_apart=False, model=planned.kind.model or _AS_IF_MODEL)
                self._set(key, planned._replace(kind=kind, weight=max(weight, _LEAST_WEIGHT)))

    def _set(self, key: str, planned: Planned) -> None:
        if (before := self._jobs.get(key)) is not None:
            self._add(before, -1)
        self._add(planned, 1)
        self._jobs[key] = planned

    def _add(self, planned: Planned, n_jobs: int) -> None:
        """One job, or one less."""
        kind, weight = planned.kind, n_jobs * planned.weight
        self.weight += weight
        if planned.is_left:
            before = self.left.get(kind, Left(0.0, 0))
            self.left[kind] = Left(before.weight + weight, before.n_jobs + n_jobs)
            if not self.left[kind].n_jobs:
                del self.left[kind]


def kind_of(job: Job) -> Kind:
    """The kind of a job."""
    method = job.settings.get("method")
    return Kind(job.stage.name, str(method["name"]) if method else "", job.locations.get("model", ""), job.is_apart)


def _unplanned(job: Job) -> Planned:
    return Planned(kind_of(job), job.weight, is_left=True)
