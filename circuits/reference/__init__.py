"""The bundled models: weights that the project trained itself, and how."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent

BUNDLED: dict[str, Path] = {
    "reference": _FOLDER / "model",
    "reference-early": _FOLDER / "early",
    "reference-vlm": _FOLDER / "vision" / "model",
}
