"""Bad images, in questions about them: cut short, no image at all, bombs, more than pixels, names and annotations."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from circuits.data.images import Picture
from tests.faults.environments import without_power
from tests.faults.sound import Sound
from tests.faults.trial import Trial

KIND = "images"
_SIDE, _N_DAMAGED = 64, 40
_FILE = "0.png"
_MODEL = "reference-vlm"
_KIND = "red circle"


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them. The bundled model that sees images is asked, as none of the sound ones does."""
    del sound
    for name, data in _bad().items():
        yield _of_data(name, data)
    for name, (data, pixels) in _right().items():
        yield _of_data(name, data, expects="restored", pixels=pixels)
    for name, make in SPECIAL.items():
        yield _trial(name, lambda folder, make=make: make(folder / "images" / _FILE), names=(_FILE,))
    yield from _named()
    yield from _questions()
    yield from _annotations()
    yield from _damaged()


def drawn(seed: int = 0) -> np.ndarray:
    """Pixels at random."""
    return np.random.default_rng(seed).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)


def written(image: Image.Image, form: str = "PNG", **given: Any) -> bytes:
    """An image as the bytes of a file."""
    stream = io.BytesIO()
    image.save(stream, form, **given)
    return stream.getvalue()


def png(width: int, height: int, rows: bytes = b"", *, bits: int = 8, color: int = 2, more: bytes = b"") -> bytes:
    """A PNG that says it has so many pixels, whatever it holds."""

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    parts = (chunk(b"IHDR", header), more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bad() -> dict[str, bytes]:
    """What is no image, or more than the pixels of one."""
    image = Image.fromarray(drawn())
    files = {form: written(image, form) for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")}
    cut = {f"a {form} cut at {share:.0%}": data[: int(share * len(data))] for form, data in files.items()
           for share in (0.02, 0.5, 0.9)}  # fmt: skip
    frames = [Image.fromarray(drawn(seed)) for seed in range(3)]
    half = Image.fromarray(np.dstack([drawn(), np.full((_SIDE, _SIDE), 128, dtype=np.uint8)]))
    deep = np.full((_SIDE, _SIDE), 40_000, dtype=np.uint16)
    clear = image.convert("P")
    bomb = b"\0" * 50_000_000
    return {
        **cut,
        "nothing": b"",
        "one byte": b"\x89",
        "a text": b"a picture of a cat, in words",
        "a page of the web": b"<html><img src='cat.png'></html>",
        "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>',
        "PostScript that asks for a shell": b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch hacked) run\n",
        "zeros": bytes(1000),
        "a pointer of git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "a PNG of no pixels": png(0, 0),
        "a PNG of more pixels than memory": png(2**31 - 1, 2**31 - 1),
        "a PNG of 400 million pixels": png(20_000, 20_000, b"\0" * 1000),
        "a PNG of 100 million pixels": png(10_000, 10_000, b"\0" * 1000),
        "a BMP of more pixels than memory": files["BMP"][:18] + struct.pack("<ii", 2**31 - 1, 2**31 - 1)
        + files["BMP"][26:],
        "a PNG with a text that is a bomb": png(4, 4, bytes(52), more=chunk(b"zTXt", b"k\0\0" + zlib.compress(bomb))),
        "a GIF of three images": written(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "a PNG of three images": written(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "a WEBP of three images": written(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "a TIFF of three pages": written(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        "gray of 16 bits": written(Image.fromarray(deep)),
        "colors of 16 bits": png(2, 2, (b"\0" + bytes(range(12))) * 2, bits=16),
        "gray of 16 bits with transparency": png(2, 2, (b"\0" + bytes(range(8))) * 2, bits=16, color=4),
        "numbers of 32 bits": written(Image.fromarray(deep.astype(np.float32)), "TIFF"),
        "half transparent": written(half),
        "half transparent gray": written(half.convert("LA")),
        "a palette with a transparent color": written(clear, transparency=int(np.asarray(clear)[0, 0])),
        "a color that is transparent": written(image, transparency=tuple(drawn()[0, 0].tolist())),
    }  # fmt: skip


def _right() -> dict[str, tuple[bytes, np.ndarray]]:
    """Images of every kind that says what each pixel is, and their pixels."""
    pixels = drawn()
    image = Image.fromarray(pixels)
    gray = pixels[..., 0]
    two = Image.fromarray(pixels).convert("1")
    opaque = np.dstack([pixels, np.full((_SIDE, _SIDE), 255, dtype=np.uint8)])
    few = Image.fromarray(pixels // 64 * 64).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    ink = Image.fromarray(pixels).convert("CMYK")
    return {
        "a PNG called .png": (written(image), pixels),
        "a WEBP called .png": (written(image, "WEBP", lossless=True), pixels),
        "a BMP called .png": (written(image, "BMP"), pixels),
        "gray": (written(Image.fromarray(gray)), np.repeat(gray[..., None], 3, axis=2)),
        "black and white": (written(two), np.asarray(two.convert("RGB"))),
        "a palette": (written(few), np.asarray(few.convert("RGB"))),
        "with a channel of transparency, and opaque": (written(Image.fromarray(opaque)), pixels),
        "four inks": (written(ink, "TIFF"), pixels),
        "a GIF of one image": (written(few, "GIF"), np.asarray(few.convert("RGB"))),
        "with bytes after its end": (written(image) + b"more", pixels),
    }


def _named() -> Iterator[Trial]:
    """Names of files: strange ones are read as any other, and those that no file has are named."""
    data = written(Image.fromarray(drawn()))
    for name in ("a\nb.png", "a b.png", "-rf", "\u202e.png", "<script>.png", "i" * 241 + ".png", "%s{0}.png", "a\tb"):

        def prepare(folder: Path, name: str = name) -> None:
            (folder / "images" / name).write_bytes(data)

        yield _trial(f"the name {name[:20]!r}", prepare, image=name, expects="restored")
    for name in ("", "i" * 300, "a\0b", "\ud800", ".", "..", "/dev/zero", "/dev/null", "no.png", "../questions.jsonl"):
        yield _trial(f"no image {name[:20]!r}", lambda folder: None, image=name, names=("image",))


def _questions() -> Iterator[Trial]:
    """Questions that are none."""
    for key, values in {
        "image": (None, 3, ["0.png"], {}),
        "text": (None, "", 3, "Is it?", "Is there a  in the image?"),
        "label": (None, True, "maybe", "Yes"),
        "object": (3, "", "blue square", ["red"]),
        "corrupt_image": (3, "", "no.png", []),
        "region": (
            True, "0 0 4 4", [], [1, 2, 3], [0, 0, -4, 4], [1e300] * 4, [900, 900, 4, 4], [[0, 0, 1, 1]], [["a"] * 6],
            [[1e18, 0, 1e18, 9, 0, 9]], {}, {"counts": [10**18], "size": [10**9, 10**9]},
            {"counts": [-1, 4097], "size": [64, 64]}, {"counts": "xyz", "size": [64, 64]}, [None] * 4, [[[0]]],
        ),
    }.items():  # fmt: skip
        for number, value in enumerate(values):
            changes = {key: value} | ({"label": "yes"} if key == "region" else {})
            yield _trial(
                f"{key} of a question, {number}",
                lambda folder: None,
                names=(key, "region", "object", "question", "0.png"),
                # An empty region of null is none; no text says what no object is called.
                more=changes,
                expects="either" if value in (None, "") else "refused",
            )


def _annotations() -> Iterator[Trial]:
    """Annotations that are none, or are of other images."""
    sound = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": _SIDE, "height": _SIDE} for n in range(2)],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [4, 4, 9, 9]} for n in range(2)],
        "categories": [{"id": 1, "name": _KIND}],
    }
    box, other = sound["annotations"]
    wrong: dict[str, Any] = {
        "empty": "",
        "no JSON": "{",
        "deep": "[" * 100_000,
        "a list": [],
        "no lists": {},
        "lists of numbers": {"images": [1], "annotations": [2], "categories": [3]},
        "a text for a list": sound | {"images": "0.png"},
        "another size": sound | {"images": [of | {"width": 65} for of in sound["images"]]},
        "a size of no pixels": sound | {"images": [of | {"width": 0} for of in sound["images"]]},
        "other images": sound | {"images": [of | {"file_name": f"x{of['id']}"} for of in sound["images"]]},
        "one image twice": sound | {"images": [of | {"file_name": "0.png"} for of in sound["images"]]},
        "an image that is not there": sound | {"annotations": [box | {"image_id": 9}, other]},
        "a category that is not there": sound | {"annotations": [box | {"category_id": 9}, other]},
        "a box of terabytes": sound | {"annotations": [box | {"bbox": [0, 0, 1e18, 1e18]}, other]},
        "a polygon of terabytes": sound | {"annotations": [box | {"segmentation": [[0, 0, 1e18, 0, 0, 1e18]]}, other]},
        "runs of terabytes": sound
        | {"annotations": [box | {"segmentation": {"counts": [10**24], "size": [10**12, 10**12]}}, other]},
        "a name that is a list": sound | {"categories": [{"id": 1, "name": ["red"]}]},
        "ids that are lists": sound | {"categories": [{"id": [1], "name": _KIND}]},
    }
    for name, value in wrong.items():
        text = value if isinstance(value, str) else json.dumps(value)
        yield _trial(
            f"annotations: {name}",
            lambda folder, text=text: (folder / "annotations.json").write_text(text),
            names=("annotations.json", _FILE),
            more={"text": f"Is there a {_KIND} in the image?"},
            arguments=("--annotations", "annotations.json"),
        )
    for name, make in SPECIAL.items():
        yield _trial(
            f"annotations: {name}",
            lambda folder, make=make: make(folder / "annotations.json"),
            names=("annotations.json",),
            arguments=("--annotations", "annotations.json"),
        )


def _damaged() -> Iterator[Trial]:
    """Bytes changed at random. What can still be read is another picture."""
    image = Image.fromarray(drawn())
    files = [written(image, form) for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")]
    for seed in range(_N_DAMAGED):
        dice = random.Random(seed)
        data = bytearray(files[seed % len(files)])
        for _ in range(dice.randint(1, 6)):
            # Headers are where numbers are read.
            data[dice.randrange(min(len(data), 400 if seed % 2 else len(data)))] = dice.randrange(256)
        yield _of_data(f"damaged {seed}", bytes(data), expects="either")


def _of_data(name: str, data: bytes, *, expects: str = "refused", pixels: np.ndarray | None = None) -> Trial:
    def prepare(folder: Path) -> None:
        (folder / "images" / _FILE).write_bytes(data)

    return _trial(name, prepare, names=(_FILE,), expects=expects, pixels=pixels)


def _trial(
    name: str,
    change: Callable[[Path], object],
    *,
    names: tuple[str, ...] = (),
    expects: str = "refused",
    image: str = _FILE,
    more: dict[str, Any] | None = None,
    arguments: tuple[str, ...] = (),
    pixels: np.ndarray | None = None,
) -> Trial:
    def prepare(folder: Path) -> None:
        (folder / "images").mkdir()
        for number in range(2):
            (folder / "images" / f"{number}.png").write_bytes(written(Image.fromarray(drawn(number))))
        question = {"image": image, "text": f"Is there a {_KIND} in the image?", "label": "yes"} | (more or {})
        other = {"image": "1.png", "text": f"Is there a {_KIND} in the image?", "label": "yes"}
        (folder / "questions.jsonl").write_text(f"{json.dumps(question)}\n{json.dumps(other)}\n")
        change(folder)

    def check(folder: Path) -> str | None:
        if pixels is None:
            return None
        found = Picture.from_file(folder / "images" / image).pixels()
        return None if np.array_equal(found, pixels) else "other pixels are read"

    asked = ["prompts", "check", "questions.jsonl", "--model", _MODEL, "--images", "images", *arguments]
    closed = {"during": without_power} if name.endswith("cannot be read") else {}
    return Trial(KIND, name, asked, prepare, names, expects, check, **closed)  # pyright: ignore[reportArgumentType]


def _made(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink(missing_ok=True)
    make(path)


SPECIAL: dict[str, Callable[[Path], object]] = {
    name: lambda path, make=make: _made(path, make)
    for name, make in {
        "a pipe": os.mkfifo,
        "a folder": Path.mkdir,
        "a device": lambda path: path.symlink_to("/dev/zero"),
        "a link in a circle": lambda path: path.symlink_to(path),
        "a link to nowhere": lambda path: path.symlink_to("nowhere"),
        "one that cannot be read": lambda path: (path.write_bytes(b"x"), path.chmod(0)),
    }.items()
}
