"""ONNX files of networks that see tracks: the same numbers as torch, whatever stands in padding."""

import io
import json
import warnings
from copy import deepcopy
from inspect import signature

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_samples import card, small, write_root

from ftag_prune.architecture import DeepSets, Mlp, Transformer, Vgg
from ftag_prune.compact import compact
from ftag_prune.errors import FtagPruneError
from ftag_prune.export import (
    INPUT,
    TOLERANCE,
    TRACKS,
    VALID,
    Origin,
    check,
    export,
    feed,
    files,
    session,
)
from ftag_prune.export.conversion import content
from ftag_prune.model import About, Model
from ftag_prune.networks import build, build_for
from ftag_prune.networks.deepsets import DeepSetsNetwork
from ftag_prune.prepare import prepare
from ftag_prune.record import read_json
from ftag_prune.tensors import Jets, description, load

INPUTS = ("a", "b")
MEAN, STD = [0.5, -20.0], [0.1, 5.0]
# The jets have more than the networks take, in another order.
NAMES = ("log_d0_sig", "d0", "deta", "dphi", "log_z0_sig", "log_ptfrac")
TRACK_MEAN, TRACK_STD = [0.5, 0.0, 0.0, 0.0, 0.5, -3.0], [1.0, 2.0, 0.3, 0.3, 1.0, 1.0]
ABOUT = About("single_b", ("b", "c", "u", "tau"), INPUTS)

KINDS = {
    "deepsets": DeepSets(track=(20, 16), jet=(12,), tracks=("log_d0_sig", "deta", "log_ptfrac")),
    "deepsets with jets and norms": DeepSets(
        track=(20,), jet=(12, 8), jet_inputs=True, pooling="mean", norm="batch", dropout=0.1
    ),
    "transformer": Transformer(track=(12,), embedding=16, layers=2, heads=4, ff=20, jet=(8,)),
    "transformer of tracks": Transformer(
        track=(), embedding=12, layers=1, heads=3, jet=(8,), jet_inputs=False, norm="layer"
    ),
    "vgg": Vgg(multiplier=0.05, aligned=False),
    "vgg, aligned": Vgg(multiplier=0.05),
}


def a_model(kind, *, seed=0):
    network = build(
        KINDS[kind],
        mean=MEAN,
        std=STD,
        classes=4,
        seed=seed,
        tracks=NAMES,
        track_mean=TRACK_MEAN,
        track_std=TRACK_STD,
    )
    return Model(as_if_trained(network, jets(100, 12, seed=5)), ABOUT)


@torch.no_grad()
def as_if_trained(network, batch):
    """Larger weights, and norms that have seen jets: else it hardly depends on its inputs."""
    for parameter in network.parameters():
        parameter.mul_(1.3)
    network.train()
    for _ in range(20):
        network(*network.arguments(batch))
    return network.eval()


def jets(number, slots, *, seed=0):
    """Jets with tracks in any of the slots; every tenth input is missing, padding is anything."""
    rng = np.random.default_rng(seed)
    x = rng.normal(MEAN, STD, (number, 2))
    x[rng.random(x.shape) < 0.1] = np.nan
    tracks = rng.normal(TRACK_MEAN, TRACK_STD, (number, slots, len(NAMES)))
    tracks[rng.random(tracks.shape) < 0.1] = np.nan
    valid = rng.random((number, slots)) < rng.random((number, 1))
    valid[:1], valid[1:2] = False, True
    tracks[~valid] = rng.choice([np.nan, np.inf, -np.inf, 1e30, 0.0], tracks[~valid].shape)
    return Jets(
        torch.tensor(x, dtype=torch.float32),
        torch.tensor(tracks, dtype=torch.float32),
        torch.tensor(valid),
        torch.zeros(number, dtype=torch.long),
        torch.ones(number),
    )


def by_runtime(ready, given):
    return np.stack(ready.run(None, given), axis=1)


def by_torch(model, batch):
    with torch.no_grad():
        return model.network(*model.network.arguments(batch)).softmax(1).numpy()


