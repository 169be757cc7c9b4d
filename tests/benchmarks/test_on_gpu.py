"""Speed and memory on a GPU, as ratios within one run: beside TransformerLens, plain passes of transformers, the CPU.

`make bench-gpu` prints the tables; skipped where torch sees no GPU. All in float32 (TF32 off) but where bfloat16 is
said. Times are medians after a warm-up; the long sweeps of TransformerLens run once. Numbers that differ fail.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from circuits.evaluation.budgets import BUDGETS, budget_circuits
from circuits.evaluation.faithfulness import circuit_values
from circuits.methods import ActivationPatching, EdgeAttribution, IntegratedEdgeAttribution
from circuits.metrics import METRICS
from circuits.model.load import Model, model_from_module
from tests.benchmarks.conftest import medians, random_pairs, report, report_share

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="measured only on a GPU"),
]

LOGIT_DIFFERENCE = METRICS["logit-difference"]
SHAPES = {"GPT-2 small": (12, 12, 768), "GPT-2 medium": (24, 16, 1024)}  # layers, heads, d_model
SMOLLM2 = "SmolLM2-135M"
SETS = {"few": (16, 15), "many": (64, 64)}  # prompts, tokens
VOCABULARY = {"GPT-2": 50_257, SMOLLM2: 49_152}
GPT2_CASES = [("GPT-2 small", "few"), ("GPT-2 small", "many"), ("GPT-2 medium", "few")]
every_case = pytest.mark.parametrize(("shape", "drawn"), [*GPT2_CASES, (SMOLLM2, "few")])
every_gpt2 = pytest.mark.parametrize(("shape", "drawn"), GPT2_CASES)
every_set = pytest.mark.parametrize("drawn", SETS)


@cache
def shaped(shape: str, device: str = "cuda", dtype: torch.dtype = torch.float32) -> Model:
    """A model's shape with random weights; SmolLM2's has three query heads for each key-value head."""
    import transformers as tf

    torch.manual_seed(0)
    common: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None}
    with torch.device(device):
        if shape == SMOLLM2:
            module: Any = tf.LlamaForCausalLM(
                tf.LlamaConfig(
                    **common,
                    vocab_size=VOCABULARY[shape],
                    hidden_size=576,
                    num_hidden_layers=30,
                    num_attention_heads=9,
                    num_key_value_heads=3,
                    intermediate_size=1536,
                    tie_word_embeddings=True,
                )
            )
        else:
            layers, heads, width = SHAPES[shape]
            module = tf.GPT2LMHeadModel(
                tf.GPT2Config(**common, vocab_size=VOCABULARY["GPT-2"], n_layer=layers, n_head=heads, n_embd=width)
            )
    return model_from_module(module.eval().to(device, dtype), name=f"{shape}-shaped")


@cache
def pairs(drawn: str) -> Any:
    n, length = SETS[drawn]
    return random_pairs(n, length, shared_prefix=0, vocabulary=min(VOCABULARY.values()))


def called(shape: str, drawn: str) -> str:
    return f"{shape}, {SETS[drawn][0]} x {SETS[drawn][1]} tokens"


def sides(prompts: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """Clean and corrupt ids on the GPU, and TransformerLens' metric of logits."""
    clean, corrupt = (torch.tensor([getattr(p, side) for p in prompts], device="cuda") for side in ("clean", "corrupt"))
    answers = torch.tensor([[p.answers[0], p.wrong_answers[0]] for p in prompts], device="cuda")

    def metric(logits: Any) -> Any:
        read = logits[:, -1].gather(1, answers)
        return (read[:, 0] - read[:, 1]).mean()

    return clean, corrupt, metric


def synchronized(work: Callable[[], Any]) -> Callable[[], Any]:
    """The work, and a wait until the GPU has done it."""

    def run() -> None:
        work()
        torch.cuda.synchronize()

    return run


def plain_forward(model: Model, prompts: Any) -> Callable[[], Any]:
    ids = torch.tensor([prompt.clean for prompt in prompts], device=model.forward.device)

    def run() -> None:
        with torch.no_grad():
            model.original(ids)

    return synchronized(run)


def plain_gradient(model: Model, prompts: Any) -> Callable[[], Any]:
    """transformers' own forward pass, and the backward pass to the embedding."""
    module = model.original
    ids = torch.tensor([prompt.clean for prompt in prompts], device=model.forward.device)

    def run() -> None:
        with torch.enable_grad():
            embedded = module.get_input_embeddings()(ids).detach().requires_grad_()
            torch.autograd.grad(module(inputs_embeds=embedded).logits[:, -1, :8].sum(), embedded)

    return synchronized(run)


