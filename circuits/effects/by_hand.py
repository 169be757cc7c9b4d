"""Patch chosen parts of a model by hand: what ablating heads, MLPs or edges does to the metric, exactly.

All parts are ablated together, in one run in which everything after them is computed anew. So the effects of two parts
need not add up to that of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import ABLATIONS, Ablation
from circuits.arrays import Floats
from circuits.components import Component, Edge, Wiring
from circuits.data.prompts import PromptSet
from circuits.html_text import html_block, html_note, html_table
from circuits.intervals import Interval, t_interval
from circuits.kinds import KINDS
from circuits.lookup import lookup, role_meant
from circuits.metrics import METRICS, Metric
from circuits.model.given import prompt_set_of, require_model
from circuits.visible_text import typed_text

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Site
    from circuits.model.given import AnyPrompts
    from circuits.model.load import Model

Part = str | Component | Edge
Place = str | int
_SHOWN = 12


@dataclass(frozen=True)
class PatchEffect:
    """What ablating some parts together does to the metric of every prompt.

    parts    names of what was ablated; `at` where: `all` positions, or roles and positions (`END`, `S2, 3`)
    metric   its name; all numbers are in its units
    clean    [prompt] metric of the clean run; `ablated` with everything ablated, which is the corrupt run where values
             come from that
    patched  [prompt] metric with the parts ablated

    >>> from circuits import TASKS, load_model, patch
    >>> model = load_model("reference")
    >>> found = patch(model, TASKS["ioi"]().build(model.tokenizer, n=8), "a3.h3")
    >>> round(found.mean, 1), round(found.gap)
    (7.6, 18)
    >>> found.per_prompt.shape, found.interval().low < found.mean, found.to_frame().columns.tolist()
    ((8,), True, ['clean', 'patched', 'ablated', 'effect'])
    """

    parts: tuple[str, ...]
    at: str
    metric: str
    clean: Floats = field(repr=False)
    ablated: Floats = field(repr=False)
    patched: Floats = field(repr=False)

    @property
    def per_prompt(self) -> Floats:
        """[prompt] clean minus patched: positive where the parts support the behavior."""
        return self.clean.astype(np.float64) - self.patched

    @property
    def mean(self) -> float:
        """The effect, as a mean over prompts."""
        return float(self.per_prompt.mean())

    def interval(self, *, level: float = 0.95) -> Interval[float]:
        """t interval of `mean` over prompts; unbounded with one of them."""
        return t_interval(self.per_prompt[:, None], level=level).item(0)

    @property
    def gap(self) -> float:
        """What ablating everything takes away: the mean of clean minus ablated."""
        return float((self.clean.astype(np.float64) - self.ablated).mean())

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame with one row per prompt: the metric clean, patched and ablated, and the effect."""
        import pandas as pd

        columns = {"clean": self.clean, "patched": self.patched, "ablated": self.ablated, "effect": self.per_prompt}
        return pd.DataFrame(columns).rename_axis("prompt")

    def __repr__(self) -> str:
        low, high = self.interval()
        ends = f"[{low:z.3g}, {high:z.3g}]" if np.isfinite((low, high)).all() else "[-]"
        n = len(self.clean)
        said = f"{self.mean:z.3g} {ends} of {self.gap:z.3g}"
        where = "" if self.at == "all" else f" at {self.at}"
        shown = ", ".join(self.parts[:3]) + (", ..." if len(self.parts) > 3 else "")
        return f"<PatchEffect of {shown}{where}: {said} {self.metric}, {n} prompt{'s' * (n != 1)}>"

    def _repr_html_(self) -> str:
        rows = [(number, *row) for number, row in enumerate(self.to_frame().head(_SHOWN).itertuples(index=False))]
        more = [html_note(f"... and {len(self.clean) - _SHOWN} more prompts")] if len(self.clean) > _SHOWN else []
        headings = ("prompt", "clean", "patched", "ablated", "effect")
        return html_block(repr(self)[1:-1], html_table(headings, rows), *more)


