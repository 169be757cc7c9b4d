"""What a method returns: signed scores per prompt, with what was measured and where it came from.

Scores follow one sign everywhere: `metric(clean run) - metric(clean run with the part corrupted)`, in the metric's
units; positive supports the behavior. Per-prompt values are kept, so that intervals, clusters of prompts
and differences between tasks cost no further model run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from circuits.components import Component, Wiring
from circuits.frames import (
    component_frame,
    component_frame_per_prompt,
    edge_frame,
    edge_frame_per_prompt,
    score_columns,
    strongest_rows,
)
from circuits.html_heads import html_heads
from circuits.html_text import html_block, html_note, html_table
from circuits.intervals import Interval, t_interval
from circuits.numbers import count_text
from circuits.visible_text import value_text

if TYPE_CHECKING:
    import pandas as pd
    import sparse


ALL_POSITIONS = "all"
SHOWN = 8
"""How many of the strongest a notebook lists."""
ScoresAre = Literal["measured", "estimated", "learned", "counted", "drawn", "given", "observed"]
"""What the numbers of a method are.

measured   differences between runs of the model, one of them with the part ablated, patched or restored
estimated  of such differences, from gradients
learned    weights of a mask that was trained
counted    how often something was seen; no effect at all
drawn      at random
given      read from a file of another tool, which does not say what they are
observed   what a part does on a clean run (`circuits.profiles`); no effect at all
"""
OF_NO_PROMPTS: frozenset[ScoresAre] = frozenset(("learned", "given"))
"""What is not measured prompt by prompt: every prompt has the same scores, and says nothing of how sure they are."""
ROUNDING = 1e-5
"""Effects on a metric, as a share of its size, that may be rounding of logits in float32, grown over the layers."""
NOT_RECORDED = "not recorded"  # what tables say in place of it, for files of versions that did not keep it


@dataclass(frozen=True)
class Provenance:
    """Where numbers came from: enough to run them again, and to refuse comparing what cannot be compared.

    scores_are  what the numbers are; None in records of versions that did not keep it
    solved  of how many prompts `drawn` those were `kept` that the model solves; None where all were kept
    """

    method: str
    settings: Mapping[str, Any]
    metric: str
    model: str
    model_fingerprint: str
    task: str
    prompts_fingerprint: str
    dtype: str = "float32"
    ablation: str = "corrupt"
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    scores_are: ScoresAre | None = None
    solved: Mapping[str, int] | None = None


def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise ValueError(f"{name} has shape {shape}, expected {expected}.")


def _require_finite(name: str, values: Floats) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} holds {np.count_nonzero(~np.isfinite(values))} values that are not finite. Scores never use NaN "
            "for 'not measured': set `measured` to False there. In bfloat16, an overflow can cause this: try float32."
        )


def outgoing_sums(wiring: Wiring, values: Floats) -> Floats:
    """[row, writer] sums of values [row, edge] over the outgoing edges of every writer, in double precision."""
    sums = np.zeros((len(values), len(wiring.writers)), dtype=np.float64)
    for first, stop in itertools.pairwise(wiring.edge_offsets):
        sums[:, : stop - first] += values[:, first:stop]
    return sums


@dataclass(frozen=True)
class EdgeScores:
    """A signed score for every edge of a model, per prompt.

    per_prompt  [prompt, edge] in the order of `wiring.edges`, in units of the metric; 0 where not measured
    measured    [edge] whether the edge was measured at all: "measured as zero" and "not measured" differ
    trials      [trial, edge] the means of each of several random trials; None where nothing is drawn

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> scores
    <EdgeScores ioi, eap: 479 of 479 edges, 8 prompts>
    >>> best = scores.ranking()[0]
    >>> str(scores.wiring.edges[best]), round(float(scores.means[best]), 1), scores.n_prompts
    ('m3->logits', 4.0, 8)
    >>> interval = scores.interval()
    >>> bool(interval.low[best] < scores.means[best] < interval.high[best])
    True
    >>> scores.of_prompts([0, 3]).n_prompts, len(scores.to_frame_per_prompt()), scores.as_coo().shape
    (2, 3832, (8, 21, 53))
    >>> nodes = scores.node_scores()
    >>> str(nodes.components[nodes.means[0, 1:].argmax() + 1])  # but the embedding
    'a3.h3'
    """

    wiring: Wiring
    per_prompt: Floats
    measured: Bools
    provenance: Provenance
    trials: Floats | None = None

    def __post_init__(self) -> None:
        n_edges = self.wiring.n_edges
        _require_shape("per_prompt", self.per_prompt.shape, (len(self.per_prompt), n_edges))
        _require_shape("measured", self.measured.shape, (n_edges,))
        _require_finite("per_prompt", self.per_prompt)
        if self.trials is not None:
            _require_shape("trials", self.trials.shape, (len(self.trials), n_edges))

    def __repr__(self) -> str:
        measured = f"{np.count_nonzero(self.measured):,} of {count_text(self.wiring.n_edges, 'edge')}"
        return f"<EdgeScores {self._about}: {measured}, {count_text(self.n_prompts, 'prompt')}>"

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        rows = strongest_rows(frame, ("edge", "score", "low", "high"), SHOWN)
        sums = outgoing_sums(self.wiring, self.per_prompt.mean(axis=0, dtype=np.float64)[None])[0]
        grid = html_heads(self.wiring, dict(zip(self.wiring.writers, sums.tolist(), strict=True)))
        note = html_note("every part of the model: the sum of its outgoing edges, layers from the top")
        return html_block(repr(self)[1:-1], note, grid, html_table(("edge", "score", "low", "high"), rows))

    @property
    def _about(self) -> str:
        return f"{self.provenance.task}, {self.provenance.method}".removeprefix(", ")

    @property
    def n_prompts(self) -> int:
        """How many prompts were scored."""
        return len(self.per_prompt)

    @property
    def means(self) -> Floats:
        """[edge] mean over prompts."""
        return self.per_prompt.mean(axis=0, dtype=np.float64)

    def interval(self, *, level: float = 0.95) -> Interval[Floats]:
        """t interval [edge] of `means` over prompts; over trials, where there are any. Unbounded with one of them, and
        where prompts have their scores in common."""
        return t_interval(sample_of(self, self.per_prompt), level=level)

    def ranking(self, *, absolute: bool = True) -> NDArray[np.int64]:
        """Numbers of the measured edges, highest mean (or highest |mean|) first; ties in wiring order."""
        means = np.abs(self.means) if absolute else self.means
        order = np.argsort(-means, kind="stable")
        return order[self.measured[order]]

    def as_coo(self) -> sparse.COO:
        """The scores as a sparse array [prompt, writer, reader].

        Zeros are not stored, so a stored entry is a non-zero score: use `measured` to tell zero from not measured.
        """
        import sparse  # compiles with numba on first use, about two seconds

        offsets = np.asarray(self.wiring.edge_offsets)
        prompt, edge = np.nonzero(self.per_prompt)
        reader = np.searchsorted(offsets, edge, side="right") - 1
        shape = (self.n_prompts, len(self.wiring.writers), len(self.wiring.readers))
        return sparse.COO(
            np.stack([prompt, edge - offsets[reader], reader]), self.per_prompt[prompt, edge], shape=shape
        )

    def node_scores(self) -> ComponentScores:
        """Scores of the writers as sums of their outgoing edges: first-order effects of a component add up this way.

        Only for methods whose `sums_to_nodes` says so; effects of edges measured one by one do not add up.
        """
        sums = outgoing_sums(self.wiring, self.per_prompt)[:, None]
        return ComponentScores(
            self.wiring,
            self.wiring.writers,
            (ALL_POSITIONS,),
            sums.astype(self.per_prompt.dtype),
            np.ones(sums.shape, dtype=np.bool_),
            self.provenance,
        )

    def to_frame(self, *, level: float = 0.95) -> pd.DataFrame:
        """A pandas frame with one row per edge: its mean over prompts and the ends of its t interval.

        Columns: edge, source, target, port, layer, head and index (of the source, which writes; the index is that of a
        head in its layer), target_layer, target_index, score_is (`measured`, `estimated`, ..., `not measured`),
        measured_by (the method), score, low and high. Scores are missing where not measured; 0 is a score. 70,000 edges
        take 10 MB.

        >>> from circuits import METHODS, METRICS, TASKS, load_model
        >>> model = load_model("reference")
        >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
        >>> frame = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"]).to_frame()
        >>> strongest = frame.nlargest(2, "score")
        >>> strongest[["edge", "layer", "measured_by"]].values.tolist(), strongest["head"].dropna().tolist()
        ([['m3->logits', 3, 'eap'], ['a3.h3->logits', 3, 'eap']], ['a3.h3'])
        >>> sums = frame.groupby("source")["score"].sum()  # what the outgoing edges of a part add up to
        >>> sums.drop("input").idxmax()
        'a3.h3'
        """
        interval, origin = self.interval(level=level), self.provenance
        return edge_frame(self.wiring, score_columns(self.means, interval, self.measured, **_said_of(origin)))

    def to_frame_per_prompt(self) -> pd.DataFrame:
        """A pandas frame with one row per prompt and measured edge, prompts one after the other.

        Columns: prompt (its number), and those of `to_frame` but low and high, as a single prompt has none. Texts are
        categories: 70,000 edges on 64 prompts, 4.5 million rows, take 150 MB. `scores.of_prompts([3]).to_frame()` has
        the scores of one prompt alone.
        """
        return edge_frame_per_prompt(self.wiring, self.per_prompt, self.measured, _said_of(self.provenance))

    def of_prompts(self, chosen: Sequence[int] | NDArray[np.integer[Any]]) -> EdgeScores:
        """The scores of some prompts, by number. ValueError for what are no numbers of prompts."""
        return replace(self, per_prompt=self.per_prompt[_numbers_of(chosen, len(self.per_prompt))])


def _numbers_of(chosen: object, n_prompts: int) -> NDArray[np.int64]:
    """Numbers of prompts, as given; negative ones count from the end."""
    given = np.asarray(chosen)
    if given.ndim != 1 or not len(given) or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"prompts are chosen by a list of their numbers, such as [0, 3]; found {value_text(chosen)}.")
    if beyond := [int(number) for number in given if not -n_prompts <= number < n_prompts]:
        raise ValueError(f"there is no prompt {beyond[0]}: the scores are of {n_prompts}, 0 to {n_prompts - 1}.")
    return given.astype(np.int64)


@dataclass(frozen=True)
class ComponentScores:
    """A signed score for components, at one or more positions of the prompt, per prompt.

    components  what was scored; their order is that of the last axis
    positions   where: `all` (all positions at once), roles (`IO`, `END`) or single positions (`0`, `1`, ...)
    per_prompt  [prompt, position, component], in units of the metric; 0 where not measured
    measured    [prompt, position, component]: a short prompt has no position 20, a prompt may lack a role
    trials      [trial, position, component] the means of each of several random trials; None where nothing is drawn

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> method = METHODS["activation-patching"](at="roles", kinds=("head",))
    >>> scores = method.score(model, prompts, metric=METRICS["logit-difference"])
    >>> scores.n_prompts, scores.positions, scores.means.shape
    (8, ('S1', 'S1+1', 'IO', 'S2', 'END'), (5, 16))
    >>> at_end = scores.at("END")
    >>> str(at_end.components[at_end.means[0].argmax()]), at_end.interval().low.shape
    ('a3.h3', (1, 16))
    >>> scores.to_frame_per_prompt().columns.tolist()
    ['prompt', 'component', 'kind', 'layer', 'head', 'index', 'position', 'score_is', 'measured_by', 'score']
    """

    wiring: Wiring
    components: tuple[Component, ...]
    positions: tuple[str, ...]
    per_prompt: Floats
    measured: Bools
    provenance: Provenance
    trials: Floats | None = None

    def __post_init__(self) -> None:
        shape = (len(self.per_prompt), len(self.positions), len(self.components))
        _require_shape("per_prompt", self.per_prompt.shape, shape)
        _require_shape("measured", self.measured.shape, shape)
        _require_finite("per_prompt", self.per_prompt)
        if self.trials is not None:
            _require_shape("trials", self.trials.shape, (len(self.trials), *shape[1:]))

    def __repr__(self) -> str:
        parts = f"{len(self.components)} components at {len(self.positions)} position(s)"
        about = f"{self.provenance.task}, {self.provenance.method}".removeprefix(", ")
        return f"<ComponentScores {about}: {parts}, {count_text(self.n_prompts, 'prompt')}>"

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        columns = ("component", "position", "score", "low", "high")
        table = html_table(columns, strongest_rows(frame, columns, SHOWN))
        means, known = self.means[0], np.asarray(self.measured[:, 0].any(axis=0))
        values = {part: float(means[n]) for n, part in enumerate(self.components) if known[n]}
        note = html_note(f"every part of the model, at {self.positions[0]}, layers from the top")
        return html_block(repr(self)[1:-1], note, html_heads(self.wiring, values), table)

    @property
    def n_prompts(self) -> int:
        """How many prompts were scored."""
        return len(self.per_prompt)

    @property
    def means(self) -> Floats:
        """[position, component] mean over the prompts in which that position was measured; 0 where none was."""
        counts = self.measured.sum(axis=0)
        totals = np.where(self.measured, self.per_prompt, 0).sum(axis=0, dtype=np.float64)
        return totals / np.maximum(counts, 1)

    def interval(self, *, level: float = 0.95) -> Interval[Floats]:
        """t interval [position, component] of `means` over prompts; over trials, where there are any.

        A position that only some prompts have is averaged over those: unbounded with one of them, NaN with none.
        """
        return t_interval(sample_of(self, np.where(self.measured, self.per_prompt, np.nan)), level=level)

    def to_frame(self, *, level: float = 0.95) -> pd.DataFrame:
        """A pandas frame with one row per position and component: its mean over prompts and its t interval.

        Columns: component, kind, layer, head and index (in its layer; both missing for what is no head), position
        (`all` is all of them together), score_is (`measured`, `estimated`, ..., `not measured`), measured_by (the
        method), score, low and high. Scores are missing where not measured; 0 is a score.

        >>> from circuits import METHODS, METRICS, TASKS, load_model
        >>> model = load_model("reference")
        >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
        >>> scores = METHODS["activation-patching"]().score(model, prompts, metric=METRICS["logit-difference"])
        >>> frame = scores.to_frame()
        >>> frame[frame["kind"] == "head"].nlargest(2, "score")[["component", "position"]].values.tolist()
        [['a3.h3', 'all'], ['a3.h2', 'all']]
        """
        measured, interval = self.measured.any(axis=0).ravel(), self.interval(level=level)
        flat = Interval(interval.low.ravel(), interval.high.ravel())
        values = score_columns(self.means.ravel(), flat, measured, **_said_of(self.provenance))
        return component_frame(self.components, self.positions, values)

    def to_frame_per_prompt(self) -> pd.DataFrame:
        """A pandas frame with one row per prompt, position and component that was measured.

        Columns: prompt (its number), and those of `to_frame` but low and high, as a single prompt has none.
        """
        return component_frame_per_prompt(
            self.components, self.positions, self.per_prompt, self.measured, _said_of(self.provenance)
        )

    def at(self, position: str) -> ComponentScores:
        """The scores at one position."""
        if position not in self.positions:
            raise ValueError(f"no scores at {position!r}. Measured at: {', '.join(self.positions)}.")
        index = self.positions.index(position)
        return replace(
            self,
            positions=(position,),
            per_prompt=self.per_prompt[:, index : index + 1],
            measured=self.measured[:, index : index + 1],
            trials=None if self.trials is None else self.trials[:, index : index + 1],
        )


Scores = EdgeScores | ComponentScores


def _said_of(origin: Provenance) -> dict[str, str]:
    """What frames say of every score."""
    return {"score_is": origin.scores_are or NOT_RECORDED, "measured_by": origin.method}


def sample_of(scores: Scores, per_prompt: Floats) -> Floats:
    """[row, ...] what the means of scores are means of: trials, prompts, or one row that all prompts have."""
    if scores.trials is not None:
        return scores.trials
    return per_prompt[:1] if scores.provenance.scores_are in OF_NO_PROMPTS else per_prompt
