"""The options of a drawing, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphs.figures.layered.settings import DrawingSettings


def drawing_settings(*, size: str | None, font: float | None, **options: Any) -> DrawingSettings | None:
    """The settings that the options say; None where none was given. ValueError for what is no setting."""
    from graphs.figures.layered.settings import DrawingSettings
    from graphs.figures.sizes import size_from

    # An empty text, as of a shell variable that is not set, is no setting, and is refused below.
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if "collapse" in given:
        given["collapse"] = tuple(given["collapse"])
    if size is not None or font is not None:
        given["size"] = size_from("page" if size is None else size, font=font)
    return DrawingSettings(**given) if given else None
