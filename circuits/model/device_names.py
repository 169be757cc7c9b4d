"""What devices are called. Whether there is one here is asked of torch, when a model is loaded."""

from __future__ import annotations

import re

_DEVICE = re.compile(r"cpu|(cuda|mps|xpu|hpu|mtia|xla)(:(0|[1-9]\d{0,3}))?")


def require_device_name(device: object) -> None:
    """Raise a ValueError for what is the name of no device, on whatever machine."""
    if isinstance(device, str) and _DEVICE.fullmatch(device):
        return
    if isinstance(device, str) and re.fullmatch(r"cpu:\d+", device):
        raise ValueError(f"device {device!r} was asked for; processors have no numbers. Use --device cpu.")
    raise ValueError(f"no device {device!r}. Known kinds: cpu, cuda, cuda:0, mps.")
