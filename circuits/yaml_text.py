"""YAML that people write: plain values, and no key twice, where PyYAML would take the last one in silence."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

_DEEPEST, _MOST_VALUES = 32, 100_000


class _Loader(yaml.SafeLoader):
    """Refuses a mapping that gives a key twice, and text with half a character; escapes as JSON has them are taken."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            try:
                return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError:
                line = node.start_mark.line + 1
                raise ValueError(f"line {line} holds half of a surrogate pair, which is no character") from None
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in names:
                    raise ValueError(f"line {key.start_mark.line + 1} gives {key.value!r} a second time: give it once")
                names.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. ValueError, which says what is wrong, for anything that is none.

    >>> from circuits.yaml_text import parse_yaml
    >>> parse_yaml("steps: 5")
    {'steps': 5}
    """
    try:
        _require_shallow(text)
        value = yaml.load(text, Loader=_Loader)
        _require_small(value)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}{_instead(text)}") from None
    except RecursionError:
        raise ValueError(_too_deep()) from None
    # Of dates, numbers and binary data that YAML recognizes by their looks and that are none.
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"a value cannot be read ({error})") from None
    return value


def _instead(text: str) -> str:
    """What to do with a text that is no YAML, where that can be told."""
    if text.lstrip().startswith("{") and text.strip().endswith("}"):
        return "\nLines of JSON are no YAML: give the file the ending .jsonl."
    if any(line.lstrip(" ").startswith("\t") for line in text.splitlines()):
        return "\nYAML is indented with spaces, not with tabs."
    return ""


def _require_shallow(text: str) -> None:
    """Raise a ValueError for a text that nests deeply, before it is read further: reading that takes minutes."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(_too_deep())


def _require_small(value: Any) -> None:
    """Raise a ValueError for a value that is deep, or large: aliases let a few lines stand for billions of them."""
    rows, n_seen = [(value, 0)], 0
    while rows:
        one, depth = rows.pop()
        n_seen += 1
        if depth > _DEEPEST:
            raise ValueError(_too_deep())
        if n_seen > _MOST_VALUES:
            raise ValueError(f"it holds more than {_MOST_VALUES:,} values, which no settings need")
        if isinstance(one, (dict, list)):
            rows += [(inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one)]


def _too_deep() -> str:
    return f"lists and mappings are nested more than {_DEEPEST} deep, or hold themselves"
