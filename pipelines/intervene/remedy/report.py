"""What a remedy does, from stored results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from circuits.evaluation.edit_effects import EditValues
from circuits.remedies.choice import verdict
from pipelines.engine.result_file import Result
from pipelines.intervene.edit_stages import values_from
from pipelines.intervene.edited_jobs import described_prompts
from pipelines.intervene.effect_rows import effect_rows
from pipelines.intervene.remedy.plan import RemedyPlan
from pipelines.intervene.remedy.stages import RANDOM, SET, gains, remedy_of
from pipelines.reporting.report import Format, Report
from pipelines.reporting.tables import Row
from pipelines.runs.codec import prompts_from


@dataclass(frozen=True, kw_only=True)
class RemedyReport(Report):
    """What a remedy does to a task.

    settings  what was asked; `remedy` and its settings, and how many prompts choose and judge
    edit      what is done to each head, as it is written and in words
    helped    heads tried alone: how many gain anything on the prompts that choose, at each strength; or empty
    ranking   every head with what it was ranked by on those prompts, the first first
    choosing  rows of those prompts: the plain model, and the sets that were tried at each strength
    rows      rows of the prompts that judge: the plain model, sets, and all heads (`variant` is `plain`, `set`, `all`),
              each set with `random`, the range over other heads of the same layers, and `random.n_shared`, how many of
              the heads the two have in common at most
    verdict   of the chosen set; None of a masking curve, which chooses none

    >>> from pipelines import try_remedy
    >>> result = try_remedy("mask-heads", "induction", by="induction:1,4", prompts=8, random=1)
    >>> result.ranking[0]["head"], result.verdict, result.content()["settings"]["remedy"]
    ('a1.h2', None, 'mask-heads')
    """

    format = Format("circuit-workbench-remedy", 1)
    settings: Mapping[str, Any]
    edit: Row
    chance: float
    helped: tuple[Row, ...]
    ranking: tuple[Row, ...]
    choosing: tuple[Row, ...]
    rows: tuple[Row, ...]
    verdict: Row | None

    def content(self) -> dict[str, Any]:
        return {
            "settings": dict(self.settings),
            "edit": dict(self.edit),
            "chance": self.chance,
            "helped": list(self.helped),
            "ranking": list(self.ranking),
            "choosing": list(self.choosing),
            "rows": list(self.rows),
            "verdict": self.verdict,
            "warnings": list(self.warnings),
        }


def report(plan: RemedyPlan) -> RemedyReport:
    """What the stored results of a plan say."""
    store, asked = plan.store, plan.settings
    prompts = prompts_from(store.read(plan.first.prompts.key))
    checked, tried = store.read(plan.checked.key).meta, store.read(plan.chosen.key)
    judged = [store.read(job.key) for job in plan.judged]
    strength, variants = judged[0].meta["strength"], judged[0].meta["variants"]
    chosen = None if tried.meta["chosen"] is None else tried.meta["tried"][tried.meta["chosen"]]["heads"]
    values = values_from(judged)
    rows = [_with_shared(row, strength, chosen) for row in effect_rows(values, variants)]
    remedy = remedy_of({"remedy": plan.remedy._asdict()})
    edits = remedy.edits(strength)
    said = None if chosen is None else _verdict(tried, values, variants, chosen, asked.gain)
    ranked = tried.meta["ranked_by" if remedy.is_ranked else "alone"]
    settings = described_prompts(asked.run_config()) | {
        "model_fingerprint": plan.first.ran["model"],
        "remedy": plan.remedy.name,
        **{key: value for key, value in plan.remedy.settings.items() if key not in ("task", "model")},
        "sizes": list(asked.sizes),
        "gain": asked.gain,
        "find": asked.find,
        "random": asked.random,
        "strength": strength,
        "n_choosing": plan.halves[0].n_prompts,
        "n_judging": plan.halves[1].n_prompts,
    }
    return RemedyReport(
        folder=plan.folder,
        warnings=(*prompts.warnings, *checked["warnings"], *_of_random(rows, asked.random), *_of_choice(said, tried)),
        settings=settings,
        edit={"edit": "; ".join(e.text for e in edits), "description": "; ".join(e.description for e in edits)},
        chance=prompts.chance,
        helped=tuple(tried.meta.get("helped", ())),
        ranking=tuple(
            {"head": head, "value": value} for head, value in sorted(ranked.items(), key=lambda pair: -pair[1])
        ),
        choosing=tuple(_of_choosing(tried)),
        rows=tuple(rows),
        verdict=said,
    )


def _of_choosing(tried: Result) -> list[Row]:
    """The plain model and every set that was tried, on the prompts that choose."""
    values = EditValues(*(tried.arrays[name] for name in EditValues._fields))
    listed = tried.meta["tried"]
    plain, *rows = effect_rows(values, [{"sort": SET, "heads": own["heads"], "of": None} for own in listed])
    of_sets = [
        {**row, "strength": own["strength"], "is_chosen": number == tried.meta["chosen"]}
        for number, (row, own) in enumerate(zip(rows, listed, strict=True))
    ]
    return [{**plain, "strength": None, "is_chosen": False}, *of_sets]


def _with_shared(row: Row, strength: float, chosen: list[str] | None) -> Row:
    """A row of the prompts that judge, with its strength and what it has in common with its random sets."""
    heads = row["heads"]
    of_row = {**row, "n_heads": len(heads), "strength": strength if heads else None, "is_chosen": False}
    if row["variant"] != SET:
        return {**of_row, "random": {"n": 0}}
    shared = max((len(set(heads) & set(others)) for others in row["random_sets"]), default=0)
    return {**of_row, "random": {**row["random"], "n_shared": shared}, "is_chosen": heads == chosen}


def _verdict(tried: Result, values: EditValues, variants: list[Row], chosen: list[str], gain: str) -> Row:
    """What the prompts that judge say of the chosen set."""
    choosing = gains(EditValues(*(tried.arrays[name] for name in EditValues._fields)), gain)
    judging = gains(values, gain)
    number = next(n for n, own in enumerate(variants) if own["sort"] == SET and own["heads"] == chosen)
    others = [
        float(judging[n].mean()) for n, own in enumerate(variants) if own["sort"] == RANDOM and own["of"] == number
    ]
    found = verdict(float(choosing[tried.meta["chosen"]].mean()), judging[number], others)
    return {**asdict(found), "gains": found.gains, "words": found.words, "of": gain}


def _of_choice(said: Row | None, tried: Result) -> list[str]:
    """A warning where the choice is not borne out, or where there was nothing to choose."""
    if said is None:
        return []
    helped = tried.meta.get("helped", ())
    none = ["no head gains anything on the prompts that choose: the first of the ranking was taken."]
    return [*(none if helped and not any(own["n_helped"] for own in helped) else []), *_unless_gain(said)]


def _unless_gain(said: Row) -> list[str]:
    return [] if said["gains"] and not said["as_much"] else [str(said["words"])]


def _of_random(rows: list[Row], n: int) -> list[str]:
    """A warning where there is no other set to compare with, or one that shares heads."""
    sets = [row for row in rows if row["variant"] == SET and n]
    lacking = [str(row["n_heads"]) for row in sets if not row["random"]["n"]]
    shared = [f"{row['random']['n_shared']} of {row['n_heads']}" for row in sets if row["random"].get("n_shared")]
    none = f"there are no other heads of the same layers to compare {', '.join(lacking)} heads with."
    some = f"layers have too few other heads: random sets share up to {', '.join(shared)} heads with the set."
    return [*([none] if lacking else []), *([some] if shared else [])]
