"""Load a model as a TransformerBridge, checked at the door."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from torch import Tensor

from circuits import checks
from circuits.components import Wiring
from circuits.forward import Forward
from circuits.naming import lookup
from circuits.prompts import Prompt, PromptSet, Tokenizer
from circuits.sources import ModelSource, find_model, source_fingerprint
from circuits.vision import Pixels, Vision

log = logging.getLogger(__name__)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Model:
    """A loaded model with everything methods need.

    bridge    the TransformerBridge; raw weights, no processing (folded norms or centered weights)
    forward   runs all or part of it
    wiring    its components and possible edges
    refusals  capability (`edges`) -> why it cannot be measured on this model
    """

    name: str
    fingerprint: str
    bridge: Any = field(repr=False)
    forward: Forward = field(repr=False)
    wiring: Wiring
    tokenizer: Tokenizer | None = field(repr=False)
    refusals: dict[str, str]
    dtype: str
    device: str

    @property
    def vision(self) -> Vision | None:
        """How the model takes pictures; None where it reads text alone."""
        return self.forward.vision

    @property
    def n_vocabulary(self) -> int:
        """Tokens that may stand in a prompt."""
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
            raise ValueError(f"method {method!r} cannot run on {self.name!r}: {self.refusals[capability]}.")

    def check_prompts(self, prompts: PromptSet) -> None:
        """Raise a ValueError that names the prompt which this model cannot take."""
        prompts.require_vocabulary(self.n_vocabulary, self.n_outputs)
        for number, prompt in enumerate((*prompts, *prompts.negatives)):
            if len(prompt) > self.n_positions:
                raise ValueError(
                    f"{prompts.called(number)} has {len(prompt)} tokens; {self.name!r} takes at most "
                    f"{self.n_positions}."
                )
            if fault := self._image_fault(prompt):
                raise ValueError(f"{prompts.called(number)} {fault}")

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
            n_found = ids.count(image_token)
            if image is None:
                if n_found:
                    return (
                        f"has {n_found} image tokens ({image_token}) and no image: give the image, or leave them out."
                    )
                continue
            if "images" in self.refusals:
                return f"holds an image, which cannot be measured on {self.name!r}: {self.refusals['images']}."
            first, stop = prompt.image_tokens or (0, 0)
            n_wanted = self.vision.n_tokens(image)
            if n_found != n_wanted or any(token != image_token for token in ids[first:stop]) or stop - first != n_found:
                return (
                    f"has {n_found} image tokens ({image_token}){side}, {stop - first} of them expected at positions "
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
            "device": self.device,
            "refused": self.refusals,
        }


def load_model(spec: str = "reference", *, device: str = "cpu", dtype: str = "float32") -> Model:
    """Load a model and check it at the door.

    spec    a bundled name (`reference`), a local Hugging Face folder, a local native folder, or a Hugging Face id
    device  `cpu`, `cuda`, `cuda:1`, ...
    dtype   `float32` or `bfloat16`

    Raises a ValueError that says what to do where the model cannot be found, is damaged, lacks weights, or is built in
    a way that its forward pass cannot be reproduced. Cost: loading, and about ten forward passes of 12 tokens.
    """
    torch_dtype = lookup(DTYPES, dtype, "dtype")
    _require_device(device)
    source = find_model(spec)
    load = _load_native if source.format == "native" else _load_huggingface
    return _checked(source, load(source, device, torch_dtype), dtype=dtype, device=device)


def model_from_module(
    module: Any, *, tokenizer: Tokenizer | None = None, processor: Any = None, name: str = "module"
) -> Model:
    """Wrap a transformers model that is already built, such as a small random one.

    processor  of a model that reads images
    Its parameters are frozen and the bridge replaces its submodules in place.
    """
    parameter = next(module.parameters())
    vision = None if processor is None else _vision(module.config, processor, parameter.device, parameter.dtype)
    tokenizer = tokenizer if processor is None else processor.tokenizer
    loaded = _with_probes(module.eval(), tokenizer, vision)
    dtype = str(parameter.dtype).removeprefix("torch.")
    return _checked(_NotFromDisk(name), loaded, dtype=dtype, device=str(parameter.device))


@dataclass(frozen=True)
class _Probe:
    """What the model itself, before it was wrapped, made of some tokens."""

    ids: Tensor
    pixels: Pixels
    expected: Tensor


@dataclass(frozen=True)
class _Loaded:
    """A wrapped model and what it has to reproduce.

    images  a prompt with a picture; None where the processor makes another prompt of it than is made here
    """

    bridge: Any
    tokenizer: Tokenizer | None
    text: _Probe
    vision: Vision | None = None
    images: _Probe | None = None


def _with_probes(module: Any, tokenizer: Tokenizer | None, vision: Vision | None) -> _Loaded:
    """The module wrapped, with its own answers from before."""
    config = _TextConfig(module.config)
    device = next(module.parameters()).device
    ids = checks.probe_ids(config, device)
    with torch.no_grad():
        text = _Probe(ids, {}, module(input_ids=ids, use_cache=False).logits)
    if vision is None:
        return _Loaded(_bridge(module, tokenizer), tokenizer, text)
    shown = vision.probe()
    with torch.no_grad():
        images = _Probe(shown.ids, shown.pixels, module(**shown.inputs, use_cache=False).logits)
    same = shown.ids.shape == shown.inputs["input_ids"].shape and bool((shown.ids == shown.inputs["input_ids"]).all())
    return _Loaded(_bridge(module, tokenizer), tokenizer, text, vision, images if same else None)


@dataclass(frozen=True)
class _NotFromDisk:
    name: str


class _TextConfig:
    """The two numbers `checks.probe_ids` reads, from a transformers configuration."""

    def __init__(self, config: Any) -> None:
        text = config.get_text_config()
        self.d_vocab = text.vocab_size
        self.n_ctx = getattr(text, "max_position_embeddings", None)


def _checked(source: ModelSource | _NotFromDisk, loaded: _Loaded, *, dtype: str, device: str) -> Model:
    bridge, ids = loaded.bridge, loaded.text.ids
    for parameter in bridge.original_model.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        found = bridge(ids)
    checks.require_same_logits(found, loaded.text.expected, f"model {source.name!r} through TransformerBridge")
    try:
        forward = Forward(bridge, loaded.vision)
        checks.check_resuming(forward, bridge, ids)
        wiring = checks.wiring_of(forward)
    except ValueError as error:
        raise ValueError(f"model {source.name!r} ({bridge.cfg.architecture}) is not supported: {error}") from None
    refusals = checks.refusals(forward, bridge, ids)
    if loaded.vision is not None:
        fault = "its processor puts more tokens around an image than those of the image itself"
        if (shown := loaded.images) is not None:
            fault = checks.image_fault(forward, shown.ids, shown.pixels, shown.expected)
        refusals |= {} if fault is None else {"images": fault}
    return Model(
        name=source.name,
        fingerprint=source_fingerprint(source) if isinstance(source, ModelSource) else _module_fingerprint(bridge),
        bridge=bridge,
        forward=forward,
        wiring=wiring,
        tokenizer=loaded.tokenizer,
        refusals=refusals,
        dtype=dtype,
        device=device,
    )


def _module_fingerprint(bridge: Any) -> str:
    import hashlib

    digest = hashlib.sha256()
    for name, parameter in bridge.original_model.named_parameters():
        digest.update(name.encode() + parameter.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _require_device(device: str) -> None:
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"no device {device!r}. Known kinds: cpu, cuda, cuda:0, mps.") from None
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA device(s). "
            "Use --device cpu, or install a CUDA build of torch."
        )


def _load_huggingface(source: ModelSource, device: str, dtype: torch.dtype) -> _Loaded:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(source.folder)
        reads_images = type(config) in AutoModelForImageTextToText._model_mapping and hasattr(config, "vision_config")
        if not reads_images and type(config) not in AutoModelForCausalLM._model_mapping:
            kind = getattr(config, "model_type", type(config).__name__)
            raise ValueError(
                f"it is of type {kind!r}, which is no language model, nor one that reads images and writes text."
            )
        # Before the weights: gigabytes need not be read to learn that a package is missing.
        processor = _processor(source) if reads_images else None
        loaded: Any = (AutoModelForImageTextToText if reads_images else AutoModelForCausalLM).from_pretrained(
            source.folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"model {source.name!r} could not be loaded from {source.folder}: {error}") from None
    module, loading = loaded
    # transformers fills missing weights with random numbers and goes on.
    if missing := sorted(loading["missing_keys"]):
        raise ValueError(
            f"model {source.name!r}: the weights in {source.folder} lack {len(missing)} tensor(s), "
            f"such as {missing[0]!r}."
        )
    module = module.to(device).eval()
    if processor is None:
        return _with_probes(module, _tokenizer(source), None)
    try:
        return _with_probes(module, processor.tokenizer, _vision(config, processor, device, dtype))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f"model {source.name!r}: its processor in {source.folder} does not give what the model reads "
            f"({' '.join(str(error).split())})."
        ) from None


def _processor(source: ModelSource) -> Any:
    """What makes tokens and pixel values of text and pictures. ValueError where packages or files for it are missing.

    Loaded here and not by transformer-lens, which would install a missing torchvision by itself.
    """
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(source.folder)
    except ImportError as error:
        raise ValueError(
            "its processor needs packages that are not installed; install the extra 'multimodal' (pip install "
            f"'circuit-workbench[multimodal]') beside the torch that is there. {' '.join(str(error).split())}"
        ) from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"its processor cannot be read ({' '.join(str(error).split())}).") from None
    lacking = [name for name in ("tokenizer", "image_processor", "image_token") if not hasattr(processor, name)]
    if lacking or not processor.tokenizer.is_fast:
        raise ValueError(
            f"its processor, a {type(processor).__name__}, has no {lacking[0] if lacking else 'fast tokenizer'}: are "
            "preprocessor_config.json or processor_config.json and tokenizer.json in the folder?"
        )
    return processor


def _vision(config: Any, processor: Any, device: torch.device | str, dtype: torch.dtype) -> Vision:
    image_token_id = getattr(config, "image_token_id", None)
    if image_token_id is None:
        image_token_id = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    return Vision(processor, int(image_token_id), device=device, dtype=dtype)


def _tokenizer(source: ModelSource) -> Tokenizer | None:
    from transformers import AutoTokenizer

    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    if not any((source.folder / name).exists() for name in names):
        return None
    tokenizer = AutoTokenizer.from_pretrained(source.folder)
    if not tokenizer.is_fast:
        log.warning(
            "%s has no fast tokenizer: prompts as text need token offsets; give token ids instead.", source.name
        )
        return None
    return tokenizer


def _bridge(module: Any, tokenizer: Any) -> Any:
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    architecture = type(module).__name__
    try:
        # Without the tokenizer: the bridge would change its padding and special tokens.
        return build_bridge_from_module(module, architecture, hf_config=module.config, tokenizer=None).eval()
    except (ValueError, KeyError, RuntimeError, AttributeError, NotImplementedError, ImportError) as error:
        raise ValueError(f"transformer-lens cannot wrap a {architecture}: {error}") from None


def _load_native(source: ModelSource, device: str, dtype: torch.dtype) -> _Loaded:
    import transformer_lens.model_bridge.sources.native  # noqa: F401  registers boot_native
    from safetensors.torch import load_file
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    try:
        config = TransformerBridgeConfig(**source.config)
        bridge = TransformerBridge.boot_native(config)  # pyright: ignore[reportAttributeAccessIssue]
        weights = {name: tensor for file in source.weight_files for name, tensor in load_file(file).items()}
        bridge.load_state_dict(convert_tl_checkpoint(weights, config), strict=True)
    except (TypeError, ValueError, RuntimeError, KeyError, AssertionError) as error:
        raise ValueError(f"native model {source.name!r} could not be loaded from {source.folder}: {error}") from None
    bridge.original_model.to(device=device, dtype=dtype)
    bridge.eval()
    ids = checks.probe_ids(bridge.cfg, device)
    with torch.no_grad():
        expected = bridge.original_model(ids)
    expected = expected if isinstance(expected, Tensor) else expected.logits
    return _Loaded(bridge, _tokenizer(source), _Probe(ids, {}, expected))
