"""What the jobs of `circuits roles` compute, beside effects (`pipelines.discover.stages.measure`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from circuits.data.answers import tokens_of
from circuits.data.prompts import END, Prompt, PromptSet
from circuits.data.refused import require_each
from circuits.edits.set_rows import SetRows
from circuits.profiles import WeightProfile, measure_profiles, places_of, weigh_profiles
from circuits.scores import ComponentScores
from graphs.roles import CANDIDATES, CONTENT, RIGHT, WRONG
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.profile.given import profiles_from
from pipelines.runs.codec import prompts_from, prompts_result
from pipelines.runs.stage_inputs import slice_of


def name_tokens(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The prompts with the roles that rules know beside their own: `right`, `wrong`, `candidates`, `content`."""
    prompts = prompts_from(inputs["prompts"][0])
    roles = require_words(settings, prompts)
    named = tuple(replace(prompt, roles=own) for prompt, own in zip(prompts, roles, strict=True))
    return prompts_result(replace(prompts, prompts=named, negatives=()))


def require_words(settings: Mapping[str, Any], prompts: PromptSet) -> list[dict[str, tuple[int, ...]]]:
    """The roles of each prompt, as `name_tokens` gives them. ValueError where one lacks those of the words that say the
    answer, or compete with it."""

    def named(number: int, prompt: Prompt) -> dict[str, tuple[int, ...]]:
        return _named(prompt, settings["right"], settings["wrong"], prompts.called(number))

    return require_each(prompts, named)


def _named(prompt: Prompt, right: str | None, wrong: str | None, called: str) -> dict[str, tuple[int, ...]]:
    """Role -> positions; a role that the prompt lacks is left out.

    Without roles to go by, words that the prompt itself calls `right` or `wrong`; else its tokens that are an
    answer, or a wrong answer.
    """
    sides = {
        name: _positions(prompt, keys, called)
        if keys is not None
        else tuple(prompt.roles.get(name, ()))
        or tuple(at for at, token in enumerate(prompt.clean) if token in {tokens_of(one)[0] for one in answers})
        for name, keys, answers in ((RIGHT, right, prompt.answers), (WRONG, wrong, prompt.wrong_answers))
    }
    either = {position for positions in sides.values() for position in positions}
    others = {at for role, positions in prompt.roles.items() if role != END for at in positions} - either
    own = {role: tuple(positions) for role, positions in prompt.roles.items() if role != END}
    roles = own | sides | {CANDIDATES: tuple(sorted(either)), CONTENT: tuple(sorted(others))}
    return {name: positions for name, positions in roles.items() if positions}


def _positions(prompt: Prompt, keys: str, called: str) -> tuple[int, ...]:
    try:
        return tuple(sorted(SetRows(keys=keys).weights(prompt.roles)))
    except ValueError as error:
        raise ValueError(f"{called}: {error}") from None


def keep_end(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The prompts without any role but END, so that effects at roles are those at END alone."""
    prompts = prompts_from(inputs["prompts"][0])
    without = tuple(replace(prompt, roles={}) for prompt in prompts)
    return prompts_result(replace(prompts, prompts=without, negatives=()))


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What each profile's places are, and why those that cannot be read here cannot.

    places   profile -> places
    refused  profile -> the reason
    """
    prompts, places, refused = prompts_from(inputs["prompts"][0]), {}, {}
    for text in settings["profiles"]:
        (profile,) = profiles_from([text])
        try:
            places[text] = list(places_of(model(), prompts, [profile])[profile])
        except ValueError as error:
            refused[text] = str(error)
    wiring = model().wiring
    return Result({"places": places, "refused": refused, "n_layers": wiring.n_layers, "n_heads": wiring.n_heads})


def profile(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Every profile that can be read here, of a slice of the prompts: arrays [prompt, place, head].

    `values0` with NaN where a prompt lacks the place; by the number of the profile in `read`.
    """
    named = inputs["check"][0].meta["places"]
    places = {profiles_from([text])[0]: tuple(own) for text, own in named.items()}
    scores = measure_profiles(model(), slice_of(settings, inputs), list(places), places=places)
    return _of_heads(dict(zip(named, scores, strict=True)))


def weigh(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Every profile of weights that this model has, likewise: [1, place, head]; why it lacks others, in `refused`."""
    scores, refused = {}, {}
    for text in settings["profiles"]:
        (profile,) = profiles_from([text])
        assert isinstance(profile, WeightProfile)
        try:
            (scores[text],) = weigh_profiles(model(), [profile])
        except ValueError as error:
            refused[text] = str(error)
    return _of_heads(scores, refused=refused)


def _of_heads(scores: Mapping[str, ComponentScores], **meta: Any) -> Result:
    arrays = {}
    for number, own in enumerate(scores.values()):
        heads = [part.is_head for part in own.components]
        arrays[f"values{number}"] = np.where(own.measured, own.per_prompt, np.nan)[..., heads]
    places = [list(own.positions) for own in scores.values()]
    return Result({"read": list(scores), "places": places, **meta}, arrays)


NAME_TOKENS = Stage("name-tokens", 3, name_tokens, title="name tokens", requires=require_words)
KEEP_END = Stage("keep-end", 1, keep_end, title="keep END")
CHECK = Stage("check-roles", 1, check, title="check what can be read")
PROFILE = Stage("role-profiles", 1, profile, title="profile heads")
WEIGH = Stage("role-weights", 1, weigh, title="profile weights")
