import pytest

from graphs.figures.sizes import LEAST_TEXT, SIZES, Size, size_from


@pytest.mark.parametrize("name", SIZES)
def test_presets_are_found_by_name_and_their_text_is_read_in_print(name):
    size = size_from(name.upper())
    assert size == SIZES[name]
    assert LEAST_TEXT <= size.small <= size.font <= size.large


@pytest.mark.parametrize("text", ["5.5x4", "5.5 x 4.0", "5.5×4"])
def test_a_width_and_a_height_are_a_size(text):
    assert size_from(text, font=9) == Size(5.5, 4.0, 9)


def test_the_font_of_a_preset_can_be_chosen():
    assert size_from("column", font=8) == Size(SIZES["column"].width, SIZES["column"].height, 8)


@pytest.mark.parametrize("text", ["pagee", "5.5", "5.5x", "x4", "-3x4", "3x-4", "", "nanxinf", "1e3x4"])
def test_what_is_no_size_is_refused_with_the_presets(text):
    with pytest.raises(ValueError, match=r"no size .*column, page, slide.*WIDTHxHEIGHT"):
        size_from(text)


@pytest.mark.parametrize("text", ["0x4", "4x0.5", "5000x4", "4x61"])
def test_sizes_that_no_page_has_are_refused(text):
    with pytest.raises(ValueError, match=r"it takes 1\.5 to 60 inches"):
        size_from(text)


@pytest.mark.parametrize("font", [5.9, 0, -7, 100, float("nan"), float("inf")])
def test_text_too_small_to_read_is_refused(font):
    with pytest.raises(ValueError, match="points"):
        size_from("page", font=font)
