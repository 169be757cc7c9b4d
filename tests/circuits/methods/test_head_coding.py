"""Head coding as a method: features against TransformerLens, planted heads, labeled prompts, refusals."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from circuits.ablations import ABLATIONS
from circuits.data.prompts import Prompt, PromptSet
from circuits.head_codes.autoencoders import Autoencoders
from circuits.head_codes.counting import Pairs, count_positive_only_pairs
from circuits.head_codes.features import HeadFeatures, coded_prompts, head_features, pooled
from circuits.head_codes.scoring import head_scores
from circuits.head_codes.settings import Coding, Recipe
from circuits.head_codes.training import generator_of
from circuits.head_codes.trials import codes_of, train_trials
from circuits.methods import METHODS, CodePairs, HeadCoding
from circuits.metrics import METRICS
from circuits.model.load import model_from_module
from circuits.scores import ComponentScores, EdgeScores
from tests.conftest import random_prompts

METRIC = METRICS["logit-difference"]
FEW: dict[str, Any] = {"least_accuracy": 0, "epochs": 30, "trials": 3, "features": 24}


def labeled(n_positive: int = 5, n_negative: int = 7) -> PromptSet:
    """Positives and negatives without partners, of different lengths."""
    positives, negatives = random_prompts(n_positive), random_prompts(n_negative, length=6, seed=1)
    return PromptSet("labeled", *(tuple(_alone(prompt) for prompt in side) for side in (positives, negatives)))


def _alone(prompt: Prompt) -> Prompt:
    return Prompt(
        prompt.clean, prompt.clean, prompt.answers, prompt.wrong_answers, prompt.answer_position, prompt.roles
    )


# --- features ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma2"])
@pytest.mark.parametrize("position", ["mean", "END", "last-two"])
def test_features_are_the_head_outputs_that_transformer_lens_shows(family, position, family_model):
    model, prompts = family_model(family), random_prompts(4)
    features = head_features(model, pooled(model, prompts.prompts, positions=(position,)).z[0])
    outputs = features.outputs(range(4))
    for number, prompt in enumerate(prompts):
        _, cache = model.bridge.run_with_cache(torch.tensor([prompt.clean]))
        positions = list(range(len(prompt))) if position == "mean" else list(prompt.roles[position])
        heads = [
            torch.einsum("phe,hed->phd", cache[f"blocks.{layer}.attn.hook_z"][0], part.head_weights_o)[positions].mean(
                0
            )
            for layer, part in enumerate(model.forward.layers)
        ]
        torch.testing.assert_close(outputs[number], torch.cat(heads), rtol=1e-4, atol=1e-5)


def test_several_positions_are_read_in_one_pass_and_a_missing_one_is_marked(family_model):
    first, second = random_prompts(2)
    second = Prompt(second.clean, second.corrupt, second.answers, second.wrong_answers)
    features = pooled(family_model("gpt2"), (first, second), positions=("mean", "first"))
    assert features.has_position.tolist() == [[True, True], [True, False]]
    assert features.z[1, 1].abs().max() == 0
    torch.testing.assert_close(features.z[0], pooled(family_model("gpt2"), (first, second)).z[0])


def test_positives_come_first_and_negatives_are_the_corrupt_sides():
    pairs = random_prompts(3)
    coded = coded_prompts(pairs)
    assert [prompt.clean for prompt in coded.all] == [p.clean for p in pairs] + [p.corrupt for p in pairs]
    assert coded.is_positive.tolist() == [True] * 3 + [False] * 3
    own = labeled(2, 3)
    assert coded_prompts(own).all == own.prompts + own.negatives
    assert coded_prompts(own).is_positive.tolist() == [True] * 2 + [False] * 3


def test_small_batches_give_the_same_features(family_model, monkeypatch):
    model, prompts = family_model("gpt2"), random_prompts(6)
    whole = pooled(model, prompts.prompts)
    monkeypatch.setattr(type(model.forward), "batch_size", lambda *_: 1)
    torch.testing.assert_close(pooled(model, prompts.prompts).z, whole.z)


# --- codes ---------------------------------------------------------------------------------------------------------


def test_the_code_is_the_first_of_the_strongest_features_and_0_where_none_activates():
    # Two coordinates; features 0 and 1 read the first, 2 the second, all only above zero.
    encoder = torch.tensor([[[1.0, 0], [1, 0], [0, 1]]])
    sae = Autoencoders(encoder, torch.zeros(1, 3), torch.zeros(1, 3, 2), torch.zeros(1, 2))
    z = torch.tensor([[[2.0, 1]], [[1, 2]], [[-1, -1]]])  # three prompts, one head whose W_O is the identity
    features = HeadFeatures(z, torch.eye(2)[None], n_layers=1)
    assert codes_of(features, sae, Coding()).tolist() == [[[0], [2], [0]]]


def test_each_layer_is_coded_by_its_own_autoencoder():
    features = _planted()
    coding = Coding(Recipe(features=24, epochs=20), scope="layer")
    trained = train_trials(features, coding, range(2))
    assert len(trained) == 2 * features.n_layers
    codes = codes_of(features, trained, coding)
    heads = slice(3, 6)  # those of the second layer
    alone = HeadFeatures(features.z[:, heads], features.weights_o[heads], n_layers=1)
    np.testing.assert_array_equal(codes_of(alone, trained[1:2], Coding())[0], codes[0][:, heads])


def test_a_trial_does_not_depend_on_the_others():
    features, coding = _planted(), Coding(Recipe(features=24, epochs=20))
    together, alone = train_trials(features, coding, range(3)), train_trials(features, coding, [2])
    np.testing.assert_array_equal(codes_of(features, together, coding)[2:], codes_of(features, alone, coding))
    other = train_trials(features, Coding(coding.recipe, seed=1), [2])
    assert not torch.equal(other.encoder, alone.encoder)


def test_centering_takes_each_heads_mean_away():
    features = _planted()
    shifted = HeadFeatures(features.z + 5, features.weights_o, features.n_layers)
    coding = Coding(Recipe(features=24, epochs=20), inputs="centered")
    codes = [codes_of(case, train_trials(case, coding, [0]), coding) for case in (features, shifted)]
    np.testing.assert_array_equal(*codes)


def _planted(*, n_values: int | None = 3) -> HeadFeatures:
    """Six heads of two layers, 40 prompts. On the first 20 alone, head 2 adds a direction to a constant output.

    n_values  the other heads vary among this many outputs that occur on all prompts alike; None: freely
    """
    generator = generator_of("planted")
    z = torch.randn(40, 6, 8, generator=generator)
    if n_values is not None:
        which = torch.arange(20).repeat(2)[:, None].expand(40, 6) % n_values
        z = z[which, torch.arange(6)]
    z[:, 2] = torch.randn(8, generator=generator)
    z[:20, 2] += 3 * torch.randn(8, generator=generator)
    return HeadFeatures(z, torch.randn(6, 8, 32, generator=generator) / 8**0.5, n_layers=2)


@cache
def _planted_codes(preset: str, n_values: int | None) -> np.ndarray:
    """[trial, prompt, head] of three trials."""
    features, method = _planted(n_values=n_values), HeadCoding(preset=preset, epochs=200)
    return codes_of(features, train_trials(features, method.coding, range(3)), method.coding)


@pytest.mark.parametrize("preset", ["paper", "corrected"])
@pytest.mark.parametrize(
    ("n_values", "score"), [(3, "counts"), (3, "coverage"), (None, "coverage"), (None, "distance")]
)
def test_a_head_that_differs_on_positives_is_found_and_unrelated_variation_is_not(preset, n_values, score):
    is_positive, is_planted = np.arange(40) < 20, np.arange(6) == 2
    for trial in _planted_codes(preset, n_values):
        scores = head_scores(score, trial, is_positive, n_layers=2).mean(axis=0)
        assert roc_auc_score(is_planted, scores) == 1
        if n_values is not None:
            assert (scores[~is_planted] == 0).all()


def test_counts_reward_free_variation_more_than_a_planted_direction():
    """Why `coverage` exists: a head of 40 different outputs has positive-only codes by chance, the planted one 1."""
    features, coding = _planted(n_values=None), Coding()
    (codes,) = codes_of(features, train_trials(features, coding, [0]), coding)
    scores = head_scores("counts", codes, np.arange(40) < 20, n_layers=2).mean(axis=0)
    assert scores[2] == 1
    assert scores[[0, 1, 3, 4, 5]].min() > 1


# --- methods -------------------------------------------------------------------------------------------------------


def test_scores_are_means_over_trials_which_are_kept(family_model):
    method = HeadCoding(**FEW)
    scores = method.score(family_model("gpt2"), random_prompts(8), metric=METRIC)
    assert isinstance(scores, ComponentScores)
    assert scores.trials is not None
    assert scores.trials.shape == (3, 1, 12)
    np.testing.assert_allclose(scores.trials.mean(axis=0), scores.means, rtol=1e-5)
    assert (scores.interval().low <= scores.means + 1e-6).all()
    assert {component.kind for component in scores.components} == {"head"}


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_pairs_are_edges_in_the_order_of_the_layers(family, family_model):
    model, prompts, method = family_model(family), random_prompts(8), CodePairs(**FEW)
    scores = method.score(model, prompts, metric=METRIC)
    assert isinstance(scores, EdgeScores)
    codes, is_positive = method.codes(model, prompts)
    n_heads, table = model.wiring.n_heads, {}
    pairs = Pairs.of(codes.shape[2])
    counts = np.mean([count_positive_only_pairs(trial, is_positive, pairs).counts for trial in codes], axis=0)
    for a, b, count in zip(*pairs, counts, strict=True):
        table[divmod(a, n_heads), divmod(b, n_heads)] = count
    for edge, mean, measured in zip(model.wiring.edges, scores.means, scores.measured, strict=True):
        assert measured == (edge.source.kind == "head" and edge.port is not None)
        if measured:
            heads = model.wiring.heads_of_group(edge.target) if edge.target.kind == "kv" else (edge.target,)
            source = (edge.source.layer, edge.source.index)
            expected = np.mean([table[source, (head.layer, head.index)] for head in heads])
            assert mean == pytest.approx(expected, abs=1e-5), edge


@pytest.mark.parametrize("setting", [{"seed": 1}, {"unit_norm": "dictionary"}, {"epochs": 5}, {"trials": 2}])
def test_settings_that_given_autoencoders_would_ignore_are_refused(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} would be settings of training"):
        HeadCoding(autoencoder="sae", **setting)


def test_settings_with_given_autoencoders_survive_json():
    method = HeadCoding(autoencoder="sae", preset="corrected")
    assert (method.seed, method.unit_norm, method.scope) == (None, None, "layer")
    assert HeadCoding(**json.loads(json.dumps(dataclasses.asdict(method)))) == method


def test_presets_fill_in_what_is_not_given():
    paper, corrected = (HeadCoding(preset=name) for name in ("paper", "corrected"))
    assert (paper.scope, paper.inputs, paper.unit_norm, paper.by) == ("model", "raw", "coordinates", "counts")
    assert (corrected.scope, corrected.inputs, corrected.unit_norm) == ("layer", "centered", "dictionary")
    assert corrected.by == "distance"
    assert CodePairs(preset="corrected").scope == "layer"
    assert HeadCoding(preset="corrected", scope="model").scope == "model"


def test_labeled_prompts_are_coded_under_an_ablation_that_needs_no_partner(family_model):
    model, method = family_model("gpt2"), HeadCoding(**FEW)
    scores = method.score(model, labeled(), metric=METRIC, ablation=ABLATIONS["zero"]())
    assert len(scores.per_prompt) == 5
    with pytest.raises(ValueError, match="labeled positives and negatives without partners"):
        method.score(model, labeled(), metric=METRIC)
    with pytest.raises(ValueError, match="without partners"):
        METHODS["eap"]().score(model, labeled(), metric=METRIC)
    METHODS["eap"]().score(model, labeled(), metric=METRIC, ablation=ABLATIONS["zero"]())


def test_a_model_that_does_not_do_the_task_is_refused(family_model):
    model, prompts = family_model("gpt2"), random_prompts(4)
    least = [int(model.bridge(torch.tensor([p.clean]))[0, p.answer_position].argmin()) for p in prompts]
    mistaken = tuple(
        dataclasses.replace(p, answers=(token,), wrong_answers=((token + 1) % 50,))
        for p, token in zip(prompts, least, strict=True)
    )
    with pytest.raises(
        ValueError, match=r"answers 0% of the 4 positive prompts correctly, fewer than least_accuracy=0.5"
    ):
        HeadCoding().score(model, PromptSet("mistaken", mistaken), metric=METRIC)


def test_a_norm_between_heads_and_their_output_is_refused():
    from transformers import BitNetConfig, BitNetForCausalLM

    config = BitNetConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=64,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model = model_from_module(BitNetForCausalLM(config).eval(), name="bitnet")
    with pytest.raises(ValueError, match="a norm between the heads and W_O, which mixes them"):
        HeadCoding(**FEW).score(model, random_prompts(2), metric=METRIC)


def test_a_position_that_a_negative_lacks_is_refused(family_model):
    own = labeled()
    bare = Prompt((1, 2, 3), (1, 2, 3), (4,), (5,))
    prompts = PromptSet("bare", own.prompts, (*own.negatives[:2], bare))
    with pytest.raises(ValueError, match="at='first': negative prompt 2 has no such role"):
        HeadCoding(**FEW, at="first").score(family_model("gpt2"), prompts, metric=METRIC, ablation=ABLATIONS["zero"]())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "papre"}, "no preset of head-coding 'papre'. Known: corrected, paper. Did you mean 'paper'"),
        ({"trials": 0}, "trials=0"),
        ({"least_accuracy": 2}, "least_accuracy=2: give a share"),
        ({"scope": "head"}, "scope='head'. Known: model, layer"),
        ({"inputs": "whitened"}, "inputs='whitened'. Known: raw, centered"),
        ({"sae_prompts": 0}, "sae_prompts=0"),
        ({"l1": float("nan")}, "l1=nan"),
        ({"by": "count"}, "no score of head-coding 'count'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        HeadCoding(**settings)
