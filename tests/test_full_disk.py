"""A disk without room, a quota, a folder that is read-only: one sentence, nothing half-written."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_train import a_run, described, prepared  # noqa: F401

from ftag_prune import plots, record, report
from ftag_prune.archive import archive, unpack
from ftag_prune.errors import FtagPruneError
from ftag_prune.evaluate import _write_scores
from ftag_prune.flavours import TASKS
from ftag_prune.generate.accepted import Accepted
from ftag_prune.generate.write import write
from ftag_prune.record import atomic, read_json, write_csv, write_json
from ftag_prune.train import train_runs
from ftag_prune.train.checkpoints import save
from ftag_prune.train.state import start

MOUNT, UNMOUNT = shutil.which("mount"), shutil.which("umount")


def mounted(folder, options):
    """Whether a small file system in memory could be mounted there."""
    if MOUNT is None or UNMOUNT is None or os.geteuid() != 0:
        return False
    command = [MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def tight(tmp_path, monkeypatch):
    """A folder with room for 64 kB; where none can be mounted, one where nothing can be written."""
    folder = tmp_path / "tight"
    folder.mkdir()
    real = mounted(folder, "size=64k")
    if not real:
        monkeypatch.setattr("os.fsync", failing(errno.ENOSPC))
    yield folder
    if real:
        subprocess.run([UNMOUNT, "-l", str(folder)], check=True)


@pytest.fixture
def small_disk(tight):
    """The same, only where it is real."""
    if not tight.is_mount():
        pytest.skip("no small file system can be mounted here")
    return tight


def failing(number):
    def fail(*_given, **_named):
        raise OSError(number, os.strerror(number))

    return fail


def is_full():
    return pytest.raises(FtagPruneError, match=r"not written, no space left on device; .* goes on")


def empty(folder):
    return not [path for path in folder.rglob("*") if path.is_file()]


def test_tables_and_json(tight):
    rows = [{"x": number, "y": "z" * 50} for number in range(5000)]
    with is_full():
        write_csv(tight / "a.csv", rows)
    with is_full():
        write_json(tight / "a.json", rows)
    assert empty(tight)


def test_what_stood_there_before_still_does(tmp_path, monkeypatch):
    write_json(tmp_path / "a.json", 1)
    monkeypatch.setattr("os.fsync", failing(errno.EDQUOT))
    with pytest.raises(FtagPruneError, match=r"a.json: not written, disk quota exceeded; what st"):
        write_json(tmp_path / "a.json", 2)
    assert read_json(tmp_path / "a.json") == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_checkpoint(tight):
    state = start(
        a_run(network=a_run().network.model_copy(update={"hidden": (199, 99)})), described()
    )
    with is_full():
        save(tight / "checkpoint.pt", state, identity="mine")
    assert empty(tight)


def test_a_training_whose_results_do_not_fit_goes_on_later(prepared, tmp_path, monkeypatch):  # noqa: F811
    real, out = record.move, tmp_path / "out"

    def move(source, target):
        if target.name == "model.pt":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(record, "move", move)
    with is_full():
        train_runs([a_run()], prepared, out, checkpoint_seconds=0)
    left = {path.name for path in (out / "run").iterdir()}
    assert left == {
        "checkpoint.pt",
        "checkpoint.previous.pt",
        "history.csv",
        "nodes.csv",
        "spec.json",
    }
    monkeypatch.setattr(record, "move", real)
    train_runs([a_run()], prepared, out)
    assert not list((out / "run").glob("checkpoint*"))


def test_scores(tight, tmp_path):
    """HDF5 would end the process: exit code 139, measured."""
    number = 3000
    test = tmp_path / "test.h5"
    with h5py.File(test, "w") as file:
        file["jets"] = np.zeros(number, [("event", "i8"), ("label", "i1")])
        file.attrs["classes"] = "b c"
    found = np.random.default_rng(0).random((number, 4))
    with is_full():
        origin = {"model": "m", "jets": "j"}
        _write_scores(tight / "scores.h5", test, "run", TASKS["single_b"], found, origin=origin)
    assert empty(tight)


@pytest.mark.parametrize("suffix", [".h5", ".root"])
def test_generated_jets(tight, suffix):
    number = 10_000
    rng = np.random.default_rng(0)
    jets_ = {"pt": rng.random(number), "event": np.arange(number)}
    tracks = {"d0": rng.random(2 * number)}
    accepted = Accepted(jets_, tracks, np.full(number, 2), number, {})
    with is_full():
        write(tight / f"a{suffix}", accepted, about={})
    assert empty(tight)


def test_a_figure(tight):
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.imshow(np.random.default_rng(0).random((300, 300)))
    with is_full():
        plots.save(fig, tight / "figure", [{"x": 1}])
    assert empty(tight)


def test_a_report(tight):
    with is_full():
        report.write(tight / "report.html", "<p>" * 100_000)
    assert empty(tight)


def results(folder):
    """As much of a study as an archive wants, 100 kB that do not become less."""
    (folder / "runs/a").mkdir(parents=True)
    (folder / "runs/a/run.json").write_text("{}")
    (folder / "runs/a/model.pt").write_bytes(np.random.default_rng(0).bytes(100_000))
    return folder


def test_an_archive(tight, tmp_path):
    with is_full():
        archive(results(tmp_path / "results"), tight / "a.zip")
    assert empty(tight)


def test_an_archive_that_is_opened(small_disk, tmp_path):
    archive(results(tmp_path / "results"), tmp_path / "a.zip")
    with is_full():
        unpack(tmp_path / "a.zip", small_disk / "opened")
    assert list(small_disk.iterdir()) == []


def test_a_training_into_a_folder_that_is_full(small_disk, prepared):  # noqa: F811
    """Of its run nothing is there: it has not begun."""
    (small_disk / "full").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises((OSError, FtagPruneError)) as wrong:
        train_runs([a_run()], prepared, small_disk / "runs")
    assert wrong.value.errno == errno.ENOSPC
    assert "claim.json" in str(wrong.value)
    assert not list(small_disk.rglob("*.pt"))


@pytest.fixture
def read_only(tmp_path):
    folder = tmp_path / "fixed"
    folder.mkdir()
    if mounted(folder, "ro"):
        yield folder
        subprocess.run([UNMOUNT, "-l", str(folder)], check=True)
    else:
        folder.chmod(0o500)
        if os.access(folder, os.W_OK):
            pytest.skip("may write everywhere")
        yield folder
        folder.chmod(0o700)


@pytest.mark.parametrize("name", ["a.json", "new/a.json"])
def test_a_folder_that_is_read_only_is_named(read_only, name):
    sentence = rf"{name}: not written, its folder cannot be written to \((read-only|permission)"
    with pytest.raises(FtagPruneError, match=sentence):
        write_json(read_only / name, 1)


def test_a_training_into_one_says_so_before_it_trains(read_only, prepared, monkeypatch):  # noqa: F811
    monkeypatch.setattr("ftag_prune.train.loop._step", failing(0))
    with pytest.raises(OSError, match=r"(Read-only|Permission).*fixed/run"):
        train_runs([a_run()], prepared, read_only)


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic(tmp_path / "a"):
        Path("/elsewhere").read_text()
