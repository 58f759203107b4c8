"""Pressures, run without a training."""

import pytest
from pydantic import TypeAdapter, ValidationError

from ftag_prune.pressure import Fixed, Ladder, Pressure, Seen

SEEN = Seen(epoch=0, progress=0, nodes=96, pruned=0, target=0.75, class_loss=0.6, pruning_loss=0.5)


def drawn(pressure, epochs):
    memory, values = pressure.start(), []
    for epoch in range(epochs):
        memory = pressure.step(memory, SEEN._replace(epoch=epoch))
        values.append(memory.pressure)
    return values


def test_fixed_never_moves():
    assert drawn(Fixed(value=100), 3) == [100, 100, 100]


def test_the_users_ladder():
    values = drawn(Ladder(), 200)
    assert values[0] == values[19] == 1
    assert values[20] == 10
    assert values[139] == pytest.approx(1e6)
    assert values[140] == values[199] == 1e7


def test_ladder_refuses_to_climb_down():
    with pytest.raises(ValidationError, match="last \\(1\\) lies below first \\(10\\)"):
        Ladder(first=10, last=1)


def test_the_kind_chooses():
    chosen = TypeAdapter(Pressure).validate_python({"kind": "ladder", "every": 5})
    assert chosen == Ladder(every=5)
