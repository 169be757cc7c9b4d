"""A setting of a type that it cannot have is refused by its name, whatever the command and the setting."""

from __future__ import annotations

import re

import pytest

from pipelines.cli.commands import offers
from pipelines.runs.method_settings import make_method
from pipelines.runs.settings_file import settings_from

SETTINGS = {name: offer.settings for name, offer in offers().items()}
CASES = [(name, key) for name, kind in SETTINGS.items() for key in kind.known()]


# What pydantic says of a value begins so, and that of a field that is not there.
_OF_PYDANTIC = re.compile(r"(Input|Value|Field|String|List|Tuple|Dictionary|inputs|Unable) (should|required|are|to)\b")
_VALUES = [5, 0.5, True, -3, 10**40, 1e300, float("nan"), "hed", ["hed", 5], None, {"a": 1}, [[1], {}]]


@pytest.mark.parametrize("value", [*_VALUES, len, object(), iter([1]), b"a", "a\0b"])
def test_every_setting_is_taken_or_refused_in_words_of_ours(value: object):
    for name, key in CASES:
        needed = {"task": "ioi"} if "task" in SETTINGS[name].model_fields else {}
        try:
            settings_from(needed | {key: value}, SETTINGS[name])
        except ValueError as error:
            said = str(error)
            assert len(said.split()) >= 4, (name, key, said)
            assert "object at 0x" not in said, (name, key, said)
            assert not _OF_PYDANTIC.search(said), (name, key, said)


def test_a_list_in_itself_is_refused():
    own: list[object] = []
    own.append(own)
    with pytest.raises(ValueError, match="list in itself, or nested too deeply"):
        settings_from({"runs": own}, SETTINGS["evaluate"])


@pytest.mark.parametrize("value", ["", "   ", ","])
def test_a_list_of_nothing_is_not_taken_for_one_that_was_left_out(value: str):
    fields = [(name, key, field) for name, kind in SETTINGS.items() for key, field in kind.model_fields.items()]
    lists = [(name, key) for name, key, field in fields if isinstance(field.default, tuple)]
    assert ("intervene rank", "ranks") in lists
    for name, key in lists:
        needed = {"task": "ioi"} if "task" in SETTINGS[name].model_fields else {}
        with pytest.raises(ValueError, match=key):
            settings_from(needed | {key: value}, SETTINGS[name])


def test_what_checks_the_settings_of_a_method_is_made_once(monkeypatch):
    """A study plans hundreds of runs of a method, and each asks for it several times."""
    asked = [make_method("eap-ig", {"steps": steps}) for steps in (1, 2)]
    monkeypatch.setattr("pipelines.runs.method_settings.TypeAdapter", None)
    assert [make_method("eap-ig", {"steps": steps}) for steps in (1, 2)] == asked
