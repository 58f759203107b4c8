"""The smallest network that is shown to be safe: verdicts, their order, and the words."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.config import Validation
from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import TASKS
from ftag_prune.metrics import Combined
from ftag_prune.validation.answer import Candidate, Kept, answer, judge
from ftag_prune.validation.front import front
from ftag_prune.validation.latency import Latency
from ftag_prune.validation.networks import Measured
from ftag_prune.validation.parts.answers import answers
from ftag_prune.validation.sentences import best_question, network_questions, sentence

TASK = TASKS["single_b"]
Z = NormalDist().inv_cdf(0.95)
ALLOWED = {"tolerance": 0.1, "confidence": 0.95}


def network(
    name: str,
    size: float,
    *ratios: float,
    error: float = 0.01,
    loss: float | None = None,
    **more: Any,
) -> Candidate:
    """By default the smaller have learnt less, so that none is passed over."""
    kept = [
        Kept(name, ratio, error, **more)
        for name, ratio in zip("uct", ratios or (1.0,), strict=False)
    ]
    return Candidate(name, size, 1 + 1 / size if loss is None else loss, tuple(kept))


class TestFront:
    def test_points_that_no_other_one_beats(self) -> None:
        size = [1, 2, 3, 4, 4, 5]
        gain = [1, 3, 2, 3, 4, 4]
        assert front(size, gain).tolist() == [True, True, False, False, True, False]

    def test_equal_points_stand_together(self) -> None:
        assert front([1, 1, 2], [5, 5, 4]).tolist() == [True, True, False]

    def test_numbers_that_are_none_are_beside_it(self) -> None:
        """And beat nobody; an infinite rejection does."""
        found = front([1, math.nan, 3, 4], [math.nan, 9, 2, math.inf])
        assert found.tolist() == [False, False, True, True]

    def test_without_points(self) -> None:
        assert front([], []).tolist() == []

    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
    def test_a_slow_twin(self, points: list[tuple[int, int]]) -> None:
        def beaten(one: tuple[int, int]) -> bool:
            return any(
                other[0] <= one[0] and other[1] >= one[1] and other != one for other in points
            )

        size, gain = [one[0] for one in points], [one[1] for one in points]
        assert front(size, gain).tolist() == [not beaten(one) for one in points]


class TestVerdict:
    @pytest.mark.parametrize(("ratio", "safe"), [(0.9 + 0.0165, True), (0.9 + 0.0164, False)])
    def test_it_is_safe_if_the_lower_end_is_above_what_is_allowed(
        self, ratio: float, safe: bool
    ) -> None:
        """One standard error of 0.01, of which 1.645 count."""
        found = judge(network("a", 1, ratio, error=0.01), **ALLOWED)
        assert found.safe is safe
        assert found.lowest == pytest.approx([ratio - Z * 0.01])
        assert not found.lost

    @pytest.mark.parametrize(("ratio", "lost"), [(0.9 - 0.0165, True), (0.9 - 0.0164, False)])
    def test_it_loses_if_the_upper_end_is_below(self, ratio: float, lost: bool) -> None:
        assert judge(network("a", 1, ratio, error=0.01), **ALLOWED).lost is lost

    def test_every_background_has_to_be_shown_by_itself(self) -> None:
        assert judge(network("a", 1, 1.0, 0.95), **ALLOWED).safe
        assert not judge(network("a", 1, 1.2, 0.91), **ALLOWED).safe
        assert judge(network("a", 1, 1.2, 0.85), **ALLOWED).lost

    def test_a_spread_of_few_trainings_counts_as_student_s_t_does(self) -> None:
        """2.132 standard errors for five trainings (any table of t, 4 degrees of freedom)."""
        five = {"spread": 0.02, "trainings": 5}
        for ratio, safe in ((0.9 + 0.0427, True), (0.9 + 0.0426, False)):
            assert judge(network("a", 1, ratio, error=0.0, **five), **ALLOWED).safe is safe

    def test_both_errors_count(self) -> None:
        kept = Kept("u", 0.95, 0.03, 0.04)
        assert kept.error == pytest.approx(0.05)
        assert Kept("u", 0.95, 0.03).error == 0.03

    @pytest.mark.parametrize("ratio", [math.nan, math.inf])
    def test_a_ratio_that_is_no_number_shows_nothing(self, ratio: float) -> None:
        found = judge(network("a", 1, ratio), **ALLOWED)
        assert (found.safe, found.lost, found.jets_factor) == (False, False, math.inf)

    def test_nor_does_an_error_without_bound(self) -> None:
        assert not judge(network("a", 1, 2.0, error=math.inf), **ALLOWED).safe

    def test_so_many_times_the_jets_would_show_it(self) -> None:
        few = {"spread": 0.01, "trainings": 4}
        found = judge(network("a", 1, 0.95, error=0.05, **few), **ALLOWED)
        assert not found.safe
        for factor, safe in ((0.999, False), (1.001, True)):
            error = 0.05 / math.sqrt(factor * found.jets_factor)
            assert judge(network("a", 1, 0.95, error=error, **few), **ALLOWED).safe is safe

    def test_so_many_times_jets_and_trainings_would_show_it(self) -> None:
        """Where the spread alone is too much; Student's t stays that of the trainings there are."""
        few = {"spread": 0.05, "trainings": 4}
        found = judge(network("a", 1, 0.95, error=0.03, **few), **ALLOWED)
        assert found.jets_factor == math.inf
        for factor, safe in ((0.999, False), (1.001, True)):
            shrunk = math.sqrt(factor * found.both_factor)
            more = {"spread": 0.05 / shrunk, "trainings": 4}
            again = judge(network("a", 1, 0.95, error=0.03 / shrunk, **more), **ALLOWED)
            assert again.safe is safe

    def test_no_number_of_jets_shows_a_ratio_that_is_too_low(self) -> None:
        found = judge(network("a", 1, 0.89, error=0.05), **ALLOWED)
        assert (found.jets_factor, found.both_factor) == (math.inf, math.inf)

    def test_something_has_to_matter(self) -> None:
        with pytest.raises(FtagPruneError, match="a: no background matters"):
            judge(Candidate("a", 1, 1.0, ()), **ALLOWED)


