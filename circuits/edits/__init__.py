"""Pure edits of chosen query heads while a model runs: of their attention rows after the softmax, or of their outputs.

    set_rows, uniform, zero, to_first, shuffle, reverse   pattern edits, one file each; they keep row sums, `zero` aside
    scale_position, redistribute, identity                more of these: calibrations of the attention to sinks
    knock_out, scale, swap                                output edits: of z, what a head has gathered
    base, places, parse   what an edit is, which rows and keys it names, and how it is written as text
    check                 refuses what cannot be done, before anything runs
    head_rows             the rows of one layer's heads, edited; both ways below go through it
    hooks                 `edited`: by hooks on a model's own modules, also while it generates
    runs, downstream      fast runs of batches of prompts under edits, and what later heads then do

Importing this package fills `EDITS`. Source of the idea: the repair of Merullo et al. 2024 (component reuse), which
puts the attention rows of four heads at the last token on the two wrong colors.
"""

from circuits.edits.base import EDITS, Edit, OutputEdit, PatternEdit
from circuits.edits.check import Edits
from circuits.edits.hooks import edited
from circuits.edits.identity import Identity
from circuits.edits.knock_out import KnockOut
from circuits.edits.parse import edit_from
from circuits.edits.redistribute import Redistribute
from circuits.edits.reverse import Reverse
from circuits.edits.scale import Scale
from circuits.edits.scale_position import ScalePosition
from circuits.edits.set_rows import SetRows
from circuits.edits.shuffle import Shuffle
from circuits.edits.swap import Swap
from circuits.edits.to_first import ToFirst
from circuits.edits.uniform import Uniform
from circuits.edits.zero import Zero

__all__ = [
    "EDITS",
    "Edit",
    "Edits",
    "Identity",
    "KnockOut",
    "OutputEdit",
    "PatternEdit",
    "Redistribute",
    "Reverse",
    "Scale",
    "ScalePosition",
    "SetRows",
    "Shuffle",
    "Swap",
    "ToFirst",
    "Uniform",
    "Zero",
    "edit_from",
    "edited",
]
