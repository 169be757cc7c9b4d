"""ABLATIONS: what takes the place of a part's value when it is corrupted.

Every method and every evaluation puts in the values of an *ablated run*, which an ablation makes for a batch: what
each component would write. Its metric is that of the empty circuit. For `corrupt` and `noise` it is a run of the model
(on other tokens, on noisy embeddings), so that parts can also be restored in it; for `zero` and the means each
component's value is given, and the residual stream is their sum with the biases that belong to no component. What
`zero` means for biases depends on how weights are processed: both conventions are there.

Sources: Wang et al. 2022 (mean ablation over a reference set), Meng et al. 2022 (noise), Zhang & Nanda 2024 (pairs),
Li et al. 2025, arXiv 2511.05923 (noise on images).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

from circuits.citations import LI_2025, MENG_2022, WANG_2023, ZHANG_2024, Citation
from circuits.data.refused import RefusedPrompts
from circuits.lookup import role_meant
from circuits.numbers import count_text
from circuits.registry import Registry, subclass_of

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.data.prompts import Prompt, PromptSet
    from circuits.model.batches import Batch
    from circuits.model.forward import Forward, Run
    from circuits.model.load import Model


@dataclass(frozen=True)
class Ablation:
    """Makes ablated runs. Subclasses are frozen dataclasses whose fields are their settings.

    shares_prefix    whether positions before the first difference of clean and corrupt keep their clean values
    is_run           whether the ablated values are those of a run of the model, in which parts can be restored
    needs_reference  whether it must be `fitted` to a set of prompts first
    cites            the papers it is from
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    cites: ClassVar[tuple[Citation, ...]] = ()
    shares_prefix: ClassVar[bool] = False
    is_run: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """What a user can set: every field but those that `fitted` fills in, which are not shown."""
        return tuple(entry.name for entry in fields(cls) if entry.repr)

    def described(self, prompts: PromptSet) -> str:
        """Name and settings, such as `noise(sigma=3.0, seed=0)`, when used on these prompts."""
        settings = [f"{name}={getattr(self, name)}" for name in self.setting_names()]
        return f"{self.name}({', '.join(settings)})" if settings else self.name

    def check(self, prompts: PromptSet) -> None:
        """Raise a ValueError where these prompts lack what the ablation needs."""

    def caveats(self, forward: Forward) -> list[str]:
        """What a reader of results must know about this ablation on this model; mostly nothing."""
        return []

    def fitted(self, model: Model, reference: PromptSet) -> Ablation:
        """The ablation fitted to a reference set; itself where it needs none, or is fitted already."""
        return self

    def ablated(self, forward: Forward, batch: Batch, clean: Run) -> Run:
        """The ablated run of a batch, from position `batch.start` on.

        clean  the clean run over all positions
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Corrupt(Ablation):
    """The value that the part has on the corrupt prompt of the pair."""

    name = "corrupt"
    cites = (ZHANG_2024,)
    summary = "the part's value on the corrupt prompt of the pair"
    shares_prefix = True
    is_run = True

    def check(self, prompts: PromptSet) -> None:
        """Raise a ValueError for prompts without partners, and for pairs whose two sides are the same."""
        if not prompts.is_paired:
            raise ValueError(no_partners(prompts.task))
        same = [number for number, p in enumerate(prompts) if p.image is not None and p.first_difference == len(p)]
        if same:
            raise RefusedPrompts(
                f"ablation 'corrupt' takes values from each prompt's partner, and {len(same)} of "
                f"{count_text(len(prompts), 'prompt')} {'shows' if len(same) == 1 else 'show'} the same image "
                f"and text (the first is {prompts.called(same[0])}). Give a corrupt image, or choose 'image-noise'.",
                same,
            )
        if equal := prompts.unchanged:
            raise RefusedPrompts(
                "ablation 'corrupt' takes values from each prompt's partner, and clean and corrupt are the same tokens "
                f"in {len(equal)} of {count_text(len(prompts), 'pair')} (the first is "
                f"{prompts.called(equal[0])}): nothing can "
                "differ. Choose another ablation, such as 'mean', or corrupt prompts that differ from the clean ones; "
                "in Python, `prompts.without_unchanged()` leaves these pairs out.",
                equal,
            )

    def ablated(self, forward: Forward, batch: Batch, clean: Run) -> Run:
        return forward.record(batch.corrupt, batch.corrupt_pixels(forward), start=batch.start, earlier=clean)


def no_partners(task: str) -> str:
    """The message for labeled prompts where the ablation takes values from partners.

    >>> from circuits.ablations import no_partners
    >>> "Choose another ablation, such as 'mean'" in no_partners("own")
    True
    """
    return (
        f"ablation 'corrupt' takes values from each prompt's partner, and the prompts of {task!r} are labeled "
        "positives and negatives without partners. Choose another ablation, such as 'mean', or give pairs (clean and "
        "corrupt)."
    )


@dataclass(frozen=True)
class NoiseAblation(Ablation):
    """An ablation that draws Gaussian noise.

    sigma  standard deviation of the noise, in units that subclasses state
    seed   draws the noise, with what it is added to: the same prompt gets the same noise in any batch
    """

    is_run = True

    sigma: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"{self.name}: sigma={self.sigma}. It must be positive; 3 is usual.")

    def with_sample(self, sample: int) -> NoiseAblation:
        """The same ablation with other noise; sample 0 is itself."""
        return replace(self, seed=self.seed + sample)

    def _drawn(self, what: Any, shape: tuple[int, ...]) -> Tensor:
        import torch

        digest = hashlib.sha256(repr((self.seed, what)).encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        return torch.randn(shape, generator=generator)


@dataclass(frozen=True)
class Noise(NoiseAblation):
    """The value that the part has when Gaussian noise is added to the embeddings of the clean prompt.

    sigma  in standard deviations of the prompt's own embeddings; the tokens of its answer get no noise
    at     the role whose embeddings get noise, such as the subject; None is all positions
    """

    name = "noise"
    cites = (MENG_2022,)
    summary = "the part's value on the clean prompt with noise on its embeddings, all of them or those of a role"

    at: str | None = None

    def check(self, prompts: PromptSet) -> None:
        if self.at is None:
            return
        if self.at not in prompts.roles:
            raise ValueError(
                f"noise is to be added at role {self.at!r}; the prompts of {prompts.task!r} have the roles "
                f"{', '.join(prompts.roles)}.{role_meant(self.at, prompts.roles)}"
            )
        lacking = [number for number, prompt in enumerate(prompts) if self.at not in prompt.roles]
        if lacking:
            raise RefusedPrompts(
                f"noise is to be added at role {self.at!r}, which {len(lacking)} of "
                f"{count_text(len(prompts), 'prompt')} {'lacks' if len(lacking) == 1 else 'lack'} "
                f"(the first is {prompts.called(lacking[0])}).",
                lacking,
            )

    def described(self, prompts: PromptSet) -> str:
        at = "" if self.at is None else f", at={self.at}"
        return f"{self.name}(sigma={self.sigma}, seed={self.seed}{at})"

    def ablated(self, forward: Forward, batch: Batch, clean: Run) -> Run:
        import torch

        embedded, prompts = clean.residual[0], batch.by_sequence
        if all(len(prompt) == batch.n_positions for prompt in prompts):
            noise = torch.stack([self._drawn(_content(prompt), embedded.shape[1:]) for prompt in prompts])
            spread = embedded.float().std(dim=(1, 2), keepdim=True)
        else:
            # Of the prompt's own tokens: its answer's are those asked about, and what it is filled up with is nothing.
            noise = torch.zeros(embedded.shape)
            for row, prompt in zip(noise, prompts, strict=True):
                row[: len(prompt)] = self._drawn(_content(prompt), (len(prompt), row.shape[1]))
            own = [row[: len(prompt)].float().std() for row, prompt in zip(embedded, prompts, strict=True)]
            spread = torch.stack(own).view(-1, 1, 1)
        if self.at is not None:
            noise *= batch.positions_of(self.at).cpu().unsqueeze(-1)
        noisy = embedded + (self.sigma * spread * noise.to(embedded.device)).to(embedded.dtype)
        return forward.record_from(noisy, n_positions=batch.n_positions)


def _content(prompt: Prompt) -> Any:
    """What determines a prompt's embeddings."""
    return prompt.clean if prompt.image is None else (prompt.clean, prompt.image.fingerprint)


