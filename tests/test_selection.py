"""Which nodes stay: exact counts, floors, and budgets that nothing more fits into."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ftag_prune.cost import Cost, Term, of_nodes
from ftag_prune.errors import TrainingError
from ftag_prune.selection import choose, shares


@st.composite
def ranked(draw):
    sizes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    nodes = sum(sizes)
    scores = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, -2.0]), min_size=nodes, max_size=nodes))
    return np.array(scores), sizes, draw(st.integers(len(sizes), nodes))


@st.composite
def priced(draw):
    """Scores, a cost with products of layers, a floor and a budget that allows for it."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    layers = st.integers(0, len(sizes) - 1)
    terms = draw(
        st.lists(
            st.builds(Term, st.integers(0, 9), st.lists(layers, max_size=2).map(tuple)),
            min_size=1,
            max_size=6,
        )
    )
    every = [Term(1, (layer,)) for layer in range(len(sizes))]  # each node costs something
    cost = Cost("parameters", tuple(sizes), (*terms, *every), 0.0)
    cost = cost._replace(whole=float(cost.of(sizes)))
    floor = draw(st.integers(1, 3))
    least = cost.of([min(floor, size) for size in sizes])
    budget = draw(st.floats(least, cost.whole)) if least < cost.whole else least
    nodes = sum(sizes)
    scores = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, -2.0]), min_size=nodes, max_size=nodes))
    return np.array(scores), cost, floor, budget


def slow_twin(scores, cost, budget, floor):
    """Fill the floors; then again and again the best node that fits, the first of equals."""
    nodes = [(layer, place) for layer, size in enumerate(cost.sizes) for place in range(size)]
    order = sorted(range(len(nodes)), key=lambda index: (-scores[index], index))
    kept = [set() for _ in cost.sizes]
    for index in order:
        layer, place = nodes[index]
        if len(kept[layer]) < floor:
            kept[layer].add(place)
    for index in order:
        layer, place = nodes[index]
        counts = [len(one) + (place not in one and at == layer) for at, one in enumerate(kept)]
        if cost.of(counts) <= budget * (1 + 1e-9):
            kept[layer].add(place)
    return tuple(tuple(sorted(one)) for one in kept)


@given(ranked())
def test_choose_keeps_exactly_k_and_empties_no_layer(case):
    scores, sizes, keep = case
    kept = choose(scores, of_nodes(sizes), budget=keep)
    assert sum(len(one) for one in kept) == keep
    assert all(one and max(one) < size for one, size in zip(kept, sizes, strict=True))
    assert all(sorted(set(one)) == list(one) for one in kept)


@given(ranked(), st.integers(1, 4))
def test_every_layer_keeps_its_floor_or_all_it_has(case, floor):
    scores, sizes, keep = case
    least = [min(floor, size) for size in sizes]
    assume(sum(least) <= keep)
    kept = choose(scores, of_nodes(sizes), budget=keep, floor=floor)
    assert sum(len(one) for one in kept) == keep
    assert all(len(one) >= few for one, few in zip(kept, least, strict=True))


@given(priced())
def test_choose_is_its_slow_twin(case):
    scores, cost, floor, budget = case
    kept = choose(scores, cost, budget=budget, floor=floor)
    assert kept == slow_twin(scores, cost, budget, floor)


@given(priced())
def test_no_budget_is_exceeded_and_no_further_node_fits(case):
    scores, cost, floor, budget = case
    counts = [len(one) for one in choose(scores, cost, budget=budget, floor=floor)]
    assert cost.of(counts) <= budget * (1 + 1e-9)
    for layer, size in enumerate(cost.sizes):
        if counts[layer] < size:
            more = [count + (at == layer) for at, count in enumerate(counts)]
            assert cost.of(more) > budget


def test_choose_takes_the_best_and_the_first_of_equals():
    kept = choose(np.array([3.0, 9, 1, 5, 5, 5]), of_nodes([3, 3]), budget=3)
    assert kept == ((1,), (0, 1))


