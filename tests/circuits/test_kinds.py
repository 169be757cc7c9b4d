"""What kinds are: names that tell them apart, and what each writes, reads and changes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.components import Component, Wiring
from circuits.kinds import KINDS


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 200), st.integers(0, 200))
def test_a_name_belongs_to_one_kind(kind, layer, index):
    name = KINDS[kind].form.format(layer=layer, index=index)
    assert [other.name for other in KINDS.values() if other.pattern.fullmatch(name)] == [kind]
    assert str(Component.parse(name)) == name


def test_the_kinds_as_one_would_list_them():
    """name: writes, ports, is_node, is_reader_only, is_sublayer, is_state, is_inner"""
    listed = {
        kind.name: (
            kind.writes,
            kind.ports,
            kind.is_node,
            Component(kind.name).is_reader_only,
            kind.is_sublayer,
            kind.is_state,
            kind.is_inner,
        )
        for kind in KINDS.values()
    }
    inner = (False, (), False, False, False, False, True)
    assert listed == {
        "input": (True, (), False, False, False, False, False),
        "residual": (False, (), False, False, False, True, False),
        "kv": (False, ("k", "v"), False, True, False, False, False),
        "head": (True, ("q", "k", "v"), True, False, False, False, False),
        "query": inner,
        "key": inner,
        "value": inner,
        "pattern": inner,
        "attention": (True, (None,), False, False, True, False, False),
        "mlp": (True, (None,), True, False, True, False, False),
        "bias": (False, (), False, False, False, False, False),
        "logits": (False, (None,), False, True, False, False, False),
    }


def test_only_keys_and_values_change_other_positions():
    assert {name for name, kind in KINDS.items() if not kind.is_per_token} == {"kv", "key", "value"}


def test_every_kind_with_an_index_is_counted_by_a_field_of_the_wiring():
    fields = {field.name for field in dataclasses.fields(Wiring)}
    assert {kind.counted_by for kind in KINDS.values() if kind.has_index} <= fields
    assert {kind.counted_by for kind in KINDS.values() if not kind.has_index} == {None}


def test_components_are_ordered_as_they_run():
    names = ["input", "r0", "a0.kv1", "a0.h0", "a0.h2", "m0", "r1", "a1.h0", "m1", "a2", "m2", "a10.h0", "logits"]
    parts = [Component.parse(name) for name in names]
    assert sorted(sorted(parts, key=str), key=lambda part: part.order) == parts
    assert Component.parse("a0.h0").row == Component.parse("a0.h2").row < Component.parse("m0").row


@pytest.mark.parametrize(
    ("name", "whole"), [("a3.h1", "a3"), ("a3.kv0", "a3"), ("a3", "a3"), ("m3", "m3"), ("r3", "r3"), ("input", "input")]
)
def test_a_part_belongs_to_the_attention_or_mlp_of_its_layer(name, whole):
    assert str(Component.parse(name).whole) == whole


@pytest.mark.parametrize(
    ("wiring", "name", "readers"),
    [
        (Wiring(2, 4, 4), "a1.h3", ["a1.h3<q>", "a1.h3<k>", "a1.h3<v>"]),
        (Wiring(2, 4, 2), "a1.h3", ["a1.h3<q>", "a1.kv1<k>", "a1.kv1<v>"]),
        (Wiring(2, 4, 4), "m1", ["m1"]),
        (Wiring(2, 4, 4), "logits", ["logits"]),
        (Wiring(2, 4, 4), "input", []),
        (Wiring(2, 4, 4).by_layer, "a1", ["a1"]),
    ],
)
def test_a_component_reads_through_the_ports_of_its_kind(wiring, name, readers):
    component = Component.parse(name)
    assert list(map(str, wiring.readers_of(component))) == readers
    for reader in wiring.readers_of(component):
        assert reader in wiring.readers
        assert component in wiring.writers_fed_by(reader.component)


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"no kind of component 'heads'\. Known: attention, bias, head, .*'head'"):
        _ = Component("heads", 0, 1).is_node
