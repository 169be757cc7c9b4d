"""Activations of chosen points of a model on prompts, as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from circuits.arrays import Floats, Numbers
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.kinds import KINDS
from circuits.lookup import UnknownNameError, role_meant
from circuits.model.given import prompt_set_of, require_model
from circuits.numbers import count_text
from circuits.visible_text import typed_text

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.model.forward import Run
    from circuits.model.given import AnyPrompts
    from circuits.model.load import Model

Side = Literal["clean", "corrupt"]
_AT_ONCE = 32
_READ: Mapping[str, str] = {
    "residual": "the stream entering a layer, of the last number the final one [d_model]",
    "attention": "what a layer's attention adds to the stream [d_model]",
    "mlp": "what an MLP adds to the stream [d_model]",
    "head": "z, which the output matrix reads [d_head]",
    "query": "as it meets the keys [d_head]",
    "key": "as queries meet it, by key-value head [d_head]",
    "value": "by key-value head [d_head]",
    "pattern": "attention of each position to each [position attended to]",
}


@dataclass(frozen=True)
class Activations(Mapping[str, Floats]):
    """Arrays by the names of points, and where they belong in the prompts.

    arrays   name -> [prompt, position, ...]; where a prompt has no such position, NaN
    lengths  [prompt] how many tokens each has
    prompts  the prompts, in the order of the arrays

    Positions count the tokens of each prompt from its first, 0. Shorter prompts are filled up behind their last token:
    of prompt n, `[n, : lengths[n]]` are its tokens and the rest is NaN, of patterns along both axes. `[:, -1]` is no
    last token then; `at` finds the token of a role in each prompt.

    >>> from circuits import TASKS, activations, load_model
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> found = activations(model, prompts, ["a3.h3", "a3.p3", "r4"])
    >>> found["a3.h3"].shape, found["r4"].shape
    ((8, 18, 32), (8, 18, 128))
    >>> found.at("END")["a3.h3"].shape  # of each prompt at the token where its answer is read
    (8, 32)
    >>> import numpy as np
    >>> found.lengths.tolist()[:3], int(np.isnan(found["r4"][:, :, 0]).sum(axis=1)[0])
    ([14, 16, 14], 4)
    """

    arrays: Mapping[str, Floats]
    lengths: Numbers
    prompts: PromptSet

    def __getitem__(self, name: str) -> Floats:
        if name not in self.arrays:
            raise UnknownNameError(f"no activations of {name!r}. There are those of {', '.join(self.arrays)}.")
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def at(self, role: str) -> dict[str, Floats]:
        """The arrays [prompt, ...] at the last token of a role in each prompt; NaN where a prompt has no such role."""
        if role not in self.prompts.roles:
            raise ValueError(
                f"no prompt has the role {role!r}. Known: {', '.join(self.prompts.roles)}."
                f"{role_meant(role, self.prompts.roles)}"
            )
        positions = [prompt.roles[role][-1] if role in prompt.roles else None for prompt in self.prompts]
        return {name: _at(array, positions) for name, array in self.arrays.items()}

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"<Activations of {count_text(len(self.prompts), 'prompt')}: {shapes}>"


def activations(
    model: Model,
    prompts: AnyPrompts,
    points: str | Component | Iterable[str | Component],
    *,
    side: Side = "clean",
) -> Activations:
    """What chosen points of a model give on prompts, as numpy arrays.

    prompts  a task's or a run's, pairs of texts or a frame of them, or a prompt file
    points  names: `r3` (the stream entering layer 3), `m3` and `a3` (what its MLP and its attention add), and of heads
            `a3.h1` (z), `a3.q1`, `a3.k1`, `a3.v1` and the attention pattern `a3.p1`
    side    `clean` or `corrupt` prompts

    Arrays are [prompt, position, ...] in float32, as long as the longest prompt; behind the last token of a shorter one
    they hold NaN (`Activations`). No token is padding: prompts of one length run together, and each gives what it gives
    alone. Cost: one forward pass, and memory of what is asked for. Raises a
    ValueError for points that the model does not have, and for prompts that it cannot take.

    >>> from circuits import TASKS, activations, load_model
    >>> model = load_model("reference")
    >>> pattern = activations(model, TASKS["induction"]().build(model.tokenizer, n=4), "a1.p2")["a1.p2"]
    >>> pattern[0].sum(axis=-1).round(3)[:3]  # every token attends to all before it and to itself
    array([1., 1., 1.], dtype=float32)
    """
    require_model(model)
    prompt_set = prompt_set_of(prompts, model.tokenizer)
    if side not in get_args(Side):
        raise ValueError(f"side is clean or corrupt; found {side!r}.")
    wanted = _points(points, model)
    if any(prompt.image is not None for prompt in prompt_set):
        raise ValueError("activations are read on prompts of text alone, and there are images in these.")
    model.check_prompts(prompt_set)
    ids = [prompt.clean if side == "clean" else prompt.corrupt for prompt in prompt_set]
    found: list[dict[str, Floats]] = [{} for _ in ids]
    for numbers in _of_equal_length(ids):
        for number, values in zip(numbers, _recorded(model, [ids[number] for number in numbers], wanted), strict=True):
            found[number] = values
    longest = max(map(len, ids))
    arrays = {
        name: np.stack([_filled(values[name], part, longest) for values in found]) for name, part in wanted.items()
    }
    return Activations(arrays, np.asarray([len(one) for one in ids]), prompt_set)


def _points(given: str | Component | Iterable[str | Component], model: Model) -> dict[str, Component]:
    """Name -> component, of points that the model has."""
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for one in several:
        if not isinstance(one, str | Component):
            raise ValueError(f"a point is given by its name, such as 'a1.h0'; found {typed_text(one)}.")
    if not several:
        raise ValueError("no point is given: name some, such as 'a1.h0' or 'r2'.")
    parts = [Component.parse(one) if isinstance(one, str) else one for one in several]
    for part in parts:
        if part.kind not in _READ:
            known = "; ".join(f"{KINDS[kind].example} is {what}" for kind, what in _READ.items())
            raise ValueError(f"{part} has no activations of its own. Points are: {known}.")
        n_layers = model.wiring.n_layers + (part.kind == "residual")
        layer = part.layer if part.layer is not None else -1
        if layer not in range(n_layers) or part not in model.wiring.of_kind(part.kind, layer):
            raise ValueError(f"{model.name!r} has no {part}: it has {model.wiring.shape}.")
    return {str(part): part for part in parts}


def _of_equal_length(ids: list[tuple[int, ...]]) -> Iterator[list[int]]:
    """Numbers of prompts of equal length, a batch at a time."""
    by_length: dict[int, list[int]] = {}
    for number, one in enumerate(ids):
        by_length.setdefault(len(one), []).append(number)
    for numbers in by_length.values():
        yield from (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))


def _recorded(model: Model, ids: list[tuple[int, ...]], wanted: Mapping[str, Component]) -> list[dict[str, Floats]]:
    """What every prompt of a batch gives, by the names of points."""
    import torch

    with torch.no_grad():
        run = model.forward.record(torch.tensor(ids, device=model.forward.device))
        arrays = {name: _value(model, run, part).float().cpu().numpy() for name, part in wanted.items()}
    return [{name: array[number] for name, array in arrays.items()} for number in range(len(ids))]


def _value(model: Model, run: Run, part: Component) -> Tensor:
    """[prompt, position, ...] what a part gives in a run."""
    layer, index = part.layer or 0, part.index or 0
    match part.kind:
        case "residual" | "attention" | "mlp":
            return getattr(run, part.kind)[layer]
        case "head":
            return run.z[layer][:, :, index]
        case "pattern":
            return model.forward.pattern_of(run, layer)[:, index]
        case _:
            return getattr(run, part.kind)[layer][:, index]


def _filled(array: Floats, part: Component, longest: int) -> Floats:
    """The array of one prompt, filled up with NaN to the longest."""
    more = longest - len(array)
    is_square = part.kind == "pattern"
    widths = [(0, more)] + [(0, more if is_square else 0)] * (array.ndim - 1)
    return np.pad(array, widths, constant_values=np.nan)


def _at(array: Floats, positions: list[int | None]) -> Floats:
    missing = np.full(array.shape[2:], np.nan, dtype=array.dtype)
    return np.stack([missing if at is None else array[number, at] for number, at in enumerate(positions)])
