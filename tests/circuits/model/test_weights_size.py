"""A model that is larger than the memory there is refused before it is loaded."""

from __future__ import annotations

from shutil import copytree

import pytest
import torch

from circuits.model import weights_size
from circuits.model.load import load_model
from circuits.model.sources import find_model
from circuits.model.weights_size import n_weights, require_fits


def test_the_numbers_in_the_files_are_counted_from_their_headers():
    model = load_model("reference")
    assert n_weights(find_model("reference")) == sum(
        parameter.numel() for _, parameter in model.original.named_parameters()
    )


@pytest.mark.parametrize(("dtype", "fits"), [("float32", False), ("bfloat16", True)])
def test_weights_that_alone_do_not_fit_on_the_gpu_are_refused(monkeypatch, dtype, fits):
    source = find_model("reference")
    has = 3 * n_weights(source)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (has, has))
    if fits:
        require_fits(source, dtype, "cuda")
        return
    with pytest.raises(ValueError, match=r"billion numbers, .* as float32, and cuda has .*one GPU.*--dtype bfloat16"):
        require_fits(source, dtype, "cuda")


@pytest.mark.parametrize(("dtype", "fits"), [("float32", False), ("bfloat16", True)])
def test_weights_that_alone_do_not_fit_into_free_memory_are_refused(monkeypatch, dtype, fits):
    source = find_model("reference")
    monkeypatch.setattr(weights_size, "free_memory", lambda: 3 * n_weights(source))
    if fits:
        require_fits(source, dtype, "cpu")
        return
    with pytest.raises(
        ValueError, match=r"as float32, and cpu has free .*--dtype bfloat16 .*, a machine with more mem"
    ):
        load_model("reference", dtype=dtype)


def test_a_damaged_header_is_a_reason_in_words(tmp_path):
    folder = copytree(find_model("reference").folder, tmp_path / "model")
    (path,) = find_model(str(folder)).weight_files
    path.write_bytes(path.read_bytes().replace(b'"dtype"', b'"dtypo"', 1))
    with pytest.raises(ValueError, match=r"cannot be opened: .*missing field `dtype`"):
        load_model(folder)
