"""What a staged search found so far, from the scores of its stages; no model runs here.

A head is *kept* by a stage if it is among the strongest, or if its effect exceeds its noise: the setting says which. A
stage *finds something* if the effect of any head exceeds its noise. The noise of a head is the standard deviation of
its mean under the bootstrap over prompts, in closed form: the standard deviation over prompts, over the root of their
number. Of heads without any effect, one in twenty exceeds twice its noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Wiring
from circuits.effects.receivers import Input, Receiver, heads_of
from circuits.methods.path_stages import PathStage
from circuits.result import Result
from circuits.scores import ALL_POSITIONS


@dataclass(frozen=True)
class Keep:
    """Which heads a stage keeps.

    by     `top`: the strongest; `noise`: those above their noise
    top    how many: a share of all heads below 1 (at least one head), or a number
    noise  how many times its noise an effect must exceed
    least  and what share of the strongest effect of the first stage
    """

    by: str
    top: float
    noise: float
    least: float

    def is_above(self, scores: Floats, measured: Bools, scale: float) -> Bools:
        """[head] whether its effect exceeds its noise, of scores [prompt, head].

        scale  the strongest effect of the first stage
        """
        effects = np.abs(scores.mean(axis=0, dtype=np.float64))
        return measured & (effects > self.noise * noise_of(scores)) & (effects > 0) & (effects >= self.least * scale)

    def heads(self, scores: Floats, measured: Bools, scale: float, top: float | None) -> list[int]:
        """The heads that are kept, strongest first; those without any effect never are.

        top  the stage's own count
        """
        effects = np.where(measured, np.abs(scores.mean(axis=0, dtype=np.float64)), 0)
        ranked = [int(head) for head in np.argsort(-effects, kind="stable") if effects[head] > 0]
        if self.by == "noise":
            above = self.is_above(scores, measured, scale)
            ranked = [head for head in ranked if above[head]]
            return ranked if top is None else ranked[: self.count(len(effects), top)]
        return ranked[: self.count(len(effects), self.top if top is None else top)]

    @staticmethod
    def count(n_heads: int, top: float) -> int:
        """How many heads a share below 1, or a number, is."""
        return max(1, round(top * n_heads)) if top < 1 else int(top)


class Measured(NamedTuple):
    """Path patching into one set of receivers.

    receivers  by name; none where there were none to patch into
    at         where senders were patched
    scores     [prompt, head]
    measured   [head]
    """

    receivers: tuple[str, ...]
    at: str
    scores: Floats
    measured: Bools


class Found(NamedTuple):
    """What a stage found.

    through   the input by which it went, in place of those that were asked for; None where it went by these
    kept      heads by number, strongest first
    above     [head] whether its effect exceeds its noise
    asked     what was measured into what was asked for
    others    other input -> what was measured there; empty where that was not needed
    """

    stage: PathStage
    through: Input | None
    kept: list[int]
    above: Bools
    asked: Measured
    others: Mapping[Input, Measured]

    @property
    def measured(self) -> Measured:
        """What was measured where the search went."""
        return self.asked if self.through is None else self.others[self.through]


def noise_of(scores: Floats) -> Floats:
    """[head] bootstrap standard deviation of the means of scores [prompt, head]."""
    return scores.std(axis=0, dtype=np.float64) / np.sqrt(len(scores))


def follow(stages: Sequence[PathStage], results: Mapping[str, Sequence[Result]], keep: Keep) -> list[Found]:
    """What each stage found, from the results `asked_N` and `others_N` of its jobs."""
    found: list[Found] = []
    for number, stage in enumerate(stages):
        asked = measured_from(results[f"asked_{number}"])
        others = others_from(results.get(f"others_{number}", ()))
        scale = strongest(found[0].measured if found else asked)

        def is_above(entry: Measured, scale: float = scale) -> Bools:
            return keep.is_above(entry.scores, entry.measured, scale)

        above: dict[Input, Bools] = {port: is_above(entry) for port, entry in others.items()}
        usable: list[Input] = [port for port in others if above[port].any()]
        through: Input | None = None
        if not is_above(asked).any() and usable:
            through = max(usable, key=lambda port: np.abs(others[port].scores.mean(axis=0))[above[port]].max())
        went = asked if through is None else others[through]
        finds_none = bool(stage.read_from) and not is_above(went).any()
        kept = [] if finds_none else keep.heads(went.scores, went.measured, scale, stage.top)
        found.append(Found(stage, through, kept, is_above(went), asked, others))
    return found


def strongest(entry: Measured) -> float:
    """The largest |mean score|."""
    return float(np.abs(entry.scores.mean(axis=0, dtype=np.float64)).max(initial=0))


def receivers_of(stage: PathStage, found: Sequence[Found], wiring: Wiring, port: Input | None = None) -> list[Receiver]:
    """The receivers of a stage: those that it names, or inputs of the heads that earlier stages kept.

    port  an input in place of those that the stage names
    """
    if not stage.read_from:
        return list(stage.receivers)
    heads = heads_of(wiring)
    by_name = {entry.stage.finds: entry for entry in found}
    receivers = []
    for name, asked in stage.read_from:
        through = asked if port is None else port
        for number in by_name[name].kept:
            owner = heads[number] if through in ("q", "z") else wiring.group_of_head(heads[number])
            receivers.append(Receiver(owner, through))
    return list(dict.fromkeys(receivers))


def position_of(stage: PathStage, found: Sequence[Found], port: Input) -> str:
    """Where senders are patched into another input than was asked for: queries are read where their heads were found,
    keys and values may be read anywhere."""
    if port in ("k", "v"):
        return ALL_POSITIONS
    places = {entry.measured.at for entry in found if entry.stage.finds in dict(stage.read_from)}
    return places.pop() if len(places) == 1 else ALL_POSITIONS


def as_result(entries: Mapping[str, Measured]) -> Result:
    """What was measured into some inputs, of a slice of the prompts; `measured_from`, `others_from` read it back."""
    meta = {name: {"receivers": list(entry.receivers), "at": entry.at} for name, entry in entries.items()}
    arrays = {f"scores_{name}": entry.scores for name, entry in entries.items()}
    arrays |= {f"measured_{name}": entry.measured for name, entry in entries.items()}
    return Result({"inputs": meta}, arrays)


def measured_from(results: Sequence[Result], name: str = "asked") -> Measured:
    """What was measured into one input, of all prompts."""
    meta = results[0].meta["inputs"][name]
    scores = np.concatenate([result.arrays[f"scores_{name}"] for result in results])
    return Measured(tuple(meta["receivers"]), meta["at"], scores, results[0].arrays[f"measured_{name}"])


def others_from(results: Sequence[Result]) -> dict[Input, Measured]:
    """What was measured into other inputs; none where that was not needed."""
    return {name: measured_from(results, name) for name in (results[0].meta["inputs"] if results else ())}


def head_of(found: Sequence[Found]) -> Numbers:
    """[head] the number of the stage that kept the head with the largest |mean score|; -1 where none did."""
    effects = np.full((len(found), found[0].measured.scores.shape[1]), -1.0)
    for number, entry in enumerate(found):
        means = np.abs(entry.measured.scores.mean(axis=0, dtype=np.float64))
        effects[number, entry.kept] = means[entry.kept]
    return np.where(effects.max(axis=0) >= 0, effects.argmax(axis=0), -1)
