"""METHODS: every way to score components and edges, one per file."""

from __future__ import annotations

from circuits.methods.activation_patching import ActivationPatching
from circuits.methods.base import Method
from circuits.methods.eap import EdgeAttribution

METHODS: dict[str, type[Method]] = {method.name: method for method in (EdgeAttribution, ActivationPatching)}

__all__ = ["METHODS", "ActivationPatching", "EdgeAttribution", "Method"]
