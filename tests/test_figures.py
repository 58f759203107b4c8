"""Which figures a study has, and that they show what the results say."""

import csv

import pytest
from test_config import study
from test_summary import leave_results

from ftag_prune import plots
from ftag_prune.errors import ConfigError, FtagPruneError
from ftag_prune.figures import captions, draw, names, trainings
from ftag_prune.figures.drawing import Drawing, largest, network_name
from ftag_prune.flavours import task_of
from ftag_prune.plots.style import preset
from ftag_prune.record import read_csv, read_json, write_csv
from ftag_prune.status import Present
from ftag_prune.summary import read_cells, summarise, task_in, write_cells

STUDY = study(grid__widths=[8, 16], grid__seeds=[1, 2])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    for run in STUDY.runs():
        leave_results(folder / "runs", run)
        add_layers(folder / "runs" / run.name, run)
    write_cells(folder / "cells.csv", summarise(STUDY.runs(), folder / "runs"))
    draw(STUDY, "single_b", folder / "runs", folder / "cells.csv", folder / "drawn")
    return folder


def add_layers(folder, run):
    """What the figures of the trainings need beside the scores."""
    from ftag_prune.record import write_json

    keep = run.nodes if run.dense else run.keep
    told = read_json(folder / "metrics.json")
    write_json(folder / "metrics.json", {**told, "layers": {"hidden1": keep - 2, "hidden2": 2}})
    phases = ["dense"] * 3 if run.dense else ["dense", "gated", "tuned"]
    numbers = ("class_loss", "val_loss", "pruning_loss", "pressure", "active")
    rows = [
        {"epoch": epoch + 1, "phase": phase, **dict.fromkeys(numbers, 1 / (epoch + 1))}
        for epoch, phase in enumerate(phases)
    ]
    write_csv(folder / "history.csv", rows)


def rows_of(drawn, name):
    return list(csv.DictReader((drawn / "drawn" / f"{name}.csv").read_text().splitlines()))


def test_the_named_figures_are_drawn(drawn):
    stems = {path.stem for path in (drawn / "drawn").iterdir()}
    assert (
        stems == set(names(STUDY, task_of("single_b"))) == set(captions(STUDY, task_of("single_b")))
    )


def test_studies_of_several_strategies_have_a_figure_for_them():
    many = study(grid__strategies=["budget", "ladder"])
    more = set(names(many, task_of("single_b"))) - set(names(STUDY, task_of("single_b")))
    assert more == {"strategies-u", "strategies-c", "strategies-tau"}


def test_the_headline_figure_has_a_point_for_each_width_and_target(drawn):
    rows = rows_of(drawn, "pruned-c")
    points = {(row["network"], float(row["left"])) for row in rows}
    assert points == {("w8", 16), ("w8", 8), ("w8", 4), ("w16", 32), ("w16", 16), ("w16", 8)}
    table = read_cells(drawn / "cells.csv")
    for row in rows:
        (cell,) = [
            one
            for one in table
            if (one.network, one.left) == (row["network"], float(row["left"]))
            and (one.signal, one.background, one.working_point) == ("b", "c", 0.7)
        ]
        assert float(row["rejection"]) == cell.rejection


def test_roc_curves_are_means_over_seeds(drawn):
    rows = [row for row in rows_of(drawn, "roc-u") if row["name"] == "75 %"]
    told = [
        read_json(drawn / "runs" / f"single_b-w16-p75-budget-s{seed}" / "metrics.json")
        for seed in (1, 2)
    ]
    curves = [one["discriminants"]["b"]["backgrounds"]["u"]["rejection"] for one in told]
    for row, one, other in zip(rows, *curves, strict=True):
        if None not in (one, other):
            assert float(row["rejection"]) == pytest.approx((one + other) / 2)


def test_what_would_be_drawn_wrong_without_a_run_is_left_out(drawn, caplog):
    runs = STUDY.runs()
    lost = tuple(run for run in runs if run.dense and run.label == "w16")
    some = Present(tuple(run for run in runs if run not in lost), lost)
    folder, cells = drawn / "runs", drawn / "some.csv"
    write_cells(cells, summarise(some.done, folder))
    left = draw(STUDY, "single_b", folder, cells, drawn / "some", some=some)
    assert {one.png.stem for one in left} == {
        *("pruned-u", "pruned-c", "pruned-tau"),
        *("layers", "history"),
    }
    assert "figure roc-u is left out: no dense run of network w16 is there yet" in caplog.text
    cut = [row for row in read_csv(drawn / "some/pruned-c.csv") if row["network"] == "w16"]
    assert {row["ratio"] for row in cut} == {"nan"}


