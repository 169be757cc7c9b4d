"""Load a model as a TransformerBridge, checked at the door."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from circuits.model.bridge import Loaded, NotFromDisk, unsupported, with_probes
from circuits.model.device_names import require_device_name
from circuits.model.huggingface import load_gguf, load_huggingface
from circuits.model.native import load_native
from circuits.model.processors import make_vision
from circuits.numbers import count_text

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from torch import nn
from torch.random import fork_rng

from circuits.components import Wiring
from circuits.data.image_processor import Vision
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.tokenizer import Tokenizer, require_tokenizer
from circuits.lookup import lookup
from circuits.model import checks
from circuits.model.forward import Forward
from circuits.model.in_memory import content_name, converted, plain_twin, tokenizer_with
from circuits.model.libraries import import_libraries
from circuits.model.original import own_rounding
from circuits.model.phases import phase
from circuits.model.prompt_check import longest, require_reproduced
from circuits.model.reasons import refused_as
from circuits.model.seen_weights import SeenWeights
from circuits.model.sources import ModelSource, find_model, source_fingerprint
from circuits.model.weights_size import require_fits

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Model:
    """A loaded model with everything methods need.

    bridge    the TransformerBridge; raw weights, no processing (folded norms or centered weights)
    original  the model itself on the same weights, with no part of it wrapped: what `forward` is compared with
    forward   runs all or part of it
    wiring    its components and possible edges
    refusals  capability (`edges`) -> why it cannot be measured on this model
    quantization  how the weights were rounded before they were opened as plain numbers (`Q4_1`); None for most
    spec      the name or folder that it was loaded from; None where it was in memory
    seen      its weights as they were when it was loaded: where these were changed since, it is refused

    >>> from circuits import load_model
    >>> load_model("reference")
    <Model reference: 4 layers, 4 heads, 479 edges, float32 on cpu>
    >>> from circuits import TASKS
    >>> model = load_model("reference")
    >>> model.n_vocabulary == model.n_outputs, model.n_positions, model.vision
    (True, 128, None)
    >>> model.require("edges", "eap")  # nothing was refused
    >>> model.check_prompts(TASKS["ioi"]().build(model.tokenizer, n=2))
    >>> model.description()["family"], model.description()["reads_images"]
    ('GPT2LMHeadModel', False)
    """

    name: str
    fingerprint: str
    bridge: TransformerBridge = field(repr=False)
    original: Any = field(repr=False)
    forward: Forward = field(repr=False)
    wiring: Wiring
    tokenizer: Tokenizer | None = field(repr=False)
    refusals: dict[str, str]
    dtype: str
    device: str
    quantization: str | None = None
    spec: str | None = None
    seen: SeenWeights | None = field(default=None, repr=False)
    _n_checked: dict[bool, int] = field(default_factory=dict, repr=False)
    _passed: WeakValueDictionary[int, PromptSet] = field(default_factory=WeakValueDictionary, init=False, repr=False)

    def __repr__(self) -> str:
        wiring = self.wiring
        shape = (
            f"{count_text(wiring.n_layers, 'layer')}, {count_text(wiring.n_heads, 'head')}, "
            f"{count_text(wiring.n_edges, 'edge')}"
        )
        return f"<Model {self.name}: {shape}, {self.dtype} on {self.device}>"

    @property
    def vision(self) -> Vision | None:
        """How the model takes pictures; None where it reads text alone."""
        return self.forward.vision

    @property
    def n_vocabulary(self) -> int:
        """Tokens that may occur in a prompt."""
        return int(self.bridge.cfg.d_vocab)

    @property
    def n_outputs(self) -> int:
        """Tokens, or numbers, that the model predicts."""
        return self.forward.weight_u.shape[0]

    @property
    def n_positions(self) -> int:
        """Longest prompt."""
        return int(self.bridge.cfg.n_ctx)

    def require(self, capability: str, method: str) -> None:
        """Raise a ValueError where the checks at the door refused what `method` needs."""
        if capability in self.refusals:
            instead = " Methods that score components, such as activation-patching, run on it."
            raise ValueError(
                f"method {method!r} cannot run on {self.name!r}: {self.refusals[capability]}."
                f"{instead if capability == 'edges' else ''}"
            )

    def check_prompts(self, prompts: PromptSet) -> None:
        """Raise a ValueError that names the prompt which this model cannot take.

        The longest prompts are run, once: where the family does something else than here at their length, they are
        refused. Cost: four forward passes of up to four prompts; nothing after longer ones, or up to 12 tokens of text.
        A set that has passed is not looked at again. Weights that were changed after they were loaded are refused too.
        """
        self.require_unchanged()
        if self._passed.get(id(prompts)) is prompts:
            return
        prompts.require_vocabulary(self.n_vocabulary, self.n_outputs)
        for number, prompt in enumerate((*prompts, *prompts.negatives)):
            if prompt.n_positions > self.n_positions:
                with_answer = f", {prompt.n_positions} with its longest answer" if prompt.has_long_answers else ""
                raise ValueError(
                    f"{prompts.called(number)} has {count_text(len(prompt), 'token')}{with_answer}; {self.name!r} "
                    f"takes at most "
                    f"{self.n_positions}."
                )
            if fault := self._answer_fault(prompt):
                raise ValueError(f"{prompts.called(number)} {fault}")
            if fault := self._image_fault(prompt):
                raise ValueError(f"{prompts.called(number)} {fault}")
        self._require_reproduced(longest(prompts))
        self._passed[id(prompts)] = prompts

    def require_unchanged(self) -> None:
        """Raise a ValueError where weights were changed after they were loaded, here or in the model in memory.

        >>> from circuits import load_model
        >>> load_model("reference").require_unchanged()
        """
        changed = None if self.seen is None else self.seen.first_changed()
        if changed is not None:
            how = "load_model(...)" if self.spec is None else "a copy of the model, with the change, by its folder"
            raise ValueError(
                f"the weights of {self.name!r} were changed after it was loaded, such as {changed!r}: some of what was "
                f"made of them would be old. Load it anew: {how}."
            )

    def _require_reproduced(self, prompts: Sequence[Prompt]) -> None:
        """Raise a ValueError unless these prompts, all with an image or all without, give the model's own logits."""
        n_tokens, has_image = max(prompt.n_positions for prompt in prompts), prompts[0].image is not None
        n_checked = self._n_checked.get(has_image, 0 if has_image else checks.N_POSITIONS)
        if n_tokens <= n_checked:
            return
        try:
            require_reproduced(self.forward, self.original, prompts)
        except ValueError as error:
            shorter = f", though it is on those of {n_checked}" if n_checked else ""
            raise ValueError(
                f"model {self.name!r} ({self.bridge.cfg.architecture}) is not supported on prompts of {n_tokens} "
                f"tokens{shorter}: {error}"
            ) from None
        self._n_checked[has_image] = n_tokens

    def _answer_fault(self, prompt: Prompt) -> str | None:
        """Why this model cannot read a prompt's answers of several tokens, or None."""
        if not prompt.has_long_answers:
            return None
        if not self.forward.is_causal:
            return (
                f"has answers of several tokens, which are read one after the other; in {self.name!r} tokens see those "
                "after them. Give answers of one token."
            )
        if prompt.n_positions > self.forward.same_rotations_up_to and len(set(map(len, prompt.continuations))) > 1:
            return (
                f"has answers of different lengths, and is longer than the {self.forward.same_rotations_up_to} tokens "
                f"up to which positions of {self.name!r} do not depend on the length. Give a shorter prompt, or "
                "answers of equal length."
            )
        return None

    def _image_fault(self, prompt: Prompt) -> str | None:
        """What is wrong with a prompt's image, or None."""
        if self.vision is None:
            return None if prompt.image is None else f"holds an image, and {self.name!r} reads text alone."
        image_token = self.vision.image_token_id
        sides = (
            ("", prompt.clean, prompt.image),
            (" in its corruption", prompt.corrupt, prompt.corrupt_image or prompt.image),
        )
        for side, ids, image in sides:
            n_given = ids.count(image_token)
            if image is None:
                if n_given:
                    return (
                        f"has {n_given} image tokens ({image_token}) and no image: give the image, or leave them out."
                    )
                continue
            if "images" in self.refusals:
                return f"holds an image, which cannot be measured on {self.name!r}: {self.refusals['images']}."
            first, stop = prompt.image_tokens or (0, 0)
            n_wanted = self.vision.n_tokens(image)
            if n_given != n_wanted or any(token != image_token for token in ids[first:stop]) or stop - first != n_given:
                return (
                    f"has {n_given} image tokens ({image_token}){side}, {stop - first} of them expected at positions "
                    f"{first} to {stop - 1}; its image becomes {n_wanted} tokens of {self.name!r}. Was the "
                    "prompt made for another model?"
                )
        return None

    def description(self) -> dict[str, Any]:
        """Plain facts for tables and records."""
        wiring = self.wiring
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "family": str(self.bridge.cfg.architecture),
            "layers": wiring.n_layers,
            "heads": wiring.n_heads,
            "key_value_heads": wiring.n_kv_heads,
            "d_model": int(self.bridge.cfg.d_model),
            "vocabulary": self.n_vocabulary,
            "edges": wiring.n_edges,
            "reads_images": self.vision is not None,
            "dtype": self.dtype,
            "quantization": self.quantization,
            "device": self.device,
            "refused": self.refusals,
        }


