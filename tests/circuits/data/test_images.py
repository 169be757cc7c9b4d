"""Pictures: identified by their pixels alone, and what cannot be read is refused with the reason."""

from __future__ import annotations

import dataclasses
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as Images

from circuits.data.images import Picture
from tests.faults.images import png

# Formats that keep every pixel as it is.
LOSSLESS = ("PNG", "BMP", "TIFF", "PPM")


def drawn(seed: int = 0, rows: int = 9, columns: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def written(pixels: np.ndarray, file_format: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Images.fromarray(pixels).save(stream, format=file_format)
    return stream.getvalue()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
def test_pixels_come_back_as_they_were_given(pixels):
    picture = Picture.from_pixels(pixels)
    np.testing.assert_array_equal(picture.pixels(), pixels)
    assert Picture.from_bytes(picture.data) == picture


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_a_file_is_the_picture_that_it_shows(file_format, tmp_path):
    pixels, path = drawn(), tmp_path / "picture"
    path.write_bytes(written(pixels, file_format))
    picture = Picture.from_file(path)
    np.testing.assert_array_equal(picture.pixels(), pixels)
    assert picture.data == path.read_bytes()


def test_the_fingerprint_is_that_of_the_pixels_in_any_format():
    pixels = drawn()
    pictures = {Picture.from_bytes(written(pixels, name)) for name in LOSSLESS} | {Picture.from_pixels(pixels)}
    assert len(pictures) == 1
    assert re.fullmatch("[0-9a-f]{16}", pictures.pop().fingerprint)


def test_one_level_of_one_channel_makes_another_picture():
    pixels = drawn()
    other = pixels.copy()
    other[3, 2, 1] ^= 1
    assert Picture.from_pixels(pixels) != Picture.from_pixels(other)


def test_the_same_bytes_in_another_shape_are_another_picture():
    row = np.zeros((1, 6, 3), dtype=np.uint8)
    fingerprints = {Picture.from_pixels(row.reshape(shape)).fingerprint for shape in ((1, 6, 3), (6, 1, 3), (2, 3, 3))}
    assert len(fingerprints) == 3


def test_an_array_that_is_not_laid_out_row_by_row_is_the_same_picture():
    pixels = drawn()
    turned = np.asfortranarray(pixels)
    assert Picture.from_pixels(turned) == Picture.from_pixels(pixels) == Picture.from_pixels(pixels[::-1][::-1])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_every_kind_of_pixel_is_read_as_red_green_and_blue(mode):
    image = Images.fromarray(drawn()).convert(mode)
    stream = io.BytesIO()
    image.save(stream, format="TIFF" if mode == "CMYK" else "PNG")
    pixels = Picture.from_bytes(stream.getvalue()).pixels()
    assert (pixels.shape, pixels.dtype) == ((9, 7, 3), np.uint8)
    np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("data", [b"", b"a text, and no image", b"\x89PNG\r\n\x1a\n", bytes(1000)], ids=range(4))
def test_bytes_that_are_no_image_are_named(data, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"cat\.png is no image that can be read, or is cut short") as caught:
        Picture.from_file(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")
@pytest.mark.parametrize("file_format", [*LOSSLESS, "JPEG", "GIF", "WEBP"])
def test_a_file_cut_short_anywhere_is_refused_or_still_shows_the_whole_picture(file_format):
    data = written(drawn(rows=20, columns=24), file_format)
    whole = Picture.from_bytes(data)
    assert Picture.from_bytes(data) == whole
    n_refused = 0
    for stop in range(0, len(data), 7):
        try:
            assert Picture.from_bytes(data[:stop]) == whole, f"{stop} of {len(data)} bytes show another picture"
        except ValueError:
            n_refused += 1
    assert n_refused > 0.9 * len(data) / 7


def test_a_missing_file_and_a_folder_are_refused_with_their_path(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read the image .*nowhere\.png: No such file"):
        Picture.from_file(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match=r"cannot read the image .*: it is a folder, not a file"):
        Picture.from_file(tmp_path)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((4, 4, 3), dtype=np.float32), r"float32 of shape \(4, 4, 3\)"),
        (np.zeros((4, 4), dtype=np.uint8), r"uint8 of shape \(4, 4\)"),
        (np.zeros((4, 4, 4), dtype=np.uint8), r"uint8 of shape \(4, 4, 4\)"),
        (np.zeros((3, 4, 5), dtype=np.uint8), r"uint8 of shape \(3, 4, 5\)"),
        (np.zeros((0, 4, 3), dtype=np.uint8), r"uint8 of shape \(0, 4, 3\)"),
        (np.zeros((2, 4, 4, 3), dtype=np.uint8), r"uint8 of shape \(2, 4, 4, 3\)"),
    ],
)
def test_other_arrays_are_refused_with_what_was_found_and_expected(pixels, said):
    with pytest.raises(ValueError, match=said + r", expected uint8 of shape \(rows, columns, 3\)"):
        Picture.from_pixels(pixels)


def test_a_picture_known_by_its_fingerprint_only_is_the_same_picture_and_has_no_pixels():
    picture = Picture.from_pixels(drawn())
    known = Picture(picture.fingerprint)
    assert known == picture
    assert hash(known) == hash(picture)
    with pytest.raises(ValueError, match=f"{picture.fingerprint} is known by its fingerprint only.*prompts again"):
        known.pixels()


def test_a_picture_is_shown_by_its_fingerprint_alone():
    picture = Picture.from_pixels(drawn())
    assert repr(picture) == f"Picture(fingerprint='{picture.fingerprint}')"
    with pytest.raises(dataclasses.FrozenInstanceError):
        picture.fingerprint = "another"  # pyright: ignore[reportAttributeAccessIssue]


def test_pixels_of_sixteen_bits_are_refused_rather_than_cut_off(tmp_path):
    from PIL import Image

    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png has more than 8 bits a pixel"):
        Picture.from_file(tmp_path / "deep.png")


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    from PIL import Image

    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    upright = Picture.from_file(tmp_path / "turned.png").pixels()
    assert upright.shape == (32, 16, 3)
    assert (upright[:16] == 255).all()
    assert (upright[16:] == 0).all()


def test_colors_of_sixteen_bits_are_refused_too():
    with pytest.raises(ValueError, match="more than 8 bits a pixel"):
        Picture.from_bytes(png(2, 2, (b"\0" + bytes(range(12))) * 2, bits=16))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_a_file_of_several_images_is_refused(form):
    first, *others = (Images.fromarray(drawn(seed)) for seed in range(3))
    stream = io.BytesIO()
    first.save(stream, form, save_all=True, append_images=others)
    with pytest.raises(ValueError, match="holds 3 images, and one is asked about"):
        Picture.from_bytes(stream.getvalue())


@pytest.mark.parametrize(("lowest", "is_read"), [(255, True), (254, False), (0, False)])
def test_pixels_behind_which_something_lies_are_refused(lowest, is_read):
    pixels = drawn()
    alpha = np.full(pixels.shape[:2], 255, dtype=np.uint8)
    alpha[3, 4] = lowest
    data = written(np.dstack([pixels, alpha]))
    if is_read:
        np.testing.assert_array_equal(Picture.from_bytes(data).pixels(), pixels)
    else:
        with pytest.raises(ValueError, match="transparent pixels"):
            Picture.from_bytes(data)


def test_more_pixels_than_memory_holds_are_refused_before_they_are_read():
    with pytest.raises(ValueError, match=r"more than the 89,478,485 pixels .* save it smaller"):
        Picture.from_bytes(png(10_000, 10_000))


def test_a_program_is_no_image():
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    with pytest.raises(ValueError, match="no image that can be read"):
        Picture.from_bytes(program)
