"""The embedded sample is hard in the right way: rejections of a small dense tagger in wide bands.

The bands are those asked of a plausible sample: c rejection 5 to 20 and light 100 to 2000 at 70 %
b-efficiency, multijet 20 to 300 at 60 % Hbb efficiency.
"""

from pathlib import Path

import pytest

from ftag_prune.architecture import Mlp
from ftag_prune.config import Dense, Epochs, Run, Training
from ftag_prune.evaluate import EFFICIENCIES, probabilities, score
from ftag_prune.flavours import TASKS
from ftag_prune.generate import generate
from ftag_prune.prepare import prepare
from ftag_prune.rates import TwoRates
from ftag_prune.schema import load_card
from ftag_prune.tensors import description, load
from ftag_prune.train import fit
from ftag_prune.train.state import start

CARDS = Path(__file__).parents[2] / "data/cards"

pytestmark = pytest.mark.slow


def rejections(folder, task, suffix, jets):
    """Rejections of a dense tagger trained on a small sample, at the headline working point."""
    files = []
    for index, (process, number) in enumerate(jets.items()):
        files.append(folder / f"{process}{suffix}")
        first = index * 10**9
        generate(files[-1], task=task, process=process, jets=number, seed=11, first_event=first)
    done = prepare(load_card(CARDS / f"embedded_{task}.yaml"), files, folder)
    run = Run(
        name="sanity",
        task=task,
        label="w64",
        network=Mlp(hidden=(64, 64)),
        strategy="dense",
        how=Dense(rates=TwoRates(weights=3e-3)),
        training=Training(epochs=Epochs(dense=10, gated=1, tuned=0), batch_size=256),
        seed=1,
    )
    state = start(run, description(done.train))
    network = fit(run, state, load(done.train), load(done.val)).network
    test = load(done.test)
    told = score(probabilities(network, test), test.y.numpy(), TASKS[task])
    place = EFFICIENCIES.index(TASKS[task].working_point)
    curves = told["discriminants"][TASKS[task].signal]["backgrounds"]
    return {name: curve["rejection"][place] for name, curve in curves.items()}


def test_single_b(tmp_path):
    found = rejections(tmp_path, "single_b", ".root", {"ttbar": 24_000, "zprime": 3_000})
    assert 5 < found["c"] < 20
    assert 100 < found["u"] < 2000


def test_hbb_cc(tmp_path):
    jets = {"hbb": 3_000, "hcc": 2_000, "qcd": 4_500, "top": 2_500}
    found = rejections(tmp_path, "hbb_cc", ".h5", jets)
    assert 20 < found["qcd"] < 300
    assert 5 < found["top"] < 60
