"""Which components make the difference between two checkpoints: one's outputs patched into the other's run.

Two models M (into) and M' (from) are wired alike, such as two checkpoints of one training run. On the same prompts, the
outputs of a group of components of M' take the place of those in M (cross-model activation patching, CMAP). The share

    recovered = (m(M <- M') - m(M)) / (m(M') - m(M))

is 1 where the group's outputs alone make M do what M' does, and 0 where they change nothing. It adds up neither over
components nor over layers: a head that reads what an earlier one has learned to write carries that too.

Source: Prakash et al. 2024 (2402.14811), section 6. There z is patched, and M's own output matrix writes it; here it is
what M' writes (`circuits.effects.cross_patching`). Intervals over prompts are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import Wiring
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import SMALLEST_GAP
from circuits.intervals import Estimate, ratio_t_interval, t_interval
from circuits.masks import edge_sources
from circuits.metrics import Metric

if TYPE_CHECKING:
    from circuits.model.batches import Batch
    from circuits.model.load import Model

_RUNS = 2  # whole runs that are held at once


@dataclass(frozen=True)
class Patched:
    """The metric of the model that is patched into.

    into, donor  [prompt] of both models as they are
    values       [group, prompt] with the outputs of a group from the other model

    >>> import numpy as np
    >>> from circuits.evaluation.checkpoints import Patched
    >>> patched = Patched(into=np.array([0.0, 1.0]), donor=np.array([4.0, 5.0]), values=np.array([[2.0, 3.0]]))
    >>> patched.require_gap()
    >>> patched.gap.value, patched.recovered(0).value
    (4.0, 0.5)
    """

    into: Floats
    donor: Floats
    values: Floats

    @property
    def gap(self) -> Estimate:
        """m(M') - m(M), of means over prompts, with its t interval."""
        differences = self.donor - self.into
        return Estimate(float(differences.mean()), t_interval(differences).item())

    def recovered(self, group: int) -> Estimate:
        """The share of the gap that a group recovers, a ratio of means with its t interval over prompts.

        ValueError where the two models do the same: there is nothing to recover.
        """
        self.require_gap()
        differences = self.donor - self.into
        share = float((self.values[group] - self.into).mean() / differences.mean())
        return Estimate(share, ratio_t_interval(self.values[group] - self.into, differences).item())

    def require_gap(self) -> None:
        """ValueError where the metric of both models is the same, beyond rounding."""
        size = max(float(np.abs(self.into).mean()), float(np.abs(self.donor).mean()))
        if abs(float((self.donor - self.into).mean())) <= SMALLEST_GAP * size:
            raise ValueError(
                f"both models reach a metric of {self.into.mean():z.3g} on these prompts: there is no difference of "
                "which a component could recover a share. Compare checkpoints that do not do the task equally well."
            )


def patched_from(model: Model, donor: Model, prompts: PromptSet, groups: Bools, *, metric: Metric) -> Patched:
    """The metric of `model` with the outputs of each group of components from `donor`, on the same clean prompts.

    groups  [group, writer] in the order of `wiring.writers`; with `input`, the donor's embedding is read

    ValueError, before anything runs, for models that do not correspond (`require_corresponding`), and a metric that
    compares a run with the model's own clean run. Cost: two forward passes, and at most one for each group.

    >>> import numpy as np
    >>> from circuits import METRICS, TASKS, load_model
    >>> from circuits.evaluation.checkpoints import patched_from
    >>> before, after = load_model("reference-early"), load_model("reference")
    >>> prompts = TASKS["ioi"]().build(after.tokenizer, n=4)
    >>> writers = list(map(str, after.wiring.writers))
    >>> groups = np.array([[name in names for name in writers] for names in (("a3.h3",), ("a3.h3", "m3"))])
    >>> patched_from(before, after, prompts, groups, metric=METRICS["logit-difference"]).values.shape  # group, prompt
    (2, 4)
    """
    import torch

    from circuits.effects.cross_patching import metric_with_outputs_of
    from circuits.effects.paired_runs import Readout
    from circuits.model.batches import each_batch

    require_corresponding(model, donor, prompts)
    require_common_metric(metric)
    metric.check(prompts)
    for each in (model, donor):
        each.check_prompts(prompts)
    wiring, chosen = model.wiring, torch.from_numpy(np.ascontiguousarray(groups)).to(model.forward.device)
    into, other, values = np.zeros(len(prompts)), np.zeros(len(prompts)), np.zeros((len(groups), len(prompts)))

    def patch(batch: Batch) -> None:
        numbers, reads, runs = np.asarray(batch.prompt_indices), [], []
        for each, of_prompts in ((model, into), (donor, other)):
            run = each.forward.record(batch.clean, batch.clean_pixels(each.forward))
            final = each.forward.at_rows(run.residual[-1], batch.read_positions, 0)
            reads.append(Readout(each.forward, batch, metric, final))
            of_prompts[numbers] = reads[-1](final)[0].cpu().numpy()
            runs.append(run)
        kept = runs[0].only({"residual"}), runs[1].only({"z", "mlp"})
        patched = metric_with_outputs_of(model.forward, donor.forward, wiring, batch, kept, chosen, reads[0])
        values[:, numbers] = patched.cpu().numpy()

    at_once = max(1, model.forward.batch_size(prompts.n_positions) // _RUNS)
    with torch.no_grad():
        each_batch(prompts, model.forward, patch, at_once=at_once, shares_prefix=False, with_answers=True)
    return Patched(into, other, values)


def require_corresponding(model: Model, donor: Model, prompts: PromptSet) -> None:
    """ValueError unless components of both models correspond, and both read the same words in the prompts."""
    both = f"{model.name!r} and {donor.name!r}"
    if model.wiring != donor.wiring:
        raise ValueError(f"{both} have different wirings, so their components do not correspond.")
    shapes = [each.forward.weight_u.shape for each in (model, donor)]
    for axis, what in enumerate(("tokens in the vocabulary", "numbers in the residual stream")):
        sizes = [shape[axis] for shape in shapes]
        if sizes[0] != sizes[1]:
            raise ValueError(f"{both} have {sizes[0]} and {sizes[1]} {what}, so outputs of one do not fit the other.")
    if any(layer.norm_z is not None for each in (model, donor) for layer in each.forward.layers):
        raise ValueError(f"{both} norm all heads together before their output, so no head has an output of its own.")
    _require_same_words(model, donor, prompts)


def _require_same_words(model: Model, donor: Model, prompts: PromptSet) -> None:
    """ValueError where a prompt's tokens are other words to the donor; nothing is known of models without words."""
    tokenizers = [each.tokenizer for each in (model, donor) if each.tokenizer is not None]
    if len(tokenizers) < 2:
        return
    for number, prompt in enumerate(prompts):
        words = [tokenizer.convert_ids_to_tokens(list(prompt.clean)) for tokenizer in tokenizers]
        if words[0] != words[1]:
            raise ValueError(
                f"{prompts.called(number)} is {words[0]} to {model.name!r} and {words[1]} to {donor.name!r}: their "
                "tokenizers differ, so the other model would read another text."
            )


def require_common_metric(metric: Metric) -> None:
    """ValueError for a metric that says how far a run is from the model's own clean run."""
    if metric.needs_clean_logits:
        raise ValueError(
            f"metric {metric.name!r} compares a run with the clean run of the same model, and two models have none in "
            "common. Use a metric of the answers, such as logit-difference."
        )


def circuit_groups(wiring: Wiring, circuits: Mapping[str, Bools]) -> dict[str, Bools]:
    """Groups of components [writer] to patch together, by name, `input` in none but the last.

    circuits  what two circuits are called -> their edges [edge], that of the model patched into first

    Each circuit's heads and MLPs, those of both, those of neither, all there are, and all with the embedding.
    """
    writers = len(wiring.writers)
    sources = edge_sources(wiring)
    parts = {name: np.bincount(sources, weights=edges, minlength=writers) > 0 for name, edges in circuits.items()}
    for mask in parts.values():
        mask[0] = False
    (first, of_first), (second, of_second) = parts.items()
    every = np.ones(writers, dtype=np.bool_)
    without_input = every.copy()
    without_input[0] = False
    return {
        first: of_first,
        second: of_second,
        "both": of_first & of_second,
        "neither": without_input & ~(of_first | of_second),
        "all heads and MLPs": without_input,
        "all, and the embedding": every,
    }
