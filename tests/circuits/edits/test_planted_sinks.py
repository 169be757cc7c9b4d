"""VAR on a model with planted sinks: the redistributed row is the one worked out on paper, and answers are restored."""

from __future__ import annotations

import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.edits import edit_from, edited
from circuits.evaluation.edit_effects import edit_values
from circuits.metrics import METRICS
from circuits.model.load import Model, load_model
from tests.circuits.hand_models import ASK, SINK, START, planted_sink_prompts, write_planted_sinks

RULE = "redistribute all var on=image tau=4"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(str(write_planted_sinks(tmp_path_factory.mktemp("sinks") / "model")))


def row_at_end(model: Model, tokens: tuple[int, ...], text: str | None = None) -> list[float]:
    """The row of a2.h0 at the last token, which the logits show, with the edit; a sink's letter is no other token's."""
    prompt = Prompt(tokens, tokens, (0,), (1,), roles={"image": (1, 2, 3)})
    edits = {} if text is None else {"a2.h0": edit_from(text)}
    with torch.no_grad(), edited(model, edits, PromptSet("one", (prompt,))):
        logits = model.bridge(torch.tensor([tokens]))[0, -1]
    return [float(logits[token - SINK] / 3 if SINK <= token < START else logits[token]) for token in tokens]


def test_attention_of_planted_sinks_goes_to_the_rest_of_the_image(model: Model):
    tokens = (START, 0, SINK + 2, 1, ASK)
    assert row_at_end(model, tokens) == pytest.approx([0.2] * 5)
    # START and the sink keep .6 of .2; the freed .16 goes to two letters of equal weight; ASK is not of the image.
    assert row_at_end(model, tokens, RULE) == pytest.approx([0.12, 0.28, 0.12, 0.28, 0.2])
    assert row_at_end(model, tokens, f"{RULE} beta=0") == pytest.approx([0, 0.4, 0, 0.4, 0.2])
    assert row_at_end(model, tokens, f"{RULE} beta=1") == row_at_end(model, tokens)


def test_two_planted_sinks_leave_one_receiver_and_three_leave_none(model: Model):
    two = (START, 0, SINK + 2, SINK + 3, ASK)
    # Two thirds of what is on the image is on sinks: more than rho.
    assert row_at_end(model, two, RULE) == row_at_end(model, two)
    assert row_at_end(model, two, f"{RULE} rho=0.7") == pytest.approx([0.12, 0.2 + 0.24, 0.12, 0.12, 0.2])
    three = (START, SINK + 1, SINK + 2, SINK + 3, ASK)
    assert row_at_end(model, three, RULE) == row_at_end(model, three)
    with pytest.raises(ValueError, match=r"undefined for a row of head 0: it frees attention, and all tokens"):
        row_at_end(model, three, f"{RULE} rho=1")


def test_without_a_massive_token_on_the_image_nothing_is_redistributed(model: Model):
    plain = (START, 0, 2, 1, ASK)
    assert row_at_end(model, plain, RULE) == row_at_end(model, plain) == pytest.approx([0.2] * 5)
    # A sink is 5.1 root mean squares large.
    sunk = (START, 0, SINK + 2, 1, ASK)
    assert row_at_end(model, sunk, "redistribute all var on=image tau=5.2") == row_at_end(model, sunk)


def test_answers_that_sinks_break_are_restored(model: Model):
    prompts = planted_sink_prompts()
    values = edit_values(model, prompts, [{"a2.h0": edit_from(RULE)}], metric=METRICS["logit-difference"])
    # From .4 against .6 to .56 against .36.
    assert values.metric[0] == pytest.approx([-0.2] * 12)
    assert values.metric[1] == pytest.approx([0.2] * 12)
    assert values.is_correct.astype(int).sum(axis=1).tolist() == [0, 12]
