"""Autoencoder files: what is written is read back as it was, and what would not fit is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from circuits.head_codes.autoencoders import Autoencoders
from circuits.head_codes.saelens_files import fingerprint, read_autoencoders, write_autoencoders
from circuits.head_codes.settings import Coding, Recipe
from circuits.head_codes.training import initial

D_MODEL, N_FEATURES, N_LAYERS = 3, 5, 2
BY_LAYER = Coding(scope="layer")


def random_stack(n: int, *, top_k: int | None = None) -> Autoencoders:
    """Autoencoders whose decoder biases are not zero either."""
    torch.manual_seed(0)
    start = initial(Recipe(features=N_FEATURES, top_k=top_k), D_MODEL, range(n))
    return Autoencoders(start.encoder, start.encoder_bias, start.decoder, torch.randn(n, D_MODEL), top_k)


def written(folder: Path, coding: Coding, *, n: int, top_k: int | None = None) -> Autoencoders:
    """A random stack, also written to the folder."""
    stack = random_stack(n, top_k=top_k)
    write_autoencoders(folder, stack, coding, model="tiny", n_layers=N_LAYERS)
    return stack


def read(folder: Path, coding: Coding | None = None, *, n_layers: int = N_LAYERS) -> Autoencoders:
    return read_autoencoders(folder, coding or Coding(), d_model=D_MODEL, n_layers=n_layers)


def change_config(folder: Path, **changes: Any) -> None:
    """Set entries of a folder's cfg.json, those of `metadata` one by one; None removes an entry."""
    path = folder / "cfg.json"
    config = json.loads(path.read_text())
    metadata = {**config["metadata"], **changes.pop("metadata", {})}
    config = {**config, "metadata": metadata, **changes}
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    path = folder / "sae_weights.safetensors"
    save_file({name: value.contiguous() for name, value in change(load_file(path)).items()}, path)


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """The folder of one autoencoder, shared by all layers."""
    written(tmp_path, Coding(), n=1)
    return tmp_path / "trial-0"


# Round trip


@pytest.mark.parametrize(("coding", "n"), [(Coding(), 12), (BY_LAYER, 2 * N_LAYERS)])
@pytest.mark.parametrize("top_k", [None, 2])
def test_writing_then_reading_is_identity(tmp_path, coding, n, top_k):
    # 12 trials: trial-10 follows trial-9, not trial-1.
    stack = written(tmp_path, coding, n=n, top_k=top_k)
    loaded = read(tmp_path, coding)
    assert loaded.top_k == top_k
    for name, value in stack.weights.items():
        assert torch.equal(loaded.weights[name], value), name


def test_a_trial_or_a_layer_can_be_read_by_itself(tmp_path):
    stack = written(tmp_path, BY_LAYER, n=2 * N_LAYERS)
    trial = read(tmp_path / "trial-1", BY_LAYER)
    layer = read(tmp_path / "trial-1" / "layer-0", BY_LAYER, n_layers=1)
    assert torch.equal(trial.encoder, stack.encoder[2:])
    assert torch.equal(layer.encoder, stack.encoder[2:3])


def test_device_and_precision_follow_the_tensor_given(one):
    like = torch.zeros((), dtype=torch.float64)
    loaded = read_autoencoders(one, Coding(), d_model=D_MODEL, n_layers=N_LAYERS, like=like)
    assert {value.dtype for value in loaded.weights.values()} == {torch.float64}


def test_precision_is_single_where_no_tensor_is_given(one):
    change_weights(one, lambda weights: {name: value.bfloat16() for name, value in weights.items()})
    assert {value.dtype for value in read(one).weights.values()} == {torch.float32}


def test_folders_returned_are_those_written(tmp_path):
    stack = random_stack(2)
    paths = write_autoencoders(tmp_path / "new", stack, BY_LAYER, model="tiny", n_layers=2)
    assert paths == [tmp_path / "new" / "trial-0" / f"layer-{layer}" for layer in (0, 1)]
    assert sorted(path.name for path in paths[0].iterdir()) == ["cfg.json", "sae_weights.safetensors"]


