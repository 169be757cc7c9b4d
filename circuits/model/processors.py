"""The tokenizer and the image processor of a model."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch

from circuits.data.image_processor import Vision
from circuits.data.tokenizer import Tokenizer
from circuits.files import read_text
from circuits.model.configuration import values_refused_by_name
from circuits.model.phases import phase
from circuits.model.read_once import read_once
from circuits.model.reasons import reason, refused_as
from circuits.model.sources import ModelSource

log = logging.getLogger(__name__)
_JSON_FILES = ("tokenizer*.json", "vocab.json", "special_tokens_map.json", "added_tokens.json", "*processor*.json")


def load_processor(source: ModelSource) -> Any:
    """What turns text and pictures into tokens and pixel values. ValueError where packages or files for it are missing.

    Loaded here and not by transformer-lens, which would install a missing torchvision by itself.
    """
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(source.folder, trust_remote_code=False)
    except ImportError as error:
        raise ValueError(
            "its processor needs packages that are not installed; install the extra 'multimodal' (pip install "
            f"'circuit-workbench[multimodal]') beside the torch that is there. {' '.join(str(error).split())}"
        ) from None
    except Exception as error:  # of a damaged tokenizer, a bare Exception
        where = _unreadable(source.folder)
        raise ValueError(f"its processor cannot be read from {where}: {reason(error)}") from None
    lacking = [name for name in ("tokenizer", "image_processor", "image_token") if not hasattr(processor, name)]
    if lacking or not processor.tokenizer.is_fast:
        raise ValueError(
            f"its processor, a {type(processor).__name__}, has no {lacking[0] if lacking else 'fast tokenizer'}: are "
            "preprocessor_config.json or processor_config.json and tokenizer.json in the folder?"
        )
    return processor


def make_vision(config: Any, processor: Any, device: torch.device | str, dtype: torch.dtype) -> Vision:
    image_token_id = getattr(config, "image_token_id", None)
    if image_token_id is None:
        image_token_id = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    return Vision(processor, int(image_token_id), device=device, dtype=dtype)


def _unreadable(folder: Path) -> Path:
    """The file of a tokenizer or processor that is no JSON object, or the folder where they all are."""
    for path in (path for pattern in _JSON_FILES for path in sorted(folder.glob(pattern))):
        try:
            if not isinstance(json.loads(read_text(path)), dict):
                return path
        except (OSError, ValueError):
            return path
    return folder


def load_tokenizer(source: ModelSource) -> Tokenizer | None:
    """The tokenizer in a model's folder; None where it has none that tells where tokens stand in a text."""

    def read() -> Tokenizer | None:
        with phase(f"reading the tokenizer of {source.name}"):
            return _read_tokenizer(source)

    return read_once(source.folder, read)


def _read_tokenizer(source: ModelSource) -> Tokenizer | None:
    from transformers import AutoTokenizer

    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    if not any((source.folder / name).exists() for name in names):
        return None
    unreadable = f"its tokenizer cannot be read from {_unreadable(source.folder)}"
    with refused_as(unreadable), values_refused_by_name(source):
        tokenizer = AutoTokenizer.from_pretrained(source.folder, trust_remote_code=False)
    if not tokenizer.is_fast:
        log.warning(
            "%s has no fast tokenizer: prompts as text need token offsets; give token ids instead.", source.name
        )
        return None
    return tokenizer
