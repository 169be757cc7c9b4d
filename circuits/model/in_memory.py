"""Models that somebody holds already: a transformers model or a TransformerBridge in memory.

They are left as they are. What is measured runs on a twin, which shares their weights; commands, whose jobs may run in
other processes and later, run on a copy in a folder (`saved`).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.random import fork_rng

from circuits.data.tokenizer import Tokenizer
from circuits.model import checks
from circuits.model.bridge import TextConfig
from circuits.model.original import own_logits
from circuits.model.reasons import refused_as

_WRAPPED = "._original_component"
_OF_ADAPTER = re.compile(r"\b(lora_|base_layer\b)")


def plain_twin(given: object) -> nn.Module:
    """A transformers model of its own on the weights of one in memory, or of the one within a TransformerBridge.

    It is built as from a folder and shares the weights; changes of the twin do not reach what was given. Raises a
    ValueError for what is no such model, and where class, configuration and weights do not give its logits, as of a
    model with replaced parts or with hooks that change what passes; for models with adapters or quantized weights, and
    for those that transformers would open as another class from their folder. Cost: two forward passes of 12 tokens.
    """
    if not isinstance(given, nn.Module):
        raise _no_model(given)
    held: Any = getattr(given, "_orig_mod", given)  # what torch.compile was given
    module: Any = held.original_model if _is_bridge(held) else held
    _require_plain(module)
    if getattr(held, "compatibility_mode", False):
        raise ValueError(
            "this TransformerBridge is in compatibility mode, which folds and centers weights. Give a bridge without "
            "it, or the transformers model."
        )
    twin = _built_anew(module)
    ids = checks.probe_ids(TextConfig(module.config), next(module.parameters()).device)
    what = "a model in memory against one of its class on its weights (were parts replaced, or hooked?)"
    with refused_as(
        f"{type(module).__name__} in memory gives no logits when it is called with token ids alone, as it must"
    ):
        found, expected = own_logits(twin, ids), _logits_at_rest(held, ids)
    checks.require_same(found, expected, what)
    return twin


def _require_plain(module: Any) -> None:
    """Raise a ValueError unless this is a language model as transformers opens it, with all its weights here."""
    kind = type(module).__name__
    if hasattr(module, "merge_and_unload") or any(_OF_ADAPTER.search(name) for name, _ in module.named_parameters()):
        raise ValueError(
            f"{kind} in memory has an adapter beside its weights. Merge it into them, and give the model that is left: "
            "model.merge_and_unload()."
        )
    if not hasattr(module, "save_pretrained") or not hasattr(module, "set_attn_implementation"):
        raise _no_model(module)
    if hasattr(module.config, "vision_config"):
        raise ValueError(f"{kind} reads images: save it with its processor, and give the folder.")
    expected = _class_of(module.config)
    if expected is not type(module):
        of_folder = f"as {expected.__name__}: give a model of that class" if expected else "as no language model"
        raise ValueError(f"{kind} in memory cannot be measured: transformers opens a folder of it {of_folder}.")
    if getattr(module, "hf_quantizer", None) is not None:
        raise ValueError(
            f"{kind} in memory has quantized weights. Save it with plain weights (model.dequantize()), or give the "
            "folder or the GGUF file that it came from."
        )
    if away := [name for name, tensor in module.named_parameters() if tensor.device.type == "meta"]:
        raise ValueError(f"{kind} in memory has weights that are not in memory, such as {away[0]!r}: load all of them.")


def _class_of(config: Any) -> type | None:
    """The class of language models that transformers opens from a folder with this configuration, if there is one."""
    from transformers import AutoModelForCausalLM

    known: Any = AutoModelForCausalLM._model_mapping
    return known.get(type(config), None)


def converted(twin: nn.Module, device: str, dtype: torch.dtype) -> nn.Module:
    """The twin with its weights in a type and on a device, as they are read from a folder.

    What is computed from the configuration, such as frequencies of rotations, keeps its type.
    """
    for tensor in twin.state_dict(keep_vars=True).values():
        tensor.data = tensor.data.to(device, dtype if tensor.is_floating_point() else tensor.dtype)
    return twin.to(device)


def _no_model(given: object) -> ValueError:
    return ValueError(
        "a model is given by its name or folder, or as a plain transformers model or a TransformerBridge of one in "
        f"memory; found {type(given).__name__}."
    )


def tokenizer_with(given: Any) -> Tokenizer | None:
    """The tokenizer that a model in memory carries, or that lies where it was loaded from; None where there is none."""
    carried = getattr(given, "tokenizer", None)
    if carried is not None:
        if not getattr(carried, "is_fast", False):
            return None
        has_start = getattr(getattr(given, "cfg", None), "default_prepend_bos", True)
        return carried if has_start else _without_start(carried)
    config = getattr(given, "config", None) or getattr(getattr(given, "original_model", None), "config", None)
    name = getattr(config, "_name_or_path", "")
    if not name:
        return None
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception:  # a name says nothing of what is there, and transformers raises dozens of kinds
        return None
    return found if found.is_fast else None


def _without_start(tokenizer: Any) -> Any:
    """The tokenizer of a bridge that is told to put no beginning-of-text token in front, as its own does."""
    plain = copy.deepcopy(tokenizer)
    plain.add_bos_token = False
    return plain


def content_name(module: nn.Module, tokenizer: Tokenizer | None) -> str:
    """What a model in memory is called: its class, and a hash of its configuration, weights and tokenizer.

    Cost: all weights are read once, about two seconds a gigabyte.
    """
    config: Any = module.config
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor))
    if tokenizer is not None:
        digest.update(json.dumps(_content(tokenizer), sort_keys=True).encode())
    return f"{type(module).__name__}-{digest.hexdigest()[:8]}"


def saved(module: nn.Module, tokenizer: Tokenizer | None, folder: Path) -> Path:
    """The folder within `folder` that holds a model, under a name of its content; written unless it is there.

    module  a plain transformers model, such as `plain_twin` gives
    """
    target = folder / content_name(module, tokenizer)
    if target.is_dir():
        return target
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: another process may look for it at any moment.
    written = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        # What transformers notes in the configuration as it writes is no part of the model, nor of its name.
        writes: Any = copy.copy(module)
        writes.config = copy.deepcopy(writes.config)
        writes.save_pretrained(written)
        if tokenizer is not None:
            writer: Any = tokenizer
            writer.save_pretrained(written)
            _require_read_back(tokenizer, written)
        written.replace(target)
    except OSError as error:
        if not target.is_dir():  # another process was faster where it is there
            raise ValueError(f"cannot write the model to {target}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(written, ignore_errors=True)
    return target


def _require_read_back(tokenizer: Any, folder: Path) -> None:
    """Raise a ValueError where transformers reads another tokenizer from the folder than was written to it.

    For some kinds of models it takes a class of its own choice, which splits text in its own way.
    """
    from transformers import AutoTokenizer

    with refused_as("the tokenizer cannot be read back from a folder"):
        read = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not (read.is_fast and _content(read) == _content(tokenizer)):
        kind = json.loads((folder / "config.json").read_text()).get("model_type")
        raise ValueError(
            f"the tokenizer given ({type(tokenizer).__name__}) is not what transformers opens beside a model of type "
            f"{kind!r} ({type(read).__name__}), which would split text in another way. Give the model's own tokenizer."
        )


def _content(tokenizer: Any) -> Any:
    """What a fast tokenizer does, as plain values; without truncation and padding, which belong to single calls."""
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    return {name: value for name, value in content.items() if name not in ("truncation", "padding")}


def _is_bridge(given: object) -> bool:
    from transformer_lens.model_bridge import TransformerBridge

    return isinstance(given, TransformerBridge)


def _built_anew(module: Any) -> nn.Module:
    """A model of the same class and configuration, with the attention as it is loaded here, on the same weights."""
    # The weights that it begins with are drawn: whoever holds the model goes on with random numbers of their own.
    with refused_as(f"{type(module).__name__} cannot be built from its configuration"), fork_rng(devices=[]):
        plain: Any = type(module)(copy.deepcopy(module.config))
        plain.set_attn_implementation("eager")
    # Within a bridge some parts have second names, and only one is that of transformers.
    named = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    weights = {name.replace(_WRAPPED, ""): tensor.detach() for name, tensor in named}
    kept = plain.state_dict(keep_vars=True)
    if lacking := [name for name in kept if name not in weights]:
        raise ValueError(f"{type(module).__name__} in memory lacks {lacking[0]!r}, which its class has.")
    for name, tensor in kept.items():
        tensor.data = weights[name]
        tensor.requires_grad_(False)
    return plain.to(next(module.parameters()).device).eval()


def _logits_at_rest(module: nn.Module, ids: Tensor) -> Tensor:
    """The logits of a model without dropout; whether its parts are in training stays as it was."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        return own_logits(module, ids)
    finally:
        for part, is_training in modes.items():
            part.training = is_training


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
