"""Files in, awkward batches in the card's names out."""

import re

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import SLOTS, card, hdf5_card, small, write_hdf5, write_rntuple, write_root

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.expression import parse
from ftag_prune.read import batches

FORMATS = {
    "root": (card, write_root),
    "rntuple": (card, write_rntuple),
    "hdf5": (hdf5_card, write_hdf5),
}


def read(described, files, **options):
    return ak.concatenate(list(batches(described, files, **options)))


@pytest.fixture(params=FORMATS)
def written(request, tmp_path):
    """A card, its file, and what is in it."""
    described, write = FORMATS[request.param]
    sample = small()
    return described(), write(tmp_path / "sample", sample), sample


@pytest.mark.parametrize("step", [1000, 7, "9 kB"])
def test_columns_are_what_the_card_says(written, step):
    described, path, sample = written
    found = read(described, [path], step=step, constituents=True)
    assert found.fields == [*described.jets, "tracks"]
    pt = sample.jets["pt"] / np.float32(1000)
    np.testing.assert_array_equal(found.pt, pt)
    np.testing.assert_array_equal(found.log_pt, np.log(pt))
    np.testing.assert_array_equal(found.sv_mass, sample.jets["sv_mass"] / np.float32(1000))
    np.testing.assert_array_equal(found.n_tracks, sample.counts)
    tracks = ak.unflatten(ak.zip(sample.tracks), sample.counts)
    assert found.tracks.d0.to_list() == tracks.d0.to_list()
    ptfrac = ak.to_numpy(ak.flatten(tracks.pt / np.float32(1000) / pt))
    np.testing.assert_allclose(ak.flatten(found.tracks.ptfrac), ptfrac, rtol=1e-6)
    best = ak.fill_none(ak.max(tracks.s, axis=1), np.nan)
    np.testing.assert_array_equal(found.best, best)


def test_a_memory_is_a_number_of_jets(written):
    described, path, _ = written
    # 24 bytes a jet and about 3 tracks of 12 or 13, in HDF5 always 6: between 50 and 150 bytes.
    sizes = [len(batch) for batch in batches(described, [path], step="9 kB", constituents=True)]
    assert 60 <= sizes[0] <= 180
    assert sum(sizes) == 400


def test_files_follow_one_another(tmp_path):
    samples = [small(20, seed=seed) for seed in (1, 2)]
    files = [write_root(tmp_path / f"{i}.root", one) for i, one in enumerate(samples)]
    found = list(batches(card(), files))
    assert [len(batch) for batch in found] == [20, 20]
    assert found[1].eta.to_list() == samples[1].jets["eta"].tolist()


def test_half_precision_is_read_as_single(tmp_path):
    sample = small(20)
    path = write_hdf5(tmp_path / "half.h5", sample, half=True)
    found = read(hdf5_card(), [path], constituents=True)
    half = sample.tracks["s"].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(ak.flatten(found.tracks.significance), half)
    assert ak.to_numpy(found.best).dtype == np.float32


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(0, SLOTS), min_size=1, max_size=12), step=st.integers(1, 13))
@pytest.mark.parametrize("kind", FORMATS)
def test_any_numbers_of_tracks_come_back(tmp_path_factory, kind, counts, step):
    described, write = FORMATS[kind]
    sample = small(counts=np.array(counts))
    path = write(tmp_path_factory.mktemp("any") / "sample", sample)
    found = read(described(), [path], step=step, constituents=True)
    wanted = ak.unflatten(sample.tracks["s"], sample.counts)
    assert found.tracks.significance.to_list() == wanted.to_list()


def test_a_branch_of_text_does_no_harm_unless_it_is_wanted(tmp_path):
    path = tmp_path / "text.h5"
    write_hdf5(path, small(5))
    with h5py.File(path, "a") as file:
        jets = file["jets"][:]
        del file["jets"]
        kinds = np.dtype([*jets.dtype.descr, ("text", "S4")])
        file["jets"] = np.zeros(5, kinds)
    read(hdf5_card(), [path])
    described = hdf5_card()
    wanting = described.model_copy(update={"jets": {**described.jets, "x": hdf5_card().event}})
    assert "x" in read(wanting, [path]).fields
    text = hdf5_card(
        event="text",
        jets={**dict.fromkeys(("pt", "eta"), "pt"), "x": "text"},
        inputs={"jets": ["x"]},
        units={},
        constituents=None,
    )
    with pytest.raises(SampleError, match=r"dataset 'jets': branch 'text' holds \|S4, not numbers"):
        read(text, [path])


