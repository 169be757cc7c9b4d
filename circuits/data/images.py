"""Pictures: the images in prompts of vision-language models, identified by their pixels."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from circuits.files import read_bytes, unreadable

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Image = NDArray[np.uint8]
"""[row, column, channel], red, green and blue from 0 to 255."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""Endings of image files."""

# Those that only hold pixels: a page of PostScript, say, is a program.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_OPAQUE = 255


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
            raise ValueError(unreadable(path, error, "the image")) from None
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
    """The pixels of an image file. What they cannot hold is refused: frames, transparency, more than 8 bits."""
    from PIL import Image as Images
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Images.DecompressionBombWarning)
            with Images.open(io.BytesIO(data), formats=_FORMATS) as image:
                fault = _fault(image)
                if not fault:
                    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError:
        fault = "is no image that can be read, or is cut short."
    except (Images.DecompressionBombWarning, Images.DecompressionBombError):
        n_pixels = f"{Images.MAX_IMAGE_PIXELS or 0:,}"
        fault = f"has more than the {n_pixels} pixels that an image may have: save it smaller."
    except (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, struct.error, zlib.error) as error:
        # A damaged file fails wherever its format is read.
        fault = f"is no image that can be read, or is cut short ({error})."
    raise ValueError(f"{name} {fault}")


def _fault(image: ImageFile) -> str:
    """Why the pixels of an opened image are not all that it shows; empty where they are."""
    n_frames = getattr(image, "n_frames", 1)
    if n_frames > 1 and image.format != "MPO":  # of a camera: the first is the photograph, others are previews
        return f"holds {n_frames} images, and one is asked about: save the one that is meant in a file of its own."
    if image.mode.startswith(("I", "F")) or any(";16" in str(tile) for tile in image.tile):
        return f"has more than 8 bits a pixel (mode {image.mode}), which would be cut off: save it with 8."
    if image.has_transparency_data:
        lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
        if lowest != _OPAQUE:
            return "has transparent pixels, and what lies behind them is not known: save it on a background."
    return ""


def _fingerprint(pixels: Image) -> str:
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()[:16]
