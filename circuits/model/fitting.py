"""Whether a configuration is that of the weights beside it, by the names and shapes in the headers of their files.

A model of another shape takes half a minute or all memory to build, before its weights are seen not to fit; and one
with fewer layers than there are weights for would be built, and measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from circuits.model.room import free_memory
from circuits.model.size_names import SIZE_NAMES, UNLEARNED_POSITIONS, size_in

Shapes = Mapping[str, Sequence[int]]

_LAYERS, _POSITIONS = SIZE_NAMES["n_layers"], SIZE_NAMES["n_positions"]
_SIZES = {name for names in SIZE_NAMES.values() for name in names}
_NEEDED = ("n_layers", "n_heads", "d_model", "n_vocabulary")
_AS_VOCABULARY = ("d_vocab_out", -1)  # how TransformerLens writes that it is that of d_vocab
_TEXT = ("text_config", "llm_config", "language_config")  # the language model in one that reads images
# What transformers calls the configurations of parts that it builds, each in that of the whole. Other mappings in a
# configuration, as of tasks or of a model that guesses ahead, are of nothing that is built.
_PARTS = {
    *_TEXT,
    *("vision_config", "high_res_vision_config", "image_config", "audio_config", "video_config", "speech_config"),
    *("encoder_config", "audio_encoder_config", "decoder_config", "backbone_config", "vq_config", "vlm_config"),
    *("qformer_config", "projector_config", "perceiver_config", "thinker_config", "talker_config"),
    *("encoder", "decoder"),
}
# Parts that are built one by one, counted under names that are of no size of a language model.
_COUNTED = re.compile(r"(^|_)((encoder|decoder)_layers|experts)$")
# What transformers writes out as a list when it reads a configuration: labels, and kinds of attention with how often.
_LABELS, _KINDS, _MOST_LABELS = "num_labels", "attention_types", 1_000_000
# Layers that predict further tokens, counted apart and left out when the model is loaded.
_FURTHER_LAYERS = "num_nextn_predict_layers"
# Sizes that some tensor has whatever the family, even where matrices are packed: embedding and norms are not.
_ALWAYS_THERE = ("vocab_size", "hidden_size", "n_embd")
# The tables of learned positions: `transformer.wpe.weight`, `positions_embed.weight`, `pos_embed.W_pos`.
_LEARNED_POSITIONS = re.compile(r"(^|[._])(wpe|pos|position|positions)([._]|$)")
_IN_A_STACK = re.compile(r"(.*?)\.(\d+)\.")
# Last part of a native tensor's name -> the sizes that it has.
_NATIVE: dict[str, tuple[str, ...]] = {
    "W_E": ("d_vocab", "d_model"),
    "W_pos": ("n_ctx", "d_model"),
    "W_U": ("d_model", "d_vocab_out"),
    "b_U": ("d_vocab_out",),
    "W_Q": ("n_heads", "d_model", "d_head"),
    "b_Q": ("n_heads", "d_head"),
    **dict.fromkeys(("W_K", "W_V", "_W_K", "_W_V"), ("n_key_value_heads", "d_model", "d_head")),
    **dict.fromkeys(("b_K", "b_V", "_b_K", "_b_V"), ("n_key_value_heads", "d_head")),
    "W_O": ("n_heads", "d_head", "d_model"),
    "W_out": ("d_mlp", "d_model"),
    **dict.fromkeys(("W_in", "W_gate"), ("d_model", "d_mlp")),
    **dict.fromkeys(("b_in", "b_gate"), ("d_mlp",)),
    **dict.fromkeys(("b_O", "b_out", "w", "b"), ("d_model",)),
}
_NATIVE_SIZES = ("n_layers", "d_model", "d_head", "n_heads", "n_ctx", "d_vocab")
GIVE = "Give the configuration that belongs to these weights, and all of their files."


class _Size(NamedTuple):
    name: str
    value: int


class Stack(NamedTuple):
    """Layers in the weights, `name.0` and so on."""

    name: str
    depth: int


def require_fitting(written: Mapping[str, Any], shapes: Shapes, place: Path, *, filled: Mapping[str, Any]) -> None:
    """Raise a ValueError where a configuration of the Hugging Face layout disagrees with the weights.

    written  the configuration as its file has it
    shapes   name -> shape of every tensor in the weights files
    place    the configuration's file
    filled   the sizes to compare: those written, or with what the file leaves to defaults
    """
    text, of_text = text_of(filled), text_of(written)

    def says(name: str) -> str:
        if name in of_text:
            return f"{place} says {name} = {text[name]!r}"
        return f"{place} does not say {name}, by default {text[name]!r}"

    sizes = {name: size for name, size in text.items() if type(size) is int}
    named, further, found = [name for name in _LAYERS if name in sizes], sizes.get(_FURTHER_LAYERS, 0), stacks(shapes)
    if named and not any(stack.depth in (sizes[name], sizes[name] + further) for stack in found for name in named):
        raise ValueError(f"{says(named[0])}, but the weights files hold {_told(found)}. {GIVE}")
    _require_sizes(filled, shapes, place)
    for name in _ALWAYS_THERE:
        if name in sizes and not any(sizes[name] in shape for shape in shapes.values()):
            raise ValueError(f"{says(name)}, but no tensor in the weights files has that size{_first(shapes)}. {GIVE}")


def require_fitting_native(config: Mapping[str, Any], shapes: Shapes, place: Path) -> None:
    """Raise a ValueError where a native configuration lacks a size, or a tensor is of another shape than it says.

    place  the configuration's file
    """
    _require_sizes(config, shapes, place)
    required = [*_NATIVE_SIZES, *(["d_vocab_out"] if "d_vocab_out" in config else [])]
    if missing := [name for name in required if config.get(name) is None]:
        raise ValueError(f"{place} does not say {', '.join(missing)}, which every model has.")
    found, n_layers = stacks(shapes), config["n_layers"]
    if n_layers not in [stack.depth for stack in found]:
        raise ValueError(f"{place} says n_layers = {n_layers}, but the weights files hold {_told(found)}. {GIVE}")
    _require_room_for_what_sees_what(config, shapes, place)
    sizes = _native_sizes(config)
    for name, shape in shapes.items():
        by = [sizes[size] for size in _NATIVE.get(name.rpartition(".")[2], ())]
        if by and tuple(shape) != tuple(size.value for size in by):
            raise ValueError(
                f"{place} says {', '.join(f'{size.name} = {size.value}' for size in by)}, by which {name!r} is of "
                f"{times([size.value for size in by])} numbers; in the weights files it is of {times(shape)}. {GIVE}"
            )
    _require_alike(shapes, place.parent)


def _native_sizes(config: Mapping[str, Any]) -> dict[str, _Size]:
    """The sizes of a native configuration; what is left out is that of another size."""
    said = {name: _Size(name, config[name]) for name in _NATIVE_SIZES}
    others = {"d_vocab_out": said["d_vocab"], "n_key_value_heads": said["n_heads"]}
    others["d_mlp"] = _Size("4 d_model", 4 * config["d_model"])
    for name, other in others.items():
        given = config.get(name)
        said[name] = other if given is None or (name, given) == _AS_VOCABULARY else _Size(name, given)
    return said


def text_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration of the language model within that of a model, which may be the whole of it."""
    return next((config[name] for name in _TEXT if isinstance(config.get(name), Mapping)), config)


