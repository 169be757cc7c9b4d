"""An intervention as tables for reading."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.injection.variants import RANDOM_LAYERS
from circuits.numbers import number_text
from pipelines.intervene.report import Intervention
from pipelines.reporting.tables import DASH, Column, Row, brackets, print_columns, print_line, print_table

_CAPTIONS = (
    Column("variant"),
    Column("n", format="d"),
    *(
        Column(name, cell=lambda row, name=name: _with_ends(row, name))
        for name in ("sentence", "instance", "mention", "recall")
    ),
)
_TIMES = (
    Column("variant"),
    Column("first token", cell=lambda row: f"{1000 * row['first_s']:.1f} ms"),
    Column("per token", cell=lambda row: f"{1000 * row['per_token_s']:.1f} ms"),
    Column("times plain", "per_token_ratio", ".3f"),
)


def print_intervention(intervention: Intervention) -> None:
    """Answers by variant and sort of negatives, captions, and times."""
    settings = intervention.settings
    for part, strength in (("attention", "lambda_attention"), ("mlp", "lambda_mlp")):
        read, changed = (_layers(settings[name].get(part, [])) for name in ("read", "changed"))
        print_line(f"{part}: lambda {settings[strength]:g}, from layers {read} into {changed}")
    _print_answers(intervention)
    if intervention.captions:
        print_columns("captions (CHAIR)", _CAPTIONS, intervention.captions)
        words = f"{intervention.n_synonyms} synonyms" if intervention.n_synonyms else "no synonyms (see --synonyms)"
        print_line(
            "sentence: captions that name an absent object; instance: absent ones of the objects named, once per "
            "caption; mention: of all mentions, as COCO's script counts; recall: present objects that are named. Words "
            f"for an object: its name and {words}."
        )
    if intervention.times:
        print_columns(f"time, medians, {intervention.times[0]['device']}", _TIMES, intervention.times)
    for name, why in intervention.dropped.items():
        print_line(f"left out: {name}, {why}")


def _print_answers(intervention: Intervention) -> None:
    """A row per variant, a column per sort of negatives: the plain accuracy, and the others' differences from it."""
    sorts = list(dict.fromkeys(row["negatives"] for row in intervention.rows))
    cells = []
    for variant in dict.fromkeys(row["variant"] for row in intervention.rows):
        if variant.startswith(RANDOM_LAYERS):
            continue
        rows = [row for row in intervention.rows if row["variant"] == variant]
        shown, sign = ("accuracy", "") if variant == "plain" else ("difference", "+")
        answers = [_with_ends(row, shown, sign=sign) for row in rows]
        cells.append([variant, *answers, f"{rows[-1]['yes_ratio']:.1%}"])
    if any(said["n_random"] for said in intervention.verdicts):
        spans = [_percent_range(said["random_range"]) for said in intervention.verdicts]
        cells.append([f"random layers ({intervention.verdicts[0]['n_random']})", *spans, DASH])
    n = intervention.rows[0]["n"]
    title = f"accuracy in %, and accuracy minus plain, by sort of negatives ({n} questions each)"
    print_table(title, ["", *sorts, f"yes, {sorts[-1]}"], cells, folds=True)
    print_line(
        "In brackets: 95 % intervals, Wilson's of accuracy and captions, t over images of differences and mentions. "
        "Random layers: as many sources and targets with the same weights, least to most. all-layers: from every layer "
        "that helps into every later one."
    )
    for said in intervention.verdicts:
        print_line(f"Verdict ({said['negatives']} negatives): {said['words']}")
    if (threshold := intervention.settings["threshold"]) is not None:
        print_line(
            f"threshold: yes where its logit exceeds that of no by more than {threshold:z.2f}, chosen "
            "on the validation questions; an intervention has to do better."
        )


def _percent_range(span: Sequence[float]) -> str:
    """The least and the most of several differences."""
    return " to ".join(number_text(100 * end, "+.1f") for end in span)


def _layers(layers: list[int]) -> str:
    return ", ".join(map(str, layers)) or "none"


def _with_ends(row: Row, name: str, *, sign: str = "") -> str:
    value, *ends = (None if row[key] is None else 100 * row[key] for key in (name, f"{name}_low", f"{name}_high"))
    return f"{number_text(value, f'{sign}.1f')} {brackets(ends, f'{sign}.1f')}"
