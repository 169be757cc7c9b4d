"""Causal tracing: how much of the behavior comes back when one component is restored in a corrupt run.

The corruption is the run's ablation: noise on the image (`image-noise`), another image or text (`corrupt`), or noise on
the embeddings, of a subject say (`noise`). One component of one layer at one position is restored at a time, and the
run continues from there on the corrupt run's activations; the vision tower runs once per prompt and noise sample.

`trace` keeps what recovery rates need (`circuits.recovery`). Published settings: Li et al. 2025, arXiv 2511.05923
(FCCT): metric `answer-probability`, all layers, seven categories of tokens as roles, no window. Meng et al. 2022
(ROME): noise on the subject with sigma 3, a window of 10 layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from circuits.ablations import Ablation, NoiseAblation
from circuits.citations import LI_2025, MENG_2022
from circuits.data.prompts import PromptSet
from circuits.kinds import KINDS
from circuits.methods.base import CORRUPT
from circuits.methods.component_base import ComponentMethod, Granularity, components_of, require_run
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.steps import steps, whole
from circuits.recovery import Trace
from circuits.scores import ComponentScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

TracedKind = Literal["residual", "attention", "mlp", "head"]


@register
@dataclass(frozen=True)
class CausalTracing(ComponentMethod):
    """What restoring each hidden state, attention or MLP output, or head brings back in a corrupt run.

    Scores are metric(restored) - metric(corrupt): positive supports the behavior.

    Cost: about half a forward pass per component, position and noise sample, less for late layers and positions.

    at       each token role (`roles`; the token categories of image prompts are roles), each position (`positions`), or
             `all` positions at once
    kinds    `residual` (hidden states: rL is the stream entering layer L), `attention` (attention output), `mlp` (FFN
             output), `head` (a single head's output)
    window   how many layers of attention or MLP outputs are restored together; 1 is one at a time
    samples  how many times noise is drawn; scores are means over them
    """

    name = "causal-tracing"
    cites = (MENG_2022, LI_2025)
    summary = "what restoring each hidden state, attention or MLP output, or head brings back in a corrupt run"
    scores_are = "measured"

    at: Granularity = "roles"
    kinds: tuple[TracedKind, ...] = ("residual", "attention", "mlp")
    window: int = 1
    samples: int = 1

    def __post_init__(self) -> None:
        self.check_settings({"kinds": (self.kinds, get_args(TracedKind))})
        object.__setattr__(self, "kinds", tuple(self.kinds))
        for name in ("window", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{self.name}: {name}={getattr(self, name)}: give 1 or more.")
        if self.window > 1 and not any(KINDS[kind].is_sublayer for kind in self.kinds):
            raise ValueError(
                f"{self.name}: window={self.window} is for attention and MLP outputs, and kinds="
                f"{', '.join(self.kinds)} has neither. Leave it out."
            )

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for ablations in which nothing can be restored, or samples of one without noise."""
        super().check_asked(prompts, metric, ablation)
        require_run(self.name, "restoring", ablation)
        if self.samples > 1 and not isinstance(ablation, NoiseAblation):
            raise ValueError(
                f"{self.name}: samples={self.samples} draws noise several times, and ablation {ablation.name!r} draws "
                "none. Leave it out."
            )

    def score(
        self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT
    ) -> ComponentScores:
        return self.trace(model, prompts, metric=metric, ablation=ablation).scores

    def trace(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> Trace:
        """Scores [prompt, position, component] and the metric of the clean and corrupt runs. Calls `check` first."""
        self.check(model, prompts, metric, ablation)
        clean, corrupt = np.zeros(len(prompts)), np.zeros((self.samples, len(prompts)))

        def trace_sample(sample: int) -> ComponentScores:
            def note(pair: Pair) -> None:
                prompt_indices = np.asarray(pair.batch.prompt_indices)
                clean[prompt_indices] = pair.metric_of(model.forward, pair.clean).float().cpu().numpy()
                corrupt[sample, prompt_indices] = pair.metric_of(model.forward, pair.ablated).float().cpu().numpy()

            drawn = ablation.with_sample(sample) if isinstance(ablation, NoiseAblation) else ablation
            return self.measured(model, prompts, metric, drawn, note)

        with whole():
            sampled = [trace_sample(sample) for sample in steps(range(self.samples))]
        mean = np.mean([scores.per_prompt for scores in sampled], axis=0, dtype=np.float64).astype(np.float32)
        provenance = self.provenance(model, prompts, metric, ablation)
        return Trace(replace(sampled[0], per_prompt=mean, provenance=provenance), clean, corrupt.mean(axis=0))

    def effects(self, model: Model, pair: Pair, masks: Sequence[Tensor]) -> Iterator[Tensor]:
        import torch

        from circuits.effects.patching import n_changed, patched_metrics, windowed_metrics

        forward, components = model.forward, tuple(components_of(model.wiring, self.kinds))
        base, donor = pair.ablated, pair.clean
        in_windows = [n for n, part in enumerate(components) if self.window > 1 and part.is_sublayer]
        alone = [n for n in range(len(components)) if n not in in_windows]
        for mask in steps(masks, [n_changed(forward, pair.batch, mask) for mask in masks]):
            with torch.no_grad():
                corrupt = pair.metric_of(forward, base)
                restored = corrupt.repeat(len(components), 1)
                if alone:
                    restored[alone] = patched_metrics(forward, pair, base, donor, mask, [components[n] for n in alone])
                if in_windows:
                    chosen = [components[n] for n in in_windows]
                    restored[in_windows] = windowed_metrics(forward, pair, base, donor, mask, chosen, self.window)
                yield restored - corrupt
