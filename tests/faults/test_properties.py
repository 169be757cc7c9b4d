"""Whatever a file holds, it is read or refused with a ValueError; whatever a name holds, files stay well-formed.

The examples are the same in every run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from circuits.data.prompt_files import prompts_from
from circuits.data.records import entries_of
from circuits.data.template_file import template_from
from circuits.mib_file import mib_circuit
from circuits.strict_json import parse_strictly
from circuits.yaml_text import parse_yaml
from graphs import CircuitGraph, annotations_from
from graphs.export import EXPORTS, ReadableExport
from pipelines.cli.commands import offers
from pipelines.runs.settings_file import settings_from
from tests.faults.other_files import TEMPLATE
from tests.faults.sound import Sound
from tests.faults.trial import Said, unclear

fixed = partial(settings, deadline=None, derandomize=True, database=None)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
SETTINGS = {name: offer.settings for name, offer in offers().items()}
NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
XML = ("svg", "graphml", "gexf")
IDS = st.lists(st.integers(-1, 12) | VALUES, max_size=6) | VALUES


def refused_or(read: Callable[[], Any]) -> Any:
    """What is read; None where it is refused in words for people."""
    try:
        return read()
    except ValueError as error:
        said = f"error: {error}"
    assert "speaks of the code" not in unclear(Said(2, said, ""), ())
    return None


def of_keys(keys: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(keys) | ANY_TEXT, values, max_size=5)


@fixed(max_examples=150)
@given(data=st.data())
def test_any_settings_are_taken_or_refused(data: st.DataObject):
    kind = SETTINGS[data.draw(st.sampled_from(sorted(SETTINGS)))]
    values = data.draw(of_keys(list(kind.known()), VALUES))
    refused_or(lambda: settings_from(values, kind))


@fixed(max_examples=150)
@given(
    of_keys(["clean_ids", "corrupt_ids", "answer_ids", "wrong_answer_ids", "roles", "answer_position", "label"], IDS)
)
def test_any_record_of_prompts_is_read_or_refused(record: dict[str, Any]):
    refused_or(lambda: prompts_from([record]))


@fixed(max_examples=150)
@given(st.binary(max_size=80) | ANY_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_as_entries_or_refused(content: bytes):
    for name in ("t.jsonl", "t.json", "t.csv", "t.tsv"):
        refused_or(lambda name=name: entries_of(content, name))


@fixed(max_examples=100)
@given(st.sampled_from(sorted(TEMPLATE)), VALUES)
def test_any_part_of_a_template_is_taken_or_refused(key: str, value: Any):
    refused_or(lambda: template_from(TEMPLATE | {key: value}, name="any"))


@fixed(max_examples=100)
@given(of_keys(["format", "version", "groups", "notes"], VALUES))
def test_any_annotations_are_read_or_refused(content: dict[str, Any]):
    whole = {"format": "circuit-workbench-annotations", "version": 1} | content
    refused_or(lambda: annotations_from(json.dumps(whole).encode(), source="any"))


@fixed(max_examples=100)
@given(of_keys(["n_layers", "n_heads", "parallel_attn_mlp"], st.integers(-1, 3) | VALUES), VALUES, VALUES)
def test_any_circuit_of_another_tool_is_read_or_refused(config: dict[str, Any], nodes: Any, edges: Any):
    given_edges = {"input->logits": edges}
    refused_or(lambda: mib_circuit({"cfg": config, "nodes": {"a0.h0": nodes}, "edges": given_edges}, source="any"))


@fixed(max_examples=100)
@given(VALUES)
def test_json_is_read_as_it_is_or_refused(value: Any):
    text = json.dumps(value)
    read = refused_or(lambda: {"value": parse_strictly(text)})
    assert read is None or json.dumps(read["value"]) == text


@fixed(max_examples=100)
@given(st.integers(0, 60), st.booleans())
def test_yaml_is_read_to_a_depth_and_refused_below(depth: int, is_list: bool):
    text = "[" * depth + "1" + "]" * depth if is_list else "".join(f"{' ' * n}a:\n" for n in range(depth)) + " " * depth
    read = refused_or(lambda: {"value": parse_yaml(text)})
    assert (read is not None) == (depth <= 32)


@fixed(max_examples=100)
@given(VALUES)
def test_yaml_reads_what_json_writes(value: Any):
    """JSON writes a character beyond the first 65,536 as two escapes, which are one character."""
    text = json.dumps({"a": value}, allow_nan=True)
    read = refused_or(lambda: parse_yaml(text))
    assert read is None or "\ud800" not in json.dumps(read, ensure_ascii=False, default=str)


def test_two_escapes_are_one_character_and_one_is_none():
    assert parse_yaml('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    with pytest.raises(ValueError, match="line 2 holds half of a surrogate pair"):
        parse_yaml('b: 1\na: "\\ud83d"\n')


@fixed(max_examples=10, phases=[Phase.generate])
@given(NAMES, NAMES)
def test_any_name_leaves_files_well_formed(circuit: CircuitGraph, task: str, model: str):
    named = replace(circuit, provenance=replace(circuit.provenance, task=task, model=model, metric=f"{task}<&>"))
    for name in XML:
        ElementTree.fromstring(EXPORTS[name].to_bytes(named))
    page = EXPORTS["html"].to_bytes(named).decode()
    assert tags(page) == tags(EXPORTS["html"].to_bytes(circuit).decode())
    for name in ("dot", "latex", "markdown", "cytoscape", "json"):
        assert EXPORTS[name].to_bytes(named)


def tags(page: str) -> int:
    """How many scripts and frames a page has."""
    return len(re.findall(r"<script|<iframe|<object", page))


@pytest.fixture(scope="module")
def circuit(inputs: Sound) -> CircuitGraph:
    export = EXPORTS["json"]
    assert isinstance(export, ReadableExport)
    read = export.read(inputs.runs / inputs.run / "graph.json")
    assert isinstance(read, CircuitGraph)
    return read
