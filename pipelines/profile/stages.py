"""What the jobs of `circuits profile` compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuits.profiles import measure_profiles, places_of
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.profile.given import profiles_from
from pipelines.runs.codec import prompts_from
from pipelines.runs.stage_inputs import slice_of


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What each profile's places are, in their order; a ValueError where the prompts lack what one reads."""
    places = places_of(model(), prompts_from(inputs["prompts"][0]), profiles_from(settings["profiles"]))
    wiring = model().wiring
    return Result({"places": list(places.values()), "n_layers": wiring.n_layers, "n_heads": wiring.n_heads})


def profile(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Every profile of a slice of the prompts, one after the other along the places.

    Arrays [prompt, place, head]: `values`, 0 where not `measured`.
    """
    profiles = profiles_from(settings["profiles"])
    named = inputs["check"][0].meta["places"]
    places = {own: tuple(names) for own, names in zip(profiles, named, strict=True)}
    scores = measure_profiles(model(), slice_of(settings, inputs), profiles, places=places)
    arrays = {"values": [own.per_prompt for own in scores], "measured": [own.measured for own in scores]}
    return Result({}, {name: np.concatenate(of_each, axis=1) for name, of_each in arrays.items()})


CHECK = Stage("check-profiles", 1, check)
PROFILE = Stage("profile", 1, profile)
