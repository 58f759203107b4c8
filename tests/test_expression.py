"""Expressions: what they compute, what they need, and what they refuse."""

import math
import re
from contextlib import suppress

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ftag_prune.errors import ConfigError
from ftag_prune.expression import Ragged, Rows, filled, parse, without

COLUMNS = {
    "pt": np.array([20.0, 50.0, 300.0], np.float32),
    "eta": np.array([-2.0, 0.5, np.nan], np.float32),
    "flavour": np.array([0, 4, 5], np.int32),
    "hits": np.array([100, 120, -3], np.int8),
    "event": np.array([2**63 + 11, 2**53 + 1, 7], np.uint64),
    "softmax-b": np.array([0.1, 0.2, 0.7], np.float32),
    "Aux.pt": np.array([1.0, 2.0, 3.0]),
    "tracks.s": ak.Array([[1.0, 5.0, np.nan, 5.0], [], [-2.0]]),
    "tracks.z": ak.Array([[10, 20, 30, 40], [], [50]]),
}


def evaluate(text):
    return parse(text).evaluate(COLUMNS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pt / 1000", [0.02, 0.05, 0.3]),
        ("20 < pt < 250", [False, True, False]),
        ("20 <= pt and not pt > 250", [True, True, False]),
        ("flavour == 5 or flavour == 4", [False, True, True]),
        ("flavour in (4, 15)", [False, True, False]),
        ("flavour not in (4, 15)", [True, False, True]),
        ("hits in (-3,)", [False, False, True]),
        ("flavour % 2", [0, 0, 1]),
        ("flavour // 2", [0, 2, 2]),
        ("flavour ** 2 - -1", [1, 17, 26]),
        ("hits + hits", [200, 240, -6]),
        ("event % 10", [9, 3, 7]),
        ("event == 9007199254740993", [False, True, False]),
        ("abs(hits)", [100, 120, 3]),
        ("sqrt(hits + 3)", [103**0.5, 123**0.5, 0]),
        ("min(pt, 100, 50)", [20, 50, 50]),
        ("max(pt, 30)", [30, 50, 300]),
        ("clip(pt, 30, 60)", [30, 50, 60]),
        ("where(pt > 30, 1, -1)", [-1, 1, 1]),
        ("isnan(eta)", [False, False, True]),
        ("isfinite(log(flavour))", [False, True, True]),
        ("nan_to(eta, 9)", [-2, 0.5, 9]),
        ("sign(hits)", [1, 1, -1]),
        ("hypot(3, flavour)", [3, 5, 34**0.5]),
        ("sinh(eta)", [math.sinh(-2), math.sinh(0.5), math.nan]),
        ("arctan2(flavour, 4)", [0, math.pi / 4, math.atan2(5, 4)]),
        ("cos(flavour) ** 2 + sin(flavour) ** 2", [1, 1, 1]),
        ("exp(log1p(flavour)) - 1", [0, 4, 5]),
        ("slog(hits * 0 - 3)", [-math.log(4)] * 3),
        ("arcsinh(hits)", [math.asinh(100), math.asinh(120), -math.asinh(3)]),
        ("cosh(eta)", [math.cosh(-2), math.cosh(0.5), math.nan]),
        ("tanh(eta)", [math.tanh(-2), math.tanh(0.5), math.nan]),
        ("tan(flavour)", [0, math.tan(4), math.tan(5)]),
        ("floor(eta * 1.5)", [-3, 0, math.nan]),
        ("floor(flavour / 2)", [0, 2, 2]),
        (
            "delta_r(3, 0, 0, flavour)",
            [3, math.hypot(3, 4 - 2 * math.pi), math.hypot(3, 5 - 2 * math.pi)],
        ),
        ("delta_r(flavour, 3.1, 0, -3.1)", [math.hypot(n, 2 * math.pi - 6.2) for n in (0, 4, 5)]),
        ("sum(delta_r(tracks.z, 1, pt, 1))", [40, 0, 250]),
        ("first(tracks.z)", [10, math.nan, 50]),
        ("first(tracks.s)", [1, math.nan, -2]),
        ("first(tracks.z > 20)", [0, math.nan, 1]),
        ("nan_to(first(tracks.z), -1)", [10, -1, 50]),
        ("delta_phi(3, flavour * -1)", [3, 7 - 2 * math.pi, 8 - 2 * math.pi]),
        ("`softmax-b` > 0.15", [False, True, True]),
        ("Aux.pt + 1", [2, 3, 4]),
        ("eta and 1", [True, True, False]),
        ("sum(tracks.z)", [100, 0, 50]),
        ("sum(tracks.z > 15)", [3, 0, 1]),
        ("sum(tracks.z * pt)", [2000, 0, 15000]),
        ("count(tracks.s)", [3, 0, 1]),
        ("count(tracks.s > 2)", [2, 0, 0]),
        ("mean(tracks.z)", [25, math.nan, 50]),
        ("largest(tracks.s, 1)", [5, math.nan, -2]),
        ("largest(tracks.s, 3)", [1, math.nan, math.nan]),
        ("largest(tracks.s, 4)", [math.nan] * 3),
        ("largest(abs(tracks.s), 1)", [5, math.nan, 2]),
        ("at_largest(tracks.z, tracks.s, 1)", [20, math.nan, 50]),
        ("at_largest(tracks.z, tracks.s, 2)", [40, math.nan, math.nan]),
        ("at_largest(pt, tracks.s, 1)", [20, math.nan, 300]),
        ("nan_to(slog(largest(tracks.s, 1)), 0)", [math.log(6), 0, -math.log(3)]),
    ],
)
def test_values(text, wanted):
    np.testing.assert_allclose(evaluate(text), wanted, rtol=1e-6, atol=1e-6)


