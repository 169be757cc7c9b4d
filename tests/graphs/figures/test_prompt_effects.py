"""Effects by prompt: as many dots as prompts, where their effects are, and the mean with its interval."""

from typing import Any

import numpy as np
import pytest

from graphs.figures.fit import Room
from graphs.figures.palette import OPPOSES, SUPPORTS
from graphs.figures.prompt_effects import PromptEffectRows, PromptEffects, draw_prompt_effects, prompt_effects_bytes


def rows(*effects: Any) -> PromptEffectRows:
    made = (PromptEffects(f"e{n}", np.array(own, dtype=float), (0.5, 1.5)) for n, own in enumerate(effects))
    return PromptEffectRows(tuple(made), "logit difference", "Effects", "ioi")


def dots(shown: PromptEffectRows, color: str) -> list[tuple[float, float]]:
    found: list[Any] = [line for line in draw_prompt_effects(shown).axes[0].lines if line.get_marker() == "o"]
    return [(x, y) for line in found if line.get_color() == color for x, y in zip(*line.get_data(), strict=True)]


def test_a_dot_is_a_prompt_and_equal_effects_are_a_heap():
    shown = rows([1.0, 1.0, 1.0, 3.0, -1.0])
    supporting, (opposing,) = dots(shown, SUPPORTS), dots(shown, OPPOSES)
    assert len(supporting) == 4
    heap, alone = supporting[:3], supporting[3]
    assert len({x for x, _ in heap}) == 1
    assert len({y for _, y in heap}) == 3
    assert alone[0] - heap[0][0] == pytest.approx(heap[0][0] - opposing[0], abs=0.11)  # by the width of two dots


def test_the_text_names_the_colors_of_the_dots_that_are_there():
    def said(*effects: float) -> str:
        return " ".join(text.get_text() for text in draw_prompt_effects(rows(effects)).axes[0].texts)

    assert "A dot is a prompt, orange where the part supports the behavior. Black:" in said(1.0, 2.0)
    assert "A dot is a prompt, blue where it works against it. Black:" in said(-1.0, -2.0)
    both = said(1.0, -2.0)
    assert "orange where the part supports the behavior, blue where it works against it. Black:" in both


@pytest.mark.parametrize("alike", [6, 18, 32])
def test_of_few_prompts_each_has_a_dot_and_heaps_make_their_rows_higher(alike: int):
    shown = rows([1.0] * alike + [2.0], [0.5, 2.0])
    drawn = dots(shown, SUPPORTS)
    assert len(drawn) == alike + 1 + 2
    assert len(set(drawn)) == len(drawn)
    highest = max(y for _, y in drawn)
    figure = draw_prompt_effects(shown)
    of_row = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    assert of_row["e1"] < of_row["e0"] < highest < figure.get_figheight() - 0.4
    assert "A dot is a prompt," in " ".join(of_row)


def test_a_room_too_low_for_single_dots_has_all_rows_with_several_prompts_a_dot():
    shown = rows(*[[1.0] * 20 + [2.0]] * 4)
    high, low = (draw_prompt_effects(shown, Room(6.4, height)) for height in (60.0, 4.0))
    assert high.get_figheight() > 4 >= low.get_figheight()
    texts = " ".join(text.get_text() for text in low.axes[0].texts)
    assert "A dot is up to 4 prompts" in texts
    assert "No room" not in texts


def test_of_many_alike_prompts_a_dot_stands_for_several_and_the_figure_says_so():
    shown = rows([1.0] * 100 + [2.0])
    assert 2 <= len(dots(shown, SUPPORTS)) <= 7
    texts = " ".join(text.get_text() for text in draw_prompt_effects(shown).axes[0].texts)
    assert "A dot is up to 20 prompts" in texts
    assert "100% > 0" in texts


def test_rows_that_have_no_room_are_counted():
    shown = rows(*([float(n), 1.0] for n in range(9)))
    figure = draw_prompt_effects(shown, Room(3.4, 3.4))
    assert figure.get_size_inches()[1] <= 3.4
    assert any(text.get_text().startswith("No room for") for text in figure.axes[0].texts)
    assert prompt_effects_bytes(shown, "svg") == prompt_effects_bytes(shown, "svg")
