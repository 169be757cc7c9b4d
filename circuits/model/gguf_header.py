"""What a GGUF file says of itself, read without its tensors: shape of the model, quantization, license.

GGUF is llama.cpp's format: a magic number, counts, typed key-value pairs, and for each tensor its name, shape, type and
place; then the tensors. Source: ggml's docs/gguf.md (versions 2 and 3, little-endian).
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from circuits.files import open_file

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
# Value types by number; 8 is a string and 9 an array.
_FORMATS = dict(enumerate(("B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d")))
_STRING, _ARRAY = 8, 9
# Bytes of the longest string: a damaged length must not ask for all memory.
_LONGEST = 2**24
# Tensor types that hold plain numbers.
_PLAIN = ("F32", "F16", "BF16", "F64")
# What transformers calls the settings that give a model its shape.
_SHAPE = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "context_length": "max_position_embeddings",
    "vocab_size": "vocab_size",
}


class TensorInfo(NamedTuple):
    """A tensor by name: how many numbers it holds, their type by number, and where it begins after the header."""

    name: str
    n_elements: int
    kind: int
    offset: int


@dataclass(frozen=True)
class GgufHeader:
    """values: the single values among the key-value pairs, and of arrays their length, under `KEY#`."""

    values: dict[str, Any]
    tensors: tuple[TensorInfo, ...]
    data_start: int

    @property
    def architecture(self) -> str:
        """The family, as llama.cpp calls it."""
        return str(self.values.get("general.architecture", "unknown"))

    @property
    def has_tokenizer(self) -> bool:
        return "tokenizer.ggml.model" in self.values

    @property
    def quantization(self) -> str | None:
        """The type that most of the weights are stored in, such as `Q4_1`; None where they are plain numbers."""
        from gguf.constants import GGMLQuantizationType

        held: Counter[int] = Counter()
        for tensor in self.tensors:
            held[tensor.kind] += tensor.n_elements
        most = GGMLQuantizationType(held.most_common(1)[0][0]).name if held else _PLAIN[0]
        return None if most in _PLAIN else most

    @property
    def shape(self) -> dict[str, Any]:
        """Layers, heads, widths and vocabulary, under the names that transformers has for them."""
        found: dict[str, Any] = {"model_type": self.architecture}
        for key, name in _SHAPE.items():
            if (value := self.values.get(f"{self.architecture}.{key}")) is not None:
                found[name] = value
        found.setdefault("vocab_size", self.values.get("tokenizer.ggml.tokens#"))
        return found

    @property
    def n_bytes(self) -> int:
        """How long the file must be for all its tensors."""
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        ends = []
        for tensor in self.tensors:
            block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
            ends.append(tensor.offset + tensor.n_elements // block * block_bytes)
        return self.data_start + max(ends, default=0)


def require_gguf(what: str) -> None:
    """Raise a ValueError where the package that reads GGUF files is not installed."""
    if find_spec("gguf") is None:
        raise ValueError(
            f"{what} needs the package gguf, which is not installed: pip install 'circuit-workbench[gguf]' "
            "(or pip install gguf)."
        )


def read_header(path: Path) -> GgufHeader:
    """The header of a GGUF file; a ValueError where it is none, or is damaged. Cost: milliseconds."""
    try:
        with open_file(path) as stream:
            header = _read(stream)
        if (n_bytes := path.stat().st_size) < header.n_bytes:
            raise ValueError(f"expected {header.n_bytes} bytes, found {n_bytes}")
    except (OSError, ValueError, KeyError, struct.error, OverflowError) as error:
        raise ValueError(f"{path} is no GGUF file, or is damaged ({error}). Fetch it again.") from None
    return header


def _read(stream: BinaryIO) -> GgufHeader:
    if stream.read(4) != _MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, n_tensors, n_values = _unpack(stream, "IQQ")
    if version not in _VERSIONS:
        raise ValueError(f"it has version {version}; known are {' and '.join(map(str, _VERSIONS))}")
    values: dict[str, Any] = {}
    for _ in range(n_values):
        key = _string(stream)
        (kind,) = _unpack(stream, "I")
        if kind == _ARRAY:
            values[f"{key}#"] = _skip_array(stream)
        else:
            values[key] = _string(stream) if kind == _STRING else _unpack(stream, _format(kind))[0]
    tensors = tuple(_tensor(stream) for _ in range(n_tensors))
    alignment = int(values.get("general.alignment", 32))
    return GgufHeader(values, tensors, math.ceil(stream.tell() / alignment) * alignment)


def _tensor(stream: BinaryIO) -> TensorInfo:
    name = _string(stream)
    (n_dimensions,) = _unpack(stream, "I")
    shape = _unpack(stream, f"{n_dimensions}Q")
    kind, offset = _unpack(stream, "IQ")
    return TensorInfo(name, math.prod(shape), kind, offset)


def _format(kind: int) -> str:
    if (form := _FORMATS.get(kind)) is None:
        raise ValueError(f"a value has the unknown type {kind}")
    return form


def _skip_array(stream: BinaryIO) -> int:
    """Go past an array; returns its length."""
    kind, length = _unpack(stream, "IQ")
    if kind == _STRING:
        for _ in range(length):
            stream.seek(_unpack(stream, "Q")[0], 1)
    elif kind == _ARRAY:
        for _ in range(length):
            _skip_array(stream)
    else:
        stream.seek(length * struct.calcsize(f"<{_format(kind)}"), 1)
    return length


def _string(stream: BinaryIO) -> str:
    (length,) = _unpack(stream, "Q")
    return _exactly(stream, length).decode("utf-8")


def _unpack(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", _exactly(stream, struct.calcsize(f"<{form}")))


def _exactly(stream: BinaryIO, n_bytes: int) -> bytes:
    data = stream.read(min(n_bytes, _LONGEST))
    if len(data) < n_bytes:
        raise ValueError("its header is cut short")
    return data
