"""A validation from prepared jets and finished runs to its folder and page, and what it refuses."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from small_samples import Small, card, small, write_root
from test_config import study
from test_train import a_run

from ftag_prune import plots
from ftag_prune.config import Epochs, Figures, Training, Validation
from ftag_prune.errors import FtagPruneError, SampleError
from ftag_prune.evaluate import evaluate_runs
from ftag_prune.metrics import discriminant, rejection
from ftag_prune.prepare import prepare
from ftag_prune.record import read_csv, read_json, write_csv, write_json
from ftag_prune.train.runs import train_runs
from ftag_prune.validation import (
    page,
    read_tabulated,
    sections,
    validate_runs,
    validate_study,
)
from ftag_prune.validation.heldout import held_out
from ftag_prune.validation.references import references
from ftag_prune.validation.runs import group_runs, read_run, titles

REFERENCES = {
    "GN": {"b": "jet_GN_pb", "c": "jet_GN_pc", "u": "jet_GN_pu", "tau": "jet_GN_ptau"},
    "DL": {"b": "jet_DL_pb", "c": "jet_DL_pc", "u": "jet_DL_pu"},
    "lost": {"b": "jet_lost", "u": "jet_lost"},
    "anti": {"c": "jet_GN_pc", "u": "jet_GN_pu"},
}
NAMES = ("dense-1", "dense-2", "half-1", "half-2", "few-1", "few-2")


def sample_with_scores(number: int = 3000) -> Small:
    """GN knows the class of most jets and has scored all; DL has not scored one jet in ten."""
    made = small(number)
    rng = np.random.default_rng(5)
    flavours = np.array([5, 4, 0, 15])
    truth = (made.jets["flavour"][:, None] == flavours).astype(float)
    p = np.exp(rng.normal(size=(number, 4)) + 1.5 * truth)
    p /= p.sum(axis=1, keepdims=True)
    scores = {f"GN_p{name}": p[:, i] for i, name in enumerate(("b", "c", "u", "tau"))}
    for i, name in enumerate(("b", "c", "u")):
        scores[f"DL_p{name}"] = np.where(np.arange(number) % 10 == 0, np.nan, p[:, i])
    scores["lost"] = np.full(number, np.nan)
    more = {name: values.astype(np.float32) for name, values in scores.items()}
    # What makes something to learn: the secondary vertex of b-jets is heavy.
    heavier = made.jets["sv_mass"] + 3000 * (made.jets["flavour"] == 5)
    jets = {**made.jets, **more, "sv_mass": heavier.astype(np.float32)}
    return made._replace(jets=jets)


def the_runs() -> list[Any]:
    short = Training(epochs=Epochs(dense=1, gated=2, tuned=1), batch_size=200)
    shapes = {"dense": None, "half": 14, "few": 3}
    return [
        a_run(
            name=f"{shape}-{seed}",
            strategy="dense" if keep is None else "budget",
            keep=keep,
            seed=seed,
            training=short,
        )
        for shape, keep in shapes.items()
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared jets in `jets`, and six runs in `runs`."""
    folder = tmp_path_factory.mktemp("finished")
    sample = write_root(folder / "sample.root", sample_with_scores())
    jets = prepare(card(references=REFERENCES), [sample], folder / "jets")
    train_runs(the_runs(), folder / "jets", folder / "runs")
    evaluate_runs(the_runs(), jets.test, folder / "runs")
    return folder


def not_drawn(fig: Any, stem: Path, rows: Sequence[Any]) -> plots.Saved:
    """What `plots.save` leaves, without the time that rendering takes."""
    files = plots.Saved(*(stem.with_name(stem.name + kind) for kind in (".pdf", ".png", ".csv")))
    stem.parent.mkdir(parents=True, exist_ok=True)
    files.pdf.write_bytes(b"%PDF-1.4")
    files.png.write_bytes(b"\x89PNG\r\n\x1a\n")
    write_csv(files.csv, rows)
    return files


