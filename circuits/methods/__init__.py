"""METHODS: every way to score components and edges, one per file."""

from __future__ import annotations

from circuits.methods.activation_patching import ActivationPatching
from circuits.methods.base import Method
from circuits.methods.eap import EdgeAttribution
from circuits.methods.eap_ig import IntegratedEdgeAttribution
from circuits.methods.exact_edges import ExactEdges
from circuits.methods.path_patching import PathPatching

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (EdgeAttribution, IntegratedEdgeAttribution, ExactEdges, ActivationPatching, PathPatching)
}

__all__ = [
    "METHODS",
    "ActivationPatching",
    "EdgeAttribution",
    "ExactEdges",
    "IntegratedEdgeAttribution",
    "Method",
    "PathPatching",
]
