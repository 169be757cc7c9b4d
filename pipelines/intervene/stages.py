"""What the stages of an intervention compute: questions, strengths, vision-aware heads, answers and captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.data.absent_objects import NEGATIVES, RANDOM
from circuits.data.image_prompts import ImageQuestion, image_prompts
from circuits.data.prompts import PromptSet
from circuits.intervals import t_interval
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from, prompts_result, prompts_slice
from pipelines.runs.image_sources import image_task, split_questions
from pipelines.runs.stages import locate_prompts

if TYPE_CHECKING:
    from circuits.data.images import Picture
    from circuits.injection.answers import TapFactory
    from circuits.injection.captions import Intervention
    from circuits.injection.settings import Injection
    from circuits.injection.vision_heads import HeadDivergence, Reinforcement
    from circuits.model.load import Model

PLAIN, IRI, VHR, THRESHOLD = "plain", "iri", "vhr", "threshold"
PRESENT = "present"
_KINDS = ("attention", "mlp", "residual")


def build_questions(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Questions about present and absent objects as prompts, and what is known about each."""
    loaded = model()
    assert loaded.vision is not None, "the trace asked about images"
    names: Sequence[str]
    if "file" in settings:
        questions, names = split_questions(settings, is_first=settings["part"] == "validation")
    else:
        task = image_task(settings)
        questions, names = _of_all_sorts(task, settings), task.object_names
    # Object masks and corrupt pictures are for tracing only.
    plain = [replace(question, mask=None, corrupt_picture=None) for question in questions]
    prompts = image_prompts(settings.get("task", settings.get("name", "questions")), plain, loaded.vision)
    loaded.check_prompts(prompts)
    result = prompts_result(prompts)
    known = {
        "is_present": [question.is_present for question in questions],
        "sort": [PRESENT if question.is_present else question.sort for question in questions],
        "objects": [None if question.objects is None else list(question.objects) for question in questions],
        "object_names": list(names),
    }
    return Result({**result.meta, **known}, result.arrays)


def _of_all_sorts(task: Any, settings: Mapping[str, Any]) -> list[ImageQuestion]:
    """For every image, a question about a present object, and one about an absent object of each sort."""
    by_sort = [task.questions(n=settings["n"], seed=settings["seed"], negatives=sort) for sort in NEGATIVES]
    chosen = []
    for index in range(0, settings["n"], 2):  # present and absent take turns
        chosen.append(by_sort[0][index])
        chosen += [questions[index + 1] for questions in by_sort]
    return chosen


