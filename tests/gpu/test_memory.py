"""What a GPU can do: memory shared with others, work that does not fit, precision, the size of a kernel's grid."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from circuits.methods import ActivationPatching, EdgeAttribution
from circuits.metrics import METRICS
from circuits.model.load import load_model, model_from_module
from tests.benchmarks.conftest import random_pairs
from tests.conftest import random_module
from tests.gpu.conftest import apart, bundled, on_gpu

pytestmark = on_gpu

LOGIT_DIFFERENCE = METRICS["logit-difference"]


def wide_module():
    """Wide enough that its runs take hundreds of megabytes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=1000, n_embd=512, n_layer=4, n_head=8, n_positions=128, bos_token_id=None, eos_token_id=None
    )
    return GPT2LMHeadModel(config).eval()


def test_what_others_hold_is_left_to_them():
    alone = model_from_module(random_module("gpt2").cuda()).forward.numbers_at_once
    free = torch.cuda.mem_get_info()[0]
    held = torch.empty(int(0.8 * free), dtype=torch.uint8, device="cuda")
    beside = model_from_module(random_module("gpt2").cuda()).forward.numbers_at_once
    del held
    torch.cuda.empty_cache()
    assert beside <= alone // 4
    assert model_from_module(random_module("gpt2").cuda()).forward.numbers_at_once == alone


@pytest.mark.parametrize("method", [ActivationPatching(), EdgeAttribution()])
def test_work_that_does_not_fit_is_halved_and_gives_the_same_numbers(method, caplog):
    model = model_from_module(wide_module().to("cuda"))
    prompts = random_pairs(32, 100, shared_prefix=0, vocabulary=1000)
    expected = method.score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    torch.cuda.empty_cache()
    n_bytes = torch.cuda.memory_allocated() + 400 * 2**20
    torch.cuda.set_per_process_memory_fraction(n_bytes / torch.cuda.get_device_properties(0).total_memory)
    try:
        with caplog.at_level(logging.WARNING, logger="circuits"):
            actual = method.score(model, prompts, metric=LOGIT_DIFFERENCE).per_prompt
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory on cuda:0" in caplog.text
    assert apart(actual, expected) <= 1e-4


def test_float32_is_float32_whatever_was_switched_on_before():
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    model = load_model("reference-vlm", device="cuda")
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 512, 512, generator=generator)
    exact = left.double() @ right.double()
    assert apart((left.cuda() @ right.cuda()).cpu(), exact) < 1e-6
    convolution = next(m for m in model.original.modules() if isinstance(m, torch.nn.Conv2d))
    pixels = torch.randn(4, 3, 64, 64, generator=generator)
    with torch.no_grad():
        actual = convolution(pixels.cuda()).cpu()
        expected = convolution.double()(pixels.double().cuda()).cpu()
        convolution.float()
    assert apart(actual, expected) < 2e-6


def test_more_sequences_than_a_kernel_has_blocks_attend():
    layer = bundled("reference", "cuda").forward.layers[0]
    generator = torch.Generator().manual_seed(0)
    n = 65_535 + 10
    q, k, v = torch.randn(3, n, layer.n_heads, 2, layer.d_head, generator=generator).cuda()
    bias = torch.zeros(1, 1, 2, 2, device="cuda")
    with torch.no_grad():
        together = layer.attend(q, k, v, bias)
        last = layer.attend(q[-20:], k[-20:], v[-20:], bias)
    assert together.shape == (n, 2, layer.n_heads, layer.d_head)
    assert apart(together[-20:].cpu(), last.cpu()) < 1e-5


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="torch sees"):
        load_model("reference", device=f"cuda:{torch.cuda.device_count()}")


def test_float64_on_the_cpu_and_float32_on_the_gpu_are_as_near_as_the_cpu_is():
    """The GPU's own rounding is no larger than the CPU's, several times over at most."""
    prompts = random_pairs(8, 20, shared_prefix=0, vocabulary=1000)
    modules = [wide_module().double(), wide_module(), wide_module().to("cuda")]
    exact, cpu, gpu = (
        EdgeAttribution().score(model_from_module(module), prompts, metric=LOGIT_DIFFERENCE).per_prompt
        for module in modules
    )
    assert apart(gpu, exact) <= max(5 * apart(cpu, exact), 1e-6)
    assert np.isfinite(gpu).all()
