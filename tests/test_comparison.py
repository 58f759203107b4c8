"""Two releases of a study whose differences are known."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from browser import chromium, faults, needs_chromium

from ftag_prune.comparison import Comparison, compare, rows, sentences, write
from ftag_prune.errors import FtagPruneError
from ftag_prune.record import read_csv, write_csv, write_json
from ftag_prune.summary import Cell, write_cells

NAN, INF = float("nan"), float("inf")


def cell(**changes: Any) -> Cell:
    """A pruned network that rejects 100 ± 5 in one training."""
    told = dict.fromkeys(Cell._fields, 1.0)
    names = {"task": "single_b", "network": "w32", "strategy": "budget", "unit": "nodes"}
    place = {"signal": "b", "background": "c", "working_point": 0.7}
    size = {"asked": 48.0, "left": 48.0, "parameters": 900.0, "seconds": 2.0, "seeds": 1}
    measured = {"rejection": 100.0, "statistical": 5.0, "spread": NAN}
    return Cell(**{**told, **names, **place, **size, **measured, **changes})


def leave(folder: Path, *cells: Cell) -> Path:
    """Results of a study: tables only."""
    for task in {one.task for one in cells}:
        write_cells(folder / f"tables/{task}.csv", [one for one in cells if one.task == task])
    return folder


def between(folder: Path, old: list[Cell], new: list[Cell], **options: Any) -> Comparison:
    return compare(leave(folder / "old", *old), leave(folder / "new", *new), **options)


def test_a_release_is_the_same_as_itself(tmp_path: Path) -> None:
    cells = [cell(), cell(strategy="dense", asked=NAN), cell(task="hbb_cc", spread=3.0, seeds=5)]
    found = between(tmp_path, cells, cells)
    assert [move.moved for move in found.moves] == ["same"] * 3
    assert [(move.pull, move.p_value, move.adjusted) for move in found.moves] == [(0, 1, 1)] * 3
    assert not found.worse
    assert not found.only_old
    assert not found.only_new
    assert sentences(found)[0] == (
        "0 of 3 numbers moved beyond their error (0 better, 0 worse) at 95 % confidence after the "
        "correction for 3 comparisons. Without it 0 differ at 95 %, where 0.15 would by chance."
    )
    assert "Nodes, parameters and epochs are the same at all 3 points." in sentences(found)


def test_a_loss_of_five_standard_errors(tmp_path: Path) -> None:
    old = [cell(statistical=3.0), cell(background="u"), cell(background="tau")]
    new = [cell(statistical=4.0, rejection=75.0), cell(background="u"), cell(background="tau")]
    found = between(tmp_path, old, new)
    (worse,) = found.of("worse")
    assert (worse.difference, worse.error, worse.pull) == (-25, 5, -5)
    assert worse.p_value == pytest.approx(2 * NormalDist().cdf(-5))
    assert worse.adjusted == pytest.approx(3 * worse.p_value)
    assert found.worse
    assert sentences(found)[1] == (
        "Worse: single_b w32 budget to 48 nodes, rejection of c at 70 % efficiency for b, "
        "100 ± 3 → 75.0 ± 4.0 (-5.0 standard errors)."
    )


def test_a_gain_is_no_loss(tmp_path: Path) -> None:
    found = between(tmp_path, [cell()], [cell(rejection=200.0)])
    assert [move.moved for move in found.moves] == ["better"]
    assert not found.worse


def test_p_values_are_corrected_after_holm(tmp_path: Path) -> None:
    """0.01, 0.04, 0.03, 0.005 become 3 * 0.01, the larger before it, 2 * 0.03, 4 * 0.005."""
    p_values = {"u": 0.01, "c": 0.04, "tau": 0.03, "d": 0.005}
    pulls = {name: -NormalDist().inv_cdf(p / 2) for name, p in p_values.items()}
    old = [cell(background=name, statistical=1.0) for name in pulls]
    new = [
        cell(background=name, statistical=0.0, rejection=100 + pull) for name, pull in pulls.items()
    ]
    found = between(tmp_path, old, new, level=0.025)
    assert [move.p_value for move in found.moves] == pytest.approx(list(p_values.values()))
    assert [move.adjusted for move in found.moves] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [move.moved for move in found.moves] == ["same", "same", "same", "better"]
    said = "Without it 2 differ at 97.5 %, where 0.1 would by chance."
    assert sentences(found)[0].endswith(said)


def test_the_surest_moves_are_told_the_worse_first(tmp_path: Path) -> None:
    rejections = {"u": 180.0, "c": 20.0, "tau": 10.0, "d": 190.0, "e": 40.0, "f": 30.0, "g": 50.0}
    new = [cell(background=name, rejection=value) for name, value in rejections.items()]
    told = sentences(between(tmp_path, [one._replace(rejection=100.0) for one in new], new))
    order = [one.partition("rejection of ")[2][:3] for one in told if one.startswith("Worse:")]
    assert order == ["tau", "c a", "f a", "e a", "g a"]
    assert "2 more moved, see the table." in told


@pytest.mark.parametrize(
    ("old", "new", "quantile"),
    [
        # 97.5 % of Student's t with 2, 2 + 2 and 1 + 1 degrees of freedom, and of the normal.
        ({"spread": 5.0, "seeds": 3}, {}, 4.302653),
        ({"spread": 3.0, "seeds": 3}, {"spread": 3.0, "seeds": 3}, 2.776445),
        ({"spread": 3.0, "seeds": 2}, {"spread": 3.0, "seeds": 2}, 4.302653),
        ({"statistical": 3.0}, {"statistical": 4.0}, 1.959964),
    ],
)
def test_a_spread_of_few_trainings_is_not_well_known(
    tmp_path: Path, old: dict[str, Any], new: dict[str, Any], quantile: float
) -> None:
    nothing = {"statistical": 0.0, "spread": NAN}
    before = cell(**{**nothing, **old})
    error = math.hypot(*(one.get(name, 0) for one in (old, new) for name in nothing))
    after = cell(**{**nothing, **new, "rejection": 100 + quantile * error})
    (move,) = between(tmp_path, [before], [after]).moves
    assert move.error == pytest.approx(error)
    assert move.p_value == pytest.approx(0.05, rel=1e-5)


def test_without_a_change_as_much_moves_as_chance_says(tmp_path: Path) -> None:
    """4000 numbers, 5 trainings each, errors half from jets and half from trainings."""
    rng, many, seeds = np.random.default_rng(1), 4000, 5

    def release() -> list[Cell]:
        jets = rng.normal(100, 1, many)
        trainings = rng.normal(jets[:, None], 5**0.5, (many, seeds))
        spread = trainings.std(axis=1, ddof=1) / seeds**0.5
        return [
            cell(network=f"w{i}", rejection=x, statistical=1.0, spread=s, seeds=seeds)
            for i, (x, s) in enumerate(zip(trainings.mean(axis=1), spread))
        ]

    found = between(tmp_path, release(), release())
    share = np.mean([move.p_value < 0.05 for move in found.moves])
    assert share == pytest.approx(0.05, abs=0.01)
    assert {move.moved for move in found.moves} == {"same"}


@pytest.mark.parametrize(("old", "new"), [(INF, 100.0), (100.0, INF), (INF, INF)])
def test_where_no_jet_passes_nothing_is_known(tmp_path: Path, old: float, new: float) -> None:
    others = [cell(background="u"), cell(background="tau")]
    found = between(tmp_path, [cell(rejection=old), *others], [cell(rejection=new), *others])
    assert [move.moved for move in found.moves] == ["unknown", "same", "same"]
    assert math.isnan(found.moves[0].adjusted)
    assert sentences(found)[0].startswith("0 of 2 numbers moved")
    assert sentences(found)[1].startswith("Not compared: 1 numbers for which no jet passes")


def test_numbers_without_any_error(tmp_path: Path) -> None:
    exact = cell(statistical=0.0)
    same, less = between(
        tmp_path,
        [exact, exact._replace(background="u")],
        [exact, exact._replace(background="u", rejection=99.0)],
    ).moves
    assert (same.pull, same.moved) == (0, "same")
    assert (less.pull, less.adjusted, less.moved) == (-INF, 0, "worse")


def test_what_only_one_has_is_told(tmp_path: Path) -> None:
    old = [cell(), cell(asked=24.0), cell(asked=24.0, background="u"), cell(strategy="l1")]
    found = between(tmp_path, old, [cell(), cell(network="w64")])
    assert len(found.moves) == 1
    assert [one.asked for one in found.only_old] == [24, 24, 48]
    told = sentences(found)
    assert (
        f"Only in {tmp_path / 'old'}: 3 numbers, of single_b w32 budget to 24 nodes; "
        "single_b w32 l1 to 48 nodes." in told
    )
    assert f"Only in {tmp_path / 'new'}: 1 numbers, of single_b w64 budget to 48 nodes." in told


def test_sizes_and_times(tmp_path: Path) -> None:
    old = [cell(), cell(background="u"), cell(asked=24.0, seconds=0.0)]
    new = [
        cell(parameters=800.0, seconds=3.0),
        cell(background="u", parameters=800.0, seconds=3.0),
        cell(asked=24.0, seconds=0.0),
    ]
    found = between(tmp_path, old, new)
    assert [point.changed for point in found.points] == [True, False]
    assert found.points[0].time == 1.5
    told = sentences(found)
    assert "Nodes, parameters or epochs changed at 1 of 2 points." in told
    assert (
        "A training takes 1.50 times as long as before (median of 1 points, from 1.50 to 1.50)."
        in told
    )


def leave_run(folder: Path, *, jets: str, seed: int, torch: str = "2.13") -> None:
    """What a training tells of itself."""
    place = folder / f"runs/run-s{seed}"
    write_json(place / "spec.json", {"task": "single_b", "seed": seed})
    write_json(place / "run.json", {"jets": jets, "provenance": {"versions": {"torch": torch}}})


@pytest.mark.parametrize(
    ("jets", "seed", "said"),
    [
        ("a", 1, "The jets and seeds of single_b are the same in both, so these numbers fluctuate"),
        (
            "a",
            2,
            "The jets of single_b are the same in both, so these numbers fluctuate together, ",
        ),
        ("b", 1, "The two have other jets, so their errors are independent."),
    ],
)
def test_shared_jets_are_told(tmp_path: Path, jets: str, seed: int, said: str) -> None:
    leave_run(tmp_path / "old", jets="a", seed=1)
    leave_run(tmp_path / "new", jets=jets, seed=seed, torch="2.14")
    told = sentences(between(tmp_path, [cell()], [cell()]))
    assert any(one.startswith(said) for one in told)
    assert "Versions: torch 2.13 → 2.14." in told


def test_without_runs_it_is_not_known_what_is_shared(tmp_path: Path) -> None:
    told = sentences(between(tmp_path, [cell()], [cell(seeds=5, spread=1.0)]))
    assert "One has no runs, so it is not known whether they have jets or seeds in common." in told
    assert any(one.startswith("1 numbers are of one training in one of the two") for one in told)


def test_tables_of_older_releases_may_have_other_columns(tmp_path: Path) -> None:
    new = leave(tmp_path / "new", cell())
    kept = [
        {name: text for name, text in row.items() if name not in {"regrown", "ratio_low"}}
        for row in read_csv(new / "tables/single_b.csv")
    ]
    write_csv(tmp_path / "old/tables/single_b.csv", [{**row, "more": "x"} for row in kept])
    assert [move.moved for move in compare(tmp_path / "old", new).moves] == ["same"]


def test_the_table_of_all_numbers(tmp_path: Path) -> None:
    found = between(tmp_path, [cell(statistical=3.0)], [cell(rejection=75.0, statistical=4.0)])
    write(tmp_path / "moves.csv", found)
    with (tmp_path / "moves.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row == {name: str(value) for name, value in rows(found)[0].items()}
    wanted = {"old_rejection": "100.0", "old_error": "3.0", "new_rejection": "75.0"}
    wanted |= {"new_error": "4.0", "pull": "-5.0", "moved": "worse", "old_parameters": "900.0"}
    assert wanted.items() <= row.items()


def test_the_page(tmp_path: Path) -> None:
    leave_run(tmp_path / "old", jets="a", seed=1)
    found = between(
        tmp_path, [cell(), cell(asked=24.0)], [cell(rejection=10.0), cell(background="u")]
    )
    write(tmp_path / "page.html", found)
    text = (tmp_path / "page.html").read_text()
    assert "1 of 1 numbers moved beyond their error (0 better, 1 worse)" in text
    for title in ("What moved", "Sizes and times", "Only in one", "Every number"):
        assert f"<h2>{title}</h2>" in text
    assert ">100 ± 5<" in text
    assert ">10.0 ± 5.0<" in text
    assert "<td>a</td>" in text, "fingerprint of the jets"


def test_a_page_where_nothing_moved(tmp_path: Path) -> None:
    write(tmp_path / "page.html", between(tmp_path, [cell()], [cell()]))
    text = (tmp_path / "page.html").read_text()
    assert "<p>Nothing moved.</p>" in text
    assert "<p>Both have the same numbers.</p>" in text


@needs_chromium
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    old = [cell(network=f"w{i}") for i in range(30)]
    new = [cell(network=f"w{i}", rejection=100.0 + 10 * i) for i in range(29)]
    write(tmp_path / "page.html", between(tmp_path, old, new))
    with chromium(tmp_path / "profile") as browser:
        assert faults(browser, tmp_path / "page.html") == []


def test_an_ending_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FtagPruneError, match=r"a\.pdf: a comparison is written as \.html or \.csv"):
        write(tmp_path / "a.pdf", between(tmp_path, [cell()], [cell()]))


def test_a_folder_without_tables(tmp_path: Path) -> None:
    new = leave(tmp_path / "new", cell())
    with pytest.raises(
        FtagPruneError,
        match=r"old/tables: no table of results, wanted single_b\.csv or hbb_cc\.csv",
    ):
        compare(tmp_path / "old", new)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"single_b\.csv: holds no results"),
        ("task,network\n", r"single_b\.csv: holds no results"),
        (
            "task,networks\nsingle_b,w32\n",
            r"not a table of results, it has no column 'network'; nearest: 'networks'",
        ),
    ],
)
def test_a_table_of_something_else(tmp_path: Path, text: str, said: str) -> None:
    new = leave(tmp_path / "new", cell())
    (new / "tables/single_b.csv").write_text(text)
    with pytest.raises(FtagPruneError, match=said):
        compare(new, new)


def test_a_number_that_is_none(tmp_path: Path) -> None:
    new = leave(tmp_path / "new", cell(rejection="many"))
    with pytest.raises(FtagPruneError, match="'many' in the column 'rejection' is no number"):
        compare(new, new)


def test_a_number_that_stands_twice(tmp_path: Path) -> None:
    new = leave(tmp_path / "new", cell(), cell(rejection=1.0))
    with pytest.raises(
        FtagPruneError, match=r"single_b\.csv: 2 results of one thing, \('single_b'"
    ):
        compare(new, new)


def test_nothing_in_common(tmp_path: Path) -> None:
    with pytest.raises(
        FtagPruneError,
        match=r"have no number in common: the first begins with single_b w32 budget nodes 48\.0 "
        r"b c 0\.7, the second with single_b w64",
    ):
        between(tmp_path, [cell()], [cell(network="w64")])


def test_a_run_that_is_none(tmp_path: Path) -> None:
    old = leave(tmp_path / "old", cell())
    leave_run(old, jets="a", seed=1)
    write_json(old / "runs/run-s1/run.json", {"jets": "a"})
    with pytest.raises(FtagPruneError, match=r"run-s1: not the results of a run \('provenance'\)"):
        compare(old, old)


@pytest.mark.parametrize("level", [0.0, 1.0, NAN])
def test_a_level_that_is_no_probability(tmp_path: Path, level: float) -> None:
    with pytest.raises(FtagPruneError, match="the level of a comparison is a probability, found"):
        between(tmp_path, [cell()], [cell()], level=level)
