"""Roles of heads: written rules over what heads attend to, what they write, and what changes without them."""

from graphs.roles.assign import Readings, labels_of
from graphs.roles.content_gatherer import ContentGatherer
from graphs.roles.copy_suppression import CopySuppression
from graphs.roles.correct_letter import CorrectLetter
from graphs.roles.duplicate_token import DuplicateToken
from graphs.roles.induction import Induction
from graphs.roles.label import (
    AT_END,
    CANDIDATES,
    CONTENT,
    DIRECT,
    EFFECTS,
    EVERY,
    INDIRECT,
    RIGHT,
    TOTAL,
    WRONG,
    Condition,
    Evidence,
    Reading,
    RoleLabel,
)
from graphs.roles.mover import Mover
from graphs.roles.negative_mover import NegativeMover
from graphs.roles.previous_token import PreviousToken
from graphs.roles.registry import ROLES
from graphs.roles.retrieval import Retrieval
from graphs.roles.rule import RoleRule
from graphs.roles.selector import Selector
from graphs.roles.sink import Sink
from graphs.roles.writer import Writer

__all__ = [
    "AT_END",
    "CANDIDATES",
    "CONTENT",
    "DIRECT",
    "EFFECTS",
    "EVERY",
    "INDIRECT",
    "RIGHT",
    "ROLES",
    "TOTAL",
    "WRONG",
    "Condition",
    "ContentGatherer",
    "CopySuppression",
    "CorrectLetter",
    "DuplicateToken",
    "Evidence",
    "Induction",
    "Mover",
    "NegativeMover",
    "PreviousToken",
    "Reading",
    "Readings",
    "Retrieval",
    "RoleLabel",
    "RoleRule",
    "Selector",
    "Sink",
    "Writer",
    "labels_of",
]
