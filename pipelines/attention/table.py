"""Where heads attend, as text: the row of one token over the words of the prompt."""

from __future__ import annotations

from circuits.numbers import count_text
from pipelines.attention.report import AttentionReport
from pipelines.reporting.tables import Column, brackets, print_line, print_table

COLUMNS = (*map(Column, ("head", "query", "key")), Column("mean", interval="interval"), Column("n_prompts"))
_MOST, _BAR = 6, 20
_BLOCKS = " ▏▎▍▌▋▊▉█"


def print_attention(report: AttentionReport) -> None:
    """The tokens that the row attends to most, each with a bar; below them the mean by role over prompts."""
    about = report.about
    tokens, roles = about["tokens"], about["token_roles"]
    named = {at: role for role, positions in roles.items() for at in positions}
    row = roles[about["row"]][-1]
    print_line(about["text"])
    cells = []
    for head, weights in zip(about["heads"], report.weights, strict=True):
        largest = sorted(range(row + 1), key=lambda key: -weights[row, key])[:_MOST]
        for number, key in enumerate(largest):
            share = float(weights[row, key])
            shown = [head if number == 0 else "", visible(tokens[key]), str(key), named.get(key, ""), f"{share:.2f}"]
            cells.append([*shown, bar(share)])
    title = f"{about['model']}, prompt {about['prompt']} of {about['task']}: row {about['row']} (token {row})"
    print_table(title, ("head", "attends to", "token", "role", "share", ""), cells)
    for head in about["heads"]:
        own = [one for one in report.rows if (one["head"], one["query"]) == (head, about["row"])]
        said = (f"{one['key']} {one['mean']:.2f} {brackets(one['interval'], '.2f')}" for one in own)
        print_line(f"{head}, mean over {count_text(about['n_prompts'], 'prompt')}: {', '.join(said)}")
    if report.more_prompts:
        numbers = ", ".join(str(one["prompt"]) for one in report.more_prompts)
        print_line(f"attention.json has the patterns on prompts {numbers} too: pages let their reader choose.")
    print_line("In brackets: 95 % t intervals over prompts. Attention is not use: effects decide (circuits roles).")


def visible(token: str) -> str:
    """A token with its leading space and line ends visible."""
    return token.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥") or "∅"


def bar(share: float) -> str:
    """A share as a bar of blocks."""
    eighths = round(share * _BAR * 8)
    return _BLOCKS[-1] * (eighths // 8) + _BLOCKS[eighths % 8].strip()
