"""Bad arguments of functions, and bad objects for models, prompts and circuits that are held in memory."""

from __future__ import annotations

import contextlib
import inspect
import io
import math
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from circuits.visible_text import readable
from tests.faults.sound import Sound
from tests.faults.trial import Said, Trial

KIND = "Python"
# What a caller is told of: anything else that is raised is a traceback.
_TOLD = (ValueError, TypeError, OSError)


def _in_itself() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


VALUES: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "a truth value": lambda: True,
    "negative": lambda: -1,
    "zero": lambda: 0,
    "huge": lambda: 10**30,
    "no number": lambda: math.nan,
    "infinite": lambda: math.inf,
    "an empty text": lambda: "",
    "a text": lambda: "zz",
    "half a character": lambda: "a\ud800",
    "a zero in a text": lambda: "a\0b",
    "an escape": lambda: "\x1b[2J",
    "long": lambda: "y" * 5000,
    "bytes": lambda: b"zz",
    "a list": lambda: [1, "zz"],
    "an empty list": list,
    "a list in itself": _in_itself,
    "a mapping": lambda: {"zz": 1},
    "a mapping of objects": lambda: {object(): object()},
    "an object": object,
    "a function": lambda: len,
    "a class": lambda: dict,
    "an array": lambda: np.ones((2, 2)),
    "a number of numpy": lambda: np.float64("nan"),
    "a path": lambda: Path("nowhere"),
    "a set": lambda: {1, "a"},
    "an iterator": lambda: iter([1]),
}
# Nonsense of every kind for these starts processes, or asks a network: the command lines try what they may be.
_LEFT_OUT = {"gpus", "workers", "scheduler"}
_PER_PARAMETER = 4


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _arguments(sound)
    yield from _models(sound)
    yield from _tasks(sound)


def _starts(sound: Sound) -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """Function -> the arguments that it needs."""
    run = str(Path("runs") / sound.run)
    own = {"model": str(sound.model), "prompts": 4, "out": "runs"}
    task = [str(sound.prompts)]
    return {
        "discover": (task, own | {"method": "eap", "edges": 20}),
        "trace": (task, own),
        "attention": (task, own | {"heads": ("a1.h0",)}),
        "effects": (task, own),
        "profile": (task, own),
        "evaluate": ([run], {"out": "runs", "random": 1, "knockouts": 1, "resamples": 2}),
        "compare": ([run, str(Path("runs") / sound.other)], {"out": "runs", "draws": 2}),
        "cluster": ([run], {"out": "runs"}),
        "label_heads": ([run], {"out": "runs"}),
        "export": ([run, "json"], {"out": "runs"}),
        "caption": ([run], {"out": "runs"}),
        "open_run": ([sound.run], {"out": "runs"}),
        "draw": (["size-curve", run], {"out": "runs"}),
        "write_report": ([run], {"out": "runs"}),
    }


def _arguments(sound: Sound) -> Iterator[Trial]:
    """Nonsense for every keyword, and for the first argument, of functions that take a sound one."""
    import pipelines

    n = 0
    for name, (first, keywords) in _starts(sound).items():
        function = getattr(pipelines, name)
        known = [key for key, of in inspect.signature(function).parameters.items() if of.kind is of.KEYWORD_ONLY]
        for key in (*(key for key in known if key not in _LEFT_OUT), "edge"):
            n += 1
            for what in list(VALUES)[n % 7 :: 7][:_PER_PARAMETER]:
                made = VALUES[what]

                def call(
                    function: Any = function,
                    first: Any = first,
                    given: Any = keywords,
                    key: str = key,
                    made: Any = made,
                ) -> Any:
                    return function(*first, **given | {key: made()})

                yield _trial(f"{name}({key}={what})", sound, call)
        for what, made in VALUES.items():

            def call_first(
                function: Any = function, rest: Any = first[1:], given: Any = keywords, made: Any = made
            ) -> Any:
                return function(made(), *rest, **given)

            yield _trial(f"{name}({what})", sound, call_first)


def _models(sound: Sound) -> Iterator[Trial]:
    """Objects that are no models, or models that cannot be used."""
    for what, (make, expects) in MODELS.items():

        def call(make: Callable[[], Any] = make) -> Any:
            import pipelines

            return pipelines.discover(str(sound.prompts), model=make(), method="eap", edges=20, out="runs")

        yield _trial(f"discover on {what}", sound, call, expects=expects)


