"""The colors of the page: those of the figures, on paper and on a dark screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphs.figures.canvas import INK, PAPER
from graphs.figures.layered.looks import MEMBERSHIP_COLORS, SUBLAYER_FILLS
from graphs.figures.palette import BLUE, GRAY, OPPOSES, PALE_GRAY, PURPLE, ROLES, SUPPORTS, WINE, mixed

_NIGHT, _MOON = "#15171a", "#e9e7e2"  # paper and ink of a dark screen
_OF_SEVERAL = (MEMBERSHIP_COLORS["only_a"], MEMBERSHIP_COLORS["only_b"], "#332288", "#009E73", WINE, PURPLE)


def color_rules() -> str:
    """Every color as a property of the style sheet, for light and for dark screens."""
    light, dark = _rule(_light()), _rule(_dark())
    swatches = "".join(f".swatch.{name} {{ --swatch: var(--{name}); }}\n" for name in _light())
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n{swatches}"


def _rule(colors: Mapping[str, str]) -> str:
    return ":root { " + " ".join(f"--{name}: {value};" for name, value in colors.items()) + " }"


def _light() -> dict[str, str]:
    return {
        "paper": PAPER,
        "ink": INK,
        "gray": GRAY,
        "pale": PALE_GRAY,
        "line": "#e3e3e3",
        "field": "#8a8d91",
        "surface": "#f5f5f3",
        "neutral": "#f7f7f7",
        "attention": SUBLAYER_FILLS["attention"],
        "mlp": SUBLAYER_FILLS["mlp"],
        "supports": SUPPORTS,
        "opposes": OPPOSES,
        "accent": "#005a8e",
        "differs": "#fbe7bf",
        "flipped": WINE,
        "shared": MEMBERSHIP_COLORS["shared"],
        **_numbered("role", ROLES),
        **_numbered("circuit", _OF_SEVERAL),
    }


def _dark() -> dict[str, str]:
    """The same, lighter where they are lines or text, and darker where they lie under text."""

    def lighter(color: str, share: float = 0.62) -> str:
        return mixed(color, share)

    return {
        "paper": _NIGHT,
        "ink": _MOON,
        "gray": "#a3a6ab",
        "pale": "#3a3d42",
        "line": "#2d3035",
        "field": "#70747a",
        "surface": "#202327",
        "neutral": "#2a2d31",
        "attention": "#2a2d31",
        "mlp": "#323a44",
        "supports": lighter(SUPPORTS, 0.78),
        "opposes": lighter(BLUE, 0.58),
        "accent": "#7cc0ea",
        "differs": "#4d3f1a",
        "flipped": lighter(WINE, 0.5),
        "shared": "#c9c9c9",
        **_numbered("role", [lighter(color) for color in ROLES]),
        **_numbered("circuit", [lighter(color) for color in _OF_SEVERAL]),
    }


def _numbered(name: str, colors: Sequence[str]) -> dict[str, str]:
    return {f"{name}-{number}": color for number, color in enumerate(colors)}