def load_model(
    spec: str | Path | nn.Module = "reference",
    *,
    tokenizer: Tokenizer | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> Model:
    """Load a model and check it at the door.

    spec    a bundled or fetched name (`reference`, `smollm2-135m`), a local Hugging Face or native folder, a GGUF file,
            or a Hugging Face id; or a transformers model or a TransformerBridge in memory, which is left as it is
    tokenizer  of a model in memory that carries none, and was loaded from no place that has one
    device  `cpu`, `cuda`, `cuda:1`, ...
    dtype   `float32` or `bfloat16`. On a GPU, float32 is float32: TF32, which rounds factors to 10 bits, is switched
            off for the process

    Raises a ValueError that says what to do where the model cannot be found, is damaged, lacks weights, or is built in
    a way that its forward pass cannot be reproduced. Cost: loading, and about six forward passes of 12 tokens.

    >>> from circuits import load_model
    >>> model = load_model("reference")
    >>> model.wiring.n_layers, model.wiring.n_heads, model.wiring.n_edges
    (4, 4, 479)
    """
    torch_dtype = lookup(DTYPES, dtype, "dtype")
    if spec == "":
        raise ValueError("no model is named. Give a name (`circuits models`), a folder or a Hugging Face id.")
    require_device(device)
    _compute_exactly(device)
    if not isinstance(spec, str | Path):
        if tokenizer is not None:
            require_tokenizer(tokenizer)
        plain, known = plain_twin(spec), tokenizer_with(spec) if tokenizer is None else tokenizer
        name = content_name(plain, known)
        held = model_from_module(converted(plain, device, torch_dtype), tokenizer=known, name=name)
        # A conversion copies: what was given may change without the copy.
        return replace(held, seen=SeenWeights(spec, held.bridge))
    if tokenizer is not None:
        raise ValueError(f"model {str(spec)!r} brings its own tokenizer: give one with a model in memory only.")
    return _load(find_model(str(spec)), str(spec), device, dtype, _checked)


def load_for_reading(spec: str) -> Model:
    """A model of which is asked what it says, on the CPU: it is not checked at the door, and refuses to be measured.

    `check_prompts` compares what it says of prompts with what the model itself says, short ones too, and comes first.
    Cost: loading.
    """
    return _load(find_model(spec), spec, "cpu", "float32", _opened)


def _load(source: ModelSource, spec: str, device: str, dtype: str, made: Callable[..., Model]) -> Model:
    require_fits(source, dtype, device)
    load = {"native": load_native, "gguf": load_gguf, "huggingface": load_huggingface}[source.format]
    # Parts are built with random weights before they get their own: who loads a model keeps their random numbers.
    opening = refused_as(f"model {source.name!r} cannot be opened")
    with phase(f"loading the model {source.name}"), opening, fork_rng(devices=[]):
        import_libraries()
        model = made(source, load(source, device, DTYPES[dtype]), dtype=dtype, device=device)
    return replace(model, spec=spec, seen=SeenWeights(model.original, model.bridge))


def model_from_module(
    module: Any, *, tokenizer: Tokenizer | None = None, processor: Any = None, name: str = "module"
) -> Model:
    """Wrap a transformers model that is already built, such as a small random one.

    processor  of a model that reads images
    Its parameters are frozen and the bridge replaces its submodules in place.
    """
    parameter = next(module.parameters())
    _compute_exactly(parameter.device)
    with refused_as(f"model {name!r} cannot be opened"), fork_rng(devices=[]):
        vision = None if processor is None else make_vision(module.config, processor, parameter.device, parameter.dtype)
        tokenizer = tokenizer if processor is None else processor.tokenizer
        loaded = with_probes(module.eval(), tokenizer, vision)
        dtype = str(parameter.dtype).removeprefix("torch.")
        return _checked(NotFromDisk(name), loaded, dtype=dtype, device=str(parameter.device))


def _checked(source: ModelSource | NotFromDisk, loaded: Loaded, *, dtype: str, device: str) -> Model:
    bridge, ids = loaded.bridge, loaded.text.ids
    _freeze(bridge)
    with refused_as(unsupported(bridge.cfg.architecture)):
        with torch.no_grad():
            logits = bridge(ids)
        rounding = own_rounding(loaded.original, ids, loaded.text.expected)
        checks.require_same(logits, loaded.text.expected, "through TransformerBridge", rounding=rounding)
    with refused_as(f"{bridge.cfg.architecture} is not supported"):
        forward = Forward(bridge, loaded.vision)
        checks.check_resuming(forward, bridge, ids, rounding=rounding)
        wiring = checks.wiring_of(forward)
    refusals = checks.refusals(forward, bridge, ids) | _image_refusal(loaded, forward, rounding)
    return _model(source, loaded, forward, wiring, refusals, dtype=dtype, device=device)


def _opened(source: ModelSource, loaded: Loaded, *, dtype: str, device: str) -> Model:
    _freeze(loaded.bridge)
    with refused_as(f"{loaded.bridge.cfg.architecture} is not supported"):
        forward = Forward(loaded.bridge, loaded.vision)
        wiring = checks.wiring_of(forward)
    refusals = {"edges": "it was opened to read what it says, and not checked"} | _image_refusal(loaded, forward, 0.0)
    model = _model(source, loaded, forward, wiring, refusals, dtype=dtype, device=device)
    return replace(model, _n_checked={False: 0, True: 0})


def _freeze(bridge: Any) -> None:
    for parameter in bridge.original_model.parameters():
        parameter.requires_grad_(False)


def _image_refusal(loaded: Loaded, forward: Forward, rounding: float) -> dict[str, str]:
    """Why prompts with images may not be measured, under `images`; nothing where they may."""
    if loaded.vision is None:
        return {}
    fault = "its processor puts more tokens around an image than those of the image itself"
    if (shown := loaded.images) is not None:
        fault = checks.image_fault(forward, shown.ids, shown.pixels, shown.expected, rounding=rounding)
    return {} if fault is None else {"images": fault}


def _model(
    source: ModelSource | NotFromDisk,
    loaded: Loaded,
    forward: Forward,
    wiring: Wiring,
    refusals: dict[str, str],
    *,
    dtype: str,
    device: str,
) -> Model:
    is_module = isinstance(source, NotFromDisk)
    return Model(
        name=source.name,
        fingerprint=_module_fingerprint(loaded.bridge) if is_module else source_fingerprint(source),
        bridge=loaded.bridge,
        original=loaded.original,
        forward=forward,
        wiring=wiring,
        tokenizer=loaded.tokenizer,
        refusals=refusals,
        dtype=dtype,
        device=device,
        quantization=None if is_module else source.quantization,
    )


def _module_fingerprint(bridge: Any) -> str:
    import hashlib

    digest = hashlib.sha256()
    for name, parameter in bridge.original_model.named_parameters():
        digest.update(name.encode() + parameter.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def require_device(device: str) -> None:
    """Raise a ValueError where torch has no such device here."""
    require_device_name(device)
    parsed = torch.device(device)
    if parsed.type == "cuda" and (parsed.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA device(s). "
            "Use --device cpu, or install a CUDA build of torch."
        )
    if parsed.type not in ("cpu", "cuda") and not _has(parsed):
        raise ValueError(
            f"device {device!r} was asked for, and there is none, or torch here was built without it. Use --device cpu."
        )


def _has(device: torch.device) -> bool:
    """Whether torch computes on a device here."""
    try:
        return bool((torch.ones(1, device=device) + 1).item() == 2)
    except (RuntimeError, NotImplementedError, AssertionError):
        return False


def _compute_exactly(device: torch.device | str) -> None:
    """Switch TF32 off where a model goes to a GPU: torch's default lets convolutions, as of vision towers, use it."""
    if torch.device(device).type == "cuda":
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