def search(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The strengths that answer most validation questions right, without losing many about random negatives.

    Given strengths are kept as they are. Otherwise also the threshold chosen on the same questions by the same rule.
    """
    from circuits.injection.search import search_strengths
    from circuits.injection.threshold import choose_threshold, yes_minus_no

    questions = inputs["questions"][0]
    if "given" in settings:
        return Result({"strengths": settings["given"], "tried": [], "threshold": None})
    sides = {"judged": asked_of(questions, settings["sort"])}
    if RANDOM in questions.meta["sort"]:
        sides["guarded"] = asked_of(questions, RANDOM)
    prompt_indices = sorted({index for side in sides.values() for index in side})
    chosen = {name: np.isin(prompt_indices, side) for name, side in sides.items()}
    tried, base, max_accuracy_drop = (
        settings["strengths"],
        injection_of(settings, (1.0, 1.0)),
        settings["max_accuracy_drop"],
    )
    prompts = _some(prompts_from(questions), prompt_indices)
    searched = search_strengths(
        model(), prompts, base, attention=tried, mlp=tried, max_accuracy_drop=max_accuracy_drop, **chosen
    )
    is_present = np.asarray(questions.meta["is_present"])[prompt_indices]
    margin = yes_minus_no(searched.plain, is_present)
    threshold = choose_threshold(
        margin, is_present, chosen["judged"], chosen.get("guarded"), max_accuracy_drop=max_accuracy_drop
    )
    best = searched.injection
    strengths = [0.0 if part is None else part.strength for part in (best.attention, best.mlp)]
    arrays = {"accuracy": searched.accuracy} | ({} if searched.guarded is None else {"guarded": searched.guarded})
    n_judged = len(sides["judged"])
    meta = {"strengths": strengths, "tried": tried, "n_questions": n_judged, "threshold": threshold}
    return Result(meta, arrays)


def asked_of(questions: Result, sort: str) -> list[int]:
    """Indices of the questions about present objects and absent ones of a sort; all, if sorts are not known."""
    sorts = questions.meta["sort"]
    chosen = [index for index, of_question in enumerate(sorts) if of_question in (PRESENT, sort)]
    return chosen if sort in sorts else list(range(len(sorts)))


def _some(prompts: PromptSet, prompt_indices: Sequence[int]) -> PromptSet:
    return PromptSet(prompts.task, tuple(prompts.prompts[index] for index in prompt_indices))


def injection_of(settings: Mapping[str, Any], strengths: Sequence[float]) -> Injection:
    """The injection for given recovery rates and strengths."""
    from circuits.injection.settings import injection_from

    return injection_from(
        settings["recovery"]["attention"],
        settings["recovery"]["mlp"],
        k1=settings["k1"],
        k2=settings["k2"],
        lambda_attention=strengths[0],
        lambda_mlp=strengths[1],
    )


def measure_divergence(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """How much each head's output changes when the image is removed, on some validation questions."""
    from circuits.injection.vision_heads import head_divergence

    prompts = prompts_from(inputs["questions"][0])
    measured = head_divergence(model(), prompts[: settings["n"]])
    meta = {"heads": list(measured.heads), "n_layers": measured.n_layers}
    return Result(meta, {"divergence": measured.divergence, "without": measured.without})


def divergence_from(result: Result) -> HeadDivergence:
    """The divergence of a job."""
    from circuits.injection.vision_heads import HeadDivergence

    heads, n_layers = tuple(result.meta["heads"]), result.meta["n_layers"]
    return HeadDivergence(heads, n_layers, result.arrays["divergence"], result.arrays["without"])


def head_rows(result: Result) -> list[dict[str, Any]]:
    """One row per head: its divergence with t interval, and the factor by which the baseline multiplies its output."""
    from circuits.injection.vision_heads import reinforcement

    measured = divergence_from(result)
    factors = [factor for layer in reinforcement(measured).factors for factor in layer]
    interval = t_interval(measured.divergence)
    ends = [interval.item(number).as_json() or (None, None) for number in range(len(measured.heads))]
    means, without = measured.divergence.mean(axis=0, dtype=np.float64), measured.without.mean(axis=0, dtype=np.float64)
    return [
        {
            "head": head,
            "divergence": float(means[number]),
            "divergence_low": ends[number][0],
            "divergence_high": ends[number][1],
            "squared_norm_without_image": float(without[number]),
            "factor": float(factors[number]),
            "n_prompts": len(measured.divergence),
        }
        for number, head in enumerate(measured.heads)
    ]


def reinforcement_of(inputs: Inputs) -> Reinforcement:
    """The heads that the baseline amplifies."""
    from circuits.injection.vision_heads import reinforcement

    return reinforcement(divergence_from(inputs["divergence"][0]))


def answer(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Answers to a slice of the test questions, plain and under every intervention."""
    from circuits.injection.answers import answers
    from circuits.injection.hooks import injection_tap
    from circuits.injection.vision_heads import reinforcement_tap

    prompts = prompts_slice(inputs["questions"][0], *settings["slice"])
    injections, dropped = _injections(settings, inputs)
    chosen = reinforcement_of(inputs)
    taps: dict[str, TapFactory | None] = {PLAIN: None}
    taps |= {name: partial(injection_tap, injection) for name, injection in injections.items()}
    taps[VHR] = partial(reinforcement_tap, model(), chosen)
    by_variant = answers(model(), prompts, taps)
    stacked = {
        name: np.stack([getattr(by_variant[variant], name) for variant in taps])
        for name in ("answer_logit", "wrong_answer_logit", "is_answer", "is_wrong_answer")
    }
    return Result({"variants": list(taps), "dropped": dropped}, stacked)


def _injections(settings: Mapping[str, Any], inputs: Inputs) -> tuple[dict[str, Injection], dict[str, str]]:
    """The injection, its controls and, if requested, its ablations; and what was left out, with the reason."""
    from circuits.injection.variants import Recovery, ablations, controls

    strengths = inputs["search"][0].meta["strengths"]
    recovery = Recovery(*(tuple(settings["recovery"][kind]) for kind in _KINDS))
    made = (ablations if settings["ablations"] else controls)(
        recovery,
        k1=settings["k1"],
        k2=settings["k2"],
        lambda_attention=strengths[0],
        lambda_mlp=strengths[1],
        seeds=range(settings["random"]),
    )
    # With strength 0 the injection changes nothing, but it is kept: it is what was requested.
    dropped = {name: why for name, why in made.dropped.items() if name != IRI}
    return {IRI: injection_of(settings, strengths), **made.injections}, dropped


def caption(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Captions of some test images: plain, with the injection, and with the baseline."""
    from circuits.injection.captions import captions

    pictures, objects = pictures_of(inputs["questions"][0], settings["n"])
    contexts = interventions_of(settings, inputs, model())
    texts = {
        name: captions(model(), pictures, max_new_tokens=settings["max_new_tokens"], intervention=context)
        for name, context in contexts.items()
    }
    return Result({"captions": texts, "objects": objects})


def measure_times(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Medians of seconds to the first token and per token, on one test image, of every intervention."""
    from circuits.injection.captions import token_times

    pictures, _ = pictures_of(inputs["questions"][0], 1)
    contexts = interventions_of(settings, inputs, model())
    by_variant = token_times(model(), pictures[0], contexts, repeats=settings["repeats"])
    return Result({"times": {name: times._asdict() for name, times in by_variant.items()}})


def interventions_of(settings: Mapping[str, Any], inputs: Inputs, model: Model) -> dict[str, Intervention]:
    """Name -> the context manager that intervenes on the model."""
    from circuits.injection.hooks import injected
    from circuits.injection.vision_heads import reinforced

    injection = injection_of(settings, inputs["search"][0].meta["strengths"])
    return {
        PLAIN: nullcontext,
        IRI: partial(injected, model, injection),
        VHR: partial(reinforced, model, reinforcement_of(inputs)),
    }


def pictures_of(questions: Result, n: int) -> tuple[list[Picture], list[list[str]]]:
    """The first `n` images that are asked about, and the objects in each. ValueError if these are not known."""
    by_fingerprint: dict[str, tuple[Picture, list[str]]] = {}
    for prompt, objects in zip(prompts_from(questions), questions.meta["objects"], strict=True):
        if prompt.image is not None and objects is not None:
            by_fingerprint.setdefault(prompt.image.fingerprint, (prompt.image, objects))
    if not by_fingerprint:
        raise ValueError(
            "captions are judged by the objects in each image, which are not known here: trace with --annotations."
        )
    chosen = list(by_fingerprint.values())[:n]
    return [picture for picture, _ in chosen], [objects for _, objects in chosen]


QUESTIONS = Stage("questions", 2, build_questions, locate_prompts)
IRI_SEARCH = Stage("iri-search", 1, search, title="choose settings")
HEAD_DIVERGENCE = Stage("head-divergence", 1, measure_divergence, title="vision-aware divergence of heads")
IRI_ANSWERS = Stage("iri-answers", 2, answer, title="answer")
IRI_CAPTIONS = Stage("iri-captions", 1, caption, title="caption")
IRI_TIMES = Stage("iri-times", 1, measure_times, title="measure times")