@pytest.fixture(scope="module")
def made():
    """Models of all kinds, each with its session."""
    models = {kind: a_model(kind) for kind in KINDS}
    return {kind: (model, session(model, name="GN")) for kind, model in models.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("number", "slots"), [(1, 3), (2, 1), (400, 12), (50, 40), (5, 0)])
def test_the_file_gives_what_torch_gives(made, kind, number, slots):
    model, ready = made[kind]
    batch = jets(number, slots)
    found = by_runtime(ready, feed(model, batch))
    np.testing.assert_allclose(found, by_torch(model, batch), atol=TOLERANCE)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    if number == 400:
        assert np.ptp(found, axis=0).min() > 0.01  # the jets are told apart at all


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_the_order_of_tracks_change_nothing(made, kind):
    model, ready = made[kind]
    given = feed(model, jets(100, 12))
    order = np.random.default_rng(1).permutation(12)
    empty = np.full_like(given[TRACKS][:, :5], np.nan)
    other = {
        **given,
        TRACKS: np.concatenate([given[TRACKS][:, order], empty], axis=1),
        VALID: np.concatenate([given[VALID][:, order], np.zeros((100, 5), bool)], axis=1),
    }
    np.testing.assert_allclose(by_runtime(ready, other), by_runtime(ready, given), atol=TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_jets_without_tracks_are_all_the_same_to_their_tracks(made, kind):
    model, ready = made[kind]
    given = feed(model, jets(6, 4))
    given[VALID][:] = False
    if INPUT in given:
        given[INPUT][:] = MEAN
    found = by_runtime(ready, given)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, np.repeat(found[:1], 6, axis=0), atol=1e-6)


def graph_of(model):
    return onnx.load_from_string(content(model.network, {"outputs": list("bcut")})).graph


@pytest.mark.parametrize("kind", KINDS)
def test_tracks_are_moved_as_a_whole(made, kind):
    """The exporter would move each of their numbers by itself, which took most of the time."""
    model, _ = made[kind]
    moved = {node.op_type for node in graph_of(model).node}
    assert "ScatterND" in moved
    assert "ScatterElements" not in moved


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_named_and_their_numbers_are_free(made, kind):
    model, _ = made[kind]
    graph = graph_of(model)
    found = {
        one.name: [dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim]
        for one in graph.input
    }
    takes = len(model.network.architecture.tracks) or len(NAMES)
    expected = {TRACKS: ["jets", "tracks", takes], VALID: ["jets", "tracks"]}
    if INPUT in found:
        expected[INPUT] = ["jets", 2]
    assert found == expected
    kinds = {one.name: one.type.tensor_type.elem_type for one in graph.input}
    assert kinds.pop(VALID) == onnx.TensorProto.BOOL
    assert set(kinds.values()) == {onnx.TensorProto.FLOAT}


def test_tracks_on_one_pixel_are_added_up(made):
    """The exporter's own sum keeps one of them."""
    model, ready = made["vgg"]
    batch = jets(20, 12)
    place = [NAMES.index("deta"), NAMES.index("dphi")]
    batch.tracks[..., place] = 0.1
    np.testing.assert_allclose(
        by_runtime(ready, feed(model, batch)), by_torch(model, batch), atol=TOLERANCE
    )


def test_the_exporter_is_left_as_it_was(made):
    """Ours for sums is there while a file is made, and no longer."""

    class Sum(torch.nn.Module):
        def forward(self, index, values):
            return values.new_zeros(4, 2).index_add_(0, index, values)

    inputs = (torch.tensor([1, 1]), torch.ones(2, 2))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.onnx.export(Sum(), inputs, io.BytesIO(), dynamo=False, opset_version=17)
    assert any("does not support duplicated values" in str(one.message) for one in said)


def test_a_session_leaves_the_network_as_it_was(made):
    model, _ = made["vgg"]
    assert model.network.columns.tolist() == [2, 3, 5, 0, 4]
    assert not model.network.normalise.affine
    assert [*signature(model.network.forward).parameters] == ["tracks", "valid"]


