"""The files of `circuits attention`.

attention.json          everything
attention.csv           a line per head, role and role
attention.pdf, .svg     the patterns on the prompt shown; left out where it has more tokens than a page holds
by_role.pdf, .svg       means over prompts, from role to role
"""

from __future__ import annotations

from circuits.numbers import count_text
from graphs.figures.attention_pattern import MOST_TOKENS, AttentionPatterns, HeadPattern, attention_figure_bytes
from pipelines.attention.plan import AttentionPlan
from pipelines.attention.report import AttentionReport
from pipelines.attention.table import COLUMNS, visible
from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv


def files(plan: AttentionPlan, report: AttentionReport) -> dict[str, bytes]:
    """Numbers and figures."""
    kept = {"attention.json": as_json(report.to_dict()), "attention.csv": as_csv(report.rows, COLUMNS)}
    figures = {"by_role": of_roles(report)}
    if len(report.about["tokens"]) <= MOST_TOKENS:
        figures["attention"] = of_prompt(report)
    return kept | {
        f"{name}.{kind}": attention_figure_bytes(shown, kind)
        for name, shown in figures.items()
        for kind in ("pdf", "svg")
    }


def of_prompt(report: AttentionReport) -> AttentionPatterns:
    """The figure of the prompt shown."""
    about = report.about
    tokens = tuple(map(visible, about["tokens"]))
    patterns = tuple(HeadPattern(*own) for own in zip(about["heads"], report.weights, strict=True))
    return AttentionPatterns(
        patterns,
        tokens,
        tokens,
        "Attention on a prompt",
        f"{about['model']}, prompt {about['prompt']} of {about['task']}",
        f"Each row adds up to 1: from white, no attention, to dark blue, all of it. Bold: {about['row']}.",
        tuple(about["token_roles"][about["row"]]),
    )


def of_roles(report: AttentionReport) -> AttentionPatterns:
    """The figure of means by role."""
    about = report.about
    roles = tuple(about["roles"])
    return AttentionPatterns(
        tuple(HeadPattern(*own) for own in zip(about["heads"], report.means, strict=True)),
        roles,
        roles,
        "Attention by role",
        f"{about['model']} on {about['task']}, mean over {count_text(about['n_prompts'], 'prompt')}",
        "What tokens of a role (rows) give to all tokens of another (columns), from white, 0, to dark blue, 1. Rows do "
        "not add up to 1: other tokens get the rest. Gray: no prompt has both.",
    )