@pytest.fixture(scope="module")
def validated(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("validated") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save", not_drawn)
        options, figures = Validation(replicas=20), Figures(label="Simulation", lines=())
        runs = [finished / "runs" / name for name in NAMES]
        validate_runs(finished / "jets", runs, out, options=options, figures=figures)
    return out


def told(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = read_json(folder / "validation.json")
    return content


class TestWhatIsLeft:
    def test_parts_stand_in_their_order(self, validated: Path) -> None:
        assert [one.title for one in sections(validated, group="Single-b")] == [
            "How small can it be?",
            "Size and time",
            "ROC curves",
            "Working points",
            "Rejection against transverse momentum and pseudorapidity",
            "Calibration and confusion",
            "Fractions in the discriminant",
            "Trainings",
            "Sample and inputs",
        ]

    def test_every_file_that_is_told_is_there_and_no_other(self, validated: Path) -> None:
        shown = sections(validated)
        named = {path for one in shown for path in one.files}
        for figure in (figure for one in shown for figure in one.figures):
            assert figure.csv is not None
            named |= {figure.png, figure.csv, figure.png.with_suffix(".pdf")}
        assert named | {validated / "validation.json", validated / "trees.h5"} == set(
            validated.iterdir()
        )

    def test_numbers_of_figures_stand_beside_them(self, validated: Path) -> None:
        rows = read_csv(validated / "roc-c.csv")
        names = list(dict.fromkeys(row["name"] for row in rows))
        assert names == [
            *(f"16 nodes a layer, {how}" for how in ("dense", "50 % pruned", "89 % pruned")),
            *("GN", "DL", "boosted trees"),
        ]

    def test_the_page_holds_all_of_it(self, validated: Path) -> None:
        text = page(validated)
        assert "<h1>Validation: Single-b</h1>" in text
        assert "cuts-GN-b.tex" in text
        assert "GN is a tagger of the sample&#39;s authors" in text
        for name in NAMES:
            assert name in text

    def test_sizes_and_rejections_are_those_of_the_runs(
        self, validated: Path, finished: Path
    ) -> None:
        found = {one["name"]: one for one in told(validated)["numbers"]["networks"]}
        mine = [read_json(finished / "runs" / f"few-{seed}" / "metrics.json") for seed in (1, 2)]
        few = found["16 nodes a layer, 89 % pruned"]
        assert few["parameters"] == np.mean([one["parameters"] for one in mine])
        assert (few["nodes_left"], few["nodes"]) == (3, 28)
        curves = [one["discriminants"]["b"] for one in mine]
        place = curves[0]["asked_efficiency"].index(0.7)
        expected = np.mean([one["backgrounds"]["u"]["rejection"][place] for one in curves])
        assert few["rejections"]["u"]["mean"] == pytest.approx(expected)
        assert [one["batch"] for one in few["latency"]] == [1, held_out_jets(finished)]
        assert all(one["low"] <= one["median"] <= one["high"] for one in few["latency"])

    def test_the_dense_network_keeps_all_of_itself(self, validated: Path) -> None:
        found = told(validated)["numbers"]["networks"][0]
        for kept in (*found["of_best"], *found["of_own"]):
            assert (kept["ratio"], kept["statistical"], kept["spread"]) == (1, 0, 0)
        assert [kept["background"] for kept in found["of_best"]] == ["u", "c"]

    def test_the_answer_is_about_the_smaller_networks(self, validated: Path) -> None:
        content = told(validated)
        (best,) = content["numbers"]["answers"]
        assert best["about"] == "Single-b"
        assert best["reference"] == "16 nodes a layer, dense"
        assert best["looked_at"] == 2
        assert content["answers"][0].startswith("Single-b: ")

    def test_jets_without_a_score_are_counted(self, validated: Path, finished: Path) -> None:
        with h5py.File(finished / "jets" / "test.h5") as file:
            lost = np.isnan(file["jets"]["DL_pb"])
        said = told(validated)["notes"]
        assert said == [
            "lost is left out: no test jet has all of its scores.",
            "anti is left out: it has scores for c, u, and tagging b needs one for it and one for "
            "a background.",
            f"DL has no score for {lost.sum()} of {len(lost)} test jets "
            f"({100 * lost.mean():.2g} %); comparisons with other taggers are made on the jets "
            "that all have scored.",
            f"Comparisons of taggers use the {(~lost).sum()} of {len(lost)} test jets that all "
            "have scored; sizes and answers use all.",
            "DL has no score for tau, which its discriminant leaves out.",
        ]

    def test_taggers_are_compared_on_the_jets_that_all_have_scored(
        self, validated: Path, finished: Path
    ) -> None:
        table = read_tabulated(validated / "cuts-GN-b.yaml")
        jets = held_out(finished / "jets")
        with h5py.File(jets.path) as file:
            known = np.isfinite(file["jets"]["DL_pb"])
            p = np.stack([file["jets"][f"GN_p{name}"] for name in jets.task.classes], axis=1)
        assert sum(table.jets.values()) == known.sum()
        value = discriminant(p, jets.task, signal="b")
        signal, background = known & (jets.label == 0), known & (jets.label == 2)
        expected = rejection(value[signal], value[background], efficiency=0.7)
        point = table.points[2]
        assert (point.cut, point.efficiency) == (expected.threshold, expected.efficiency)
        assert point.rejections["u"].value == expected.value

    def test_a_tagger_without_a_class_has_a_discriminant_without_it(self, validated: Path) -> None:
        table = read_tabulated(validated / "cuts-DL-b.json")
        assert table.fractions == {"u": 0.79 / 0.99, "c": 0.2 / 0.99}
        assert set(table.points[0].rejections) == {"u", "c", "tau"}

    def test_the_run_to_take_has_the_lowest_validation_loss(
        self, validated: Path, finished: Path
    ) -> None:
        losses = {
            name: float(read_csv(finished / "runs" / name / "history.csv")[-1]["val_loss"])
            for name in ("half-1", "half-2")
        }
        best = min(losses, key=lambda name: losses[name])
        names = {one["run"] for one in told(validated)["numbers"]["working_points"]}
        assert names & set(losses) == {best}

    def test_the_sample_is_told(self, validated: Path, finished: Path) -> None:
        numbers = told(validated)["numbers"]
        jets = held_out(finished / "jets")
        of_b = next(
            one for one in numbers["content"] if (one["flavour"], one["split"]) == ("b", "test")
        )
        with h5py.File(jets.path) as file:
            weight = file["jets"]["mc_weight"][:][jets.label == 0].astype(float)
            lost = np.isnan(file["jets"]["sv_mass"][:][jets.label == 0])
        assert of_b["jets"] == len(weight)
        eta = [float(row["low"]) for row in read_csv(validated / "distribution-eta.csv")]
        assert min(eta) >= 0, "of |eta|, as the axis says"
        assert of_b["effective"] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
        assert list(numbers["missing"]) == ["sv_mass", "best"]
        assert numbers["missing"]["sv_mass"][0] == pytest.approx(lost.mean())

    def test_ours_open_with_the_ftag_tools_with_the_same_numbers(
        self, validated: Path, finished: Path
    ) -> None:
        """Scores as jets in an H5Reader; a class by its Cuts; the discriminant by its formula."""
        ftag = pytest.importorskip("ftag")
        from ftag.hdf5 import H5Reader

        table = read_tabulated(validated / "cuts-trees-b.csv")
        columns = ["label", *(f"trees_p{name}" for name in ("b", "c", "u", "tau"))]
        reader = H5Reader(validated / "trees.h5", shuffle=False)
        known = H5Reader(finished / "jets" / "test.h5", shuffle=False)
        jets = reader.load({"jets": columns})["jets"]
        scored = np.isfinite(known.load({"jets": ["DL_pb"]})["jets"]["DL_pb"])
        flavours = {name: ftag.Cuts.from_list([f"label == {i}"]) for i, name in enumerate("bcu")}
        parts = [table.fractions[name] * jets[f"trees_p{name}"] for name in table.fractions]
        value = np.log(jets["trees_pb"] / np.sum(parts, axis=0))
        for point in table.points:
            passed = value >= point.cut - 1e-9
            for name in ("c", "u"):
                mine = np.zeros(len(jets), bool)
                mine[flavours[name](jets).idx] = True
                share = passed[mine & scored].mean()
                assert point.rejections[name].value == pytest.approx(1 / share, rel=1e-6)

    def test_scores_of_a_run_are_jets_of_the_ftag_tools(self, finished: Path) -> None:
        """Their discriminant and their rejection are those of `metrics.json`."""
        ftag = pytest.importorskip("ftag")
        tools = pytest.importorskip("ftag.utils")
        from ftag.hdf5 import H5Reader

        folder = finished / "runs" / "dense-1"
        columns = ["label", *(f"dense-1_p{name}" for name in ("b", "c", "u", "tau"))]
        jets = H5Reader(folder / "scores.h5", shuffle=False).load({"jets": columns})["jets"]
        told = read_json(folder / "metrics.json")["discriminants"]["b"]
        value = tools.get_discriminant(
            jets,
            "dense-1",
            ftag.Flavours["bjets"],
            ftag.Flavours.by_category("single-btag"),
            {f"f{name}": part for name, part in told["fractions"].items()},
            epsilon=1e-30,
        )
        curve, index = told["backgrounds"]["c"], told["asked_efficiency"].index(0.7)
        share = (value >= curve["threshold"][index] - 1e-6)[jets["label"] == 1].mean()
        assert 1 / share == pytest.approx(curve["rejection"][index], rel=1e-6)

    def test_threads_are_as_before(self, finished: Path, tmp_path: Path) -> None:
        before = torch.get_num_threads()
        with pytest.raises(FtagPruneError):
            validate_runs(finished / "jets", [tmp_path], tmp_path / "out")
        assert torch.get_num_threads() == before


def held_out_jets(folder: Path) -> int:
    """Test jets, as many as a batch of a thousand has at most."""
    return min(1000, len(held_out(folder / "jets").label))


class TestStudy:
    def test_its_runs_its_label_and_its_style_are_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []
        monkeypatch.setattr(
            "ftag_prune.validation.validate.validate_runs",
            lambda jets, runs, out, **more: asked.append(
                (jets, runs, out, more["options"], more["figures"])
            ),
        )
        wanted = study(
            figures={"label": "Simulation", "lines": ["here"], "style": "slides"},
            validation={"seed": 3, "tolerance": 0.2},
        )
        validate_study(wanted, "single_b", tmp_path, tmp_path / "out")
        ((jets, runs, out, options, figures),) = asked
        assert (jets, out) == (tmp_path / "jets" / "single_b", tmp_path / "out")
        assert runs == [tmp_path / "runs" / run.name for run in wanted.runs()]
        assert (figures.label, figures.lines, figures.style) == ("Simulation", ("here",), "slides")
        assert (options.seed, options.tolerance) == (3, 0.2)

    def test_a_task_without_runs(self, tmp_path: Path) -> None:
        with pytest.raises(FtagPruneError, match="study 'test' has no run of the task 'hbb_cc'"):
            validate_study(study(), "hbb_cc", tmp_path, tmp_path / "out")


class TestTrees:
    def test_they_are_trained_once(self, validated: Path, finished: Path) -> None:
        from ftag_prune.validation.trees import trees

        jets = held_out(finished / "jets")
        before = (validated / "trees.h5").stat().st_mtime_ns
        first = trees(jets, validated / "trees.h5", seed=0)
        assert (validated / "trees.h5").stat().st_mtime_ns == before
        np.testing.assert_allclose(first.probability.sum(axis=1), 1)

    def test_the_same_seed_gives_the_same_trees(
        self, validated: Path, finished: Path, tmp_path: Path
    ) -> None:
        from ftag_prune.validation.trees import trees

        jets = held_out(finished / "jets")
        first, again = (
            trees(jets, folder / "trees.h5", seed=0) for folder in (validated, tmp_path)
        )
        np.testing.assert_array_equal(first.probability, again.probability)
        assert first.jets == again.jets

    def test_other_jets_need_other_trees(
        self, validated: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from ftag_prune.validation import trees as module

        jets = held_out(finished / "jets")
        shutil.copy(validated / "trees.h5", tmp_path / "trees.h5")
        other = jets._replace(about=jets.about._replace(fingerprint="0" * 64))
        monkeypatch.setitem(module.SETTINGS, "max_iter", 2)
        found = module.trees(other, tmp_path / "trees.h5", seed=0)
        with h5py.File(validated / "trees.h5") as file:
            assert not np.allclose(found.probability[:, 0], file["jets"]["trees_pb"])


class TestRefused:
    def copy(self, finished: Path, tmp_path: Path, name: str = "half-1") -> Path:
        return Path(shutil.copytree(finished / "runs" / name, tmp_path / name))

    @pytest.mark.parametrize(
        ("name", "verb"),
        [("run.json", "train"), ("model.pt", "train"), ("scores.h5", "evaluate")],
    )
    def test_a_run_that_is_not_finished(
        self, finished: Path, tmp_path: Path, name: str, verb: str
    ) -> None:
        run = self.copy(finished, tmp_path)
        (run / name).unlink()
        said = rf"half-1: wanted the folder of a finished run, found no {name}; ftag-prune {verb}"
        with pytest.raises(FtagPruneError, match=said):
            read_run(run, held_out(finished / "jets"))

    def test_a_model_that_is_another(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        shutil.copy(finished / "runs" / "few-1" / "model.pt", run / "model.pt")
        with pytest.raises(FtagPruneError, match=r"model\.pt is not the one that run\.json"):
            read_run(run, held_out(finished / "jets"))

    def test_a_run_of_another_task(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        write_json(run / "spec.json", {**read_json(run / "spec.json"), "task": "hbb_cc"})
        with pytest.raises(FtagPruneError, match=r"is a run of the task 'hbb_cc', .*'single_b'"):
            read_run(run, held_out(finished / "jets"))

    def test_a_run_of_other_jets(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        write_json(run / "run.json", {**read_json(run / "run.json"), "jets": "0123456789"})
        said = r"was trained on jets of the preparation 01234567, .*test\.h5 is of [0-9a-f]{8}"
        with pytest.raises(FtagPruneError, match=said):
            read_run(run, held_out(finished / "jets"))

    def test_scores_of_other_jets(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        with h5py.File(run / "scores.h5", "r+") as file:
            table = file["jets"][:]
            table["event"] += 1
            file["jets"][:] = table
        with pytest.raises(FtagPruneError, match=r"scores\.h5: holds other jets than"):
            validate_runs(finished / "jets", [run], tmp_path / "out")

    def test_scores_that_are_none(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        with h5py.File(run / "scores.h5", "r+") as file:
            table = file["jets"][:]
            table["half-1_pb"][:3] = np.nan
            file["jets"][:] = table
        with pytest.raises(FtagPruneError, match=r"scores\.h5: 3 of \d+ jets have a score that is"):
            validate_runs(finished / "jets", [run], tmp_path / "out")

    def test_a_file_without_scores(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        (run / "scores.h5").write_text("nothing")
        with pytest.raises(FtagPruneError, match=r"scores\.h5: no scores of a run"):
            validate_runs(finished / "jets", [run], tmp_path / "out")

    def test_scores_under_another_name(self, finished: Path, tmp_path: Path) -> None:
        run = self.copy(finished, tmp_path)
        shutil.copy(finished / "runs" / "half-2" / "scores.h5", run / "scores.h5")
        with pytest.raises(FtagPruneError, match=r"has no scores 'half-1_pb'; evaluate the run"):
            validate_runs(finished / "jets", [run], tmp_path / "out")

    def test_a_run_that_is_given_twice(self, finished: Path, tmp_path: Path) -> None:
        jets = held_out(finished / "jets")
        both = [read_run(finished / "runs" / "half-1", jets)]
        both.append(read_run(self.copy(finished, tmp_path), jets))
        with pytest.raises(FtagPruneError, match="run 'half-1' is given twice"):
            group_runs(both)

    def test_no_runs(self, finished: Path, tmp_path: Path) -> None:
        with pytest.raises(FtagPruneError, match="no runs to validate"):
            validate_runs(finished / "jets", [], tmp_path / "out")

    def test_jets_that_are_none(self, finished: Path, tmp_path: Path) -> None:
        with pytest.raises(SampleError, match=r"test\.h5"):
            validate_runs(tmp_path, [finished / "runs" / "half-1"], tmp_path / "out")

    def test_a_class_without_test_jets(self, finished: Path, tmp_path: Path) -> None:
        jets = Path(shutil.copytree(finished / "jets", tmp_path / "jets"))
        with h5py.File(jets / "test.h5", "r+") as file:
            table = file["jets"][:]
            table["label"][table["label"] == 3] = 0
            file["jets"][:] = table
        said = r"test\.h5: has no jet of the class 'tau'; wanted some of each of b, c, u, tau"
        with pytest.raises(SampleError, match=said):
            held_out(jets)

    def test_a_reference_that_the_card_does_not_name(self, finished: Path) -> None:
        jets = held_out(finished / "jets")
        said = r"no scores of the tagger 'GM', the card does not name it; nearest: 'GN'"
        with pytest.raises(SampleError, match=said):
            references(jets, ["GM"])
        with pytest.raises(SampleError, match=r"'GN', the card names none$"):
            references(jets._replace(references={}), ["GN"])

    def test_a_reference_that_the_file_does_not_have(self, finished: Path, tmp_path: Path) -> None:
        jets = held_out(finished / "jets")
        more = jets._replace(references={"GN3": ("b", "u")})
        said = r"the card names the tagger 'GN3', but there is no column 'GN3_pb'; prepare"
        with pytest.raises(SampleError, match=said):
            references(more)

    def test_only_wanted_references_are_read(self, finished: Path) -> None:
        found = references(held_out(finished / "jets"), ["GN"])
        assert [one.name for one in found.usable] == ["GN"]
        assert found.notes == ()

    def test_scores_of_one_class_alone_are_missing(self, finished: Path, tmp_path: Path) -> None:
        jets = Path(shutil.copytree(finished / "jets", tmp_path / "jets"))
        with h5py.File(jets / "test.h5", "r+") as file:
            table = file["jets"][:]
            table["GN_pb"][table["label"] == 1] = -1  # as some experiments say "none"
            file["jets"][:] = table
        found = references(held_out(jets), ["GN"])
        assert found.usable == ()
        assert found.notes == ("GN is left out: no test jet of the class c has all of its scores.",)

    def test_a_folder_that_no_validation_left(self, tmp_path: Path) -> None:
        with pytest.raises(FtagPruneError, match=r"validation\.json: no such file"):
            sections(tmp_path)
        (tmp_path / "validation.json").write_text("{}")
        with pytest.raises(FtagPruneError, match="not what a validation leaves, has no 'task'"):
            sections(tmp_path)


class TestRuns:
    def test_titles_are_short_and_differ(self, finished: Path) -> None:
        jets = held_out(finished / "jets")
        groups = group_runs([read_run(finished / "runs" / name, jets) for name in NAMES])
        assert list(titles(groups).values()) == [
            f"16 nodes a layer, {how}" for how in ("dense", "50 % pruned", "89 % pruned")
        ]
        assert [len(group.members) for group in groups] == [2, 2, 2]

    def test_the_loss_is_that_of_the_weights_that_were_kept(
        self, finished: Path, tmp_path: Path
    ) -> None:
        jets = held_out(finished / "jets")
        run = Path(shutil.copytree(finished / "runs" / "half-1", tmp_path / "half-1"))
        told_of, spec = read_json(run / "run.json"), read_json(run / "spec.json")
        losses = {"best": 0.25, "last": 0.5}
        for keep, expected in (("best", 0.25), ("last", 0.5)):
            write_json(run / "run.json", {**told_of, "val_loss": losses})
            training = {**spec["training"], "keep": keep}
            write_json(run / "spec.json", {**spec, "training": training})
            assert read_run(run, jets).validation_loss == expected
        write_json(run / "run.json", {k: v for k, v in told_of.items() if k != "val_loss"})
        last = float(read_csv(run / "history.csv")[-1]["val_loss"])
        assert read_run(run, jets).validation_loss == last

    def test_without_a_dense_network_nothing_says_what_pruning_costs(
        self, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plots, "save", not_drawn)
        runs = [finished / "runs" / name for name in ("half-1", "few-1")]
        options = Validation(replicas=20, trees=False, latency=False, references=())
        validate_runs(finished / "jets", runs, tmp_path, options=options)
        content = told(tmp_path)
        assert content["answers"] == [
            "Single-b: no dense network is among the runs, so that nothing says what pruning costs."
        ]
        assert content["numbers"]["networks"][0]["of_best"] == []
        assert json.dumps(content)
        assert math.isfinite(content["numbers"]["networks"][0]["rejections"]["u"]["mean"])
