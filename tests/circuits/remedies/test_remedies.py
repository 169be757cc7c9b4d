"""Every remedy: its settings are JSON, its edits can be written, its heads are there."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from circuits.components import Component
from circuits.edits import edit_from
from circuits.remedies import REMEDIES, AttentionCalibration, MaskHeads, VisionHeads, VisualRedistribution, ZeroTuning
from circuits.remedies.base import nested
from circuits.tasks import TASKS
from tests.bundled import bundled


@pytest.fixture(scope="module")
def reference() -> Any:
    return bundled("reference")


@pytest.mark.parametrize("name", list(REMEDIES))
def test_settings_are_json_edits_can_be_written_and_heads_are_there(name, reference):
    remedy = REMEDIES[name]()
    kept = json.loads(json.dumps(remedy.settings))
    assert REMEDIES[name](**{key: tuple(v) if isinstance(v, list) else v for key, v in kept.items()}) == remedy
    for probe, strengths in remedy.probes.items():
        for strength in (probe, *strengths):
            assert [edit_from(edit.text) for edit in remedy.edits(strength)] == list(remedy.edits(strength))
    heads = remedy.candidates(reference.wiring)
    assert heads
    assert all(Component.parse(head).is_head for head in heads)
    assert remedy.summary


def test_outer_layers_are_left_out_of_redistribution(reference):
    assert AttentionCalibration().candidates(reference.wiring) == [f"a2.h{head}" for head in range(4)]
    assert len(VisualRedistribution().candidates(reference.wiring)) == 4
    shallow: Any = SimpleNamespace(n_layers=2, n_heads=2)
    with pytest.raises(ValueError, match="leaves out the outer layers, and the model has 2 alone"):
        AttentionCalibration().candidates(shallow)


def test_gammas_are_tried_on_the_side_that_helps():
    assert ZeroTuning((0.5, 3.0, 0.1)).probes == {2.0: (3.0,), 0.5: (0.5, 0.1)}
    assert ZeroTuning((3.0,)).probes == {2.0: (3.0,), 0.5: (0.5,)}
    with pytest.raises(ValueError, match="up must be above 1"):
        ZeroTuning(up=0.5)
    with pytest.raises(ValueError, match="gamma above 0"):
        ZeroTuning((0.0,))


def test_sets_are_nested_and_larger_sizes_than_there_are_heads_give_all_once():
    assert nested(["a", "b", "c"], (4, 2, 9)) == [("a", "b"), ("a", "b", "c")]


def test_heads_are_ranked_by_the_prompts_that_say_something():
    measured = np.array([[[0.1], [0.9]], [[np.nan], [np.nan]], [[0.3], [0.2]]])
    assert MaskHeads().sets(measured, ["a0.h0", "a0.h1"], (1,)) == [("a0.h1",)]
    with pytest.raises(ValueError, match="none of the prompts that choose"):
        MaskHeads().sets(measured[1:2], ["a0.h0", "a0.h1"], (1,))


def test_a_profile_of_several_places_ranks_nothing(reference):
    prompts = TASKS["ioi"]().build(reference.tokenizer, n=2)
    with pytest.raises(ValueError, match="heads are ranked by one"):
        MaskHeads("attention").check(reference, prompts)
    one = MaskHeads("attention", {"query": "END", "to": "IO"})
    one.check(reference, prompts)
    assert one.measure(reference, prompts).shape == (2, 16, 1)


def test_vhr_takes_the_heads_above_their_layers_median_beside_the_first():
    heads = [f"a{layer}.h{head}" for layer in range(2) for head in range(4)]
    measured = np.zeros((3, 8, 2))
    measured[..., 0] = [1, 2, 3, 4, 10, 5, 6, 7]
    assert VisionHeads().sets(measured, heads, (1,)) == [("a1.h0",), ("a0.h2", "a0.h3", "a1.h0", "a1.h3")]


def test_the_first_token_is_content_where_no_token_of_the_tokenizer_stands_there(reference):
    prompts = TASKS["ioi"]().build(reference.tokenizer, n=2)
    (said,) = ZeroTuning().warnings(reference, prompts)
    assert "the first token is content" in said
    start = prompts.prompts[0].clean[0]
    same: Any = SimpleNamespace(tokenizer=SimpleNamespace(bos_token_id=start))
    assert ZeroTuning().warnings(same, prompts[:1]) == ()
