"""What the lines, markers and boxes of a layered drawing mean, in rows below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from circuits.components import Port
from graphs.figures.canvas import draw_text
from graphs.figures.layered.looks import (
    PORT_NAMES,
    BoxLook,
    Dashes,
    LineLook,
    effect_color,
    role_frames,
)
from graphs.figures.layered.marks import LINE_STYLES, draw_ports, port_path
from graphs.figures.layered.scene import Scene
from graphs.figures.page import signed, text_width
from graphs.figures.palette import GRAY, OPPOSES, SUPPORTS
from graphs.figures.sizes import Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLE, _SPACE, APART = 0.22, 0.05, 0.16  # inches: of a sample, from it to its text, and to the next entry
_STEPS = 24  # colors of the bar of effects


@dataclass(frozen=True)
class Entry:
    """One sign and what it means; a text alone where the sign is None."""

    text: str
    sign: LineLook | BoxLook | Port | Literal["effects"] | None
    size: Size

    @property
    def width(self) -> float:
        return self.sample + text_width(self.text, size=self.size.font)

    @property
    def sample(self) -> float:
        """Inches from the start of the sign to that of the text."""
        return 0.0 if self.sign is None else SAMPLE * (3 if self.sign == "effects" else 1) + _SPACE

    def draw(self, axes: Axes, x: float, y: float) -> None:
        from matplotlib.lines import Line2D

        middle = y + 0.34 * self.size.font / 72
        if isinstance(self.sign, LineLook):
            dashes = LINE_STYLES[self.sign.dashes]
            axes.add_line(Line2D([x, x + SAMPLE], [middle] * 2, color=self.sign.paled, lw=self.sign.width, ls=dashes))
        elif isinstance(self.sign, BoxLook):
            _draw_box(axes, x, middle, self.sign)
        elif self.sign == "effects":
            _draw_effects(axes, x, middle)
        elif self.sign is not None:
            draw_ports(axes, [port_path(self.sign, x + SAMPLE / 2, middle)], [self.sign])
        draw_text(axes, x + self.sample, y, self.text, size=self.size.font)


def score_entries(scene: Scene, what: str, size: Size) -> list[Entry]:
    """Three widths of lines with the scores they stand for."""
    sizes = sorted(line.size for line in scene.lines if line.size > 0)
    if not sizes:
        return []
    largest, weakest = sizes[-1], sizes[0]
    shown = dict.fromkeys(f"{value:.2g}" for value in (weakest, (weakest * largest) ** 0.5, largest))
    scale = [Entry(f"{what}:", None, size)]
    scale += [Entry(text, LineLook(GRAY, min(1.0, (float(text) / largest) ** 0.5)), size) for text in shown]
    return scale


def sign_entries(looks: Iterable[LineLook], size: Size) -> list[Entry]:
    """The colors of both signs, as far as they are there."""
    signs: list[tuple[str, Dashes, str]] = [
        (SUPPORTS, "solid", "positive: supports"),
        (OPPOSES, "dashed", "negative: works against"),
    ]
    present = {look.color for look in looks}
    return [Entry(text, LineLook(color, 0.7, dashes), size) for color, dashes, text in signs if color in present]


def port_entries(scene: Scene, size: Size) -> list[Entry]:
    """The markers of the inputs that lines enter."""
    present = {line.port for line in scene.lines}
    return [Entry(name, port, size) for port, name in PORT_NAMES.items() if port in present]


def serving_entries(scene: Scene, size: Size) -> list[Entry]:
    """What it means that boxes stand side by side without a gap."""
    return [Entry("kv: key-value head, beside the heads that it serves", None, size)] if scene.serves else []


def role_entries(scene: Scene, size: Size) -> list[Entry]:
    return [Entry(str(role), look, size) for role, look in role_frames(scene).items()]


def effect_entries(limit: float, what: str, size: Size) -> list[Entry]:
    """The colors of the effects of nodes, from -limit to limit."""
    end = float(f"{limit:.2g}")
    return [Entry(f"{signed(-end)} to {signed(end)}, {what}", "effects", size)]


def legend_rows(entries: Iterable[Entry], width: float) -> list[list[Entry]]:
    """Entries in rows no wider than this; one that is wider by itself has a row of its own."""
    rows: list[list[Entry]] = []
    room = 0.0
    for entry in entries:
        if not rows or entry.width > room:
            rows.append([])
            room = width
        rows[-1].append(entry)
        room -= entry.width + APART
    return rows


def draw_legend_row(axes: Axes, x: float, y: float, row: Sequence[Entry]) -> None:
    for entry in row:
        entry.draw(axes, x, y)
        x += entry.width + APART


def _draw_box(axes: Axes, x: float, middle: float, look: BoxLook) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.03"
    box = FancyBboxPatch((x, middle - 0.045), SAMPLE, 0.09, boxstyle=style, fc=look.fill, ec=look.frame)
    box.set(linewidth=look.frame_width, linestyle=LINE_STYLES[look.dashes])
    axes.add_patch(box)


def _draw_effects(axes: Axes, x: float, middle: float) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    width = 3 * SAMPLE / _STEPS
    effects = [2 * step / (_STEPS - 1) - 1 for step in range(_STEPS)]
    bars = [
        Rectangle((x + width * step, middle - 0.04), width, 0.08, color=effect_color(effect), lw=0.2)
        for step, effect in enumerate(effects)
    ]
    axes.add_collection(PatchCollection(bars, match_original=True), autolim=False)
