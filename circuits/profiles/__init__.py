"""Profiles: what heads attend to and write on clean prompts, from one run, without changing anything."""

from circuits.profiles.attention import Attention
from circuits.profiles.base import AnswerProfile, Profile
from circuits.profiles.direct_logit_attribution import DirectLogitAttribution
from circuits.profiles.distance import Distance
from circuits.profiles.duplicate_token import DuplicateToken
from circuits.profiles.entropy import Entropy
from circuits.profiles.induction import Induction
from circuits.profiles.measure import measure_profiles, places_of
from circuits.profiles.output_norm import OutputNorm
from circuits.profiles.own_token import OwnToken
from circuits.profiles.previous_token import PreviousToken
from circuits.profiles.received import Received
from circuits.profiles.registry import PROFILES
from circuits.profiles.sink import Sink
from circuits.profiles.value_drain import ValueDrain

__all__ = [
    "PROFILES",
    "AnswerProfile",
    "Attention",
    "DirectLogitAttribution",
    "Distance",
    "DuplicateToken",
    "Entropy",
    "Induction",
    "OutputNorm",
    "OwnToken",
    "PreviousToken",
    "Profile",
    "Received",
    "Sink",
    "ValueDrain",
    "measure_profiles",
    "places_of",
]
