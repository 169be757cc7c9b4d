"""A pretrained model, where it was fetched: opened, as transformers runs it, and knowing what it should know."""

from __future__ import annotations

import json

import pytest
import torch

from circuits.evaluation.faithfulness import measure_baseline
from circuits.metrics import METRICS
from circuits.model.fetchable import SMOLLM2_135M, require_fetched
from circuits.model.load import load_model
from circuits.tasks import TASKS

pytestmark = pytest.mark.slow
SENTENCE = "When Mary and John went to the store, John gave a drink to"


def logits_of(model, ids):
    return model.forward.logits(model.forward.record(ids).residual[-1])


def test_it_opens_whole_and_is_named_as_quantized(pretrained):
    wiring = pretrained.wiring
    assert (wiring.n_layers, wiring.n_heads, wiring.n_kv_heads, wiring.n_edges) == (30, 9, 3, 70651)
    assert pretrained.refusals == {}
    assert (pretrained.name, pretrained.quantization) == ("smollm2-135m (Q4_1)", "Q4_1")
    record = json.loads((require_fetched(SMOLLM2_135M.name) / "provenance.json").read_text())
    assert record["file_sha256"] == SMOLLM2_135M.file_sha256


def test_logits_are_those_of_plain_transformers(pretrained):
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(require_fetched(SMOLLM2_135M.name), dtype=torch.float32)
    ids = torch.tensor([pretrained.tokenizer(SENTENCE)["input_ids"]])
    with torch.no_grad():
        expected = plain(ids).logits
    # Rounding of float32 over 30 layers, on logits of up to 30.
    torch.testing.assert_close(logits_of(pretrained, ids), expected, rtol=0, atol=2e-3)


def test_it_names_the_indirect_object(pretrained):
    ids = torch.tensor([pretrained.tokenizer(SENTENCE)["input_ids"]])
    best = logits_of(pretrained, ids)[0, -1].topk(2)
    assert [pretrained.tokenizer.decode([int(token)]) for token in best.indices] == [" Mary", " the"]
    assert best.values.tolist() == pytest.approx([11.0, 7.3], abs=0.1)
    prompts = TASKS["ioi"]().build(pretrained.tokenizer, n=16, seed=0)
    baseline = measure_baseline(pretrained, prompts, metric=METRICS["logit-difference"])
    assert (baseline.clean > 0).mean() > 0.8
    assert (baseline.ablated < 0).mean() > 0.8


def test_it_opens_in_bfloat16_where_rounding_is_seven_percent_of_the_largest_logit(pretrained):
    model = load_model(SMOLLM2_135M.name, dtype="bfloat16")
    prompts = TASKS["ioi"]().build(pretrained.tokenizer, n=4, seed=0)
    model.check_prompts(prompts)
    assert model.dtype == "bfloat16"
