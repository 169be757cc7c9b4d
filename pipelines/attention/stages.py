"""What the jobs of `circuits attention` compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.components import Component
from circuits.profiles.patterns import attention_patterns, check_heads, role_patterns
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from
from pipelines.runs.stage_inputs import slice_of


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The roles of the prompts; refuses heads, a prompt and a row that are not there."""
    prompts = prompts_from(inputs["prompts"][0])
    model().check_prompts(prompts)
    check_heads(model(), _heads(settings))
    number, row = settings["prompt"], settings["row"]
    if number >= len(prompts):
        raise ValueError(f"there is no prompt {number}: {len(prompts)} were asked for, counted from 0.")
    if row not in prompts.prompts[number].roles:
        known = ", ".join(prompts.prompts[number].roles)
        raise ValueError(f"prompt {number} has no role {row!r}, whose row could be shown. It has {known}.")
    return Result({"roles": list(prompts.roles)})


def pattern(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The patterns of the heads on one prompt, [head, query, key], with its tokens as text."""
    number = settings["prompt"]
    shown = prompts_from(inputs["prompts"][0])[number : number + 1]
    (weights,) = attention_patterns(model(), shown, _heads(settings))
    (prompt,) = shown.prompts
    tokenizer: Any = model().tokenizer
    texts = [str(token) if tokenizer is None else tokenizer.decode([token]) for token in prompt.clean]
    roles = {role: list(positions) for role, positions in prompt.roles.items()}
    text = " ".join(texts) if tokenizer is None else tokenizer.decode(list(prompt.clean))
    return Result({"text": text, "tokens": texts, "roles": roles}, {"weights": weights})


def by_role(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What tokens of each role give to those of each other: [prompt, head, query role, key role]."""
    roles = inputs["check"][0].meta["roles"]
    return Result({}, {"means": role_patterns(model(), slice_of(settings, inputs), _heads(settings), roles)})


def _heads(settings: Mapping[str, Any]) -> list[Component]:
    return [Component.parse(name) for name in settings["heads"]]


CHECK = Stage("check-attention", 1, check)
PATTERN = Stage("attention-pattern", 1, pattern, title="attention on a prompt")
BY_ROLE = Stage("attention-by-role", 1, by_role, title="attention by role")
