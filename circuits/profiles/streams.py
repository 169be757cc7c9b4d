"""What profiles of the residual stream share: one number per prompt, place and state, read as the stream goes by."""

from __future__ import annotations

from torch import Tensor

from circuits.components import Component, Wiring
from circuits.data.prompts import PromptSet
from circuits.profiles.base import Profile, Seen


class StreamProfile(Profile):
    """One number per [prompt, place, state]: the stream entering each layer, `r0` and so on, and that leaving the last.

    Of each state only what `keep` makes of it is held until the run ends, never the streams themselves.
    """

    by_default = False

    def components(self, wiring: Wiring) -> tuple[Component, ...]:
        return tuple(Component("residual", layer) for layer in range(wiring.n_layers + 1))

    def keep(self, stream: Tensor) -> Tensor:
        """[prompt, number] what is needed of a state [prompt, position, d_model]; as many numbers of each."""
        raise NotImplementedError

    def read_states(self, kept: Tensor) -> Seen:
        """The numbers of all states, from what was kept of them [prompt, state, number].

        Its `values` are [prompt, place, state], and so is `measured`, where it is not None.
        """
        raise NotImplementedError


def require_others(prompts: PromptSet, what: str) -> None:
    """Raise a ValueError where a prompt has no token beside the first."""
    if any(len(prompt) < 2 for prompt in prompts):
        raise ValueError(f"{what}: a prompt has a single token, so there are no others.")


def first_over_others(norms: Tensor) -> Tensor:
    """[...] of norms [..., position]: that of the first token over the median of all others."""
    return norms[..., 0] / norms[..., 1:].quantile(0.5, dim=-1).clamp(min=1e-12)
