"""Loading a model in TransformerLens' native format."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from circuits.model import checks
from circuits.model.bridge import Loaded, Probe
from circuits.model.original import own_logits
from circuits.model.processors import load_tokenizer
from circuits.model.reasons import refused_as
from circuits.model.sources import ModelSource


def load_native(source: ModelSource, device: str, dtype: torch.dtype) -> Loaded:
    import transformer_lens.model_bridge.sources.native  # noqa: F401  registers boot_native
    from safetensors.torch import load_file
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    with refused_as(f"could not be loaded from {source.folder}"):
        config = TransformerBridgeConfig(**source.config)
        bridge = TransformerBridge.boot_native(config)  # pyright: ignore[reportAttributeAccessIssue]
        weights = {name: tensor for file in source.weight_files for name, tensor in load_file(file).items()}
        loaded = bridge.load_state_dict(convert_tl_checkpoint(weights, config), strict=False)
    _require_all(source, loaded.missing_keys, loaded.unexpected_keys)
    bridge.original_model.to(device=device, dtype=dtype)
    bridge.eval()
    ids = checks.probe_ids(bridge.cfg, device)
    expected = own_logits(bridge.original_model, ids)
    return Loaded(bridge, bridge.original_model, load_tokenizer(source), Probe(ids, {}, expected))


def _require_all(source: ModelSource, missing: Sequence[str], left_over: Sequence[str]) -> None:
    """Raise a ValueError where weights lack a tensor, or hold one that the configuration has no place for."""
    names = sorted({name.replace("._original_component", "") for name in missing})
    if names:
        raise ValueError(f"the weights in {source.folder} lack {len(names)} tensor(s), such as {names[0]!r}.")
    if left_over:
        raise ValueError(
            f"the weights in {source.folder} hold {len(left_over)} tensor(s) that config.json has no place for, such "
            f"as {min(left_over)!r}. Give the configuration that belongs to these weights."
        )
