"""What autoencoders of heads hold while they are trained, codes while they are made, and scores while they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.costs.asked import Asked, Peak, of_one_layer
from pipelines.costs.memory import (
    WIDTHS,
    edge_scores,
)

# Weights of an autoencoder while it is trained: itself, its gradients, two means of Adam, and as many in between.
_OF_TRAINING = 8
# Trials whose codes are made in a job (`circuits.methods.head_code_stages`).
TRIALS_OF_A_JOB = 2
# Of given autoencoders, whose number the settings do not say: as many trials as are trained by default.
_TRIALS = 10
# Copies of scores: as they are measured, read again and kept; of pairs of codes, in double precision first.
_OF_READ_SCORES, _OF_CODES = 3, 5
# Bytes of an edge in a file of EAP-IG, as text and as it is read.
_OF_EDGE_IN_FILE = 900
# Numbers that are sorted at once to count pairs of codes (`circuits.head_codes.counting`), and bytes held for each.
_SORTED_AT_ONCE, _OF_SORTING = 2_000_000, 40


def head_features(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """A layer of a run that is not kept, and the logits of the whole vocabulary that accuracy is read from."""
    batch = asked.recorded
    logits = 3 * batch * asked.shape.n_vocabulary * WIDTHS["float32"]
    return Peak(batch, of_one_layer(asked, asked.tokens_of(batch)) + logits)


def autoencoders(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Heads' weights and values, those of the autoencoders of a job while they are trained, and the rows they learn,
    with each feature's values on them."""
    shape, coding = asked.shape, settings["coding"]
    first, stop = settings["trials"]
    n_groups = shape.n_layers if coding["scope"] == "layer" else 1
    n_rows = (stop - first) * min(coding["sae_prompts"], 2 * asked.n_prompts) * shape.n_layers * shape.n_heads
    weights_of = (stop - first) * n_groups * coding["recipe"]["features"] * 2 * shape.d_model
    # Those of one group alone are computed with at a time; the rows are there twice.
    values = n_rows // n_groups * coding["recipe"]["features"] * 4 // (stop - first)
    numbers = _OF_TRAINING * weights_of + 3 * n_rows * shape.d_model + values + _head_values(asked)
    return Peak(min(asked.n_prompts, coding["sae_prompts"]), numbers * WIDTHS["float32"])


def codes_of_heads(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Heads' weights and values, the autoencoders of a job, and a head's features on all prompts."""
    shape, coding = asked.shape, settings["coding"]
    n_features = coding["recipe"]["features"]
    n_groups = shape.n_layers if coding["scope"] == "layer" else 1
    numbers = TRIALS_OF_A_JOB * n_groups * n_features * 2 * shape.d_model + 4 * asked.n_prompts * n_features
    return Peak(2 * asked.n_prompts, (numbers + _head_values(asked)) * WIDTHS["float32"])


def scored_edges(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """The effects of all edges on all prompts, as they are read and as they are kept; of pairs of codes, those of the
    trials besides, in double precision first, and the numbers that are sorted."""
    shape, n_rows, sorting = asked.shape, asked.n_prompts, 0
    copies = _OF_READ_SCORES
    if "trials" in settings:
        n_pairs = (shape.n_layers * shape.n_heads) ** 2 // 2
        sorting = _OF_SORTING * min(2 * asked.n_prompts * n_pairs, _SORTED_AT_ONCE)
        n_rows, copies = n_rows + _n_trials(settings), _OF_CODES
    return Peak(asked.n_prompts, copies * n_rows * edge_scores(shape) + sorting)


def scored_heads(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """The scores of all heads on all prompts at every position that there is one for: of stages of paths one each and
    two more. With codes, the numbers that are sorted to count pairs."""
    shape = asked.shape
    n_heads, sorting = shape.n_layers * shape.n_heads, 0
    n_rows = len(settings.get("stages", ())) + 2
    if "trials" in settings:
        n_rows = _n_trials(settings)
        sorting = _OF_SORTING * min(2 * asked.n_prompts * n_heads**2 // 2, _SORTED_AT_ONCE)
    return Peak(asked.n_prompts, _OF_READ_SCORES * asked.n_prompts * n_rows * n_heads * WIDTHS["float32"] + sorting)


def circuit_in_file(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """A file's edges, as text and as they are read; it may have all that there are."""
    return Peak(asked.n_prompts, _OF_EDGE_IN_FILE * asked.shape.wiring.n_edges)


def _n_trials(settings: Mapping[str, Any]) -> int:
    """Trials of codes; of given autoencoders, which the settings do not count, as many as are trained by default."""
    return int(settings["trials"] or _TRIALS)


def _head_values(asked: Asked) -> int:
    """Numbers of all heads' output weights, and of their values on positives and negatives, read twice."""
    shape = asked.shape
    return shape.n_layers * shape.n_heads * shape.d_head * (shape.d_model + 4 * asked.n_prompts)
