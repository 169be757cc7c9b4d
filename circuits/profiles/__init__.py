"""Profiles: what heads attend to and write on clean prompts, from one run that changes nothing; and their weights."""

from circuits.profiles.attention import Attention
from circuits.profiles.base import AnswerProfile, Profile
from circuits.profiles.contrast import contrast
from circuits.profiles.copying import Copying
from circuits.profiles.correct_letter import CorrectLetter
from circuits.profiles.direct_logit_attribution import DirectLogitAttribution
from circuits.profiles.distance import Distance
from circuits.profiles.distances import Distances
from circuits.profiles.dormant import Dormant
from circuits.profiles.duplicate_token import DuplicateToken
from circuits.profiles.eigenvalue_share import EigenvalueShare
from circuits.profiles.entropy import Entropy
from circuits.profiles.head_divergence import HeadDivergence
from circuits.profiles.image_attention import ImageAttention
from circuits.profiles.induction import Induction
from circuits.profiles.later_attention import LaterAttention
from circuits.profiles.matching import Matching
from circuits.profiles.measure import measure_profiles, places_of
from circuits.profiles.options import Options
from circuits.profiles.output_norm import OutputNorm
from circuits.profiles.own_token import OwnToken
from circuits.profiles.previous_token import PreviousToken
from circuits.profiles.received import Received
from circuits.profiles.recent import Recent
from circuits.profiles.registry import PROFILES
from circuits.profiles.regression_weights import RegressionWeights
from circuits.profiles.residual_peak import ResidualPeak
from circuits.profiles.retrieval import Retrieval, RetrievalFrequency
from circuits.profiles.saliency import Saliency
from circuits.profiles.secondary_sinks import SecondarySinks
from circuits.profiles.singular_values import SingularValues
from circuits.profiles.sink import Sink
from circuits.profiles.sinks import Sinks
from circuits.profiles.value_drain import ValueDrain
from circuits.profiles.visual_sinks import VisualSinks
from circuits.profiles.weigh import weigh_profiles
from circuits.profiles.weights import WeightProfile

__all__ = [
    "PROFILES",
    "AnswerProfile",
    "Attention",
    "Copying",
    "CorrectLetter",
    "DirectLogitAttribution",
    "Distance",
    "Distances",
    "Dormant",
    "DuplicateToken",
    "EigenvalueShare",
    "Entropy",
    "HeadDivergence",
    "ImageAttention",
    "Induction",
    "LaterAttention",
    "Matching",
    "Options",
    "OutputNorm",
    "OwnToken",
    "PreviousToken",
    "Profile",
    "Received",
    "Recent",
    "RegressionWeights",
    "ResidualPeak",
    "Retrieval",
    "RetrievalFrequency",
    "Saliency",
    "SecondarySinks",
    "SingularValues",
    "Sink",
    "Sinks",
    "ValueDrain",
    "VisualSinks",
    "WeightProfile",
    "contrast",
    "measure_profiles",
    "places_of",
    "weigh_profiles",
]
