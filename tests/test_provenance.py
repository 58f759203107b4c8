"""Where results come from, and whether they still belong together: on a small study, end to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import pytest
import yaml
from small_samples import content, small, write_root
from typer.testing import CliRunner

from ftag_prune import __version__
from ftag_prune.archive import archive as pack
from ftag_prune.archive import unpack
from ftag_prune.cli import app
from ftag_prune.errors import FtagPruneError
from ftag_prune.firmware import FirmwareReport
from ftag_prune.provenance import origin_of, recorded, verify
from ftag_prune.provenance.circumstances import git_state
from ftag_prune.record import checksum, read_json, write_json

RUN = "single_b-w5-k4-budget-s1"


def call(*arguments):
    """A verb; returns exit code and what it printed."""
    told = CliRunner().invoke(app, [str(one) for one in arguments])
    if told.exception is not None and not isinstance(told.exception, SystemExit):
        raise told.exception
    return told.exit_code, told.output


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Everything that the verbs of a study leave, but figures and the report."""
    folder = tmp_path_factory.mktemp("made")
    results = folder / "results/mini"
    card = content(files=["jets.root"])
    write_root(folder / "jets.root", small(900))
    (folder / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    study = {
        "study": "mini",
        "samples": {"single_b": {"card": str(folder / "card.yaml")}},
        "grid": {"tasks": ["single_b"], "widths": [5], "depth": 2, "targets": [0], "keep": [4]},
        "training": {"epochs": {"dense": 1, "gated": 1, "tuned": 1}, "batch_size": 100},
    }
    study["grid"]["seeds"], study["validation"] = [1], None
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    from ftag_prune.cli.given import study_of

    chosen = study_of(folder / "study.yaml")
    write_json(results / "study.json", chosen.model_dump(mode="json"))
    (chunk,) = chosen.chunks()
    write_json(results / "chunks/a.json", chunk.model_dump(mode="json"))
    call("prepare", folder / "card.yaml", results / "jets/single_b")
    chunks = results / "chunks"
    jets, runs = results / "jets/single_b", results / "runs"
    call("train", chunks / "a.json", jets, runs, chunks / "a.trained.json")
    call("evaluate", chunks / "a.json", jets / "test.h5", runs, chunks / "a.evaluated.json")
    table = results / "tables/single_b.csv"
    call("summary", results / "study.json", runs, table, "--task", "single_b")
    call("sample", jets, results / "samples/single_b")
    call("export", runs / RUN, results / "model.onnx")
    return results


@pytest.fixture
def results(made, tmp_path):
    """A copy to spoil, somewhere else: results may be moved."""
    shutil.copytree(made.parents[1], tmp_path / "moved")
    return tmp_path / "moved/results/mini"


# -- where a result comes from --------------------------------------------------------------------


def test_a_model_tells_its_spec_jets_seed_versions_host_and_times(made):
    told = origin_of(made / "runs" / RUN / "model.pt")
    assert told["spec"]["name"] == told["run"] == RUN
    assert told["seeds"] == [1]
    assert told["provenance"]["versions"]["ftag_prune"] == __version__
    here = told["circumstances"]
    assert here["host"] == os.uname().nodename
    assert here["began"] <= here["ended"]
    assert here["git"] is None or len(here["git"]["commit"]) == 40
    (source,) = told["jets"]["sources"]
    assert source["checksum"] == checksum(made.parents[1] / "jets.root")
    assert told["jets"]["card"]["name"] == "small"
    assert told["as_made"] is True
    for name in ("run.json", "metrics.json", "history.csv", "scores.h5", "spec.json"):
        assert origin_of(made / "runs" / RUN / name)["spec"]["name"] == RUN
    assert origin_of(made / "runs" / RUN)["run"] == RUN


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("tables/single_b.csv", {"study.json", "metrics.json", "scores.h5"}),
        ("samples/single_b/cutflow.csv", {"train.h5"}),
        ("samples/single_b", {"train.h5"}),
        ("jets/single_b/val.h5", {"card.yaml"}),
        ("model.onnx", {"model.pt", "run.json"}),
    ],
)
def test_a_result_tells_what_it_was_made_from(made, name, inputs):
    told = origin_of(made / name)
    assert {Path(one["path"]).name for one in told["made_from"]} == inputs
    assert all(len(one["sha256"]) == 64 for one in told["made_from"])
    assert told["circumstances"]["ended"]
    if (made / name).is_file():
        assert told["as_made"] is True


