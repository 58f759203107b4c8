"""Verdicts and predictions against gates simulated step by step."""

import math
import re
import subprocess
import sys
from functools import cache
from itertools import groupby

import numpy as np
import pytest

from ftag_prune.diagnose import (
    Symptoms,
    explain,
    ladder_onset,
    onset_epoch,
    pressure_needed,
    stability_limit,
    steps_to,
    tau,
    travel,
    verdict,
    warning,
)
from ftag_prune.errors import FtagPruneError
from ftag_prune.pressure import Ladder, Memory, Seen


def logit(z):
    return math.log(z / (1 - z))


class Gates:
    """N gates in float32, L_pru = (a - t)^2 and a class loss -sum s_i z_i, s_i = mean + noise."""

    def __init__(self, nodes, *, wanted=0.25, pressure=1.0, rate=0.1, **more):
        self.nodes, self.wanted, self.rate = nodes, wanted, rate
        self.pressure = pressure if callable(pressure) else lambda _epoch: pressure
        self.saliency = np.broadcast_to(more.pop("saliency", 0.0), nodes).astype(np.float32)
        self.noise, self.steps = more.pop("noise", 0.0), more.pop("steps", 100)
        self.adam, self.momentum = more.pop("adam", False), more.pop("momentum", 0.0)
        self.limit = np.float32(more.pop("limit", 80.0))
        self.steepness = more.pop("steepness", lambda epoch: 1.0)
        self.theta = np.full(nodes, more.pop("theta", logit(0.9)), np.float32)
        self.first, self.second = np.zeros(nodes), np.zeros(nodes)
        self.epoch, self.count, self.rng = 0, 0, np.random.default_rng(1)
        self.on = np.ones(nodes, bool)
        assert not more

    def gates(self):
        k = np.float32(self.steepness(self.epoch))
        z = 1 / (1 + np.exp(-np.clip(k * self.theta, -self.limit, self.limit)))
        return z, k * z * (1 - z)

    def step(self, pressure):
        z, slope = self.gates()
        noise = self.noise * self.rng.normal(size=self.nodes)
        pruning = np.float32(pressure * 2 * (z.mean() - self.wanted) / self.nodes) * slope
        pull = (-self.saliency + noise).astype(np.float32) * slope
        self.move((pruning + pull).astype(np.float32))
        return float((pull.astype(float) ** 2).sum()), pruning + pull

    def move(self, gradient):
        self.count += 1
        if not self.adam:
            self.first = self.momentum * self.first + gradient
            self.theta = (self.theta - self.rate * self.first).astype(np.float32)
            return
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient.astype(float) ** 2
        mean = self.first / (1 - 0.9**self.count)
        size = np.sqrt(self.second / (1 - 0.999**self.count)) + 1e-8
        self.theta = (self.theta - self.rate * mean / size).astype(np.float32)

    def train(self, epochs, upto=None):
        """Symptoms of each epoch, of all or of the first few of them."""
        return [self.one(epochs) for _ in range(upto or epochs)]

    def one(self, epochs):
        seen = []
        for _ in range(self.steps):
            pressure = self.pressure(self.epoch)
            squares, gradient = self.step(pressure)
            seen.append(squares)
        self.epoch += 1
        before, (z, slope) = self.on, self.gates()
        self.on = z >= 0.5
        some = self.on.any()
        return Symptoms(
            epoch=self.epoch,
            epochs=epochs,
            steps=self.steps,
            nodes=self.nodes,
            wanted=self.wanted,
            active=float(z.mean()),
            target=1 - self.wanted,
            pruned=float(1 - self.on.mean()),
            gone=int((before & ~self.on).sum()),
            regrown=int((~before & self.on).sum()),
            fractional=float(((z > 0.05) & (z < 0.95)).mean()),
            pressed=True,
            pressure=pressure,
            unit_price=2 * (float(z.mean()) - self.wanted) / self.nodes,
            rate=self.rate,
            adaptive=self.adam,
            distance=float(np.median(self.theta[self.on])) if some else 0.0,
            slope_squared=float((slope.astype(float) ** 2).mean()),
            zero_open=float((gradient[self.on] == 0).mean()) if some else 0.0,
            class_gradient=math.sqrt(np.mean(seen)),
            saliency_median=float(np.median(self.saliency[self.on])) if some else math.nan,
            momentum=self.momentum,
            steepness=float(self.steepness(self.epoch)),
            limit=float(self.limit),
        )