Schedule = Literal["additive", "diffusion"]


@dataclass(frozen=True)
class ImageNoise(NoiseAblation):
    """The value that the part has when Gaussian noise covers the image of the clean prompt.

    sigma     in standard deviations of the image's own pixels, as the processor normalizes them (1 where all are equal)
    schedule  `additive`: the noise is added. `diffusion`: the sum is then divided by sqrt(1 + sigma^2), so that pixels
              keep their variance, as in a diffusion process after the step with noise-to-signal ratio sigma

    Li et al. (arXiv 2511.05923) state neither.
    """

    name = "image-noise"
    cites = (LI_2025,)
    summary = "the part's value on the clean prompt with noise on its image"

    schedule: Schedule = "additive"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule not in get_args(Schedule):
            raise ValueError(f"{self.name}: schedule={self.schedule!r}. Known: {', '.join(get_args(Schedule))}.")

    def check(self, prompts: PromptSet) -> None:
        lacking = [number for number, prompt in enumerate(prompts) if prompt.image is None]
        if lacking:
            raise RefusedPrompts(
                f"ablation {self.name!r} puts noise on images, and {len(lacking)} of "
                f"{count_text(len(prompts), 'prompt')} {'has' if len(lacking) == 1 else 'have'} none "
                f"(the first is {prompts.called(lacking[0])}). For text, choose 'noise' or 'corrupt'.",
                lacking,
            )

    def ablated(self, forward: Forward, batch: Batch, clean: Run) -> Run:
        pixels = batch.clean_pixels(forward)
        assert pixels is not None
        noisy = {**pixels, "pixel_values": self.noisy(pixels["pixel_values"], batch.by_sequence)}
        return forward.record(batch.clean, noisy)

    def noisy(self, values: Tensor, prompts: Sequence[Prompt]) -> Tensor:
        """Pixel values with noise [prompt, ...]."""
        import torch

        if len(values) != len(prompts):
            raise ValueError(
                f"ablation {self.name!r} needs one picture for each prompt, and this model's processor makes "
                f"{len(values)} of {len(prompts)}: it cuts images into parts. Use 'corrupt' with another image."
            )
        whats = [prompt.image.fingerprint for prompt in prompts if prompt.image is not None]
        noise = torch.stack([self._drawn(what, tuple(values.shape[1:])) for what in whats]).to(values.device)
        clean = values.float()
        spread = clean.flatten(1).std(dim=1).view(-1, *[1] * (clean.ndim - 1))
        spread = torch.where(spread > 0, spread, 1.0)  # of an image of one color
        noisy = clean + self.sigma * spread * noise
        if self.schedule == "diffusion":
            noisy = noisy / (1 + self.sigma**2) ** 0.5
        return noisy.to(values.dtype)


