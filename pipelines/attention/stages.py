"""What the jobs of `circuits attention` compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from circuits.components import Component
from circuits.data.refused import RefusedPrompts
from circuits.data.tokenizer import token_texts
from circuits.lookup import role_meant
from circuits.profiles.patterns import attention_patterns, check_heads, role_patterns
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
    from circuits.data.prompts import Prompt, PromptSet
    from circuits.data.tokenizer import Tokenizer

# How many other prompts than the one that is shown are kept for pages, and how many weights of theirs: 400 kB of JSON.
MOST_MORE, MOST_WEIGHTS = 7, 50_000


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The roles of the prompts; refuses heads, a prompt and a row that are not there."""
    prompts = prompts_from(inputs["prompts"][0])
    model().check_prompts(prompts)
    check_heads(model(), _heads(settings))
    require_shown(settings["prompt"], len(prompts))
    require_row(settings, prompts)
    return Result({"roles": list(prompts.roles)})


def require_shown(number: int, n_prompts: int) -> None:
    """Raise a ValueError where the prompt that is shown is none of so many."""
    if number >= n_prompts:
        raise ValueError(f"there is no prompt {number}: {n_prompts} were asked for, counted from 0.")


def require_row(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where the prompt that is shown is among these, and lacks the row."""
    number, row = settings["prompt"], settings["row"]
    if number < len(prompts) and row not in prompts.prompts[number].roles:
        roles = prompts.prompts[number].roles
        known = f"{', '.join(roles)}.{role_meant(row, roles)}"
        lacking = [number for number, prompt in enumerate(prompts) if row not in prompt.roles]
        raise RefusedPrompts(f"prompt {number} has no role {row!r}, whose row could be shown. It has {known}", lacking)


def pattern(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The patterns of the heads on one prompt, [head, query, key], with its tokens as text."""
    number = settings["prompt"]
    shown = prompts_from(inputs["prompts"][0])[number : number + 1]
    (weights,) = attention_patterns(model(), shown, _heads(settings))
    return Result(_as_text(shown.prompts[0], model().tokenizer), {"weights": weights})


def more_patterns(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The same on the first few other prompts that have the row: `weights_N` [head, query, key] on prompt N."""
    prompts = prompts_from(inputs["prompts"][0])
    numbers = _other_prompts(prompts, settings["prompt"], settings["row"], n_heads=len(settings["heads"]))
    if not numbers:
        return Result({"prompts": []})
    chosen = replace(prompts, prompts=tuple(prompts.prompts[number] for number in numbers))
    patterns = attention_patterns(model(), chosen, _heads(settings))
    tokenizer = model().tokenizer
    texts = [
        {"prompt": number, **_as_text(prompt, tokenizer)}
        for number, prompt in zip(numbers, chosen.prompts, strict=True)
    ]
    return Result({"prompts": texts}, {f"weights_{n}": own for n, own in zip(numbers, patterns, strict=True)})


def _other_prompts(prompts: PromptSet, shown: int, row: str, *, n_heads: int) -> list[int]:
    """Numbers of the first other prompts that have a role, as many as `MOST_MORE` and `MOST_WEIGHTS` let in."""
    able = (n for n, prompt in enumerate(prompts.prompts) if n != shown and row in prompt.roles)
    first = list(islice(able, MOST_MORE))
    n_weights = accumulate(n_heads * len(prompts.prompts[number]) ** 2 for number in first)
    return [number for number, n in zip(first, n_weights, strict=True) if n <= MOST_WEIGHTS]


def _as_text(prompt: Prompt, tokenizer: Tokenizer | None) -> dict[str, Any]:
    """A prompt, its tokens and their roles; tokens by their ids where the model has no tokenizer."""
    texts = token_texts(prompt.clean, tokenizer)
    text = " ".join(texts) if tokenizer is None else tokenizer.decode(list(prompt.clean))
    return {"text": text, "tokens": texts, "roles": {role: list(places) for role, places in prompt.roles.items()}}


def by_role(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What tokens of each role give to those of each other: [prompt, head, query role, key role]."""
    roles = inputs["check"][0].meta["roles"]
    return Result({}, {"means": role_patterns(model(), slice_of(settings, inputs), _heads(settings), roles)})


def _heads(settings: Mapping[str, Any]) -> list[Component]:
    return [Component.parse(name) for name in settings["heads"]]


CHECK = Stage("check-attention", 1, check, requires=require_row, title="check what can be read")
PATTERN = Stage("attention-pattern", 2, pattern, title="attention on a prompt")
MORE = Stage("attention-more", 2, more_patterns, title="attention on more prompts")
BY_ROLE = Stage("attention-by-role", 1, by_role, title="attention by role")