def stacks(names: Shapes | Sequence[str]) -> list[Stack]:
    """The stacks of layers among tensors of these names, the deepest first."""
    depths: dict[str, int] = {}
    for name in names:
        if within := _IN_A_STACK.match(name):
            depths[within[1]] = max(depths.get(within[1], 0), int(within[2]) + 1)
    return [Stack(*found) for found in sorted(depths.items(), key=lambda found: -found[1])]


def layers_left_out(names: Sequence[str], unread: Sequence[str]) -> Iterator[str]:
    """The layers of which no tensor is read, in stacks of which others are.

    names   of all tensors in the weights files
    unread  of those that the model has no place for
    """
    read, left_out = (
        {within[0].rstrip("."): within[1] for name in some if (within := _IN_A_STACK.match(name))}
        for some in (set(names) - set(unread), unread)
    )
    for layer, stack in left_out.items():
        if layer not in read and stack in read.values():
            yield layer


def _require_sizes(config: Mapping[str, Any], shapes: Shapes, place: Path) -> None:
    """Raise a ValueError for sizes that are none, more layers than there are weights, and sizes beyond all of them.

    Also in the configurations of the model's parts.
    """
    n_numbers = sum(map(math.prod, shapes.values()))
    has_learned = any(len(shape) > 1 and _LEARNED_POSITIONS.search(name) for name, shape in shapes.items())
    for name, value in config.items():
        if name in _PARTS and isinstance(value, Mapping):
            _require_sizes(value, shapes, place)
        _require_few(name, value, shapes, place)
        if name not in _SIZES or (value is None and not _is_needed(name, config)) or (name, value) == _AS_VOCABULARY:
            continue
        if type(value) is int and value == 0 and _is_unread(name, config):
            continue
        said = f"{place} says {name} = {'null' if value is None else repr(value)}"
        most, of = (len(shapes), "weights") if name in _LAYERS else (n_numbers, "numbers")
        for size in value if isinstance(value, list) else [value]:  # one for each layer, or one for all
            if type(size) is not int or size < 1:
                raise ValueError(f"{said}, expected a whole number, 1 or more. Give the model's own configuration.")
            # What is made of positions that are not learned is measured (`circuits.model.built_size`).
            if size > most and not (name in _POSITIONS and not has_learned):
                raise ValueError(f"{said}, but the weights files hold {most:,} {of} in all. {GIVE}")


