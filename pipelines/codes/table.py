"""Explained codes as tables for people and as CSV."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

from circuits.quantities import QUANTITIES
from circuits.solved import kept_of_drawn
from pipelines.codes.report import CodeReport
from pipelines.reporting.tables import DASH, Column, Row, measured, print_line, print_table

_ROWS_SHOWN, _TOKENS_SHOWN, _ROLES_SHOWN, _EXAMPLE_SHOWN = 12, 5, 2, 60


def columns_of(report: CodeReport) -> tuple[Column, ...]:
    """The columns of codes.csv. Prompts and tokens are JSON lists; a role is empty if no such prompt has it."""
    roles = dict.fromkeys(role for row in report.rows for role in row["roles"])
    return (
        *map(Column, ("head", "code", "vector")),
        measured("n_positives"),
        Column("prompts", cell=lambda row: json.dumps(row["prompts"])),
        Column("example_prompt", "example.prompt"),
        Column("example_text", "example.text"),
        Column("lens", cell=lambda row: json.dumps(tokens_of(row), ensure_ascii=False)),
        *(_of_role(role, side) for role in roles for side in ("positives", "negatives")),
    )


def _of_role(role: str, side: str) -> Column:
    # A role's name may hold dots, which paths are split at.
    return Column(f"{role}_{side}", cell=lambda row: row["roles"].get(role, {}).get(side))


def print_codes(report: CodeReport) -> None:
    """The codes that most positives show, and the heads that they belong to."""
    shown = sorted(report.rows, key=lambda row: -row["n_positives"])[:_ROWS_SHOWN]
    print_table(
        f"{report.run}: codes that only positives show, trial {report.trial}",
        ("head", "code", QUANTITIES["n_positives"].heading, "promotes", "activates at (negatives)", "example"),
        [_code_cells(row, report.n_positives) for row in shown],
        folds=True,
    )
    if len(shown) < len(report.rows):
        print_line(f"{len(shown)} of {len(report.rows)} codes, those that most positives show; codes.csv has all.")
    if (solved := report.provenance["solved"]) is not None:
        print_line(f"prompts: {kept_of_drawn(solved)}")
    explained = {row["head"] for row in report.rows}
    print_table(
        "information in these heads' codes, all trials",
        (
            *("head", QUANTITIES["score"].heading, "group"),
            f"{QUANTITIES['positive_only_codes'].heading} (by chance)",
            *(QUANTITIES[name].heading for name in ("tells_is_positive", "tells_answer")),
        ),
        [_head_cells(row) for row in report.heads if row["head"] in explained],
        folds=True,
    )
    print_line(
        "By chance: mean with shuffled labels. Information: adjusted mutual information, 0 (by "
        "chance) to 1, mean over trials +- SD. Groups: heads that show such codes on the same prompts. A feature may "
        "be active on negatives without being the strongest there."
    )
    n_showing = sum(row["positive_only_codes"] > 0 for row in report.heads)
    print_line(
        f"{n_showing} of {len(report.heads)} heads show such codes; {report.n_positives} positives, "
        f"{report.n_negatives} negatives."
    )


def _code_cells(row: Row, n_positives: int) -> list[str]:
    example = row["example"]
    text = textwrap.shorten(example["text"], _EXAMPLE_SHOWN, placeholder=" ...")
    of_all = f"{row['n_positives']} of {n_positives}"
    return [row["head"], str(row["code"]), of_all, promoted(row), activates_at(row), f"{example['prompt']}: {text}"]


def _head_cells(row: Row) -> list[str]:
    group = DASH if row["group"] is None else str(row["group"])
    of_chance = f"{row['positive_only_codes']} ({row['by_chance']:.1f})"
    told = [_information_cell(row["tells"][label]) for label in ("is_positive", "answer")]
    return [row["head"], f"{row['score']:z.3g}", group, of_chance, *told]


def tokens_of(row: Row) -> list[str | int]:
    """The tokens that the dictionary vector promotes, as text, or as ids without a tokenizer."""
    return [token["token"] if token["text"] is None else token["text"] for token in row["lens"]]


def _number_or_dash(value: float | None) -> str:
    return DASH if value is None else f"{value:z.2g}"


def promoted(row: Row) -> str:
    """The tokens that a code promotes most."""
    if row["vector"] is None:
        return "(no active feature)"
    return " ".join(map(str, tokens_of(row)[:_TOKENS_SHOWN])) or DASH


def activates_at(row: Row) -> str:
    """The roles with the strongest activations, with means over the positives and over the negatives."""
    known = [(role, sides) for role, sides in row["roles"].items() if sides["positives"] is not None]
    strongest = sorted(known, key=lambda entry: -entry[1]["positives"])[:_ROLES_SHOWN]
    return ", ".join(
        f"{role} {sides['positives']:z.2g} ({_number_or_dash(sides['negatives'])})" for role, sides in strongest
    )


def _information_cell(information: Mapping[str, float | None] | None) -> str:
    if information is None:
        return DASH
    spread = "" if information["adjusted_sd"] is None else f" +- {information['adjusted_sd']:.2f}"
    return f"{information['adjusted']:z.2f}{spread}"
