"""ONNX files: the same numbers as torch, what they say of themselves, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import card, small, write_root
from test_cli import call
from test_networks_two_step import NAMES, two_step
from test_networks_two_step import jets as two_step_jets
from test_train import a_run

from ftag_prune.architecture import Mlp
from ftag_prune.errors import FtagPruneError
from ftag_prune.export import (
    INPUT,
    OPSET,
    TOLERANCE,
    Origin,
    check,
    export,
    export_run,
    feed,
    files,
    session,
)
from ftag_prune.flavours import TASKS
from ftag_prune.model import About, Model, load_model
from ftag_prune.networks import build, restored
from ftag_prune.prepare import prepare
from ftag_prune.record import read_json
from ftag_prune.tensors import load, unshuffled
from ftag_prune.train.runs import train_runs

CLASSES = TASKS["single_b"].classes
MEAN, STD = [0.5, -20.0, 3e3, 0.0, 1e-3], [0.1, 5.0, 2e3, 1.0, 1e-4]


def a_model(*, hidden=(24, 16), activation="relu", seed=0):
    architecture = Mlp(hidden=hidden, activation=activation)
    network = build(architecture, mean=MEAN, std=STD, classes=4, seed=seed).eval()
    # Weights as large as those of a trained network: fresh ones hardly depend on their inputs.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return Model(network, About("single_b", CLASSES, ("a", "b", "c", "d", "e")))


def some_jets(number, *, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(MEAN, STD, size=(number, 5)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def by_runtime(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.stack(session.run(None, {INPUT: x}), axis=1)


def by_torch(model, x):
    with torch.no_grad():
        return model.network(torch.from_numpy(x)).softmax(1).numpy()


def by_hand(model, x):
    """The network again, in float64 and without torch."""
    tensors = {name: one.double().numpy() for name, one in model.network.state_dict().items()}
    hidden = (x.astype(np.float64) - tensors["mean"]) / tensors["std"]
    hidden[~np.isfinite(hidden)] = 0
    depth = len(model.network.architecture.hidden)
    for index in range(depth + 1):
        hidden = hidden @ tensors[f"linear.{index}.weight"].T + tensors[f"linear.{index}.bias"]
        hidden = np.maximum(hidden, 0) if index < depth else hidden
    weight = np.exp(hidden - hidden.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return export(a_model(), tmp_path_factory.mktemp("exported") / "model.onnx", name="GN")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A pruned and a dense run, and the jets."""
    folder = tmp_path_factory.mktemp("trained")
    sample = write_root(folder / "sample.root", small(800))
    prepare(card(), [sample], folder / "jets")
    train_runs([a_run(name="pruned"), a_run(name="dense", keep=None)], folder / "jets", folder)
    return folder


@pytest.mark.parametrize("number", [1, 2, 10_000])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_the_file_gives_what_torch_gives(tmp_path, number, activation):
    model = a_model(activation=activation)
    done = export(model, tmp_path / "model.onnx", name="GN")
    x = some_jets(number)
    np.testing.assert_allclose(by_runtime(done.onnx, x), by_torch(model, x), atol=TOLERANCE)


def test_the_file_gives_the_formula(exported):
    x = some_jets(1000)
    found = by_runtime(exported.onnx, x)
    np.testing.assert_allclose(found, by_hand(a_model(), x), atol=TOLERANCE)
    assert np.ptp(found, axis=0).min() > 0.1  # the jets are told apart at all


def test_missing_and_infinite_inputs_stand_at_their_mean(exported):
    x = some_jets(7)
    x[0], x[1], x[2], x[3] = MEAN, np.nan, np.inf, -np.inf
    found = by_runtime(exported.onnx, x)
    for row in (1, 2, 3):
        np.testing.assert_array_equal(found[row], found[0])


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norms_and_links_are_in_the_file(tmp_path, norm):
    architecture = Mlp(hidden=(8, 8, 6), norm=norm, residual=True, dropout=0.2)
    network = build(architecture, mean=MEAN, std=STD, classes=4)
    for _ in range(20):  # norms remember
        network.train()(torch.from_numpy(np.nan_to_num(some_jets(100))))
    model = a_model()._replace(network=network.eval())
    done = export(model, tmp_path / "model.onnx", name="GN")
    x = some_jets(500)
    np.testing.assert_allclose(by_runtime(done.onnx, x), by_torch(model, x), atol=TOLERANCE)