def patch(
    model: Model,
    prompts: AnyPrompts,
    parts: Part | Iterable[Part],
    *,
    at: Place | Sequence[Place] = "all",
    metric: str | Metric = "logit-difference",
    ablation: str | Ablation = "corrupt",
) -> PatchEffect:
    """Ablate chosen heads, MLPs or edges together, and measure what that does to the metric of every prompt.

    prompts   a task's, `run.prompts` or a slice of these, pairs of texts or a frame of them as `discover` takes, or a
              prompt file
    parts     names or a name: heads (`a9.h6`), whole attentions (`a9`), MLPs (`m3`), the embedding (`input`), or edges
              (`a9.h6->a10.h0<q>`), whose readers then read the ablated value and no one else
    at        where parts take their ablated values: `all` positions, a role such as `END`, a position counted from 0,
              or several of them together, `["S2", "END"]`; edges take them at all
    ablation  what ablated parts give: `corrupt` is their value on the corrupt prompt; or zero, mean, ...

    Exact: one forward pass per batch of prompts beside the clean and the corrupt one. Raises a ValueError before the
    model runs for parts that it does not have, places that prompts do not have, and prompts that it cannot take.

    >>> from circuits import TASKS, load_model, patch
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> patch(model, prompts, ["a3.h3", "a3.h2"])
    <PatchEffect of a3.h3, a3.h2: 12.9 [11.6, 14.2] of 18 logit-difference, 8 prompts>
    >>> patch(model, prompts, "a3.h3", at=["S2", "END"]).at
    'S2, END'
    >>> patch(model, prompts, "a3.h3->logits", metric="answer-probability").to_frame().shape
    (8, 4)
    """
    from circuits.effects.paired_runs import each_pair

    require_model(model)
    prompt_set = prompt_set_of(prompts, model.tokenizer)
    read = metric if isinstance(metric, Metric) else lookup(METRICS, metric, "metric")
    puts_in = ablation if isinstance(ablation, Ablation) else lookup(ABLATIONS, ablation, "ablation")()
    wanted = _parts(parts, model.wiring)
    edges = [part for part in wanted if isinstance(part, Edge)]
    places = _places(at, prompt_set)
    _check(model, prompt_set, puts_in, wanted, edges, places)
    found = {name: np.zeros(len(prompt_set), dtype=np.float32) for name in ("clean", "ablated", "patched")}

    def measure(pair: Pair) -> None:
        values = {
            "clean": pair.metric_of(model.forward, pair.clean),
            "ablated": pair.metric_of(model.forward, pair.ablated),
            "patched": _without_edges(model, pair, edges) if edges else _without(model, pair, wanted, places),
        }
        for name, value in values.items():
            found[name][list(pair.batch.prompt_indices)] = value.float().cpu().numpy()

    each_pair(model, prompt_set, read, puts_in, measure)
    return PatchEffect(tuple(map(str, wanted)), _text(places), read.name, **found)


def _parts(given: Part | Iterable[Part], wiring: Wiring) -> list[Component | Edge]:
    """Each part once; whole attentions as their heads. ValueError for what the model does not have."""
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for one in several:
        if not isinstance(one, str | Component | Edge):
            raise ValueError(f"a part is given by its name, such as 'a1.h0'; found {typed_text(one)}.")
    if not several:
        raise ValueError("no part is given: name heads, MLPs or edges, such as 'a1.h0'.")
    parts: dict[Component | Edge, None] = {}
    for one in several:
        named = _named(one) if isinstance(one, str) else one
        if isinstance(named, Edge):
            wiring.edge_index(named)
            parts[named] = None
            continue
        whole = named.kind == "attention" and not wiring.joins_heads and named.layer in range(wiring.n_layers)
        for part in wiring.of_kind("head", named.layer or 0) if whole else (named,):
            wiring.writer_index(part)
            parts[part] = None
    return list(parts)


def _named(name: str) -> Component | Edge:
    """An edge, or a component that edges may start from, which is what can be ablated by itself."""
    if "->" in name:
        return Edge.parse(name)
    writers = [kind for kind in KINDS.values() if kind.writes]
    return Component.parse(name, offered=writers)


