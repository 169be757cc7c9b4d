"""What a model says with a concept added while it generates, from stored results: how texts change by strength."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from circuits.arrays import Numbers
from circuits.data.answers import Answer, tokens_of
from circuits.data.prompts import PromptSet
from circuits.intervals import Share, t_interval
from circuits.numbers import count_text
from pipelines.engine.result_file import Result
from pipelines.reporting.tables import Column, Row, brackets, print_columns, print_line, value_at
from pipelines.runs.codec import join_prompts

_TEXTS = 4  # prompts whose texts are kept
_SHARES = {"changed": "texts changed", "says_answer": "says an answer", "says_wrong": "says a wrong answer"}


def generated_rows(results: Sequence[Result], prompts: PromptSet, strengths: Sequence[float]) -> tuple[Row, ...]:
    """A row for the plain model, whose `strength` is None, and one per strength; empty where nothing was generated.

    changed                   share of prompts after which another token than the plain model's is said
    says_answer, says_wrong   share of prompts after which an answer, or a wrong one, is among the tokens
    same_tokens               how many tokens are the plain model's before the first other one, mean
    random                    mean and range of each over random vectors of the same norm
    """
    if not results:
        return ()
    said, variants = join_prompts(results, "tokens"), results[0].meta["variants"]
    measured = [_measured(own, said[0], prompts) for own in said]
    rows = [_row(None, measured[0], [])]
    for strength in strengths:
        drawn = [measured[1 + at] for at, (of, draw) in enumerate(variants) if of == strength and draw is not None]
        rows.append(_row(strength, measured[1 + variants.index([strength, None])], drawn))
    return tuple(rows)


def texts_of(results: Sequence[Result]) -> tuple[Row, ...]:
    """For the first prompts: the `prompt`, and `texts`, what each strength makes of what follows; `plain` first."""
    rows = [row for result in results for row in result.meta["texts"]]
    return tuple(row | {"texts": dict(sorted(row["texts"].items(), key=_place))} for row in rows[:_TEXTS])


def _place(item: tuple[str, str]) -> float:
    """By strength; the plain model before all."""
    return -math.inf if item[0] == "plain" else float(item[0])


def _measured(own: Numbers, plain: Numbers, prompts: PromptSet) -> Mapping[str, Any]:
    """[prompt] of every number, from tokens [token, prompt]."""
    same = np.cumprod(own == plain, axis=0).sum(axis=0)
    texts = [tuple(column.tolist()) for column in own.T]
    return {
        "changed": same < len(own),
        "same_tokens": same.astype(np.float64),
        "says_answer": np.array([_says(text, one.answers) for text, one in zip(texts, prompts, strict=True)]),
        "says_wrong": np.array([_says(text, one.wrong_answers) for text, one in zip(texts, prompts, strict=True)]),
    }


def _says(text: tuple[int, ...], answers: Sequence[Answer]) -> bool:
    """Whether the tokens of an answer are said one after the other."""
    every = [tokens_of(answer) for answer in answers]
    return any(text[start : start + len(own)] == own for own in every for start in range(len(text)))


def _row(strength: float | None, measured: Mapping[str, Any], drawn: Sequence[Mapping[str, Any]]) -> Row:
    row: dict[str, Any] = {"strength": strength}
    for name in _SHARES:
        share = Share(int(measured[name].sum()), len(measured[name]))
        row |= {name: share.value, f"{name}_interval": share.interval().as_json()}
    same = measured["same_tokens"]
    row |= {"same_tokens": float(same.mean()), "same_tokens_interval": t_interval(same).item().as_json()}
    means = {name: [float(own[name].mean()) for own in drawn] for name in (*_SHARES, "same_tokens")}
    spans = {
        name: {"mean": sum(values) / len(values), "range": [min(values), max(values)]} if values else None
        for name, values in means.items()
    }
    return row | {"random": {"n": len(drawn), **spans}}


def _with_random(row: Row, name: str, spec: str) -> str:
    own = Column(name, format=spec, interval=f"{name}_interval").text(row)
    span = value_at(row, f"random.{name}.range")
    return own if span is None else f"{own}\nrandom {brackets(span, spec)[1:-1].replace(', ', ' to ')}"


_COLUMNS = (
    Column("strength", cell=lambda row: "plain" if row["strength"] is None else f"{row['strength']:g}"),
    *(Column(heading, cell=lambda row, name=name: _with_random(row, name, ".0%")) for name, heading in _SHARES.items()),
    Column("tokens as before", cell=lambda row: _with_random(row, "same_tokens", ".1f")),
)
FOR_FILES = (
    Column("strength"),
    *(Column(name, interval=f"{name}_interval") for name in (*_SHARES, "same_tokens")),
    Column("random_vectors", "random.n"),
    *(
        Column(
            f"random_{name}_{end}",
            cell=lambda row, name=name, end=end: (value_at(row, f"random.{name}.range") or (None, None))[end == "max"],
        )
        for name in (*_SHARES, "same_tokens")
        for end in ("min", "max")
    ),
)


def print_generated(rows: Sequence[Row], texts: Sequence[Row], n_tokens: int) -> None:
    """A row per strength, and what is said after the first prompt."""
    print_columns(f"{count_text(n_tokens, 'token')} generated with the vector added", _COLUMNS, rows)
    print_line(
        "Changed: another token is said somewhere; tokens as before: up to the first other one. An answer is said "
        "where its tokens are among those generated. Random: the same of random vectors of equal norm, least to most."
    )
    print_line(f"After {texts[0]['prompt']!r}:")
    for name, text in texts[0]["texts"].items():
        print_line(f"{name}: {text!r}")
