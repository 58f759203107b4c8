"""Prepared files as tensors and batches."""

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
from ftag_prune.tensors import Jets, batches, description, load, unshuffled


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
    kinds = [tensor.dtype for tensor in jets]
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
        for mine, whole in zip(batch, jets, strict=True):
            assert mine.data_ptr() == whole[10 * place :].data_ptr()


@pytest.mark.parametrize("size", [0, -3])
def test_batches_hold_at_least_one_jet(size):
    jets = numbered(3)
    with pytest.raises(ConfigError, match=rf"a batch of {size} jets is asked for"):
        next(unshuffled(jets, size))
    with pytest.raises(ConfigError, match=rf"a batch of {size} jets is asked for"):
        next(batches(jets, size, rng=np.random.default_rng(0)))
