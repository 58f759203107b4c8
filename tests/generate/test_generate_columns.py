"""Tables and groups of rows against slow twins in plain Python."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.generate.clock import Clock
from ftag_prune.generate.columns import join, pairs, place, ranges, starts, take, totals

counts_of_groups = st.lists(st.integers(0, 5), max_size=8).map(lambda x: np.array(x, dtype=int))
events_of_rows = st.lists(st.integers(0, 4), max_size=12)


class Pair(NamedTuple):
    number: np.ndarray
    letter: np.ndarray


def test_take_and_join_keep_rows_together() -> None:
    table = Pair(np.array([1, 2, 3]), np.array(["a", "b", "c"]))
    back = take(table, np.array([2, 0]))
    assert isinstance(back, Pair)
    both = join(back, take(table, np.array([False, True, False])))
    assert both.number.tolist() == [3, 1, 2]
    assert both.letter.tolist() == ["c", "a", "b"]


@given(counts_of_groups)
def test_starts_ranges_and_place_match_plain_loops(counts: np.ndarray) -> None:
    first = starts(counts)
    assert first[-1] == counts.sum()
    expected = [begin + k for begin, n in zip(first[:-1], counts, strict=True) for k in range(n)]
    assert ranges(first[:-1], counts).tolist() == expected
    groups = np.repeat(np.arange(len(counts)), counts)
    assert place(groups).tolist() == [k for n in counts for k in range(n)]


@given(events_of_rows, events_of_rows)
def test_pairs_are_all_pairs_of_the_same_event(left: list[int], right: list[int]) -> None:
    right = sorted(right)
    found = pairs(np.array(left, dtype=int), np.array(right, dtype=int), events=5)
    expected = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a == b]
    assert list(zip(*(side.tolist() for side in found), strict=True)) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9), st.integers(-9, 9)), max_size=9))
def test_totals_match_plain_sums(rows: list[tuple[int, int, int]]) -> None:
    groups = np.array([row[0] for row in rows], dtype=int)
    values = np.array([row[1:] for row in rows], dtype=float).reshape(-1, 2)
    expected = [[sum(r[k] for r in rows if r[0] == g) for k in (1, 2)] for g in range(4)]
    assert totals(groups, values, size=4).tolist() == expected


def test_clock_adds_up_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1.0, 3.0, 10.0, 10.5])
    monkeypatch.setattr(time, "process_time", lambda: next(ticks))
    clock = Clock()
    for _ in range(2):
        with clock("tracks"):
            pass
    assert clock.seconds == {"tracks": 2.5}
