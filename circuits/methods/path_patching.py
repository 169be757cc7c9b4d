"""Path patching: how much of a sender's effect runs directly into given receivers.

For every sender head: (a) the clean run with the sender's output from the corrupt prompt and every other head frozen to
its clean output, MLPs recomputed (or frozen too); what the receivers then read is recorded. (b) the clean run with
nothing but the recorded receiver inputs patched in. score = metric(clean) - metric(b). `circuits.effects.path_effects`
says how this is computed.

Source: Wang et al. 2022 (all positions); Goldowsky-Dill et al. 2023; Merullo et al. 2024, whose code patches and
freezes at one position, END by default. They report (patched - clean) / (corrupt - clean): our score over the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import Ablation
from circuits.arrays import Floats
from circuits.citations import GOLDOWSKY_DILL_2023, MERULLO_2024, WANG_2023
from circuits.components import Component
from circuits.data.prompts import END, PromptSet
from circuits.data.refused import RefusedPrompts
from circuits.effects.receivers import Receiver, heads_of, receivers_from, senders_before
from circuits.lookup import role_meant
from circuits.methods.base import CORRUPT, Method
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.steps import whole
from circuits.numbers import count_text
from circuits.scores import ALL_POSITIONS, ComponentScores

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.batches import Batch
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class PathPatching(Method):
    """The effect of each head along its direct paths into the receivers, other heads held at their clean outputs.

    Cost into the logits: the MLPs at the patched positions. Else what a forward pass costs from the first receiver's
    layer and the first patched position on, per sender.

    receivers    readers by name: ("logits",) alone, or ("a9.h9<q>", "a10.h0<q>"), ("a3.kv1<v>",) with grouped keys,
                 ("m3",); a head's ("a9.h9<z>",), its output on queries, keys and values that change together; or
                 ("r5",) alone, the stream entering layer 5
    at           role at whose position the sender is patched and the heads are frozen, or `all` for every position. By
                 default END, as in Merullo et al.; into keys and values `all`, because these are read elsewhere
    freeze_mlps  hold MLPs between sender and receivers at their clean outputs too: direct paths only
    between      whether heads that run after the first of several receivers are measured into the later ones; Merullo
                 et al. leave them out
    """

    name = "path-patching"
    cites = (WANG_2023, GOLDOWSKY_DILL_2023, MERULLO_2024)
    summary = "exact effect of each head along its paths into given receivers"
    scores_are = "measured"
    result = "components"
    scored_in = ("measure", 3)  # patched positions are computed alone

    receivers: tuple[str, ...] = ("logits",)
    at: str | None = None
    freeze_mlps: bool = False
    between: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "receivers", tuple(self.receivers))
        receivers_from(self.receivers, self.name)

    @property
    def position(self) -> str:
        """Where senders are patched."""
        reads_elsewhere = any(receiver.port in ("k", "v") for receiver in self._receivers())
        return self.at or (ALL_POSITIONS if reads_elsewhere else END)

    @property
    def named_parts(self) -> tuple[Component, ...]:
        return tuple(receiver.component for receiver in self._receivers())

    def check_selection(self, position: str | None) -> None:
        if position not in (None, self.position):
            raise ValueError(f"path-patching has no scores at position={position!r}. It has: {self.position}.")

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for a receiver the model lacks, and for receivers that no head runs before."""
        super().check(model, prompts, metric, ablation)
        for receiver in self._receivers():
            receiver.check(model.wiring)
        if not any(receiver.heads_before(model.wiring) for receiver in self._receivers()):
            raise ValueError(
                f"path-patching into {', '.join(self.receivers)}: no head runs before, so no path leads there from "
                "one. Name receivers in later layers, or 'logits'."
            )

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for a role that a prompt lacks, and where answers of several tokens are read after
        the end of the prompt, which is where senders are patched by default.
        """
        super().check_asked(prompts, metric, ablation)
        if self.at is None:
            require_short_answers(self.position, prompts, self.name, f"Set at=all, or at={END} if that is meant.")
        require_role(self.position, prompts, self.name)

    def score(
        self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT
    ) -> ComponentScores:
        """Exact scores [prompt, position, sender head]. Heads that run after every receiver's layer are not measured.

        The position is where it was patched.
        """
        self.check(model, prompts, metric, ablation)
        layers = senders_before(self._receivers(), model.wiring, between=self.between)
        scores = path_scores(
            model, prompts, metric, ablation, self._receivers(), self.position, layers, freeze_mlps=self.freeze_mlps
        )
        senders = heads_of(model.wiring)
        reaches = np.array([sender.layer in layers for sender in senders])
        measured = np.broadcast_to(reaches, scores.shape).copy()
        provenance = self.provenance(model, prompts, metric, ablation)
        return ComponentScores(model.wiring, senders, (self.position,), scores[:, None], measured[:, None], provenance)

    def _receivers(self) -> tuple[Receiver, ...]:
        return tuple(map(Receiver.parse, self.receivers))


def path_scores(
    model: Model,
    prompts: PromptSet,
    metric: Metric,
    ablation: Ablation,
    receivers: tuple[Receiver, ...],
    position: str,
    layers: range,
    *,
    freeze_mlps: bool,
) -> Floats:
    """[prompt, head] scores along the paths from heads of some layers into receivers; 0 for heads of other layers."""
    from circuits.effects.paired_runs import each_pair
    from circuits.effects.path_effects import path_effects

    scores = np.zeros((len(prompts), model.wiring.n_layers * model.wiring.n_heads), dtype=np.float32)

    def measure(pair: Pair) -> None:
        effects = path_effects(
            model.forward,
            model.wiring,
            pair,
            receivers,
            mask_of(pair.batch, position),
            layers=layers,
            freeze_mlps=freeze_mlps,
        )
        scores[np.asarray(pair.batch.prompt_indices)] = effects.T.cpu().numpy()

    if layers:
        with whole():
            each_pair(model, prompts, metric, ablation, measure)
    return scores


def mask_of(batch: Batch, position: str) -> Tensor:
    """[sequence, position] which positions of the whole prompt a role, or `all`, stands for."""
    import torch

    if position == ALL_POSITIONS:
        return torch.ones_like(batch.clean, dtype=torch.bool)
    return batch.positions_of(position)


def require_short_answers(position: str, prompts: PromptSet, method: str, remedy: str) -> None:
    """Raise a ValueError where END is not all that answers depend on.

    remedy  what to do, for the error
    """
    long = [number for number, prompt in enumerate(prompts) if prompt.has_long_answers]
    if position == END and long:
        raise RefusedPrompts(
            f"{method} patches at {END!r} unless another position is given, where only the first token of an "
            f"answer is predicted; answers of {len(long)} of {count_text(len(prompts), 'prompt')} have several. "
            f"{remedy}",
            long,
        )


def require_role(position: str, prompts: PromptSet, method: str) -> None:
    """Raise a ValueError where a prompt lacks the role at which is patched."""
    if position == ALL_POSITIONS:
        return
    lacking = [number for number, prompt in enumerate(prompts) if position not in prompt.roles]
    if lacking:
        raise RefusedPrompts(
            f"{method} at {position!r}: {len(lacking)} of {count_text(len(prompts), 'prompt')} "
            f"{'lacks' if len(lacking) == 1 else 'lack'} that role (the first is "
            f"{prompts.called(lacking[0])}). Roles: {', '.join(prompts.roles)}; or 'all'."
            f"{role_meant(position, prompts.roles)}",
            lacking,
        )
