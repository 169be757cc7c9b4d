"""Where a model's files are: from the name a user gives to a checked folder, without importing torch.

Also the model's fingerprint, a hash of its configuration and weights (and of its image preprocessing), so that a plan
can be made without loading it.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from circuits.files import open_file, read_bytes, read_text, real_path
from circuits.lookup import unknown
from circuits.model import fitting
from circuits.model.adapters import ADAPTER_CONFIG, adapter_kind, has_adapter
from circuits.model.fetchable import FETCHABLE, read_provenance, require_fetched
from circuits.model.file_hash import content_hash
from circuits.model.gguf_header import read_header, require_gguf
from circuits.model.phases import phase
from circuits.strict_json import kind_of, parse_strictly

NATIVE_ARCHITECTURE = "TransformerLensNative"
GGUF = ".gguf"
_TOKENIZER_FILES = (
    *("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json"),
    "chat_template*",
)
# Files beside configuration and weights that change what the model computes.
_FURTHER_FILES = ("preprocessor_config.json", "processor_config.json", ADAPTER_CONFIG)
_LONGEST_HEADER = 100_000_000  # bytes, of what the library of safetensors reads
# What reading a header raises that is not what its format says.
_UNSOUND = (OSError, struct.error, ValueError, KeyError, TypeError, AssertionError, RecursionError, AttributeError)
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # that transformers writes
_HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


@dataclass(frozen=True)
class ModelSource:
    """Where a model's files are. `name` is what records and figures show; `format` how the files are laid out.

    file          of the format `gguf`, the one file within the folder
    quantization  how the weights were rounded before, such as `Q4_1`; None where they were not
    """

    name: str
    folder: Path
    format: Literal["huggingface", "native", "gguf"]
    file: Path | None = None
    quantization: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The configuration; of a GGUF file the shape alone, under the names that transformers has for it."""
        return _read_config(self.folder) if self.file is None else read_header(self.file).shape

    @property
    def weight_files(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors")) if self.file is None else [self.file]


def find_model(spec: str) -> ModelSource:
    """The files behind `spec`: a bundled or fetched name, a local folder, a GGUF file, or a Hugging Face id.

    Raises a ValueError that says what was looked for: unknown names, models that were not fetched, folders without a
    configuration or safetensors, weights that are damaged, hub ids that are neither cached nor reachable.
    """
    if spec.lower().endswith(GGUF):
        return _gguf_source(Path(spec))
    if spec in BUNDLED:
        folder = BUNDLED[spec]
    elif spec in FETCHABLE:
        folder = require_fetched(spec)
    elif Path(spec).exists():
        folder = Path(spec)
    else:
        folder = _from_hub(spec)
    if not folder.is_dir():
        raise ValueError(f"model {spec!r} is a file; give the folder that holds its config.json and *.safetensors.")
    for path in folder.iterdir():
        if not path.is_file() and not path.is_dir():
            raise ValueError(f"model {spec!r}: {path} is neither a file nor a folder. Copy the model's files here.")
    config = _read_config(folder)
    is_native = config.get("architecture") == NATIVE_ARCHITECTURE
    record = read_provenance(folder) or {}
    source = ModelSource(
        _name_of(spec, folder),
        folder,
        "native" if is_native else "huggingface",
        quantization=record.get("quantization"),
    )
    if not source.weight_files:
        raise ValueError(
            f"model {spec!r}: no *.safetensors in {folder}. Other weight formats can run code when opened and are not "
            "read; convert them with transformers' save_pretrained."
        )
    require_fitting(source, config)
    return source


def is_path(spec: str) -> bool:
    """Whether `spec` is a folder or a file here, rather than a name or a Hugging Face id."""
    return spec not in BUNDLED and spec not in FETCHABLE and Path(spec).exists()


def _name_of(spec: str, folder: Path) -> str:
    if spec in FETCHABLE:
        return FETCHABLE[spec].shown_as
    return real_path(folder).name if is_path(spec) else spec


def _gguf_source(file: Path) -> ModelSource:
    if not file.is_file():
        raise ValueError(f"no file {file}. --model takes a GGUF file by its path.")
    require_gguf(f"model {str(file)!r}")
    header = read_header(file)
    if (n_parts := header.values.get("split.count", 1)) > 1:
        raise ValueError(f"{file} is one of {n_parts} parts; transformers reads whole files (join them: gguf-split).")
    # A file may be called anything: what it holds is on record wherever the model is named.
    name = f"{file.stem} (GGUF{f', {header.quantization}' if header.quantization else ''})"
    return ModelSource(name, file.parent, "gguf", file, header.quantization)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = parse_strictly(read_text(path), constants=_CONSTANTS)
    except FileNotFoundError:
        if files := sorted(folder.glob(f"*{GGUF}")):
            raise ValueError(f"{folder} holds no config.json, but GGUF files: give one of them, {files[0]}.") from None
        if has_adapter(folder):
            raise ValueError(
                f"{folder} holds a {adapter_kind(folder)}, and not the model. Copy the model's files into it, or merge "
                "the adapter into the model (peft's merge_and_unload, then save_pretrained) and give that folder."
            ) from None
        raise ValueError(
            f"{folder} holds no config.json. A model folder has the Hugging Face layout (config.json, "
            f'model.safetensors, tokenizer files), or is native: config.json with "architecture": '
            f'"{NATIVE_ARCHITECTURE}".'
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the model configuration {path}: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"the model configuration {path} holds {kind_of(config)}, expected a JSON object.")
    return config


def shapes_in(file: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors in a safetensors file. ValueError where it is cut short or its header damaged."""
    try:
        with open_file(file) as stream:
            (header_bytes,) = struct.unpack("<Q", stream.read(8))
            assert header_bytes < min(file.stat().st_size, _LONGEST_HEADER), f"its header has {header_bytes:,} bytes"
            header = json.loads(stream.read(header_bytes))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        ends = [entry["data_offsets"][1] for entry in tensors.values()]
        expected, actual = 8 + header_bytes + max(ends, default=0), file.stat().st_size
        assert expected == actual, f"expected {expected} bytes, found {actual}"
        shapes = {name: tuple(map(operator.index, entry["shape"])) for name, entry in tensors.items()}
    except _UNSOUND as error:
        raise ValueError(f"weights file {file} is damaged ({error}). Fetch or export the model again.") from None
    return shapes


def require_fitting(source: ModelSource, config: Mapping[str, Any]) -> None:
    """Raise a ValueError where a configuration, with its defaults or as it is written, is of another model than the
    weights, or where these are damaged."""
    shapes = {name: shape for file in source.weight_files for name, shape in shapes_in(file).items()}
    place = source.folder / "config.json"
    if source.format == "native":
        fitting.require_fitting_native(config, shapes, place)
    else:
        fitting.require_fitting(source.config, shapes, place, filled=config)


def _from_hub(spec: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()
    try:
        with phase(f"looking for {spec} on the hub, and downloading what is not here"):
            return Path(snapshot_download(spec, allow_patterns=_HUB_FILES))
    except HFValidationError:
        raise ValueError(
            f"{unknown(spec, (*BUNDLED, *FETCHABLE), 'model')} It is no folder either, and cannot be a Hugging Face id."
        ) from None
    except GatedRepoError:
        why = (
            "As a Hugging Face id it is given to those alone who accept its terms: do so on its page, and log in "
            "(`hf auth login`)"
        )
    except RepositoryNotFoundError:
        why = (
            "As a Hugging Face id it is not there either, or not for everybody: look for its name on the hub, "
            "OWNER/NAME"
        )
    except Exception:  # the hub client raises dozens of kinds for "cannot be had"
        why = (
            "As a Hugging Face id it cannot be had here: it is not in the cache, and the hub is not reached. Copy the "
            "model's folder here and give its path"
        )
        why += f", or fill the cache elsewhere with `hf download {spec}`" if "/" in spec else ""
    raise ValueError(f"{unknown(spec, (*BUNDLED, *FETCHABLE), 'bundled model or folder')} {why}.")


def tokenizer_hash(model: ModelSource) -> str:
    """Hash of a model's tokenizer files, which its fingerprint leaves out: they decide the prompts and nothing else.

    A GGUF file holds its tokenizer, and its fingerprint is that of the whole file.
    """
    digest = hashlib.sha256()
    patterns = _TOKENIZER_FILES if model.file is None else ()
    for path in sorted(path for pattern in patterns for path in model.folder.glob(pattern)):
        digest.update(f"{path.name}\n".encode() + read_bytes(path))
    return digest.hexdigest()


def model_fingerprint(spec: str) -> str:
    """Hash of a model's configuration and weights; the same as `load_model(spec).fingerprint`, without loading it."""
    return source_fingerprint(find_model(spec))


def source_fingerprint(source: ModelSource) -> str:
    """Hash of configuration, weights, image preprocessing and adapter, whatever the folder is called."""
    if source.file is not None:  # it holds everything, the tokenizer too
        with phase(f"hashing the weights of {source.name}"):
            return content_hash(source.file)[:16]
    digest = hashlib.sha256(json.dumps(source.config, sort_keys=True).encode())
    for name in _FURTHER_FILES:
        if (path := source.folder / name).is_file():
            digest.update(f"{name}\n".encode() + read_bytes(path))
    with phase(f"hashing the weights of {source.name}"):
        for file in source.weight_files:
            digest.update(content_hash(file).encode())
    return digest.hexdigest()[:16]


_FOLDER = Path(__file__).parents[1] / "reference"


BUNDLED: dict[str, Path] = {
    "reference": _FOLDER / "model",
    "reference-early": _FOLDER / "early",
    "reference-reuse": _FOLDER / "reuse" / "model",
    "reference-asleep": _FOLDER / "reuse" / "asleep",
    "reference-vlm": _FOLDER / "vision" / "model",
    "two-route": _FOLDER / "two_route" / "model",
}
