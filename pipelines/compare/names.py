"""What the files of a comparison are called that others look for."""

from __future__ import annotations

COMPARISON = "comparison.json"