def test_constituents_stay_jagged_and_take_the_values_of_their_jet():
    assert evaluate("tracks.z / pt").to_list() == [[0.5, 1, 1.5, 2], [], pytest.approx([1 / 6])]


def test_names_come_once_and_in_order():
    text = "b * pt + largest(tracks.s, 2) + Aux.x.pt + `a-b` + pt + tracks.`c d`"
    assert parse(text).names == ("b", "pt", "tracks.s", "Aux.x.pt", "a-b", "tracks.c d")
    assert parse("2 + 3").names == ()
    assert parse("2 + 3").evaluate({}) == 5


def test_stand_ins_of_quoted_names_never_meet_real_names():
    assert parse("_q0 + `x-y`").names == ("_q0", "x-y")


def test_single_precision_stays_single():
    for text in (
        "pt / 1000",
        "slog(pt)",
        "where(pt > 1, pt, 0)",
        "nan_to(eta, 0)",
        "clip(pt, 1, 2)",
        "delta_r(pt, eta, 0, 0)",
        "arcsinh(pt)",
        "floor(pt)",
        "tanh(pt)",
    ):
        assert evaluate(text).dtype == np.float32


def test_arithmetic_of_numbers_alone_does_not_widen_columns():
    assert evaluate("pt * (2 * 3.5 + 10 ** 2 + sqrt(2) + where(1 > 0, 1.5, 2))").dtype == np.float32
    assert evaluate("1 / 0") == math.inf


def test_equal_text_is_an_equal_expression():
    assert parse("pt > 1") == parse("pt > 1") != parse("pt > 2")
    assert hash(parse("pt")) == hash(parse("pt"))
    assert str(parse("pt > 1")) == "pt > 1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pt >", "'pt >' is not an expression (invalid syntax)"),
        ("", "'' is not an expression"),
        ("pt\0", "is not an expression"),
        ("__import__('os').system('ls')", "has a dot after what is not a name"),
        ("exec('1')", "has no function 'exec'; nearest: 'exp'"),
        ("lgo(pt)", "has no function 'lgo'; nearest: 'log'"),
        ("log(pt, 2)", "gives log() 2 arguments, not 1"),
        ("delta_r(pt, eta)", "gives delta_r() 2 arguments, not 4"),
        ("first(pt, 1)", "gives first() 2 arguments, not 1"),
        ("archsinh(pt)", "has no function 'archsinh'; nearest: 'arcsinh'"),
        ("min(pt)", "gives min() 1 arguments, not 2 to 8"),
        ("largest(pt)", "gives largest() 1 arguments, not 2"),
        ("largest(pt, 0)", "wants 1, 2, 3, ... as the last argument of largest()"),
        ("largest(pt, 1.5)", "wants 1, 2, 3, ... as the last argument of largest()"),
        ("largest(pt, eta)", "wants a plain number"),
        ("clip(pt, low=1, high=2)", "names an argument of clip(); arguments stand in their order"),
        ("pt > 1 & eta < 2", "'and', 'or', 'not', not by '&'"),
        ("pt > 1 | eta < 2", "'and', 'or', 'not', not by '|'"),
        ("~pt", "not by '~'"),
        ("pt is 5", "equality is '=='"),
        ("pt in 5", "wants numbers in brackets after 'in'"),
        ("pt in (eta, 1)", "wants a plain number"),
        ("pt in ()", "wants numbers in brackets after 'in'"),
        ("'text'", "wants a plain number"),
        ("1j", "wants a plain number"),
        ("pt[0]", "may hold: Subscript"),
        ("lambda: 1", "may hold: Lambda"),
        ("(1, 2)", "may hold: Tuple"),
        ("[x for x in pt]", "may hold: ListComp"),
        ("pt if eta else 1", "may hold: IfExp"),
        ("(x := 1)", "may hold: NamedExpr"),
        ("f'{pt}'", "may hold: JoinedStr"),
        ("pt ** 1000", "has an exponent beyond 64"),
        ("pt ** eta", "wants a plain number"),
        ("1" * 30, "holds a whole number beyond 64 bits"),
        ("pt + " * 300 + "1", "has 1501 characters, more than 1000"),
        ("-" * 600 + "pt", "nested too deeply"),
        ("(" * 150 + "pt" + ")" * 150 + "+1" * 50, "nested too deeply"),
        ("(" * 400 + "pt" + ")" * 400, "(too many nested parentheses)"),
    ],
)
def test_what_is_refused_is_one_sentence(text, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        parse(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sum(pt)", "sum() wants a value per constituent, not per jet"),
        ("first(pt)", "first() wants a value per constituent, not per jet"),
        ("at_largest(tracks.z, pt, 1)", "at_largest() wants a value per constituent"),
        ("event - flavour", "mixes signed and unsigned 64-bit integers"),
        ("event + -1", "cannot be computed"),
        ("tracks.s + other.s", "mixes constituents that differ in number"),
    ],
)
def test_what_cannot_be_computed_is_one_sentence(text, said):
    columns = {**COLUMNS, "other.s": ak.Array([[1.0], [], []])}
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(text).evaluate(columns)