def test_an_onnx_file_tells_its_spec_without_being_run(made):
    assert origin_of(made / "model.onnx")["spec"]["name"] == RUN


def test_scores_and_metrics_name_their_model_and_jets(made):
    scores, run = origin_of(made / "runs" / RUN / "scores.h5"), made / "runs" / RUN
    assert scores["model"] == checksum(run / "model.pt") == read_json(run / "metrics.json")["model"]
    assert read_json(run / "metrics.json")["jets"] == read_json(run / "run.json")["jets"]


def test_what_is_the_same_to_the_bit_holds_no_host_and_no_time(made):
    """Made again elsewhere and later, these files have to be equal."""
    same = ["tables/single_b.csv", "samples/single_b/cutflow.csv", "model.onnx", "model.json"]
    same += [f"jets/single_b/{split}.h5" for split in ("train", "val", "test")]
    for run in (made / "runs").iterdir():
        same += [f"runs/{run.name}/{name}" for name in ("metrics.json", "model.pt", "scores.h5")]
    began = read_json(made / "runs" / RUN / "run.json")["circumstances"]["began"]
    for name in same:
        content = (made / name).read_bytes()
        assert b"circumstances" not in content, name
        assert began[:13].encode() not in content, name


def test_the_verb_prints_json(made):
    code, said = call("provenance", made / "tables/single_b.csv")
    assert code == 0
    assert json.loads(said)["seeds"] == [1]


def test_a_changed_result_says_so(results):
    path = results / "tables/single_b.csv"
    path.write_text(path.read_text() + "\n")
    assert origin_of(path)["as_made"] is False


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("no.csv", None, "no such file"),
        ("a.csv", "x", "does not say where it comes from"),
        ("a.json", "{}", "does not say where it comes from"),
        ("a.onnx", "no model", "cannot be read as ONNX"),
        ("a.h5", "no hdf5", "cannot be read as HDF5"),
        ("provenance.json", "[]", "wanted a mapping, found list"),
        ("provenance.json", '{"files": [3]}', "files"),
    ],
)
def test_other_files_are_one_sentence(tmp_path, name, text, sentence):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(FtagPruneError, match=sentence):
        origin_of(tmp_path / name)


def test_huge_and_remote_inputs_are_known_by_size_time_and_place(tmp_path):
    huge = tmp_path / "huge.root"
    with huge.open("wb") as file:
        file.truncate(2_000_000_001)
    with recorded(tmp_path / "out.csv", [huge, "root://server//a.root", tmp_path / "no"]):
        (tmp_path / "out.csv").write_text("1")
    known, remote = read_json(tmp_path / "out.provenance.json")["made_from"]
    assert known == {
        "path": "huge.root",
        "size": 2_000_000_001,
        "modified": huge.stat().st_mtime_ns,
    }
    assert remote == {"path": "root://server//a.root"}