class TestOrder:
    def ask(self, *candidates: Candidate, below: float = 100) -> Any:
        return answer(candidates, below=below, **ALLOWED)

    def test_the_smallest_of_the_safe_ones_is_named(self) -> None:
        found = self.ask(network("c", 10, 0.7), network("a", 40), network("b", 20, 0.97))
        assert found.smallest.candidate.name == "b"
        assert [one.candidate.name for one in found.tested] == ["a", "b", "c"]
        assert found.stopped_at.candidate.name == "c"
        assert found.looked_at == 3

    def test_tests_end_at_the_first_that_is_not_safe(self) -> None:
        """What comes after it is not looked at, however good it seems."""
        found = self.ask(network("a", 40), network("b", 20, 0.91), network("c", 10, 1.0))
        assert found.smallest.candidate.name == "a"
        assert len(found.tested) == 2
        assert found.likely.name == "c"

    def test_nothing_may_be_safe(self) -> None:
        found = self.ask(network("a", 40, 0.5), network("b", 20))
        assert found.smallest is None
        assert found.stopped_at.candidate.name == "a"

    def test_what_is_not_smaller_is_no_candidate(self) -> None:
        found = self.ask(network("a", 100), network("b", 200), network("c", 99))
        assert found.looked_at == 1
        assert found.stopped_at is None

    def test_without_candidates(self) -> None:
        found = self.ask()
        assert (found.smallest, found.stopped_at, found.tested, found.likely) == (
            None,
            None,
            (),
            None,
        )

    def test_what_a_smaller_one_beats_on_validation_jets_is_passed_over(self) -> None:
        """A large network that learnt badly does not bar the way to a smaller one."""
        bad = network("a", 40, 0.5, loss=0.9)
        good = [network("b", 20, loss=0.8), network("c", 10, loss=0.85)]
        found = self.ask(bad, *good)
        assert found.smallest.candidate.name == "c"
        assert found.passed_over == 1

    def test_without_all_validation_losses_none_is_passed_over(self) -> None:
        bad = network("a", 40, 0.5, loss=0.9)
        found = self.ask(bad, network("b", 20, loss=0.8), network("c", 10, loss=math.nan))
        assert found.smallest is None
        assert found.passed_over == 0

    def test_the_answer_has_the_confidence_of_one_test(self) -> None:
        """Ten networks that all lose a little more than is allowed: one answer in twenty is wrong.

        With the smallest of all that pass by themselves it would be four in ten.
        """
        rng, error, trials = np.random.default_rng(0), 0.03, 2000
        wrong = alone = 0
        for _ in range(trials):
            ratios = rng.normal(0.9 - 1e-9, error, 10)
            found = [network(str(i), 10 - i, ratio, error=error) for i, ratio in enumerate(ratios)]
            wrong += self.ask(*found).smallest is not None
            alone += bool((ratios - Z * error > 0.9).any())
        assert wrong / trials == pytest.approx(0.05, abs=0.015)
        assert alone / trials == pytest.approx(1 - 0.95**10, abs=0.03)


