"""The bundled model `two-route`: two tasks solved by two routes, attention and MLPs, as a control for comparisons."""

from __future__ import annotations

from pathlib import Path

MODEL = Path(__file__).parent / "model"
"""The folder that transformers loads the model from."""
