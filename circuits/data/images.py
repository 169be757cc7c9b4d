"""Pictures: the images in prompts of vision-language models, identified by their pixels."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuits.files import read_bytes

Image = NDArray[np.uint8]
"""[row, column, channel], red, green and blue from 0 to 255."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""Endings of image files."""


@dataclass(frozen=True)
class Picture:
    """An image, as the bytes of a file.

    fingerprint  hash of its pixels: the same picture in another format is the same picture
    data         bytes of a PNG, JPEG, ... file; None where only the fingerprint was kept, as in records of results
    """

    fingerprint: str
    data: bytes | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "the picture") -> Picture:
        """A picture from the bytes of an image file. ValueError, with `name`, where they are not an image."""
        return cls(_fingerprint(_decoded(data, name)), data)

    @classmethod
    def from_file(cls, path: Path) -> Picture:
        """A picture from an image file. ValueError where it cannot be read."""
        try:
            data = read_bytes(path)
        except OSError as error:
            raise ValueError(f"cannot read the image {path}: {error.strerror or error}.") from None
        return cls.from_bytes(data, str(path))

    @classmethod
    def from_pixels(cls, pixels: Image) -> Picture:
        """A picture from its pixels [row, column, 3]."""
        from PIL import Image as Images

        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(
                f"pixels are {pixels.dtype} of shape {pixels.shape}, expected uint8 of shape (rows, columns, 3)."
            )
        stream = io.BytesIO()
        Images.fromarray(pixels).save(stream, format="PNG")
        return cls(_fingerprint(pixels), stream.getvalue())

    def pixels(self) -> Image:
        """[row, column, 3]"""
        if self.data is None:
            raise ValueError(
                f"the picture {self.fingerprint} is known by its fingerprint only: records of results keep no images. "
                "Build its prompts again."
            )
        return _decoded(self.data, f"the picture {self.fingerprint}")


def _decoded(data: bytes, name: str) -> Image:
    from PIL import Image as Images
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with Images.open(io.BytesIO(data)) as image:
            mode, pixels = image.mode, np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError:
        raise ValueError(f"{name} is no image that can be read, or is cut short.") from None
    except (OSError, ValueError, SyntaxError, Images.DecompressionBombError) as error:
        raise ValueError(f"{name} is no image that can be read, or is cut short ({error}).") from None
    if mode.startswith(("I", "F")):
        raise ValueError(f"{name} has more than 8 bits a pixel (mode {mode}), which would be cut off: save it with 8.")
    return pixels


def _fingerprint(pixels: Image) -> str:
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()[:16]
