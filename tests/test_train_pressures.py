"""Every pressure and every choice of rates in a short real training, interrupted or not."""

from typing import get_args

import pytest
from resuming import resumed
from test_train import a_run, described, equal, fitted, how, same

from ftag_prune.config import Epochs, Sgd, Training
from ftag_prune.gates import Sigmoid
from ftag_prune.pressure import Fixed, Ladder, Memory, PerNode, Polyak, Pressure
from ftag_prune.rates import HighToLow, Rates, TwoRates
from ftag_prune.train.checkpoints import resume, save
from ftag_prune.train.state import start

PRESSURES = [kind() for kind in get_args(get_args(Pressure)[0])]
RATES = [kind() for kind in get_args(get_args(Rates)[0])]
ONE_STEP = Training(epochs=Epochs(dense=0, gated=1, tuned=0), batch_size=600)


def pressed(*, training=None, **changes):
    chosen = {"gate": Sigmoid(), "rates": TwoRates(weights=1e-2, gates=0.1), **changes}
    return a_run(how=how(**chosen), **({} if training is None else {"training": training}))


@pytest.mark.parametrize("stop", [3, 4])
@pytest.mark.parametrize("pressure", PRESSURES, ids=lambda one: one.kind)
def test_every_pressure_runs_and_resumes_to_the_same_bits(tmp_path, pressure, stop):
    run = pressed(pressure=pressure)
    whole, _ = resumed(run, tmp_path, stop=stop)
    assert sum(whole.network.architecture.hidden) == 9


@pytest.mark.parametrize("rates", RATES, ids=lambda one: one.kind)
def test_all_rates_run_and_resume_to_the_same_bits(tmp_path, rates):
    run = pressed(rates=rates, pressure=PerNode(value=10))
    resumed(run, tmp_path, stop=4)


def test_the_high_rate_ends_with_the_epoch_in_which_pruning_started(tmp_path):
    rates = HighToLow(high=0.3, low=0.01, trigger=0.2)
    run = pressed(rates=rates, pressure=Fixed(value=1e3))
    whole, second = resumed(run, tmp_path, stop=4)
    rows, used = whole.history, []
    begun = next(index for index, row in enumerate(rows) if row["pruned"] >= 0.2)
    assert rows[begun]["phase"] == "gated"
    expected = [0.3] * (begun + 1) + [0.01] * (6 - begun)
    assert [row["weights_rate"] for row in rows] == expected
    assert equal(second.history, rows)
    fitted(run, after_epoch=lambda state: used.append(state.optimiser.param_groups[0]["lr"]))
    assert used == expected


def test_the_freeze_counts_as_pruning():
    """A strategy that prunes nothing is not fine-tuned at the high rate."""
    rates = HighToLow(high=1e-4, low=1e-5)
    run = pressed(rates=rates, training=Training(epochs=Epochs(dense=1, gated=1, tuned=1)))
    rows = fitted(run).history
    assert [row["weights_rate"] for row in rows] == [1e-4, 1e-4, 1e-5]


def test_per_node_trains_as_fixed_times_nodes():
    first, second = (
        fitted(pressed(pressure=one)) for one in (PerNode(value=2), Fixed(value=2 * 28))
    )
    assert same(first.network, second.network)
    assert equal(first.history, second.history)


def test_polyak_sees_the_slope_of_the_gates():
    """Gates alike at z: the pressure is nodes / (4 z'^2), z' = steepness z (1 - z)."""
    gate = Sigmoid(start_value=0.8, steepness=2.0)
    run = pressed(gate=gate, pressure=Polyak(cap=1e9), training=ONE_STEP)
    (row,) = fitted(run).history
    assert row["pressure"] == pytest.approx(28 / (4 * (2 * 0.8 * 0.2) ** 2), rel=1e-5)


@pytest.mark.parametrize("pressure", [one for one in PRESSURES if one.kind != "polyak"])
def test_who_does_not_ask_for_the_gradient_does_not_pay_for_it(monkeypatch, pressure):
    monkeypatch.delattr("ftag_prune.train.loop._slope")
    fitted(pressed(pressure=pressure, training=ONE_STEP))
    with pytest.raises(NameError):
        fitted(pressed(pressure=Polyak(), training=ONE_STEP))


def test_looking_at_the_gradient_changes_no_bit(monkeypatch):
    plain = fitted(pressed(pressure=Ladder(every=1)))
    monkeypatch.setattr(Ladder, "needs_gradient", True)
    looked = fitted(pressed(pressure=Ladder(every=1)))
    assert same(plain.network, looked.network)
    assert equal(plain.history, looked.history)


def test_a_rich_memory_is_in_the_checkpoint(tmp_path):
    run = pressed()
    state = start(run, described())
    state.memory = Memory(1.5, (0.1, 2.0, 1 / 3))
    save(tmp_path / "checkpoint.pt", state, identity="mine")
    found = resume(tmp_path / "checkpoint.pt", run, described(), identity="mine")
    assert found.memory == Memory(1.5, (0.1, 2.0, 1 / 3))


def test_dilution_and_its_cure_in_a_real_training():
    """SGD at one rate: the fixed pressure moves nothing, Polyak's closes the gates."""
    settings = Training(
        epochs=Epochs(dense=0, gated=10, tuned=0), batch_size=100, optimiser=Sgd(momentum=0.0)
    )
    still, closed = (
        fitted(pressed(pressure=one, training=settings)).frozen.reached
        for one in (Fixed(), Polyak())
    )
    assert still == 28
    assert closed < 28
