"""Frames of scores say what the arrays say, row by row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from circuits.components import Component, Wiring
from circuits.recovery import Trace
from circuits.scores import ComponentScores, EdgeScores, Provenance

WIRING = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
ORIGIN = Provenance("eap", {}, "logit-difference", "model", "", "task", "", scores_are="estimated")


@pytest.fixture
def edge_scores() -> EdgeScores:
    per_prompt = np.random.default_rng(0).standard_normal((5, WIRING.n_edges)).astype(np.float32)
    measured = np.ones(WIRING.n_edges, dtype=bool)
    measured[[0, 7]] = False
    per_prompt[:, ~measured] = 0
    per_prompt[:, 3] = 0
    return EdgeScores(WIRING, per_prompt, measured, ORIGIN)


@pytest.fixture
def component_scores() -> ComponentScores:
    parts = tuple(map(Component.parse, ("a0.h0", "a1.h2", "m1", "r0")))
    per_prompt = np.random.default_rng(1).standard_normal((3, 2, 4))
    measured = np.ones(per_prompt.shape, dtype=bool)
    measured[1, 1] = False  # prompt 1 has no second position
    measured[:, 0, 3] = False
    return ComponentScores(WIRING, parts, ("IO", "END"), np.where(measured, per_prompt, 0), measured, ORIGIN)


def test_a_row_per_edge_with_its_mean_and_interval(edge_scores):
    frame, interval = edge_scores.to_frame(), edge_scores.interval()
    assert len(frame) == WIRING.n_edges
    for number, (edge, row) in enumerate(zip(WIRING.edges, frame.itertuples(), strict=True)):
        assert (row.edge, row.source, row.target) == (str(edge), str(edge.source), str(edge.target))
        assert (None if pd.isna(row.port) else row.port) == edge.port
        assert (None if row.layer is pd.NA else row.layer) == edge.source.layer
        assert (None if pd.isna(row.head) else row.head) == (str(edge.source) if edge.source.is_head else None)
        assert (None if row.target_index is pd.NA else row.target_index) == (
            edge.target.index if edge.target.is_head else None
        )
        if edge_scores.measured[number]:
            expected = edge_scores.means[number], interval.low[number], interval.high[number]
            assert (row.score, row.low, row.high) == expected
            assert (row.score_is, row.measured_by) == ("estimated", "eap")
        else:
            assert math.isnan(row.score)
            assert row.score_is == "not measured"
            assert pd.isna(row.measured_by)


def test_in_every_frame_a_head_is_a_name_and_its_numbers_are_layer_and_index(edge_scores, component_scores):
    frames = (edge_scores.to_frame(), edge_scores.to_frame_per_prompt(), component_scores.to_frame(),
              component_scores.to_frame_per_prompt())  # fmt: skip
    for frame in frames:
        named = frame.dropna(subset=["head"])
        numbers = zip(named["layer"], named["index"], strict=True)
        assert named["head"].tolist() == [f"a{layer}.h{index}" for layer, index in numbers]
        assert frame["head"].isna().equals(frame["index"].isna())


def test_frames_of_edges_say_where_and_by_what_and_show_the_score_where_there_is_no_room(edge_scores):
    means, each = edge_scores.to_frame(), edge_scores.to_frame_per_prompt()
    where = ["source", "target", "port", "layer", "head"]
    asked = [*where, "measured_by", "score", "low", "high"]
    assert [name for name in means.columns if name in asked] == asked
    asked = ["prompt", *where, "measured_by", "score"]
    assert [name for name in each.columns if name in asked] == asked
    assert set(each["measured_by"]) == {"eap"}
    for frame, first, last in ((means, "edge", ["score", "low", "high"]), (each, "prompt", ["score"])):
        with pd.option_context("display.width", 80, "display.max_columns", 0):
            shown = repr(frame).splitlines()[0].split()
        assert shown[0] == first
        assert set(last) < set(shown)


def test_measured_as_zero_is_a_score_and_not_measured_is_missing(edge_scores):
    scores = edge_scores.to_frame()["score"]
    assert scores[3] == 0
    assert scores.isna().sum() == 2


def test_ends_are_missing_where_one_prompt_says_nothing_of_others(edge_scores):
    frame = edge_scores.of_prompts([2]).to_frame()
    assert frame["score"].notna().sum() == WIRING.n_edges - 2
    assert frame[["low", "high"]].isna().all(axis=None)


def test_a_row_per_prompt_and_measured_edge(edge_scores):
    frame = edge_scores.to_frame_per_prompt()
    assert len(frame) == 5 * (WIRING.n_edges - 2)
    wide = frame.pivot_table(index="prompt", columns="edge", values="score", observed=True)
    names = [str(edge) for edge, is_in in zip(WIRING.edges, edge_scores.measured, strict=True) if is_in]
    np.testing.assert_array_equal(wide[names].to_numpy(), edge_scores.per_prompt[:, edge_scores.measured])


def test_names_are_made_of_parts_and_not_of_every_edge(monkeypatch):
    wiring = Wiring(n_layers=4, n_heads=8, n_kv_heads=8)
    scores = EdgeScores(wiring, np.zeros((3, wiring.n_edges)), np.ones(wiring.n_edges, dtype=bool), ORIGIN)
    made, named = [], Component.__str__
    monkeypatch.setattr(Component, "__str__", lambda part: made.append(part) or named(part))
    for frame in (scores.to_frame(), scores.to_frame_per_prompt()):
        assert frame["edge"].iloc[-1] == "m3->logits"
    assert len(made) < wiring.n_edges / 2


def test_sums_over_a_source_are_the_scores_of_its_node(edge_scores):
    sums = edge_scores.to_frame().groupby("source")["score"].sum()
    nodes = edge_scores.node_scores().to_frame().set_index("component")["score"]
    np.testing.assert_allclose(sums[nodes.index].to_numpy(), nodes.to_numpy(), atol=1e-6)


def test_a_row_per_position_and_component(component_scores):
    frame = component_scores.to_frame()
    assert frame[["position", "component"]].values.tolist() == [
        [position, str(part)] for position in ("IO", "END") for part in component_scores.components
    ]
    means = np.where(component_scores.measured.any(axis=0), component_scores.means, np.nan).ravel()
    np.testing.assert_array_equal(frame["score"].to_numpy(), means)
    assert frame["index"].tolist()[:2] == [0, 2]
    assert frame["index"].isna().tolist()[2:4] == [True, True]


def test_a_row_per_prompt_where_a_component_was_measured(component_scores):
    frame = component_scores.to_frame_per_prompt()
    assert len(frame) == component_scores.measured.sum()
    for row in frame.itertuples():
        position, part = component_scores.positions.index(row.position), Component.parse(row.component)
        index = component_scores.components.index(part)
        assert row.score == component_scores.per_prompt[row.prompt, position, index]


def test_a_trace_has_recovery_rates_by_hand(component_scores):
    restored = replace(
        component_scores, per_prompt=np.full((3, 2, 4), 1.0), measured=np.ones((3, 2, 4), dtype=bool), wiring=WIRING
    )
    trace = Trace(restored, np.array([4.0, 4.0, 4.0]), np.array([2.0, 1.0, 0.0]))  # gaps 2, 3, 4: mean 3
    frame = trace.to_frame()
    assert frame["recovery"].tolist() == [1 / 3] * 8
    assert frame["restored"].tolist() == [1.0] * 8
    assert frame["prompts"].tolist() == [3] * 8


def test_reprs_are_short(edge_scores, component_scores):
    assert repr(edge_scores) == f"<EdgeScores task, eap: {WIRING.n_edges - 2} of {WIRING.n_edges} edges, 5 prompts>"
    assert repr(component_scores) == "<ComponentScores task, eap: 4 components at 2 position(s), 3 prompts>"


def test_what_notebooks_show_escapes_names(edge_scores, component_scores):
    for scores in (edge_scores, component_scores):
        shown = replace(scores, provenance=replace(ORIGIN, task="<script>alert(1)</script>"))._repr_html_()
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown
        assert "<table" in shown
