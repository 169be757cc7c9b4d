"""The names of devices: what torch would take for another one, or for one that is not there, is told by its name."""

from __future__ import annotations

import pytest

from circuits.model.device_names import require_device_name


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:10", "mps", "mps:0"])
def test_the_name_of_a_device_is_taken(name):
    require_device_name(name)


@pytest.mark.parametrize("name", ["cuda:00", "cuda:01", "cuda:", "cuda:-1", "cuda:0 ", "gpu", "", "CUDA", None, 0])
def test_what_names_no_device_is_refused(name):
    with pytest.raises(ValueError, match=r"no device .*Known kinds: cpu, cuda, cuda:0, mps"):
        require_device_name(name)


def test_processors_have_no_numbers():
    with pytest.raises(ValueError, match=r"processors have no numbers\. Use --device cpu"):
        require_device_name("cpu:0")
