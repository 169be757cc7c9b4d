"""Direct effect: what replacing one component's value does to the metric on the direct way to the logits alone.

Everything later keeps its clean value, and only the final norm and the unembedding see the change. Activation patching
of the same component lets later ones see it as well: that is its total effect. Of a last MLP the two are one.

Source: Lieberum et al. 2023 (arXiv 2307.09458), who freeze the scale of the final norm (`circuits profile --profiles
direct-logit-attribution` does); here the norm sees the change, so that the number is the effect of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.citations import LIEBERUM_2023
from circuits.methods.component_base import ComponentMethod, Granularity, components_of
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.components import Component
    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Forward
    from circuits.model.load import Model

DirectKind = Literal["head", "mlp"]


@register
@dataclass(frozen=True)
class DirectEffect(ComponentMethod):
    """The exact effect of every head and MLP on the logits directly, by patching it on that way alone.

    Cost: a readout per component, which is no forward pass.

    at     `all` positions at once, each token role (`roles`), or each position (`positions`): only where an answer is
           read is there a direct effect
    kinds  which kinds of component: `head`, `mlp`
    """

    name = "direct-effect"
    cites = (LIEBERUM_2023,)
    summary = "exact effect of each head and MLP on the direct way to the logits, seen by nothing in between"
    scores_are = "measured"

    at: Granularity = "all"
    kinds: tuple[DirectKind, ...] = ("head", "mlp")

    def __post_init__(self) -> None:
        self.check_settings({"kinds": (self.kinds, get_args(DirectKind))})
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def effects(self, model: Model, pair: Pair, masks: Sequence[Tensor]) -> Iterator[Tensor]:
        import torch

        forward, components = model.forward, tuple(components_of(model.wiring, self.kinds))
        rows = pair.batch.read_positions
        with torch.no_grad():
            clean = pair.metric_of(forward, pair.clean)
            final = forward.at_rows(pair.clean.residual[-1], rows, pair.clean.start)
            for mask in masks:
                is_read = torch.gather(mask, 1, rows).unsqueeze(-1)
                if not is_read.any():
                    yield clean.new_zeros(len(components), len(clean))
                    continue
                effects = []
                for part in forward.chunks(len(components), pair.batch.n_sequences, rows.shape[1]):
                    changes = [_change(forward, pair, component) for component in components[part]]
                    patched = torch.cat([torch.where(is_read, final + change, final) for change in changes])
                    effects.append(clean - pair.readout(patched))
                yield torch.cat(effects)


def _change(forward: Forward, pair: Pair, component: Component) -> Tensor:
    """What the stream changes by where answers are read [sequence, read, d_model] when a component is ablated."""
    import torch

    assert component.layer is not None
    layer, rows = forward.layers[component.layer], pair.batch.read_positions
    site = "z" if component.is_head else "mlp"
    clean, ablated = (
        forward.at_rows(getattr(run, site)[component.layer], rows, run.start) for run in (pair.clean, pair.ablated)
    )
    if not component.is_head:
        return ablated - clean
    attention = forward.at_rows(pair.clean.attention[component.layer], rows, pair.clean.start)
    head = torch.tensor([[component.index]], device=clean.device)
    return layer.attention_with_heads_changed(clean, attention, ablated - clean, head)[0] - attention
