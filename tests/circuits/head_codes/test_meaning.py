"""What codes mean, against the definition and against plain forward passes of a random model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.head_codes.features import coded_prompts, head_features, pooled
from circuits.head_codes.meaning import CodedTrial, CodeMeaning, answer_labels, code_meanings, information, logit_lens
from circuits.head_codes.settings import Coding, Recipe
from circuits.head_codes.trials import codes_of, read, train_trials
from circuits.model.load import Model, model_from_module
from tests.conftest import VOCABULARY, random_module

N_PROMPTS, N_TOKENS = 10, 7
CODINGS = {
    "paper": Coding(Recipe(features=16, epochs=40), sae_prompts=4),
    "corrected": Coding(
        Recipe(features=16, epochs=40, unit_norm="dictionary"), sae_prompts=4, scope="layer", inputs="centered"
    ),
}


@pytest.fixture(scope="module")
def model() -> Model:
    return model_from_module(random_module("gpt2", n_layers=2))


@pytest.fixture(scope="module")
def prompts() -> PromptSet:
    """Random pairs; every second one has a name at two positions."""
    draw = np.random.default_rng(0)
    pairs = []
    for number in range(N_PROMPTS):
        clean, corrupt = (tuple(draw.integers(VOCABULARY, size=N_TOKENS).tolist()) for _ in range(2))
        roles = {"NAME": (1, 3)} if number % 2 else {}
        pairs.append(Prompt(clean, corrupt, (number % 3,), roles=roles))
    return PromptSet("random", tuple(pairs))


def trial_of(model: Model, prompts: PromptSet, coding: Coding, *, at: str = "mean", number: int = 1) -> CodedTrial:
    features = head_features(model, pooled(model, coded_prompts(prompts).all, positions=(at,)).z[0])
    trained = train_trials(features, coding, [number])
    return CodedTrial(number, features, trained, codes_of(features, trained, coding)[0], coding)


def explained(model: Model, prompts: PromptSet, coding: Coding, **about: str) -> tuple[CodedTrial, list[CodeMeaning]]:
    trial = trial_of(model, prompts, coding, **about)
    return trial, code_meanings(model, prompts, trial, heads=range(trial.codes.shape[1]))


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_every_code_that_only_positives_show_is_explained_with_the_prompts_that_show_it(
    model: Model, prompts: PromptSet, coding: Coding
):
    trial, meanings = explained(model, prompts, coding)
    expected = {}
    for number, column in enumerate(trial.codes.T):
        for code in set(column[:N_PROMPTS].tolist()) - set(column[N_PROMPTS:].tolist()):
            expected[f"a{number // 4}.h{number % 4}", code] = tuple(np.flatnonzero(column[:N_PROMPTS] == code))
    assert expected
    assert {(str(one.head), one.code): one.prompts for one in meanings} == expected


def test_only_the_heads_asked_for_are_explained(model: Model, prompts: PromptSet):
    trial, meanings = explained(model, prompts, CODINGS["paper"])
    expected = [(one.code, one.prompts) for one in meanings if str(one.head) == "a1.h2"]
    assert expected
    some = code_meanings(model, prompts, trial, heads=[6])
    assert {str(one.head) for one in some} == {"a1.h2"}
    assert [(one.code, one.prompts) for one in some] == expected


def test_vectors_are_named_after_the_files_that_hold_them(model: Model, prompts: PromptSet):
    for name, prefix in (("paper", "trial-1"), ("corrected", "trial-1/layer-{}")):
        _, meanings = explained(model, prompts, CODINGS[name])
        for one in meanings:
            assert one.vector == f"{prefix.format(one.head.layer)} W_dec[{one.code}]"


def test_the_lens_is_the_dictionary_vector_through_the_final_norm_and_the_unembedding(prompts: PromptSet):
    module = random_module("gpt2", n_layers=2)
    model = model_from_module(module)
    trial, meanings = explained(model, prompts, CODINGS["corrected"])
    one = meanings[0]
    assert one.head.layer is not None
    vector = trial.autoencoders.decoder[one.head.layer, one.code]
    with torch.no_grad():
        logits = module.lm_head(module.transformer.ln_f(vector))
    best = torch.topk(logits, 10)
    assert [token.token for token in one.lens] == best.indices.tolist()
    assert [token.logit for token in one.lens] == pytest.approx(best.values.tolist(), abs=1e-4)
    assert logit_lens(model, vector[None])[0].tolist() == pytest.approx(logits.tolist(), abs=1e-4)


@pytest.mark.parametrize("name", CODINGS)
def test_at_the_position_where_codes_are_read_the_feature_is_as_strong_as_it_was_coded(
    model: Model, prompts: PromptSet, name: str
):
    coding = CODINGS[name]
    trial, meanings = explained(model, prompts, coding, at="END")
    outputs = read(trial.features, coding).outputs(range(2 * N_PROMPTS))  # [prompt, head, d_model]
    for one in meanings:
        number = 4 * (one.head.layer or 0) + (one.head.index or 0)
        group = trial.group(number)
        by_row = trial.autoencoders[group : group + 1].activations(outputs[None, :, number])[0, one.code]
        assert one.roles["END"].positives == pytest.approx(float(by_row[list(one.prompts)].mean()), abs=1e-4)
        assert one.roles["END"].negatives == pytest.approx(float(by_row[N_PROMPTS:].mean()), abs=1e-4)
        assert one.example.activation == pytest.approx(float(by_row[list(one.prompts)].max()), abs=1e-4)
        assert by_row[one.example.prompt] == pytest.approx(one.example.activation, abs=1e-4)


def test_a_role_counts_only_prompts_that_have_it(model: Model, prompts: PromptSet):
    _, meanings = explained(model, prompts, CODINGS["paper"])
    without = [one for one in meanings if all(number % 2 == 0 for number in one.prompts)]
    assert without
    for one in without:
        assert one.roles["NAME"].positives is None
        assert one.roles["NAME"].negatives is not None


def test_where_no_feature_activates_code_0_means_nothing(model: Model, prompts: PromptSet):
    trial = trial_of(model, prompts, CODINGS["paper"])
    silent = trial.autoencoders.encoder_bias - 1e6
    codes = np.ones_like(trial.codes)
    codes[:3, 0] = 0
    changed = CodedTrial(
        1,
        trial.features,
        type(trial.autoencoders)(
            trial.autoencoders.encoder, silent, trial.autoencoders.decoder, trial.autoencoders.bias
        ),
        codes,
        trial.coding,
    )
    (one,) = code_meanings(model, prompts, changed, heads=range(8))
    assert (one.code, one.prompts, one.vector, one.lens, one.roles) == (0, (0, 1, 2), None, (), {})


def test_without_a_tokenizer_text_is_token_ids(model: Model, prompts: PromptSet):
    _, meanings = explained(model, prompts, CODINGS["paper"])
    one = meanings[0]
    assert one.text == " ".join(map(str, prompts.prompts[one.example.prompt].clean))
    assert all(token.text is None for token in one.lens)


def test_codes_that_determine_the_label_carry_all_information_on_it_and_a_constant_code_none():
    labels = np.array([True, True, False, False])
    codes = np.array([[[5, 1], [5, 1], [9, 1], [9, 1]]] * 2)
    estimate = information(codes, labels)
    assert estimate.bits.tolist() == pytest.approx([1, 0])
    assert estimate.adjusted.tolist() == pytest.approx([1, 0])


def test_information_is_a_mean_over_trials_with_its_standard_deviation():
    labels = np.array([0, 0, 1, 1])
    codes = np.array([[[5], [5], [9], [9]], [[1], [1], [1], [1]]])  # the first trial carries one bit, the second none
    estimate = information(codes, labels)
    assert estimate.bits.tolist() == [0.5]
    assert estimate.bits_sd is not None
    assert estimate.bits_sd.tolist() == pytest.approx([0.5**0.5])
    assert information(codes[:1], labels).adjusted_sd is None


def test_many_different_codes_carry_no_adjusted_information():
    draw = np.random.default_rng(0)
    estimate = information(draw.integers(40, size=(5, 60, 1)), np.arange(60) < 30)
    assert estimate.bits[0] > 0.3
    assert abs(estimate.adjusted[0]) < 0.1


def test_answers_are_labels_only_where_they_vary(prompts: PromptSet):
    assert answer_labels(prompts) == [number % 3 for number in range(N_PROMPTS)]
    one = Prompt((1, 2), (1, 3), (4,))
    assert answer_labels(PromptSet("same", (one, one))) is None
