"""What happens where a batch does not fit into memory: smaller batches, the same numbers, or an error that helps."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from circuits.ablations import Corrupt
from circuits.effects import circuit_runs
from circuits.effects.paired_runs import each_pair
from circuits.evaluation.faithfulness import circuit_values, recorded_pairs
from circuits.methods import ActivationPatching, EdgeAttribution, ExactEdges
from circuits.metrics import METRICS
from circuits.model.forward import Forward
from circuits.model.load import model_from_module
from tests.conftest import random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]


@pytest.fixture
def model():
    """A fresh model for every test, because the number of tokens stacked at once stays halved."""
    return model_from_module(random_module("gpt2", n_layers=2))


def out_of_cpu_memory():
    """More than any address space holds, so that torch's own error is raised."""
    torch.empty(2**50, dtype=torch.uint8)


def out_of_gpu_memory():
    raise torch.OutOfMemoryError("CUDA out of memory.")


def out_of_library_memory():
    """cuBLAS allocates by itself, beside torch."""
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def out_of_python_memory():
    raise MemoryError


def limit_prompts(monkeypatch, at_most: int, fail=out_of_gpu_memory) -> list[int]:
    """Fail where more prompts than that are recorded at once. Returns the sizes of all batches tried."""
    record, tried = Forward.record, []

    def limited(self, ids, pixels=None, **settings):
        tried.append(len(ids))
        if len(ids) > at_most:
            fail()
        return record(self, ids, pixels, **settings)

    monkeypatch.setattr(Forward, "record", limited)
    return tried


def test_a_batch_that_does_not_fit_is_halved_until_it_does(model, monkeypatch, caplog):
    """8 prompts of 9 tokens and 8 of 10, filled up: 16, then 8, then 4, then 2 and 2, then the other 4, ..."""
    prompts = random_prompts(16)
    tried, prompt_indices = limit_prompts(monkeypatch, 3), []
    with caplog.at_level(logging.WARNING, logger="circuits"):
        each_pair(
            model,
            prompts,
            LOGIT_DIFFERENCE,
            Corrupt(),
            lambda pair: prompt_indices.append(pair.batch.prompt_indices),
        )
    assert prompt_indices == [*((n, n + 2) for n in range(0, 16, 4)), *((n, n + 2) for n in range(1, 16, 4))]
    assert tried == [16] + 2 * [8, 4, 2, 2, 2, 2, 4, 2, 2, 2, 2]  # clean and corrupt where it fits, else clean
    assert [record.args for record in caplog.records] == [(torch.device("cpu"), n, 10) for n in (16, 8, 4, 4, 8, 4, 4)]
    assert "going on with half of them" in caplog.text


@pytest.mark.parametrize("score", ["activation-patching", "eap", "exact-edges", "circuits"])
@pytest.mark.parametrize("fail", [out_of_gpu_memory, out_of_library_memory, out_of_cpu_memory, out_of_python_memory])
def test_numbers_are_those_of_whole_batches(score, fail, model, monkeypatch):
    prompts = random_prompts(7, shared_prefix=3)
    circuits = np.random.default_rng(0).random((4, model.wiring.n_edges)) < 0.5

    def measured():
        if score == "circuits":
            return circuit_values(model, prompts, circuits, metric=LOGIT_DIFFERENCE)
        methods = {"activation-patching": ActivationPatching, "eap": EdgeAttribution, "exact-edges": ExactEdges}
        return methods[score]().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt

    expected = measured()
    tried = limit_prompts(monkeypatch, 1, fail)
    values = measured()
    assert max(tried) > 1
    # Matrix products of other sizes sum in another order.
    np.testing.assert_allclose(values, expected, atol=1e-5 * np.abs(expected).max())


def test_stacked_variants_shrink_until_they_fit(model, monkeypatch):
    """Where the variants do not fit, halving the prompts is not enough: fewer must be stacked."""
    prompts = random_prompts(4)
    expected = ActivationPatching().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    run, most, fitting = Forward.run, 30, []

    def limited(self, residual, **settings):
        if residual.shape[:2].numel() > most:
            out_of_gpu_memory()
        fitting.append(len(residual))
        return run(self, residual, **settings)

    monkeypatch.setattr(Forward, "run", limited)
    tokens, numbers = model.forward.tokens_at_once, model.forward.numbers_at_once
    scores = ActivationPatching().score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    np.testing.assert_allclose(scores, expected, atol=1e-5 * np.abs(expected).max())
    assert max(fitting) > 1
    assert model.forward.tokens_at_once in [tokens >> n for n in range(1, 12)]
    assert numbers // model.forward.numbers_at_once == tokens // model.forward.tokens_at_once


def test_a_single_prompt_that_does_not_fit_is_refused_with_what_to_do(model, monkeypatch):
    tried = limit_prompts(monkeypatch, 0)
    with pytest.raises(ValueError, match=r"single prompt of 9 tokens.*\. Use a shorter prompt, dtype bfloat16, or"):
        EdgeAttribution().score(model, random_prompts(1), metric=LOGIT_DIFFERENCE)
    assert model.forward.tokens_at_once == 0
    # 2048 tokens at once are halved eleven times to 1, and then no more.
    assert tried == [1] * 12


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("no")])
def test_other_errors_pass_through_and_shrink_nothing(error, model, monkeypatch, caplog):
    def fail():
        raise error

    tried = limit_prompts(monkeypatch, 0, fail)
    before = model.forward.tokens_at_once, model.forward.numbers_at_once
    with pytest.raises(type(error)) as caught:
        EdgeAttribution().score(model, random_prompts(4), metric=LOGIT_DIFFERENCE)
    assert caught.value is error
    assert (model.forward.tokens_at_once, model.forward.numbers_at_once) == before
    assert tried == [4]
    assert not caplog.records


def test_recorded_runs_that_leave_too_little_memory_are_made_anew_in_smaller_batches(model, monkeypatch, caplog):
    prompts = random_prompts(16)
    circuits = np.random.default_rng(0).random((3, model.wiring.n_edges)) < 0.5
    expected = circuit_values(model, prompts, circuits, metric=LOGIT_DIFFERENCE)
    run, tried = circuit_runs.metrics_with_edges, []

    def limited(model, pairs, weights, **options):
        tried.append(sum(len(pair.batch) for pair in pairs))
        if tried[-1] > 4:
            out_of_gpu_memory()
        return run(model, pairs, weights, **options)

    monkeypatch.setattr(circuit_runs, "metrics_with_edges", limited)
    pairs = recorded_pairs(model, prompts, metric=LOGIT_DIFFERENCE)
    with caplog.at_level(logging.WARNING, logger="circuits"):
        values = circuit_values(model, prompts, circuits, metric=LOGIT_DIFFERENCE, pairs=pairs)
    assert max(tried) > 4
    assert "going on with half" in caplog.text
    np.testing.assert_allclose(values, expected, atol=1e-5)
