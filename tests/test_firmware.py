"""Firmware: folding keeps the network, and the emulation is exact arithmetic on integers."""

import json
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from small_samples import card, small, write_root
from torch import nn

from ftag_prune import firmware as module
from ftag_prune.architecture import Mlp
from ftag_prune.errors import FtagPruneError
from ftag_prune.firmware import to_firmware
from ftag_prune.flavours import TASKS
from ftag_prune.model import About, Model
from ftag_prune.networks import build
from ftag_prune.prepare import prepare

CLASSES = TASKS["single_b"].classes
# The second input lies 40 deviations off zero: biases do not fit into 6 integer bits.
MEAN, STD = [0.5, -200.0, 3e3, 0.0, 1e-3], [0.1, 5.0, 2e3, 1.0, 1e-4]
DEFAULT = "ap_fixed<16,6>"


def a_model(*, hidden=(12, 8), activation="relu", mean=MEAN, std=STD, inputs=tuple("abcde")):
    architecture = Mlp(hidden=hidden, activation=activation)
    network = build(architecture, mean=mean, std=std, classes=4, seed=1).eval()
    # Weights as large as those of a trained network: fresh ones hardly depend on their inputs.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return Model(network, About("single_b", CLASSES, inputs))


def some_jets(number, *, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(MEAN, STD, size=(number, 5)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[0], x[1], x[2] = np.nan, np.inf, -np.inf
    return torch.from_numpy(x)


def parts(model, precision=DEFAULT):
    fixed = module._fixed(precision)
    return module._folded(model.network, fixed), fixed


@pytest.fixture(scope="session")
def emulator():
    pytest.importorskip("hls4ml", reason="hls4ml is not installed: pip install 'ftag_prune[fpga]'")
    if shutil.which("g++") is None:
        pytest.skip("the emulation needs g++")


@pytest.fixture
def pretended(monkeypatch):
    """A package of that name, for what is refused before it is used."""
    monkeypatch.setitem(sys.modules, "hls4ml", types.ModuleType("hls4ml"))
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")


# -- the folded network --------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_folded_network_is_the_network(activation):
    model, x = a_model(activation=activation), some_jets(1000)
    tagger, fixed = parts(model, "ap_fixed<48,12>")
    sent, clipped = module._sent(tagger, fixed, x)
    with torch.no_grad():
        found, wanted = tagger.layers(torch.from_numpy(sent).float()), model.network(x)
    assert clipped == 0
    assert wanted.std() > 0.5  # the jets are told apart at all
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_an_input_is_divided_by_the_power_of_two_next_above_its_deviation():
    tagger, _ = parts(a_model())
    np.testing.assert_array_equal(tagger.shifts, [-3, 3, 11, 0, -13])
    np.testing.assert_allclose(tagger.missing, np.array(MEAN) / 2.0**tagger.shifts, rtol=1e-6)


def test_the_power_is_larger_where_the_mean_would_not_fit():
    # 2^shift must be at least (|100| + 8) / 32 = 3.4.
    tagger, _ = parts(a_model(mean=[100.0, 0, 0, 0, 0], std=[1.0] * 5))
    np.testing.assert_array_equal(tagger.shifts, [2, 0, 0, 0, 0])


def test_biases_get_the_integer_bits_they_need():
    tagger, fixed = parts(a_model())
    largest = float(tagger.layers[0].bias.abs().max())
    assert 32 < largest < 64
    assert fixed.constants(tagger.layers[0].bias) == "ap_fixed<17,7,AP_RND,AP_SAT>"
    assert fixed.constants(tagger.layers[0].weight) == "ap_fixed<16,6,AP_RND,AP_SAT>"


@pytest.mark.parametrize(("value", "more"), [(0, 0), (31.9, 0), (-32, 1), (64, 2), (100, 2)])
def test_integer_bits_of_constants(value, more):
    found = module._fixed(DEFAULT).constants(torch.tensor([value, 0.0]))
    assert found == f"ap_fixed<{16 + more},{6 + more},AP_RND,AP_SAT>"


def test_folded_weights_keep_their_size():
    model = a_model()
    tagger, _ = parts(model)
    ratio = tagger.layers[0].weight / model.network.linear[0].weight
    assert 1 <= ratio.min() <= ratio.max() < 2


def test_what_lies_outside_is_sent_at_the_end_of_the_range():
    tagger, fixed = parts(a_model(mean=[0.0] * 5, std=[1.0] * 5))
    x = torch.tensor([[31.0, 32.0, -32.0, -33.0, torch.nan], [1e30, -1e30, torch.inf, 0, 1]])
    sent, clipped = module._sent(tagger, fixed, x)
    end = 32 - 2.0**-10
    np.testing.assert_array_equal(sent, [[31, end, -32, -32, 0], [end, -32, 0, 0, 1]])
    assert clipped == 4 / 10


def test_the_model_stays_as_it_was():
    model = a_model()
    before = {name: one.clone() for name, one in model.network.state_dict().items()}
    generator = torch.get_rng_state()
    parts(model)
    torch.testing.assert_close(torch.get_rng_state(), generator)
    for name, one in model.network.state_dict().items():
        torch.testing.assert_close(one, before[name], rtol=0, atol=0)
    assert all(one.requires_grad for one in model.network.parameters())


def test_the_comparison_counts_jets():
    network, x = a_model().network, some_jets(2001)
    with torch.no_grad():
        logits = network(x).double().numpy()
    # Three jets are wrong, the third least: of 2001 it is the one that 99.9 % stay within.
    wrong = logits.copy()
    for jet, by in ((10, 9.0), (20, 6.0), (30, 0.01)):
        wrong[jet, logits[jet].argmin()] += by
    found, wanted = (torch.from_numpy(one).softmax(1).numpy() for one in (wrong, logits))
    gaps = np.abs(found - wanted).max(axis=1)
    assert gaps[10] > gaps[20] > gaps[30] > 0
    changed = [wrong[jet].argmax() != logits[jet].argmax() for jet in (10, 20, 30)]
    assert changed[0]
    compared = module._compared(network, x, wrong)
    np.testing.assert_allclose(compared, (gaps[10], gaps[30], 1 - sum(changed) / 2001), atol=1e-6)


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "precision",
    [
        "ap_fixed<16, 6>",
        "ap_fixed<2,1>",
        "ap_fixed<48,48>",
        "ap_fixed<16,6,AP_RND>",
        "ap_fixed<16,6,AP_RND_CONV,AP_SAT_SYM>",
    ],
)
def test_fixed_point_types(precision):
    assert module._fixed(precision).name == precision.replace(" ", "")


@pytest.mark.parametrize(
    "precision",
    [
        "",
        "float",
        "ap_fixed<16>",
        "ap_fixed<6,16>",
        "ap_fixed<49,6>",
        "ap_fixed<1,1>",
        "ap_fixed<16,0>",
        "ap_fixed<16,6,AP_SAT>",
        "ap_fixed<16,6,AP_RND,AP_TRN>",
        "ap_ufixed<16,6>",
    ],
)
def test_what_is_no_fixed_point_type_is_refused(tmp_path, precision):
    with pytest.raises(FtagPruneError, match=r"wanted ap_fixed<bits,integer bits>"):
        to_firmware(a_model(), tmp_path / "out", precision=precision)


def test_an_activation_that_hls4ml_lacks_is_refused(tmp_path):
    with pytest.raises(FtagPruneError, match="no activation 'gelu'; "):
        to_firmware(a_model(activation="gelu"), tmp_path / "out")


def test_another_network_is_refused(tmp_path):
    other = nn.Linear(2, 2)
    other.architecture = types.SimpleNamespace(kind="images")
    with pytest.raises(FtagPruneError, match="of kind 'images' cannot become firmware"):
        to_firmware(Model(other, a_model().about), tmp_path / "out")


def test_a_reuse_of_nothing_is_refused(tmp_path):
    with pytest.raises(FtagPruneError, match="a reuse of 0"):
        to_firmware(a_model(), tmp_path / "out", reuse=0)


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    with pytest.raises(FtagPruneError, match="is there already"):
        to_firmware(a_model(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [32.0, -1e30, float("nan")])
def test_a_weight_that_does_not_fit_is_refused(tmp_path, pretended, value):
    model = a_model()
    with torch.no_grad():
        model.network.linear[1].weight[2, 3] = value
    with pytest.raises(
        FtagPruneError, match=r"layer 2 has a weight of .* does not fit into ap_fix"
    ):
        to_firmware(model, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_without_hls4ml_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hls4ml", None)
    with pytest.raises(FtagPruneError, match=r"pip install 'ftag_prune\[fpga\]'"):
        to_firmware(a_model(), tmp_path / "out")


def test_without_a_compiler_it_is_named(tmp_path, pretended, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(FtagPruneError, match=r"the compiler 'g\+\+'"):
        to_firmware(a_model(), tmp_path / "out")


# -- the emulation -------------------------------------------------------------------------------


def by_hand(model, x, precision):
    """Logits of the firmware in integers: rounded weights, exact sums, activations cut off."""
    tagger, fixed = parts(model, precision)
    steps = int(1 / fixed.step)
    sent, _ = module._sent(tagger, fixed, x)
    values = np.floor(sent * steps).astype(np.int64)
    linears = [one for one in tagger.layers if isinstance(one, nn.Linear)]
    for index, linear in enumerate(linears):
        weight, bias = (
            np.floor(one.double().numpy() * steps + 0.5).astype(np.int64)
            for one in (linear.weight, linear.bias)
        )
        sums = values @ weight.T + bias * steps  # in steps squared
        values = sums // steps
        assert np.abs(values).max() < fixed.limit * steps  # nothing wraps around here
        values = np.maximum(values, 0) if index + 1 < len(linears) else values
    return values / steps


@pytest.fixture(scope="module")
def made(emulator, tmp_path_factory):
    return to_firmware(a_model(), tmp_path_factory.mktemp("firmware") / "tagger")


@pytest.mark.slow
def test_the_emulation_is_exact_arithmetic_on_integers(made):
    model, x = a_model(), module._random(a_model().network)
    expected = module._compared(model.network, x, by_hand(model, x, DEFAULT))
    np.testing.assert_allclose((made.largest, made.usual, made.agreement), expected, atol=1e-12)
    assert 1e-4 < made.usual < made.largest < 0.05
    assert (made.jets, made.real, made.clipped) == (10_000, False, 0)


@pytest.mark.slow
def test_the_project_compiles_where_it_is_and_says_the_same(made):
    model, x = a_model(), some_jets(500)
    sent, _ = module._sent(*parts(model), x)
    found = module._emulated(made.folder, sent, classes=4)
    np.testing.assert_array_equal(found, by_hand(model, x, DEFAULT))


@pytest.mark.slow
def test_the_project_tells_what_to_send_and_unpickles_nothing(made):
    told = json.loads((made.folder / "interface.json").read_text())
    assert told["inputs"][2] == {"name": "c", "shift": 11, "missing": pytest.approx(3000 / 2**11)}
    assert told["classes"] == list(CLASSES)
    assert told["comparison"]["largest"] == made.largest
    described = (made.folder / "hls4ml_config.yml").read_text()
    assert "!!python" not in described
    assert f"OutputDir: {made.folder.resolve()}" in described
    assert [one.name for one in made.folder.parent.iterdir()] == [made.folder.name]
    assert not list(made.folder.rglob("*.so"))


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "close"), [("relu", 1e-4), ("tanh", 4e-3)])
def test_wide_numbers_give_what_torch_gives(emulator, tmp_path, activation, close):
    done = to_firmware(
        a_model(activation=activation), tmp_path / "tagger", precision="ap_fixed<32,12>"
    )
    assert done.largest < close
    assert done.agreement > 0.998


@pytest.mark.slow
def test_real_jets_are_compared_and_a_multiplier_is_used_again(emulator, tmp_path):
    prepare(card(), [write_root(tmp_path / "sample.root", small(800))], tmp_path / "jets")
    inputs = ("log_pt", "sv_mass", "best")
    model = a_model(mean=[3.0, 1.0, 0.0], std=[1.0, 1.0, 5.0], inputs=inputs)
    jets = tmp_path / "jets" / "test.h5"
    done = to_firmware(model, tmp_path / "tagger", jets=jets, reuse=4)
    assert done.real
    assert 0 < done.jets < 800
    assert done.agreement > 0.98
    # Of three inputs each multiplier can serve three.
    assert done.reuse == (3, 4, 4)
    lost = Model(model.network, About("single_b", CLASSES, ("log_pt", "sv_mass", "bets")))
    with pytest.raises(FtagPruneError, match="no input 'bets'; nearest: 'best'"):
        to_firmware(lost, tmp_path / "other", jets=jets)


@pytest.mark.slow
def test_a_project_that_does_not_compile_leaves_nothing(emulator, tmp_path, monkeypatch):
    told = "tagger.cpp:1: warning: odd\ntagger.cpp:7:3: error: no such type\n"
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=told)
    monkeypatch.setattr(module.subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(FtagPruneError, match=r"does not compile .*: tagger\.cpp:7:3: error"):
        to_firmware(a_model(), tmp_path / "tagger")
    assert not list(tmp_path.iterdir())
