"""CHAIR: which words name an object, and both ways to count them, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuits.injection.chair import ObjectNames, chair
from circuits.injection.synonyms import read_synonyms
from circuits.intervals import Interval, Share, t_interval

# As COCO's file has them: words twice, blanks too many, objects without another word.
FILE = """person, girl, man,  woman, people, baby, man
bird, duck
cow, cattle, calf
tie, bow
toilet, urinal
chair, seat, stool
train, locomotive
dining table, table
knife
hot dog

teddy bear, teddybear
"""
NAMES = ("person", "bird", "cow", "tie", "toilet", "chair", "train", "dining table", "knife", "hot dog")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "synonyms.txt"
    path.write_text(FILE)
    return path


def test_names_are_whole_words_in_any_case_the_longest_first() -> None:
    names = ObjectNames(["dog", "hot dog", "box", "cherry", "person"], {"person": ["man", "people"]})
    text = "Two Hot dogs, boxes and cherries; a man, people, a dogma and a dog."
    assert names.mentions(text) == ["hot dog", "box", "cherry", "person", "person", "dog"]
    assert ObjectNames([]).mentions(text) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Three women and a man with knives", ["person", "person", "knife"]),
        ("a calf beside cows, calves and cattle", ["cow"] * 4),
        ("A baby and two ducks", ["person", "bird"]),
        # A pair of words stands for the second one, or for nothing that is asked about.
        ("A baby bird and an adult cow", ["bird", "cow"]),
        ("a passenger train, a passenger jet", ["train"]),
        ("a toilet seat; a bow tie; a baby elephant at home plate", ["toilet", "tie"]),
        ("a table for dining, a Dining Table", ["dining table", "dining table"]),
        ("a human, a mailman's seats", ["chair"]),
    ],
)
def test_words_for_an_object_are_those_of_coco_s_script(file: Path, text: str, named: list[str]) -> None:
    assert ObjectNames(NAMES, read_synonyms(file, NAMES).words).mentions(text) == named


def test_words_that_stand_for_two_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="the word 'cab' stands for 'car' and for 'taxi'"):
        ObjectNames(["car", "taxi"], {"car": ["cab"], "taxi": ["cab"]})
    with pytest.raises(ValueError, match="synonyms are given for 'bus'"):
        ObjectNames(["car"], {"bus": ["coach"]})


def test_a_line_of_synonyms_is_that_of_the_object_among_its_words(file: Path) -> None:
    synonyms = read_synonyms(file, ("Man", "toilet", "Hot dog"))
    assert synonyms.words == {"Man": ("person", "girl", "woman", "people", "baby"), "toilet": ("urinal",)}
    assert synonyms.left_out[:3] == ("bird", "cow", "tie")
    assert "hot dog" not in synonyms.left_out


def test_synonyms_that_do_not_fit_are_refused(file: Path) -> None:
    with pytest.raises(ValueError, match=r"synonyms.txt, line 1: 'girl' and 'man' are different objects here"):
        read_synonyms(file, ("girl", "man"))
    with pytest.raises(ValueError, match=r"synonyms.txt names none of the 2 objects \(red circle, blue square, ...\)"):
        read_synonyms(file, ("red circle", "blue square"))
    with pytest.raises(ValueError, match=r"cannot read the synonyms .*absent.txt"):
        read_synonyms(file.with_name("absent.txt"), NAMES)


def test_three_captions_by_hand() -> None:
    names = ObjectNames(["cat", "dog", "bird"])
    rates = chair(["a cat and two dogs, a dog", "a bird", "nothing"], [{"cat", "bird"}, {"bird"}, {"cat"}], names)
    assert rates.sentence == Share(1, 3)
    assert rates.instance == Share(1, 3)  # cat, dog, bird
    assert rates.mention.value == 2 / 4  # cat, dog, dog, bird
    assert rates.recall == Share(2, 4)
    with pytest.raises(ValueError, match="1 captions have 0 lists"):
        chair(["a cat"], [], names)


def test_synonyms_change_every_rate(file: Path) -> None:
    captions, present = ["a man on a stool", "a duck"], [{"person"}, set()]
    by_name, by_word = (
        chair(captions, present, ObjectNames(NAMES, words)) for words in ({}, read_synonyms(file, NAMES).words)
    )
    assert (by_name.sentence, by_name.instance, by_name.recall) == (Share(0, 2), Share(0, 0), Share(0, 1))
    assert (by_word.sentence, by_word.instance, by_word.recall) == (Share(2, 2), Share(2, 3), Share(1, 1))
    assert (by_name.mention.value, by_word.mention.value) == (0, 2 / 3)
    assert by_name.mention.interval == Interval(0, 1)


def test_mentions_of_one_caption_are_no_independent_evidence() -> None:
    """Every caption names its object twice: the interval is that of the captions, not of twice as many mentions."""
    names, absent = ObjectNames(["cat"]), np.arange(40) % 4 == 0
    present = [set() if is_absent else {"cat"} for is_absent in absent]
    twice = chair(["a cat and a cat"] * 40, present, names).mention
    assert twice.value == 0.25
    assert twice.interval == pytest.approx(t_interval(absent.astype(float)).item())
    assert twice == chair(["a cat"] * 40, present, names).mention


def test_a_single_caption_says_nothing_about_others() -> None:
    rates = chair(["a cat"], [set()], ObjectNames(["cat"]))
    assert rates.mention.value == 1
    assert rates.mention.interval.as_json() is None