def test_a_run_that_is_missing_is_no_run_of_a_smaller_network(drawn):
    runs = STUDY.runs()
    cells = task_in(read_cells(drawn / "cells.csv"), "single_b")
    first = next(run for run in runs if run.name == "single_b-w16-p75-budget-s1")
    rest = [run for run in runs if run != first]
    drawing = Drawing(STUDY, cells, rest, [], drawn / "runs")
    assert drawing.run("budget").name == "single_b-w16-p75-budget-s2"
    none = drawing._replace(runs=[run for run in rest if run.label != "w16"])
    with pytest.raises(FtagPruneError, match="no run like single_b-w16-p75-budget-s1 is there yet"):
        none.run("budget")


def test_a_training_of_another_seed_stands_for_one_that_is_missing(drawn):
    runs = STUDY.runs()
    lost = tuple(run for run in runs if run.seed == 1 and run.dense)
    some = Present(tuple(run for run in runs if run not in lost), lost)
    cells = task_in(read_cells(drawn / "cells.csv"), "single_b")
    shown = trainings._shown(Drawing(STUDY, cells, list(some.done), [], drawn / "runs"))
    assert [(run.target, run.seed) for run in shown] == [(0, 2), (0.5, 1), (0.75, 1)]
    assert "first seed that is there" in captions(STUDY, cells, some=some)["history"]


def test_captions_say_what_a_figure_is_made_of_if_runs_are_missing():
    runs = STUDY.runs()
    some = Present(runs[:5], runs[5:])
    said = captions(STUDY, task_of("single_b"), some=some)
    assert all(text.endswith(" Not finished: made of 5 of 12 runs.") for text in said.values())
    assert "mean over up to 2 trainings" in said["pruned-c"]
    whole = captions(STUDY, task_of("single_b"), some=Present(runs))
    assert whole == captions(STUDY, task_of("single_b"))


def test_captions_name_what_is_shown():
    said = captions(STUDY, task_of("single_b"))["pruned-c"]
    assert "70 % efficiency" in said
    assert "mean over 2 trainings" in said
    assert "strategy “budget”" in said


def test_a_larger_network_of_another_strategy_is_not_the_one_that_figures_show():
    more = {**STUDY.grid.model_dump(), "widths": [512], "strategies": ["ladder"]}
    both = study(grid__widths=[8, 16], more=[more])
    runs = both.runs()
    assert max(run.nodes for run in runs) == 2 * 512
    assert largest(runs, "budget") == "w16"
    assert largest(runs, "ladder") == "w512"
    assert largest([run for run in runs if run.dense], "budget") == "w512"
    assert "(16 nodes a layer)" in captions(both, task_of("single_b"))["layers"]


def test_captions_name_the_network_that_is_shown(drawn):
    said = captions(STUDY, task_of("single_b"))["history"]
    assert "(16 nodes a layer)" in said
    shown = sum(int(row["kept"]) for row in rows_of(drawn, "layers") if row["pruned"] == "0.0")
    assert shown == 2 * 16


@pytest.mark.parametrize(
    ("label", "text"),
    [("w64", "64 nodes a layer"), ("gn2-e64-h4", "gn2-e64-h4"), ("w64-deep", "w64-deep")],
)
def test_names_of_networks(label, text):
    assert network_name(label) == text


def test_the_style_of_the_study_is_that_of_its_figures(drawn, monkeypatch):
    wanted = {"style": "posters", "taggers": False}
    seen = []
    monkeypatch.setattr(plots, "save", lambda *_: seen.append(preset()))
    chosen = study(grid__widths=[8], grid__seeds=[1], figures=wanted)
    draw(chosen, "single_b", drawn / "runs", drawn / "cells.csv", drawn / "unused")
    assert seen == [plots.PRESETS["posters"]] * 2
    with pytest.raises(ConfigError, match=r"figures\.style"):
        study(figures={"style": "poster"})
