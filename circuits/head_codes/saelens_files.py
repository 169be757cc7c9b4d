"""Autoencoders of head outputs as files in the layout of SAELens, one folder each.

A folder holds `cfg.json` and `sae_weights.safetensors`: W_enc [d_in, d_sae], b_enc [d_sae], W_dec [d_sae, d_in] and
b_dec [d_in]. Several are in folders `trial-N`, `layer-N` or `trial-N/layer-N`. The hook says what an autoencoder
reads: `blocks.3.attn.hook_result` is the outputs of layer 3's heads, one head a row; `blocks.*.attn.hook_result`, a
name that only we use, those of all layers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from circuits.files import open_file, read_text, replace_file
from circuits.head_codes.autoencoders import Autoencoders
from circuits.head_codes.settings import Coding
from circuits.versions import versions

CONFIG_FILE, WEIGHTS_FILE = "cfg.json", "sae_weights.safetensors"
RECORD = "circuit_workbench"
FORMAT, VERSION = "circuit-workbench-autoencoder", 1
# Readers take a file without it for one of an older layout, and drop its metadata.
_LAYOUT_VERSION = "6.0.0"
_LAYOUT = (
    f"Give a folder with {CONFIG_FILE} and {WEIGHTS_FILE} in the layout of SAELens, or one whose folders trial-N, "
    "layer-N or trial-N/layer-N hold them."
)
_PART = re.compile(r"(trial|layer)-(\d+)")
_HEAD_OUTPUTS = re.compile(r"blocks\.(\d+|\*)\.(?:.+\.)?hook_result")
_HELD = {
    "hook_z": "z of all heads, before W_O",
    "hook_resid_pre": "the residual stream",
    "hook_resid_mid": "the residual stream",
    "hook_resid_post": "the residual stream",
    "hook_attn_out": "the sum of a layer's heads",
    "hook_mlp_out": "an MLP's output",
}


class _Member(NamedTuple):
    """What a checked cfg.json says.

    layer           None where all layers share the autoencoder
    subtracts_bias  whether b is subtracted before the encoder
    """

    folder: Path
    layer: int | None
    d_sae: int
    top_k: int | None
    subtracts_bias: bool


def write_autoencoders(
    folder: Path, autoencoders: Autoencoders, coding: Coding, *, model: str, n_layers: int
) -> list[Path]:
    """The folders written, one for each of the stack [trial x group]: `trial-N`, or `trial-N/layer-N` by layer."""
    files = autoencoder_files(folder, autoencoders, coding, model=model, n_layers=n_layers)
    for name, data in files.items():
        replace_file(folder / name, data)
    return list(dict.fromkeys((folder / name).parent for name in files))


def autoencoder_files(
    folder: Path, autoencoders: Autoencoders, coding: Coding, *, model: str, n_layers: int
) -> dict[str, bytes]:
    """The files of a stack [trial x group] of autoencoders, by their path within `folder`.

    Each can be loaded by SAELens, and records the settings, seed and versions under `circuit_workbench`. A top_k beyond
    the number of features is written as that number, which is the same function. A ValueError where the folder holds
    autoencoders that would stay beside those written.
    """
    n = coding.n_autoencoders(n_layers)
    if not len(autoencoders) or len(autoencoders) % n:
        raise ValueError(
            f"{len(autoencoders)} autoencoders cannot be written: with scope={coding.scope!r} and {n_layers} layers, a "
            f"trial has {n}. Give whole trials."
        )
    folders = [_folder_of(folder, coding, *divmod(number, n)) for number in range(len(autoencoders))]
    others = sorted(str(path.parent) for path in folder.rglob(CONFIG_FILE) if path.parent not in folders)
    if others:
        raise ValueError(
            f"{folder} holds other autoencoders already ({others[0]}), which would be read with those written. Give an "
            "empty folder."
        )
    files: dict[str, bytes] = {}
    for number, (target, autoencoder) in enumerate(zip(folders, autoencoders.each(), strict=True)):
        trial, group = divmod(number, n)
        config = _config_of(autoencoder, coding, model, trial, layer=group if coding.scope == "layer" else None)
        name = target.relative_to(folder).as_posix()
        files[f"{name}/{CONFIG_FILE}"] = (json.dumps(config, indent=2) + "\n").encode()
        files[f"{name}/{WEIGHTS_FILE}"] = save(_saelens_weights(autoencoder))
    return files


def read_autoencoders(
    folder: str | Path, coding: Coding, *, d_model: int, n_layers: int, like: Tensor | None = None
) -> Autoencoders:
    """The autoencoders of a folder, [trial x layer] where there is one for each layer.

    folder  is itself one autoencoder, or holds folders `trial-N`, `layer-N` or `trial-N/layer-N`
    coding  gives `scope` and `inputs`; number of features and top_k are the files'. Files that do not say whether they
            read raw or centered outputs are taken to agree
    like    device and precision; float32 on the CPU without
    Where b is not subtracted before the encoder, W_e b is added to the encoder's bias, which is the same function.
    A ValueError says what does not fit. All configurations are checked before any weights are read.
    """
    members: list[_Member] = []
    for trial in _parts(Path(folder), "trial"):
        of_trial = [_member(path, coding, d_model) for path in _parts(trial, "layer")]
        _require_layers([member.layer for member in of_trial], coding, n_layers, where=trial)
        members += of_trial
    _require_agreement(members)
    like = torch.zeros(()) if like is None else like
    weights = [_weights(member, d_model, like) for member in members]
    encoders = [one["W_enc"].T for one in weights]
    biases = [
        one["b_enc"] if member.subtracts_bias else one["b_enc"] + encoder @ one["b_dec"]
        for member, one, encoder in zip(members, weights, encoders, strict=True)
    ]
    return Autoencoders(
        torch.stack(encoders),
        torch.stack(biases),
        torch.stack([one["W_dec"] for one in weights]),
        torch.stack([one["b_dec"] for one in weights]),
        members[0].top_k,
    )


def models_of(folder: str | Path) -> list[str]:
    """The models that the autoencoders below a folder say they were made for, each once; they need not say it."""
    configs = [_read_config(path) for path in sorted(Path(folder).rglob(CONFIG_FILE))]
    names = [(config.get("metadata") or {}).get("model_name", config.get("model_name")) for config in configs]
    return list(dict.fromkeys(str(name) for name in names if name))


def fingerprint(folder: str | Path) -> str:
    """Hash of all configurations and weights below a folder, with their names relative to it."""
    root = Path(folder)
    files = [path for name in (CONFIG_FILE, WEIGHTS_FILE) for path in root.rglob(name) if path.is_file()]
    if not files:
        raise ValueError(f"{folder} holds no autoencoder. {_LAYOUT}")
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in files):
        with open_file(path) as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{name}\n{content}\n".encode())
    return digest.hexdigest()[:16]


def _folder_of(folder: Path, coding: Coding, trial: int, group: int) -> Path:
    """Where one autoencoder of the stack is written."""
    target = folder / f"trial-{trial}"
    return target / f"layer-{group}" if coding.scope == "layer" else target


def _config_of(autoencoder: Autoencoders, coding: Coding, model: str, trial: int, layer: int | None) -> dict[str, Any]:
    """cfg.json of a stack of one, in version 6 of the layout."""
    settings = asdict(coding)
    recipe = settings.pop("recipe")
    record = {"format": FORMAT, "version": VERSION, **settings, **recipe, "trial": trial, "versions": versions()}
    config = {
        "d_in": autoencoder.encoder.shape[2],
        "d_sae": autoencoder.n_features,
        "dtype": str(autoencoder.encoder.dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": _LAYOUT_VERSION,
            "sae_lens_training_version": None,
            "model_name": model,
            "hook_name": f"blocks.{'*' if layer is None else layer}.attn.hook_result",
            "hook_head_index": None,
            RECORD: record,
        },
        "architecture": "standard",
    }
    if autoencoder.top_k is None:
        return config
    # SAELens takes the k largest of all features, and fails where there are fewer.
    return {**config, "architecture": "topk", "k": min(autoencoder.top_k, autoencoder.n_features)}


def _saelens_weights(autoencoder: Autoencoders) -> dict[str, Tensor]:
    """The weights of a stack of one, named and transposed as in the layout."""
    weights = {
        "W_enc": autoencoder.encoder[0].T,
        "b_enc": autoencoder.encoder_bias[0],
        "W_dec": autoencoder.decoder[0],
        "b_dec": autoencoder.bias[0],
    }
    # Slices of a stack share its memory, which safetensors does not store.
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in weights.items()}


def _parts(folder: Path, kind: str) -> list[Path]:
    """The folders `kind`-N in a folder, by number; the folder itself where it has none."""
    if not folder.is_dir():
        raise ValueError(f"{folder} {'is a file' if folder.exists() else 'does not exist'}. {_LAYOUT}")
    matches = {path: match for path in folder.iterdir() if path.is_dir() and (match := _PART.fullmatch(path.name))}
    matching = sorted(
        (path for path, match in matches.items() if match[1] == kind), key=lambda path: int(matches[path][2])
    )
    others = sorted(path.name for path in matches if path not in matching)
    others += [CONFIG_FILE] if (folder / CONFIG_FILE).exists() else []
    if matching and others:
        raise ValueError(f"{folder} holds both {matching[0].name} and {others[0]}: give a folder that holds one kind.")
    return matching or [folder]


def _member(folder: Path, coding: Coding, d_model: int) -> _Member:
    """What a folder's cfg.json says; a ValueError where it is no autoencoder of this model's head outputs."""
    path = folder / CONFIG_FILE
    config = _read_config(path)
    # Before version 6 there was no metadata, and its entries stood beside the others.
    about = {**config, **_mapping(config, "metadata", path)}
    layer = _layer(about, path)
    top_k = _top_k(config, path)
    _require_plain(config, path)
    inputs = _mapping(about, RECORD, path).get("inputs", coding.inputs)
    if inputs != coding.inputs:
        raise ValueError(
            f"{path}: trained on {inputs} head outputs, but inputs={coding.inputs!r} is set. Set inputs={inputs!r}, "
            f"or give autoencoders of {coding.inputs} outputs."
        )
    if config.get("d_in") != d_model:
        raise ValueError(
            f"{path}: d_in={config.get('d_in')}, and the model's head outputs have {d_model} coordinates (d_model). "
            "Give autoencoders trained on this model."
        )
    return _Member(folder, layer, _count(config, "d_sae", path), top_k, config.get("apply_b_dec_to_input", True))


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(read_text(path))
    except FileNotFoundError:
        raise ValueError(f"{path.parent} holds no {CONFIG_FILE}. {_LAYOUT}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}. Export the autoencoder again.") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds a {type(config).__name__}, expected a JSON object. {_LAYOUT}")
    return config


def _mapping(values: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """An entry that is a JSON object, empty where it is absent."""
    value = values.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{path}: {name} is {value!r}, expected a JSON object.")
    return value or {}


def _count(values: Mapping[str, Any], name: str, path: Path) -> int:
    """An entry that is a whole number of at least 1."""
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{path}: {name}={value!r}, expected a whole number from 1 on.")
    return value


def _layer(about: Mapping[str, Any], path: Path) -> int | None:
    """The layer whose head outputs are read, None for all; a ValueError where something else is read."""
    needed = "Head coding needs autoencoders of each head's output (blocks.N.attn.hook_result)."
    hook = about.get("hook_name") or about.get("hook_point")
    if not isinstance(hook, str):
        raise ValueError(f"{path} has no hook_name, so that what it reads is unknown. {needed}")
    if not hook.endswith("hook_result"):
        held = _HELD.get(hook.rsplit(".", 1)[-1], "something else than head outputs")
        raise ValueError(f"{path}: hook {hook!r} holds {held}. {needed}")
    match = _HEAD_OUTPUTS.fullmatch(hook)
    if match is None:
        raise ValueError(f"{path}: hook {hook!r} names no layer. {needed}")
    head = about.get("hook_head_index")
    if head is None:
        head = about.get("hook_point_head_index")
    if head is not None:
        raise ValueError(f"{path}: reads head {head} alone. {needed} One is shared by the heads of a layer or model.")
    return None if match[1] == "*" else int(match[1])


def _top_k(config: Mapping[str, Any], path: Path) -> int | None:
    """How many features of a row are kept, None for all; a ValueError where features are selected otherwise."""
    architecture = config.get("architecture") or "standard"
    activation = config.get("activation_fn") or config.get("activation_fn_str") or "relu"
    if architecture not in ("standard", "topk") or activation not in ("relu", "topk"):
        raise ValueError(
            f"{path}: architecture {architecture!r} with activation {activation!r} cannot be read. Known: standard "
            "(relu), topk."
        )
    if "topk" not in (architecture, activation):
        return None
    return _count({**_mapping(config, "activation_fn_kwargs", path), **config}, "k", path)


def _require_plain(config: Mapping[str, Any], path: Path) -> None:
    """Raise a ValueError where the function is not that of the weights alone."""
    allowed: dict[str, tuple[Any, ...]] = {
        "normalize_activations": ("none", None, False),
        "reshape_activations": ("none", None),
        "rescale_acts_by_decoder_norm": (False, None),
        "apply_b_dec_to_input": (True, False),
    }
    for name, known in allowed.items():
        if name in config and config[name] not in known:
            raise ValueError(
                f"{path}: {name}={config[name]!r} cannot be read. Known: {', '.join(repr(one) for one in known)}. Fold "
                "it into the weights, or train without."
            )


def _require_layers(layers: Sequence[int | None], coding: Coding, n_layers: int, *, where: Path) -> None:
    """Raise a ValueError unless a trial has the autoencoders that the scope needs, in order."""
    needed = list(range(n_layers)) if coding.scope == "layer" else [None]
    if list(layers) == needed or (n_layers == 1 and list(layers) in ([0], [None])):
        return
    if coding.scope == "model":
        hooks = ", ".join("all" if layer is None else str(layer) for layer in layers)
        raise ValueError(
            f"{where}: one autoencoder for all {n_layers} layers (hook blocks.*.attn.hook_result) is needed for "
            f"scope='model', and the trial has those of layers {hooks}. Set scope='layer', with one for every layer."
        )
    if None in layers:
        raise ValueError(
            f"{where}: the autoencoder is shared by all layers, and scope='layer' needs one for each of the "
            f"{n_layers}. Set scope='model'."
        )
    missing = ", ".join(f"layer-{layer}" for layer in needed if layer not in layers)
    raise ValueError(
        f"{where}: the trial has autoencoders of layers {', '.join(map(str, layers))} in this order, and scope='layer' "
        f"needs 0 to {n_layers - 1}. "
        + (f"Add {missing}." if missing else "Number the folders by their hooks' layers.")
    )


def _require_agreement(members: Sequence[_Member]) -> None:
    """Raise a ValueError where autoencoders cannot be stacked."""
    first = members[0]
    for name in ("top_k", "d_sae"):
        for member in members:
            value, expected = getattr(member, name), getattr(first, name)
            if value != expected:
                raise ValueError(
                    f"{member.folder}: {name}={value}, and {first.folder} has {expected}. Give autoencoders that agree."
                )


def _weights(member: _Member, d_model: int, like: Tensor) -> dict[str, Tensor]:
    """Weights by their names in the layout, of the shapes that cfg.json promises, and finite."""
    path = member.folder / WEIGHTS_FILE
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{member.folder} holds no {WEIGHTS_FILE}. {_LAYOUT}") from None
    except (OSError, SafetensorError) as error:
        raise ValueError(f"weights file {path} is damaged ({error}). Fetch or export the autoencoder again.") from None
    width = member.d_sae
    shapes = {"W_enc": (d_model, width), "b_enc": (width,), "W_dec": (width, d_model), "b_dec": (d_model,)}
    missing = [name for name in shapes if name not in tensors]
    if missing:
        raise ValueError(f"{path} has no {', '.join(missing)}; it holds {', '.join(sorted(tensors)) or 'nothing'}.")
    for name, value in tensors.items():
        # Some versions wrote it whether used or not; ones change nothing.
        if name not in shapes and not (name == "scaling_factor" and bool((value == 1).all())):
            raise ValueError(
                f"{path}: weight {name!r} has no place here. Known: {', '.join(shapes)}. Fold it into them."
            )
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(
                f"{path}: {name} has shape {list(tensors[name].shape)}, and {CONFIG_FILE} says {list(shape)} (d_in="
                f"{d_model}, d_sae={width}). Export the autoencoder again."
            )
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"{path}: {name} has entries that are not finite. Train the autoencoder again.")
    return {name: tensors[name].to(like) for name in shapes}
