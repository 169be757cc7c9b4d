"""What an intervention does, from stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuits.data.absent_objects import NEGATIVES
from circuits.injection.answers import Answers, answer_scores, paired_difference
from circuits.injection.chair import ObjectNames, chair
from circuits.injection.synonyms import Synonyms
from circuits.injection.threshold import with_threshold
from circuits.injection.variants import ALL_LAYERS, RANDOM_LAYERS
from circuits.intervals import Estimate, Share
from circuits.remedies.choice import Verdict
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.intervene.plan import WHOLE, InterventionJobs, IriPlan
from pipelines.intervene.settings import IriSettings
from pipelines.intervene.stages import IRI, PLAIN, THRESHOLD, VHR, asked_of, head_rows, injection_of
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import join_prompts
from pipelines.runs.method_settings import with_portable_paths
from pipelines.trace.run import TraceRun

_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Intervention(Report):
    """What an injection does.

    settings   as requested, with the layers and the strengths that were chosen
    rows       one per variant and sort of negatives: scores with Wilson's intervals, and the difference from the plain
               model with its t interval over pictures
    heads      one per head: its vision-aware divergence, with its t interval over prompts
    captions   one per variant: CHAIR with Wilson's intervals, of mentions a t interval over captions; `texts` has the
               captions themselves
    verdicts   one per sort of negatives: whether the injection gains right answers beside random layers, in `words`;
               `on_validation` is the gain on the questions that chose the strengths, None of other sorts
    n_synonyms how many words beside the objects' own names count as naming one
    times      one per variant: seconds to the first token and per token
    dropped    ablation -> why it was left out

    >>> from pipelines import intervene, trace
    >>> run = trace("scene-objects", model="reference-vlm", prompts=2, settings={"kinds": ["attention", "mlp"]})
    >>> result = intervene(run, questions=2, validation=2, lambda_attention=0.1, lambda_mlp=0.1, random=1)
    >>> len(result.heads), [verdict["negatives"] for verdict in result.verdicts], sorted(result.content())[:1]
    (24, ['random', 'popular', 'adversarial'], ['captions'])
    """

    format = Format("circuit-workbench-intervention", 1)
    run: str
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    verdicts: tuple[Row, ...]
    heads: tuple[Row, ...]
    captions: tuple[Row, ...]
    n_synonyms: int
    texts: Mapping[str, Any] | None
    times: tuple[Row, ...]
    dropped: Mapping[str, str]

    def content(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "settings": dict(self.settings),
            "rows": list(self.rows),
            "verdicts": list(self.verdicts),
            "heads": list(self.heads),
            "captions": list(self.captions),
            "n_synonyms": self.n_synonyms,
            "times": list(self.times),
            "dropped": dict(self.dropped),
            "warnings": list(self.warnings),
        }


def report(plan: IriPlan) -> Intervention:
    """What the stored results of a plan say."""
    jobs, store = plan.jobs, plan.store
    rows = _rows(jobs, store)
    verdicts = _verdicts(rows, plan.run, plan.settings, store.read(jobs.search.key))
    words = {} if plan.synonyms is None else plan.synonyms.words
    return Intervention(
        folder=plan.folder,
        warnings=(*_warnings(jobs, store, verdicts), *_of_synonyms(plan.synonyms)),
        run=plan.run.name,
        settings=_settings(plan.run, plan.settings, jobs, store),
        rows=tuple(rows),
        verdicts=tuple(verdicts),
        heads=tuple(head_rows(store.read(jobs.divergence.key))),
        captions=tuple(_captions(jobs, store, words)),
        n_synonyms=sum(map(len, words.values())),
        texts=dict(store.read(jobs.captions[0].key).meta) if jobs.captions else None,
        times=tuple(_times(jobs, store)),
        dropped=store.read(jobs.answers[0].key).meta["dropped"],
    )


def _settings(run: TraceRun, config: IriSettings, jobs: InterventionJobs, store: Store) -> dict[str, Any]:
    search = store.read(jobs.search.key)
    injection = injection_of(jobs.search.settings, search.meta["strengths"])
    attention, mlp = injection.attention, injection.mlp
    assert attention is not None
    assert mlp is not None
    searched = (
        {}
        if not search.meta["tried"]
        else {
            "validation_accuracy": search.arrays["accuracy"].tolist(),
            "validation_accuracy_random": search.arrays["guarded"].tolist() if "guarded" in search.arrays else None,
            "strengths_tried": search.meta["tried"],
            "validation_questions": search.meta["n_questions"],
        }
    )
    origin = run.trace.scores.provenance
    return {
        "model": origin.model,
        "task": run.summary["task"],
        **with_portable_paths(config).model_dump(mode="json", exclude={"run", "folder", "repeats"}),
        "lambda_attention": attention.strength,
        "lambda_mlp": mlp.strength,
        "threshold": search.meta["threshold"],
        **searched,
        "injection": injection.as_json(),
        "read": {part: sorted(of_part.added) for part, of_part in injection.parts.items()},
        "changed": {part: list(of_part.changed) for part, of_part in injection.parts.items()},
    }


def _rows(jobs: InterventionJobs, store: Store) -> list[Row]:
    """One row per variant and sort of negatives."""
    questions = store.read(jobs.test.key)
    results = [store.read(job.key) for job in jobs.answers]
    is_present = np.asarray(questions.meta["is_present"])
    variants = results[0].meta["variants"]
    joined = {name: join_prompts(results, name) for name in results[0].arrays}
    answers = {
        name: _answers({key: values[variant] for key, values in joined.items()})
        for variant, name in enumerate(variants)
    }
    threshold = store.read(jobs.search.key).meta["threshold"]
    if threshold is not None:
        answers[THRESHOLD] = with_threshold(answers[PLAIN], is_present, threshold)
    sorts = {sort: np.asarray(asked_of(questions, sort)) for sort in _sorts(questions)}
    pictures = np.asarray([record["image"] for record in questions.meta["prompts"]])
    return [
        _row(name, sort, _some(said, chosen), _some(answers[PLAIN], chosen), is_present[chosen], pictures[chosen])
        for name, said in answers.items()
        for sort, chosen in sorts.items()
    ]


def _verdicts(rows: Sequence[Row], run: TraceRun, config: IriSettings, search: Result) -> list[Row]:
    """Of every sort of negatives, what the test questions say of the injection beside random layers."""
    chosen_by = WHOLE if run.config.prompt_file is not None else config.chosen_by
    said = []
    for row in rows:
        if row["variant"] != IRI:
            continue
        of_sort = [other for other in rows if other["negatives"] == row["negatives"]]
        random = [other["difference"] for other in of_sort if other["variant"].startswith(RANDOM_LAYERS)]
        (every,) = [other["difference"] for other in of_sort if other["variant"] == ALL_LAYERS] or [None]
        low, high = row["difference_low"], row["difference_high"]
        found = Verdict(
            chosen_gain=_on_validation(search) if row["negatives"] == chosen_by else None,
            gain=row["difference"],
            interval=None if low is None else (low, high),
            as_much=sum(other >= row["difference"] for other in random),
            n_random=len(random),
            chosen="these layers",
            others="random choices of layers",
            judged_on=("validation questions", "test questions"),
        )
        said.append(
            {
                "negatives": row["negatives"],
                "is_chosen_by": row["negatives"] == chosen_by,
                "on_validation": found.chosen_gain,
                "gain": found.gain,
                "gain_low": low,
                "gain_high": high,
                "random_range": [min(random), max(random)] if random else None,
                "all_layers": every,
                "as_much": found.as_much,
                "n_random": found.n_random,
                "gains": found.gains,
                "words": found.words,
            }
        )
    return said


def _on_validation(search: Result) -> float | None:
    """What the strengths gain on the questions that chose them; None where they were given, or 0 was not tried."""
    tried = search.meta["tried"]
    if 0.0 not in tried:
        return None
    accuracy, none = search.arrays["accuracy"], tried.index(0.0)
    attention, mlp = (tried.index(strength) for strength in search.meta["strengths"])
    return float(accuracy[attention, mlp] - accuracy[none, none])


def _some(answers: Answers, chosen: Any) -> Answers:
    return answers._replace(**{name: values[chosen] for name, values in answers._asdict().items()})


def _sorts(questions: Result) -> list[str]:
    sorts = [sort for sort in NEGATIVES if sort in questions.meta["sort"]]
    return sorts or [WHOLE]


def _answers(arrays: Mapping[str, Any]) -> Answers:
    # The predicted token is not stored, only whether it is an answer.
    return Answers(predicted=np.zeros(len(arrays["is_answer"]), dtype=np.int64), **arrays)


def _row(variant: str, sort: str, answers: Answers, plain: Answers, is_present: Any, pictures: Any) -> Row:
    scores = answer_scores(answers, is_present)
    difference = paired_difference(answers.is_answer, plain.is_answer, pictures)
    row: dict[str, Any] = {"variant": variant, "negatives": sort, "n": len(is_present)}
    for name in ("accuracy", "precision", "recall", "yes_ratio"):
        row |= _share(name, getattr(scores, name))
    row |= {"f1": scores.f1, "f1_low": scores.f1_interval.low, "f1_high": scores.f1_interval.high}
    low, high = difference.interval.as_json() or (None, None)
    row |= {"difference": difference.value, "difference_low": low, "difference_high": high}
    return row | {"n_neither": scores.n_neither}


def _share(name: str, share: Share) -> dict[str, float]:
    low, high = share.interval()
    return {name: share.value, f"{name}_low": low, f"{name}_high": high}


def _estimate(name: str, estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval.as_json() or (None, None)
    return {name: estimate.value, f"{name}_low": low, f"{name}_high": high}


def _captions(jobs: InterventionJobs, store: Store, synonyms: Mapping[str, Sequence[str]]) -> list[Row]:
    """One row per variant."""
    if not jobs.captions:
        return []
    stored, questions = store.read(jobs.captions[0].key).meta, store.read(jobs.test.key).meta
    present = stored["objects"]
    names = ObjectNames(questions["object_names"], synonyms)
    rows = []
    for variant in (PLAIN, IRI, VHR):
        texts = stored["captions"][variant]
        measured = chair(texts, present, names)
        row: dict[str, Any] = {"variant": variant, "n": len(texts)}
        for name in ("sentence", "instance"):
            row |= _share(name, getattr(measured, name))
        rows.append(row | _estimate("mention", measured.mention) | _share("recall", measured.recall))
    return rows


def _times(jobs: InterventionJobs, store: Store) -> list[Row]:
    """Seconds per token of every variant, and their ratio to the plain model's."""
    if not jobs.times:
        return []
    job = jobs.times[0]
    by_variant = store.read(job.key).meta["times"]
    plain = by_variant[PLAIN]
    return [
        {
            "variant": name,
            **times,
            "first_ratio": times["first_s"] / plain["first_s"],
            "per_token_ratio": times["per_token_s"] / plain["per_token_s"],
            "repeats": job.settings["repeats"],
            "device": job.settings["device"],
        }
        for name, times in ((name, by_variant[name]) for name in (PLAIN, IRI, VHR))
    ]


def _of_synonyms(synonyms: Synonyms | None) -> list[str]:
    if synonyms is None or not synonyms.left_out:
        return []
    shown = ", ".join(synonyms.left_out[:_LISTED]) + (", ..." if len(synonyms.left_out) > _LISTED else "")
    return [
        f"{len(synonyms.left_out)} lines of synonyms name no object that is annotated ({shown}): whether captions name "
        "these is not judged."
    ]


def _warnings(jobs: InterventionJobs, store: Store, verdicts: Sequence[Row]) -> list[str]:
    search = store.read(jobs.search.key).meta
    if injection_of(jobs.search.settings, search["strengths"]).parts:
        return [
            f"{said['negatives']} negatives: {said['words']}"
            for said in verdicts
            if said["is_chosen_by"] and (not said["gains"] or said["as_much"])
        ]
    if search["tried"] and not any(search["strengths"]):
        return [
            "none of the strengths tried answers more validation questions right than no injection: the injection "
            "changes nothing. Give strengths (--lambda-attention, --lambda-mlp) to see what they do."
        ]
    return ["the injection changes nothing: every strength is 0, or no source comes before a target (see k1, k2)."]
