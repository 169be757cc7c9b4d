"""A layered drawing before it is drawn: what is shown, its page, and where and how everything stands on it.

Every format that draws takes this, so that all of them show the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphs.figures.layered.looks import BoxLook, LineLook
from graphs.figures.layered.places import NoRoomError, Places
from graphs.figures.layered.scene import Scene
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.layered.sheet import Sheet, Words
from graphs.figures.layered.shown import Shown, candidates, most_lines, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWN = 0.75  # about the share of a page that is not words


@dataclass(frozen=True)
class Composition:
    """A scene on a page.

    placed  where the boxes stand and what is written on them; None of an empty circuit
    boxes   the look of every box
    lines   the look of every line
    """

    scene: Scene
    sheet: Sheet
    placed: tuple[Places, Mapping[str, str]] | None
    boxes: Mapping[str, BoxLook]
    lines: Sequence[LineLook]

    def draw(self) -> Figure:
        return self.sheet.draw(self.scene, self.placed, self.boxes, self.lines)


def compose(
    scene: Scene,
    settings: DrawingSettings,
    words: Callable[[Shown], Words],
    *,
    boxes: Callable[[Scene], Mapping[str, BoxLook]],
    lines: Callable[[Scene], Sequence[LineLook]],
) -> Composition:
    """As much of a scene as the settings ask for; where they leave that open, as much as can be read at this size.

    words         the text and the legend of the page for what is shown
    boxes, lines  their looks

    ValueError where what was asked for does not fit, or not even one line does.
    """
    if not scene.lines:
        return Composition(scene, Sheet(settings, words(show(scene, settings, None))), None, {}, [])
    shown, sheet, placed = _fitted(scene, settings, words)
    return Composition(shown.scene, sheet, placed, boxes(shown.scene), lines(shown.scene))


_Fitted = tuple[Shown, Sheet, tuple[Places, Mapping[str, str]]]


def _fitted(scene: Scene, settings: DrawingSettings, words: Callable[[Shown], Words]) -> _Fitted:
    """What of a scene is drawn, the page for it, and the places of its boxes: as much as can be read at this size.

    Where there are too many lines to follow and none has a score, they are bundled by layer.
    """

    def attempt(n: int | None) -> _Fitted:
        shown = show(scene, settings, n)
        sheet = Sheet(settings, words(shown))
        return shown, sheet, sheet.place(shown.scene)

    limit = most_lines(_DRAWN * settings.size.width * settings.size.height, settings.size.font)
    n_lines = len(show(scene, settings, settings.top).scene.lines)
    if settings.is_automatic and n_lines > limit and scene.ranked_by is None and settings.bundle is None:
        settings = replace(settings, bundle="layer", collapse=())
        n_lines = len(show(scene, settings, None).scene.lines)
    first, *others = candidates(n_lines, settings, limit)
    try:
        return attempt(first)
    except NoRoomError as error:
        lack = error
    for n in others:
        try:
            fitted = attempt(n)
        except NoRoomError:
            continue
        if settings.is_automatic:
            return fitted
        raise ValueError(_does_not_fit(settings, n_lines, lack, would=n))
    raise ValueError(_does_not_fit(settings, n_lines, lack, would=None))


def _does_not_fit(settings: DrawingSettings, n_lines: int, lack: NoRoomError, *, would: int | None) -> str:
    size = settings.size
    fewer = "Show fewer" if would is None else f"Show fewer (the {would} strongest would fit)"
    return (
        f"{n_lines} edges do not fit {size.width:g}x{size.height:g} inches with text of {size.font:g} points: {lack}. "
        f"{fewer}, only heads, or layers as bundles; or choose a larger size, smaller text or the other orientation."
    )
