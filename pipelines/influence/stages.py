"""What the jobs of `circuits influence` compute."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.data.texts import read_texts, texts_as_prompts
from circuits.files import read_bytes, unreadable
from circuits.masks import random_circuits
from circuits.model.phases import phase
from circuits.numbers import count_text
from pipelines.discover.stages import chosen_edges
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_meta
from pipelines.runs.stage_inputs import ablation_of, slice_of


def build_texts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The texts of a file for the model's tokenizer, as prompts; refused where the model cannot take one."""
    loaded, path = model(), Path(settings["path"])
    texts = read_texts(read_bytes(path), path.name)
    prompts = texts_as_prompts(texts, loaded.tokenizer, most=settings["tokens"])
    loaded.check_prompts(prompts)
    names = {"names": [text.name for text in texts], "groups": [text.group for text in texts]}
    return Result(prompts_meta(prompts) | names)


def first_texts(settings: Mapping[str, Any], *, most: int | None = None) -> PromptSet:
    """The texts as the model's tokenizer reads them, all of them, before weights are loaded."""
    from circuits.model.tokenizers import tokenizer_of

    path = Path(settings["path"])
    return texts_as_prompts(
        read_texts(read_bytes(path), path.name), tokenizer_of(settings["model_at"]), most=settings["tokens"]
    )


def locate_texts(settings: Mapping[str, Any], locations: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings with the places of the model and of the file, which must hold what was planned."""
    path = Path(locations["file"])
    if digest_of_texts(path) != settings["file"]:
        raise ValueError(f"{path} has changed since this was planned. Run the command again.")
    return dict(settings) | {"path": str(path), "model_at": locations["model"]}


def digest_of_texts(path: Path) -> str:
    """The hash of a file of texts; a ValueError where it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except OSError as error:
        raise ValueError(unreadable(path, error, "the texts")) from None


def choose_heads(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The heads that are masked, and random sets of as many others of each layer; what edits cannot do is refused.

    Of ranked heads also their means; all heads of equal means stand in the order of the model.
    """
    from circuits.edits import edit_from
    from circuits.edits.check import checked
    from circuits.edits.controls import matched_sets

    loaded, ranked = model(), settings.get("ranked")
    means: dict[str, float] = {}
    heads = settings["heads"]
    if ranked is not None:
        means = _ranked_means(inputs)
        n = max(1, math.ceil(ranked["k"] * len(means) / 100)) if ranked["is_percent"] else int(ranked["k"])
        if n > len(means):
            raise ValueError(f"--heads asks for {count_text(n, 'head')}; {loaded.name!r} has {len(means)}.")
        heads = sorted(means, key=lambda name: -means[name])[:n]
    checked(loaded, {head: [edit_from(text) for text in settings["edits"]] for head in heads})
    sets = matched_sets(loaded.wiring, heads, n=settings["random"], seed=settings["seed"])
    return Result({"heads": heads, "means": [means[head] for head in heads if means], "random": sets})


def _ranked_means(inputs: Inputs) -> dict[str, float]:
    """Head -> its mean over the prompts in which it was measured."""
    shape = inputs["check"][0].meta
    if len(shape["places"][0]) != 1:
        raise ValueError(
            f"the profile has a number for each of {', '.join(shape['places'][0])}: name one of them in it, so that "
            "heads can be ranked."
        )
    values, measured = (
        np.concatenate([result.arrays[f"{name}0"][:, 0] for result in inputs["measure"]])
        for name in ("values", "measured")
    )
    n = measured.sum(axis=0)
    if not n.any():
        raise ValueError("no prompt is one in which the profile is measured (the model solves none): name heads.")
    means = np.where(measured, values.astype(np.float64), 0).sum(axis=0) / np.maximum(n, 1)
    return {name: float(mean) for name, mean in zip(shape["components"][0], means, strict=True) if _is_head(name)}


def _is_head(name: str) -> bool:
    from circuits.components import Component

    return Component.parse(name).is_head


def measure_heads(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The losses of a slice of the texts: plain, with the heads masked, and with each random set masked."""
    from circuits.edits import edit_from
    from circuits.evaluation.influence import edited_losses

    chosen = inputs["heads"][0].meta
    edits = [edit_from(text) for text in settings["edits"]]
    variants = [dict.fromkeys(heads, edits) for heads in (chosen["heads"], *chosen["random"])]
    return _losses_result(edited_losses(model(), slice_of(settings, inputs), variants))


def measure_circuit(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The same with the edges of a circuit ablated, and those of random circuits of its size."""
    from circuits.evaluation.influence import circuit_losses

    loaded, circuit = model(), chosen_edges(inputs)
    loaded.require("edges", "influence")
    if not circuit.any():
        raise ValueError("the circuit of that run is empty: nothing can be ablated.")
    with phase(f"drawing {settings['random']} random circuits"):
        drawn = random_circuits(loaded.wiring, circuit, n=settings["random"], seed=settings["seed"])
    ablation = ablation_of(settings, inputs, model)
    circuits = np.concatenate([circuit[None], drawn])
    return _losses_result(circuit_losses(loaded, slice_of(settings, inputs), circuits, ablation=ablation))


def _losses_result(losses: Sequence[Floats]) -> Result:
    """Losses of texts one after the other: array `losses` [variant, token], and how many tokens each has."""
    return Result({"tokens": [of_text.shape[1] for of_text in losses]}, {"losses": np.concatenate(losses, axis=1)})


def losses_from(results: Sequence[Result]) -> list[Floats]:
    """Of each text, its losses [variant, token], from the results of all slices."""
    texts: list[Floats] = []
    for result in results:
        texts += np.split(result.arrays["losses"], np.cumsum(result.meta["tokens"])[:-1], axis=1)
    return texts


TEXTS = Stage("texts", 1, build_texts, locate_texts, title="read texts", first=first_texts)
CHOOSE_HEADS = Stage("influence-heads", 1, choose_heads, title="choose heads")
HEAD_LOSSES = Stage("influence", 1, measure_heads, title="losses with heads masked")
CIRCUIT_LOSSES = Stage("circuit-influence", 1, measure_circuit, title="losses with a circuit ablated")