def odd_root(path, **branches):
    with uproot.recreate(path) as file:
        tree = file.mktree(
            "jets", {n: getattr(v, "dtype", None) or v.type.content for n, v in branches.items()}
        )
        tree.extend(branches)
        file["text"] = "hello"
        file["other"] = np.histogram([1.0])
    return path


def odd_rntuple(path, **fields):
    with uproot.recreate(path) as file:
        file.mkrntuple("jets", fields)
        file["text"] = "hello"
        file["other"] = np.histogram([1.0])
    return path


def plain(size=3, **more):
    names = ("jet_pt", "jet_eta", "jet_sv_mass")
    flat = {name: np.ones(size, np.float32) for name in names}
    jagged = {f"trk_{n}": ak.Array([[1.0]] * size) for n in ("d0", "s", "pt")}
    return {**flat, **jagged, **more}


@pytest.mark.parametrize(
    ("changes", "branches", "said"),
    [
        ({"tree": "jts"}, {}, "no tree 'jts'; nearest: 'jets'"),
        ({"tree": "other"}, {}, "'other' is a TH1D, not a TTree or RNTuple; there is: 'jets'"),
        ({"jets__pt": "jet_ptt"}, {}, "tree 'jets': no branch 'jet_ptt'; nearest: 'jet_pt'"),
        ({"constituents__variables__d0": "d1"}, {}, "no branch 'trk_d1'; nearest: 'trk_d0'"),
        (
            {},
            {"trk_d0": np.ones(3)},
            "branch 'trk_d0' holds one value per jet, not per track",
        ),
        (
            {},
            {"trk_d0": ak.Array([[1.0, 2.0], [1.0], []])},
            "branches 'trk_d0' and 'trk_s' differ in length",
        ),
        (
            {"jets__pt": "trk_d0"},
            {},
            "jets.pt: 'trk_d0' gives a value per track where one per jet is wanted",
        ),
        (
            {"jets__eta": "sum(jet_eta)"},
            {},
            "jets.eta: sum() wants a value per constituent, not per jet",
        ),
    ],
)
@pytest.mark.parametrize("write", [odd_root, odd_rntuple])
def test_what_a_root_file_does_not_hold_is_one_sentence(tmp_path, write, changes, branches, said):
    path = write(tmp_path / "odd.root", **plain(**branches))
    with pytest.raises((SampleError, ConfigError), match=re.escape(said)) as refused:
        read(card(**changes), [path], constituents=True)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (ak.Array(["a", "b", "c"]), "string"),
        (ak.Array([1.0, None, 3.0]), "?float64"),
        (ak.Array([[1.0], [None], []]), "var * ?float64"),
        (ak.Array([{"x": 1}] * 3), "{x: int64}"),
        (ak.Array([[["a"]], [], []]), "var * var * string"),
    ],
)
def test_fields_that_hold_no_numbers_are_one_sentence(tmp_path, field, kind):
    path = odd_rntuple(tmp_path / "odd.root", **plain(jet_pt=field))
    with pytest.raises(SampleError, match=re.escape(f"'jet_pt' holds {kind}, not numbers")):
        read(card(), [path])


def test_an_rntuple_of_records_is_read_by_path(tmp_path):
    sample = small(30)
    fields = {f"jet_{name}": values for name, values in sample.jets.items()}
    fields["trk"] = ak.unflatten(ak.zip(sample.tracks), sample.counts)
    path = odd_rntuple(tmp_path / "nested.root", **fields)
    flat = write_rntuple(tmp_path / "flat.root", sample)
    nested = read(card(constituents__prefix="trk."), [path], constituents=True, step=7)
    assert ak.array_equal(nested, read(card(), [flat], constituents=True), equal_nan=True)
    jets = card(jets__best="1", constituents=None, units={}, inputs__tracks=[], jets__n_tracks="1")
    with pytest.raises(SampleError, match=r"no branch 'jet_pt.x'; nearest: 'jet_pt'"):
        read(jets.model_copy(update={"jets": {"pt": parse("jet_pt.x")}}), [path])


