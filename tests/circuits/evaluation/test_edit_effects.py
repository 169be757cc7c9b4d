"""What edits do to a task is what the edited model itself says; changes of sides are counted right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.edits import KnockOut, SetRows, Uniform, edited
from circuits.evaluation.edit_effects import EditValues, edit_effect, edit_values
from circuits.intervals import wilson_interval
from circuits.metrics import METRICS
from circuits.model.load import load_model
from tests.circuits.hand_models import CUE_FAILS, CUE_WORKS, inhibition_prompts, write_inhibition
from tests.conftest import random_prompts

DIFFERENCE = METRICS["logit-difference"]


def test_values_are_those_of_the_edited_model_itself(family_model):
    model, prompts = family_model("qwen2"), random_prompts(6)
    edits = {"a0.h1": SetRows("END", "first"), "a2.h0": KnockOut("END")}
    values = edit_values(model, prompts, [edits, {"a1.h1": Uniform()}], metric=DIFFERENCE)
    for variant, own in enumerate([{}, edits, {"a1.h1": Uniform()}]):
        for number, prompt in enumerate(prompts):
            with torch.no_grad(), edited(model, own, prompts):
                logits = model.bridge(torch.tensor([prompt.clean]))[0, prompt.answer_position]
            gap = float(logits[prompt.answers[0]] - logits[prompt.wrong_answers[0]])
            assert values.metric[variant, number] == pytest.approx(gap, abs=2e-5)
            assert values.is_correct[variant, number] == (gap > 0)
            assert values.is_top1[variant, number] == (int(logits.argmax()) == prompt.answers[0])


def test_a_head_that_is_put_on_the_wrong_letter_mends_what_it_failed(tmp_path):
    model, prompts = load_model(str(write_inhibition(tmp_path / "m"))), inhibition_prompts(8, (CUE_WORKS, CUE_FAILS))
    variants = [{"a0.h0": SetRows("END", name)} for name in ("wrong", "right", "filler")]
    values = edit_values(model, prompts, variants, metric=DIFFERENCE)
    assert values.metric.tolist() == [[2, 0] * 4, [2] * 8, [-2] * 8, [0] * 8]
    mended, spoiled, silent = (edit_effect(values, number) for number in (1, 2, 3))
    assert (mended.accuracy.value, mended.new_mistakes, mended.mended) == (1, 0, 4)
    assert (spoiled.accuracy.value, spoiled.new_mistakes, spoiled.mended) == (0, 4, 0)
    assert (silent.accuracy.value, silent.new_mistakes, silent.mended) == (0, 4, 0)
    assert mended.difference.value == 1


def test_effects_by_hand():
    before, after = [1, 1, 1, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0, 0, 1]
    metric = np.array([np.zeros(8), [1.0, 0, 1, 0, 1, 0, 1, 0]])
    top1 = np.zeros((2, 8), dtype=bool)
    effect = edit_effect(EditValues(metric, np.array([before, after], dtype=bool), top1), 1)
    assert (effect.new_mistakes, effect.mended) == (1, 2)
    assert effect.accuracy.value == 5 / 8
    assert effect.accuracy.interval() == wilson_interval(5, 8)
    assert effect.accuracy_difference.value == 1 / 8
    assert effect.difference.value == 0.5
    half = 2.364624 * np.std(metric[1], ddof=1) / np.sqrt(8)
    assert effect.difference.interval == pytest.approx((0.5 - half, 0.5 + half), rel=1e-5)
    assert (effect.new_mistakes_top1, effect.mended_top1, effect.top1.value) == (0, 0, 0)
