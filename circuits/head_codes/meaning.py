"""What codes mean: which prompts show them, what their dictionary vectors write, and at which tokens they are active.

A code is the number of a feature, and a feature has a dictionary vector, its row of W_d. Read through the final norm
and the unembedding, the vector shows which tokens the head's output promotes; read at the roles of a prompt, the
feature shows where the head writes it. Mutual information measures what all codes of a head together tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Bools, Floats
from circuits.components import Component, head
from circuits.data.prompts import PromptSet
from circuits.data.tokenizer import token_texts
from circuits.head_codes.autoencoders import Autoencoders
from circuits.head_codes.counting import Codes
from circuits.head_codes.features import HeadFeatures, coded_prompts, pooled
from circuits.head_codes.grouping import positive_only
from circuits.head_codes.settings import Coding
from circuits.head_codes.trials import read

if TYPE_CHECKING:
    from circuits.model.load import Model

LENS_TOKENS = 10
# Head outputs at all roles are held for this many prompts at once.
_PROMPTS_AT_ONCE = 64
# Logits of a large vocabulary are held for this many dictionary vectors at once.
_VECTORS_AT_ONCE = 256


class LensToken(NamedTuple):
    """A token that a dictionary vector promotes, by id and as text (None without a tokenizer), and its logit."""

    token: int
    text: str | None
    logit: float


class RoleActivation(NamedTuple):
    """Mean activation of a feature at a role: over the positives showing the code, and over all negatives.

    None where none of these prompts has the role.
    """

    positives: float | None
    negatives: float | None


class Example(NamedTuple):
    """A prompt's number, and the activation of a code's feature on the head's output as it was coded."""

    prompt: int
    activation: float


@dataclass(frozen=True)
class CodeMeaning:
    """A code that a head shows on positives and on no negative.

    code     the feature's number in its autoencoder
    vector   what its dictionary vector is called: `trial-0/layer-3 W_dec[17]`, a row in `autoencoders/trial-0/layer-3`
    prompts  numbers of the positives that show it
    example  the one of them on which the feature is strongest, and how strong
    text     of the example; token ids without a tokenizer
    lens     the tokens that the dictionary vector promotes most, highest logit first
    roles    role -> mean activation of the feature on the head's output there

    Code 0 also stands for no active feature on any of these prompts: then `vector` is None, `lens` and `roles` empty.
    """

    head: Component
    code: int
    vector: str | None
    prompts: tuple[int, ...]
    example: Example
    text: str
    lens: tuple[LensToken, ...]
    roles: Mapping[str, RoleActivation]

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "head": str(self.head),
            "code": self.code,
            "vector": self.vector,
            "n_positives": len(self.prompts),
            "prompts": list(self.prompts),
            "example": {**self.example._asdict(), "text": self.text},
            "lens": [token._asdict() for token in self.lens],
            "roles": {role: activation._asdict() for role, activation in self.roles.items()},
        }


