"""Patching one checkpoint's outputs into another: exact on hand-written models, and the same as plain hooks do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.evaluation.checkpoints import Patched, circuit_groups, patched_from
from circuits.metrics import METRICS
from circuits.model.load import Model, load_model, model_from_module
from circuits.tasks import TASKS
from tests.bundled import bundled
from tests.circuits.hand_models import detector_prompts, write_detector
from tests.conftest import random_module, random_prompts

METRIC = METRICS["logit-difference"]
PROMPTS = detector_prompts(8)


def checkpoint(folder: Path, **scales: float) -> Model:
    """The detector with some of its weights scaled, by name with `__` for dots."""
    write_detector(folder)
    tensors = load_file(folder / "model.safetensors")
    for name, scale in scales.items():
        tensors[name.replace("__", ".")] *= scale
    save_file(tensors, folder / "model.safetensors")
    return load_model(str(folder))


def alone(model: Model) -> np.ndarray:
    """[group, writer] every component by itself."""
    return np.eye(len(model.wiring.writers), dtype=bool)


def recovered(model: Model, donor: Model) -> dict[str, float]:
    patched = patched_from(model, donor, PROMPTS, alone(model), metric=METRIC)
    return {str(part): patched.recovered(number).value for number, part in enumerate(model.wiring.writers)}


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(str(write_detector(tmp_path_factory.mktemp("final"))))


def test_a_head_whose_output_matrix_alone_learned_recovers_everything(tmp_path: Path, final: Model):
    early = checkpoint(tmp_path, blocks__1__attn__W_O=0.5)
    patched = patched_from(early, final, PROMPTS, alone(early), metric=METRIC)
    assert (patched.into.mean(), patched.donor.mean(), patched.gap.value) == (1, 2, 1)
    shares = recovered(early, final)
    assert shares == {name: float(name == "a1.h1") for name in shares}
    assert recovered(final, early) == shares


def test_a_head_downstream_carries_what_one_upstream_has_learned(tmp_path: Path, final: Model):
    # Without the copy of the previous token nothing is known at the end: the answer's logit is 0.
    early = checkpoint(tmp_path, blocks__0__attn__W_V=0)
    shares = recovered(early, final)
    assert shares == {name: float(name in ("a0.h0", "a1.h1")) for name in shares}


def test_groups_are_patched_together(tmp_path: Path, final: Model):
    early = checkpoint(tmp_path, blocks__0__attn__W_V=0, blocks__1__attn__W_O=0.5)
    writers = [str(part) for part in early.wiring.writers]
    groups = np.array([[name in group for name in writers] for group in ((), ("a0.h0",), ("a0.h0", "a1.h1"), writers)])
    patched = patched_from(early, final, PROMPTS, groups, metric=METRIC)
    assert [patched.recovered(number).value for number in range(4)] == [0, 0.5, 1, 1]
    assert patched.recovered(2).interval == (1, 1)


def test_equal_checkpoints_have_no_difference_to_recover(final: Model):
    patched = patched_from(final, final, PROMPTS, alone(final), metric=METRIC)
    assert (patched.values == patched.into).all()
    with pytest.raises(ValueError, match=r"both models reach a metric of 2 .* no difference of which"):
        patched.recovered(0)


def test_a_difference_that_may_be_nothing_leaves_the_share_unbounded():
    patched = Patched(np.zeros(4), np.array([1.0, -1.0, 2.0, -1.5]), np.ones((1, 4)))
    assert patched.recovered(0).interval.as_json() is None


def _hooked(family: str, module: Any, donor: Any, ids: Tensor, groups: dict[str, list[int]], d_head: int) -> Tensor:
    """Logits of `module` where heads (`z0`, ... -> indices), MLPs (`m0`, ...) and `input` come from `donor`."""
    sides = [_parts(family, each) for each in (module, donor)]
    seen: dict[str, Tensor] = {}
    with ExitStack() as stack:

        def hook(register: Callable[..., Any], act: Callable[..., Any]) -> None:
            stack.callback(register(act).remove)

        for layer, (attention, mlp) in enumerate(sides[1]["layers"]):
            hook(attention.register_forward_pre_hook, lambda _m, args, n=layer: seen.update({f"z{n}": args[0]}))
            hook(mlp.register_forward_hook, lambda _m, _args, out, n=layer: seen.update({f"m{n}": out}))
        hook(sides[1]["first"].register_forward_pre_hook, lambda _m, args: seen.update({"input": args[0]}))
        donor(ids)
    with ExitStack() as stack:

        def hook(register: Callable[..., Any], act: Callable[..., Any]) -> None:
            stack.callback(register(act).remove)

        def put(layer: int) -> Callable[..., Tensor]:
            own, other = sides[0]["layers"][layer][0], sides[1]["layers"][layer][0]

            def act(_module: Any, args: tuple[Tensor, ...], out: Tensor) -> Tensor:
                for head in groups.get(f"z{layer}", ()):
                    part = slice(head * d_head, (head + 1) * d_head)
                    weights = [each.weight.T if family != "gpt2" else each.weight for each in (own, other)]
                    out = out - args[0][..., part] @ weights[0][part] + seen[f"z{layer}"][..., part] @ weights[1][part]
                return out

            return act

        for layer, (attention, mlp) in enumerate(sides[0]["layers"]):
            hook(attention.register_forward_hook, put(layer))
            if f"m{layer}" in groups:
                hook(mlp.register_forward_hook, lambda _m, _args, _out, n=layer: seen[f"m{n}"])
        if "input" in groups:
            hook(sides[0]["first"].register_forward_pre_hook, lambda _m, args: (seen["input"], *args[1:]))
        return module(ids).logits


def _parts(family: str, module: Any) -> dict[str, Any]:
    blocks = module.transformer.h if family == "gpt2" else module.model.layers
    if family == "gpt2":
        layers = [(block.attn.c_proj, block.mlp) for block in blocks]
    else:
        after = "post_feedforward_layernorm" if family == "gemma2" else "mlp"
        layers = [(block.self_attn.o_proj, getattr(block, after)) for block in blocks]
    return {"layers": layers, "first": blocks[0]}


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_patched_metrics_are_those_of_plain_hooks(family: str):
    torch.manual_seed(0)
    module = random_module(family, n_layers=2)
    with torch.no_grad():
        donor = random_module(family, n_layers=2)
        for parameter in donor.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    prompts = PromptSet("random", random_prompts(4).prompts)
    model, other = (model_from_module(copy.deepcopy(each)) for each in (module, donor))
    chosen = (
        {"z0": [1]},
        {"z1": [0, 3], "m0": []},
        {"m1": []},
        {"input": []},
        {"input": [], "z0": [0, 1, 2, 3], "m0": [], "z1": [0, 1, 2, 3], "m1": []},
    )
    groups = np.zeros((len(chosen), len(model.wiring.writers)), dtype=bool)
    for row, group in zip(groups, chosen, strict=True):
        for name, heads in group.items():
            names = [name] if name == "input" or name[0] == "m" else [f"a{name[1]}.h{head}" for head in heads]
            row[[model.wiring.writer_index(Component.parse(each)) for each in names]] = True
    patched = patched_from(model, other, prompts, groups, metric=METRIC)
    for number, prompt in enumerate(prompts):
        ids, at = torch.tensor([prompt.clean]), prompt.answer_position
        with torch.no_grad():
            everywhere = [module(ids).logits, donor(ids).logits]
            everywhere += [_hooked(family, module, donor, ids, group, 8) for group in chosen]
        expected = [
            float(logits[0, at, prompt.answers[0]] - logits[0, at, prompt.wrong_answers[0]]) for logits in everywhere
        ]
        found = [patched.into[number], patched.donor[number], *patched.values[:, number]]
        assert found == pytest.approx(expected, abs=2e-4)


def test_groups_of_two_circuits_hold_what_their_names_say(final: Model):
    wiring = final.wiring
    edges = [["input->a0.h0<v>", "a0.h0->logits"], ["input->a0.h0<v>", "a0.h0->m1", "m1->logits"]]
    names = {str(edge): number for number, edge in enumerate(wiring.edges)}
    masks = np.zeros((2, wiring.n_edges), dtype=bool)
    for mask, held in zip(masks, edges, strict=True):
        mask[[names[name] for name in held]] = True
    groups = circuit_groups(wiring, dict(zip(("early", "final"), masks, strict=True)))
    members = {
        name: {str(part) for part, is_in in zip(wiring.writers, group, strict=True) if is_in}
        for name, group in groups.items()
    }
    every = {str(part) for part in wiring.writers}
    assert members == {
        "early": {"a0.h0"},
        "final": {"a0.h0", "m1"},
        "both": {"a0.h0"},
        "neither": every - {"input", "a0.h0", "m1"},
        "all heads and MLPs": every - {"input"},
        "all, and the embedding": every,
    }


def test_models_and_metrics_that_have_nothing_in_common_are_refused(final: Model, tmp_path: Path):
    deeper = model_from_module(random_module("gpt2", n_layers=3))
    with pytest.raises(ValueError, match="different wirings, so their components do not correspond"):
        patched_from(final, deeper, PROMPTS, alone(final), metric=METRIC)
    with pytest.raises(ValueError, match=r"two models have none in common. Use a metric of the answers"):
        patched_from(final, final, PROMPTS, alone(final), metric=METRICS["kl-divergence"])


def test_words_that_are_others_to_the_other_model_are_refused():
    model, donor = bundled("reference"), bundled("reference-early")
    prompts = TASKS["ioi"]().build(model.tokenizer, n=2)
    assert patched_from(model, donor, prompts, alone(model)[:1], metric=METRIC).values.shape == (1, 2)

    class Reversed:
        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            return model.tokenizer.convert_ids_to_tokens(ids[::-1])

    with pytest.raises(ValueError, match="tokenizers differ, so the other model would read another text"):
        patched_from(model, replace(donor, tokenizer=Reversed()), prompts, alone(model)[:1], metric=METRIC)


def test_models_in_half_precision_are_patched_too(tmp_path: Path):
    checkpoint(tmp_path / "early", blocks__1__attn__W_O=0.5)
    early = load_model(str(tmp_path / "early"), dtype="bfloat16")
    donor = load_model(str(write_detector(tmp_path / "donor")), dtype="bfloat16")
    patched = patched_from(early, donor, PROMPTS, alone(early), metric=METRIC)
    assert patched.recovered(early.wiring.writer_index(Component.parse("a1.h1"))).value == 1
