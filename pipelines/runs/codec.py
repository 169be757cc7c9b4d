"""Stored results put back together: prompts, baselines and scores of all slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.components import Component, Wiring
from circuits.data.images import Picture
from circuits.data.prompts import Origin, Prompt, PromptSet
from circuits.data.text_checks import PromptWarning
from circuits.evaluation.faithfulness import Baseline
from circuits.methods import METHODS
from circuits.scores import ComponentScores, EdgeScores, Provenance
from pipelines.engine.result_file import Result


def prompts_meta(prompts: PromptSet) -> dict[str, Any]:
    """A prompt set as JSON values; `prompts_from` reads it back."""
    negatives = [_record(prompt) for prompt in prompts.negatives]
    meta = {"task": prompts.task, "prompts": [_record(prompt) for prompt in prompts]}
    meta |= {"notes": list(prompts.notes)} if prompts.notes else {}
    drawn = {"n_drawn": prompts.n_drawn, "n_kept": prompts.n_kept}
    meta |= {name: number for name, number in drawn.items() if number is not None}
    return meta | ({"negatives": negatives} if negatives else {})


def prompts_result(prompts: PromptSet) -> Result:
    """A prompt set as a job's result, with its pictures as image-file bytes."""
    known = {name: picture.data for name, picture in prompts.pictures.items() if picture.data is not None}
    if not known:
        return Result(prompts_meta(prompts))
    stops = np.cumsum([len(data) for data in known.values()])
    arrays = {"pictures": np.frombuffer(b"".join(known.values()), dtype=np.uint8), "picture_stops": stops}
    return Result(prompts_meta(prompts) | {"pictures": list(known)}, arrays)


def prompts_slice(result: Result, start: int, stop: int) -> PromptSet:
    """Prompts start .. stop-1 of the set of a `prompts` job, as `prompts_from(result)[start:stop]` has them; no others
    are made."""
    return prompts_from(Result({**result.meta, "prompts": result.meta["prompts"][start:stop]}, result.arrays))[:]


def prompts_from(result: Result) -> PromptSet:
    """The prompt set of a `prompts` job; from its meta alone, pictures have only fingerprints."""
    pictures = _pictures(result)
    sides = (result.meta["prompts"], result.meta.get("negatives", []))
    prompts, negatives = (tuple(_prompt(record, pictures) for record in side) for side in sides)
    notes = tuple(result.meta.get("notes", ()))
    return PromptSet(
        result.meta["task"], prompts, negatives, notes, result.meta.get("n_drawn"), result.meta.get("n_kept")
    )


def _record(prompt: Prompt) -> dict[str, Any]:
    warnings = [list(warning) for warning in prompt.warnings]
    beside = {"warnings": warnings, "origin": prompt.origin and list(prompt.origin)}
    return prompt.as_json() | {name: value for name, value in beside.items() if value}


def _pictures(result: Result) -> dict[str, Picture]:
    if "pictures" not in result.arrays:
        return {}
    sides = chain(result.meta["prompts"], result.meta.get("negatives", []))
    shown = {record.get(name) for record in sides for name in ("image", "corrupt_image")}
    parts = np.split(result.arrays["pictures"], result.arrays["picture_stops"][:-1])
    known = zip(result.meta["pictures"], parts, strict=True)
    return {name: Picture(name, part.tobytes()) for name, part in known if name in shown}


def _prompt(record: Mapping[str, Any], pictures: Mapping[str, Picture]) -> Prompt:
    def picture(name: str) -> Picture | None:
        fingerprint = record.get(name)
        return None if fingerprint is None else pictures.get(fingerprint, Picture(fingerprint))

    return Prompt(
        tuple(record["clean_ids"]),
        tuple(record["corrupt_ids"]),
        tuple(record["answer_ids"]),
        tuple(record["wrong_answer_ids"]),
        record["answer_position"],
        {role: tuple(positions) for role, positions in record["roles"].items()},
        picture("image"),
        picture("corrupt_image"),
        tuple(record["image_tokens"]) if "image_tokens" in record else None,
        tuple(PromptWarning(*warning) for warning in record.get("warnings", ())),
        Origin(*record["origin"]) if "origin" in record else None,
    )


def baseline_from(result: Result) -> Baseline:
    """The metric without any intervention, of a `baseline` job."""
    arrays = result.arrays
    return Baseline(arrays["clean"], arrays["corrupt"], arrays.get("is_correct"), arrays.get("is_top1"))


def join_prompts(results: Sequence[Result], name: str) -> NDArray[Any]:
    """Array `name` [..., prompt] of all slices, in the order of the prompts."""
    return np.concatenate([result.arrays[name] for result in results], axis=-1)


def scores_result(scores: EdgeScores | ComponentScores, **meta: Any) -> Result:
    """Scores as a job's result; `scores_from` reads it back."""
    meta |= {"wiring": asdict(scores.wiring), "provenance": asdict(scores.provenance)}
    if isinstance(scores, ComponentScores):
        meta |= {"components": [str(part) for part in scores.components], "places": list(scores.positions)}
    trials = {} if scores.trials is None else {"trials": scores.trials}
    return Result(meta, {"per_prompt": scores.per_prompt, "measured": scores.measured} | trials)


def scores_from(results: Sequence[Result], prompts: PromptSet, **provenance: Any) -> Any:
    """The scores of all slices of one method's `measure` jobs; None where there are no such jobs.

    provenance  fields of the provenance to set, such as `task` and `seed`, which the slices do not know
    """
    if not results:
        return None
    first = results[0]
    of_all = {"prompts_fingerprint": prompts.fingerprint, "solved": prompts.solved}
    origin = Provenance(**first.meta["provenance"] | of_all | provenance)
    if origin.scores_are is None and origin.method in METHODS:  # kept by a version that did not say
        origin = replace(origin, scores_are=METHODS[origin.method].scores_are)
    wiring = Wiring(**first.meta["wiring"])
    if "components" not in first.meta:
        per_prompt = np.concatenate([result.arrays["per_prompt"] for result in results])
        return EdgeScores(wiring, per_prompt, first.arrays["measured"], origin, first.arrays.get("trials"))
    positions = _all_positions(results, prompts)
    return ComponentScores(
        wiring,
        tuple(Component.parse(name) for name in first.meta["components"]),
        positions,
        np.concatenate([_at_positions(result, "per_prompt", positions) for result in results]),
        np.concatenate([_at_positions(result, "measured", positions) for result in results]),
        origin,
        first.arrays.get("trials"),  # of all prompts: methods with trials measure in one job
    )


def _all_positions(results: Sequence[Result], prompts: PromptSet) -> tuple[str, ...]:
    """Positions of all slices: a slice of short prompts lacks late positions, another may lack a role."""
    names = dict.fromkeys(position for result in results for position in result.meta["places"])
    return tuple(role for role in prompts.roles if role in names) + tuple(p for p in names if p not in prompts.roles)


def _at_positions(result: Result, name: str, positions: tuple[str, ...]) -> NDArray[Any]:
    """Array `name` [prompt, position, component] spread to `positions`; 0 (not measured) where the slice lacks one."""
    array = result.arrays[name]
    spread = np.zeros((len(array), len(positions), array.shape[-1]), array.dtype)
    spread[:, [positions.index(position) for position in result.meta["places"]]] = array
    return spread
