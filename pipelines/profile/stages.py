"""What the jobs of `circuits profile` compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from circuits.profiles import WeightProfile, measure_profiles, places_of, weigh_profiles
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.profile.given import profiles_from
from pipelines.runs.codec import prompts_from
from pipelines.runs.stage_inputs import slice_of

if TYPE_CHECKING:
    from circuits.data.prompts import PromptSet


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What each profile's places and components are, in their order; a ValueError where the prompts or the model lack
    what one reads, and where no profile has both places of `contrast`."""
    places = places_of(model(), prompts_from(inputs["prompts"][0]), profiles_from(settings["profiles"]))
    wanted = settings.get("contrast", [])
    if not any(set(wanted) <= set(of_profile) for of_profile in places.values()):
        known = dict.fromkeys(place for of_profile in places.values() for place in of_profile)
        raise ValueError(
            f"contrast: no profile that is asked for has both places {' and '.join(map(repr, wanted))}. Places are "
            f"{', '.join(known)}."
        )
    wiring = model().wiring
    components = [[str(part) for part in profile.components(wiring)] for profile in places]
    about = {"n_layers": wiring.n_layers, "n_heads": wiring.n_heads}
    return Result({"places": list(places.values()), "components": components, **about})


def require_read(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where prompts lack what a profile reads."""
    for own in profiles_from(settings["profiles"]):
        own.check(prompts)


def profile(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Every profile of a slice of the prompts.

    Arrays [prompt, place, component] by the number of the profile: `values0`, 0 where not `measured0`.
    """
    profiles = profiles_from(settings["profiles"])
    named = inputs["check"][0].meta["places"]
    places = {own: tuple(names) for own, names in zip(profiles, named, strict=True)}
    scores = measure_profiles(model(), slice_of(settings, inputs), profiles, places=places)
    arrays = {f"values{number}": own.per_prompt for number, own in enumerate(scores)}
    return Result({}, arrays | {f"measured{number}": own.measured for number, own in enumerate(scores)})


def weigh(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Every profile of weights: arrays [1, place, component], and their places and components as `check` gives them."""
    profiles = [own for own in profiles_from(settings["profiles"]) if isinstance(own, WeightProfile)]
    scores, wiring = weigh_profiles(model(), profiles), model().wiring
    arrays = {f"values{number}": own.per_prompt for number, own in enumerate(scores)}
    arrays |= {f"measured{number}": own.measured for number, own in enumerate(scores)}
    return Result(
        {
            "places": [own.positions for own in scores],
            "components": [[str(part) for part in own.components] for own in scores],
            "n_layers": wiring.n_layers,
            "n_heads": wiring.n_heads,
        },
        arrays,
    )


CHECK = Stage("check-profiles", 2, check, requires=require_read, title="check what can be read")
PROFILE = Stage("profile", 2, profile)
WEIGH = Stage("profile-weights", 1, weigh, title="profile weights")
