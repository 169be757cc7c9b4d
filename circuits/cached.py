"""Properties computed once, by threads that do not wait for each other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class cached_property(functools.cached_property[T_co]):  # noqa: N801, TID251 (as it is named there)
    """`functools.cached_property` as it is from Python 3.12 on: without a lock.

    Before, each property has one lock for all objects of its class, and jobs that run in threads would compute it one
    after the other, each for an object of its own. Threads that ask the same object at once may both compute.

    >>> class Square:
    ...     side = 3
    ...
    ...     @cached_property
    ...     def area(self) -> int:
    ...         return self.side**2
    >>> Square().area
    9
    """

    func: Callable[[Any], T_co]

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T_co: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | T_co:
        if instance is None:
            return self
        assert self.attrname is not None, "set where a class names the property"
        # Found there before the property is, from the next time on. It replaces what a property of this name in a class
        # below has left there, which this one may have asked.
        value = vars(instance)[self.attrname] = self.func(instance)
        return value