def test_nothing_is_written_beside_a_result_that_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), recorded(tmp_path / "out.csv"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_inputs_are_those_before_the_work(tmp_path):
    (tmp_path / "in").write_text("before")
    known = checksum(tmp_path / "in")
    with recorded(tmp_path / "out.csv", [tmp_path / "in"]):
        (tmp_path / "in").write_text("after")
        (tmp_path / "out.csv").write_text("1")
    assert read_json(tmp_path / "out.provenance.json")["made_from"][0]["sha256"] == known


def test_the_state_of_the_code(tmp_path):
    def git(*asked):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = [shutil.which("git"), "-C", str(tmp_path), *who, *asked]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def state():
        git_state.cache_clear()
        return git_state(tmp_path)

    assert state() is None
    git("init", "-q")
    (tmp_path / "a.py").write_text("a")
    assert state() is None, "a folder that the repository does not track"
    git("add", "a.py")
    git("commit", "-q", "-m", "a")
    head = git("rev-parse", "HEAD")
    assert state() == {"commit": head, "dirty": False}
    (tmp_path / "a.py").write_text("b")
    assert state() == {"commit": head, "dirty": True}
    git_state.cache_clear()


# -- what belongs together ------------------------------------------------------------------------


def test_whole_results_are_whole_also_when_moved(made, results):
    assert verify(made).wrong == verify(made).absent == ()
    assert verify(results).wrong == verify(results).absent == ()
    assert verify(results).checked >= 20
    code, said = call("verify", results)
    assert code == 0
    assert "0 faults" in said


def swap_models(results):
    one, other = sorted((results / "runs").iterdir())
    shutil.copy(one / "model.pt", other / "model.pt")


def swap_scores(results):
    one, other = sorted((results / "runs").iterdir())
    shutil.copy(one / "scores.h5", other / "scores.h5")


def other_jets(results):
    """Prepared again with another split."""
    root = results.parents[1]
    card, jets = root / "card.yaml", results / "jets/single_b"
    call("prepare", card, jets, "--split", "5", "2", "3")


def change_metrics(results):
    path = results / "runs" / RUN / "metrics.json"
    write_json(path, {**read_json(path), "pruned": 0.123})


def metrics_of_another(results):
    path = results / "runs" / RUN / "metrics.json"
    write_json(path, {**read_json(path), "model": "0" * 64})


def lose_numbers(results):
    (results / "samples/single_b/spectra-pt.csv").unlink()


def change_table(results):
    path = results / "tables/single_b.csv"
    path.write_text(path.read_text().replace("1", "2"))


def old_table(results):
    (results / "tables/single_b.provenance.json").unlink()
    os.utime(results / "tables/single_b.csv", (1, 1))


def lose_model(results):
    (results / "runs" / RUN / "model.pt").unlink()


def rename_run(results):
    (results / "runs" / RUN).rename(results / "runs" / "other")


def change_onnx(results):
    path = results / "model.onnx"
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("spoil", "sentences"),
    [
        (
            swap_models,
            [
                "runs/single_b-w5-k4-budget-s1|runs/single_b-w5-dense-s1",
                "model.pt is not the model that run.json tells of",
                "model.pt is not the one that trained it left",
            ],
        ),
        (
            swap_scores,
            [
                "scores.h5 holds scores of another model",
                "tables/single_b.csv: was made from another runs/",
            ],
        ),
        (
            other_jets,
            [
                f"runs/{RUN}: was trained on other jets than those in jets/single_b",
                "samples/single_b: was made from another jets/single_b/train.h5 than the one there",
            ],
        ),
        (
            change_metrics,
            [
                f"tables/single_b.csv: was made from another runs/{RUN}/metrics.json than the one",
                f"runs/{RUN}: metrics.json is not the one that evaluated it left",
            ],
        ),
        (metrics_of_another, [f"runs/{RUN}: metrics.json was measured with another model"]),
        (lose_numbers, ["samples/single_b/spectra-pt.pdf: has no spectra-pt.csv"]),
        (change_table, ["tables/single_b.csv: has changed since it was made"]),
        (old_table, ["tables/single_b.csv: is older than metrics of its runs"]),
        (lose_model, [f"runs/{RUN}: its model.pt is lost"]),
        (
            rename_run,
            [
                f"runs/other: run.json is of the run '{RUN}'",
                "runs/other: is no run of study.json",
            ],
        ),
        (change_onnx, ["model.onnx: has changed since it was made"]),
    ],
)
def test_what_no_longer_belongs_together_is_said(results, spoil, sentences):
    spoil(results)
    said = "\n".join(verify(results).wrong)
    for sentence in sentences:
        assert any(one in said for one in sentence.split("|")), said
    code, printed = call("verify", results)
    assert code == 1
    assert said in printed


def test_an_archive_is_whole_but_says_what_is_not_in_it(results, tmp_path):
    assert call("archive", results, tmp_path / "mini.zip")[0] == 0
    assert call("unpack", tmp_path / "mini.zip", tmp_path / "again")[0] == 0
    found = verify(tmp_path / "again")
    assert found.wrong == ()
    assert "jets/single_b: is not there; what was trained on it is not compared" in found.absent
    assert origin_of(tmp_path / "again/runs" / RUN / "model.pt")["as_made"] is True
    swap_models(tmp_path / "again")
    assert verify(tmp_path / "again").wrong


