"""What is told of a sample: every jet in one place, spectra of unit area, files that were lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from ftag_prune import plots
from ftag_prune.cli import app
from ftag_prune.errors import SampleError
from ftag_prune.sample import captions, draw, flow_rows, read_sample
from ftag_prune.schema import LAYOUT

CLASSES = ("b", "c", "u")
COUNTS = {
    "read": 100,
    "rejected": {
        "pt": {"b": 1, "c": 2, "u": 3, "none": 4},
        "eta": {"b": 0, "c": 0, "u": 5, "none": 0},
    },
    "unlabelled": 7,
    "kept": {
        "train": {"b": 10, "c": 11, "u": 12},
        "val": {"b": 3, "c": 4, "u": 5},
        "test": {"b": 9, "c": 11, "u": 13},
    },
}
SKIPPED = {"broken.root": "no tree 'jets'"}


def spectra(how: str = "weights") -> dict[str, Any]:
    """Two columns; the classes differ before and agree after."""
    columns = {}
    for column, edges in (("pt", np.geomspace(20, 500, 9)), ("eta", np.linspace(0, 2.5, 9))):
        shape = 100 / np.arange(1, 9)
        before = {
            name: {"sum": (shape**power).tolist(), "sum2": shape.tolist()}
            for name, power in zip(CLASSES, (1, 1.5, 2))
        }
        after = {name: {"sum": shape.tolist(), "sum2": shape.tolist()} for name in CLASSES}
        columns[column] = {"edges": edges.tolist(), "before": before, "after": after}
    return {"how": how, "columns": columns}


def leave_prepared(path: Path, **changes: Any) -> Path:
    """A prepared file with little but its attributes; a change to None removes one."""
    attributes: dict[str, Any] = {
        "layout": LAYOUT,
        "task": "single_b",
        "fingerprint": "f",
        "mean": np.zeros(1),
        "std": np.ones(1),
        "classes": CLASSES,
        "inputs": ["pt"],
        "counts": COUNTS,
        "units": {"pt": "GeV"},
        "sources": [{"path": "a.root", "size": 1}, {"path": "b.root", "size": 2}],
        "skipped": SKIPPED,
        "spectra": spectra(),
        "card": {"title": "a fine sample", "select": {"pt": "pt > 20", "eta": "abs(eta) < 2.5"}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("jets", data=np.zeros(3, [("pt", "f4")]))
        for name, value in (attributes | changes).items():
            if value is not None:
                plain = isinstance(value, int | str | np.ndarray)
                file.attrs[name] = value if plain else json.dumps(value)
    return path


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    return leave_prepared(tmp_path / "jets" / "train.h5")


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


class TestFlow:
    def test_every_row_adds_up_and_so_do_all(self, prepared: Path) -> None:
        rows = flow_rows(read_sample(prepared))
        assert [list(row.values()) for row in rows] == [
            ["b", 23, 1, 0, 0, 10, 3, 9],
            ["c", 28, 2, 0, 0, 11, 4, 11],
            ["u", 38, 3, 5, 0, 12, 5, 13],
            ["none", 11, 4, 0, 7, 0, 0, 0],
            ["all", 100, 10, 5, 7, 33, 12, 33],
        ]
        assert list(rows[0]) == [
            *("class", "read", "rejected by pt", "rejected by eta", "of no class"),
            *("train", "val", "test"),
        ]

    @pytest.mark.parametrize("read", [99, 101])
    def test_lost_jets_are_refused(self, tmp_path: Path, read: int) -> None:
        path = leave_prepared(tmp_path / "train.h5", counts=COUNTS | {"read": read})
        with pytest.raises(SampleError, match=f"{read} jets were read, but 100 were kept"):
            read_sample(path)

    def test_a_class_that_no_count_names_is_refused(self, tmp_path: Path) -> None:
        """Its jets would stand in no row."""
        path = leave_prepared(tmp_path / "train.h5", classes=("b", "c"), spectra=spectra())
        with pytest.raises(SampleError, match="100 jets were read, but 62 were kept"):
            read_sample(path)


class TestSpectra:
    def test_area_is_one_and_errors_come_from_squares(self, tmp_path: Path) -> None:
        sums = {"sum": [1, 3], "sum2": [4, 9]}
        column = {"edges": [0, 1, 3], "before": {"b": sums}, "after": {"b": sums}}
        path = leave_prepared(
            tmp_path / "train.h5",
            classes=["b"],
            counts={"read": 0, "rejected": {}, "unlabelled": 0, "kept": {}},
            spectra={"how": "none", "columns": {"eta": column}},
        )
        (one,) = read_sample(path).spectra["eta"]
        np.testing.assert_allclose(one.before, [1 / 4, 3 / 8])
        np.testing.assert_allclose(one.before_error, [2 / 4, 3 / 8])
        assert (one.low.tolist(), one.high.tolist()) == ([0, 1], [1, 3])

    def test_a_class_without_weight_has_no_shape(self, tmp_path: Path) -> None:
        told = spectra()
        told["columns"]["pt"]["after"]["c"] = {"sum": [0.0] * 8, "sum2": [0.0] * 8}
        sample = read_sample(leave_prepared(tmp_path / "train.h5", spectra=told))
        assert np.isnan(sample.spectra["pt"][1].after).all()
        assert draw(sample, tmp_path / "out")


class TestDraw:
    def test_figures_stand_beside_their_numbers(self, prepared: Path, tmp_path: Path) -> None:
        sample, out = read_sample(prepared), tmp_path / "out"
        draw(sample, out)
        assert set(captions(sample)) == {"spectra-pt", "spectra-eta"}
        figures = {f"{name}.{kind}" for name in captions(sample) for kind in ("pdf", "png", "csv")}
        assert {path.name for path in out.iterdir()} == figures | {"cutflow.csv", "files.csv"}
        rows = rows_of(out / "spectra-pt.csv")
        assert len(rows) == 3 * 8
        area = sum(
            float(row["before"]) * (float(row["high"]) - float(row["low"]))
            for row in rows
            if row["flavour"] == "c"
        )
        assert area == pytest.approx(1)

    def test_tables_tell_of_jets_and_files(self, prepared: Path, tmp_path: Path) -> None:
        draw(read_sample(prepared), tmp_path)
        assert rows_of(tmp_path / "cutflow.csv")[-1]["read"] == "100"
        assert rows_of(tmp_path / "files.csv") == [
            {"path": "a.root", "skipped because": ""},
            {"path": "b.root", "skipped because": ""},
            {"path": "broken.root", "skipped because": "no tree 'jets'"},
        ]

    @pytest.mark.parametrize("skipped", [SKIPPED, {}])
    def test_skipped_files_have_a_reason(self, tmp_path: Path, skipped: Any) -> None:
        sample = read_sample(leave_prepared(tmp_path / "train.h5", skipped=skipped))
        assert sample.skipped == ((("broken.root", "no tree 'jets'"),) if skipped else ())

    @pytest.mark.parametrize(
        ("how", "title", "caption"),
        [
            ("none", "not balanced", "as they are"),
            ("weights", "training weights", "weights of the training"),
            ("resample", "resampled", "resampled"),
        ],
    )
    def test_it_is_said_how_the_classes_were_balanced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, title: str, caption: str
    ) -> None:
        said = []
        original = plots.before_and_after

        def listen(panels: Any, drawn: Any, **options: Any) -> Any:
            said.append(options)
            return original(panels, drawn, **options)

        monkeypatch.setattr(plots, "before_and_after", listen)
        sample = read_sample(leave_prepared(tmp_path / "train.h5", spectra=spectra(how)))
        draw(sample, tmp_path / "out")
        assert [(one["column"], one["unit"]) for one in said] == [("pt", "GeV"), ("eta", "")]
        assert title in said[0]["titles"][1]
        assert caption in captions(sample)["spectra-pt"]


@pytest.mark.parametrize("name", ["spectra", "skipped", "card"])
def test_an_old_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = leave_prepared(tmp_path / "train.h5", **{name: None})
    with pytest.raises(SampleError, match=rf"train\.h5: has no attribute '{name}', .*prepare it"):
        read_sample(path)


class TestVerb:
    @staticmethod
    def label_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, list[str]]:
        said = []
        monkeypatch.setattr(
            plots, "atlas_label", lambda ax, text, *, lines, above: said.append((text, lines))
        )
        told = CliRunner().invoke(app, ["sample", *arguments], catch_exceptions=False)
        assert told.exit_code == 0
        return said[0]

    def test_label_and_lines_are_what_is_asked(
        self, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = ["--label", "Simulation", "--line", "one", "--line", "two"]
        folders = [str(prepared.parent), str(tmp_path / "out")]
        label, lines = self.label_of(monkeypatch, *folders, *options)
        assert (label, lines) == (
            "Simulation",
            ["one", "two", "single-b tagging, training jets"],
        )
        assert (tmp_path / "out" / "spectra-eta.pdf").exists()

    def test_without_a_label_the_sample_s_title_stands_there(
        self, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        label, lines = self.label_of(monkeypatch, str(prepared.parent), str(tmp_path / "out"))
        assert (label, lines) == ("a fine sample", ["single-b tagging, training jets"])

    def test_it_explains_itself(self) -> None:
        assert "cutflow.csv" in CliRunner().invoke(app, ["sample", "--help"]).output
