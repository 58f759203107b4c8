"""Prepared files as tensors and batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import card, small, write_root
from torch.utils._python_dispatch import TorchDispatchMode

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.schema import LAYOUT, as_numbers, jets_dtype, tracks_dtype
from ftag_prune.tensors import (
    Jets,
    JetsOnDisk,
    allowed_memory,
    batches,
    description,
    load,
    load_within,
    told_by,
    unshuffled,
)
from ftag_prune.tensors.disk import mixed_windows


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    path = write_root(folder / "sample.root", small(600))
    with_tracks = prepare(card(), [path], folder / "tracks", constituents=True)
    return with_tracks, prepare(card(), [path], folder / "jets")


def test_tensors_hold_what_the_file_holds(prepared):
    jets = load(prepared[0].train)
    with h5py.File(prepared[0].train) as file:
        table, tracks = file["jets"][:], file["tracks"][:]
    for index, name in enumerate(("log_pt", "sv_mass", "best")):
        np.testing.assert_array_equal(jets.x[:, index], table[name])
    assert jets.x.isnan().any(), "missing inputs stay missing"
    for index, name in enumerate(("significance", "ptfrac")):
        np.testing.assert_array_equal(jets.tracks[..., index], tracks[name])
    np.testing.assert_array_equal(jets.valid, tracks["valid"])
    np.testing.assert_array_equal(jets.y, table["label"])
    np.testing.assert_array_equal(jets.w, table["weight"])
    kinds = [tensor.dtype for tensor in jets if tensor is not None]
    assert kinds == [torch.float32, torch.float32, torch.bool, torch.int64, torch.float32]
    without = load(prepared[1].train)
    assert (without.tracks, without.valid) == (None, None)
    assert torch.equal(without.y, jets.y)


def test_inputs_come_in_the_asked_order(prepared):
    every = load(prepared[1].val)
    some = load(prepared[1].val, inputs=["best", "log_pt"])
    np.testing.assert_array_equal(some.x, every.x[:, [2, 0]])
    np.testing.assert_array_equal(load(prepared[1].val, inputs=["log_pt"]).x, every.x[:, :1])
    same = load(prepared[1].val, inputs=["log_pt", "sv_mass", "best"])
    np.testing.assert_array_equal(same.x, every.x)


def test_x_is_a_view_of_the_records_and_the_file_is_safe(prepared):
    path = prepared[1].val
    before = path.read_bytes()
    jets = load(path)
    with h5py.File(path) as file:
        words = file["jets"].dtype.itemsize // 4
    assert jets.x.stride() == (words, 1)
    jets.x[:] = 0
    assert path.read_bytes() == before


def test_compressed_files_of_others_can_be_loaded_too(prepared, tmp_path):
    path = tmp_path / "compressed.h5"
    with h5py.File(prepared[0].val) as source, h5py.File(path, "w") as file:
        for name in ("jets", "tracks"):
            file.create_dataset(name, data=source[name][:], compression="gzip")
        for name, value in source.attrs.items():
            file.attrs[name] = value
    for mine, theirs in zip(load(path), load(prepared[0].val), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_description_tells_what_the_columns_mean(prepared):
    found = description(prepared[0].test)
    assert found.task == "single_b"
    assert found.classes == ("b", "c", "u", "tau")
    assert found.inputs == ("log_pt", "sv_mass", "best")
    assert found.track_inputs == ("significance", "ptfrac")
    assert len(found.mean) == len(found.std) == 3
    assert len(found.track_mean) == len(found.track_std) == 2
    assert found.fingerprint == prepared[0].fingerprint
    assert found.counts["read"] == 600
    assert description(prepared[1].train).track_inputs == ()
    train = load(prepared[1].train).x.double()
    assert found.mean[0] == pytest.approx(train[:, 0].mean().item())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", "b, c"),
        ("counts", "[" * 100_000),
        ("inputs", 3),
        ("inputs", "3"),
        ("mean", 1.0),
        ("track_std", 1.0),
    ],
)
def test_attributes_that_are_none_of_ours_are_one_sentence(prepared, tmp_path, name, value):
    path = tmp_path / "odd.h5"
    path.write_bytes(prepared[1].val.read_bytes())
    with h5py.File(path, "a", libver=("v108", "latest")) as file:
        file.attrs[name] = value
    with pytest.raises(SampleError, match=r"odd.h5: attributes that are none of ours \("):
        description(path)


def test_what_a_file_tells_beside_is_read_as_that_of_anybody(prepared, tmp_path):
    path = tmp_path / "odd.h5"
    path.write_bytes(prepared[1].val.read_bytes())
    assert told_by(path, "units", "nothing") == {"units": card().units}
    with h5py.File(path, "a", libver=("v108", "latest")) as file:
        file.attrs["units"] = "[" * 100_000
    with pytest.raises(SampleError, match=r"odd.h5: attributes that are none of ours \("):
        told_by(path, "units")


@pytest.mark.parametrize("reader", [load, description])
def test_other_files_are_one_sentence(reader, prepared, tmp_path):
    with pytest.raises(SampleError, match=r"none.h5: no such file"):
        reader(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(SampleError, match=r"text.h5: cannot be read as HDF5 \(.+\)"):
        reader(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["jets"] = np.zeros(3)
    with pytest.raises(SampleError, match=r"other.h5: not a file of prepared jets"):
        reader(tmp_path / "other.h5")
    changed = tmp_path / "changed.h5"
    changed.write_bytes(prepared[1].val.read_bytes())
    with h5py.File(changed, "a") as file:
        del file.attrs["mean"]
    with pytest.raises(SampleError, match=r"changed.h5: has no attribute 'mean'"):
        reader(changed)
    with h5py.File(changed, "a") as file:
        file.attrs["layout"] = 99
    with pytest.raises(SampleError, match=r"has layout 99, wanted 1; prepare it again"):
        reader(changed)


def test_unknown_inputs_are_one_sentence(prepared):
    with pytest.raises(ConfigError, match=r"no input 'bets'; nearest: 'best'"):
        load(prepared[1].val, inputs=["bets"])
    with pytest.raises(ConfigError, match=r"no inputs are asked for"):
        load(prepared[1].val, inputs=[])


def numbered(number, *, tracks=True):
    """Jets that carry their number in every tensor."""
    index = torch.arange(number)
    x = index[:, None].float().expand(number, 3).contiguous()
    each = x[:, :2, None].expand(number, 2, 4).contiguous()
    valid = (index % 2 == 0)[:, None].expand(number, 2).contiguous()
    return Jets(x, each if tracks else None, valid if tracks else None, index, index.float())


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.booleans())
def test_each_jet_is_in_one_batch_with_all_that_belongs_to_it(number, size, tracks):
    jets = numbered(number, tracks=tracks)
    for found in (
        list(batches(jets, size, rng=np.random.default_rng(0))),
        list(unshuffled(jets, size)),
    ):
        assert [len(batch.y) for batch in found[:-1]] == [size] * (len(found) - 1)
        assert sorted(torch.cat([batch.y for batch in found]).tolist()) == list(range(number))
        for batch in found:
            assert torch.equal(batch.x[:, 0].long(), batch.y)
            assert torch.equal(batch.w.long(), batch.y)
            assert (batch.tracks is None) is (batch.valid is None) is not tracks
            if tracks:
                assert torch.equal(batch.tracks[:, 1, 3].long(), batch.y)
                assert torch.equal(batch.valid[:, 1], batch.y % 2 == 0)


def test_the_order_is_that_of_the_generator():
    jets = numbered(100)
    first, again, other = (
        torch.cat([batch.y for batch in batches(jets, 30, rng=np.random.default_rng(seed))])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.tolist() == np.random.default_rng(1).permutation(100).tolist()


class Recorder(TorchDispatchMode):
    """Names of the operations that run."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.__name__.split(".")[0])
        return func(*args, **(kwargs or {}))


