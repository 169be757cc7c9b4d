"""Patterns of heads as figures: every token is there to be read, the same table gives the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from graphs.figures.attention_pattern import (
    MOST_TOKENS,
    AttentionPatterns,
    HeadPattern,
    attention_figure_bytes,
    draw_attention,
)
from graphs.figures.canvas import MARGIN


def shown(n_tokens: int, n_heads: int = 2) -> AttentionPatterns:
    weights = np.tril(np.ones((n_tokens, n_tokens)))
    weights /= weights.sum(1, keepdims=True)
    tokens = tuple(f"tok{number}" for number in range(n_tokens))
    patterns = tuple(HeadPattern(f"a0.h{number}", weights, "mover") for number in range(n_heads))
    return AttentionPatterns(patterns, tokens, tokens, "Attention", "a model", "What it means.", (n_tokens - 1,))


def test_every_token_stands_at_its_row_and_column_and_no_line_covers_another():
    figure = draw_attention(shown(MOST_TOKENS, n_heads=1))
    (axes,) = figure.axes
    at = [text.get_position() for text in axes.texts if text.get_text() == "tok7"]
    assert len(at) == 2
    rows = sorted({round(text.get_position()[1], 4) for text in axes.texts if text.get_text().startswith("tok")})[:-1]
    assert min(np.diff(rows)) >= 0.1  # inches: a line of 6.5 points is 0.09
    assert all(MARGIN <= x <= figure.get_figwidth() - MARGIN for x, _ in at)
    assert figure.get_figwidth() <= 7.8


def test_cells_are_dark_where_attention_is(tmp_path):
    table = shown(3, n_heads=1)
    eye = AttentionPatterns((HeadPattern("a0.h0", np.eye(3)),), ("x", "y", "z"), ("x", "y", "z"), "t", "s", "c")
    (axes,) = draw_attention(eye).axes
    colors = np.array([patch.get_facecolor()[:3] for patch in axes.patches[:9]])
    dark = np.flatnonzero(colors.sum(axis=1) < 2).tolist()
    assert dark == [0, 4, 8]
    assert attention_figure_bytes(table, "svg") == attention_figure_bytes(table, "svg")
    assert b"a0.h0 (mover)" in attention_figure_bytes(table, "svg")


def test_a_prompt_that_cannot_be_read_on_a_page_is_refused():
    with pytest.raises(ValueError, match="cannot be read on one page"):
        draw_attention(shown(MOST_TOKENS + 1))
