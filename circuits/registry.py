"""Registry: things by name, of this package, of scripts that register their own, and of other installed packages.

A package offers one by an entry point, whose value is the class or object itself:

    [project.entry-points."circuit_workbench.methods"]
    my-method = "my_package.method:MyMethod"

Entry points are read when a name is looked up that is not known yet, or when all names are wanted. So a worker process
finds them as well, where the package is installed there; what a script registers is known to its own process only, and
to the workers that import the script.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from circuits.lookup import UnknownNameError, unknown

Thing = TypeVar("Thing")
AnyThing = TypeVar("AnyThing")
PREFIX = "circuit_workbench"
OWN = "circuit-workbench"
_ONE_OF = {"hypotheses": "hypothesis", "quantities": "quantity", "remedies": "remedy"}
_LOG = logging.getLogger(__name__)


class Registry(Mapping[str, Thing], Generic[Thing]):
    """Things of one sort by name.

    group    of entry points, after `circuit_workbench.`
    belongs  whether something is of this sort; anything else is refused
    name_of  what something is called
    ignores  whether something in the same group of entry points belongs to another registry
    """

    def __init__(
        self,
        group: str,
        belongs: Callable[[object], bool],
        name_of: Callable[[Any], str] = attrgetter("name"),
        ignores: Callable[[object], bool] = lambda thing: False,
    ) -> None:
        self.group = f"{PREFIX}.{group}"
        self._belongs, self._name_of, self._ignores = belongs, name_of, ignores
        self._things: dict[str, Thing] = {}
        self._origins: dict[str, str] = {}
        self._has_installed = False
        self._loading = threading.RLock()

    @property
    def _kind(self) -> str:
        """What one of its things is called."""
        several = self.group.removeprefix(f"{PREFIX}.")
        return _ONE_OF.get(several, several.removesuffix("s"))

    def register(self, thing: AnyThing) -> AnyThing:
        """Make something known by its name, as a decorator of its class. ValueError where another one has the name."""
        module = getattr(thing, "__module__", type(thing).__module__)
        self._add(thing, OWN if module.partition(".")[0] in ("circuits", "graphs", "pipelines") else module)
        return thing

    def origin(self, name: str) -> str:
        """Where something comes from: this package, another one with its version, or the module that registered it."""
        self._load_installed()
        return self._origins[name]

    def _add(self, thing: object, origin: str) -> None:
        if not self._belongs(thing):
            raise ValueError(f"{thing!r} cannot be one of {self.group}.")
        name = self._name_of(thing)
        if self._things.setdefault(name, cast("Thing", thing)) is not thing:
            raise ValueError(f"{name!r} of {self.group} is registered already, by {self._origins[name]}.")
        self._origins.setdefault(name, origin)

    def _load_installed(self) -> None:
        with self._loading:
            if self._has_installed:
                return
            self._has_installed = True
            for name, origin, load in installed(self.group):
                try:
                    thing = load()
                    if not self._ignores(thing):
                        self._add(thing, origin)
                except Exception as error:
                    _LOG.warning("%s: %r of %s cannot be used: %s", origin, name, self.group, error)

    def __getitem__(self, name: str) -> Thing:
        if name not in self._things:
            self._load_installed()
        if name not in self._things:
            raise UnknownNameError(unknown(name, self._things, self._kind))
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        self._load_installed()
        return iter(tuple(self._things))

    def __len__(self) -> int:
        self._load_installed()
        return len(self._things)


def installed(group: str) -> list[tuple[str, str, Callable[[], object]]]:
    """The entry points of a group, by name: its name, the package it is from, and what loads it."""
    from importlib.metadata import entry_points

    return [
        (entry.name, "" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}", entry.load)
        for entry in sorted(entry_points(group=group), key=attrgetter("name", "value"))
    ]


def subclass_of(*bases: type) -> Callable[[object], bool]:
    """Whether something is a class that derives from one of `bases`."""
    return lambda thing: isinstance(thing, type) and issubclass(thing, bases)


def instance_of(*bases: type) -> Callable[[object], bool]:
    """Whether something is an object of one of the classes `bases`."""
    return lambda thing: isinstance(thing, bases)