# -- words -----------------------------------------------------------------------------------------


def measured(
    name: str,
    parameters: float,
    *,
    network: str = "w64",
    strategy: str = "budget",
    best: tuple[float, ...] = (1.0, 1.0),
    own: tuple[float, ...] = (1.0, 1.0),
    error: float = 0.01,
    loss: float = 1.0,
    timed: bool = True,
) -> Measured:
    def kept(ratios: tuple[float, ...]) -> tuple[Kept, ...]:
        return tuple(Kept(b, ratio, error, 0.0, 5) for b, ratio in zip("uc", ratios, strict=True))

    return Measured(
        name=name,
        run=f"{name}-s1",
        network=network,
        strategy=strategy,
        pruned=0.0 if strategy == "dense" else 0.5,
        nodes_left=10,
        nodes=192,
        parameters=parameters,
        multiplications=parameters - 5,
        validation_loss=loss,
        trainings=5,
        latency=(Latency(1, 9.0, 8.0, 10.0, 9), Latency(1000, 0.5, 0.4, 0.6, 9)) if timed else (),
        rejections=tuple(Combined(10.0, 1.0, 0.5, 5) for _ in range(3)),
        of_best=kept(best),
        of_own=kept(own),
    )


DENSE = measured("64 nodes, dense", 10_000, strategy="dense", error=0.0)
DENSE_SIZE = "10 of 192 nodes, 10,000 parameters, 9,995 multiplications, 0.5 µs a jet"