def test_a_batch_costs_one_gather_per_tensor(prepared):
    jets = load(prepared[0].train)
    source = batches(jets, 10, rng=np.random.default_rng(0))
    next(source)
    with Recorder() as recorder:
        next(source)
    assert [name for name in recorder.seen if name != "slice"] == ["index_select"] * 5


def test_unshuffled_batches_are_views(prepared):
    jets = load(prepared[0].train)
    for place, batch in enumerate(unshuffled(jets, 10)):
        for mine, whole in zip(batch[:-1], jets[:-1], strict=True):
            assert mine.data_ptr() == whole[10 * place :].data_ptr()


@pytest.mark.parametrize("size", [0, -3])
def test_batches_hold_at_least_one_jet(size):
    jets = numbered(3)
    with pytest.raises(ConfigError, match=rf"a batch of {size} jets is asked for"):
        next(unshuffled(jets, size))
    with pytest.raises(ConfigError, match=rf"a batch of {size} jets is asked for"):
        next(batches(jets, size, rng=np.random.default_rng(0)))


# -- jets that stay on the disk ------------------------------------------------------------------


def written(path, number, *, slots=0, classes=4):
    """Jets sorted by class, that carry their number in every input; 44 bytes each, and tracks."""
    names, index = ["first", "second"], np.arange(number)
    jets = np.zeros(number, jets_dtype(names, ["pt"], event=np.dtype("u8")))
    as_numbers(jets)[:, :2] = index[:, None]
    jets["label"], jets["weight"] = index * classes // number, index
    about = {"task": "single_b", "classes": "[]", "inputs": json.dumps(names), "counts": "{}"}
    about |= {"layout": LAYOUT, "fingerprint": "", "mean": [0.0] * 2, "std": [1.0] * 2}
    with h5py.File(path, "w") as file:
        file["jets"] = jets
        if slots:
            tracks = np.zeros((number, slots), tracks_dtype(names, origin=True))
            as_numbers(tracks)[..., :2] = index[:, None, None]
            tracks["valid"] = (index % 2 == 0)[:, None]
            tracks["origin"] = (index % 9 - 1)[:, None]
            file["tracks"] = tracks
        for name, value in about.items():
            file.attrs[name] = value
    return path


