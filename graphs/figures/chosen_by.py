"""How a circuit was chosen, in words for figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphs.circuit_graph import GIVEN, MINIMAL, share_of_gap
from graphs.comparison.combined import CONSENSUS, CORE, UNION
from graphs.selection import SELECTIONS, ComponentThreshold

_WITHOUT_A_RULE = {
    GIVEN: "edges given",
    MINIMAL: "edges dropped until none can go alone",
    UNION: "edges in any of {of} circuits",
    CORE: "edges in at least {in_at_least} of {of} circuits",
    CONSENSUS: "edges in more than half of {of} circuits, with one sign in all that hold them",
}


# What a rule's summary counts, and what it calls a single one.
_OF_ONE = {"edges": "edge", "heads and MLPs": "head or MLP"}
_COUNTED = re.compile(rf"(\bn(?: \w+)?) ({'|'.join(_OF_ONE)})\b")


def circuit_chosen_by(selection: Mapping[str, Any], metrics: Mapping[str, float], weakest: float | None = None) -> str:
    """How a circuit was chosen, and how its size was found where that was searched.

    metrics  of its graph: how many sizes were tried, what was asked for, and whether it was reached
    weakest  score of its weakest edge; below the least that was asked for, it is the best path that there is

    >>> circuit_chosen_by({"name": "threshold", "minimum": 9.0}, {}, weakest=0.2)
    'chosen: the best path, as none is of edges that score 9 or more; its weakest edge scores 0.2 (rule threshold)'
    """
    name, minimum = str(selection.get("name")), selection.get("minimum")
    chooses_edges = name in SELECTIONS and SELECTIONS[name].chooses == "edges"
    if chooses_edges and minimum is not None and weakest is not None and weakest < minimum:
        why = f"as none is of edges that score {minimum:.3g} or more"
        return f"chosen: the best path, {why}; its weakest edge scores {weakest:z.3g} (rule {name})"
    names = ("sizes_tried", "faithfulness_on_choosing", "least_faithfulness")
    tried, fitted, least = (metrics.get(name) for name in names)
    if tried is None or fitted is None or least is None:
        minimum = selection.get("minimum")
        if selection.get("name") != ComponentThreshold.name or minimum is None:
            return chosen_by(selection)
        # Asked for as a share of what was corrupted.
        return chosen_by(selection).replace(f"{minimum:.3g}", f"{minimum:.3g}{share_of_gap(minimum, metrics)}")
    found = "the smallest" if fitted >= least else "none"
    size = f"{found} of {tried:,.0f} sizes tried with faithfulness {least:.3g} or more on the prompts that chose"
    return f"{chosen_by(selection).replace('exactly ', '')}, {size}"


def chosen_by(selection: Mapping[str, Any]) -> str:
    """A selection that was described, with its numbers; its name alone where the rule is not installed here.

    >>> from graphs import Grown, describe
    >>> chosen_by(describe(Grown(40)))
    'chosen: exactly 40 edges, on the strongest paths from input to logits (rule grown)'
    """
    name = str(selection.get("name"))
    if name in _WITHOUT_A_RULE:
        return f"chosen: {_WITHOUT_A_RULE[name].format_map(selection)}"
    if name not in SELECTIONS:
        return f"chosen by rule {name}"
    text, n, minimum = SELECTIONS[name].summary, selection.get("n"), selection.get("minimum")
    if n == 1:
        text = _COUNTED.sub(lambda counted: f"{counted[1]} {_OF_ONE[counted[2]]}", text)
    if n is not None:
        text = re.sub(r"\bn\b", f"{n:,}", text)
    if minimum is not None:
        text = text.replace("a minimum", f"{minimum:.3g}")
    return f"chosen: {text} (rule {name})"