def test_writing_again_replaces_what_was_written(tmp_path):
    written(tmp_path, Coding(), n=2)
    before = fingerprint(tmp_path)
    written(tmp_path, Coding(), n=2)
    assert fingerprint(tmp_path) == before


def test_trials_of_an_earlier_writing_are_not_left_beside_new_ones(tmp_path):
    written(tmp_path, Coding(), n=3)
    with pytest.raises(ValueError, match=r"holds other autoencoders already \(.*trial-2\).*Give an empty folder"):
        written(tmp_path, Coding(), n=2)


def test_part_of_a_trial_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"3 autoencoders cannot be written.*a trial has 2"):
        written(tmp_path, BY_LAYER, n=3)
    assert not list(tmp_path.iterdir())


# The layout


def test_weights_decode_by_the_formula_of_saelens(tmp_path):
    stack = written(tmp_path, Coding(), n=1)
    weights = load_file(tmp_path / "trial-0" / "sae_weights.safetensors")
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "W_enc": (3, 5),
        "b_enc": (5,),
        "W_dec": (5, 3),
        "b_dec": (3,),
    }
    values = torch.randn(7, D_MODEL)
    activations = ((values - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]).relu()
    decoded = activations @ weights["W_dec"] + weights["b_dec"]
    # The same products in another order: float32 rounding.
    torch.testing.assert_close(stack.activations(values[None])[0].T, activations, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(stack.reconstructions(values[None])[0], decoded, rtol=1e-5, atol=1e-6)


def test_configuration_is_that_of_saelens(one):
    config = json.loads((one / "cfg.json").read_text())
    metadata = config.pop("metadata")
    assert config == {
        "d_in": 3,
        "d_sae": 5,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "architecture": "standard",
    }
    assert (metadata["model_name"], metadata["hook_name"]) == ("tiny", "blocks.*.attn.hook_result")
    # Without it SAELens reads an older layout, in which the metadata are elsewhere.
    assert metadata["sae_lens_version"].startswith("6.")


def test_configuration_records_settings_seed_and_trial(tmp_path):
    recipe = Recipe(features=N_FEATURES, l1=0.5, unit_norm="dictionary")
    coding = Coding(recipe, sae_prompts=7, scope="layer", inputs="centered", seed=3)
    written(tmp_path, coding, n=2 * N_LAYERS)
    metadata = json.loads((tmp_path / "trial-1" / "layer-1" / "cfg.json").read_text())["metadata"]
    record = metadata["circuit_workbench"]
    assert metadata["hook_name"] == "blocks.1.attn.hook_result"
    names = ("inputs", "unit_norm", "l1", "seed", "sae_prompts", "trial")
    assert [record[name] for name in names] == ["centered", "dictionary", 0.5, 3, 7, 1]
    assert (record["format"], record["version"]) == ("circuit-workbench-autoencoder", 1)


@pytest.mark.parametrize(("top_k", "k"), [(2, 2), (9, N_FEATURES)])
def test_k_never_exceeds_the_features(tmp_path, top_k, k):
    written(tmp_path, Coding(), n=1, top_k=top_k)
    config = json.loads((tmp_path / "trial-0" / "cfg.json").read_text())
    assert (config["architecture"], config["k"]) == ("topk", k)


# Files from elsewhere


def foreign(folder: Path, config: dict[str, Any]) -> Path:
    """An autoencoder of one feature in two dimensions: W_e = (1, 2), b_e = 3, W_d = (1, 0), b = (10, 20)."""
    folder.mkdir(parents=True)
    (folder / "cfg.json").write_text(json.dumps({"d_in": 2, "d_sae": 1, **config}))
    weights = {
        "W_enc": torch.tensor([[1.0], [2.0]]),
        "b_enc": torch.tensor([3.0]),
        "W_dec": torch.tensor([[1.0, 0.0]]),
        "b_dec": torch.tensor([10.0, 20.0]),
    }
    save_file(weights, folder / "sae_weights.safetensors")
    return folder


@pytest.mark.parametrize(("subtracts_bias", "activation"), [(True, 1 * (7 - 10) + 2 * (30 - 20) + 3), (False, 70)])
def test_bias_is_subtracted_only_where_the_file_says_so(tmp_path, subtracts_bias, activation):
    config = {"hook_name": "blocks.0.attn.hook_result", "apply_b_dec_to_input": subtracts_bias}
    loaded = read_autoencoders(foreign(tmp_path / "sae", config), Coding(), d_model=2, n_layers=1)
    values = torch.tensor([[[7.0, 30.0]]])
    assert loaded.activations(values).item() == activation  # 70 = 7 + 2 * 30 + 3
    assert loaded.reconstructions(values).flatten().tolist() == [activation + 10, 20]


@pytest.mark.parametrize(
    ("config", "top_k"),
    [
        ({"hook_name": "blocks.0.attn.hook_result"}, None),
        ({"hook_point": "blocks.0.attn.hook_result", "normalize_activations": False}, None),
        ({"hook_name": "blocks.0.attn.hook_result", "activation_fn_str": "relu", "architecture": "standard"}, None),
        ({"hook_name": "blocks.0.attn.hook_result", "activation_fn": "topk", "activation_fn_kwargs": {"k": 1}}, 1),
        ({"metadata": {"hook_name": "blocks.0.attn.hook_result"}, "architecture": "topk", "k": 1}, 1),
    ],
)
def test_layouts_of_all_versions_are_read(tmp_path, config, top_k):
    loaded = read_autoencoders(foreign(tmp_path / "sae", config), Coding(), d_model=2, n_layers=1)
    assert (loaded.top_k, loaded.bias.tolist()) == (top_k, [[10.0, 20.0]])


def test_layers_need_no_trial_around_them(tmp_path):
    for layer in range(11):
        foreign(tmp_path / f"layer-{layer}", {"hook_name": f"blocks.{layer}.attn.hook_result"})
    change_weights(tmp_path / "layer-10", lambda weights: {**weights, "b_enc": torch.tensor([4.0])})
    loaded = read_autoencoders(tmp_path, BY_LAYER, d_model=2, n_layers=11)
    assert loaded.encoder_bias.flatten().tolist() == [3.0] * 10 + [4.0]


def test_a_scaling_factor_of_one_is_passed_over(one):
    change_weights(one, lambda weights: {**weights, "scaling_factor": torch.ones(N_FEATURES)})
    assert len(read(one)) == 1


# Refusals


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none does not exist.*layout of SAELens"):
        read(tmp_path / "none")


def test_a_file_is_no_folder(one):
    with pytest.raises(ValueError, match=r"cfg\.json is a file"):
        read(one / "cfg.json")


def test_a_folder_without_configuration_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no cfg\.json"):
        read(tmp_path)


def test_a_trial_without_configuration_is_refused(tmp_path):
    written(tmp_path, Coding(), n=2)
    (tmp_path / "trial-1" / "cfg.json").unlink()
    with pytest.raises(ValueError, match=r"trial-1 holds no cfg\.json"):
        read(tmp_path)


def test_a_folder_without_weights_is_refused(one):
    (one / "sae_weights.safetensors").unlink()
    with pytest.raises(ValueError, match=r"holds no sae_weights\.safetensors"):
        read(one)


def test_weights_cut_short_are_refused(one):
    path = one / "sae_weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"sae_weights\.safetensors is damaged"):
        read(one)


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read as JSON"), ("[]", "holds a list")])
def test_a_configuration_that_is_no_json_object_is_refused(one, text, message):
    (one / "cfg.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "jumprelu"}, "architecture 'jumprelu'.*Known: standard"),
        ({"activation_fn": "tanh-relu"}, "activation 'tanh-relu'"),
        ({"architecture": "topk"}, "k=None, expected a whole number"),
        ({"architecture": "topk", "k": 0}, "k=0, expected a whole number"),
        ({"architecture": "topk", "k": 1, "rescale_acts_by_decoder_norm": True}, "rescale_acts_by_decoder_norm=True"),
        ({"normalize_activations": "layer_norm"}, "normalize_activations='layer_norm'.*Known: 'none'"),
        ({"reshape_activations": "hook_z"}, "reshape_activations='hook_z'"),
        ({"apply_b_dec_to_input": "no"}, "apply_b_dec_to_input='no'"),
        ({"d_in": 4}, r"d_in=4, and the model's head outputs have 3 coordinates"),
        ({"d_in": None}, "d_in=None"),
        ({"d_sae": "5"}, "d_sae='5', expected a whole number"),
        ({"d_sae": 6}, r"W_enc has shape \[3, 5\], and cfg\.json says \[3, 6\]"),
        ({"metadata": {"hook_name": None}}, "has no hook_name"),
        ({"metadata": {"hook_name": "blocks.0.attn.hook_z"}}, "holds z of all heads.*needs .*each head's output"),
        ({"metadata": {"hook_name": "blocks.0.hook_resid_pre"}}, "holds the residual stream"),
        ({"metadata": {"hook_name": "blocks.0.mlp.hook_post"}}, "something else than head outputs"),
        ({"metadata": {"hook_name": "hook_result"}}, "names no layer"),
        ({"metadata": {"hook_head_index": 0}}, "reads head 0 alone"),
        (
            {"metadata": {"circuit_workbench": {"inputs": "centered"}}},
            "centered head outputs, but inputs='raw' is set",
        ),
        ({"metadata": {"circuit_workbench": 1}}, "circuit_workbench is 1, expected a JSON object"),
        ({"metadata": {"hook_name": "blocks.1.attn.hook_result"}}, "for all 2 layers.*has those of layers 1"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(one, changes, message):
    change_config(one, **changes)
    with pytest.raises(ValueError, match=message):
        read(one)


def test_configurations_are_checked_before_weights_are_read(tmp_path):
    written(tmp_path, Coding(), n=2)
    (tmp_path / "trial-0" / "sae_weights.safetensors").unlink()
    change_config(tmp_path / "trial-1", architecture="gated")
    with pytest.raises(ValueError, match="architecture 'gated'"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("b_dec", None, "has no b_dec; it holds W_dec, W_enc, b_enc"),
        ("W_enc", torch.zeros(N_FEATURES, D_MODEL), r"W_enc has shape \[5, 3\], and cfg\.json says \[3, 5\]"),
        ("b_enc", torch.zeros(N_FEATURES + 1), r"b_enc has shape \[6\]"),
        ("W_dec", torch.full((N_FEATURES, D_MODEL), torch.nan), "W_dec has entries that are not finite"),
        ("b_dec", torch.full((D_MODEL,), torch.inf), "b_dec has entries that are not finite"),
        ("threshold", torch.zeros(N_FEATURES), "weight 'threshold' has no place here"),
        ("scaling_factor", torch.full((N_FEATURES,), 2.0), "weight 'scaling_factor' has no place here"),
    ],
)
def test_weights_that_do_not_fit_are_refused(one, name, value, message):
    def change(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {key: one for key, one in {**weights, name: value}.items() if one is not None}

    change_weights(one, change)
    with pytest.raises(ValueError, match=message):
        read(one)


def test_autoencoders_of_layers_are_not_shared_by_the_model(tmp_path):
    written(tmp_path, BY_LAYER, n=N_LAYERS)
    with pytest.raises(ValueError, match=r"needed for scope='model'.*has those of layers 0, 1.*Set scope='layer'"):
        read(tmp_path)


def test_a_shared_autoencoder_is_not_one_for_each_layer(one):
    with pytest.raises(ValueError, match=r"shared by all layers.*each of the 2.*Set scope='model'"):
        read(one, BY_LAYER)


def test_a_shared_autoencoder_is_that_of_the_only_layer(one):
    assert torch.equal(read(one, BY_LAYER, n_layers=1).encoder, read(one).encoder)


def test_a_missing_layer_is_named(tmp_path):
    written(tmp_path, BY_LAYER, n=2 * N_LAYERS)
    with pytest.raises(ValueError, match=r"trial-0: .*layers 0, 1 in this order.*needs 0 to 2\. Add layer-2"):
        read(tmp_path, BY_LAYER, n_layers=3)


def test_folders_and_hooks_must_number_layers_alike(tmp_path):
    written(tmp_path, BY_LAYER, n=N_LAYERS)
    change_config(tmp_path / "trial-0" / "layer-0", metadata={"hook_name": "blocks.1.attn.hook_result"})
    change_config(tmp_path / "trial-0" / "layer-1", metadata={"hook_name": "blocks.0.attn.hook_result"})
    with pytest.raises(ValueError, match=r"layers 1, 0 in this order.*Number the folders by their hooks' layers"):
        read(tmp_path, BY_LAYER)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("layer-0/cfg.json", "holds both trial-0 and layer-0"),
        ("cfg.json", r"holds both trial-0 and cfg\.json"),
        ("trial-0/cfg.json", r"trial-0 holds both layer-0 and cfg\.json"),
    ],
)
def test_a_folder_of_two_kinds_is_refused(tmp_path, other, message):
    written(tmp_path, BY_LAYER, n=N_LAYERS)
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).write_text("{}")
    with pytest.raises(ValueError, match=message):
        read(tmp_path, BY_LAYER)


