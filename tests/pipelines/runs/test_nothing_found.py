"""Zeros and ties that choose a circuit are named wherever it is found, traced, judged, compared or varied."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, discover, evaluate, study, trace

ZERO = "every score of {} is zero"


def changed(tiny: Any, path: Path, **more: Any) -> str:
    """The prompts of the tests, equal at their first three tokens."""
    records = [json.loads(line) for line in tiny.prompts.read_text().splitlines()]
    later = [record | {"corrupt_ids": record["clean_ids"][:3] + record["corrupt_ids"][3:]} | more for record in records]
    path.write_text("\n".join(json.dumps(record) for record in later))
    return str(path)


@pytest.fixture(scope="module")
def unread(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Prompts answered before their first difference: nothing reaches the answer, but for rounding."""
    return changed(tiny, tmp_path_factory.mktemp("unread") / "unread.jsonl", answer_position=2)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def said(warnings: Any, start: str) -> list[str]:
    return [text for text in warnings if start in text]


@pytest.mark.parametrize("method", ["eap", "activation-patching"])
def test_a_circuit_of_zeros_is_named_and_so_is_what_comes_of_it(tiny: Any, unread: str, out: Path, method: str):
    run = discover(unread, model=str(tiny.model), method=method, edges=30, out=out)
    assert said(run.summary["warnings"], ZERO.format(method))
    # Ties follow from zeros.
    assert not said(run.summary["warnings"], "cut by ties")
    if method == "activation-patching":
        assert said(run.summary["warnings"], ZERO.format("eap-ig"))
        return
    judged = evaluate(run, random=0, knockouts=0, resamples=0, out=out)
    assert said(judged.warnings, f"{run.name}: {ZERO.format(method)}")
    other = discover(**tiny.settings(edges=9, out=out))
    compared = compare(run, other, out=out)
    (warning,) = said(compared.warnings, ZERO.format(method))
    assert warning.startswith(f"{run.name}: ")
    assert compared.summary["warnings"] == list(compared.warnings)


def test_a_trace_of_zeros_is_named(tiny: Any, unread: str, out: Path):
    traced = trace(unread, model=str(tiny.model), ablation="corrupt", settings={"kinds": ["mlp"]}, out=out)
    assert said(traced.summary["warnings"], ZERO.format("causal-tracing"))


def test_a_position_before_the_first_difference_is_named_with_those_after_it(tiny: Any, out: Path, tmp_path: Path):
    task = changed(tiny, tmp_path / "late.jsonl")
    settings = {"at": "positions", "kinds": ["mlp"]}
    about = {"model": str(tiny.model), "settings": settings, "position": "1", "out": out}
    found = discover(task, method="activation-patching", **about)
    traced = trace(task, ablation="corrupt", **about)
    for run, name in ((found, "activation-patching"), (traced, "causal-tracing")):
        (warning,) = said(run.summary["warnings"], "is zero")
        assert warning.startswith(f"every score of {name} at '1' is zero: nothing was found there.")
        assert "(3, 4, 5)" in warning


def test_a_study_names_the_values_that_find_nothing(tiny: Any, unread: str, out: Path, tmp_path: Path):
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"edges": ["input->a0.h0<v>", "a0.h0->logits"]}))
    varied = study(unread, vary={"steps": [1, 2]}, truth=truth, model=str(tiny.model), method="eap-ig", out=out)
    (warning,) = varied.warnings
    assert warning.startswith(ZERO.format("eap-ig"))
    assert varied.content()["warnings"] == list(varied.warnings)


def test_ties_are_counted_in_the_summary_and_named(circuits: Callable[..., Any], tiny: Any, out: Path):
    settings = {"least_accuracy": 0, "epochs": 2, "trials": 1, "features": 6}
    assigned = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    about = (*tiny.arguments, "--method", "code-pairs", *assigned, "--runs", out, "--json")
    # Two heads that show codes together may be joined by queries, keys or values: their edges score the same.
    summary = circuits(*about, "--edges", "1").json
    n_tied = summary["circuit"]["tied_out"]["edges"]
    assert said(summary["warnings"], f"the circuit is cut by ties: {n_tied} more edge")
    whole = circuits(*about, "--edges", str(1 + n_tied)).json
    assert whole["circuit"]["tied_out"] == {}
    assert not said(whole["warnings"], "ties")