# -- files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Jets with tracks, some jets without any."""
    folder = tmp_path_factory.mktemp("prepared")
    sample = write_root(folder / "sample.root", small(600))
    variables = {"d0": "d0", "s": "slog(s)", "place": "clip(s / 10, -1, 1)", "share": "pt / 1000"}
    described = card(
        constituents__variables=variables,
        constituents__sort="abs(s)",
        jets__best=None,
        inputs={"jets": ["log_pt", "sv_mass"], "tracks": ["share", "s", "d0", "place"]},
    )
    prepare(described, [sample], folder, constituents=True)
    return folder / "test.h5"


def of_prepared(prepared, architecture):
    """A model of prepared jets, as if it were trained on them."""
    about = description(prepared)
    network = as_if_trained(build_for(about, architecture), load(prepared))
    return Model(network, About(about.task, about.classes, about.inputs))


SETS = DeepSets(track=(16,), jet=(8,), tracks=("place", "d0", "share", "s"))
# The small sample has no jet image to speak of, so any of its numbers are taken for a place.
IMAGES = Vgg(
    multiplier=0.03,
    position=("place", "d0"),
    weight="share",
    log_weight=False,
    displacement=("s",),
    aligned=False,
)


def test_what_the_file_says_of_tracks(prepared, tmp_path):
    model = of_prepared(prepared, SETS)
    done = export(model, tmp_path / "m.onnx", name="GN", jets=prepared)
    told, about = read_json(done.json), description(prepared)
    assert (told["input"], told["inputs"]) == (None, [])
    tracks = told["tracks"]
    assert (tracks["input"], tracks["valid"]) == (TRACKS, VALID)
    assert "their number" in tracks["padding"]
    assert [one["name"] for one in tracks["inputs"]] == ["place", "d0", "share", "s"]
    _, d0, share, _ = tracks["inputs"]
    assert (d0["unit"], d0["definition"]) == ("mm", "d0")
    assert (share["unit"], share["definition"]) == ("", "pt / 1000")
    assert share["mean"] == pytest.approx(about.track_mean[0], rel=1e-6)
    assert share["std"] == pytest.approx(about.track_std[0], rel=1e-6)
    ready = onnxruntime.InferenceSession(done.onnx, providers=["CPUExecutionProvider"])
    metadata = ready.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["tracks"]) == tracks
    assert done.real == load(prepared).number


def test_a_network_on_jet_inputs_alone_has_no_tracks(prepared, tmp_path):
    model = of_prepared(prepared, Mlp(hidden=(3,)))
    done = export(model, tmp_path / "m.onnx", name="GN", jets=prepared)
    assert read_json(done.json)["tracks"] is None


