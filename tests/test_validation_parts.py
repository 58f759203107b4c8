"""Parts of a validation for taggers whose answers are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train import a_run
from test_validation import not_drawn
from test_validation_answer import measured
from validation_jets import made_up

from ftag_prune import plots
from ftag_prune.config import Validation
from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import discriminant, rejection
from ftag_prune.record import read_csv
from ftag_prune.validation.latency import timed
from ftag_prune.validation.networks import best_dense, deciding
from ftag_prune.validation.part import Easel
from ftag_prune.validation.parts.fractions import fractions, mixtures
from ftag_prune.validation.parts.masses import masses, matters
from ftag_prune.validation.parts.profiles import bins_of, profiles
from ftag_prune.validation.parts.quality import quality
from ftag_prune.validation.parts.sample import binned, edges_of
from ftag_prune.validation.parts.sizes import sizes
from ftag_prune.validation.references import Reference
from ftag_prune.validation.runs import Finished, Group
from ftag_prune.validation.taggers import Tagger, common, curve, of_reference, ratio


@pytest.fixture
def easel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Easel:
    monkeypatch.setattr(plots, "save", not_drawn)
    return Easel(tmp_path, made_up().task, "Simulation", ())


def knowing(jets: Any, strength: float = 2.0, *, name: str = "ours", **changes: Any) -> Tagger:
    """A tagger whose probabilities are right: those of the Gaussians that its logits come from."""
    number = len(jets.task.classes)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(len(jets.label), number)) + strength * np.eye(number)[jets.label]
    weight = np.exp(strength * x)
    p = weight / weight.sum(axis=1, keepdims=True)
    value = discriminant(p, jets.task, signal=jets.task.signal)
    made = Tagger(name, "ours", jets.task.classes, value[None], p, name)
    return made._replace(**changes)


class TestTaggers:
    def test_the_curve_is_the_mean_over_trainings(self) -> None:
        jets = made_up(8000)
        one = knowing(jets)
        both = one._replace(value=np.concatenate([one.value, -one.value]))
        good, mean = (curve(tagger, jets, "u", [0.7]) for tagger in (one, both))
        bad = curve(one._replace(value=-one.value), jets, "u", [0.7])
        assert mean.rejection == pytest.approx((good.rejection + bad.rejection) / 2)
        spread = abs(good.rejection - bad.rejection) / 2
        assert mean.error > spread

    def test_a_tagger_is_as_good_as_itself(self) -> None:
        jets = made_up(400)
        one = knowing(jets)
        rng = np.random.default_rng(0)
        found = ratio(one, one, jets, "u", [0.6, 0.7], replicas=2, rng=rng)
        assert (found.ratio.tolist(), found.error.tolist()) == ([1, 1], [0, 0])

    def test_jets_that_one_has_not_scored_are_left_out_for_all(self) -> None:
        jets = made_up(400)
        one = knowing(jets)
        gaps = one._replace(value=np.where(np.arange(400) < 100, np.nan, one.value), name="gaps")
        taggers, shared = common([one, gaps], jets)
        assert len(shared.label) == 300
        assert {tagger.value.shape for tagger in taggers} == {(1, 300)}
        np.testing.assert_array_equal(taggers[0].probability, one.probability[100:])
        np.testing.assert_array_equal(shared.event, jets.event[100:])
        assert common([one], jets) == ([one], jets)


class TestSample:
    def test_whole_numbers_have_a_bin_each(self) -> None:
        values = np.array([0, 1, 1, 3, np.nan])
        np.testing.assert_allclose(edges_of("n", values), [-0.5, 0.5, 1.5, 2.5, 3.5])

    def test_or_as_many_numbers_in_each_bin(self) -> None:
        """Else every second bin of a smooth spectrum would be twice as high."""
        edges = edges_of("n", np.arange(100.0))
        assert len(edges) <= 42
        assert set(np.diff(edges)) == {3}
        assert (edges % 1 == 0.5).all()
        assert edges[-1] > 99

    def test_pt_has_equal_factors(self) -> None:
        edges = edges_of("pt", np.random.default_rng(0).uniform(20, 500, 1000))
        np.testing.assert_allclose(edges[1:] / edges[:-1], edges[1] / edges[0])

    @pytest.mark.parametrize("values", [[2.5, 2.5], [np.nan], []])
    def test_a_column_without_width_has_one_bin(self, values: list[float]) -> None:
        assert len(edges_of("x", np.array(values))) == 2

    def test_areas_are_one_but_for_what_is_missing(self) -> None:
        jets = made_up(400)
        values = np.where(np.arange(400) % 8 == 0, np.nan, jets.columns["pt"])
        found = binned(values, jets, np.array([100.0, 200.0, 400.0]))
        assert [one.flavour for one in found] == ["b", "c", "u", "tau"]
        areas = [float((one.density * (one.high - one.low)).sum()) for one in found]
        assert areas == pytest.approx([0.5, 1, 1, 1]), "every second b-jet is missing"
        one = found[1]
        counts = np.array([(jets.columns["pt"][1::4] < 200).sum(), 0])
        counts[1] = 100 - counts[0]
        np.testing.assert_allclose(one.density * 100 * np.array([100, 200]), counts)
        np.testing.assert_allclose(one.error * 100 * np.array([100, 200]), np.sqrt(counts))


class TestProfiles:
    def test_edges(self) -> None:
        values = np.random.default_rng(0).uniform(20, 500, 100_000)
        edges = bins_of("pt", values)
        np.testing.assert_allclose(edges[1:] / edges[:-1], edges[1] / edges[0])
        np.testing.assert_allclose(edges[[0, -1]], [21, 499], rtol=0.01)
        np.testing.assert_allclose(np.diff(bins_of("eta", values)), 478 / 8, rtol=0.01)
        assert bins_of("eta", np.ones(3)).tolist() == [1, 2]

    def test_two_figures_for_each_variable_that_there_is(self, easel: Easel) -> None:
        jets = made_up(4000)
        part = profiles([knowing(jets)], jets, easel)
        names = [one.name for one in part.figures]
        assert names == ["profile-pt-cut", "profile-pt-flat", "profile-eta-cut", "profile-eta-flat"]
        rows = read_csv(easel.out / "profile-eta-cut.csv")
        assert len(rows) == 3 * 8
        assert float(rows[0]["low"]) >= 0, "of |eta|"
        del jets.columns["eta"]  # type: ignore[attr-defined]
        assert len(profiles([knowing(jets)], jets, easel).figures) == 2


class TestQuality:
    def test_a_tagger_that_is_right_is_calibrated(self, easel: Easel) -> None:
        jets = made_up(20_000)
        part = quality([knowing(jets)], jets, easel)
        (row,) = part.tables[0].rows
        assert row[0] == "ours"
        assert max(float(str(one)) for one in row[1:]) < 0.02
        rows = read_csv(easel.out / "confusion-ours.csv")
        shares = [float(one["share"]) for one in rows if one["true"] == "b"]
        assert sum(shares) == pytest.approx(1)
        assert shares[0] == max(shares)

    def test_shares_count_weights(self, easel: Easel) -> None:
        """A class that weighs ten times as much is ten times as likely."""
        jets = made_up(20_000)
        heavy = jets._replace(weight=np.where(jets.label == 0, 10.0, 1.0))
        errors = [
            float(str(quality([knowing(jets)], one, easel).tables[0].rows[0][1]))
            for one in (jets, heavy)
        ]
        assert errors[1] > 5 * errors[0]

    def test_scores_that_are_no_probabilities_are_not_calibrated(self, easel: Easel) -> None:
        jets = made_up(400)
        good = knowing(jets)
        scores = good._replace(name="scores", probability=2 * good.probability)
        lacking = good._replace(name="lacking", probability=good.probability * [1, 1, 1, np.nan])
        part = quality([good, scores, lacking], jets, easel)
        assert [row[0] for row in part.tables[0].rows] == ["ours"]
        assert [one.name for one in part.figures][4:] == ["confusion-ours"]

    def test_scores_that_others_have_rounded_are_probabilities(self) -> None:
        jets = made_up(40)
        score = np.round(knowing(jets).probability, 4) * 1.0004
        known = np.ones(40, bool)
        found = of_reference(Reference("GN", jets.task.classes, score, known), jets)
        assert found.probable
        np.testing.assert_array_equal(found.probability, score)
        np.testing.assert_allclose(found.to_one.sum(axis=1), 1, rtol=1e-12)
        assert not of_reference(Reference("GN", jets.task.classes, 2 * score, known), jets).probable


class TestFractions:
    def test_best_fractions_are_measured_on_other_jets(self) -> None:
        """A tagger that confuses c-jets with b-jets gains by a larger fraction of them."""
        jets = made_up(20_000)
        one = knowing(jets)
        default, best = mixtures(one, jets)
        assert default.fractions == {"u": 0.79, "c": 0.2, "tau": 0.01}
        assert sum(best.fractions.values()) == pytest.approx(1)
        gain = [
            np.mean([math.log(value) for value, _ in found.rejections.values()])
            for found in (default, best)
        ]
        assert gain[1] > gain[0], "equal parts are far from 79, 20 and 1 per cent"

    def test_the_other_half_is_measured(self) -> None:
        jets = made_up(4000, label=np.random.default_rng(4).integers(4, size=4000))
        one = knowing(jets)
        default, _ = mixtures(one, jets)
        odd = (jets.event - 2**60) % 2 == 1
        signal, background = (one.chosen[odd & (jets.label == index)] for index in (0, 2))
        expected = rejection(signal, background, efficiency=0.7)
        assert default.rejections["u"] == (expected.value, expected.error)

    def test_jets_of_one_event_are_in_one_half(self) -> None:
        jets = made_up(400)
        shifted = jets._replace(event=jets.event * 2)  # all even
        first, again = (list(mixtures(knowing(one), one)) for one in (jets, shifted))
        assert first == again

    def test_a_class_that_one_half_lacks_is_said(self) -> None:
        jets = made_up(400)
        part = fractions([knowing(jets)], jets._replace(event=jets.label.astype(np.uint64)))
        assert part.tables == ()
        assert part.text[-1] == "There are too few jets of b for that."

    def test_the_table(self) -> None:
        jets = made_up(4000)
        scores = knowing(jets, probability=np.full((4000, 4), np.nan))
        part = fractions([knowing(jets), scores], jets)
        assert [row[:2] for row in part.tables[0].rows] == [
            ["ours", "of the task"],
            ["ours", "best"],
        ]


class TestMasses:
    def test_only_where_a_peak_is_searched_for(self) -> None:
        assert matters(made_up(task="hbb_cc"))
        assert not matters(made_up())
        assert not matters(made_up(task="hbb_cc", columns={}))

    def test_a_tagger_that_sees_the_mass_sculpts_it(self, tmp_path: Path, easel: Easel) -> None:
        jets = made_up(8000, task="hbb_cc")
        blind = knowing(jets, 0.7, name="blind")
        near = np.exp(-(((jets.columns["mass"] - 125) / 20) ** 2))
        seeing = blind._replace(name="seeing", value=blind.value + 8 * near)
        part = masses(
            [blind, seeing], jets, easel._replace(task=jets.task), Validation(replicas=20)
        )
        assert [one.name for one in part.figures] == [f"mass-{p}" for p in (40, 50, 60, 70, 80)]
        found = {
            (one["tagger"], one["working_point"]): one for one in part.numbers["mass_sculpting"]
        }
        free, bent = found["blind", 0.6], found["seeing", 0.6]
        assert free["divergence"] < free["unsculpted"] + 3 * free["error"]
        assert bent["divergence"] > 0.1 > 5 * free["divergence"]
        rows = read_csv(tmp_path / "mass-60.csv")
        assert len(rows) == 3 * 15
        area = sum(float(r["density"]) * (float(r["high"]) - float(r["low"])) for r in rows[:15])
        assert area == pytest.approx(1)


class TestSizes:
    def test_a_figure_for_each_quantity_and_background(self, easel: Easel) -> None:
        found = [measured("dense", 9000, strategy="dense"), measured("half", 4000)]
        part = sizes(found, made_up().task, easel, backgrounds=["u", "c"])
        quantities = ("pruned", "parameters", "multiplications", "latency-1", "latency-1000")
        assert [one.name for one in part.figures] == [
            f"size-{quantity}-{name}" for quantity in quantities for name in ("u", "c")
        ]
        rows = read_csv(easel.out / "size-parameters-u.csv")
        assert [(row["network"], row["on_front"]) for row in rows] == [
            ("dense", "False"),
            ("half", "True"),
        ]

    def test_without_times_there_are_none(self, easel: Easel) -> None:
        found = [
            measured("dense", 9000, strategy="dense"),
            measured("half", 4000, timed=False, best=(math.nan, 1.0)),
        ]
        part = sizes(found, made_up().task, easel, backgrounds=["u"])
        assert not any("latency" in one.name for one in part.figures)
        half = dict(zip(part.tables[0].columns, part.tables[0].rows[1], strict=True))
        assert half["µs a jet, 1000 at once"] is None
        assert half["u: of the best dense"] is None
        assert half["c: of the best dense"] == "1.000 ± 0.010"
        assert half["u rejection"] == "10.0 ± 1.1"


class TestBestDense:
    def group(self, label: str, *losses: float, dense: bool = True) -> Group:
        return Group(
            [
                Finished(
                    Path(label), a_run(label=label, seed=seed, keep=None if dense else 9), {}, loss
                )
                for seed, loss in enumerate(losses)
            ]
        )

    def test_it_has_the_lowest_mean_loss_on_validation_jets(self) -> None:
        groups = [
            self.group("w8", 0.5, 0.9),
            self.group("w16", 0.6, 0.7),
            self.group("w32", 0.1, dense=False),
        ]
        found = best_dense(groups)
        assert found is groups[1]
        assert groups[0].chosen.validation_loss == 0.5

    def test_unknown_losses_are_no_low_ones(self) -> None:
        groups = [self.group("w8", math.nan), self.group("w16", 0.7)]
        assert best_dense(groups) is groups[1]
        assert best_dense(groups[:1]) is groups[0]
        assert best_dense([]) is None


class TestOptions:
    def test_backgrounds_that_matter(self) -> None:
        jets = made_up()
        assert deciding(jets, Validation()) == ("u", "c")
        assert deciding(jets, Validation(matters=0.0)) == ("u", "c", "tau")
        with pytest.raises(FtagPruneError, match=r"of 0\.8 or more .* 'b'; the largest is 0\.79"):
            deciding(jets, Validation(matters=0.8))


def test_the_time_of_a_call_is_its_median() -> None:
    calls = []
    found = timed(lambda: calls.append(sum(range(2000))), jets=4)
    assert found.batch == 4
    assert found.repeats == len(calls) - 5
    assert 0 < found.low <= found.median <= found.high
