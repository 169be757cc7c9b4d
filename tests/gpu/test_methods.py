"""Every method gives on a GPU what it gives on the CPU, and the same bits each time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuits.ablations import ABLATIONS
from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import METHODS, ActivationPatching, AtPStar, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from circuits.model.load import model_from_module
from circuits.tasks import IMAGE_TASKS
from tests.circuits.plain_runs import long_prompts
from tests.circuits.vision_models import gemma3, image_pairs
from tests.conftest import FAMILIES, MEASURING, MORE_FAMILIES, random_prompts
from tests.gpu.conftest import bundled, family, ioi, on_gpu

pytestmark = on_gpu

LOGIT_DIFFERENCE = METRICS["logit-difference"]
SETTINGS = {
    "head-coding": {"epochs": 50, "trials": 2},
    "code-pairs": {"epochs": 50, "trials": 1},
    "mask-learning": {"steps": 20},
    "acdc": {"tau": 0.5},
}
# Of codes, which are whole numbers, the share that may differ: a near tie is decided by rounding.
COUNTED = {"head-coding", "code-pairs"}
# Steps of learning, each from the one before, carry rounding on.
LIMITS = {"mask-learning": 1e-3}
LIMIT = 1e-4
NO_TASK = {"head-coding": {"least_accuracy": 0, "epochs": 5, "trials": 1, "features": 12}}
NO_TASK["code-pairs"] = NO_TASK["head-coding"]


def of(name, **more):
    return METHODS[name](**SETTINGS.get(name, {}) | more)


def scored(method, model, prompts, **given):
    """Scores per prompt."""
    return method.score(model, prompts, **{"metric": LOGIT_DIFFERENCE} | given).per_prompt


@pytest.mark.parametrize("name", MEASURING)
def test_a_method_scores_as_on_the_cpu(name, near, record_property):
    method, prompts = of(name), ioi()
    expected, actual = (scored(method, bundled("reference", device), prompts) for device in ("cpu", "cuda"))
    if name in COUNTED:
        differing = float((np.abs(actual - expected) > 1e-6).mean())
        record_property("share differing", differing)
        assert differing <= 0.05
    else:
        near(actual, expected, LIMITS.get(name, LIMIT))


@pytest.mark.parametrize("name", MEASURING)
def test_the_same_call_gives_the_same_bits(name):
    model, prompts = bundled("reference", "cuda"), ioi()
    first, second = (scored(of(name), model, prompts).tobytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", sorted(set(MEASURING) - {"random"}))
def test_prompts_longer_than_a_block_of_the_attention_kernel_give_the_same_bits(name):
    """Its backward pass may split keys over blocks, which would add up in any order."""
    settings = {"steps": 3} if name == "mask-learning" else NO_TASK.get(name, {})
    model = _long_model()
    prompts = random_prompts(4, length=300, shared_prefix=290)
    given = {"screen": "eap", "contested": 20} if name == "exact-edges" else {"tau": 1e3} if name == "acdc" else {}
    method = METHODS[name](**settings | given)
    first, second = (scored(method, model, prompts).tobytes() for _ in range(2))
    assert first == second


def _long_model():
    import transformers as tf

    torch.manual_seed(0)
    config = tf.LlamaConfig(
        vocab_size=50,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=64,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=None,
    )
    return model_from_module(tf.LlamaForCausalLM(config).eval().to("cuda"), name="long")


@pytest.mark.parametrize("name", [*FAMILIES, *MORE_FAMILIES, "mixtral", "llama4"])
def test_a_family_runs_as_on_the_cpu(name, near):
    prompts = random_prompts(6)
    try:
        family(name, "cpu")
    except ValueError as error:  # of other versions of transformers than transformer-lens was made with
        pytest.skip(f"refused on the CPU too: {error}")
    for method in (ActivationPatching(), IntegratedEdgeAttribution()):
        if method.result == "edges" and "edges" in family(name, "cpu").refusals:
            continue
        expected, actual = (scored(method, family(name, device), prompts) for device in ("cpu", "cuda"))
        near(actual, expected, 2e-4)


def test_queries_keys_values_and_patterns_are_patched_as_on_the_cpu(near):
    kinds = ("query", "key", "value", "pattern", "head", "attention", "mlp", "residual")
    methods = [ActivationPatching(kinds=kinds, at="positions"), AtPStar(grad_drop=True)]
    for method in methods:
        expected, actual = (scored(method, bundled("reference", device), ioi(8)) for device in ("cpu", "cuda"))
        near(actual, expected, LIMIT)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_read_as_on_the_cpu(name, near):
    expected, actual = (
        scored(IntegratedEdgeAttribution(), bundled("reference", device), ioi(8), metric=METRICS[name])
        for device in ("cpu", "cuda")
    )
    near(actual, expected, LIMIT)


@pytest.mark.parametrize("name", sorted(set(ABLATIONS) - {"image-noise"}))
def test_an_ablation_puts_in_what_it_does_on_the_cpu(name, near):
    method = ActivationPatching(kinds=("head", "mlp"))
    for prompts, run in ((ioi(8), "reference"), (random_prompts(6), "gpt2")):
        of_device = bundled if run == "reference" else family
        expected, actual = (
            scored(method, of_device(run, device), prompts, ablation=ABLATIONS[name]()) for device in ("cpu", "cuda")
        )
        near(actual, expected, LIMIT)


def test_answers_of_several_tokens_are_read_as_on_the_cpu(near):
    metric = METRICS["log-probability-difference"]
    for name in sorted(set(MEASURING) - COUNTED - {"random"}):
        given = {"path-patching": {"at": "all"}, "mask-learning": {"steps": 3}, "acdc": {"tau": 0.5}}.get(name, {})
        given = {"at": "positions"} if name == "causal-tracing" else given
        method = METHODS[name](**given)
        expected, actual, again = (
            scored(method, family("gpt2", device), long_prompts(), metric=metric) for device in ("cpu", "cuda", "cuda")
        )
        near(actual, expected, 1e-3 if name == "mask-learning" else 2e-4)
        assert actual.tobytes() == again.tobytes(), name


def test_pictures_are_traced_as_on_the_cpu(near):
    """The patch embedding is a convolution: TF32 there would show as differences of 1e-3."""
    task, scores = IMAGE_TASKS["scene-objects"](), []
    for device in ("cpu", "cuda"):
        model = bundled("reference-vlm", device)
        assert model.refusals == {}
        prompts = task.build(model.vision, n=8)
        for ablation in ("image-noise", "corrupt"):
            method, metric = METHODS["causal-tracing"](), METRICS["answer-probability"]
            scores.append(scored(method, model, prompts, metric=metric, ablation=ABLATIONS[ablation]()))
    for expected, actual in zip(scores[:2], scores[2:], strict=True):
        near(actual, expected, LIMIT)


def test_text_of_a_model_whose_pictures_are_refused_runs_as_on_the_cpu(near):
    models = []
    for device in ("cpu", "cuda"):
        module, processor = gemma3()
        models.append(model_from_module(module.to(device), processor=processor, name="tiny-gemma3"))
    assert sorted(models[0].refusals) == sorted(models[1].refusals)
    prompts = PromptSet("text", tuple(Prompt((n, 12, 14), (n + 9, 12, 14), (5,), (6,)) for n in range(10, 14)))
    expected, actual = (scored(ActivationPatching(), model, prompts) for model in models)
    near(actual, expected, 2e-4)


def test_eap_of_pictures_runs_as_on_the_cpu(near):
    from tests.circuits.vision_models import make_processor, random_vlm

    expected, actual = (
        scored(
            IntegratedEdgeAttribution(),
            model_from_module(random_vlm("llama").to(device), processor=make_processor(has_class_token=True)),
            image_pairs(),
        )
        for device in ("cpu", "cuda")
    )
    near(actual, expected, 2e-4)


@pytest.mark.parametrize("name", ["activation-patching", "eap", "eap-ig", "relp"])
def test_bfloat16_ranks_as_float32_does(name):
    model = bundled("reference", "cuda")
    coarse = model_from_module(_bundled_module().bfloat16().to("cuda"), tokenizer=model.tokenizer, name="bfloat16")
    exact, rounded = (scored(of(name), one, ioi()).mean(axis=0).ravel() for one in (model, coarse))
    assert np.isfinite(rounded).all()
    assert np.corrcoef(exact, rounded)[0, 1] > 0.98


def _bundled_module():
    from transformers import AutoModelForCausalLM

    from circuits.model.sources import find_model

    return AutoModelForCausalLM.from_pretrained(find_model("reference").folder, attn_implementation="eager")


def test_nothing_is_left_on_the_gpu_after_a_method():
    model = bundled("reference", "cuda")
    method = IntegratedEdgeAttribution()
    scored(method, model, ioi())
    before = torch.cuda.memory_allocated()
    scored(method, model, ioi())
    assert torch.cuda.memory_allocated() <= before + 2**20


def test_prompts_of_one_token_run(near):
    """A single position is start, end and answer at once."""
    prompts = PromptSet("one", tuple(Prompt((n,), (n + 7,), (3,), (4,)) for n in range(4)))
    expected, actual = (
        scored(IntegratedEdgeAttribution(), family("llama", device), prompts) for device in ("cpu", "cuda")
    )
    near(actual, expected, LIMIT)