def test_a_tagger_in_two_steps_is_one_file(tmp_path):
    network = two_step().eval()
    model = Model(network, About("hbb_cc", TASKS["hbb_cc"].classes, NAMES))
    done = export(model, tmp_path / "model.onnx", name="Xbb")
    assert done.random == 10_000
    x = two_step_jets(200, absent=["s3"]).numpy()
    np.testing.assert_allclose(by_runtime(done.onnx, x), by_torch(model, x), atol=TOLERANCE)
    assert [one["name"] for one in read_json(done.json)["inputs"]] == list(NAMES)


@settings(max_examples=30)
@given(
    st.lists(
        st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf]), min_size=5, max_size=5
    )
)
def test_any_jet_has_probabilities(exported, jet):
    found = by_runtime(exported.onnx, np.array([jet], dtype=np.float32))
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_a_wide_network_is_not_refused_for_its_rounding(tmp_path):
    """Extreme jets at this width differ by more than 1e-5, as float32 does from float64."""
    network = build(Mlp(hidden=(1024,) * 3), mean=[0.0] * 45, std=[1.0] * 45, classes=4)
    about = About("single_b", CLASSES, tuple(f"x{index}" for index in range(45)))
    done = export(Model(network, about), tmp_path / "model.onnx", name="wide")
    assert done.difference <= TOLERANCE


def test_inputs_outputs_and_opset_are_named(exported):
    made = onnx.load(exported.onnx)
    assert [one.name for one in made.graph.input] == ["jet_features"]
    assert [one.name for one in made.graph.output] == ["GN_pb", "GN_pc", "GN_pu", "GN_ptau"]
    assert [(one.domain, one.version) for one in made.opset_import] == [("", OPSET)]
    shape = made.graph.input[0].type.tensor_type.shape.dim
    assert (shape[0].dim_param, shape[1].dim_value) == ("jets", 5)
    assert sorted(one.name for one in exported.onnx.parent.iterdir()) == [
        "model.json",
        "model.onnx",
    ]


def test_the_metadata_are_the_json_file(exported):
    session = onnxruntime.InferenceSession(exported.onnx, providers=["CPUExecutionProvider"])
    found = session.get_modelmeta().custom_metadata_map
    told = read_json(exported.json)
    assert {key: json.loads(value) for key, value in found.items()} == told
    assert [one["name"] for one in told["inputs"]] == ["a", "b", "c", "d", "e"]
    np.testing.assert_array_equal(
        np.float32([one["mean"] for one in told["inputs"]]), np.float32(MEAN)
    )
    np.testing.assert_array_equal(
        np.float32([one["std"] for one in told["inputs"]]), np.float32(STD)
    )
    assert told["classes"] == list(CLASSES)
    assert told["discriminants"]["b"] == {"u": 0.79, "c": 0.2, "tau": 0.01}
    assert told["architecture"] == a_model().network.architecture.model_dump(mode="json")
    assert (told["architecture"]["kind"], told["architecture"]["hidden"]) == ("mlp", [24, 16])
    assert (told["opset"], told["kept"], told["spec"]) == (17, None, None)


def test_the_same_model_makes_the_same_bytes(tmp_path, exported):
    again = export(a_model(), tmp_path / "other name.onnx", name="GN")
    assert again.onnx.read_bytes() == exported.onnx.read_bytes()
    assert again.json.read_bytes() == exported.json.read_bytes()
    other = export(a_model(seed=1), tmp_path / "other.onnx", name="GN")
    assert other.onnx.read_bytes() != exported.onnx.read_bytes()


def test_an_existing_file_is_replaced(tmp_path, exported):
    (tmp_path / "model.onnx").write_text("old")
    done = export(a_model(), tmp_path / "model.onnx", name="GN")
    assert done.onnx.read_bytes() == exported.onnx.read_bytes()


def test_the_file_needs_neither_torch_nor_this_package(exported):
    code = (
        "import sys, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "x = numpy.full((3, 5), numpy.nan, 'f4')\n"
        "print([len(one) for one in session.run(None, {'jet_features': x})])\n"
        "print([name for name in ('torch', 'ftag_prune') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, exported.onnx], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[3, 3, 3, 3]", "[]"]


def test_a_session_scores_a_batch_of_jets(trained):
    model = load_model(trained / "pruned" / "model.pt")
    jets = load(trained / "jets" / "test.h5", inputs=model.about.inputs)
    ready = session(model, name="GN")
    assert [one.name for one in ready.get_outputs()] == ["GN_pb", "GN_pc", "GN_pu", "GN_ptau"]
    assert ready.get_session_options().intra_op_num_threads == 1
    for batch in unshuffled(jets, 100):
        found = np.stack(ready.run(None, feed(model, batch)), axis=1)
        np.testing.assert_allclose(found, by_torch(model, batch.x.numpy()), atol=TOLERANCE)