@pytest.fixture(scope="module")
def sorted_by_class(tmp_path_factory):
    return written(tmp_path_factory.mktemp("disk") / "train.h5", 50_000, slots=3)


def on_disk(path, windows=10):
    """The same file with about a tenth of it in memory at a time."""
    found = load_within(path, 2 * path.stat().st_size / windows)
    assert isinstance(found, JetsOnDisk)
    return found


@settings(max_examples=50)
@given(st.integers(1, 5000), st.integers(1, 700), st.integers(1, 9), st.integers(0, 2**32))
def test_every_jet_is_in_one_window(number, size, count, seed):
    windows = mixed_windows(number, size, count=count, rng=np.random.default_rng(seed))
    found = [np.concatenate([np.arange(*piece) for piece in pieces]) for pieces in windows]
    assert sorted(np.concatenate(found)) == list(range(number))
    assert all(len(window) % size == 0 for window in found[:-1])
    assert all(len(window) <= number / count + size for window in found)
    assert all((np.diff(window) > 0).all() for window in found), "read from front to back"


def test_small_files_are_mapped_and_large_ones_are_not(sorted_by_class):
    with h5py.File(sorted_by_class) as file:
        size = file["jets"].nbytes + file["tracks"].nbytes
    assert isinstance(load_within(sorted_by_class, size), Jets)
    assert isinstance(load_within(sorted_by_class, size - 1), JetsOnDisk)
    (some,) = load_within(sorted_by_class, size, inputs=["second"]).x[7]
    assert some == 7


