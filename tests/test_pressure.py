"""Pressures, run without a training."""

import json
import math
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ftag_prune.pressure import (
    Augmented,
    Dual,
    Dwa,
    Fixed,
    Geco,
    InverseVariation,
    Ladder,
    Memory,
    NuPi,
    PerNode,
    Polyak,
    Pressure,
    Seen,
    schedule,
)

SEEN = Seen(epoch=0, progress=0, nodes=96, pruned=0, target=0.75, class_loss=0.6, pruning_loss=0.5)

# Every pressure of the union, with its defaults.
ALL = [kind() for kind in get_args(get_args(Pressure)[0])]


def stuck(time):
    """A training in which nothing ever happens."""
    return SEEN._replace(epoch=int(time))


def drawn(pressure, epochs, **changes):
    return schedule(pressure, lambda time: stuck(time)._replace(**changes), epochs=epochs)


def after(pressure, seen):
    """Memory after one step per observation."""
    memory = pressure.start(SEEN.nodes)
    for one in seen:
        memory = pressure.step(memory, one)
    return memory


class Toy:
    """Linear gates under plain SGD, all alike: L_pru = d^2, d = mean gate - (1 - target).

    A step takes d to d (1 - 2 rate pressure / nodes); all nodes go off where the gate falls
    below one half.
    """

    def __init__(self, pressure, *, nodes, rate=0.1, target=0.75):
        self.pressure, self.nodes, self.rate, self.target = pressure, nodes, rate, target
        self.distance, self.steps = target, 0
        self.memory = pressure.start(nodes)

    @property
    def pruned(self):
        return float(self.distance + 1 - self.target < 0.5)

    def step(self, steps_per_epoch=1):
        seen = SEEN._replace(
            epoch=self.steps // steps_per_epoch,
            nodes=self.nodes,
            pruned=self.pruned,
            target=self.target,
            pruning_loss=self.distance**2,
            pruning_gradient=2 * abs(self.distance) / math.sqrt(self.nodes),
        )
        self.distance *= 1 - 2 * self.rate * self.memory.pressure / self.nodes
        self.memory = self.pressure.step(self.memory, seen)
        self.steps += 1

    def onset(self, steps_per_epoch=1, limit=100_000):
        while not self.pruned and self.steps < limit:
            self.step(steps_per_epoch)
        return self.steps


# -- known before the training -------------------------------------------------------------------


def test_fixed_never_moves():
    assert drawn(Fixed(value=100), 3) == [100, 100, 100]


def test_the_onset_under_a_fixed_pressure_is_that_of_an_exponential():
    expected = math.log(0.25 / 0.75) / math.log(1 - 2 * 0.1 * 1 / 128)
    assert Toy(Fixed(), nodes=128).onset() == math.ceil(expected) == 703


def test_the_users_ladder():
    values = drawn(Ladder(), 200)
    assert values[0] == values[19] == 1
    assert values[20] == 10
    assert values[139] == pytest.approx(1e6)
    assert values[140] == values[199] == 1e7


def test_ladder_refuses_to_climb_down():
    with pytest.raises(ValidationError, match="last \\(1\\) lies below first \\(10\\)"):
        Ladder(first=10, last=1)


def test_a_ladder_may_stay_at_its_top_for_ever():
    assert drawn(Ladder(every=1), 2000)[-1] == 1e7


def test_the_ladders_onset_moves_one_rung_per_decade_of_nodes():
    sizes = (10_000, 100_000, 1_000_000)
    onsets = [Toy(Ladder(every=1), nodes=nodes).onset(100) / 100 for nodes in sizes]
    assert [b - a for a, b in pairwise(onsets)] == pytest.approx([1, 1], abs=0.1)


@pytest.mark.parametrize("nodes", [64, 12_416])
def test_per_node_is_fixed_times_nodes_from_the_first_step(nodes):
    assert PerNode(value=2).start(nodes) == Fixed(value=2 * nodes).start(nodes)
    assert drawn(PerNode(value=2), 3, nodes=nodes) == [2 * nodes] * 3


def test_per_node_has_the_same_onset_at_every_size():
    assert {Toy(PerNode(), nodes=nodes).onset() for nodes in (10, 1000, 10**6)} == {5}


# -- from the losses -----------------------------------------------------------------------------


def test_inverse_variation_of_an_exponential_decay():
    tau = 50.0
    decay = [SEEN._replace(pruning_loss=0.5 * math.exp(-step / tau)) for step in range(20)]
    pressure = InverseVariation(value=3)
    assert after(pressure, decay[:1]).pressure == 1
    assert after(pressure, decay).pressure == pytest.approx(3 / (1 - math.exp(-1 / tau)))


def test_inverse_variation_averages_the_variation():
    losses = [SEEN._replace(pruning_loss=loss) for loss in (0.5, 0.4, 0.38)]
    average = 0.75 * 0.2 + 0.25 * 0.05
    assert after(InverseVariation(inertia=0.75), losses).pressure == pytest.approx(1 / average)


def test_inverse_variation_of_a_stuck_loss_is_the_cap():
    assert drawn(InverseVariation(cap=1e4), 3) == [1, 1e4, 1e4]