# -- what is refused -----------------------------------------------------------------------------


def _with_a_bias_off(network):
    with torch.no_grad():
        network.linear[-1].bias[0] += 1e-3
    return network


def _with_a_missing_input_at_zero(network):
    network.mean[0] = 0
    return network


@pytest.mark.parametrize("spoilt", [_with_a_bias_off, _with_a_missing_input_at_zero])
def test_an_export_that_differs_is_refused(tmp_path, monkeypatch, spoilt):
    right = files.content
    monkeypatch.setattr(
        files, "content", lambda _network, told: right(spoilt(a_model().network), told)
    )
    (tmp_path / "model.onnx").write_text("old")
    with pytest.raises(FtagPruneError, match=r"model.onnx: not written, .* differ by [0-9.e-]+ in"):
        export(a_model(), tmp_path / "model.onnx", name="GN")
    assert (tmp_path / "model.onnx").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_export_that_differs_on_real_jets_alone_is_refused(trained, tmp_path, monkeypatch):
    """Random jets that miss all inputs cannot see a wrong mean; real ones do."""
    right = files.content

    def wrong(network, told):
        other = load_model(trained / "pruned" / "model.pt").network
        with torch.no_grad():
            other.mean.add_(other.std)
        return right(other, told)

    monkeypatch.setattr(files, "content", wrong)
    missing = {INPUT: np.full((10, 3), np.nan, dtype=np.float32)}
    monkeypatch.setattr(check, "_random", lambda *_arguments, **_options: missing)
    export_run(trained / "pruned", tmp_path / "unseen.onnx")
    with pytest.raises(FtagPruneError, match="in a probability of real jets"):
        export_run(trained / "pruned", tmp_path / "m.onnx", jets=trained / "jets" / "test.h5")
    assert not (tmp_path / "m.onnx").exists()


def test_a_network_with_a_number_that_is_none_is_refused(tmp_path):
    model = a_model()
    with torch.no_grad():
        model.network.linear[-1].bias[0] = np.nan
    with pytest.raises(FtagPruneError, match="differ by nan"):
        export(model, tmp_path / "model.onnx", name="GN")
    assert not list(tmp_path.iterdir())


def test_only_extreme_jets_may_round(tmp_path, monkeypatch):
    """However wide the rounding there, ordinary jets agree to 1e-5."""
    monkeypatch.setattr(check, "_allowed", lambda *_arguments: 1.0)
    right = files.content
    monkeypatch.setattr(
        files, "content", lambda _network, told: right(_with_a_bias_off(a_model().network), told)
    )
    with pytest.raises(FtagPruneError, match="of random jets"):
        export(a_model(), tmp_path / "model.onnx", name="GN")


def test_the_file_s_name_must_say_what_it_is(tmp_path):
    with pytest.raises(FtagPruneError, match=r"model.json: wanted a name that ends in .onnx"):
        export(a_model(), tmp_path / "model.json", name="GN")


# -- runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["pruned", "dense"])
def test_a_run_is_exported_with_what_it_knows(trained, tmp_path, run):
    jets = trained / "jets" / "test.h5"
    done = export_run(trained / run, tmp_path / "model.onnx", jets=jets)
    model, x = load_model(trained / run / "model.pt"), load(jets).x.numpy()
    assert done.real == len(x)
    np.testing.assert_allclose(by_runtime(done.onnx, x), by_torch(model, x), atol=TOLERANCE)
    told, known = read_json(done.json), read_json(trained / run / "run.json")
    assert told["outputs"] == [f"{run}_pb", f"{run}_pc", f"{run}_pu", f"{run}_ptau"]
    assert told["spec"] == read_json(trained / run / "spec.json")
    assert (told["kept"], told["jets"]) == (known["kept"], known["jets"])
    assert told["provenance"]["training"] == known["provenance"]
    if run == "pruned":
        assert [len(one) for one in told["kept"].values()] == told["architecture"]["hidden"]


