"""Heads by stage: which are shared by the same stage, which are found elsewhere, and which stage found none."""

from matplotlib.colors import to_hex

from graphs.figures.stage_columns import StageColumns, draw_stage_columns, stage_columns_bytes

SHOWN = StageColumns(
    ("movers", "inhibition", "induction"),
    {
        "ioi": {"movers": ["a3.h0", "a3.h1"], "inhibition": ["a1.h0"], "induction": []},
        "colored-objects": {"movers": ["a3.h0", "a1.h0"], "inhibition": ["a2.h2"]},
    },
    "reference",
)


def test_heads_are_marked_by_who_else_found_them():
    axes = draw_stage_columns(SHOWN).axes[0]
    edges = [to_hex(patch.get_edgecolor()) for patch in axes.patches]
    shared, elsewhere, alone = "#0072b2", "#d55e00", "#8a8a8a"
    # by stage, then by task: a3.h0 is a mover of both, a1.h0 a mover of one and an inhibition head of the other
    assert edges == [shared, alone, shared, elsewhere, elsewhere, alone]


def test_the_caption_explains_the_marks_that_are_there():
    alone = StageColumns(("movers",), {"ioi": {"movers": ["a3.h0"]}}, "reference")
    of_both, of_one = (" ".join(t.get_text() for t in draw_stage_columns(one).axes[0].texts) for one in (SHOWN, alone))
    assert "Filled:" in of_both
    assert "Framed in orange:" in of_both
    assert "strongest first." in of_one
    assert "Filled:" not in of_one
    assert "Framed in orange:" not in of_one


def test_a_stage_without_heads_is_told_from_one_that_was_not_searched():
    texts = [text.get_text() for text in draw_stage_columns(SHOWN).axes[0].texts]
    assert (texts.count("none found"), texts.count("not searched")) == (1, 1)
    assert stage_columns_bytes(SHOWN, "pdf") == stage_columns_bytes(SHOWN, "pdf")