@dataclass(frozen=True)
class Zero(Ablation):
    """Zero: the part writes nothing.

    Of the model's own weights, with nothing folded: a head's z is set to zero, and with it what the head adds on every
    prompt because its values have a bias (or the norm before them has); an MLP's output is zero with its bias. The bias
    of the attention's output belongs to no head and stays. `zero-folded` is the other convention.
    """

    name = "zero"
    summary = "zero: the part writes nothing; a head's value bias goes too, as nothing is folded (see zero-folded)"

    def caveats(self, forward: Forward) -> list[str]:
        if not any(bool(layer.z_of_biases.any()) for layer in forward.layers):
            return []
        return [
            "ablation 'zero' is that of the model's own weights: a head's value bias is ablated with it. Figures "
            "published for weights that TransformerLens has processed (fold_ln, fold_value_biases) keep it, and can "
            "differ: for those, use 'zero-folded'."
        ]

    def ablated(self, forward: Forward, batch: Batch, clean: Run) -> Run:
        import torch

        return _run_of(
            forward,
            torch.zeros_like(clean.residual[0]),
            self._z(forward, clean),
            [torch.zeros_like(mlp) for mlp in clean.mlp],
        )

    def _z(self, forward: Forward, clean: Run) -> list[Tensor]:
        import torch

        return [torch.zeros_like(z) for z in clean.z]


@dataclass(frozen=True)
class ZeroFolded(Zero):
    """Zero, in weights whose norms and value biases are folded: a head still adds what its biases alone make it add.

    This is what setting z to zero does in weights that TransformerLens has processed (`fold_ln`, `fold_value_biases`,
    its defaults for years): there a head's value bias, and the bias of the norm before it, are part of the bias of the
    attention's output, which no ablation removes. An MLP's output is zero with its bias, as in `zero`; centered
    weights change nothing. Where values have no bias (Llama, Gemma, ...), the two are the same.
    """

    name = "zero-folded"
    summary = "zero in folded weights, as TransformerLens processes them: a head keeps what its value bias adds"

    def caveats(self, forward: Forward) -> list[str]:
        return []

    def _z(self, forward: Forward, clean: Run) -> list[Tensor]:
        return [layer.z_of_biases.expand_as(z) for layer, z in zip(forward.layers, clean.z, strict=True)]


class Means(NamedTuple):
    """Mean values over a reference set, one entry per position, or a single one for all positions.

    embedded   [position, d_model], z per layer [position, head, d_head], mlp per layer [position, d_model]
    reference  fingerprint of the prompts
    """

    embedded: Tensor
    z: list[Tensor]
    mlp: list[Tensor]
    reference: str