@dataclass(frozen=True)
class CodedTrial:
    """One trial of head coding: what its codes were made of, and the codes.

    number        of the trial
    features      of all positives, then all negatives, as they were measured
    autoencoders  one, or one for each layer
    codes         [prompt, head]
    """

    number: int
    features: HeadFeatures
    autoencoders: Autoencoders
    codes: Codes
    coding: Coding

    def group(self, number: int) -> int:
        """Which of the autoencoders reads a head."""
        return number // (self.codes.shape[1] // len(self.autoencoders))

    def component(self, number: int) -> Component:
        """The head with this number, counted through the layers."""
        return head(*divmod(number, self.codes.shape[1] // self.features.n_layers))

    def vector(self, number: int, code: int) -> str:
        """What the dictionary vector of a head's code is called."""
        layer = f"/layer-{self.group(number)}" if self.coding.scope == "layer" else ""
        return f"trial-{self.number}{layer} W_dec[{code}]"


class _Shown(NamedTuple):
    """A positive-only code of a head, and the positives that show it."""

    head: int
    code: int
    prompts: tuple[int, ...]


def code_meanings(
    model: Model, prompts: PromptSet, trial: CodedTrial, *, heads: Sequence[int], n_tokens: int = LENS_TOKENS
) -> list[CodeMeaning]:
    """Every positive-only code of some heads in one trial, by head and then by how many positives show it.

    heads     their numbers, counted through the layers
    n_tokens  how many tokens the logit lens lists; a model that predicts a single number has none
    One forward pass per prompt.
    """
    sides = coded_prompts(prompts)
    shown = [code for number in heads for code in _shown(trial.codes, sides.is_positive, number)]
    at_roles, has_role = _role_activations(model, prompts, trial, shown)
    lenses = _lenses(model, [trial.autoencoders.decoder[trial.group(one.head), one.code] for one in shown], n_tokens)
    coded, meanings = read(trial.features, trial.coding), []
    for number, one in enumerate(shown):
        part, example = trial.component(one.head), _strongest(trial, coded, one)
        text = _text(model, prompts.prompts[example.prompt].clean)
        if example.activation == 0:
            meanings.append(CodeMeaning(part, one.code, None, one.prompts, example, text, (), {}))
            continue
        roles = {
            role: RoleActivation(
                _mean(at_roles[index, :, number], has_role[index], _among(one.prompts, len(sides.all))),
                _mean(at_roles[index, :, number], has_role[index], ~sides.is_positive),
            )
            for index, role in enumerate(prompts.roles)
        }
        vector = trial.vector(one.head, one.code)
        meanings.append(CodeMeaning(part, one.code, vector, one.prompts, example, text, lenses[number], roles))
    return meanings


def logit_lens(model: Model, vectors: Tensor) -> Tensor:
    """Logits [vector, token] of residual-stream vectors [vector, d_model], by the final norm and the unembedding."""
    forward = model.forward
    with torch.no_grad():
        return forward.logits(vectors.to(forward.weight_u))


class Information(NamedTuple):
    """What the codes of each head tell about the prompts, [head] means and standard deviations over trials.

    bits      mutual information
    adjusted  the same from 0 (what chance gives) to 1 (codes and prompts' labels determine each other)
    The standard deviations are None with a single trial.
    """

    bits: Floats
    bits_sd: Floats | None
    adjusted: Floats
    adjusted_sd: Floats | None


def information(codes: Codes, labels: Sequence[int] | Bools) -> Information:
    """Mutual information between codes [trial, prompt, head] and a label of each prompt.

    Raw information grows with the number of different codes even where they tell nothing; `adjusted` subtracts what is
    expected by chance (Vinh et al. 2010, sklearn's adjusted_mutual_info_score). Cost: that of contingency tables.
    """
    from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

    def table(measure: Any) -> Floats:
        return np.array([[measure(labels, column) for column in trial.T] for trial in codes])

    def spread(values: Floats) -> Floats | None:
        return values.std(axis=0, ddof=1) if len(values) > 1 else None

    bits, adjusted = table(mutual_info_score) / np.log(2), table(adjusted_mutual_info_score)
    return Information(bits.mean(axis=0), spread(bits), adjusted.mean(axis=0), spread(adjusted))


def answer_labels(prompts: PromptSet) -> list[int] | None:
    """[positive prompt] which answer a prompt has, as a number; None where all have the same."""
    labels = {answers: number for number, answers in enumerate(dict.fromkeys(p.answers for p in prompts))}
    return [labels[prompt.answers] for prompt in prompts] if len(labels) > 1 else None


def _shown(codes: Codes, is_positive: Bools, number: int) -> list[_Shown]:
    """The positive-only codes of a head, from the one that most positives show."""
    column = codes[is_positive, number]
    only = positive_only(codes[:, [number]], is_positive)[:, 0]
    shown = [
        _Shown(number, int(code), tuple(np.flatnonzero(column == code).tolist())) for code in np.unique(column[only])
    ]
    return sorted(shown, key=lambda one: (-len(one.prompts), one.code))


def _role_activations(
    model: Model, prompts: PromptSet, trial: CodedTrial, shown: Sequence[_Shown]
) -> tuple[Floats, Bools]:
    """Activations [role, prompt, shown code] on head outputs pooled at each role; [role, prompt] who has the role."""
    every = coded_prompts(prompts).all
    at_roles = np.zeros((len(prompts.roles), len(every), len(shown)), dtype=np.float32)
    has_role = np.zeros(at_roles.shape[:2], dtype=np.bool_)
    features = trial.features
    by_head: dict[int, list[tuple[int, int]]] = {}
    for number, one in enumerate(shown):
        by_head.setdefault(one.head, []).append((number, one.code))
    # Centered outputs are those minus the head's mean over the run's prompts, wherever they are read: [head, d_head].
    shift = (features.z - read(features, trial.coding).z)[0]
    for start in range(0, len(every) if shown else 0, _PROMPTS_AT_ONCE):
        part = slice(start, start + _PROMPTS_AT_ONCE)
        measured = pooled(model, every[part], positions=prompts.roles)
        has_role[:, part] = measured.has_position.numpy()
        for number, codes in by_head.items():
            z = measured.z[:, :, number].to(features.z) - shift[number]  # [role, prompt, d_head]
            autoencoder = trial.autoencoders[trial.group(number) : trial.group(number) + 1]
            activations = autoencoder.head_activations(z.flatten(0, 1), features.weights_o[number])
            columns, chosen = (list(entry) for entry in zip(*codes, strict=True))
            at_roles[:, part, columns] = activations[:, chosen].unflatten(0, z.shape[:2]).cpu().numpy()
    return at_roles, has_role


def _strongest(trial: CodedTrial, coded: HeadFeatures, one: _Shown) -> Example:
    """The prompt among those showing a code on which its feature is strongest, the first of equals.

    coded  the features as the autoencoders read them
    """
    group, z = trial.group(one.head), coded.z[list(one.prompts), one.head]
    activations = trial.autoencoders[group : group + 1].head_activations(z, coded.weights_o[one.head])
    of_code = activations[:, one.code].tolist()
    strongest = of_code.index(max(of_code))
    return Example(one.prompts[strongest], of_code[strongest])


def _among(prompts: Sequence[int], n: int) -> Bools:
    mask = np.zeros(n, dtype=np.bool_)
    mask[list(prompts)] = True
    return mask


def _mean(values: Floats, has_role: Bools, chosen: Bools) -> float | None:
    counted = has_role & chosen
    return float(values[counted].mean(dtype=np.float64)) if counted.any() else None


def _lenses(model: Model, vectors: Sequence[Tensor], n_tokens: int) -> list[tuple[LensToken, ...]]:
    """The tokens with the highest logits for each vector, highest first."""
    if not vectors or model.n_outputs == 1:
        return [() for _ in vectors]
    lenses: list[tuple[LensToken, ...]] = []
    for part in torch.stack(list(vectors)).split(_VECTORS_AT_ONCE):
        top = torch.topk(logit_lens(model, part), min(n_tokens, model.n_outputs), dim=1)
        for tokens, logits in zip(top.indices.tolist(), top.values.tolist(), strict=True):
            texts = [None] * len(tokens) if model.tokenizer is None else token_texts(tokens, model.tokenizer)
            lenses.append(tuple(map(LensToken, tokens, texts, logits)))
    return lenses


def _text(model: Model, tokens: Sequence[int]) -> str:
    """Tokens as text; their ids where the model has no tokenizer."""
    # Every fast tokenizer decodes; the protocol names what reading prompts needs.
    tokenizer: Any = model.tokenizer
    return (
        " ".join(map(str, tokens))
        if tokenizer is None
        else tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False)
    )