@pytest.mark.parametrize("architecture", [SETS, IMAGES])
def test_the_file_takes_the_tracks_of_a_prepared_file(
    prepared, tmp_path, monkeypatch, architecture
):
    """By the names that it tells, and nothing of ours."""
    monkeypatch.setattr(check, "_RANDOM", 80)  # images take their time
    model = of_prepared(prepared, architecture)
    done = export(model, tmp_path / "m.onnx", name="GN", jets=prepared)
    said = "(x - mean) / std" if architecture is SETS else "as they are"
    assert said in read_json(done.json)["normalisation"]
    names = [one["name"] for one in read_json(done.json)["tracks"]["inputs"]]
    with h5py.File(prepared) as file:
        records = file["tracks"][:]
    given = {
        TRACKS: np.stack([records[name] for name in names], axis=2).astype(np.float32),
        VALID: records["valid"].astype(bool),
    }
    ready = onnxruntime.InferenceSession(done.onnx, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(
        by_runtime(ready, given), by_torch(model, load(prepared)), atol=TOLERANCE
    )


def test_all_track_inputs_are_told_by_the_jets(prepared, tmp_path):
    model = of_prepared(prepared, SETS.model_copy(update={"tracks": ()}))
    done = export(model, tmp_path / "m.onnx", name="GN", jets=prepared)
    inputs = read_json(done.json)["tracks"]["inputs"]
    assert [one["name"] for one in inputs] == ["share", "s", "d0", "place"]
    with pytest.raises(FtagPruneError, match="nobody tells which track inputs the network takes"):
        export(model, tmp_path / "other.onnx", name="GN")
    assert not (tmp_path / "other.onnx").exists()


def test_track_inputs_that_were_cut_are_not_asked_for(prepared, tmp_path):
    """What is left is told by the jets, or by what the run kept."""
    whole = of_prepared(prepared, SETS)
    layers = whole.network.layers()
    kept = {layer.name: list(range(layer.nodes)) for layer in layers}
    kept["track_inputs"] = [1, 3]
    gates = torch.ones(sum(layer.nodes for layer in layers))
    small = compact(whole.network, layers, gates, tuple(map(tuple, kept.values()))).eval()
    model = whole._replace(network=small)
    for name, more in {"jets": {"jets": prepared}, "kept": {"origin": Origin(kept=kept)}}.items():
        done = export(model, tmp_path / f"{name}.onnx", name="GN", **more)
        inputs = read_json(done.json)["tracks"]["inputs"]
        assert [one["name"] for one in inputs] == ["d0", "s"]
        assert [one["mean"] for one in inputs] == small.track_mean.tolist()
        assert [one["std"] for one in inputs] == small.track_std.tolist()
    given = feed(model, load(prepared))
    assert given[TRACKS].shape[2] == 2
    np.testing.assert_allclose(
        by_runtime(session(model), given), by_torch(model, load(prepared)), atol=TOLERANCE
    )


def test_an_export_that_differs_on_real_tracks_alone_is_refused(prepared, tmp_path, monkeypatch):
    """Random jets without tracks cannot see a wrong mean of theirs; real ones do."""
    model = of_prepared(prepared, SETS)

    def wrong(network, told):
        other = deepcopy(network)
        other.track_mean.add_(other.track_std)
        return content(other, told)

    nothing = {TRACKS: np.zeros((4, 2, 4), np.float32), VALID: np.zeros((4, 2), bool)}
    monkeypatch.setattr(files, "content", wrong)
    monkeypatch.setattr(check, "_random", lambda *_arguments, **_options: nothing)
    export(model, tmp_path / "unseen.onnx", name="GN")
    with pytest.raises(FtagPruneError, match="in a probability of real jets"):
        export(model, tmp_path / "m.onnx", name="GN", jets=prepared)
    assert not (tmp_path / "m.onnx").exists()


def test_an_export_that_differs_for_another_number_of_slots_is_refused(tmp_path, monkeypatch):
    class Three(DeepSetsNetwork):
        def forward(self, x, tracks, valid):
            return super().forward(x, tracks[:, :3], valid[:, :3])

    model = a_model("deepsets")

    def wrong(network, told):
        other = deepcopy(network)
        other.__class__ = Three
        return content(other, told)

    monkeypatch.setattr(files, "content", wrong)
    with pytest.raises(FtagPruneError, match="in a probability of random jets"):
        export(model, tmp_path / "m.onnx", name="GN")
    assert not list(tmp_path.iterdir())


def test_jets_with_tracks_in_other_places_are_refused(prepared, tmp_path):
    model = of_prepared(prepared, SETS)
    model.network.columns.copy_(torch.tensor([1, 2, 0, 3]))
    sentence = "have the track inputs share, s, d0, place; the model was trained on jets with"
    with pytest.raises(FtagPruneError, match=sentence):
        export(model, tmp_path / "m.onnx", name="GN", jets=prepared)
    assert not list(tmp_path.iterdir())


def test_large_networks_are_compared_on_fewer_jets(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "_EFFORT", 1e6)
    model = a_model("deepsets")
    done = export(model, tmp_path / "m.onnx", name="GN")
    assert done.random == 2 * 4 * int(1e6 / model.network.multiplications() / 4)
