"""Adapters (LoRA) beside a model's weights: merged into them where the package peft is there, refused where it is not.

transformers alone would run the model without its adapter, and say nothing.
"""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from circuits.files import read_text

ADAPTER_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"


def has_adapter(folder: Path) -> bool:
    """Whether a model's folder holds an adapter as well."""
    return (folder / ADAPTER_CONFIG).is_file()


def adapter_kind(folder: Path) -> str:
    """What an adapter's configuration says it is, and for which model: `LORA adapter for gpt2`."""
    try:
        config = json.loads(read_text(folder / ADAPTER_CONFIG))
        return f"{config['peft_type']} adapter for {config['base_model_name_or_path']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "adapter"


def require_mergeable(folder: Path) -> None:
    """Raise a ValueError where the adapter in a model's folder cannot be merged into the model's weights."""
    kind = adapter_kind(folder)
    if not (folder / _WEIGHTS).is_file():
        raise ValueError(
            f"{folder} holds the {ADAPTER_CONFIG} of a {kind} and no {_WEIGHTS}. Other weight formats can run code "
            "when opened and are not read. Without the adapter, remove its files."
        )
    if find_spec("peft") is None:
        raise ValueError(
            f"{folder} holds a {kind} beside the weights, and the package that applies it is not installed: "
            "pip install peft. Without the adapter, remove its files; or merge it into the weights "
            "(peft's merge_and_unload, then save_pretrained)."
        )


def merged(module: Any, folder: Path) -> Any:
    """The model with the adapter of its folder merged into its weights; a ValueError for kinds that cannot be."""
    from peft import PeftModel  # pyright: ignore[reportMissingImports]

    with warnings.catch_warnings():
        # An adapter made for other layers would change nothing.
        warnings.filterwarnings("error", message="Found missing adapter keys")
        adapted = PeftModel.from_pretrained(module, folder)
    if not hasattr(adapted.base_model, "merge_and_unload"):
        raise ValueError(f"its {adapter_kind(folder)} is no change of the weights, so it cannot be merged into them.")
    return adapted.merge_and_unload(safe_merge=True)