def descending(values):
    """Slow twin: numbers with the largest value first, equal ones as they came, NaN last."""
    missing = [math.isnan(one) for one in values]
    return sorted(
        range(len(values)), key=lambda i: (missing[i], 0 if missing[i] else -values[i], i)
    )


@given(st.data(), st.sampled_from([np.float32, np.float64, np.int8, np.int32, np.uint32, np.int64]))
def test_the_order_of_constituents_is_that_of_a_slow_twin(data, kind):
    counts = np.array(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=6)))
    special = (
        [0, 1, 2, np.iinfo(kind).min, np.iinfo(kind).max] if np.dtype(kind).kind in "iu" else []
    )
    odd = [-0.0, 0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]
    elements = st.sampled_from(special or odd) | hnp.from_dtype(np.dtype(kind))
    content = data.draw(hnp.arrays(kind, int(counts.sum()), elements=elements))
    column = Ragged(content, Rows(counts))
    ends = np.cumsum(counts)
    wanted = [
        begin + i
        for begin, end in zip(ends - counts, ends, strict=True)
        for i in descending(content[begin:end].tolist())
    ]
    assert column.order.tolist() == wanted


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_zeros_of_either_sign_are_equal(kind):
    assert Ragged(np.array([-0.0, 0.0], kind), Rows(np.array([2]))).order.tolist() == [0, 1]


def test_first_takes_the_first_in_order_and_not_the_largest():
    column = Ragged(np.array([3, 9, 1, 2], np.float32), Rows(np.array([0, 2, 0, 1, 1, 0])))
    made = parse("first(x)").evaluate({"x": column})
    np.testing.assert_array_equal(made, [np.nan, 3, np.nan, 1, 2, np.nan])
    assert made.dtype == np.float32


def test_values_are_taken_out_and_filled_in():
    jets = np.array([1, -999, 3], np.float32)
    gone = without(jets, jets == -999)
    np.testing.assert_array_equal(gone, [1, np.nan, 3])
    np.testing.assert_array_equal(filled(gone, 7), [1, 7, 3])
    assert gone.dtype == filled(gone, 7).dtype == np.float32
    assert jets.tolist() == [1, -999, 3]
    np.testing.assert_array_equal(without(np.array([5, 6]), np.array([True, False])), [np.nan, 6])
    # A condition that is missing itself does not hold.
    np.testing.assert_array_equal(without(jets, np.array([np.nan, 1, 0])), [1, np.nan, 3])


def test_constituents_are_taken_out_and_filled_in_too():
    rows = Rows(np.array([2, 0, 1]))
    column = Ragged(np.array([1, 2, 3], np.float32), rows)
    by_jet = without(column, np.array([True, True, False]))
    assert isinstance(by_jet, Ragged)
    np.testing.assert_array_equal(by_jet.content, [np.nan, np.nan, 3])
    mine = without(column, Ragged(np.array([False, True, False]), rows))
    np.testing.assert_array_equal(mine.content, [1, np.nan, 3])
    assert filled(mine, -1).content.tolist() == [1, -1, 3]
    assert filled(mine, -1).content.dtype == np.float32
    assert filled(math.nan, 2) == 2


def test_very_many_constituents_are_ordered_too():
    """Too many jets and constituents for one packed integer: the slow way."""
    counts = np.zeros(2**17, np.int64)
    counts[5] = 2**16
    content = np.arange(2**16, dtype=np.float32)
    assert np.array_equal(Ragged(content, Rows(counts)).order, np.arange(2**16)[::-1])


@given(st.text(alphabet="pteta ()<>=+-*/%.,`'\"0123456789notandrilgmx\n", max_size=40))
def test_any_text_is_an_expression_or_one_sentence(text):
    with suppress(ConfigError):
        assert parse(text).text == text