def test_members_that_keep_different_numbers_of_features_are_refused(tmp_path):
    written(tmp_path, Coding(), n=2, top_k=2)
    change_config(tmp_path / "trial-1", k=3)
    with pytest.raises(ValueError, match=r"trial-1: top_k=3, and .*trial-0 has 2"):
        read(tmp_path)


def test_members_of_different_widths_are_refused(tmp_path):
    written(tmp_path, Coding(), n=2)
    change_config(tmp_path / "trial-1", d_sae=6)
    with pytest.raises(ValueError, match=r"trial-1: d_sae=6, and .*trial-0 has 5"):
        read(tmp_path)


# Fingerprints


def test_fingerprint_depends_on_the_content_and_not_on_the_location(tmp_path):
    for name in ("here", "there"):
        written(tmp_path / name, BY_LAYER, n=N_LAYERS)
    assert fingerprint(tmp_path / "here") == fingerprint(str(tmp_path / "there"))


def test_fingerprint_changes_with_one_weight(tmp_path):
    written(tmp_path, BY_LAYER, n=N_LAYERS)
    before = fingerprint(tmp_path)
    change_weights(tmp_path / "trial-0" / "layer-1", lambda weights: {**weights, "b_dec": weights["b_dec"] + 1})
    assert fingerprint(tmp_path) != before


def test_fingerprint_changes_where_layers_are_exchanged(tmp_path):
    written(tmp_path, BY_LAYER, n=N_LAYERS)
    before = fingerprint(tmp_path)
    trial = tmp_path / "trial-0"
    for old, new in (("layer-0", "away"), ("layer-1", "layer-0"), ("away", "layer-1")):
        (trial / old).rename(trial / new)
    assert fingerprint(tmp_path) != before


def test_fingerprint_leaves_other_files_out(one):
    before = fingerprint(one)
    (one / "README.md").write_text("notes")
    assert fingerprint(one) == before


def test_nothing_has_no_fingerprint(tmp_path):
    with pytest.raises(ValueError, match="holds no autoencoder"):
        fingerprint(tmp_path)
