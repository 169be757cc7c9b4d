"""Small models and prompts that the tests share."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Tiny matrix products on many threads mostly wait for each other, more so beside other test processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Workers that wait for tests watch themselves every 10 ms otherwise, which takes a twentieth of a processor each.
os.environ.setdefault("DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED", "False")
os.environ.setdefault("DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL", "10s")
# Tables are as wide as they are; a test runner in a terminal passes its own width on to its workers.
os.environ.pop("COLUMNS", None)

import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.methods import METHODS
from tests.fonts import cut_once, few_drawn, measured_once

ROOT = Path(__file__).parent.parent
SAMPLES = Path(os.environ.get("CIRCUITS_SAMPLE_MODELS", ROOT.parent / "shared" / "models"))

FAMILIES = ("gpt2", "neox", "llama", "mistral", "qwen2", "qwen3", "gemma2")
# Each has something that the others lack: scales, local layers, tables or projections.
MORE_FAMILIES = ("gptneo", "gptj", "opt", "cohere", "granite", "smollm3", "glm")
# Of both: matrices the other way round; parallel layers; grouped heads; norms behind layers; positions from 2; other
# rotations.
UNLIKE = ("gpt2", "neox", "llama", "gemma2", "opt", "glm")
# The methods that need no more than a model and prompts; the other one reads a file.
MEASURING = [name for name in METHODS if name != "circuit-file"]
VOCABULARY = 50


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Nobody looks for garbage among what is imported, neither meanwhile nor, as tests leave none of it, later.

    What tests leave is looked at less often than usual: that took a tenth of the processor time of a session.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks and tests of the whole project come first: they take long, and the last file is one process's alone."""
    items.sort(key=lambda item: item.path.suffix != ".ipynb" and item.path.parent != Path(__file__).parent)


