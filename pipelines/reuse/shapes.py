"""The shapes of a stored comparison and of a stored repair, as far as a report reads them. Shares are from 0 to 1."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Ends = tuple[float, float]
ShareEnds = tuple[Share, Share]


class Stored(BaseModel):
    """An object of a stored file: every field has to be there, and nothing is converted."""

    model_config = ConfigDict(strict=True, frozen=True)


class Kept(Stored):
    """What a circuit keeps of a task; None where clean and corrupt prompts do not differ."""

    faithfulness: float | None


class Cell(Kept):
    """A circuit on a task."""

    circuit: str
    task: str
    n_edges: Count
    interval: Ends | None


class Made(Stored):
    """A circuit that was made of several, on tasks."""

    n_edges: Count
    on: dict[str, Kept]


class Sets(Stored):
    """What was made of two circuits."""

    shared: Made
    only_a: Made
    only_b: Made
    union: Made


class Pair(Stored):
    """Two tasks."""

    a: str
    b: str
    verdict: str
    rule: str
    because: list[str]
    sets: Sets


class Core(Made):
    """The edges that are at least in so many circuits."""

    in_at_least: Count


class Transfer(Stored):
    """What circuits do on other tasks."""

    level: str
    matrix: list[Cell]
    pairs: list[Pair]
    cores: list[Core]
    n_prompts: dict[str, Count]


class Point(Stored):
    """The overlap of the strongest, at one size."""

    of: str
    fraction: Annotated[float, Field(gt=0, le=1)]
    iou: Share
    expected_iou: Share
    null_low: Share | None
    null_high: Share | None
    ceiling: Share | None
    ceiling_low: Share | None
    ceiling_high: Share | None


class Overlap(Stored):
    """What two circuits have in common."""

    a: str
    b: str
    edges_iou: Share | None
    sweep: list[Point]


class Diff(Stored):
    """In what all circuits differ."""

    n: Count
    shared: list[str]
    n_in_some: Count
    n_only_in: dict[str, Count]
    kinds: str | None = None


class Diffs(Stored):
    nodes: Diff
    edges: Diff


class Prediction(Stored):
    """Whether overlap predicts transfer; numbers are None where `reason` says why that was not tested."""

    reason: str | None
    n_pairs: Count | None
    correlation: float | None
    interval: Ends | None
    p_value: Share | None


class Patched(Stored):
    """What a group of one checkpoint's components recovers in another."""

    group: str
    n_components: Count
    recovered: float
    interval: Ends | None


class Across(Stored):
    """One checkpoint patched into another, on a task."""

    task: str
    into: str
    source: str = Field(alias="from")
    reason: str | None
    groups: list[Patched]


class Comparison(Stored):
    """A comparison: `runs` is what they are called -> their names."""

    runs: dict[str, str]
    run_folders: dict[str, str] = Field(default_factory=dict)
    transfer: Transfer | None
    no_transfer: str | None
    overlaps: list[Overlap]
    matrices: dict[str, list[list[float | None]]]
    diff: Diffs
    overlap_predicts_transfer: Prediction | None
    checkpoints: list[Across]
    warnings: list[str]


class Range(Stored):
    range: ShareEnds


class Drawn(Stored):
    """Other heads of the same layers; without `accuracy` where there are none."""

    n: Count
    accuracy: Range | None = None

    @property
    def is_whole(self) -> bool:
        """Whether there is a range where heads were drawn, and only there."""
        return (self.accuracy is None) == (self.n == 0)


class Effect(Stored):
    """A set of heads that was edited."""

    heads: list[str]
    accuracy: Share
    accuracy_interval: ShareEnds
    new_mistakes: Count
    is_chosen: bool
    random: Drawn | None = None


class Asked(Stored):
    task: str
    model: str


class Edit(Stored):
    edit: str


class Repair(Stored):
    """A repair."""

    rows: list[Effect]
    chance: Share
    settings: Asked
    edits: list[Edit]