def test_other_folders_are_one_sentence(tmp_path):
    with pytest.raises(FtagPruneError, match="wanted the results of a study"):
        verify(tmp_path)


def test_a_project_of_firmware_tells_its_model_and_what_was_asked(results, monkeypatch):
    """Its own tests make a real one; here it is a file, for it needs a compiler."""

    def project(_model, out, *, jets, precision, reuse, part):
        (out / "firmware").mkdir(parents=True)
        (out / "firmware/tagger.cpp").write_text(f"{part} {jets}")
        return FirmwareReport(out, precision, (reuse,), 1, True, 0.0, 0.0, 1.0, 0.0)

    monkeypatch.setattr("ftag_prune.firmware.to_firmware", project)
    jets, run, out = results / "jets/single_b/test.h5", results / "runs" / RUN, results / "firmware"
    code, text = call("firmware", run, out, "--jets", jets, "--reuse", "4", "--part", "mine")
    assert code == 0, text
    told = origin_of(out)
    assert told["spec"] == {"precision": "ap_fixed<16,6>", "reuse": 4, "part": "mine"}
    assert {Path(one["path"]).name for one in told["made_from"]} == {
        *("model.pt", "run.json", "test.h5"),
    }
    assert [one["path"] for one in told["files"]] == ["firmware/tagger.cpp"]
    assert verify(results).wrong == ()
    pack(results, results.with_suffix(".zip"))
    unpack(results.with_suffix(".zip"), results.with_name("elsewhere"))
    assert verify(results.with_name("elsewhere")).wrong == ()
    (out / "firmware/tagger.cpp").write_text("another")
    assert verify(results).wrong == ("firmware/firmware/tagger.cpp: has changed since it was made",)


@pytest.mark.filterwarnings("ignore:Data has no positive values")  # of so few jets
def test_a_folder_that_moved_goes_on_and_tells_the_same(made, tmp_path):
    shutil.copytree(made.parents[1], tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    moved = tmp_path / "new/results/mini"
    assert verify(moved) == verify(made)
    told, there = origin_of(moved / "runs" / RUN / "model.pt"), moved / "jets/single_b"
    assert told["as_made"] is True
    assert told["jets"]["fingerprint"] == read_json(moved / "runs" / RUN / "run.json")["jets"]
    chunk, runs, chunks = moved / "chunks/a.json", moved / "runs", moved / "chunks"
    before = [read_json(chunks / f"a.{kind}.json") for kind in ("trained", "evaluated")]
    code, text = call("train", chunk, there, runs, chunks / "a.trained.json")
    assert code == 0
    assert "done before" in text
    call("evaluate", chunk, there / "test.h5", runs, chunks / "a.evaluated.json")
    assert before == [read_json(chunks / f"a.{kind}.json") for kind in ("trained", "evaluated")]
    table, page = moved / "tables/single_b.csv", moved / "report.html"
    call("summary", moved / "study.json", runs, table, "--task", "single_b")
    assert table.read_bytes() == (made / "tables/single_b.csv").read_bytes()
    figures = moved / "figures/single_b"
    call("figures", moved / "study.json", runs, table, figures, "--task", "single_b")
    code, text = call("report", moved / "study.json", moved, page)
    assert code == 0, text
    assert str(tmp_path / "old") not in page.read_text()
    assert verify(moved).wrong == ()


# -- from anybody ----------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", ["[" * 100_000, "[" * 300 + "]" * 300])
@pytest.mark.parametrize(
    "name",
    [f"runs/{RUN}/run.json", f"runs/{RUN}/spec.json", "study.json", "provenance.json"],
)
def test_what_is_nested_without_end_is_one_sentence(results, name, deep):
    (results / name).write_text('{"spec": ' + deep + "}")
    with pytest.raises(FtagPruneError, match=rf"{name}: not JSON \(nested more than 50 times\)"):
        verify(results)
    if name != "study.json":
        with pytest.raises(FtagPruneError, match=rf"{name}: not JSON"):
            origin_of(results / name)


def test_an_attribute_that_is_nested_without_end_is_a_text(results):
    with h5py.File(results / "jets/single_b/test.h5", "a") as file:
        file.attrs["more"] = "[" * 300 + "]" * 300
    assert origin_of(results / "jets/single_b/test.h5")["more"] == "[" * 300 + "]" * 300
