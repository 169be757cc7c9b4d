"""Edge attribution by hooks on transformers' own modules: a second way to the same numbers, one prompt at a time.

Nothing here runs the workbench's forward pass. Values are caught and replaced by hooks, gradients are autograd's, and
the gradient at the input of one reader is carried back from q, k or v through the model's own norm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from circuits.components import Wiring
from circuits.data.prompts import Prompt

Change = Callable[[Tensor], Tensor]


class HookedRun(NamedTuple):
    """One run.

    values  by name, each still in autograd's graph: `input`, `z0`, `m0`, ... as written; `normed0` (what the norm
            before the attention reads), `q0`, `k0`, `v0` (or `qkv0`), `mlp_in0`, ..., `final`
    """

    values: dict[str, Tensor]
    metric: Tensor


class HookedModel:
    """A tiny GPT-2 or Llama of transformers whose parts are read and replaced by hooks."""

    def __init__(self, module: Any, wiring: Wiring) -> None:
        self.module, self.wiring = module.requires_grad_(False), wiring
        self.is_gpt2 = hasattr(module, "transformer")
        self.blocks = module.transformer.h if self.is_gpt2 else module.model.layers
        self.norm_final = module.transformer.ln_f if self.is_gpt2 else module.model.norm

    def run(self, prompt: Prompt, ids: tuple[int, ...], changes: Mapping[str, Change] | None = None) -> HookedRun:
        """The model on `ids`; `changes` replaces `input`, `z0`, `m0`, ... by what a function makes of them."""
        values: dict[str, Tensor] = {}

        def see(name: str, value: Tensor) -> Tensor:
            if changes and name in changes:
                value = changes[name](value)
            if not value.requires_grad:
                value = value.detach().requires_grad_()
            values[name] = value.view_as(value)
            return values[name]

        def into(name: str) -> Callable[..., tuple[Tensor, ...]]:
            return lambda _module, args: (see(name, args[0]), *args[1:])

        def out_of(name: str) -> Callable[..., Tensor]:
            return lambda _module, _args, out: see(name, out)

        handles = []
        for layer, block in enumerate(self.blocks):
            attention = block.attn if self.is_gpt2 else block.self_attn
            if layer == 0:
                handles.append(block.register_forward_pre_hook(into("input")))
            first = block.ln_1 if self.is_gpt2 else block.input_layernorm
            before_mlp = block.ln_2 if self.is_gpt2 else block.post_attention_layernorm
            handles += [
                first.register_forward_pre_hook(into(f"normed{layer}")),
                before_mlp.register_forward_pre_hook(into(f"mlp_in{layer}")),
                block.mlp.register_forward_hook(out_of(f"m{layer}")),
            ]
            if self.is_gpt2:
                handles.append(attention.c_proj.register_forward_pre_hook(into(f"z{layer}")))
                handles.append(attention.c_attn.register_forward_hook(out_of(f"qkv{layer}")))
            else:
                handles.append(attention.o_proj.register_forward_pre_hook(into(f"z{layer}")))
                for port in "qkv":
                    projection = getattr(attention, f"{port}_proj")
                    handles.append(projection.register_forward_hook(out_of(f"{port}{layer}")))
        handles.append(self.norm_final.register_forward_pre_hook(into("final")))
        try:
            logits = self.module(torch.tensor([ids])).logits[0, prompt.answer_position]
        finally:
            for handle in handles:
                handle.remove()
        return HookedRun(values, logits[prompt.answers[0]] - logits[prompt.wrong_answers[0]])

    def outputs(self, run: HookedRun) -> Tensor:
        """[writer, position, d_model] what every writer adds to the stream, in wiring order."""
        rows = [run.values["input"][0]]
        for layer, block in enumerate(self.blocks):
            weight = block.attn.c_proj.weight if self.is_gpt2 else block.self_attn.o_proj.weight.T
            per_head = weight.unflatten(0, (self.wiring.n_heads, -1))
            z = run.values[f"z{layer}"][0].unflatten(-1, (self.wiring.n_heads, -1))
            rows += [*torch.einsum("phe,hed->hpd", z, per_head), run.values[f"m{layer}"][0]]
        return torch.stack(rows).detach()

    def effects(self, run: HookedRun, gaps: Tensor) -> Tensor:
        """[edge] first-order effects of gaps [writer, position, d_model] by the gradients of a run."""
        names = [name for name in run.values if name[:-1] in ("q", "k", "v", "qkv", "mlp_in") or name == "final"]
        grads = torch.autograd.grad(
            run.metric, [run.values[name] for name in names], allow_unused=True, materialize_grads=True
        )
        at = dict(zip(names, grads, strict=True))
        readers = [
            reader
            for layer in range(self.wiring.n_layers)
            for reader in (*self._at_heads(run, at, layer), at[f"mlp_in{layer}"][0])
        ]
        return torch.cat(
            [
                (gaps[: self.wiring.n_sources(number)] * reader).sum((1, 2))
                for number, reader in enumerate([*readers, at["final"][0]])
            ]
        )

    def _at_heads(self, run: HookedRun, at: dict[str, Tensor], layer: int) -> list[Tensor]:
        """Gradients [position, d_model] at the inputs of a layer's q, k and v readers."""
        block, wiring = self.blocks[layer], self.wiring
        norm = block.ln_1 if self.is_gpt2 else block.input_layernorm
        counts = (wiring.n_heads, wiring.n_kv_heads, wiring.n_kv_heads)
        if self.is_gpt2:
            gradients = at[f"qkv{layer}"][0].chunk(3, dim=-1)
            weights = [weight.T for weight in block.attn.c_attn.weight.chunk(3, dim=1)]
        else:
            gradients = [at[f"{port}{layer}"][0] for port in "qkv"]
            weights = [getattr(block.self_attn, f"{port}_proj").weight for port in "qkv"]
        normed = torch.cat(
            [
                torch.einsum("phe,hed->hpd", grad.unflatten(-1, (n, -1)), weight.unflatten(0, (n, -1)))
                for grad, weight, n in zip(gradients, weights, counts, strict=True)
            ]
        )
        stream = run.values[f"normed{layer}"][0].detach().expand_as(normed).clone().requires_grad_()
        return list(torch.autograd.grad(norm(stream), stream, normed)[0])