def _require_few(name: str, value: Any, shapes: Shapes, place: Path) -> None:
    """Raise a ValueError where transformers would write out or build more of something than there can be."""
    said = f"{place} says {name} = {value!r:.80}"
    if name in UNLEARNED_POSITIONS and type(value) is int and value < 1:
        raise ValueError(f"{said}, expected a whole number, 1 or more. Give the model's own configuration.")
    if name == _LABELS and type(value) is int and value > _MOST_LABELS:
        raise ValueError(f"{said}; at most {_MOST_LABELS:,} are read. Give the model's own configuration.")
    counts = _counts_in(value) if name == _KINDS else [value] if _COUNTED.search(name) else []
    for count in counts:
        if type(count) is int and count > len(shapes) and not any(count in shape for shape in shapes.values()):
            raise ValueError(f"{said}, but the weights files hold {len(shapes):,} weights in all. {GIVE}")


def _counts_in(value: Any) -> Iterator[int]:
    """The numbers in lists within lists."""
    if isinstance(value, list):
        for part in value:
            yield from _counts_in(part)
    elif type(value) is int:
        yield value


def _require_room_for_what_sees_what(config: Mapping[str, Any], shapes: Shapes, place: Path) -> None:
    """Raise a ValueError where the tables of which positions are seen from which, one in every layer of the native
    format, do not fit into memory. Learned positions are no more than their weights."""
    n_bytes, has = config["n_layers"] * config["n_ctx"] ** 2, free_memory()
    if n_bytes > has and not any(_LEARNED_POSITIONS.search(name) for name in shapes):
        raise ValueError(
            f"{place} says n_ctx = {config['n_ctx']}, whose tables take {n_bytes / 1e9:,.1f} GB, and there are "
            f"{has / 1e9:,.1f} GB free. Give a smaller one, of the longest prompt: the weights hold nothing of it."
        )


def _is_unread(name: str, config: Mapping[str, Any]) -> bool:
    """Whether it is of a size that a model may lack, and that another name in the configuration gives."""
    others = {other: value for other, value in config.items() if other != name}
    return any(name in SIZE_NAMES[size] and size not in _NEEDED and size_in(others, size) for size in SIZE_NAMES)


def _is_needed(name: str, config: Mapping[str, Any]) -> bool:
    """Whether it is of a size that every model has, and that no other name in the configuration gives."""
    return any(name in SIZE_NAMES[size] and size_in(config, size) is None for size in _NEEDED)


def _require_alike(shapes: Shapes, folder: Path) -> None:
    """Raise a ValueError where one layer lacks a tensor that another of its stack has."""
    tensors: dict[str, dict[int, set[str]]] = {}
    for name in shapes:
        if within := _IN_A_STACK.match(name):
            tensors.setdefault(within[1], {}).setdefault(int(within[2]), set()).add(name[within.end() :])
    for stack, layers in tensors.items():
        every = set().union(*layers.values())
        for layer in range(max(layers) + 1):
            if missing := sorted(every - layers.get(layer, set())):
                raise ValueError(
                    f"the weights in {folder} lack {f'{stack}.{layer}.{missing[0]}'!r}, which other layers have. {GIVE}"
                )


def _told(found: Sequence[Stack]) -> str:
    if not found:
        return "no layers: no name of theirs has a number"
    layers = "1 layer" if found[0].depth == 1 else f"{found[0].depth} layers"
    return f"{layers} ({found[0].name}.0 to {found[0].name}.{found[0].depth - 1})"


def _first(shapes: Shapes) -> str:
    """The shape of the embedding, where one is called so."""
    name = next((name for name in shapes if re.search(r"emb|wte", name) and len(shapes[name]) > 1), None)
    return "" if name is None else f" ({name!r} is of {times(shapes[name])})"


def times(shape: Sequence[int]) -> str:
    """A shape as people say it: `4 x 16`."""
    return " x ".join(map(str, shape)) or "1"