def odd_hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


_TRACKS = [("d0", "f4"), ("s", "f4"), ("pt", "f4"), ("valid", "?")]
_JETS = [(name, "f4") for name in ("pt", "eta", "sv_mass")]


@pytest.mark.parametrize(
    ("datasets", "said"),
    [
        ({"jts": np.zeros(3, _JETS)}, "no dataset 'jets'; nearest: 'jts'"),
        ({"jets": np.zeros(3)}, "dataset 'jets' holds float64 (3,), not records in 1 dimension"),
        ({"jets": np.zeros(3, _JETS[1:])}, "dataset 'jets': no branch 'pt'"),
        ({"jets": np.zeros(3, _JETS)}, "no dataset 'tracks'; there is: 'jets'"),
        (
            {"jets": np.zeros(3, _JETS), "tracks": np.zeros(3, _TRACKS)},
            "dataset 'tracks' holds",
        ),
        (
            {"jets": np.zeros(3, _JETS), "tracks": np.zeros((3, 2), _TRACKS[:-1])},
            "dataset 'tracks': no branch 'valid'",
        ),
        (
            {"jets": np.zeros(3, _JETS), "tracks": np.zeros((2, 2), _TRACKS)},
            "'/jets' holds 3 jets, '/tracks' 2",
        ),
        (
            {"jets": np.zeros(0, _JETS), "tracks": np.zeros((0, 2), _TRACKS)},
            "dataset 'jets': holds no jets",
        ),
    ],
)
def test_what_an_hdf5_file_does_not_hold_is_one_sentence(tmp_path, datasets, said):
    path = odd_hdf5(tmp_path / "odd.h5", **datasets)
    with pytest.raises(SampleError, match=re.escape(said)) as refused:
        read(hdf5_card(), [path], constituents=True)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_missing_empty_and_broken_files_are_one_sentence(tmp_path, kind):
    described, write = FORMATS[kind]
    with pytest.raises(SampleError, match=r"none: no such file"):
        read(described(), [tmp_path / "none"])
    (tmp_path / "text").write_text("this is no sample at all " * 20)
    with pytest.raises(SampleError, match=r"text: cannot be read as (ROOT|HDF5) \(.+\)"):
        read(described(), [tmp_path / "text"])
    (tmp_path / "empty").touch()
    with pytest.raises(SampleError, match=r"empty: cannot be read as (ROOT|HDF5) \(.+\)"):
        read(described(), [tmp_path / "empty"])
    whole = write(tmp_path / "whole", small(50)).read_bytes()
    for size in (len(whole) // 2, len(whole) - 10):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(SampleError, match=r"cut: (cannot be read as|is cut short)"):
            read(described(), [tmp_path / "cut"])


@pytest.mark.parametrize("write", [write_root, write_rntuple])
def test_a_tree_without_jets_is_one_sentence(tmp_path, write):
    path = write(tmp_path / "empty.root", small(counts=np.zeros(0, np.int64)))
    with pytest.raises(SampleError, match=r"tree 'jets': holds no jets"):
        read(card(), [path])


@pytest.mark.parametrize("step", [0, -1, "a lot", "5 TB", True, 1.5])
def test_a_step_is_a_number_or_a_memory(tmp_path, step):
    path = write_root(tmp_path / "sample.root", small(5))
    with pytest.raises(ConfigError, match=r"neither a number of jets nor a memory like '100 MB'"):
        read(card(), [path], step=step)


def test_nothing_to_read_is_one_sentence(tmp_path):
    with pytest.raises(SampleError, match="card 'small': no files; name them in the card"):
        read(card(), [])
    bare = card(constituents=None, units={}, inputs__tracks=[], jets__n_tracks="1", jets__best="1")
    path = write_root(tmp_path / "sample.root", small(5))
    with pytest.raises(ConfigError, match="card 'small': has no constituents"):
        read(bare, [path], constituents=True)
    assert set(read(bare, [path]).n_tracks) == {1}
    constant = bare.model_copy(update={"jets": {"pt": bare.jets["best"]}})
    with pytest.raises(ConfigError, match="its expressions use no branch at all"):
        read(constant, [path])
