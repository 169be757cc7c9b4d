"""METHODS: every way to score components and edges, one per file."""

from __future__ import annotations

from circuits.methods.acdc import ACDC
from circuits.methods.activation_patching import ActivationPatching
from circuits.methods.atp_star import AtPStar
from circuits.methods.base import Method
from circuits.methods.causal_tracing import CausalTracing
from circuits.methods.ceap import Conductance
from circuits.methods.circuit_file import CircuitFile
from circuits.methods.clean_corrupt import CleanCorrupt
from circuits.methods.code_pairs import CodePairs
from circuits.methods.direct_effect import DirectEffect
from circuits.methods.eap import EdgeAttribution
from circuits.methods.eap_ig import IntegratedEdgeAttribution
from circuits.methods.eap_ig_activations import ActivationIntegratedAttribution
from circuits.methods.exact_edges import ExactEdges
from circuits.methods.head_coding import HeadCoding
from circuits.methods.mask_learning import MaskLearning
from circuits.methods.path_patching import PathPatching
from circuits.methods.random import RandomScores
from circuits.methods.registry import METHODS
from circuits.methods.relp import RelevancePatching
from circuits.methods.staged_path_patching import StagedPathPatching

__all__ = [
    "ACDC",
    "METHODS",
    "ActivationIntegratedAttribution",
    "ActivationPatching",
    "AtPStar",
    "CausalTracing",
    "CircuitFile",
    "CleanCorrupt",
    "CodePairs",
    "Conductance",
    "DirectEffect",
    "EdgeAttribution",
    "ExactEdges",
    "HeadCoding",
    "IntegratedEdgeAttribution",
    "MaskLearning",
    "Method",
    "PathPatching",
    "RandomScores",
    "RelevancePatching",
    "StagedPathPatching",
]