def alike(nodes, *, until, pressure=1.0, rate=0.1, wanted=0.25, momentum=0.0):
    """Steps of SGD for gates that are all alike from .9 to `until`, in plain Python."""
    theta, memory, steps = logit(0.9), 0.0, 0
    while (z := 1 / (1 + math.exp(-theta))) > until:
        memory = momentum * memory + pressure * 2 * (z - wanted) * z * (1 - z) / nodes
        theta, steps = theta - rate * memory, steps + 1
    return steps


# -- predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "until"), [(0.25, 0.5), (0.5, 0.52), (0.01, 0.3), (1e-3, 0.5)])
@pytest.mark.parametrize("steepness", [1, 3])
def test_travel_is_the_integral_of_the_equation_of_motion(wanted, until, steepness):
    cells = np.linspace(logit(until), logit(0.9), 20_001) / steepness
    theta = (cells[1:] + cells[:-1]) / 2
    z = 1 / (1 + np.exp(-steepness * theta))
    exact = ((cells[1] - cells[0]) / (2 * (z - wanted) * steepness * z * (1 - z))).sum()
    assert travel(0.9, wanted, steepness=steepness, until=until) == pytest.approx(exact, rel=1e-5)


def test_travel_of_the_users_gates():
    """27.3 without the 2 of the gradient of (a - t)^2."""
    assert travel(0.9, 0.25) == pytest.approx(13.668, abs=1e-3)
    assert travel(0.9, 0.5) == math.inf
    assert travel(0.4, 0.25) == 0


@pytest.mark.parametrize(("pressure", "known"), [(1, 45_010), (128, 351)])
def test_steps_to_the_target(pressure, known):
    """From .9 to within .02 of t = .5, 128 gates, rate .1."""
    steps = alike(128, until=0.52, pressure=pressure, wanted=0.5)
    way = travel(0.9, 0.5, until=0.52)
    assert steps == pytest.approx(known, rel=1e-3)
    assert steps_to(way, nodes=128, rate=0.1, pressure=pressure) == pytest.approx(steps, rel=2e-3)


def test_momentum_divides_the_steps():
    """But for the .9/.1 = 9 steps that it takes to gather way."""
    steps = alike(128, until=0.5, momentum=0.9)
    found = steps_to(travel(0.9, 0.25), nodes=128, rate=0.1, pressure=1, momentum=0.9)
    assert found == pytest.approx(steps - 9, rel=2e-3)


def test_tau_is_the_time_in_which_the_pruning_loss_falls_by_e():
    gates = Gates(64, saliency=0.0)
    start = [gates.gates()[0].mean(), (gates.gates()[1] ** 2).mean()]
    for _ in range(100):
        gates.step(1.0)
    fallen = ((gates.gates()[0].mean() - 0.25) / (start[0] - 0.25)) ** 2
    expected = tau(nodes=64, rate=0.1, pressure=1, slope_squared=start[1])
    assert -100 / math.log(fallen) == pytest.approx(expected, rel=0.02)
    assert tau(nodes=64, rate=0.1, pressure=0, slope_squared=1) == math.inf


