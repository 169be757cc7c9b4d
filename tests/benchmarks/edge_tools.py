"""EAP-IG and AutoCircuit as a worker process: they need TransformerLens 2, which cannot be installed beside ours.

`python edge_tools.py FOLDER` reads the model's weights and the prompts from FOLDER, then a line `TOOL WORK` at a time
from stdin; for each it writes the scores [edge] or the circuits' metrics [circuit] to FOLDER, in our order, and the
seconds of CPU time to stdout. Nothing of ours is imported here.

Projections of both tools are mended first: TransformerLens 2 multiplies per-head inputs and outputs with weights by a
broadcast product and a sum, which takes minutes on a CPU; here they are batched matrix products.
"""

# Its packages are of another environment.
# pyright: reportMissingImports=false, reportCallIssue=false

from __future__ import annotations

import inspect
import json
import sys
import textwrap
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
from torch import Tensor

# AutoCircuit imports these for figures and other models.
_UNUSED = ("plotly", "plotly.graph_objects", "plotly.express", "plotly.io", "plotly.graph_objs", "plotly.subplots")
_UNUSED += ("blobfile", "ordered_set", "tracr", "word2word")
STEPS = 5


def mend_projections() -> None:
    """Batched matrix products in place of TransformerLens' two broadcast products."""
    from transformer_lens.components import abstract_attention

    def per_head(values: Tensor, weights: Tensor) -> Tensor:
        """values [prompt, position, head, in] times weights [head, in, out]"""
        product = torch.bmm(values.permute(2, 0, 1, 3).flatten(1, 2), weights)
        return product.unflatten(1, values.shape[:2]).permute(1, 2, 0, 3)

    def projected(inputs: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        return per_head(inputs, weights) + bias

    def head_outputs(z: Tensor, weights: Tensor) -> Tensor:
        return per_head(z.squeeze(-1), weights[0, 0])

    attention = abstract_attention.AbstractAttention
    source, broadcast = textwrap.dedent(inspect.getsource(attention.forward)), "(z * w).sum(-2)"
    if source.count(broadcast) != 1 or not hasattr(abstract_attention, "complex_attn_linear"):
        raise RuntimeError("this TransformerLens multiplies otherwise than 2.15; the comparison would not be fair.")
    abstract_attention.complex_attn_linear = projected
    mended: dict[str, Any] = {}
    names = {**vars(abstract_attention), "head_outputs": head_outputs}
    exec(source.replace(broadcast, "head_outputs(z, w)"), names, mended)
    attention.forward = mended["forward"]


def load_model(folder: Path, pretrained: Any) -> Any:
    """GPT-2 from our weights, unfolded, as both tools want it."""
    from safetensors.torch import load_file
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

    pretrained.load_state_dict(load_file(folder / "weights.safetensors"), strict=False)
    pretrained.tie_weights()
    own = pretrained.config
    config = HookedTransformerConfig(
        n_layers=own.n_layer,
        d_model=own.n_embd,
        n_ctx=own.n_positions,
        d_head=own.n_embd // own.n_head,
        n_heads=own.n_head,
        d_mlp=4 * own.n_embd,
        d_vocab=own.vocab_size,
        act_fn="gelu_new",
        normalization_type="LN",
        eps=own.layer_norm_epsilon,
        use_attn_result=True,
        use_split_qkv_input=True,
        use_hook_mlp_in=True,
        device="cpu",
        original_architecture="GPT2LMHeadModel",
    )
    model = HookedTransformer(config)
    model.load_and_process_state_dict(
        convert_gpt2_weights(pretrained, config),
        fold_ln=False,
        center_writing_weights=False,
        center_unembed=False,
        fold_value_biases=False,
    )
    return model


class Prompts:
    """Clean and corrupt ids [prompt, position], and the right and wrong answer [prompt, 2]."""

    def __init__(self, folder: Path) -> None:
        rows = json.loads((folder / "prompts.json").read_text())
        self.clean, self.corrupt, self.answers = (torch.tensor([row[n] for row in rows]) for n in range(3))

    def differences(self, last_logits: Tensor) -> Tensor:
        """[prompt] the logit difference, from logits [prompt, vocabulary]."""
        read = last_logits.gather(1, self.answers)
        return read[:, 0] - read[:, 1]


class EAPIG:
    """The public code of EAP-IG, whole batch at once."""

    def __init__(self, model: Any, prompts: Prompts, names: list[str], circuits: np.ndarray) -> None:
        from eap import attribute, evaluate
        from eap.graph import Graph

        self._attribute, self._evaluate, self._model = attribute, evaluate, model
        self._graph = graph = Graph.from_model(model)
        at = torch.tensor([graph.edges[name].matrix_index for name in names])
        self._forward, self._backward = at[:, 0], at[:, 1]
        self._circuits = torch.from_numpy(circuits)
        # Prompts are given as ids, and need no tokenizer.
        attribute.tokenize_plus = evaluate.tokenize_plus = self._tokenized
        self._prompts = prompts
        self._data = [(prompts.clean, prompts.corrupt, prompts.answers)]

    @staticmethod
    def _tokenized(_model: Any, ids: Tensor, max_length: int | None = None) -> tuple[Tensor, Tensor, Tensor, int]:
        return ids, torch.ones_like(ids), torch.full((len(ids),), ids.shape[1]), ids.shape[1]

    def _differences(self, logits: Tensor, *_: Any) -> Tensor:
        return self._prompts.differences(logits[:, -1])

    def _loss(self, logits: Tensor, *_: Any) -> Tensor:
        return -self._differences(logits).sum()

    def _in_order(self, scores: Tensor) -> Tensor:
        """Their scores [forward, backward] as [edge]."""
        return scores[self._forward, self._backward]

    def eap(self) -> Callable[[], Tensor]:
        scores = self._attribute.get_scores_eap(self._model, self._graph, self._data, self._loss, quiet=True)
        return lambda: self._in_order(scores)

    def eap_ig(self) -> Callable[[], Tensor]:
        scores = self._attribute.get_scores_eap_ig(
            self._model, self._graph, self._data, self._loss, steps=STEPS, quiet=True
        )
        return lambda: self._in_order(scores)

    def curve(self) -> Callable[[], Tensor]:
        means = []
        for circuit in self._circuits:
            self._graph.reset()
            self._graph.in_graph[self._forward, self._backward] = circuit
            values = self._evaluate.evaluate_graph(self._model, self._graph, self._data, self._differences, quiet=True)
            means.append(values.mean())
        return lambda: torch.stack(means)


class AutoCircuit:
    """The public code of AutoCircuit, whole batch at once."""

    def __init__(self, model: Any, prompts: Prompts, _names: list[str], circuits: np.ndarray) -> None:
        for name in _UNUSED:
            if "." in name or find_spec(name) is None:
                sys.modules[name] = MagicMock(__spec__=ModuleSpec(name, None))
        from auto_circuit import prune
        from auto_circuit.data import PromptDataLoader, PromptDataset
        from auto_circuit.prune_algos.mask_gradient import mask_gradient_prune_scores
        from auto_circuit.types import PatchType
        from auto_circuit.utils.graph_utils import patchable_model

        model.requires_grad_(False)
        self._n_layers, self._prompts = model.cfg.n_layers, prompts
        self._model = patchable_model(model, factorized=True, slice_output="last_seq", separate_qkv=True)
        answers = prompts.answers
        pairs = PromptDataset(prompts.clean, prompts.corrupt, answers[:, :1], answers[:, 1:])
        self._data = PromptDataLoader(pairs, seq_len=None, diverge_idx=0, batch_size=len(answers), shuffle=False)
        self._scores, self._run, self._trees = mask_gradient_prune_scores, prune.run_circuits, PatchType.TREE_PATCH
        self._sizes = circuits.sum(1).tolist()
        # Their circuits are the edges with the highest scores: here, of each edge, how many circuits hold it.
        depth = torch.from_numpy(circuits.sum(0)).float()
        templates = self._model.new_prune_scores()
        parts = depth.split([templates[name].numel() for name in self._readers()])
        self._depths = {name: part.view_as(templates[name]) for name, part in zip(self._readers(), parts, strict=True)}

    def _readers(self) -> list[str]:
        """Their modules in the order of our readers."""
        inputs = [
            f"blocks.{n}.hook_{of}" for n in range(self._n_layers) for of in ("q_input", "k_input", "v_input", "mlp_in")
        ]
        return [*inputs, f"blocks.{self._n_layers - 1}.hook_resid_post"]

    def _in_order(self, scores: dict[str, Tensor]) -> Tensor:
        return torch.cat([scores[name].flatten() for name in self._readers()])

    def eap(self) -> Callable[[], Tensor]:
        scores = self._scores(self._model, self._data, None, "logit", "avg_diff", mask_val=0.0)
        return lambda: self._in_order(scores)

    def curve(self) -> Callable[[], Tensor]:
        outputs = self._run(self._model, self._data, self._sizes, self._depths, patch_type=self._trees)
        logits = [next(iter(outputs[size].values())) for size in self._sizes]
        return lambda: torch.stack([self._prompts.differences(of_circuit).mean() for of_circuit in logits])


TOOLS = {"EAP-IG": EAPIG, "AutoCircuit": AutoCircuit}


def main(folder: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.set_num_threads(1)
    mend_projections()
    prompts, names = Prompts(folder), json.loads((folder / "edges.json").read_text())
    sizes = json.loads((folder / "sizes.json").read_text())
    circuits = np.load(folder / "circuits.npy")
    tools: dict[str, Any] = {}
    for line in sys.stdin:
        tool, work = line.split()
        if tool not in tools:
            model = load_model(folder, GPT2LMHeadModel(GPT2Config(**sizes)).eval())
            tools[tool] = TOOLS[tool](model, prompts, names, circuits)
        began = time.process_time()
        finish = getattr(tools[tool], work)()
        seconds = time.process_time() - began
        np.save(folder / f"{tool}-{work}.npy", finish().detach().numpy())
        sys.stdout.write(f"{seconds}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