@pytest.mark.parametrize("nodes", [10**7, 10**9])
def test_inverse_variation_settles_at_the_root_of_the_need(nodes):
    """In the toy a step changes a share 4 rate pressure / nodes of the loss."""
    toy = Toy(InverseVariation(), nodes=nodes)
    for _ in range(200):
        toy.step()
    assert toy.memory.pressure == pytest.approx(math.sqrt(nodes / (4 * toy.rate)), rel=1e-3)


def test_polyak_is_gap_over_squared_slope_up_to_the_cap():
    seen = SEEN._replace(pruning_loss=0.36, pruning_gradient=0.3)
    assert after(Polyak(), [seen]).pressure == pytest.approx(0.36 / 0.09)
    assert after(Polyak(softness=2), [seen]).pressure == pytest.approx(0.36 / 0.18)
    assert after(Polyak(cap=3), [seen]).pressure == 3
    flat = seen._replace(pruning_gradient=0.0)
    assert after(Polyak(cap=3), [flat]).pressure == 3
    assert after(Polyak(), [flat._replace(pruning_loss=0.0)]).pressure == 0


@pytest.mark.parametrize("nodes", [10, 100_000])
def test_polyak_undoes_the_dilution(nodes):
    """L / |grad L|^2 = nodes / 4: each step but the first takes d to d (1 - rate / 2)."""
    toy = Toy(Polyak(), nodes=nodes)
    for _ in range(11):
        toy.step()
    assert toy.memory.pressure == pytest.approx(nodes / 4)
    assert toy.distance == pytest.approx(0.75 * 0.95**10)


def test_only_polyak_asks_for_the_gradient():
    assert [one.kind for one in ALL if one.needs_gradient] == ["polyak"]


def of_epochs(*losses):
    """Two steps an epoch, whose means are the given (class loss, pruning loss)."""
    return [
        SEEN._replace(epoch=epoch, class_loss=a * share, pruning_loss=b * share)
        for epoch, (a, b) in enumerate(losses)
        for share in (0.5, 1.5)
    ]


def test_dwa_is_the_softmax_of_the_loss_ratios():
    seen = of_epochs((1.0, 0.4), (0.8, 0.38), (0.72, 0.361), (0.5, 0.3))
    values = [after(Dwa(), seen[:steps]).pressure for steps in range(1, len(seen) + 1)]
    assert values[:4] == [1] * 4
    for value, (pruning, classes) in zip(values[4::2], [(0.95, 0.8), (0.95, 0.9)]):
        weights = [math.exp(pruning / 2), math.exp(classes / 2)]
        # Two losses: the weights are 2 softmax, and add up to 2.
        assert 2 * value / (1 + value) == pytest.approx(2 * weights[0] / sum(weights))
    assert values[5] == values[4]


def test_dwa_does_not_help_a_stuck_loss():
    """A class loss that halves every epoch is the best case: exp((1 - 1/2) / 2)."""
    values = schedule(
        Dwa(), lambda time: stuck(time)._replace(class_loss=0.5 ** int(time)), epochs=30
    )
    assert max(values) == pytest.approx(math.exp(0.25))


def test_dwa_stays_a_number_where_both_losses_explode():
    assert after(Dwa(), of_epochs((1e-320, 1e-320), (1.0, 1.0), (1.0, 1.0))).pressure == 1


# -- from the shortfall --------------------------------------------------------------------------


def test_dual_integrates_the_shortfall_and_lets_go_at_the_target():
    pruned = [0, 0.25, 0.5, 0.75, 0.8, 0.5]
    seen = [SEEN._replace(pruned=one) for one in pruned]
    values = [after(Dual(rate=2), seen[: n + 1]).pressure for n in range(6)]
    assert values == [1.5, 2.5, 3, 0, 0, 0.5]


def test_the_onset_under_dual_is_that_of_a_parabola():
    """The distance falls by a share 2 rate rho target n / nodes at step n: its log as n^2."""
    toy = Toy(Dual(rate=0.5), nodes=100_000)
    expected = math.sqrt(2 * math.log(3) * 100_000 / (2 * 0.1 * 0.5 * 0.75))
    assert toy.onset() == pytest.approx(expected, rel=0.01)


def test_augmented_climbs_only_while_stuck():
    values = drawn(Augmented(penalty=1, growth=10, every=2), 6)
    short = 0.75
    # Penalties 1, 10, 100; the multiplier is what had been reached.
    assert values == pytest.approx([short, short, short * 11, short * 11, short * 111, short * 111])


def test_augmented_leaves_the_penalty_alone_when_the_shortfall_shrinks():
    pruned = [0, 0.75 - 0.15, 0.75 - 0.03]
    values = [SEEN._replace(epoch=epoch, pruned=one) for epoch, one in enumerate(pruned)]
    memory = after(Augmented(penalty=2), values)
    multiplier = 2 * (0.15 + 0.03)
    assert memory.kept == pytest.approx((multiplier, 2, 0.03, 2))
    assert memory.pressure == pytest.approx(multiplier + 2 * 0.03)


