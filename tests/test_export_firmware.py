"""Perceptrons that firmware cannot be made of are refused in a sentence, before anything else."""

import pytest

from ftag_prune.architecture import DeepSets, Mlp
from ftag_prune.errors import FtagPruneError
from ftag_prune.firmware import to_firmware
from ftag_prune.model import About, Model
from ftag_prune.networks import build

ABOUT = About("single_b", ("b", "c", "u", "tau"), ("a", "b"))


@pytest.mark.parametrize(
    ("architecture", "sentence"),
    [
        (Mlp(hidden=(4, 4), norm="batch"), "a perceptron with norms or residual links"),
        (Mlp(hidden=(4, 4), norm="layer"), "a perceptron with norms or residual links"),
        (Mlp(hidden=(4, 4), residual=True), "a perceptron with norms or residual links"),
        (DeepSets(tracks=("d0",)), "of kind 'deepsets' cannot become firmware; wanted 'mlp'"),
        (Mlp(hidden=(4, 4), activation="silu"), "hls4ml has no activation 'silu'"),
    ],
)
def test_a_network_that_no_firmware_can_be_is_refused(tmp_path, architecture, sentence):
    network = build(architecture, mean=[0.0] * 2, std=[1.0] * 2, classes=4, tracks=("d0",))
    with pytest.raises(FtagPruneError, match=sentence):
        to_firmware(Model(network.eval(), ABOUT), tmp_path / "project")
    assert not list(tmp_path.iterdir())