def random_module(family: str, *, n_layers: int = 3, is_grouped: bool = True) -> Any:
    """A tiny random model of a family, with weights large enough that every part matters.

    is_grouped  where the family supports it, two query heads share one key-value head
    """
    import torch
    import transformers as tf

    shape: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": n_layers,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    grouped: dict[str, Any] = shape | {"num_key_value_heads": 2 if is_grouped else 4}
    build: dict[str, Callable[[], Any]] = {
        "gpt2": lambda: tf.GPT2LMHeadModel(
            tf.GPT2Config(
                vocab_size=VOCABULARY,
                n_embd=32,
                n_layer=n_layers,
                n_head=4,
                n_positions=64,
                bos_token_id=None,
                eos_token_id=None,
            )
        ),
        "neox": lambda: tf.GPTNeoXForCausalLM(
            tf.GPTNeoXConfig(**shape, rotary_pct=0.25)  # pyright: ignore[reportCallIssue]
        ),
        "llama": lambda: tf.LlamaForCausalLM(tf.LlamaConfig(**grouped)),
        "mistral": lambda: tf.MistralForCausalLM(tf.MistralConfig(**grouped, sliding_window=4)),
        "qwen2": lambda: tf.Qwen2ForCausalLM(tf.Qwen2Config(**grouped)),
        "qwen3": lambda: tf.Qwen3ForCausalLM(tf.Qwen3Config(**grouped, head_dim=8)),
        "gemma2": lambda: tf.Gemma2ForCausalLM(
            tf.Gemma2Config(**grouped, head_dim=8, sliding_window=4, query_pre_attn_scalar=8, pad_token_id=0)
        ),
    }
    gpt: dict[str, Any] = {"vocab_size": VOCABULARY, "bos_token_id": None, "eos_token_id": None}
    padded: dict[str, Any] = grouped | {"pad_token_id": 0}
    build |= {
        "gptneo": lambda: tf.GPTNeoForCausalLM(
            tf.GPTNeoConfig(
                **gpt,
                hidden_size=32,
                num_layers=n_layers,
                attention_types=[[["global", "local"], n_layers // 2], [["global"], n_layers % 2]],
                num_heads=4,
                intermediate_size=64,
                max_position_embeddings=64,
                window_size=4,
            )
        ),
        "gptj": lambda: tf.GPTJForCausalLM(
            tf.GPTJConfig(**gpt, n_embd=32, n_layer=n_layers, n_head=4, n_positions=64, rotary_dim=4)
        ),
        "opt": lambda: tf.OPTForCausalLM(
            tf.OPTConfig(
                **gpt,
                pad_token_id=1,
                hidden_size=32,
                num_hidden_layers=n_layers,
                num_attention_heads=4,
                ffn_dim=64,
                max_position_embeddings=64,
                word_embed_proj_dim=32,
            )
        ),
        "cohere": lambda: tf.CohereForCausalLM(tf.CohereConfig(**padded)),
        "granite": lambda: tf.GraniteForCausalLM(
            tf.GraniteConfig(
                **padded,
                residual_multiplier=0.5,
                attention_multiplier=0.3,
                embedding_multiplier=2.0,
                logits_scaling=3.0,
            )
        ),
        "smollm3": lambda: tf.SmolLM3ForCausalLM(tf.SmolLM3Config(**padded, no_rope_layers=[1, 0, 1, 0][:n_layers])),
        "glm": lambda: tf.GlmForCausalLM(tf.GlmConfig(**padded, head_dim=8)),
    }
    torch.manual_seed(0)
    module = build[family]()
    for name, parameter in module.named_parameters():
        torch.nn.init.normal_(parameter, std=0.25 if parameter.ndim > 1 else 0.3)
        if parameter.ndim == 1 and "weight" in name:
            parameter.data += 1
    return module.eval()


def random_prompts(
    n: int = 6, length: int = 9, *, shared_prefix: int = 0, seed: int = 0, vocabulary: int = VOCABULARY
) -> PromptSet:
    """Random pairs of two lengths whose first `shared_prefix` tokens agree; some answers come before the end."""
    generator = random.Random(seed)
    prompts = []
    for number in range(n):
        n_tokens = length + number % 2
        clean = tuple(generator.randrange(vocabulary) for _ in range(n_tokens))
        corrupt = clean[:shared_prefix] + tuple(
            generator.randrange(vocabulary) for _ in range(n_tokens - shared_prefix)
        )
        answer, wrong = generator.sample(range(vocabulary), 2)
        prompts.append(
            Prompt(
                clean,
                corrupt,
                (answer,),
                (wrong,),
                answer_position=n_tokens - 1 - number % 3 // 2,
                roles={"first": (0,), "last-two": (n_tokens - 2, n_tokens - 1)},
            )
        )
    return PromptSet("random", tuple(prompts))


def mostly_slow(cases: Iterable[Any], fast: Container[Any]) -> list[Any]:
    """Cases of a test, of which those that are not in `fast` go with the slow tests."""
    return [case if case in fast else slow_case(case) for case in cases]


def slow_case(case: Any) -> Any:
    """A case that goes with the slow tests: the others show what it shows, on something smaller or alike."""
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)


@pytest.fixture(scope="session")
def family_model() -> Callable[[str], Any]:
    """`family_model("llama")`: a loaded tiny random model, built once."""
    from circuits.model.load import model_from_module

    built: dict[str, Any] = {}

    def model(family: str) -> Any:
        if family not in built:
            built[family] = model_from_module(random_module(family), name=f"tiny-{family}")
        return built[family]

    return model


@pytest.fixture(scope="module")
def shared_fonts() -> Iterator[None]:
    """PDF figures embed one subset of each font, cut once."""
    with cut_once():
        yield


@pytest.fixture(scope="session")
def _kinds_drawn() -> dict[Any, Any]:
    """The functions whose figures commands have drawn, and in which command."""
    return {}


@pytest.fixture(scope="module")
def few_figures(request: pytest.FixtureRequest, _kinds_drawn: dict[Any, Any]) -> Iterator[None]:
    """Commands draw one figure of each kind, and all in files with `LOOKS_AT_FIGURES = True`, but for their PDFs."""
    with few_drawn(_kinds_drawn, in_full=getattr(request.module, "LOOKS_AT_FIGURES", False)):
        yield


@pytest.fixture(scope="session", autouse=True)
def _disks_not_waited_for() -> Iterator[None]:
    """What this process writes is not lost with the power in the middle of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _fonts_measured() -> Iterator[None]:
    """EPS figures say how large the characters of their font are, measured once."""
    with measured_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def _commands_made_once() -> Iterator[None]:
    """Commands that run in this process are made from their settings once, not for each one that is typed."""
    import typer.testing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session")
def sample_model() -> Callable[[str], Any]:
    """`sample_model("hist")`: a sample model, or a skip where the samples are absent."""
    from circuits.model.load import load_model

    def model(name: str) -> Any:
        folder = SAMPLES / name
        if not folder.is_dir():
            pytest.skip(f"no sample model {name!r} here (CIRCUITS_SAMPLE_MODELS)")
        return load_model(str(folder))

    return model


@pytest.fixture(scope="session")
def pretrained() -> Any:
    """SmolLM2-135M, where it was fetched (`make pretrained`); a skip elsewhere. For slow tests and benchmarks."""
    from circuits.model.fetchable import SMOLLM2_135M, fetched_folder
    from circuits.model.load import load_model

    if fetched_folder(SMOLLM2_135M) is None:
        pytest.skip("the pretrained model was not fetched (make pretrained)")
    return load_model(SMOLLM2_135M.name)