class TestWords:
    def say(self, *others: Measured, **options: Any) -> str:
        chosen = Validation(**options)
        found = [DENSE, *others]
        return sentence(best_question(found, DENSE, TASK, chosen), found, TASK, chosen)

    def test_the_answer_in_one_sentence_with_its_error(self) -> None:
        tenth = measured("half", 5000), measured("tenth", 1000, best=(1.03, 0.98), loss=2)
        assert self.say(*tenth) == (
            "Single-b: tenth (10 of 192 nodes, 1,000 parameters, 995 multiplications, 0.5 µs a "
            "jet), is shown to keep at least 90 % of every rejection of the best dense tagger "
            "(64 nodes a layer) at 70 % efficiency for $b$-jets, at 95 % confidence: "
            "light-flavour 1.03 ± 0.01, $c$ 0.98 ± 0.01. No smaller network is among the runs."
        )

    def test_what_bars_the_next_one_is_said(self) -> None:
        lost = measured("half", 5000), measured("tenth", 1000, best=(0.8, 1.0), loss=2)
        said = self.say(*lost)
        assert "half (10 of 192 nodes" in said
        assert said.endswith(
            "The next, tenth (1,000 parameters), keeps light-flavour 0.80 ± 0.01, $c$ 1.00 ± 0.01: "
            "it loses more."
        )

    def test_how_many_jets_are_needed_is_said(self) -> None:
        assert self.say(measured("half", 5000, error=0.1, timed=False)) == (
            f"Single-b: the smallest is the dense tagger itself ({DENSE_SIZE}); no smaller network "
            "is shown to keep at least 90 % of every rejection of the best dense tagger (64 nodes "
            "a layer) at 70 % efficiency for $b$-jets, at 95 % confidence. The first, half (5,000 "
            "parameters), keeps light-flavour 1.00 ± 0.10, $c$ "
            f"1.00 ± 0.10: {Z**2:.1f} times as many test jets would tell; by the values alone it "
            "would do."
        )

    def test_what_is_too_close_is_said(self) -> None:
        close, low = (measured("a", 50, best=(ratio, 1), error=0.1) for ratio in (0.91, 0.89))
        assert "too close to what is allowed" in self.say(close)
        assert "it is not sure whether it loses more." in self.say(low)

    def test_what_the_values_alone_say_of_smaller_ones_is_said(self) -> None:
        said = self.say(measured("half", 5000, best=(0.8, 1.0)), measured("tenth", 1000, loss=2))
        assert said.endswith(
            "it loses more; by the values alone even tenth (1,000 parameters) would do: "
            "light-flavour 1.00 ± 0.01, $c$ 1.00 ± 0.01."
        )

    def test_an_unknown_error_is_no_number(self) -> None:
        said = self.say(measured("half", 5000, error=math.inf))
        assert "keeps light-flavour 1.00 ± ?, $c$ 1.00 ± ?: it is not sure" in said
        said = self.say(measured("half", 5000, best=(math.inf, 1.0)))
        assert "keeps light-flavour unknown (no jet passes), $c$ 1.00 ± 0.01" in said

    def test_of_a_single_network_one_question_is_enough(self) -> None:
        assert network_questions([DENSE, measured("half", 5000)], TASK, Validation()) == []

    def test_tolerance_confidence_and_size_can_be_chosen(self) -> None:
        said = self.say(measured("half", 5000, best=(0.93, 0.93)), tolerance=0.05, confidence=0.9)
        assert "no smaller network is shown to keep at least 95 %" in said
        assert "at 90 % confidence" in said
        by_cost = self.say(measured("half", 10_004), size="multiplications")
        assert by_cost.endswith("at 95 % confidence; there is none among the runs.")

    def test_every_network_is_asked_by_itself(self) -> None:
        found = [
            DENSE,
            measured("half", 5000, own=(0.8, 1.0)),
            measured("wide", 90_000, network="w256", strategy="dense"),
            measured("wide, half", 50_000, network="w256"),
            measured("lone", 10, network="w8", strategy="dense"),
        ]
        options = Validation()
        said = [
            sentence(one, found, TASK, options) for one in network_questions(found, TASK, options)
        ]
        assert len(said) == 2, "nothing was pruned of the last"
        assert said[0].startswith(
            "Single-b, 64 nodes a layer: the smallest is the dense tagger itself"
        )
        assert said[1].startswith("Single-b, 256 nodes a layer: wide, half (10 of 192 nodes")
        assert "every rejection of its dense tagger" in said[1]


class TestTable:
    def test_every_test_is_a_row(self) -> None:
        found = [
            DENSE,
            measured("bad", 6000, loss=3),
            measured("half", 5000, loss=1),
            measured("tenth", 1000, best=(math.nan, 0.8), loss=2),
        ]
        options = Validation()
        question = best_question(found, DENSE, TASK, options)
        (table,) = answers([question], options).tables
        assert [list(row) for row in table.rows] == [
            ["Single-b", "half", 5000, *2 * ["1.000 ± 0.010", 0.984], "safe", 3, 1],
            ["Single-b", "tenth", 1000, None, None, "0.800 ± 0.010", 0.784, "loses more", 3, 1],
        ]
        assert len(table.columns) == len(table.rows[0])

    def test_without_a_candidate_that_is_said(self) -> None:
        options = Validation()
        question = best_question([DENSE], DENSE, TASK, options)
        (table,) = answers([question], options).tables
        assert table.rows[0][1:] == ["none", None, "no candidate", 0, 0]
        assert answers([], options).tables == ()
