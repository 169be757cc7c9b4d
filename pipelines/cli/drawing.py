"""The options of a drawing, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.files import read_bytes

if TYPE_CHECKING:
    from graphs.annotations import Annotations
    from graphs.figures.layered.settings import DrawingSettings


def drawing_settings(*, size: str | None, font: float | None, **options: Any) -> DrawingSettings | None:
    """The settings that the options say; None where none was given. ValueError for what is no setting."""
    from graphs.figures.layered.settings import DrawingSettings
    from graphs.figures.sizes import size_from

    # An empty text, as of a shell variable that is not set, is no setting, and is refused below.
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    for name in ("collapse", "roles", "ports"):
        if name in given:
            given[name] = tuple(given[name])
    if "annotations" in given:
        given["annotations"] = _annotations(given["annotations"])
    if "layers" in given:
        given["layers"] = _layers(given["layers"])
    if size is not None or font is not None:
        given["size"] = size_from("page" if size is None else size, font=font)
    return DrawingSettings(**given) if given else None


def _layers(text: str) -> tuple[int, int]:
    """`3-8`, or `5` for that one alone. ValueError for anything else."""
    first, _, last = text.partition("-")
    if not first.strip().isdecimal() or not (last or first).strip().isdecimal():
        raise ValueError(f"layers {text!r}: give the first and the last, such as 3-8, or one, such as 5.")
    return int(first), int(last or first)


def _annotations(path: Path) -> Annotations:
    """The annotations in a file. ValueError where there is none."""
    from graphs.annotations import annotations_from

    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(
            f"no annotations in {path}: {error.strerror or error}. Save them on a circuit's page."
        ) from None
    return annotations_from(data, source=str(path))
