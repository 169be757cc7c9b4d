"""How far a long computation is, and what of it is kept on the way: told to whoever watches, who may be nobody.

    with watched_by(watch), whole():
        for layer in steps(range(n_layers)):       # each of these is an equal part of the whole
            for part in steps(chunks):             # and these are parts of a layer
                values = kept(lambda: run(part))   # run once; when the same is computed again, taken from the watch

What is kept goes by the steps that lead to it, so that a computation that begins again must take the same steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.arrays import Floats

T = TypeVar("T")


class Watch(Protocol):
    """Whoever watches a computation."""

    def reached(self, share: float) -> None:
        """How much of the computation is done, from 0 to 1."""

    def find(self, name: str) -> Floats | None:
        """The values that were kept under this name, by an earlier attempt; None where there are none."""

    def keep(self, name: str, values: Callable[[], Floats]) -> None:
        """Values under a name, once in a computation; they are made only if they are wanted."""


@dataclass
class _Place:
    """Where a computation is.

    begin, width  which part of the whole the current step is; None where that is not told
    path          the steps that lead here
    seen          how often values were kept at each path
    """

    watch: Watch
    begin: float = 0.0
    width: float | None = None
    path: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def next_name(self) -> str:
        """What is kept here next goes by this."""
        self.seen[self.path] += 1
        return f"{self.path}#{self.seen[self.path]}"


_PLACE: ContextVar[_Place | None] = ContextVar("place", default=None)


@contextmanager
def watched_by(watch: Watch) -> Iterator[None]:
    """Tell `watch` of what this thread computes inside the `with`."""
    token = _PLACE.set(_Place(watch))
    try:
        yield
    finally:
        _PLACE.reset(token)


def is_watched() -> bool:
    """Whether anybody is told of what this thread computes.

    >>> from circuits.model.steps import is_watched
    >>> is_watched()
    False
    """
    return _PLACE.get() is not None


@contextmanager
def unwatched() -> Iterator[None]:
    """Nobody is told of what happens inside the `with`, and nothing of it is kept."""
    token = _PLACE.set(None)
    try:
        yield
    finally:
        _PLACE.reset(token)


@contextmanager
def whole() -> Iterator[None]:
    """What happens inside the `with` takes all of the time from now on, but for moments: how far it is can be told."""
    with _told_as(1.0):
        yield


@contextmanager
def beforehand() -> Iterator[None]:
    """What happens inside the `with` is over soon, and no part of what is told."""
    with _told_as(0.0):
        yield


@contextmanager
def _told_as(width: float) -> Iterator[None]:
    """What happens inside is so much of the whole; nothing changes within what is told of already."""
    place = _PLACE.get()
    if place is None or place.width is not None:
        yield
        return
    place.begin, place.width = 0.0, width
    place.watch.reached(0.0)
    try:
        yield
    finally:
        place.width = None


class Steps:
    """The steps of one loop, whose weights are known before: each is part of the step around it."""

    def __init__(self, total: float) -> None:
        self._place = _PLACE.get()
        self._total, self._done, self._n_named = total, 0.0, 0
        if self._place is not None:
            self._begin, self._width, self._path = self._place.begin, self._place.width, self._place.path

    def enter(self, weight: float, name: object) -> None:
        """A step begins. Its name is different from those of the loop's other steps."""
        place = self._place
        if place is None:
            return
        place.path = f"{self._path}/{name}"
        if self._width is not None and self._total > 0:
            place.begin = self._begin + self._width * self._done / self._total
            place.width = self._width * weight / self._total

    def leave(self, weight: float) -> None:
        """The step is done."""
        self._done += weight
        place = self._place
        if place is None:
            return
        place.path = self._path
        if self._width is not None:
            share = min(1.0, self._done / self._total) if self._total > 0 else 1.0
            place.begin, place.width = self._begin, self._width
            place.watch.reached(self._begin + self._width * share)

    def expect(self, left: float) -> None:
        """What is now expected to be left, for loops that learn on the way how long they are."""
        self._total = self._done + left

    @contextmanager
    def next_step(self, weight: float) -> Iterator[None]:
        """What happens inside the `with` is the next step, for loops whose steps are not known before: where the total
        was too low, the last ones weigh nothing."""
        weight, self._n_named = min(weight, max(0.0, self._total - self._done)), self._n_named + 1
        self.enter(weight, self._n_named)
        yield
        self.leave(weight)


def steps(items: Iterable[T], weights: Sequence[float] | None = None) -> Iterator[T]:
    """The items, each of which is a step; `weights` say how long each takes, by default all the same."""
    every = list(items)
    weights = [1.0] * len(every) if weights is None else weights
    loop = Steps(sum(weights))
    for number, (item, weight) in enumerate(zip(every, weights, strict=True)):
        loop.enter(weight, number)
        yield item
        loop.leave(weight)


def slices(parts: Iterable[slice]) -> Iterator[slice]:
    """Slices as steps, as heavy as they are long."""
    every = list(parts)
    return steps(every, [part.stop - part.start for part in every])


def kept(compute: Callable[[], Floats]) -> Floats:
    """What `compute` gives, or what it gave in an earlier attempt at the same computation."""
    place = _PLACE.get()
    if place is None:
        return compute()
    name = place.next_name()
    values = place.watch.find(name)
    if values is None:
        values = made = compute()
        place.watch.keep(name, lambda: made)
    return values


def kept_tensor(compute: Callable[[], Tensor], like: Tensor) -> Tensor:
    """The same of a tensor, which has the type of `like` and is on its device."""
    import torch

    place = _PLACE.get()
    if place is None:
        return compute()
    name = place.next_name()
    found = place.watch.find(name)
    if found is not None:
        return torch.from_numpy(found).to(like)
    computed = compute()
    place.watch.keep(name, lambda: computed.double().cpu().numpy())
    return computed
