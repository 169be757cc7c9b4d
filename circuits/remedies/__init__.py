"""Remedies: edits of heads that are hoped to help, and how the heads that get them are chosen.

    mask_heads                       heads with a large profile, masked: what a task needs
    zero_tuning, act, var, vhr, edit calibrations, in the heads that they help or that a measurement names
    base     what a remedy is, and REMEDIES
    choice   heads and strengths chosen on some prompts, and the verdict of others

`circuits intervene` runs each the same way: one half of the prompts chooses, the other one judges, beside other heads
of the same layers, all heads, and nothing.
"""

from circuits.remedies.act import AttentionCalibration
from circuits.remedies.base import REMEDIES, Remedy
from circuits.remedies.edit import EditRemedy
from circuits.remedies.mask_heads import MaskHeads
from circuits.remedies.var import VisualRedistribution
from circuits.remedies.vhr import VisionHeads
from circuits.remedies.zero_tuning import ZeroTuning

__all__ = [
    "REMEDIES",
    "AttentionCalibration",
    "EditRemedy",
    "MaskHeads",
    "Remedy",
    "VisionHeads",
    "VisualRedistribution",
    "ZeroTuning",
]
