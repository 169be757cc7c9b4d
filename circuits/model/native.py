"""Loading a model in TransformerLens' native format."""

from __future__ import annotations

import torch

from circuits.model import checks
from circuits.model.bridge import Loaded, Probe
from circuits.model.original import own_logits
from circuits.model.processors import load_tokenizer
from circuits.model.reasons import refused_as
from circuits.model.sources import ModelSource

_SIZES = ("n_layers", "d_model", "d_head", "n_heads", "n_ctx", "d_vocab")


def load_native(source: ModelSource, device: str, dtype: torch.dtype) -> Loaded:
    import transformer_lens.model_bridge.sources.native  # noqa: F401  registers boot_native
    from safetensors.torch import load_file
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    _require_sizes(source)
    with refused_as(f"could not be loaded from {source.folder}"):
        config = TransformerBridgeConfig(**source.config)
        bridge = TransformerBridge.boot_native(config)  # pyright: ignore[reportAttributeAccessIssue]
        weights = {name: tensor for file in source.weight_files for name, tensor in load_file(file).items()}
        bridge.load_state_dict(convert_tl_checkpoint(weights, config), strict=True)
    bridge.original_model.to(device=device, dtype=dtype)
    bridge.eval()
    ids = checks.probe_ids(bridge.cfg, device)
    expected = own_logits(bridge.original_model, ids)
    return Loaded(bridge, bridge.original_model, load_tokenizer(source), Probe(ids, {}, expected))


def _require_sizes(source: ModelSource) -> None:
    """Raise a ValueError where the configuration lacks a size."""
    config = source.config
    optional = {"d_vocab_out": 0} | config  # left out, it is that of d_vocab
    if missing := [name for name in (*_SIZES, "d_vocab_out") if optional.get(name) is None]:
        raise ValueError(f"{source.folder / 'config.json'} does not say {', '.join(missing)}, which every model has.")
