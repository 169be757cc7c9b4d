"""Bad model folders: configurations that disagree with the weights, hostile headers, pipes, pickles, other formats."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from circuits.model.sources import BUNDLED
from tests.faults.sound import Sound
from tests.faults.trial import Trial

KIND = "model folders"
_HUGE = 10**9
_VALUES: dict[str, Any] = {
    "one more": "+1",
    "half": "/2",
    "none": 0,
    "negative": -1,
    "huge": _HUGE,
    "beyond every number": 10**40,
    "a fraction": 2.5,
    "a text": "two",
    "null": None,
    "a list": [2],
    "true": True,
}
_LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
_SIZES = ("n_layers", "d_model", "d_head", "n_heads", "d_mlp", "n_ctx", "d_vocab", "d_vocab_out")
# A size that is left to another one, which says the same.
_HARMLESS = {("d_vocab_out", "negative"), ("d_mlp", "null")}
_GPT2_SIZES = ("n_layer", "n_embd", "n_head", "n_positions", "n_inner", "vocab_size")
# Heads of another number share the same matrices, and no shape tells them.
_GPT2_HARMLESS = {("n_head", "half"), ("n_inner", "null")}
_CONFIGS: dict[str, str] = {
    "empty": "",
    "a list": "[]",
    "null": "null",
    "cut short": '{"architecture": "Trans',
    "deep": "[" * 100_000,
    "a key twice": '{"architecture": "TransformerLensNative", "architecture": "x"}',
    "no architecture": "{}",
    "code of its own": json.dumps(
        {"architectures": ["Own"], "auto_map": {"AutoModelForCausalLM": "evil.Own"}, "model_type": "own"}
    ),
    "an unknown kind": '{"architectures": ["NothingForCausalLM"], "model_type": "nothing"}',
    "an encoder": '{"architectures": ["BertModel"], "model_type": "bert"}',
    "quantised": json.dumps(_LLAMA | {"quantization_config": {"quant_method": "gptq", "bits": 4}}),
    "quantised by an unknown method": json.dumps(_LLAMA | {"quantization_config": {"quant_method": "zz"}}),
    "a billion layers": json.dumps(_LLAMA | {"num_hidden_layers": _HUGE}),
    "a billion words": json.dumps(_LLAMA | {"vocab_size": _HUGE, "num_hidden_layers": 2}),
}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    for key in _SIZES:
        for name, value in _VALUES.items():
            expects = "either" if (key, name) in _HARMLESS else "refused"
            yield _trial(sound, f"{key} is {name}", _with_size(key, value), expects=expects)
    for key in _GPT2_SIZES:
        for name, value in _VALUES.items():
            expects = "either" if (key, name) in _GPT2_HARMLESS else "refused"
            yield _trial(
                sound, f"gpt2: {key} is {name}", _with_size(key, value), expects=expects, of=BUNDLED["reference"]
            )
    for name, text in _CONFIGS.items():
        yield _trial(sound, f"config.json: {name}", _writes("config.json", text.encode()))
    for name, data in _headers().items():
        yield _trial(sound, f"weights: {name}", _writes("model.safetensors", data))
    for name, make in SPECIAL.items():
        # A tokenizer is not asked where prompts are token ids.
        yield _trial(sound, name, make, expects="either" if name == "the tokenizer is damaged" else "refused")
    yield from _damaged(sound)


def _damaged(sound: Sound) -> Iterator[Trial]:
    """Weights whose header is damaged at random, or that are cut short."""
    good = (sound.model / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", good[:8])
    for seed in range(60):
        dice, data = random.Random(seed), bytearray(good)
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(8 + size)] = dice.randrange(256)
        if seed % 6 == 0:
            del data[dice.randrange(len(data)) :]
        yield _trial(sound, f"weights damaged {seed}", _writes("model.safetensors", bytes(data)), expects="either")


def _headers() -> dict[str, bytes]:
    """Hostile headers of safetensors."""

    def of(header: Any, size: int | None = None, data: bytes = b"") -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if size is None else size) + text + data

    tensor = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    return {
        "nothing": b"",
        "seven bytes": b"1234567",
        "a header of exabytes": of({}, size=2**63),
        "a header longer than the file": of({"a": tensor}, size=10**6),
        "a shape of terabytes": of({"a": {**tensor, "shape": [10**12, 10**12]}}, data=bytes(16)),
        "offsets past the end": of({"a": {**tensor, "data_offsets": [0, 10**12]}}, data=bytes(16)),
        "offsets backwards": of({"a": {**tensor, "data_offsets": [16, 0]}}, data=bytes(16)),
        "negative offsets": of({"a": {**tensor, "data_offsets": [-16, 0]}}, data=bytes(16)),
        "two tensors in one place": of({"a": tensor, "b": tensor}, data=bytes(16)),
        "an unknown type": of({"a": {**tensor, "dtype": "Z9"}}, data=bytes(16)),
        "no JSON": of(b"{" * 100),
        "deep JSON": of(b"[" * 100_000),
        "a list": of([]),
        "names that are paths": of({"../../evil": tensor}, data=bytes(16)),
        "a pickle": pickle.dumps({"a": 1}),
        "a zip": b"PK\x03\x04" + bytes(100),
        "text": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }


def _with_size(key: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        size = config[key] or 4 * config["n_embd"]
        config[key] = {"+1": size + 1, "/2": size // 2}.get(value, value) if isinstance(value, str) else value
        path.write_text(json.dumps(config))

    return change


def _writes(name: str, data: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return write


def _trial(
    sound: Sound, name: str, change: Callable[[Path], None], *, expects: str = "refused", of: Path | None = None
) -> Trial:
    def prepare(folder: Path) -> None:
        shutil.copytree(of or sound.model, folder / "model")
        change(folder / "model")

    return Trial(KIND, name, sound.discover(model="./model"), prepare, ("model", "config.json"), expects)  # pyright: ignore[reportArgumentType]


def _replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return change


def _pickled(folder: Path) -> None:
    """Weights that run code when they are opened."""

    class Runs:
        def __reduce__(self) -> Any:
            return os.system, ("touch hacked",)

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"w": Runs()}))


def _own_code(folder: Path) -> None:
    (folder / "modeling_own.py").write_text("open('hacked', 'w')")
    (folder / "config.json").write_text(_CONFIGS["code of its own"])


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


SPECIAL: dict[str, Callable[[Path], None]] = {
    "nothing in it": _empty,
    "a pickle": _pickled,
    "code of its own": _own_code,
    **{
        f"{name} is {what}": _replaced(name, make)
        for name in ("config.json", "model.safetensors")
        for what, make in {
            "missing": lambda path: None,
            "a pipe": os.mkfifo,
            "a folder": Path.mkdir,
            "a link in a circle": lambda path: path.symlink_to(path),
            "a device": lambda path: path.symlink_to("/dev/zero"),
        }.items()
    },
    "the tokenizer is a pipe": _replaced("tokenizer.json", os.mkfifo),
    "the tokenizer is damaged": _replaced("tokenizer.json", lambda path: path.write_text("{")),
}