def _tasks(sound: Sound) -> Iterator[Trial]:
    """Sets of prompts that no file holds."""
    from dataclasses import replace

    from circuits import PromptSet, read_prompts

    def of(change: Callable[[PromptSet], Any]) -> Callable[[], Any]:
        def call() -> Any:
            import pipelines

            held = read_prompts(sound.prompts)
            return pipelines.discover(change(held), model=str(sound.model), method="eap", edges=20, out="runs")

        return call

    def with_first(prompts: PromptSet, **changes: Any) -> PromptSet:
        return replace(prompts, prompts=(replace(prompts.prompts[0], **changes), *prompts.prompts[1:]))

    changed: dict[str, Callable[[PromptSet], Any]] = {
        "no prompts": lambda prompts: replace(prompts, prompts=()),
        "an empty prompt": lambda prompts: with_first(prompts, clean=(), corrupt=()),
        "prompts of two lengths": lambda prompts: with_first(prompts, corrupt=(1, 2)),
        "tokens that no model has": lambda prompts: with_first(prompts, clean=(10**9,) * 6),
        "negative tokens": lambda prompts: with_first(prompts, clean=(-1,) * 6),
        "tokens that are texts": lambda prompts: with_first(prompts, clean=("a",) * 6),
        "no answers": lambda prompts: with_first(prompts, answers=()),
        "an answer that no model has": lambda prompts: with_first(prompts, answers=(10**9,)),
        "a list of its prompts": lambda prompts: list(prompts.prompts),
        "one of its prompts": lambda prompts: prompts.prompts[0],
    }
    for what, change in changed.items():
        yield _trial(f"discover on {what}", sound, of(change), expects="refused")


def _gpt2(**sizes: Any) -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    usual = {"n_layer": 1, "n_head": 2, "n_embd": 8, "n_positions": 16, "vocab_size": 12}
    return GPT2LMHeadModel(GPT2Config(**usual | sizes)).eval()


def _changed(change: Callable[[Any], object]) -> Any:
    import torch

    model = _gpt2()
    with torch.no_grad():
        change(model)
    return model


def _linear() -> Any:
    import torch

    return torch.nn.Linear(2, 2)


def _bare() -> Any:
    import torch

    return torch.nn.Module()


def _on_meta() -> Any:
    return _gpt2().to("meta")


def _other_layers(model: Any) -> None:
    model.config.n_layer = 7


def _without_head(model: Any) -> None:
    del model.lm_head


def _of_nan(model: Any) -> None:
    model.transformer.wte.weight.fill_(math.nan)


class _Broken(Exception):
    """What somebody else's code raises."""


def _broken(model: Any) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise _Broken("a part is missing")

    model.forward = fails


def _answers_text(model: Any) -> None:
    model.forward = lambda *_, **__: "zz"


def _hooked(model: Any) -> None:
    model.transformer.h[0].register_forward_hook(lambda module, given, out: None)


MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "a layer": (_linear, "refused"),
    "a module without layers": (_bare, "refused"),
    "a class of models": (lambda: type(_gpt2()), "refused"),
    "the configuration of a model": (lambda: _gpt2().config, "refused"),
    "its weights alone": (lambda: _gpt2().state_dict(), "refused"),
    "a model without weights": (_on_meta, "refused"),
    "a model with another configuration": (partial(_changed, _other_layers), "refused"),
    "a model without its end": (partial(_changed, _without_head), "refused"),
    "weights that are no numbers": (partial(_changed, _of_nan), "refused"),
    "a model that is broken": (partial(_changed, _broken), "either"),
    "a model that answers a text": (partial(_changed, _answers_text), "either"),
    "a model with hooks": (partial(_changed, _hooked), "either"),
    "a model in training": (lambda: _gpt2().train(), "either"),
    "a model of halves": (lambda: _gpt2().half(), "either"),
    "a model that is too short for the prompts": (partial(_gpt2, n_positions=2), "refused"),
    "a model of fewer tokens": (partial(_gpt2, vocab_size=2), "refused"),
    "a pair": (lambda: (_gpt2(), None), "refused"),
}


def _called(call: Callable[[], Any]) -> Said:
    """What a call gave, as a command says it."""
    err = io.StringIO()
    try:
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            call()
    except _TOLD as error:
        if type(error) is TypeError and not _is_of_the_call(error):
            return Said(1, "", _place(error))
        # What the caller gave may stand in it whole.
        return Said(2, readable(f"error: {error}").encode("utf-8", "backslashreplace").decode(), "")
    except Exception as error:
        return Said(1, "", _place(error))
    return Said(0, "", "")


def _is_of_the_call(error: TypeError) -> bool:
    """Whether an error of types is about the function that was called, and not about something inside."""
    return len(traceback.extract_tb(error.__traceback__)) <= 3 or "argument" in str(error)


def _place(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:200]} ({Path(place.filename).name}:{place.lineno})"


def _trial(name: str, sound: Sound, call: Callable[[], Any], *, expects: Any = "either") -> Trial:
    return Trial(KIND, name, ["python"], sound.copy_runs, expects=expects, does=partial(_called, call))