def test_units_and_definitions_are_those_of_the_card(trained, tmp_path):
    done = export_run(
        trained / "pruned", tmp_path / "m.onnx", jets=trained / "jets" / "val.h5", name="GN"
    )
    first, second, _ = read_json(done.json)["inputs"]
    assert (first["name"], first["unit"], first["definition"]) == ("log_pt", "", "log(pt)")
    assert (second["name"], second["definition"]) == ("sv_mass", "jet_sv_mass / 1000")
    without = read_json(export_run(trained / "pruned", tmp_path / "n.onnx", name="GN").json)
    assert set(without["inputs"][0]) == {"name", "mean", "std"}


def test_an_input_with_a_unit_has_it(tmp_path):
    described = card(inputs={"jets": ["pt", "sv_mass"], "tracks": ["significance"]})
    sample = write_root(tmp_path / "sample.root", small(400))
    prepare(described, [sample], tmp_path / "jets")
    network = build(Mlp(hidden=(3,)), mean=[50.0, 1.0], std=[20.0, 1.0], classes=4).eval()
    model = Model(network, About("single_b", CLASSES, ("pt", "sv_mass")))
    done = export(model, tmp_path / "m.onnx", name="GN", jets=tmp_path / "jets" / "test.h5")
    assert [one["unit"] for one in read_json(done.json)["inputs"]] == ["GeV", ""]


def test_jets_with_other_inputs_are_refused(trained, tmp_path):
    with pytest.raises(
        FtagPruneError, match=r"test.h5: has no input 'a', which the model takes; there is: "
    ):
        export(a_model(), tmp_path / "m.onnx", name="GN", jets=trained / "jets" / "test.h5")


def test_inputs_are_found_by_their_name(trained, tmp_path):
    """A model that takes them in another order is compared on the same jets, and agrees."""
    jets = trained / "jets" / "test.h5"
    model = load_model(trained / "pruned" / "model.pt")
    tensors = model.network.state_dict()
    for name in ("mean", "std", "linear.0.weight"):
        tensors[name] = tensors[name].flip(-1)
    network = restored(model.network.architecture, tensors, classes=4).eval()
    about = model.about._replace(inputs=model.about.inputs[::-1])
    done = export(Model(network, about), tmp_path / "m.onnx", name="GN", jets=jets)
    x = load(jets).x.numpy()
    assert done.real == len(x)
    found = by_runtime(done.onnx, np.ascontiguousarray(x[:, ::-1]))
    np.testing.assert_allclose(found, by_torch(model, x), atol=TOLERANCE)


def test_a_model_of_some_inputs_is_compared_on_them(trained, tmp_path):
    """With all inputs in their order the file would not even take the jets."""
    jets = trained / "jets" / "test.h5"
    network = build(Mlp(hidden=(3,)), mean=[0.0] * 2, std=[1.0] * 2, classes=4, seed=4).eval()
    model = Model(network, About("single_b", CLASSES, ("best", "log_pt")))
    done = export(model, tmp_path / "m.onnx", name="GN", jets=jets)
    assert [one["name"] for one in read_json(done.json)["inputs"]] == ["best", "log_pt"]
    assert done.real == len(load(jets).x)


def test_jets_of_another_preparation_are_refused(trained, tmp_path):
    model = load_model(trained / "pruned" / "model.pt")
    jets = trained / "jets" / "test.h5"
    with pytest.raises(FtagPruneError, match="was trained on jets of 01234567"):
        export(model, tmp_path / "m.onnx", name="GN", origin=Origin(jets="0123456789"), jets=jets)


def test_the_verb_says_what_it_found(trained, tmp_path):
    code, _, said = call(
        "export", trained / "pruned", tmp_path / "m.onnx", "--jets", trained / "jets" / "test.h5"
    )
    assert code == 0, said
    assert "m.onnx: " in said
    assert "ONNX Runtime and torch agree to" in said
    assert (tmp_path / "m.json").exists()


def test_a_folder_without_a_model_is_refused(tmp_path):
    code, _, said = call("export", tmp_path, tmp_path / "m.onnx")
    assert (code, said.count("\n")) == (1, 1)
    assert "wanted the folder of a finished run, found no model.pt" in said


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"no model")
    with pytest.raises(FtagPruneError, match=r"model.pt: not a model or checkpoint of ours"):
        export_run(tmp_path, tmp_path / "m.onnx")


def test_a_model_of_another_run_is_refused(trained, tmp_path):
    (tmp_path / "model.pt").write_bytes((trained / "dense" / "model.pt").read_bytes())
    (tmp_path / "run.json").write_bytes((trained / "pruned" / "run.json").read_bytes())
    with pytest.raises(FtagPruneError, match=r"model.pt is not the one that run.json tells of"):
        export_run(tmp_path, tmp_path / "m.onnx")
