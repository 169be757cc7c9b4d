"""Runs, comparisons and traces as Python shows them: prompts, frames, pictures, what notebooks show."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from pipelines import DiscoverRun, TraceRun, compare, discover, effects, evaluate, trace


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def ioi(store) -> DiscoverRun:
    return discover("ioi", prompts=8, edges=30, out=store)


@pytest.fixture(scope="module")
def traced(store) -> TraceRun:
    return trace("ioi", prompts=4, noise_at="S1", out=store)


def test_the_prompts_of_a_run_are_those_of_its_scores(ioi):
    assert ioi.prompts.prompt_set.fingerprint == ioi.scores.provenance.prompts_fingerprint
    assert ioi.prompts.has_text
    assert len(ioi.prompts) == ioi.scores.n_prompts == 8
    assert ioi.prompts[0].of_role("IO") in ioi.prompts[0].clean


def test_prompts_are_shown_by_ids_where_the_model_is_gone(tiny, tmp_path, new_model):
    folder = new_model(tmp_path / "model")
    run = discover(**tiny.settings(model=str(folder), edges=5, out=tmp_path / "runs"))
    (folder / "config.json").unlink()
    prompts = run.prompts
    assert not prompts.has_text
    assert prompts[0].tokens[0] == f"<{prompts.prompt_set.prompts[0].clean[0]}>"


def test_head_scores_are_sums_of_edges_with_intervals_strongest_first(ioi):
    frame, edges = ioi.head_scores(), ioi.scores.to_frame()
    assert len(frame) == 16
    sums = edges.groupby("source")["score"].sum()
    np.testing.assert_allclose(frame["score"], sums[frame["head"]], rtol=1e-5)
    assert frame["score"].abs().is_monotonic_decreasing
    assert (frame["low"] <= frame["score"]).all()
    assert (frame["score"] <= frame["high"]).all()
    assert set(frame["head"][frame["in_circuit"]]) == {str(head) for head in ioi.circuit.heads}
    assert set(frame["score_is"]) == {"estimated, summed over all outgoing edges"}
    assert set(frame["measured_by"]) == {"eap-ig"}
    # Too wide for a terminal, it is printed without its middle, or in blocks of columns.
    for most in (0, 20):
        with pd.option_context("display.width", 80, "display.max_columns", most):
            assert repr(frame).split()[:4] == ["head", "score", "low", "high"]


def test_head_scores_are_measured_effects_where_heads_were_scored(store):
    run = discover("ioi", method="activation-patching", prompts=8, nodes=5, out=store)
    frame, own = run.head_scores(), run.node_scores
    assert own is not None
    assert set(frame["score_is"]) == {"measured"}
    expected = {str(part): mean for part, mean in zip(own.components, own.means[0], strict=True)}
    assert dict(zip(frame["head"], frame["score"], strict=True)) == {head: expected[head] for head in frame["head"]}
    assert set(frame["position"]) == {"all"}


def test_a_comparison_of_runs_has_a_frame_of_every_pair(ioi, store):
    other = discover("colored-objects", prompts=8, edges=30, out=store)
    compared = compare(ioi, other, out=store, overlap_only=True)
    frame = compared.to_frame()
    assert set(frame["a"]) == {"ioi"}
    assert set(frame["b"]) == {"colored-objects"}
    assert frame.drop(columns=["a", "b"]).equals(compared.comparison.to_frame())
    shown = compared._repr_html_()
    assert shown.count("data:image/svg+xml") == 1
    assert repr(compared) == f"<StoredComparison of ioi, colored-objects in {compared.folder.name}>"


def test_reports_have_the_frames_of_their_csv_files(ioi, store):
    judged = evaluate(ioi, random=2, knockouts=0, resamples=0, out=store)
    frame = judged.to_frame()
    assert frame["run"].tolist() == [ioi.name]
    assert frame["faithfulness"].item() == judged.rows[0]["faithfulness"]
    assert frame["faithfulness_low"].item() == judged.rows[0]["faithfulness_interval"][0]
    assert set(frame["minimality"].isna()) == {True}
    assert frame.equals(pd.read_csv(judged.folder / "evaluation.csv"))
    # Asked for again, nothing is computed, and the frame is there all the same.
    assert evaluate(ioi, random=2, knockouts=0, resamples=0, out=store).to_frame().equals(frame)
    with pytest.raises(ValueError, match=r"no table 'evaluations'.*Did you mean 'evaluation'"):
        judged.to_frame("evaluations")
    assert "faithfulness" in judged._repr_html_()
    assert "nan" not in judged._repr_html_().lower()


def test_long_tables_are_shown_in_part_and_say_so(store):
    report = effects("ioi", prompts=4, out=store)
    assert report._repr_html_().count("<tr>") < 12 + len(report.content())
    assert f"and {len(report.rows) - 12} more rows" in report._repr_html_()


def test_a_comparison_has_its_other_tables_by_name(ioi, store):
    compared = compare(ioi, ioi, out=store, overlap_only=True)
    assert compared.to_frame("overlap")["level"].tolist() == ["heads", "nodes", "edges"]
    assert compared.to_frame("overlap").equals(pd.read_csv(io.BytesIO(compared.csv_files["overlap"])))


def test_a_trace_is_drawn_in_three_ways_or_says_why_not(traced, tmp_path):
    for what in ("positions", "depth"):
        traced.draw(what).save(tmp_path / "trace.pdf")
        assert (tmp_path / "trace.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match=r"kinds=\['head'\]"):
        traced.draw("heads")
    with pytest.raises(ValueError, match=r"no drawing of a trace 'position'.*'positions'"):
        traced.draw("position")
    with pytest.raises(ValueError, match=r"does not fit into 3\.35 x 4\.6 inches"):
        traced.draw(size="column")
    assert traced.draw(size="slide").to_bytes("svg") != traced.draw().to_bytes("svg")


def test_a_trace_has_the_rates_of_its_report_as_a_frame(traced):
    frame = traced.trace.to_frame()
    ratio = traced.trace.ratio_of_means()
    assert len(frame) == ratio.values.size
    np.testing.assert_allclose(frame["recovery"], ratio.values.ravel())
    assert "data:image/svg+xml" in traced._repr_html_()
    assert "<table" in traced.trace._repr_html_()


def test_notebooks_show_runs_with_their_circuit(ioi):
    shown = ioi._repr_html_()
    assert ioi.name in shown
    assert shown.count("data:image/svg+xml") == 1
    assert repr(ioi) == f"<Run {ioi.name}: {ioi.circuit.description}>"