def test_the_floor_saves_a_layer_whose_nodes_are_all_worse():
    kept = choose(np.array([9.0, 8, 7, 1, 2, 0]), of_nodes([3, 3]), budget=3)
    assert kept == ((0, 1), (1,))


def test_a_dear_node_is_passed_over_for_a_cheap_one():
    """Nodes of the first layer cost 5, of the second 1: 12 buys two of the former, two others."""
    cost = Cost("parameters", (3, 3), (Term(5, (0,)), Term(1, (1,))), 18)
    kept = choose(np.array([9.0, 8, 7, 3, 2, 1]), cost, budget=12)
    assert kept == ((0, 1), (0, 1))


@pytest.mark.parametrize("keep", [1, 7])
def test_impossible_counts_are_one_sentence(keep):
    with pytest.raises(TrainingError, match=f"cannot keep {keep} of 6 nodes"):
        choose(np.zeros(6), of_nodes([3, 3]), budget=keep)


def test_a_budget_below_the_floors_says_what_they_need():
    cost = Cost("parameters", (3, 3), (Term(4, (0, 1)), Term(10, ())), 46)
    sentence = r"cannot keep 20 of 46 parameters: the 2 layers need at least 26 \(2, 2 nodes\)"
    with pytest.raises(TrainingError, match=sentence):
        choose(np.zeros(6), cost, budget=20, floor=2)


# -- shares --------------------------------------------------------------------------------------


@st.composite
def shared(draw):
    sizes = draw(st.lists(st.integers(1, 300), min_size=1, max_size=6))
    floor = draw(st.integers(1, 4))
    least = sum(min(floor, size) for size in sizes)
    return sizes, draw(st.integers(least, sum(sizes))), floor


@given(shared())
def test_shares_sum_to_what_is_kept(case):
    sizes, keep, floor = case
    counts = shares(sizes, keep=keep, floor=floor)
    assert sum(counts) == keep
    for count, size in zip(counts, sizes, strict=True):
        assert min(floor, size) <= count <= size


@given(shared())
def test_every_layer_keeps_the_same_fraction_within_a_node(case):
    sizes, keep, floor = case
    exact = [size * keep / sum(sizes) for size in sizes]
    assume(min(exact) >= floor)
    for count, one in zip(shares(sizes, keep=keep, floor=floor), exact, strict=True):
        assert abs(count - one) < 1


@given(shared())
def test_a_larger_layer_keeps_no_fewer_nodes(case):
    sizes, keep, floor = case
    counts = shares(sizes, keep=keep, floor=floor)
    pairs = sorted(zip(sizes, counts, strict=True))
    assert all(one[1] <= other[1] for one, other in pairwise(pairs) if one[0] < other[0])


def test_fractions_of_a_node_go_to_the_largest_remainders():
    assert shares([10, 10, 10], keep=15, floor=1) == (5, 5, 5)
    assert shares([3, 5, 2], keep=5, floor=1) == (2, 2, 1)  # 1.5, 2.5, 1: the first of equals
    assert shares([7, 2, 1], keep=3, floor=1) == (1, 1, 1)  # 2.1, 0.6, 0.3 lifted to one


def test_what_a_floor_takes_is_taken_from_the_smallest_remainders():
    assert shares([100, 10], keep=11, floor=3) == (8, 3)
    assert shares([10, 100, 101], keep=20, floor=5) == (5, 7, 8)  # 5, 9.48, 9.57
    assert shares([1, 1, 1, 50, 51, 52], keep=8, floor=1) == (1, 1, 1, 1, 2, 2)


@pytest.mark.parametrize(("keep", "floor"), [(1, 1), (5, 3), (7, 1)])
def test_impossible_shares_are_one_sentence(keep, floor):
    with pytest.raises(TrainingError, match=rf"cannot keep {keep} of 6 nodes"):
        shares([3, 3], keep=keep, floor=floor)