def climbed(nodes, ladder, *, steps=50):
    """Gated epochs until gates under a ladder go off, step by step."""
    theta, count, memory = logit(0.9), 0, Memory(0.0)
    while theta > 0:
        seen = Seen(count // steps, 0, nodes, 0, 0.75, 0, 0)
        memory, z = ladder.step(memory, seen), 1 / (1 + math.exp(-theta))
        theta -= 0.1 * memory.pressure * 2 * (z - 0.25) * z * (1 - z) / nodes
        count += 1
    return count / steps


@pytest.mark.parametrize(
    "ladder", [Ladder(), Ladder(factor=3, every=5, first=0.5), Ladder(every=10, last=100)]
)
def test_ladder_onset_is_that_of_simulated_gates(ladder):
    for nodes in (64, 570, 1500, 12_416):
        told = {name: getattr(ladder, name) for name in ("first", "factor", "every", "last")}
        found = ladder_onset(travel(0.9, 0.25), nodes=nodes, rate=0.1, steps=50, **told)
        assert found == pytest.approx(climbed(nodes, ladder), rel=0.01)


def test_the_onset_moves_one_block_per_decade_of_nodes():
    way = travel(0.9, 0.25)
    onsets = [ladder_onset(way, nodes=10**n, rate=0.1, steps=50) / 20 for n in range(4, 12)]
    assert np.diff(onsets) == pytest.approx(1, abs=0.02)
    assert np.diff(onsets)[-3:] == pytest.approx(1, abs=1e-4)
    assert ladder_onset(math.inf, nodes=10, rate=0.1, steps=50) == math.inf


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize(("share", "settles"), [(0.98, True), (1.02, False)])
def test_stability_limit(momentum, share, settles):
    """Linear gates with slopes of their own: above the limit the mean swings ever wider."""
    slopes, rate = np.random.default_rng(1).uniform(0.1, 0.3, 50), 0.1
    limit = stability_limit(
        nodes=50, rate=rate, slope_squared=(slopes**2).mean(), momentum=momentum
    )
    theta, memory = np.full(50, 1.0), np.zeros(50)
    for _ in range(3000):
        memory = momentum * memory + share * limit * 2 * (slopes @ theta / 50) * slopes / 50
        theta = theta - rate * memory
    assert (abs(slopes @ theta) < 1e-6) == settles


@pytest.mark.parametrize(("share", "closes"), [(0.95, False), (1.05, True)])
def test_pressure_needed_is_where_a_gate_begins_to_close(share, closes):
    gates = Gates(200, saliency=5e-3)
    needed = pressure_needed(5e-3, unit_price=2 * (0.9 - 0.25) / 200)
    assert needed == pytest.approx(5e-3 * 200 / (2 * 0.65))
    gates.step(share * needed)
    assert (gates.theta[0] < logit(0.9)) == closes
    assert pressure_needed(-1, unit_price=0) == 0
    assert pressure_needed(1, unit_price=0) == math.inf


# -- onset of gates as measured ------------------------------------------------------------------


def crossing(gates):
    """First epoch at whose end the typical node is off."""
    while gates.one(200).pruned < 0.5:
        assert gates.epoch < 200
    return gates.epoch


@pytest.mark.parametrize(
    "more",
    [
        {"pressure": 20.0},
        {"pressure": 3.0, "momentum": 0.9},
        {"pressure": 30.0, "saliency": 4e-2, "nodes": 100},
        {"pressure": lambda epoch: 2.0 ** (epoch // 5), "steepness": lambda epoch: 2.0},
        {"adam": True, "rate": 1e-3, "pressure": 1.0},
        {"adam": True, "rate": 1e-3, "pressure": 1e4},
        {"adam": True, "rate": 1e-3, "saliency": 0.03, "pressure": 30.0},
        {"adam": True, "rate": 1e-2, "noise": 5e-3, "pressure": 1.0},
    ],
    ids=[
        "sgd",
        "momentum",
        "saliency",
        "ladder",
        "adam",
        "adam pressed",
        "adam held back",
        "adam noisy",
    ],
)
def test_onset_epoch_is_that_of_simulated_gates(more):
    more = {"nodes": 300, **more}
    gates = Gates(**more)
    now = gates.train(200, upto=2)[-1]
    onset = onset_epoch(now, gates.pressure)
    assert onset == pytest.approx(crossing(Gates(**more)), rel=0.1, abs=1)


def test_a_schedule_may_be_a_list_whose_last_entry_is_held():
    now = Gates(300).train(20, upto=2)[-1]
    assert onset_epoch(now, [1, 1, 50]) == onset_epoch(now, lambda epoch: 50 if epoch > 3 else 1)
    assert onset_epoch(now, [1]) == onset_epoch(now) == onset_epoch(now, [])


def test_a_gate_waits_while_the_class_loss_is_stronger():
    now = Gates(300, saliency=1e-2).train(20, upto=1)[-1]
    assert onset_epoch(now) == math.inf
    assert onset_epoch(now, [1] * 7 + [100]) == onset_epoch(now, [100]) + 7


def test_where_half_may_stay_the_onset_is_the_solution_of_the_pruning_loss():
    more = {"nodes": 300, "wanted": 0.6, "pressure": 30.0}
    onset = onset_epoch(Gates(**more).train(200, upto=1)[-1])
    solved = next(one.epoch for one in Gates(**more).train(200) if one.active < 0.63)
    assert onset == pytest.approx(solved, abs=1)


def test_adam_does_not_see_the_pressure_and_sgd_sees_nothing_else():
    adam, sgd = (
        [
            onset_epoch(Gates(500, adam=adam, pressure=p0).train(9, upto=1)[-1], [q])
            for p0, q in ((1.0, 1.0), (1.0, 100.0))
        ]
        for adam in (True, False)
    )
    assert adam[0] == pytest.approx(adam[1], rel=1e-2)
    assert sgd[0] - 1 == pytest.approx(100 * (sgd[1] - 1), rel=1e-6)


# -- verdicts ------------------------------------------------------------------------------------


def annealed(epoch):
    return 1.2**epoch


def held(pressure, **more):
    """Nodes with saliencies from 0 to .01, evenly, under Adam: gates and epochs."""
    saliency = np.linspace(0, 1e-2, 100)
    return Gates(100, saliency=saliency, pressure=pressure, adam=True, **more), 25


# Gates and gated epochs.
MECHANISMS = {
    "dilution": lambda: (Gates(1500), 20),
    "dilution: against a class loss": lambda: (Gates(1500, saliency=2e-4), 20),
    "saturation": lambda: (Gates(300, theta=20.0, pressure=1e4, adam=True), 5),
    "saturation: flat": lambda: (Gates(300, theta=12.0), 5),
    "equilibrium": lambda: held(0.8, rate=0.05),
    "equilibrium: near the target": lambda: held(30, rate=0.01, steepness=annealed, limit=7),
    "equilibrium: from the start": lambda: (Gates(300, saliency=1e-2, pressure=1.0), 10),
    "fractional": lambda: (Gates(300, pressure=300.0), 20),
    "fractional: more than half stay": lambda: (Gates(300, wanted=0.75, pressure=300.0), 20),
    "done": lambda: held(100, rate=0.01, steepness=annealed, limit=7),
    "pruning": lambda: (Gates(300, pressure=20.0), 60),
}


@cache
def seen(name):
    """Symptoms of each epoch of a mechanism."""
    gates, epochs = MECHANISMS[name]()
    return gates.train(epochs)


def words(name):
    return [verdict(one) for one in seen(name)]


@pytest.mark.parametrize("name", MECHANISMS)
def test_each_mechanism_has_its_word(name):
    word = name.split(":")[0]
    assert word in words(name)
    if word != "pruning":
        assert words(name)[-1] == word


def test_a_good_training_is_told_epoch_by_epoch():
    told = [word for word, _ in groupby(words("done"))]
    assert told == ["pruning", "fractional", "done"]


def test_the_last_node_asks_for_a_pressure_that_30_does_not_have_and_100_has():
    """The 75th of 100 saliencies is paid above 75 while half a node is missing."""
    needed = pressure_needed(7.5e-3, unit_price=2 * (0.5 / 100) / 100)
    assert needed == pytest.approx(75)
    assert seen("equilibrium: near the target")[-1].missing == pytest.approx(1)
    assert seen("done")[-1].missing == pytest.approx(0)


def test_pruning_is_foreseen_and_seen():
    """Onset in time; then all alike cross together, and the pruning loss is solved."""
    told, off = words("pruning"), [one.pruned for one in seen("pruning")]
    onset = off.index(1.0)
    assert set(told[:onset]) == {"pruning"}
    assert set(told[onset:]) == {"fractional"}
    late = [one._replace(epochs=onset - 1) for one in seen("pruning")[: onset - 2]]
    assert {verdict(one) for one in late} == {"dilution"}


def test_nodes_that_go_off_are_a_pruning_whatever_holds_the_others():
    now = seen("equilibrium")[-1]
    assert verdict(now._replace(gone=5)) == "pruning"
    assert verdict(now._replace(gone=5, regrown=5)) == "equilibrium"


def test_kept_gates_may_stand_below_one():
    now = seen("done")[-1]
    assert verdict(now._replace(fractional=0.29)) == "done"
    assert verdict(now._replace(fractional=0.31)) == "fractional"


def test_saturated_gates_do_not_matter_if_enough_others_move():
    now = seen("equilibrium")[-1]
    share = 1 - now.missing / 100 / (1 - now.pruned)
    assert verdict(now._replace(zero_open=share - 0.01)) == "equilibrium"
    assert verdict(now._replace(zero_open=share + 0.01)) == "saturation"


def test_adam_moves_flat_gates():
    flat = seen("saturation: flat")[0]._replace(pressure=1e5, adaptive=True, rate=0.1)
    assert verdict(flat) == "pruning"
    assert verdict(flat._replace(adaptive=False)) == "saturation"


def test_without_a_pruning_loss_the_budget_decides():
    now = seen("dilution")[-1]._replace(pressed=False, pressure=0.0)
    assert verdict(now) == "pruning"
    assert verdict(now._replace(zero_open=1.0)) == "saturation"


def test_gates_at_rest_have_no_onset_to_wait_for():
    assert onset_epoch(seen("saturation")[-1]) == math.inf
    now = seen("dilution")[-1]._replace(active=0.01, wanted=0.01, distance=20.0, limit=7.0)
    assert onset_epoch(now) == 20


def test_no_open_node_holds_anything():
    assert math.isnan(seen("fractional")[-1].saliency_median)
    assert onset_epoch(seen("fractional")[-1]) == 20


def test_warning_comes_only_when_the_onset_comes_too_late():
    now = seen("dilution")[-1]
    said = warning(now, onset_epoch(now))
    assert said == (
        "dilution in gated epoch 20 of 20: the typical gate falls below one half in gated epoch "
        "2.05e+03 as things go on; pressure 1, mean gate 0.899 (wanted 0.250), 0.0 % pruned of "
        "75.0 %"
    )
    assert "never" in warning(seen("equilibrium")[-1], math.inf)
    assert warning(seen("saturation")[-1]._replace(pressed=False), math.inf) is None
    assert warning(seen("pruning")[0], onset_epoch(seen("pruning")[0])) is None
    assert warning(seen("done")[-1], math.inf) is None


# -- sentences -----------------------------------------------------------------------------------


def spec(**changes):
    how = {
        "kind": "gated",
        "gate": {"kind": "sigmoid", "start_value": 0.9, "steepness": 1.0, "limit": 7.0},
        "pressure": {"kind": "fixed", "value": 1.0},
        "loss": {"kind": "squared"},
        "rates": {"kind": "one_rate"},
        **changes.pop("how", {}),
    }
    training = {"optimiser": {"kind": changes.pop("optimiser", "sgd"), "momentum": 0.0}}
    told = {"strategy": "mine", "how": how, "training": training, "target": 0.75, "keep": 75}
    return {**told, **changes}


def history(seen, dense=2):
    """Rows as they come from a CSV: text."""
    rows = [
        {
            "epoch": one.epoch + dense,
            "phase": "gated",
            "pressure": one.pressure,
            "active": one.active,
            "pruned": one.pruned,
            "off": one.pruned * one.nodes,
            "regrown": one.regrown,
            "gates_rate": one.rate,
            "class_gradient": one.class_gradient,
            "pruning_gradient": one.price * math.sqrt(one.nodes * one.slope_squared),
            "zero_gradient": one.zero_open * (1 - one.pruned),
            "fractional": one.fractional,
            "price": one.price,
            "saliency_median": one.saliency_median,
            "saliency_high": 1.5 * one.saliency_median,
            "onset": onset_epoch(one) + dense,
            "verdict": verdict(one),
        }
        for one in seen
    ]
    rows = [{**rows[0], "phase": "dense", "verdict": ""}, *rows, {**rows[-1], "phase": "tuned"}]
    return [{name: str(value) for name, value in row.items()} for row in rows]


def explained(name, told=None, **changes):
    rows = history(seen(name))
    return " ".join(explain(spec(**changes), rows, {"nodes": seen(name)[0].nodes, **(told or {})}))


def number(text, before):
    return float(re.search(re.escape(before) + r"\s*([\d.]+(?:e-?\d+)?)", text)[1])


def test_what_never_moves_is_not_slow():
    """Price above the median saliency, but coming to rest before one half: no dilution."""
    now = seen("equilibrium: from the start")[-1]._replace(saliency_median=0.0)
    assert verdict(now, onset=math.inf) == "equilibrium"
    assert verdict(now, onset=1e6) == "dilution"


def test_dilution_is_explained_and_its_remedy_acts():
    text = explained("dilution", keep=375, how={"gate": {"kind": "sigmoid", "start_value": 0.9}})
    assert "Asked: prune 75.0 % of the nodes (keep 375 of 1500) with 'mine'" in text
    assert "In 20 gated epochs no node went off by itself." in text
    assert "Predicted onset: epoch 2052, 2030 after the last gated one." in text
    assert "it made 0.98 % of its travel" in text
    assert "'pressure: {kind: per_node}' multiplies it by 1500, enough." in text
    assert "(fractional)" in text
    assert crossing(Gates(1500, pressure=number(text, "multiply the pressure by"))) == 11
    assert crossing(Gates(1500, rate=number(text, "take a gate rate of"))) == 11


def test_dilution_under_adam_asks_for_a_rate():
    gates = Gates(300, adam=True, rate=1e-4)
    rows = history(gates.train(20))
    text = " ".join(explain(spec(how={"optimiser": {"kind": "adam"}}), rows, {"nodes": 300}))
    assert "Adam divides the pressure out" in text
    assert "multiply the pressure" not in text
    rate = number(text, "take a gate rate of")
    assert crossing(Gates(300, adam=True, rate=rate)) == pytest.approx(10, abs=1)


def test_equilibrium_names_the_pressure_that_moves_the_median():
    text = explained("equilibrium: from the start")
    assert "Predicted onset: never" in text
    assert "'dual', 'augmented' and 'nupi'" in text
    needed = number(text, "the median node goes off above a pressure of")
    for share, moves in ((0.95, False), (1.05, True)):
        gates, _ = MECHANISMS["equilibrium: from the start"]()
        gates.train(10)
        before = gates.theta[0]
        gates.step(share * needed)
        assert (gates.theta[0] < before) == moves


def test_each_remedy_for_the_soft_valley_has_a_number_or_a_name():
    text = explained("fractional")
    assert "Solved without pruning: mean gate 0.2500, as L_pru wants" in text
    assert "100 % of the gates" in text
    assert "{kind: annealed}" in text
    assert "deepens this valley" in text
    held = seen("fractional: more than half stay")
    rows = history([one._replace(saliency_median=0.01) for one in held])
    text = " ".join(explain(spec(target=0.25, keep=225), rows, {"nodes": 300}))
    assert number(text, "binarise: ...}' of about") == pytest.approx(0.015 * 300 / (300 * 0.5))


def test_saturation_is_explained():
    text = explained("saturation", optimiser="adam")
    assert "on 100 % of the gates the gradient is exactly 0" in text
    assert "Limit |k theta| to 7 (here 7)" in text


def test_pruning_that_was_cut_short_says_how_many_epochs_are_missing():
    first, now = seen("equilibrium")[0], seen("equilibrium")[-1]
    rows = history([first._replace(pruned=0.41), now._replace(pruned=0.46, gone=5, regrown=2)])
    text = " ".join(explain(spec(), rows, {"nodes": 100}))
    assert "29 nodes are missing" in text
    assert "At 5 nodes an epoch it needs 5.8 epochs more." in text
    assert "Nodes were switched on again 2 times, 2 of them in epoch 27" in text


def test_regrowth_above_the_stability_limit_is_explained():
    """16 N / rate: the slope is 1/4 at most."""
    one = seen("fractional")[-1]._replace(regrown=7, rate=0.5)
    above, below = (
        " ".join(explain(spec(), history([one._replace(pressure=p)]), {"nodes": 300}))
        for p in (1e4, 9e3)
    )
    assert "The pressure rose to 1e4; above 9600 gates half open overshoot" in above
    assert "overshoot (SGD" not in below


def test_what_is_not_known_is_left_out():
    rows = history(seen("dilution"))
    for onset in ("", "nan", "20"):
        silent = [{**row, "onset": onset, "active": "0.95"} for row in rows]
        text = " ".join(explain(spec(), silent, {"nodes": 1500}))
        assert "Predicted" not in text
        assert "multiply" not in text
    known = [{**row, "onset": "102", "active": "0.95"} for row in rows]
    text = " ".join(explain(spec(), known, {"nodes": 1500}))
    assert number(text, "multiply the pressure by") == 10


def test_done_and_overshoot():
    text = explained("done", told={"reached": 25, "left": 25}, optimiser="adam")
    assert "By themselves 75 of 100 nodes went off, the first in epoch" in text
    assert "Done: 75.0 % are off, 75.0 % were asked for; nothing is stuck." in text
    assert "Overshoot" not in text
    assert "the freeze" not in text
    over = [one._replace(pruned=0.99) for one in seen("done")]
    text = " ".join(explain(spec(), history(over), {"nodes": 100, "reached": 1, "left": 25}))
    assert "Overshoot: 24 nodes more" in text
    assert "The gates had 1 nodes open; the freeze, not they, made it 25." in text


def test_runs_in_which_nothing_can_be_stuck():
    assert "dense" in explain(spec(target=0.0, keep=None), [], {})[0]
    assert "dense" in explain(spec(target=None, keep=None, how={"kind": "dense"}), [], {})[0]
    for kind in ("scratch", "one_shot", "iterative"):
        text = explain(
            {"strategy": kind, "how": {"kind": kind}, "target": 0.75, "keep": 25},
            [],
            {"nodes": 100},
        )
        assert text[0] == f"Asked: prune 75.0 % of the nodes (keep 25 of 100) with '{kind}'."
        assert "A control without gates" in text[1]
    waiting = history(seen("dilution"))[:1]
    assert "No gated epoch" in explain(spec(), waiting, {"nodes": 1500})[1]
    rows = history([one._replace(pressed=False) for one in seen("dilution")])
    nodes = {"nodes": 1500}
    text = " ".join(explain(spec(how={"gate": {"kind": "budget"}}), rows, nodes))
    assert "no pruning loss to get stuck" in text
    assert "gate budget, rates one_rate" in text
    loss = {"kind": "squared", "binarise": 0.1}
    text = " ".join(explain(spec(how={"gate": {"kind": "budget"}, "loss": loss}), rows, nodes))
    assert "nodes are missing" in text


@pytest.mark.parametrize("missing", ["phase", "onset", "verdict", "price"])
def test_a_history_without_a_column_is_one_sentence(missing):
    rows = [{k: v for k, v in row.items() if k != missing} for row in history(seen("dilution"))]
    with pytest.raises(FtagPruneError, match=f"^history.*: no '{missing}'; "):
        explain(spec(), rows, {"nodes": 1500})


def test_bad_input_is_one_sentence():
    rows = history(seen("dilution"))
    with pytest.raises(FtagPruneError, match=r"epoch 22 holds no number.*'much'"):
        explain(spec(), [*rows[:-2], {**rows[-2], "price": "much"}], {"nodes": 1500})
    with pytest.raises(FtagPruneError, match="no 'dilutoin'; nearest: 'dilution'"):
        explain(spec(), [{**rows[1], "verdict": "dilutoin"}], {"nodes": 1500})
    with pytest.raises(FtagPruneError, match=r"^run\.json: no 'nodes'"):
        explain(spec(), rows, {"node": 1500})


def test_the_package_is_light():
    code = "import sys, ftag_prune.diagnose; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"torch", "uproot", "h5py", "matplotlib"} & set(found.stdout.split())
