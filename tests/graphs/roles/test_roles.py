"""Rules of roles on readings written by hand, and what holds for every rule."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from circuits.intervals import t_interval
from circuits.scores import ALL_POSITIONS
from graphs.roles import (
    AT_END,
    CANDIDATES,
    CONTENT,
    DIRECT,
    INDIRECT,
    RIGHT,
    ROLES,
    TOTAL,
    WRONG,
    Condition,
    CorrectLetter,
    Mover,
    PreviousToken,
    Reading,
    Readings,
    RoleRule,
    labels_of,
)

# What each head is made to be, in the order of the last axis. LETTERS: attention to the correct letter, by which it is.
LETTERS = ("label_A", "label_B")
HEADS = {
    "a0.h0": {"previous-token": 0.9, TOTAL: 0.5},
    "a0.h1": {"duplicate-token": 0.9, TOTAL: 0.3},
    "a0.h2": {"previous-token": 0.9},  # attends so, and nothing depends on it
    "a1.h0": {"induction": 0.8, TOTAL: -0.3},
    "a1.h1": {CONTENT: 0.7, AT_END: 0.4, TOTAL: 0.4},
    "a1.h2": {TOTAL: 0.5, AT_END: 0.2},  # matters, and attends nowhere
    "a1.h3": {"retrieval": 0.5, TOTAL: 0.4},
    "a2.h0": {WRONG: 0.8, RIGHT: 0.1, AT_END: 0.6, TOTAL: 0.6},
    "a2.h1": {"received": 0.9, TOTAL: 0.05},
    "a3.h0": {RIGHT: 0.6, "direct-logit-attribution": 2.0, DIRECT: 0.3, AT_END: 0.3, TOTAL: 0.3, "copying": 0.9},
    "a3.h1": {RIGHT: 0.6, "direct-logit-attribution": -2.0, DIRECT: -0.2, AT_END: -0.2, TOTAL: -0.2, "copying": -0.9},
    "a3.h2": {"direct-logit-attribution": 2.0, DIRECT: 0.3, AT_END: 0.3, TOTAL: 0.3},
    "a3.h3": {RIGHT: 0.6, "direct-logit-attribution": 2.0, DIRECT: 0.1, AT_END: 0.6, TOTAL: 0.6},
    "a4.h0": {"label_A": 0.8, "label_B": 0.5, WRONG: 0.1, AT_END: 0.4, TOTAL: 0.4},
    "a4.h1": {"label_A": 0.9, AT_END: 0.4, TOTAL: 0.4},  # always at A
    "a4.h2": {"label_A": 0.45, "label_B": 0.45, WRONG: 0.45, RIGHT: 0.45, AT_END: 0.4, TOTAL: 0.4},  # at both alike
    "a4.h3": {"label_A": 0.8, "label_B": 0.8, RIGHT: 0.8, TOTAL: 0.4},  # to no effect at the end
}
ROLES_OF = {
    "a0.h0": ["previous-token"],
    "a0.h1": ["duplicate-token"],
    "a1.h0": ["induction"],
    "a1.h1": ["content-gatherer"],
    "a1.h3": ["retrieval"],
    "a2.h0": ["selector"],
    "a2.h1": ["sink"],
    "a3.h0": ["mover"],
    "a3.h1": ["negative-mover", "copy-suppression"],
    "a3.h2": ["writer"],
    "a4.h0": ["correct-letter"],
}
_N = 16


def by_hand(spread: float = 0.01, **without: str) -> Readings:
    """The heads above, each number with a spread of its own over prompts; candidates are right and wrong words."""
    noise = spread * np.resize([-1.0, 1.0], (_N, 1))
    names = {own: f"attention:to={own}" for own in (RIGHT, WRONG, CONTENT, CANDIDATES)}
    places = {"direct-logit-attribution": "END", "copying": "sum"} | {name: own for own, name in names.items()}
    sources = ["previous-token", "duplicate-token", "induction", "retrieval", "received"]
    sources += ["direct-logit-attribution", "copying"]
    values = {}
    for source in (*sources, *names, TOTAL, AT_END, DIRECT):
        numbers = [of.get(source, 0.0) for of in HEADS.values()]
        if source == CANDIDATES:
            numbers = [of.get(RIGHT, 0.0) + of.get(WRONG, 0.0) for of in HEADS.values()]
        name = names.get(source, source)
        values[name, places.get(name, ALL_POSITIONS)] = np.array(numbers) + (0 if source == "copying" else noise)
    values["copying", "sum"] = values["copying", "sum"][None]
    for number, letter in enumerate(LETTERS):
        is_correct = np.resize([True, True, False, False], (_N, 1)) == (number == 0)
        given = np.array([of.get(letter, 0.0) for of in HEADS.values()]) + noise
        values["correct-letter", letter] = np.where(is_correct, given, np.nan)
    values[INDIRECT, ALL_POSITIONS] = values[AT_END, ALL_POSITIONS] - values[DIRECT, ALL_POSITIONS]
    return Readings(tuple(HEADS), values, frozenset({"copying"}), without)


def roles(readings: Readings, *rules: RoleRule) -> dict[str, list[str]]:
    found = labels_of(rules or [rule() for rule in ROLES.values()], readings)
    return {head: [label.role for label in labels] for head, labels in found.items()}


def test_heads_made_to_be_something_are_that_and_nothing_else():
    assert roles(by_hand()) == ROLES_OF


def test_a_label_says_what_it_rests_on():
    (label,) = labels_of([PreviousToken()], by_hand())["a0.h0"]
    pattern, effect = label.evidence
    assert (pattern.condition, effect.condition) == ("previous-token > 0.4", "|total-effect| > 0.01")
    low, high = t_interval(by_hand().values["previous-token", ALL_POSITIONS][:, 0])
    assert (pattern.mean, pattern.n_prompts) == (pytest.approx(0.9), _N)
    assert (pattern.low, pattern.high) == (pytest.approx(float(low)), pytest.approx(float(high)))


def test_an_interval_across_the_bound_gives_no_label():
    # 0.9 +- 2 has an interval from about -0.2 to 2: its mean is above 0.4, and the interval is not.
    assert roles(by_hand(spread=2), PreviousToken()) == {}
    assert "a0.h0" in roles(by_hand(spread=0.5), PreviousToken())
    one = by_hand()
    single = Readings(one.heads, {key: values[:1] for key, values in one.values.items()}, one.of_weights)
    assert roles(single, PreviousToken()) == {}  # one prompt says nothing about others


def test_the_interval_of_a_share_ends_at_1_and_that_of_an_effect_where_it_ends():
    known = by_hand(spread=0.5)
    bounded = replace(known, limits={"previous-token": (0, 1)})
    for readings, highest in ((known, None), (bounded, 1)):
        (label,) = labels_of([PreviousToken()], readings)["a0.h0"]
        pattern, effect = label.evidence
        low, high = t_interval(known.values["previous-token", ALL_POSITIONS][:, 0])
        assert high > 1
        assert (pattern.low, pattern.high) == (pytest.approx(float(low)), highest or pytest.approx(float(high)))
        assert effect.high == pytest.approx(float(t_interval(known.values[TOTAL, ALL_POSITIONS][:, 0]).high))


def test_a_threshold_is_a_setting():
    assert roles(by_hand(), Mover(min_attention=0.5)) == {"a3.h0": ["mover"]}
    assert roles(by_hand(), Mover(min_attention=0.7)) == {}
    assert roles(by_hand(), Mover(min_effect=0.4)) == {}
    with pytest.raises(ValueError, match=r"min_effect=1.5 is no share"):
        Mover(min_effect=1.5)


def test_prompts_that_lack_a_place_are_left_out_of_the_mean():
    readings = by_hand()
    values = dict(readings.values)
    patterns = values["previous-token", ALL_POSITIONS].copy()
    patterns[4:] = np.nan
    values["previous-token", ALL_POSITIONS] = patterns
    (label,) = labels_of([PreviousToken()], Readings(readings.heads, values))["a0.h0"]
    assert [one.n_prompts for one in label.evidence] == [4, _N]


def test_a_condition_of_every_place_is_asked_of_each_alone():
    (label,) = labels_of([CorrectLetter()], by_hand())["a4.h0"]
    asked = [f"correct-letter@{letter} > 0.3" for letter in LETTERS]
    asked += [f"correct-letter@{letter} - attention:to=wrong > 0" for letter in LETTERS]
    assert [one.condition for one in label.evidence] == [*asked, "effect-at-end > 0.01"]
    means = [one.mean for one in label.evidence]
    assert means == pytest.approx([0.8, 0.5, 0.7, 0.4, 0.4])
    assert [one.n_prompts for one in label.evidence] == [_N // 2] * 4 + [_N]
    # .5 at one letter is not enough, whatever the mean over both is.
    assert roles(by_hand(), CorrectLetter(min_attention=0.6)) == {}
    without = {key: values for key, values in by_hand().values.items() if key[0] != "correct-letter"}
    with pytest.raises(KeyError, match="correct-letter"):
        roles(Readings(tuple(HEADS), without), CorrectLetter())


def test_a_reading_that_was_refused_leaves_its_rules_out_and_says_why():
    readings = Readings(by_hand().heads, by_hand().values, by_hand().of_weights, {"attention:to=right": "no such role"})
    assert readings.reason(Mover()) == "no such role"
    assert readings.reason(PreviousToken()) is None
    found = roles(readings)
    assert found["a0.h0"] == ["previous-token"]
    assert found["a3.h0"] == ["writer"]  # what can still be said of a mover


@pytest.mark.parametrize(
    ("must", "low", "high", "holds"),
    [
        ("above", 0.31, 0.4, True),
        ("above", 0.3, 0.4, False),
        ("above", -math.inf, math.inf, False),
        ("below", 0.1, 0.29, True),
        ("below", 0.1, 0.3, False),
        ("apart", -0.5, -0.31, True),
        ("apart", 0.31, 0.5, True),
        ("apart", -0.5, 0.5, False),
        ("apart", math.nan, math.nan, False),
    ],
)
def test_a_condition_asks_the_whole_interval(must, low, high, holds):
    assert Condition(Reading("x"), must, 0.3).holds(low, high) is holds


@pytest.mark.parametrize("name", sorted(ROLES))
def test_every_rule_asks_for_a_pattern_and_an_effect(name):
    rule = ROLES[name]()
    readings = [condition.reading for condition in rule.conditions]
    assert any(reading.is_effect for reading in readings)
    assert any(not reading.is_effect for reading in readings)
    assert rule.summary
    assert rule.source
    assert "min_effect" in {entry.name for entry in fields(rule)}
    assert set(rule.not_beside) <= set(ROLES)
    assert all(ROLES[other].rank < rule.rank for other in rule.not_beside)
