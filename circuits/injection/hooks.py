"""Inject into a model: by hooks on its own modules, also while it generates, or as a tap of `circuits.model.forward`.

Both go through the same `_Flow`. Sources are summed up as the layers run, so that a target costs one addition and,
to keep its norm, two norms, a division and a product over one position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from circuits.injection.last_position import refuse_padded_ends, with_last_changed
from circuits.injection.settings import Injection, Part, PartInjection
from circuits.model.forward import Site, Tap

if TYPE_CHECKING:
    from circuits.model.load import Model

# What writes a part into the stream, the outermost first: Gemma's norms come after attention and MLP.
_WRITERS: dict[Part, tuple[str, str]] = {"attention": ("ln1_post", "attn"), "mlp": ("ln2_post", "mlp")}


class _Step(NamedTuple):
    """What happens to one part of one layer.

    added      its factor in the sum of sources; 0 where it is not a source
    is_first   whether it starts the sum
    is_target  whether the sum is injected into it
    """

    added: float
    is_first: bool
    is_target: bool


def _steps(part: PartInjection) -> dict[int, _Step]:
    """What happens, by layer. The first source starts the sum anew, so that nothing is left from the pass before."""
    added, targets = part.added, set(part.changed)
    first = min(added)
    return {
        layer: _Step(added.get(layer, 0.0), layer == first, layer in targets) for layer in sorted(targets | set(added))
    }


class _Flow:
    """The sources of one part, summed up through the layers of one forward pass."""

    def __init__(self, part: PartInjection, *, rescale: bool) -> None:
        self.steps = _steps(part)
        self._rescale = rescale
        self._sum: Tensor | None = None

    def at(self, step: _Step, value: Tensor) -> Tensor:
        """A layer's value [batch, 1, d_model] with what earlier sources inject into it."""
        changed = value
        if step.is_target:
            assert self._sum is not None, "the first source comes before every target"
            changed = value + self._sum
            if self._rescale:
                wanted = torch.linalg.vector_norm(value, dim=-1, keepdim=True)
                norm = torch.linalg.vector_norm(changed, dim=-1, keepdim=True)
                # Where the sum is opposite to the value, or both are 0, 0 stays 0.
                changed = changed * (wanted / norm.clamp_min(torch.finfo(norm.dtype).tiny))
        if step.is_first:
            self._sum = value * step.added
        elif step.added:
            assert self._sum is not None
            self._sum = torch.add(self._sum, value, alpha=step.added)
        return changed


def _flows(injection: Injection) -> dict[Part, _Flow]:
    return {name: _Flow(part, rescale=injection.rescale) for name, part in injection.parts.items()}


def injection_tap(injection: Injection) -> Tap:
    """A tap for `Forward.run` that injects at the last of the positions that are run.

    For runs of the last token alone, or of all positions with no `rows` before the end. One tap serves one run after
    another, but not two at a time.
    """
    flows = _flows(injection)

    def tap(layer: int, site: Site, value: Tensor) -> Tensor:
        flow = flows.get(site)  # pyright: ignore[reportArgumentType]  # other sites are simply not there
        step = None if flow is None else flow.steps.get(layer)
        if flow is None or step is None:
            return value
        return with_last_changed(value, lambda last: flow.at(step, last))

    return tap


@contextmanager
def injected(model: Model, injection: Injection) -> Iterator[None]:
    """Within it, every forward pass of the model injects at its last position, generation included.

    Prompts of unequal length may be padded on the left. An injection that changes nothing installs nothing. One pass
    at a time: threads must not share the model meanwhile.

    ValueError where the injection names layers that the model does not have, where the model has no module of its own
    for a part (OPT's MLPs), and, while running, where a prompt's last position is padding.
    """
    if injection.last_layer >= model.forward.n_layers:
        raise ValueError(
            f"the injection names layer {injection.last_layer}; {model.name!r} has layers 0 to "
            f"{model.forward.n_layers - 1}. Was it made for another model?"
        )
    flows = _flows(injection)
    hooks = [(_module(model, part, layer), part, flow, step) for part, flow, layer, step in _all(flows)]
    handles: list[Any] = []
    try:
        if hooks:
            handles.append(refuse_padded_ends(model))
        for module, part, flow, step in hooks:
            if part == "residual":
                handles.append(module.register_forward_pre_hook(_before(flow, step), with_kwargs=True))
            else:
                handles.append(module.register_forward_hook(_after(flow, step)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _all(flows: dict[Part, _Flow]) -> Iterator[tuple[Part, _Flow, int, _Step]]:
    for part, flow in flows.items():
        for layer, step in flow.steps.items():
            yield part, flow, layer, step


def _module(model: Model, part: Part, layer: int) -> nn.Module:
    """The model's module whose output is a part of a layer, or, for the stream, the layer itself."""
    block = model.bridge.blocks[layer]
    if part == "residual":
        return block
    for name in _WRITERS[part]:
        component = block._modules.get(name)
        original = None if component is None else getattr(component, "original_component", None)
        if component is None or original is None or isinstance(original, nn.Identity):
            continue
        # OPT's layers call the two projections of their MLP themselves.
        if original is not getattr(block, "original_component", None):
            return component
    raise ValueError(
        f"layer {layer} of {model.name!r} ({model.bridge.cfg.architecture}) has no module of its own for its {part}, "
        "so that nothing can be injected there. Leave that part out, or use `injection_tap`."
    )


def _after(flow: _Flow, step: _Step) -> Callable[..., Any]:
    """A hook for a module that writes to the stream; attentions return a tuple, the output first."""

    # Runs for every token of every layer: what does not change is looked up before.
    at, is_target = flow.at, step.is_target

    def change(last: Tensor) -> Tensor:
        return at(step, last)

    def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
        is_tuple = isinstance(output, tuple)
        values = output[0] if is_tuple else output
        if not is_target:
            at(step, values[:, -1:])
            return None
        changed = with_last_changed(values, change)
        return (changed, *output[1:]) if is_tuple else changed

    return hook


def _before(flow: _Flow, step: _Step) -> Callable[..., Any]:
    """A hook for a layer, changing the stream that enters it."""

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        entering = args[0] if args else kwargs["hidden_states"]
        changed = with_last_changed(entering, lambda last: flow.at(step, last))
        if args:
            return (changed, *args[1:]), kwargs
        return args, kwargs | {"hidden_states": changed}

    return hook
