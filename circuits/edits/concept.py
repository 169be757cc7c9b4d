"""A concept added to the residual stream: a vector of it, times a strength, at chosen positions before one layer.

The stream that enters the layer is changed there; nothing before it is touched. `with_added` runs the layers from it
on for batches of prompts; within `concept_added` the model itself runs so, generation included.
`circuits.evaluation.concept_curve` makes vectors of prompts and judges them on others.

Source: concept injection (Lindsey 2025; arXiv 2603.21396): h + strength * v, v not normalized.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from circuits.arrays import Floats
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.refused import require_each
from circuits.edits.places import Placed, needs_roles, rows_mask, rows_within
from circuits.edits.sequences import Sequences
from circuits.model.batches import Batch
from circuits.model.forward import Forward
from circuits.numbers import count_text

if TYPE_CHECKING:
    from circuits.model.load import Model


@dataclass(frozen=True)
class AtLayer:
    """Where in the residual stream something is read or added.

    layer  the layer that the stream enters; the number of layers for the final stream, before the last norm
    rows   a role, `ROLE..`, a position or `all` (`circuits.edits.places`); what goes on takes in tokens of answers too
    """

    layer: int
    rows: str

    def check(self, model: Model, prompts: PromptSet | None) -> None:
        """Raise a ValueError for a layer that is not there, and for a prompt that lacks the role or has no such row."""
        require_layer(self.layer, model=model.name, n_layers=model.forward.n_layers)
        if prompts is not None:
            self.check_rows(prompts)

    def check_rows(self, prompts: PromptSet) -> None:
        """Raise a ValueError for a prompt that lacks the role or has no such row, whatever the model."""

        def check(number: int, prompt: Prompt) -> None:
            try:
                own = rows_within(self.rows, prompt.roles, len(prompt))
            except ValueError as error:
                raise ValueError(f"{prompts.called(number)}: {error}") from None
            if not own:
                raise ValueError(
                    f"{prompts.called(number)} has {count_text(len(prompt), 'token')}, and none at {self.rows!r}."
                )

        require_each(prompts, check)

    def mask(self, batch: Batch) -> Tensor:
        """[sequence, position] where the stream of a batch is changed."""
        every = batch.read_positions.new_tensor(range(batch.n_positions)).expand(batch.n_sequences, -1)
        return rows_mask(self.rows, [Placed(prompt.roles) for prompt in batch.by_sequence], every)


def require_layer(layer: int, *, model: str, n_layers: int) -> None:
    """Raise a ValueError for a layer that no stream of a model of so many enters, the final one apart.

    >>> from circuits.edits.concept import require_layer
    >>> require_layer(4, model="reference", n_layers=4)
    """
    if not 0 <= layer <= n_layers:
        raise ValueError(
            f"model {model!r} has no layer {layer}: give 0 to {n_layers - 1} for the stream that enters the layer, or "
            f"{n_layers} for the final one."
        )


def with_added(forward: Forward, batch: Batch, entering: Tensor, at: AtLayer, added: Tensor) -> Tensor:
    """The final stream [sequence, read, d_model] where answers are read, with a vector added before a layer.

    entering  [sequence, position, d_model] the stream that enters the layer in a plain run of the batch
    added     [d_model]; of zeros changes no bit of what the same layers give without it
    """
    changed = entering + at.mask(batch).unsqueeze(-1) * added.to(entering)
    return forward.run(changed, n_positions=batch.n_positions, first_layer=at.layer, rows=batch.read_positions)


@contextmanager
def concept_added(model: Model, at: AtLayer, vector: Floats, prompts: PromptSet | None = None) -> Iterator[None]:
    """Within it, every forward pass of the model adds a vector [d_model] before a layer, generation included.

    prompts  whose roles `at.rows` names, as in `circuits.edits.edited`. A role's row is in the prompt alone: tokens
             that are generated are changed where the rows are `all` or go on (`END..`)

    Nothing is left on the model afterwards, also after an exception; a vector of zeros installs nothing. Methods and
    metrics run parts of the model, and would not see the vector: inside, they raise a ValueError. ValueError before
    anything runs for a layer or a role that is not there, and for a vector of another size.

    >>> import torch
    >>> from circuits import TASKS, load_model
    >>> from circuits.edits.concept import AtLayer, concept_added
    >>> from circuits.evaluation.concept_curve import concept_vector, streams_of
    >>> model, at = load_model("reference"), AtLayer(2, "END..")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> vector = concept_vector(*(streams_of(model, prompts, at, side=side) for side in ("clean", "corrupt")))
    >>> with concept_added(model, at, vector, prompts):
    ...     logits = model.bridge(torch.tensor([prompts.prompts[0].clean]))
    """
    forward, width = model.forward, model.forward.weight_u.shape[1]
    if vector.shape != (width,):
        raise ValueError(f"the vector has the shape {list(vector.shape)}; the stream of {model.name!r} has {width}.")
    named = needs_roles(at.rows)
    if named and prompts is None:
        raise ValueError(f"{at.rows!r} is a role: give the prompts that have it, or a position, or 'all'.")
    at.check(model, prompts)
    forward.require_own()
    if not vector.any():
        yield
        return
    sequences, handles = Sequences(prompts, needs_roles=named), []
    added = torch.from_numpy(vector)

    def changed(stream: Tensor) -> Tensor:
        own = sequences.positions(stream.shape[1], device=stream.device)[:, sequences.n_past :]
        return stream + rows_mask(at.rows, sequences.places, own).unsqueeze(-1) * added.to(stream)

    def before(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (changed(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": changed(kwargs["hidden_states"])}

    def after(_module: Any, _args: Any, output: Any) -> Any:
        return (changed(output[0]), *output[1:]) if isinstance(output, tuple) else changed(output)

    forward.changed_by = "a vector added to its stream"
    try:
        handles.append(model.bridge.original_model.register_forward_pre_hook(sequences.begin, with_kwargs=True))
        if at.layer == forward.n_layers:
            handles.append(model.bridge.blocks[-1].register_forward_hook(after))
        else:
            handles.append(model.bridge.blocks[at.layer].register_forward_pre_hook(before, with_kwargs=True))
        yield
    finally:
        forward.changed_by = None
        for handle in handles:
            handle.remove()