@dataclass(frozen=True, eq=False)
class Mean(Ablation):
    """The mean of the part's values over all positions of the clean prompts of a reference set.

    Tokens of answers of several tokens count where they are run; a prompt that is run several times counts once.
    """

    name = "mean"
    cites = (WANG_2023,)
    summary = "the mean of the part's values over the run's clean prompts, all positions"
    needs_reference = True
    by_position: ClassVar[bool] = False

    means: Means | None = field(default=None, repr=False)

    def fitted(self, model: Model, reference: PromptSet) -> Mean:
        if self.means is not None:
            return self
        return type(self)(_means(model, reference, by_position=self.by_position))

    def described(self, prompts: PromptSet) -> str:
        return f"{self.name}(reference={prompts.fingerprint if self.means is None else self.means.reference})"

    def ablated(self, forward: Forward, batch: Batch, clean: Run) -> Run:
        if self.means is None:
            raise ValueError(f"ablation {self.name!r} has no reference yet: call `fitted(model, prompts)` first.")
        n_known, n_asked = len(self.means.embedded), int(batch.of_sequences.sum(1).max())
        if self.by_position and n_known < n_asked:
            raise ValueError(
                f"ablation {self.name!r}: a prompt has {count_text(n_asked, 'token')}, the longest of the "
                f"reference set "
                f"{n_known}. Add a longer one to the reference set, or use 'mean'."
            )

        def spread(mean: Tensor) -> Tensor:
            """[prompt, position, ...]"""
            held = mean[: batch.n_positions] if self.by_position else mean
            return held.expand(batch.n_sequences, batch.n_positions, *mean.shape[1:])

        return _run_of(
            forward, spread(self.means.embedded), [spread(z) for z in self.means.z], [spread(m) for m in self.means.mlp]
        )


@dataclass(frozen=True, eq=False)
class PositionMean(Mean):
    """The mean of the part's values at the same position, counted from the start, over a reference set.

    A position is averaged over the prompts that are long enough to have it.
    """

    name = "position-mean"
    summary = "the mean of the part's values at the same position over the run's clean prompts"
    by_position = True


def _means(model: Model, reference: PromptSet, *, by_position: bool) -> Means:
    """Means over the clean prompts of a reference set. Cost: one forward pass per prompt."""
    import torch

    from circuits.model.batches import each_batch

    forward, longest = model.forward, reference.n_positions
    totals: dict[str, list[Tensor]] = {}
    counts = torch.zeros(longest, dtype=torch.float64)

    def add(batch: Batch) -> None:
        run = forward.record(batch.clean, batch.clean_pixels(forward))
        values = {"embedded": run.residual[:1], "z": run.z, "mlp": run.mlp}
        weights = _weights(batch)
        sums = {name: [_summed(value, weights) for value in of_layers] for name, of_layers in values.items()}
        counts[: batch.n_positions] += len(batch) if weights is None else weights.sum(0).cpu()
        for name, of_layers in sums.items():
            held = totals.setdefault(name, [value.new_zeros(longest, *value.shape[1:]) for value in of_layers])
            for total, value in zip(held, of_layers, strict=True):
                total[: batch.n_positions] += value

    each_batch(reference, forward, add, shares_prefix=False, with_answers=True)

    def mean(total: Tensor) -> Tensor:
        n = counts.to(total.device).view(-1, *[1] * (total.ndim - 1))
        value = total / n if by_position else total.sum(0, keepdim=True) / n.sum()
        return value.to(forward.weight_u.dtype)

    means = {name: [mean(total) for total in values] for name, values in totals.items()}
    return Means(means["embedded"][0], means["z"], means["mlp"], reference.fingerprint)


def _weights(batch: Batch) -> Tensor | None:
    """[sequence, position] how much a token counts: nothing where it is none of the prompt's or its answer's, and as a
    part of one where the prompt is run several times. None where all count alike."""
    is_token = batch.of_sequences
    if batch.n_sequences == len(batch) and bool(is_token.all()):
        return None
    counts = is_token.double()
    shares = [1 / batch.owners.count(owner) for owner in batch.owners]
    return counts * counts.new_tensor(shares).unsqueeze(1)


def _summed(values: Tensor, weights: Tensor | None) -> Tensor:
    """Sums [position, ...] of values [sequence, position, ...], in float64."""
    if weights is None:
        return values.double().sum(0)
    # In place, of a copy: these are the largest tensors of a run.
    return values.to(weights.dtype, copy=True).mul_(weights.view(*weights.shape, *[1] * (values.ndim - 2))).sum(0)


def _run_of(forward: Forward, embedded: Tensor, z: list[Tensor], mlp: list[Tensor]) -> Run:
    """The run in which every component writes a given value [prompt, position, ...]; it has no keys and no values."""
    from circuits.model.forward import Run

    run = Run(0, residual=[embedded], z=z, mlp=mlp)
    for number, layer in enumerate(forward.layers):
        run.attention.append(layer.attention_out(layer.heads_sum(z[number])))
        after = run.residual[-1] + run.attention[-1]
        run.residual.append(after + mlp[number] if layer.mlp is not None else after)
    return run


ABLATIONS: Registry[type[Ablation]] = Registry("ablations", subclass_of(Ablation))
for _ablation in (Corrupt, Zero, ZeroFolded, Mean, PositionMean, Noise, ImageNoise):
    ABLATIONS.register(_ablation)
