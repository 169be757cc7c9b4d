"""The rule that chooses a run's circuit (`--selection`): its settings checked, and the circuits that it makes.

Settings that all runs have are options of their own, whichever rule reads them: `--edges` is the size of a circuit,
`--threshold` the least score, `--nodes` the number of components, `--position` where these are scored and `--ranking`
whether the sign counts. `--selection-set` takes them too, by the names that the rule has for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from circuits.lookup import lookup, unknown
from circuits.methods import METHODS, Method
from circuits.type_faults import fault_text
from circuits.visible_text import value_text
from graphs.selection import (
    SELECTIONS,
    ComponentThreshold,
    Greedy,
    Grown,
    Selection,
    Threshold,
    TopComponents,
    TopEdges,
    describe,
    selection_from,
)
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.method_settings import made_of

# What a rule calls an option, by what it chooses.
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "edges": {"n": "edges", "minimum": "threshold", "absolute": "ranking"},
    "components": {
        "n": "nodes",
        "n_edges": "edges",
        "minimum": "threshold",
        "position": "position",
        "absolute": "ranking",
    },
}
_STAND_INS: Mapping[str, Any] = {"n": 1, "minimum": 1.0}
SIZES = ("n", "n_edges", "minimum")
"""The settings of rules that say how large a circuit is."""


def options_of(config: DiscoverSettings, name: str | None) -> dict[str, Any]:
    """The options of a run that decide its circuit, those included that were given as settings of its rule.

    name  of the rule; None where none was named
    """
    options = {option: getattr(config, option) for option in ("edges", "threshold", "nodes", "position", "greedy")}
    options["ranking"] = config.ranked_by
    if name is None:
        if config.selection_settings:
            raise ValueError("selection_settings are those of a rule: name it with selection (`circuits selections`).")
        return options
    known = _OPTIONS[lookup(SELECTIONS, name, "selection").chooses]
    for key, value in config.selection_settings.items():
        if (option := known.get(key)) is None:
            continue
        given = _as_option(name, key, option, value)
        if options[option] is not None and options[option] != given:
            raise ValueError(f"{option}={options[option]} and the rule's setting {key}={value} are one: give one.")
        options[option] = given
    return options


def _as_option(name: str, key: str, option: str, value: Any) -> Any:
    """A rule's setting as the value of the option that it stands for, within that option's bounds."""
    what = f"selection {name!r}, setting {key}"
    try:
        if option == "ranking":
            return "absolute" if TypeAdapter(bool).validate_python(value) else "signed"
        # True would be read as 1.
        if isinstance(value, bool):
            raise ValueError(f"{what}: expected what {option} takes (got {value_text(value)}).")
        return getattr(DiscoverSettings(task="any", **{option: value}), option)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"{what}: {fault_text(fault)} (got {value_text(value)}).") from None


def rule_of_options(kind: str, options: Mapping[str, Any], method: Method) -> str:
    """The rule that a run without a named one has: what its options stand for."""
    if kind == "components":
        return TopComponents.name if options["threshold"] is None else ComponentThreshold.name
    if options["threshold"] is not None:
        return Threshold.name
    if options["greedy"]:
        return Greedy.name
    return Grown.name if method.scores_paths else TopEdges.name


def checked_rule(name: str, config: DiscoverSettings, options: Mapping[str, Any], method: Method) -> dict[str, Any]:
    """A rule's name and the settings that are no options, with their defaults. ValueError where something is amiss."""
    rule = lookup(SELECTIONS, name, "selection")
    known, own = [entry.name for entry in fields(rule)], _OPTIONS[rule.chooses]
    for key in config.selection_settings:
        if key not in known:
            raise ValueError(unknown(key, known, f"setting of selection {name}"))
    for key, option in own.items():
        if options[option] is not None and key not in known:
            raise ValueError(f"{option} and selection {name} are two ways to select a circuit: give one of them.")
    if options["greedy"] and name != "greedy":
        raise ValueError(f"greedy and selection {name} are two ways to select a circuit: give one of them.")
    for key in known:
        if key == "minimum" and _is_required(rule, key) and options["threshold"] is None:
            raise ValueError(f"selection {name} needs a least score: give it with threshold.")
    if not method.scores_paths and "keeps_unscored" not in known:
        fitting = [other for other, kind in SELECTIONS.items() if "keeps_unscored" in {f.name for f in fields(kind)}]
        raise ValueError(
            f"{method.name} scores only edges between heads, which form no path: choose with "
            f"{' or '.join(other for other in fitting if SELECTIONS[other].chooses == 'edges')}."
        )
    values = dict(config.selection_settings)
    values |= {key: options[option] for key, option in own.items() if key in values and key != "absolute"}
    values |= {key: value for key, value in _STAND_INS.items() if key in known and key not in values}
    made = describe(made_of(rule, values, f"selection {name!r}"))
    settings = {key: value for key, value in made.items() if key not in (*own, "name")}
    # What a method cannot score stays, for the circuit to have paths at all.
    settings |= {} if method.scores_paths else {"keeps_unscored": True}
    return {"name": name, "settings": {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}}


def chooses_components(config: DiscoverSettings) -> bool:
    """Whether the rule of a run ranks components, whatever its method scores."""
    rule = None if config.selection is None else SELECTIONS.get(config.selection)
    return config.nodes is not None or (rule is not None and rule.chooses == "components")


def other_methods(rule: Mapping[str, Any], own: str) -> tuple[str, ...]:
    """The methods that decide together with the run's own, `own`. ValueError for one that cannot."""
    name = rule["name"]
    if not SELECTIONS[name].combines:
        return ()
    names = tuple(rule["settings"]["methods"])
    if not names:
        raise ValueError(f"selection {name} needs other methods: --selection-set methods=[eap,relp], for example.")
    for other in names:
        method = lookup(METHODS, other, "method")
        if method.result != "edges" or not method.scores_paths or method().score_stages():
            raise ValueError(f"{other} cannot be in the {name}, which ranks all edges: it does not score them at once.")
        if other == own or names.count(other) > 1:
            raise ValueError(f"{other} is in the {name} twice: the run's own method is in it without being named.")
    return names


def has_setting(rule: Mapping[str, Any], key: str) -> bool:
    """Whether a rule has a setting."""
    return any(entry.name == key for entry in fields(SELECTIONS[rule["name"]]))


def has_size(rule: Mapping[str, Any]) -> bool:
    """Whether circuits of a rule have a size that has to be given, or searched."""
    return _is_required(SELECTIONS[rule["name"]], "n")


def made_rule(rule: Mapping[str, Any], **values: Any) -> Selection:
    """A rule with its settings and those of `values` that it has."""
    known = {entry.name for entry in fields(SELECTIONS[rule["name"]])}
    given = {key: value for key, value in values.items() if key in known and value is not None}
    return selection_from({"name": rule["name"], **rule["settings"], **given})


def _is_required(rule: type[Selection], key: str) -> bool:
    return any(entry.name == key and entry.default is MISSING for entry in fields(rule))