def head_sweep(model: Model, prompts: Any) -> Any:
    return ActivationPatching(kinds=("head",)).score(model, prompts, metric=LOGIT_DIFFERENCE)


def curve_of(model: Model, prompts: Any) -> Callable[[], Any]:
    """10 budgets of two rankings by edge attribution."""
    scores = EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)
    masks = np.concatenate([budget_circuits(scores, absolute=absolute) for absolute in (False, True)])
    return lambda: circuit_values(model, prompts, masks, metric=LOGIT_DIFFERENCE)


def peak_gb(work: Callable[[], Any]) -> float:
    """The most memory that tensors held at once above what was there before, in GB."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / 1e9


def deviation(values: Any, expected: Any) -> float:
    """Largest difference, relative to the largest value."""
    return float(np.abs(values - expected).max() / np.abs(expected).max())


def write(*cells: object) -> None:
    sys.stdout.write(f"\n| {' | '.join(map(str, cells))} |\n")


@every_gpt2
def test_head_sweep_beside_transformer_lens(shape: str, drawn: str) -> None:
    from transformer_lens.patching import get_act_patch_attn_head_out_all_pos

    model, prompts = shaped(shape), pairs(drawn)
    clean, corrupt, metric = sides(prompts)

    def theirs() -> Any:
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(corrupt, names_filter=lambda name: name.endswith("hook_z"))
            patched = get_act_patch_attn_head_out_all_pos(model.bridge, clean, cache, metric)
            return (metric(model.bridge(clean)) - patched).flatten().cpu().numpy()

    began = time.perf_counter()
    expected = theirs()
    their_seconds = time.perf_counter() - began
    (our_seconds,) = medians([lambda: head_sweep(model, prompts)], repeats=3)
    measured = deviation(head_sweep(model, prompts).means[0], expected)
    assert measured < 1e-4
    work = f"head sweep, {model.wiring.n_layers * model.wiring.n_heads} heads, {called(shape, drawn)}"
    note = f"{measured:.0e}, {peak_gb(lambda: head_sweep(model, prompts)):.2f} GB"
    report(work, "TransformerLens", their_seconds, our_seconds, wanted=5, note=note)


def test_edge_attribution_beside_transformer_lens() -> None:
    from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch
    from transformers import GPT2Config, GPT2LMHeadModel

    from tests.circuits.methods.test_eap import our_edge

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=1000, n_embd=128, n_layer=4, n_head=8, n_positions=64, bos_token_id=None, eos_token_id=None
    )
    toy = model_from_module(GPT2LMHeadModel(config).eval().to("cuda"), name="toy")
    prompts = random_pairs(8, 16, shared_prefix=0, vocabulary=1000)
    clean, corrupt, _ = sides(prompts)
    found: list[Any] = []

    def theirs() -> None:
        found[:] = [
            attribution_patch(
                toy.bridge,
                corrupt[number : number + 1],
                clean[number : number + 1],
                lambda logits, prompt=prompt: logits[0, -1, prompt.answers[0]] - logits[0, -1, prompt.wrong_answers[0]],
                EdgeAttributionConfig(granularity="edge"),
            )
            for number, prompt in enumerate(prompts)
        ]

    toy.bridge.original_model.requires_grad_(True)  # their gradients run through the parameters
    (their_seconds,) = medians([theirs], repeats=1)
    toy.bridge.original_model.requires_grad_(False)
    (our_seconds,) = medians([lambda: EdgeAttribution().score(toy, prompts, metric=LOGIT_DIFFERENCE)], repeats=9)
    names = {str(edge): number for number, edge in enumerate(toy.wiring.edges)}
    expected = np.zeros((len(prompts), len(names)))
    for row, result in zip(expected, found, strict=True):
        for (source, target), score in result.edge_scores.items():
            row[names[our_edge(source, target)]] -= score
    ours = EdgeAttribution().score(toy, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    measured = deviation(ours, expected)
    assert measured < 1e-4
    work = "edge attribution, toy, 8 pairs, 1,519 edges"
    report(work, "TransformerLens, pair by pair", their_seconds, our_seconds, wanted=30, note=f"{measured:.0e}")


@every_case
def test_cost_in_plain_passes(shape: str, drawn: str) -> None:
    model, prompts = shaped(shape), pairs(drawn)
    methods = (EdgeAttribution(), IntegratedEdgeAttribution(steps=5))
    works = [lambda method=method: method.score(model, prompts, metric=LOGIT_DIFFERENCE) for method in methods]
    works += [curve_of(model, prompts), lambda: head_sweep(model, prompts)]
    plain = [plain_forward(model, prompts), plain_gradient(model, prompts)]
    forward, gradient, eap, integrated, curve, sweep = medians([*plain, *works], repeats=5 if drawn == "few" else 3)
    peaks = [f"{peak_gb(work):.2f}" for work in works]
    about, n_circuits = called(shape, drawn), 2 * len(BUDGETS)
    n_heads = model.wiring.n_layers * model.wiring.n_heads
    rows = (
        (f"edge attribution, {model.wiring.n_edges:,} edges", "forward and backward pass", gradient, eap, 3),
        ("EAP-IG, 5 steps", "forward and backward pass x 5", 5 * gradient, integrated, 1.6),
        (f"MIB curve, {n_circuits} circuits", f"{n_circuits} forward passes", n_circuits * forward, curve, 1.5),
        ("head sweep", f"{n_heads} forward passes", n_heads * forward, sweep, 1),
    )
    for (work, against, theirs, ours, wanted), peak in zip(rows, peaks, strict=True):
        report_share(f"{work}, {about}, {peak} GB", against, theirs, ours, wanted=wanted, unit="s")


def test_beside_the_cpu() -> None:
    """The same work on both devices; the CPU with as many threads as torch has."""
    prompts = pairs("few")
    for name, work in (
        ("plain forward pass", lambda model: plain_forward(model, prompts)),
        ("edge attribution", lambda model: lambda: EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)),
        ("MIB curve, 20 circuits", lambda model: curve_of(model, prompts)),
        ("head sweep", lambda model: lambda: head_sweep(model, prompts)),
    ):
        seconds = [medians([work(shaped("GPT-2 small", device))], repeats=1)[0] for device in ("cpu", "cuda")]
        note = called("GPT-2 small", "few")
        report(name, f"CPU, {torch.get_num_threads()} threads", *seconds, wanted=1, note=note)


@pytest.mark.parametrize("name", ["edge attribution", "head sweep"])
@pytest.mark.parametrize(("shape", "drawn"), GPT2_CASES[1:])
def test_bfloat16_beside_float32(shape: str, drawn: str, name: str) -> None:
    prompts = pairs(drawn)
    models = [shaped(shape), shaped(shape, dtype=torch.bfloat16)]

    def work(model: Model) -> Any:
        if name == "head sweep":
            return head_sweep(model, prompts)
        return EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)

    exact, rounded = (work(model).per_prompt.mean(axis=0).ravel() for model in models)
    full, half = medians([lambda model=model: work(model) for model in models], repeats=3)
    peaks = " and ".join(f"{peak_gb(lambda model=model: work(model)):.2f}" for model in models)
    alike = np.corrcoef(exact, rounded)[0, 1]
    note = f"{called(shape, drawn)}; {peaks} GB; correlation of scores {alike:.4f}"
    report(f"{name}, bfloat16", "float32", full, half, wanted=1, note=note)


@every_set
def test_where_the_time_goes(drawn: str) -> None:
    """Share of the time in which the GPU computes, how many kernels are started, and how often they are waited for."""
    from torch.profiler import ProfilerActivity, profile

    model, prompts = shaped("GPT-2 small"), pairs(drawn)
    for name, work in (
        ("edge attribution", lambda: EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE)),
        ("MIB curve", curve_of(model, prompts)),
        ("head sweep", lambda: head_sweep(model, prompts)),
    ):
        (seconds,) = medians([work], repeats=3)
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            work()
            torch.cuda.synchronize()
        events = profiler.key_averages()
        kernels = [e for e in events if e.device_type == torch.autograd.DeviceType.CUDA]  # pyright: ignore
        busy = sum(e.self_device_time_total for e in kernels) / 1e6
        started = sum(e.count for e in events if e.key.startswith(("cudaLaunchKernel", "cuLaunchKernel")))
        waited = sum(e.count for e in events if "Synchronize" in e.key)
        write(
            name,
            called("GPT-2 small", drawn),
            f"{1000 * seconds:.1f} ms",
            f"busy {busy / seconds:.0%}",
            started,
            waited,
        )
        for event in sorted(kernels, key=lambda e: -e.self_device_time_total)[:6]:
            write("", event.key[:90], event.count, f"{event.self_device_time_total / 1e3:.2f} ms")
