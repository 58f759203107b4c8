"""The answer that the report begins with, for cells whose answer is known."""

import pytest

from ftag_prune.flavours import TASKS
from ftag_prune.story import answer
from ftag_prune.summary import Cell

TASK = TASKS["single_b"]


def cells(ratios, *, network="w16", error=0.02, spread=0.0):
    """Dense cells and pruned ones, ratios given by the nodes that are left."""
    points = {32: 1.0, **ratios}.items()
    return [
        cell(left, ratio, background, network=network, error=error, spread=spread)
        for left, ratio in points
        for background in TASK.backgrounds
    ]


def cell(left, ratio, background, *, network, error, spread):
    dense = left == 32
    return Cell(
        task="single_b",
        network=network,
        strategy="dense" if dense else "budget",
        signal="b",
        background=background,
        working_point=0.7,
        nodes=32,
        left=left,
        pruned=1 - left / 32,
        reached=left,
        parameters=10 * left,
        multiplications=9 * left,
        seeds=2,
        efficiency=0.7,
        rejection=10 * ratio,
        statistical=0.5,
        spread=0.1,
        ratio=0.1 if background == "tau" and not dense else ratio,
        ratio_low=ratio - error,
        ratio_high=ratio + error,
        ratio_error=0.0 if dense else error,
        ratio_spread=0.0 if dense else spread,
    )


def test_the_smallest_safe_network_is_named_with_its_ratios():
    (said,) = answer(cells({16: 1.01, 8: 0.97, 4: 0.90}), TASK)
    assert "8 of 32 nodes (75 % pruned, 80 parameters)" in said
    assert "within 10 % of the dense tagger at 95 % confidence" in said
    assert "0.97 ± 0.02" in said
    assert "tau" not in said, "too few jets to decide"


def test_a_network_is_safe_only_beyond_its_error():
    """0.97 - 1.645 * 0.05 lies below 0.9; both errors count."""
    (said,) = answer(cells({16: 1.01, 8: 0.97}, error=0.05), TASK)
    assert "16 of 32 nodes" in said
    (said,) = answer(cells({16: 1.01, 8: 0.97}, error=0.02, spread=0.05), TASK)
    assert "16 of 32 nodes" in said


def test_without_a_safe_network_that_is_said():
    (said,) = answer(cells({16: 0.8, 8: 0.7}), TASK)
    assert said.startswith("Single-b, 16 nodes a layer: no pruned fraction of this study")


def test_every_network_has_its_own_answer():
    said = answer(cells({16: 0.8}) + cells({8: 1.0}, network="w64"), TASK)
    assert len(said) == 2
    assert "no pruned fraction" in said[0]
    assert "Single-b, 64 nodes a layer: 8 of 32 nodes" in said[1]


@pytest.mark.parametrize("ratios", [{}, {16: float("nan")}])
def test_missing_ratios_decide_nothing(ratios):
    (said,) = answer(cells(ratios), TASK)
    assert "no pruned fraction" in said
