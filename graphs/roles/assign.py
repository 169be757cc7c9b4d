"""From readings of all heads to their roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from circuits.arrays import Floats
from circuits.intervals import t_interval
from graphs.roles.label import EVERY, Condition, Evidence, Reading, RoleLabel
from graphs.roles.rule import RoleRule


@dataclass(frozen=True)
class Readings:
    """What was read of every head.

    heads       names, in the order of the last axis
    values      (source, place) -> [prompt, head], NaN where a prompt lacks the place; effects as shares of the gap
    of_weights  sources that read weights: values [1, head], the same whatever the prompts are
    refused     source -> why it could not be read
    limits      source -> the least and the largest that it can be, where there are such; intervals end there
    """

    heads: tuple[str, ...]
    values: Mapping[tuple[str, str], Floats]
    of_weights: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)

    def of(self, reading: Reading) -> Floats:
        """[prompt, head] the numbers of a reading."""
        values = self.values[reading.source, reading.place]
        return values if reading.minus is None else values - self.of(reading.minus)

    def limits_of(self, reading: Reading) -> tuple[float | None, float | None]:
        """The least and the largest that a reading can be; None where it may be anything, and of differences."""
        return self.limits.get(reading.source, (None, None)) if reading.minus is None else (None, None)

    def each(self, condition: Condition) -> list[Condition]:
        """The condition; one per place of its source where it is asked of every one. KeyError where there is none."""
        reading = condition.reading
        if reading.place != EVERY:
            return [condition]
        places = [place for source, place in self.values if source == reading.source]
        if not places:
            raise KeyError(reading.source)
        return [condition._replace(reading=reading._replace(place=place)) for place in places]

    def reason(self, rule: RoleRule) -> str | None:
        """Why a rule cannot be applied here; None where it can."""
        for condition in rule.conditions:
            for source in condition.reading.sources:
                if source in self.refused:
                    return self.refused[source]
        return None


def labels_of(
    rules: Sequence[RoleRule], readings: Readings, *, level: float = 0.95
) -> dict[str, tuple[RoleLabel, ...]]:
    """Head -> its labels, by rank of the rules; heads without one are left out.

    level  of the intervals, which must be where a rule asks as a whole

    Rules whose readings were refused give no label: `Readings.reason` says why.
    """
    labels: dict[str, list[RoleLabel]] = {}
    for rule in sorted(rules, key=lambda rule: (rule.rank, rule.name)):
        if readings.reason(rule) is not None:
            continue
        asked = [one for condition in rule.conditions for one in readings.each(condition)]
        checked = [_checked(condition, readings, level) for condition in asked]
        for head, evidence in zip(readings.heads, zip(*checked, strict=True), strict=True):
            given = {label.role for label in labels.get(head, ())}
            kept = tuple(one for one in evidence if one is not None)
            if len(kept) == len(evidence) and not given & set(rule.not_beside):
                labels.setdefault(head, []).append(RoleLabel(rule.name, kept))
    return {head: tuple(own) for head, own in labels.items()}


def _checked(condition: Condition, readings: Readings, level: float) -> list[Evidence | None]:
    """[head] the evidence, None where the condition does not hold."""
    values = readings.of(condition.reading)
    if condition.reading.source in readings.of_weights:
        means = low = high = values[0]
        counts = np.zeros(len(means), dtype=np.int64)
    else:
        counts = np.count_nonzero(~np.isnan(values), axis=0)
        means = np.nansum(values, axis=0) / np.maximum(counts, 1)
        low, high = t_interval(values, level=level).within(*readings.limits_of(condition.reading))
    return [
        Evidence(condition.text, float(mean), float(lowest), float(highest), int(n))
        if condition.holds(float(lowest), float(highest))
        else None
        for mean, lowest, highest, n in zip(means, low, high, counts, strict=True)
    ]