def test_augmented_lets_go_of_too_many_nodes():
    values = [SEEN, SEEN._replace(epoch=1, pruned=1.0), SEEN._replace(epoch=2, pruned=1.0)]
    assert after(Augmented(), values).pressure == 0


@pytest.mark.parametrize("nu", [0.0, 0.5, -0.5])
def test_nupi_is_proportional_to_the_smoothed_plus_the_integral(nu):
    """From zero, the smoothed constant shortfall is e (1 - nu^n)."""
    values = drawn(NuPi(integral=0.5, proportional=4, nu=nu), 5)
    expected = [4 * 0.75 * (1 - nu**n) + 0.5 * 0.75 * n for n in range(1, 6)]
    assert values == pytest.approx(expected)


def test_nupi_lets_go_while_the_shortfall_shrinks():
    seen = [SEEN, SEEN._replace(pruned=0.5)]
    memory = after(NuPi(integral=0.1, proportional=1, nu=0), seen)
    assert memory.pressure == pytest.approx(0.1 * (0.75 + 0.25) + 1 * 0.25)
    assert after(NuPi(nu=0), [*seen, SEEN._replace(pruned=1.0)]).pressure == 0


def test_geco_multiplies_by_the_moving_average():
    seen = [SEEN, SEEN._replace(pruned=0.5), SEEN._replace(pruned=1.0)]
    averages = [0.75, 0.8 * 0.75 + 0.2 * 0.25, 0.8 * (0.8 * 0.75 + 0.2 * 0.25) - 0.2 * 0.25]
    memory = after(Geco(first=2, rate=0.1, inertia=0.8), seen)
    assert memory.kept[0] == pytest.approx(averages[-1])
    assert memory.pressure == pytest.approx(2 * math.exp(0.1 * sum(averages)))


def test_geco_stays_between_floor_and_cap():
    pressure = Geco(rate=1, floor=0.5, cap=50)
    assert drawn(pressure, 100)[-1] == 50
    assert drawn(pressure, 100, pruned=1.0)[-1] == 0.5


def test_geco_starts_between_floor_and_cap():
    with pytest.raises(ValidationError, match="first \\(1\\) does not lie between floor \\(2\\)"):
        Geco(floor=2)


@pytest.mark.parametrize("pressure", [Dual(), Augmented(), NuPi(), Geco()])
def test_what_follows_the_shortfall_prunes_a_network_of_any_size(pressure):
    """Where a fixed pressure of 1 needs a million steps."""
    assert Toy(Fixed(), nodes=10**6).onset(100, limit=20_000) == 20_000
    assert Toy(pressure, nodes=10**6).onset(100, limit=20_000) < 20_000


# -- all of them ---------------------------------------------------------------------------------

fractions = st.floats(0, 1)
observations = st.builds(
    Seen,
    epoch=st.integers(0, 400),
    progress=fractions,
    nodes=st.just(96),
    pruned=fractions,
    target=fractions,
    class_loss=st.floats(0, 1e30),
    pruning_loss=st.floats(0, 1),
    pruning_gradient=st.floats(0, 1e300),
)


@pytest.mark.parametrize("pressure", ALL, ids=lambda one: one.kind)
@given(seen=st.lists(observations, max_size=20))
def test_a_pressure_is_a_number_from_zero_on_and_its_memory_goes_through_json(pressure, seen):
    memory = pressure.start(96)
    for one in sorted(seen, key=lambda one: one.epoch):
        memory = pressure.step(memory, one)
        assert 0 <= memory.pressure < math.inf
        assert all(math.isfinite(number) for number in memory.kept)
        value, kept = json.loads(json.dumps(memory))
        assert Memory(value, tuple(kept)) == memory


@pytest.mark.parametrize("pressure", ALL, ids=lambda one: one.kind)
def test_every_pressure_goes_through_yaml_and_says_what_it_does(pressure):
    written = json.loads(pressure.model_dump_json())
    assert TypeAdapter(Pressure).validate_python(written) == pressure
    assert type(pressure).__doc__.strip()


def test_the_kind_chooses():
    chosen = TypeAdapter(Pressure).validate_python({"kind": "ladder", "every": 5})
    assert chosen == Ladder(every=5)


def test_the_spec_of_the_first_pressures_has_not_changed():
    """What a run's identity is made of: another key, and finished runs are trained again."""
    assert Fixed().model_dump() == {"kind": "fixed", "value": 1.0}
    ladder = {"kind": "ladder", "first": 1.0, "last": 1e7, "factor": 10.0, "every": 20}
    assert list(Ladder().model_dump().items()) == list(ladder.items())


def test_a_schedule_has_a_value_an_epoch_and_all_its_steps():
    assert schedule(Dual(rate=2), stuck, epochs=3, steps=4) == [6, 12, 18]
    assert schedule(Ladder(every=2), stuck, epochs=3) == [1, 1, 10]
    times = []
    schedule(Fixed(), lambda time: times.append(time) or SEEN, epochs=2, steps=2)
    assert times == [0, 0, 0.5, 1, 1.5]