@pytest.mark.parametrize("size", [999, 1024, 30_000, 60_000])
def test_batches_from_disk_hold_each_jet_once_with_all_that_belongs_to_it(sorted_by_class, size):
    disk, whole = on_disk(sorted_by_class), load(sorted_by_class)
    assert len(list(disk.mixed(size, rng=np.random.default_rng(0)))) == min(10, -(-50_000 // size))
    assert disk.number == whole.number == 50_000
    found = list(batches(disk, size, rng=np.random.default_rng(0)))
    assert [len(batch.y) for batch in found[:-1]] == [size] * (len(found) - 1)
    jets = torch.cat([batch.x[:, 0] for batch in found]).long()
    assert sorted(jets.tolist()) == list(range(whole.number))
    for mine, theirs in zip(Jets(*map(torch.cat, zip(*found))), whole, strict=True):
        assert mine.dtype == theirs.dtype
        assert torch.equal(mine, theirs[jets])


def test_unshuffled_batches_from_disk_are_those_of_the_mapped_file(sorted_by_class):
    kept = list(unshuffled(on_disk(sorted_by_class), 700))
    for mine, theirs in zip(kept, unshuffled(load(sorted_by_class), 700), strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert torch.equal(one, other)


def test_files_without_tracks_and_with_chosen_inputs_stay_on_disk_too(tmp_path):
    path = written(tmp_path / "jets.h5", 5000)
    disk = load_within(path, 40_000, inputs=["second"])
    found = list(batches(disk, 64, rng=np.random.default_rng(0)))
    assert {batch.x.shape[1] for batch in found} == {1}
    assert all(batch.tracks is batch.valid is None for batch in found)
    assert sorted(torch.cat([batch.w for batch in found]).tolist()) == list(range(5000))
    with pytest.raises(ConfigError, match=r"no input 'secnd'; nearest: 'second'"):
        load_within(path, 40_000, inputs=["secnd"])


def test_the_order_from_disk_is_that_of_the_generator(sorted_by_class):
    first, again, other = (
        torch.cat([one.w for one in batches(source, 500, rng=np.random.default_rng(seed))])
        for source, seed in [(on_disk(sorted_by_class), one) for one in (1, 1, 2)]
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("windows", [20, 133])  # of ten batches, and of one and a half
def test_batches_from_a_file_sorted_by_class_are_composed_as_the_file(tmp_path, windows):
    """Class counts vary from batch to batch as in draws without order: chi2 per freedom is 1."""
    path = written(tmp_path / "sorted.h5", 200_000)
    disk, size = on_disk(path, windows=windows), 1000
    found = list(batches(disk, size, rng=np.random.default_rng(0)))
    counts = np.array([np.bincount(batch.y, minlength=4) for batch in found])
    assert counts.min() > 0
    chi2 = ((counts - size / 4) ** 2 / (size / 4)).sum(axis=1)  # three degrees of freedom
    assert chi2.mean() == pytest.approx(3, abs=5 * np.sqrt(6 / len(chi2)))
    assert chi2.max() < 30  # passed by chance once in 800,000 batches
    # Positions in the file are spread evenly in every batch, not only the classes.
    places = np.array([np.histogram(batch.w, 20, (0, 200_000))[0] for batch in found])
    assert ((places - size / 20) ** 2 / (size / 20)).sum(axis=1).max() < 60


def test_each_epoch_mixes_other_chunks(sorted_by_class):
    disk = on_disk(sorted_by_class)
    first, second = (
        set(next(disk.mixed(500, rng=np.random.default_rng(seed))).w.tolist()) for seed in (1, 2)
    )
    assert len(first & second) < 0.2 * len(first)


_PEAK = """
import sys
import numpy as np
import torch
from pathlib import Path
from ftag_prune.tensors import batches, load_within, unshuffled

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(one.split()[1]) for one in lines if one.startswith("VmHWM"))

torch.set_num_threads(1)
warm = load_within(Path(sys.argv[1]), 1e9)
for batch in batches(warm, 1000, rng=np.random.default_rng(0)):
    batch.x.mean()
before = peak()
source = load_within(Path(sys.argv[2]), float(sys.argv[3]))
for epoch in range(2):
    for batch in batches(source, 1000, rng=np.random.default_rng(epoch)):
        batch.x.mean()
for batch in unshuffled(source, 10_000):
    batch.x.mean()
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the peak")
def test_the_memory_stays_within_what_is_allowed(tmp_path):
    small, large = written(tmp_path / "small.h5", 20_000), tmp_path / "large.h5"
    written(large, 600_000, slots=24)
    size = large.stat().st_size
    assert size > 190e6

    def grown(memory):
        command = [sys.executable, "-c", _PEAK, str(small), str(large), str(memory)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert grown(40e6) < 40e6
    assert grown(1e9) > 0.9 * size, "mapped, the whole file counts"


def test_a_file_that_changes_is_one_sentence(sorted_by_class, tmp_path):
    path = tmp_path / "train.h5"
    path.write_bytes(sorted_by_class.read_bytes())
    disk = on_disk(path)
    source = batches(disk, 500, rng=np.random.default_rng(0))
    next(source)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(SampleError, match=r"train.h5: ends before its jets do"):
        list(source)
    for read in (unshuffled(disk, 500), batches(disk, 500, rng=np.random.default_rng(0))):
        with pytest.raises(SampleError, match=r"train.h5: has changed since it was opened"):
            next(read)
    path.unlink()
    with pytest.raises(SampleError, match=r"train.h5: cannot be read any more \(No such file"):
        next(unshuffled(disk, 500))
    with pytest.raises(SampleError, match=r"train.h5: no such file"):
        load_within(path, 1)


def test_a_batch_is_in_memory_however_little_is_allowed(sorted_by_class):
    found = list(batches(load_within(sorted_by_class, 1), 1000, rng=np.random.default_rng(0)))
    assert sorted(torch.cat([batch.w for batch in found]).tolist()) == list(range(50_000))


def test_what_others_compressed_is_loaded_whole(sorted_by_class, tmp_path):
    path = tmp_path / "compressed.h5"
    with h5py.File(sorted_by_class) as source, h5py.File(path, "w") as file:
        file.create_dataset("jets", data=source["jets"][:], compression="gzip")
        for name, value in source.attrs.items():
            file.attrs[name] = value
    assert isinstance(load_within(path, 1), Jets)


# -- the memory of the machine -------------------------------------------------------------------


def groups(tmp_path, text, **limits):
    """Control groups as the kernel shows them."""
    (tmp_path / "cgroup").write_text(text)
    for place, limit in limits.items():
        path = tmp_path / "mounted" / place.replace("__", "/").replace("_LIMIT", ".limit_in_bytes")
        path = path.with_name(path.name.replace("_MAX", ".max"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{limit}\n")
    return {"groups": tmp_path / "cgroup", "mounted": tmp_path / "mounted"}


PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("text", "limits", "expected"),
    [
        ("0::/job/step\n", {"job__memory_MAX": 5000, "job__step__memory_MAX": "max"}, 5000),
        ("0::/job/step\n", {"job__memory_MAX": 5000, "job__step__memory_MAX": 3000}, 3000),
        ("0::/job/step\n", {"other__memory_MAX": 3000}, PHYSICAL),
        ("0::/\n", {"memory_MAX": 7000}, 7000),
        ("2:cpu:/a\n1:memory:/job\n", {"memory__job__memory_LIMIT": 6000}, 6000),
        ("1:cpu,memory:/on/the/host\n", {"memory__memory_LIMIT": 6500}, 6500),
        ("1:memory:/job\n", {"memory__job__memory_LIMIT": 2**63 - 4096}, PHYSICAL),
        ("", {}, PHYSICAL),
    ],
)
def test_the_smallest_limit_counts(tmp_path, text, limits, expected):
    assert allowed_memory(**groups(tmp_path, text, **limits)) == expected


def test_machines_without_control_groups_have_all_their_memory(tmp_path):
    assert allowed_memory(groups=tmp_path / "none") == PHYSICAL
    assert 0 < allowed_memory() <= PHYSICAL
