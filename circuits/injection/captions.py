"""Captions by the model itself, plain or under interventions, and how long each of their tokens takes."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from circuits.data.images import Picture

if TYPE_CHECKING:
    from circuits.data.image_processor import Vision
    from circuits.model.load import Model

Intervention = Callable[[], AbstractContextManager[Any]]
"""Makes the context in which the model is changed, such as `lambda: injected(model, injection)`."""

REQUEST = "Describe the image."
_AT_ONCE = 32


class TokenTimes(NamedTuple):
    """Medians over repeats, in seconds: to the first token, with the prompt and its picture, and for each later one."""

    first_s: float
    per_token_s: float


def captions(
    model: Model,
    pictures: Sequence[Picture],
    *,
    request: str = REQUEST,
    max_new_tokens: int = 64,
    intervention: Intervention = nullcontext,
    at_once: int = _AT_ONCE,
) -> list[str]:
    """The model's caption of each picture, decoded greedily.

    request         what the model is asked, in its chat template
    max_new_tokens  the most tokens of a caption
    at_once         the most pictures in a batch; only prompts of equal length share one, so that nothing is padded
    """
    vision = _vision(model)
    ids = [_ids(vision, picture, request) for picture in pictures]
    alike: dict[int, list[int]] = defaultdict(list)
    for number, tokens in enumerate(ids):
        alike[len(tokens)].append(number)
    said: dict[int, str] = {}
    with intervention():
        for numbers in alike.values():
            for first in range(0, len(numbers), at_once):
                chosen = numbers[first : first + at_once]
                generated = _generate(model, [ids[n] for n in chosen], [pictures[n] for n in chosen], max_new_tokens)
                texts = vision.processor.tokenizer.batch_decode(generated, skip_special_tokens=True)
                said |= dict(zip(chosen, texts, strict=True))
    return [said[number] for number in range(len(pictures))]


def token_times(
    model: Model,
    picture: Picture,
    interventions: Mapping[str, Intervention],
    *,
    request: str = REQUEST,
    n_tokens: int = 16,
    repeats: int = 20,
) -> dict[str, TokenTimes]:
    """How long the model takes for tokens about one picture, by intervention (`nullcontext` is the model as it is).

    Interventions take turns, in another order every time, after a warm-up round that is not counted. Exactly `n_tokens`
    tokens are generated: no caption ends earlier.
    """
    if n_tokens < 2 or repeats < 1 or not interventions:
        raise ValueError(
            f"n_tokens={n_tokens}, repeats={repeats}, {len(interventions)} interventions: at least 2 tokens, 1 repeat "
            "and 1 intervention are needed."
        )
    ids = _ids(_vision(model), picture, request)
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in interventions}
    for repeat in range(repeats + 1):
        names = list(interventions)
        shift = repeat % len(names)
        for name in names[shift:] + names[:shift]:
            with interventions[name]():
                clock = _Clock()
                _generate(model, [ids], [picture], n_tokens, at_least=n_tokens, streamer=clock)
            if repeat:
                measured[name].append(clock.times())
    return {name: TokenTimes(*map(statistics.median, zip(*taken, strict=True))) for name, taken in measured.items()}


class _Clock:
    """Takes the time of every token, as the streamer of `generate`."""

    def __init__(self) -> None:
        self._seen = [time.perf_counter()]
        self._has_prompt = False

    def put(self, _tokens: Tensor) -> None:
        if self._has_prompt:
            self._seen.append(time.perf_counter())
        self._has_prompt = True

    def end(self) -> None:
        pass

    def times(self) -> tuple[float, float]:
        """Seconds to the first token, and per later token on average."""
        start, first, *_, last = self._seen
        return first - start, (last - first) / (len(self._seen) - 2)


def _vision(model: Model) -> Vision:
    if model.vision is None:
        raise ValueError(f"{model.name!r} reads text alone: captions need a model that reads images.")
    return model.vision


def _ids(vision: Vision, picture: Picture, request: str) -> list[int]:
    return list(vision.tokenizer(vision.expanded(vision.chat(request), picture))["input_ids"])


def _generate(
    model: Model,
    ids: Sequence[Sequence[int]],
    pictures: Sequence[Picture],
    max_new_tokens: int,
    *,
    at_least: int | None = None,
    streamer: Any = None,
) -> Tensor:
    """The tokens that follow prompts of one length [prompt, token]."""
    tokens = torch.tensor(ids, device=model.forward.device)
    captioner: Any = model.bridge.original_model
    with torch.no_grad():
        generated = captioner.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            **_vision(model).pixels(pictures),
            max_new_tokens=max_new_tokens,
            min_new_tokens=at_least,
            do_sample=False,
            num_beams=1,
            streamer=streamer,
        )
    return generated[:, tokens.shape[1] :]