def _places(at: Place | Sequence[Place], prompts: PromptSet) -> tuple[Place, ...]:
    """Each role and position once. ValueError for what is neither, and for those that no prompt has."""
    several = list(at) if isinstance(at, Sequence) and not isinstance(at, str | bytes) else [at]
    places = dict.fromkeys(_place(one, prompts) for one in several)
    if not places:
        raise ValueError(f"at={at!r} names no place. {_may_be(prompts)}")
    return tuple(places)


def _place(given: object, prompts: PromptSet) -> Place:
    if isinstance(given, str):
        if given != "all" and given not in prompts.roles:
            raise ValueError(f"no prompt has the role {given!r}. {_may_be(prompts)}{role_meant(given, prompts.roles)}")
        return given
    if not isinstance(given, Integral) or isinstance(given, bool):
        found = typed_text(given)
        raise ValueError(f"at takes roles and positions; found {found}. {_may_be(prompts)}")
    position, longest = int(given), max(map(len, prompts))
    if not 0 <= position < longest:
        raise ValueError(f"at={position}, and the longest prompt has {longest} tokens, counted from 0.")
    return position


def _may_be(prompts: PromptSet) -> str:
    return f"Give `all`, a position, a role ({', '.join(prompts.roles)}), or a list of these."


def _text(places: tuple[Place, ...]) -> str:
    return "all" if "all" in places else ", ".join(map(str, places))


def _check(
    model: Model,
    prompts: PromptSet,
    ablation: Ablation,
    parts: list[Component | Edge],
    edges: list[Edge],
    places: tuple[Place, ...],
) -> None:
    """Raise a ValueError for whatever can be refused before the model runs."""
    if edges and len(edges) < len(parts):
        raise ValueError("edges and components are patched in different ways: give either in one call.")
    if edges:
        model.require("edges", "patch")
        if "all" not in places:
            found = _text(places)
            raise ValueError(f"edges are patched at all positions; found at={found}: leave it out, or give components.")
    ablation.check(prompts)
    model.check_prompts(prompts)


def _without_edges(model: Model, pair: Pair, edges: list[Edge]) -> Tensor:
    """The metric [prompt] where these edges carry ablated values."""
    import torch

    from circuits.effects.circuit_runs import metric_with_edges

    kept = torch.ones(1, model.wiring.n_edges, dtype=torch.bool, device=pair.batch.clean.device)
    kept[0, [model.wiring.edge_index(edge) for edge in edges]] = False
    with torch.no_grad():
        return metric_with_edges(model, pair, kept)[0]


def _without(model: Model, pair: Pair, parts: list[Component | Edge], places: tuple[Place, ...]) -> Tensor:
    """The metric [prompt] where these components give ablated values at some positions."""
    import torch

    from circuits.model.forward import Earlier

    forward, batch, clean, ablated = model.forward, pair.batch, pair.clean, pair.ablated
    mask = _mask(pair, places)[:, clean.start :]
    names = set(map(str, parts))

    def tap(layer: int, site: Site, value: Tensor) -> Tensor:
        if site == "z":
            heads = [f"a{layer}.h{number}" in names for number in range(value.shape[2])]
            chosen = mask[:, :, None] & torch.tensor(heads, device=value.device)
            return torch.where(chosen[..., None], ablated.z[layer], value)
        if site == "mlp" and f"m{layer}" in names:
            return torch.where(mask[..., None], ablated.mlp[layer], value)
        return value

    embedded = clean.residual[0]
    if "input" in names:
        embedded = torch.where(mask[..., None], ablated.residual[0], embedded)
    with torch.no_grad():
        final = forward.run(
            embedded,
            n_positions=batch.n_positions,
            start=clean.start,
            earlier=Earlier(clean.key, clean.value),
            tap=tap,
        )
        return pair.readout(forward.at_rows(final, batch.read_positions, clean.start))[0]


def _mask(pair: Pair, places: tuple[Place, ...]) -> Tensor:
    """[sequence, position] where parts take their ablated values."""
    import torch

    batch = pair.batch
    mask = torch.zeros(batch.clean.shape, dtype=torch.bool, device=batch.clean.device)
    if "all" in places:
        return ~mask
    for place in places:
        if isinstance(place, str):
            mask |= batch.positions_of(place)
        elif place < batch.n_positions:
            mask[:, place] |= batch.of_prompts[:, place]
    return mask
