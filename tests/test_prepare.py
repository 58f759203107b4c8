"""Prepared files: every jet is accounted for, and their content depends on the jets alone."""

import errno
import json
import logging
import multiprocessing
import os
import re
import signal
import struct
import subprocess
import sys

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import card, content, hdf5_card, small, write_hdf5, write_rntuple, write_root

from ftag_prune.cli import progress
from ftag_prune.config import Resample, Sample, Split, Unbalanced, Weights
from ftag_prune.errors import ConfigError, FtagPruneError, SampleError
from ftag_prune.flavours import TASKS
from ftag_prune.prepare import content as content_module
from ftag_prune.prepare import moments as moments_module
from ftag_prune.prepare import prepare, write
from ftag_prune.prepare.balance import balance, scaled
from ftag_prune.prepare.moments import moments
from ftag_prune.prepare.resample import Draw
from ftag_prune.prepare.scan import Scanned, kept_dtype
from ftag_prune.prepare.spectra import edges_of
from ftag_prune.prepare.split import fingerprints, mixed, splits
from ftag_prune.prepare.spool import Spool, Training, regular
from ftag_prune.record import checksum
from ftag_prune.spec import validated

SPLITS = ("train", "val", "test")
FLAVOURS = {5: 0, 4: 1, 0: 2, 15: 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sample, and what became of it."""
    folder = tmp_path_factory.mktemp("made")
    sample = small(600)
    path = write_root(folder / "sample.root", sample)
    done = prepare(card(), [path], folder / "out", constituents=True, step=100)
    return sample, path, done


def opened(done):
    return {name: h5py.File(getattr(done, name)) for name in SPLITS}


def by_hand(sample):
    """Slow twin: index of each kept jet and its split."""
    found = {name: [] for name in SPLITS}
    for index in range(len(sample.counts)):
        pt, eta = sample.jets["pt"][index] / np.float32(1000), abs(sample.jets["eta"][index])
        if pt > 20 and eta < 2.5 and int(sample.jets["flavour"][index]) in FLAVOURS:
            tenth = int(sample.jets["event"][index]) % 10
            found["train" if tenth < 6 else "val" if tenth < 7 else "test"].append(index)
    return found


def test_the_jets_are_those_of_a_slow_twin(made):
    sample, _, done = made
    starts = np.concatenate([[0], np.cumsum(sample.counts)])
    for split, wanted in by_hand(sample).items():
        with h5py.File(getattr(done, split)) as file:
            jets, tracks = file["jets"][:], file["tracks"][:]
        assert len(jets) == len(wanted)
        assert jets["event"].dtype == np.uint64
        np.testing.assert_array_equal(jets["event"], sample.jets["event"][wanted])
        np.testing.assert_array_equal(jets["mc_weight"], sample.jets["weight"][wanted])
        assert jets["label"].tolist() == [FLAVOURS[int(sample.jets["flavour"][i])] for i in wanted]
        pt = sample.jets["pt"][wanted] / np.float32(1000)
        np.testing.assert_array_equal(jets["pt"], pt)
        np.testing.assert_array_equal(
            jets["sv_mass"], sample.jets["sv_mass"][wanted] / np.float32(1e3)
        )
        for row, index in enumerate(wanted):
            s = sample.tracks["s"][starts[index] : starts[index + 1]]
            best = sorted(s, key=lambda one: -abs(one))[:3]
            assert tracks["valid"][row].tolist() == [slot < len(best) for slot in range(3)]
            assert tracks["significance"][row].tolist() == [*best, 0, 0, 0][:3]
            assert jets["best"][row] == pytest.approx(max(s, default=np.nan), nan_ok=True)


def test_no_jet_is_lost(made):
    sample, _, done = made
    counts = done.counts
    rejected = sum(sum(by.values()) for by in counts.rejected.values())
    kept = sum(sum(by.values()) for by in counts.kept.values())
    assert counts.read == 600 == rejected + counts.unlabelled + kept
    low = sample.jets["pt"] / np.float32(1000) <= 20
    for flavour, index in FLAVOURS.items():
        name = ("b", "c", "u", "tau")[index]
        assert counts.rejected["pt"][name] == (low & (sample.jets["flavour"] == flavour)).sum()
    assert counts.rejected["pt"]["none"] == (low & (sample.jets["flavour"] == 21)).sum()
    assert low.any()
    outside = ~low & (np.abs(sample.jets["eta"]) >= 2.5)
    assert sum(counts.rejected["eta"].values()) == outside.sum() > 0
    assert counts.unlabelled == (~low & ~outside & (sample.jets["flavour"] == 21)).sum() > 0
    for split, by in counts.kept.items():
        with h5py.File(getattr(done, split)) as file:
            assert np.bincount(file["jets"]["label"], minlength=4).tolist() == list(by.values())


def test_jets_of_one_event_stay_together(made):
    files = opened(made[2])
    events = [set(file["jets"]["event"].tolist()) for file in files.values()]
    assert not events[0] & events[1] | events[0] & events[2] | events[1] & events[2]


def test_attributes_say_what_the_numbers_mean(made):
    _, path, done = made
    for split, file in opened(done).items():
        about = file.attrs
        assert json.loads(about["classes"]) == ["b", "c", "u", "tau"]
        assert json.loads(about["inputs"]) == ["log_pt", "sv_mass", "best"]
        assert file["jets"].dtype.names[:3] == ("log_pt", "sv_mass", "best")
        assert about["task"] == "single_b"
        assert json.loads(about["units"]) == {"pt": "GeV", "tracks.d0": "mm"}
        assert json.loads(about["card"])["labels"]["b"] == "jet_flavour == 5"
        tenths = {"train": 6, "val": 1, "test": 3}
        assert json.loads(about["split"]) == {**tenths, "by": "modulo", "number": "of the event"}
        assert json.loads(about["skipped"]) == {}
        assert json.loads(about["counts"])["read"] == 600, split
        source = {"path": str(path), "size": path.stat().st_size, "checksum": checksum(path)}
        assert json.loads(about["sources"]) == [source]
        assert about["fingerprint"] == done.fingerprint


def test_mean_and_std_are_those_of_the_training_jets(made):
    files = opened(made[2])
    jets, tracks = files["train"]["jets"][:], files["train"]["tracks"][:]
    for file in files.values():
        for index, name in enumerate(("log_pt", "sv_mass", "best")):
            values = jets[name].astype(np.float64)
            assert file.attrs["mean"][index] == pytest.approx(np.nanmean(values), rel=1e-12)
            assert file.attrs["std"][index] == pytest.approx(np.nanstd(values), rel=1e-12)
        assert json.loads(file.attrs["track_inputs"]) == ["significance", "ptfrac"]
        for index, name in enumerate(("significance", "ptfrac")):
            values = tracks[name][tracks["valid"]].astype(np.float64)
            assert file.attrs["track_mean"][index] == pytest.approx(values.mean(), rel=1e-12)
            assert file.attrs["track_std"][index] == pytest.approx(values.std(), rel=1e-12)


def test_training_weights_give_the_classes_their_shares(made):
    files = opened(made[2])
    train = files["train"]["jets"][:]
    assert train["weight"].mean(dtype=np.float64) == pytest.approx(1, rel=1e-6)
    totals = [train["weight"][train["label"] == k].sum(dtype=np.float64) for k in range(4)]
    assert totals == pytest.approx(
        [len(train) * share for share in TASKS["single_b"].shares.values()], rel=1e-5
    )
    assert all((file["jets"]["weight"] > 0).all() for file in files.values())


def test_the_files_can_be_mapped_into_memory(made):
    for split, file in opened(made[2]).items():
        for name in ("jets", "tracks"):
            dataset = file[name]
            assert dataset.chunks is None
            assert dataset.compression is None
            path = getattr(made[2], split)
            seen = np.memmap(path, dataset.dtype, "r", dataset.id.get_offset(), dataset.shape)
            assert seen.tobytes() == dataset[:].tobytes()


def same(first, second):
    """Whether two preparations wrote the same bytes."""
    return all(
        getattr(first, split).read_bytes() == getattr(second, split).read_bytes()
        for split in SPLITS
    )


@pytest.mark.parametrize("step", [1, 7, 599, 10_000, "4 kB"])
@pytest.mark.parametrize("piece", [100, 600])
def test_the_bytes_do_not_depend_on_how_the_files_are_read(made, tmp_path, step, piece):
    _, path, done = made
    again = prepare(card(), [path], tmp_path, constituents=True, step=step, piece=piece)
    assert same(again, done)
    assert again.counts == done.counts


@pytest.mark.parametrize("chosen", [Weights(), Resample()], ids=["weights", "resample"])
def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path, chosen):
    files = [write_root(tmp_path / f"{n}.root", small(300 + n, seed=n)) for n in (1, 2)]
    options = {"balance": chosen, "constituents": True}
    alone = prepare(card(), files, tmp_path / "one", **options)
    several = prepare(card(), files, tmp_path / "two", workers=2, piece=80, step=30, **options)
    assert same(alone, several)
    assert alone == several._replace(**{name: getattr(alone, name) for name in SPLITS})


@settings(max_examples=10, deadline=None)
@given(step=st.integers(1, 400), seed=st.integers(0, 5))
@pytest.mark.parametrize(
    ("described", "write"),
    [(hdf5_card, write_hdf5), (card, write_rntuple)],
    ids=["hdf5", "rntuple"],
)
def test_all_formats_give_the_same_jets(tmp_path_factory, described, write, step, seed):
    folder, sample = tmp_path_factory.mktemp("both"), small(seed=seed)
    files = [write_root(folder / "a.root", sample)], [write(folder / "b", sample)]
    root = prepare(card(), files[0], folder / "root", constituents=True)
    other = prepare(described(), files[1], folder / "other", constituents=True, step=step)
    assert root.counts == other.counts
    for first, second in zip(opened(root).values(), opened(other).values(), strict=True):
        for name in ("jets", "tracks"):
            assert first[name][:].tobytes() == second[name][:].tobytes()
    assert root.fingerprint == other.fingerprint


def test_jets_made_and_prepared_separately_have_the_same_fingerprint(made, tmp_path):
    sample, path, done = made
    again = write_root(tmp_path / "again.root", sample)
    os.utime(again, (1, 1))
    assert checksum(again) != checksum(path)
    options = {"constituents": True, "workers": 2, "piece": 250}
    other = prepare(card(files=["elsewhere.root"]), [again], tmp_path / "out", **options)
    assert other.fingerprint == done.fingerprint
    sources = [json.loads(opened(one)["train"].attrs["sources"]) for one in (done, other)]
    assert sources[0] != sources[1], "what they were made from stays recorded"


def changed(sample, number, name, value):
    """The sample with another value in one jet."""
    values = sample.jets[name].copy()
    values[number] = value
    return sample._replace(jets={**sample.jets, name: values})


def test_other_jets_have_another_fingerprint(made, tmp_path):
    sample, path, done = made

    def fingerprint(described=None, files=(path,), **options):
        chosen = {"constituents": True, **options}
        return prepare(described or card(), files, tmp_path / "out", **chosen).fingerprint

    jet = by_hand(sample)["test"][-1]
    mass = changed(sample, jet, "sv_mass", 1234.5)
    others = [
        fingerprint(card(select__pt="pt > 21")),
        fingerprint(card(inputs__jets=["sv_mass", "log_pt", "best"])),
        fingerprint(constituents=False),
        fingerprint(split=Split(train=5, val=2, test=3)),
        fingerprint(files=(path, write_root(tmp_path / "more.root", small(50)))),
        fingerprint(files=(write_root(tmp_path / "mass.root", mass),)),
    ]
    assert len({done.fingerprint, *others}) == 7


def test_every_byte_of_the_jets_and_tracks_is_in_the_fingerprint(made, tmp_path, monkeypatch):
    """Blocks end in the middle of records, and of the last one nothing is lost."""
    monkeypatch.setattr("ftag_prune.prepare.content.BLOCK", 97)
    kinds = {"jets": np.dtype([("x", "f4"), ("label", "i1")]), "tracks": np.dtype([("y", "f4")])}
    path = tmp_path / "target"
    target = write.create(path, path, kinds, rows=40, tracks=card().constituents.maximum)

    def fingerprint(**options):
        return content_module.fingerprint(map, card(), [target._replace(**options)], kinds)

    size = {name: kinds[name].itemsize for name in kinds}
    size["tracks"] *= card().constituents.maximum
    before, seen = fingerprint(), set()
    for name, first in (("jets", target.jets), ("tracks", target.tracks)):
        for at in range(first, first + 40 * size[name]):
            with path.open("r+b") as file:
                file.seek(at)
                old = file.read(1)
                file.seek(at)
                file.write(bytes([old[0] ^ 1]))
                file.flush()
                seen.add(fingerprint())
                file.seek(at)
                file.write(old)
    assert len(seen - {before}) == 40 * sum(size.values())
    assert fingerprint() == before != fingerprint(rows=39)


def test_progress_counts_the_jets(made, tmp_path):
    seen = []
    prepare(card(), [made[1]], tmp_path, piece=250, progress=lambda *seen_: seen.append(seen_))
    assert seen == [(number, 600) for number in (125, 250, 300, 425, 550, 600)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.h5", "train.h5", "val.h5"]
    assert "tracks" not in h5py.File(tmp_path / "train.h5")


def test_many_sources_fit_into_the_attributes(tmp_path):
    path = write_root(tmp_path / "sample.root", small(50))
    nested = tmp_path.joinpath(*["d" * 100] * 10)
    nested.mkdir(parents=True)
    long = nested / "sample.root"
    long.write_bytes(path.read_bytes())
    done = prepare(card(), [long] * 80, tmp_path / "out")
    with h5py.File(done.val) as file:
        assert len(file.attrs["sources"]) > 80_000
    assert done.counts.read == 4000


def lost(sample, **changed):
    return sample._replace(jets={**sample.jets, **changed})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels__tau": "jet_flavour == 16"}, "no jet of class 'tau'; labels.tau says 'jet_flav"),
        (
            {"select__tau": "jet_flavour != 15 and jet_flavour != 5"},
            "no jet of class 'b' for training among",
        ),
        (
            {"select__all": "pt > 1000"},
            "no jet for the split 'train' among 400: select.all rejects most,",
        ),
        (
            {"labels__b": "jet_flavour in (5, 4)"},
            "jets are both of labels.b and labels.c; a jet has one class",
        ),
        ({"event": "jet_event * 1.0"}, "event: gives float64, where whole numbers are wanted"),
        ({"event": "jet_pt"}, "event: gives float32, where whole numbers are wanted"),
        ({"weight": "log(jet_eta)"}, "weight: is missing or infinite for"),
        ({"weight": "where(jet_flavour == 4, -1, 1)"}, "class 'c' add up to -"),
        ({"jets__sv_mass": "jet_sv_mass * nan_to(log(-1), 1) / 0 * 0"}, "input 'sv_mass' has no"),
    ],
)
def test_what_cannot_be_prepared_is_one_sentence_and_leaves_nothing(tmp_path, changes, said):
    path = write_root(tmp_path / "sample.root", small())
    with pytest.raises(FtagPruneError, match=re.escape(said)) as refused:
        prepare(card(**changes), [path], tmp_path / "out")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_class_that_a_cut_removes_names_the_cut(tmp_path):
    sample = small()
    tau = sample.jets["flavour"] == 15
    path = write_root(tmp_path / "sample.root", sample)
    with pytest.raises(SampleError) as refused:
        prepare(card(select={"pt": "pt > 20", "no": "jet_flavour != 15"}), [path], tmp_path / "out")
    high = (sample.jets["pt"] / np.float32(1000) > 20)[tau].sum()
    wanted = (
        f"{path}: no jet of class 'tau' for training among {tau.sum()}: "
        f"select.no rejects most, {high}; 0 are kept, in other splits"
    )
    assert str(refused.value) == wanted


def test_a_split_without_jets_is_refused(tmp_path):
    sample = small()
    path = write_root(tmp_path / "s.root", lost(sample, event=sample.jets["event"] // 10 * 10 + 3))
    with pytest.raises(SampleError, match="no jet for the split 'val' among 400: "):
        prepare(card(), [path], tmp_path / "out")


def test_signed_and_unsigned_events_do_not_mix(tmp_path):
    first, second = small(), small(seed=1)
    signed = lost(second, event=second.jets["event"].astype(np.int64))
    files = [write_root(tmp_path / "a.root", first), write_root(tmp_path / "b.root", signed)]
    with pytest.raises(SampleError, match="event: is signed in one file and unsigned in another"):
        prepare(card(), files, tmp_path / "out")


def test_tracks_need_inputs(tmp_path):
    path = write_root(tmp_path / "sample.root", small())
    with pytest.raises(ConfigError, match=r"inputs\.tracks names none, but tracks are wanted"):
        prepare(card(inputs__tracks=[]), [path], tmp_path / "out", constituents=True)


def test_earlier_files_stay_when_a_later_preparation_fails(made, tmp_path):
    _, path, done = made
    prepare(card(), [path], tmp_path, constituents=True)
    with pytest.raises(SampleError):
        prepare(card(select__no="pt > 1000"), [path], tmp_path)
    for split in SPLITS:
        assert (tmp_path / f"{split}.h5").read_bytes() == getattr(done, split).read_bytes()


def kept(first, label, weight=1, *, columns=("pt", "eta"), **others):
    """Records of the first pass."""
    made = np.zeros(len(first), kept_dtype(columns))
    made[columns[0]], made["label"], made["mc_weight"] = first, label, weight
    for name, values in others.items():
        made[name] = values
    return made


HALVES = {"a": 0.5, "b": 0.5}


class TestBalance:
    """Known spectra."""

    @pytest.mark.parametrize("columns", [("pt",), ("pt", "eta"), ("pt", "eta", "mass")])
    def test_classes_with_different_spectra_become_alike(self, columns):
        rng = np.random.default_rng(1)
        label = rng.integers(0, 2, 40_000)
        first = np.where(label, rng.exponential(50, 40_000), rng.exponential(80, 40_000))
        jets = kept(first, label, columns=columns)
        made = balance([jets], columns, shares=HALVES, where="here")
        weight = made.weights(jets).astype(np.float64)
        edges = np.array([0, *made.edges[0], np.inf])
        assert len(edges) > 9
        spectra = [
            np.histogram(jets["pt"][label == k], edges, weights=weight[label == k])[0]
            for k in (0, 1)
        ]
        np.testing.assert_allclose(spectra[0], spectra[1], rtol=1e-4)

    def test_the_target_may_be_the_spectrum_of_a_class(self):
        rng = np.random.default_rng(1)
        label = rng.integers(0, 2, 10_000)
        first = np.where(label, rng.exponential(50, 10_000), rng.exponential(60, 10_000))
        jets = kept(first, label)
        made = balance([jets], ("pt", "eta"), shares=HALVES, where="here", to="b")
        weight = made.weights(jets)
        assert np.ptp(weight[label == 1]) < 1e-6
        assert np.ptp(weight[label == 0]) > 0.1

    def test_the_sign_of_a_column_does_not_matter(self):
        rng = np.random.default_rng(3)
        eta, label = rng.uniform(0, 2.5, 4000), rng.integers(0, 2, 4000)
        both = kept([50] * 4000, label, eta=eta * np.where(label, 1, rng.choice([-1, 1], 4000)))
        right = kept([50] * 4000, label, eta=eta)
        weights = [
            balance([jets], ("pt", "eta"), shares=HALVES, where="here").weights(jets)
            for jets in (both, right)
        ]
        np.testing.assert_array_equal(*weights)

    def test_generator_weights_that_undo_a_bias_count(self):
        jets = kept([10] * 300 + [90] * 300, [0] * 400 + [1] * 200)
        jets["mc_weight"][:100] = 3
        weight = balance([jets], ("pt", "eta"), shares=HALVES, where="here").weights(jets)
        assert weight[0] == pytest.approx(3 * weight[100], rel=1e-6)

    def test_a_spectrum_that_was_biased_on_purpose_keeps_its_jets(self):
        """Flat in pt with weights that fall by 1000: all jets count alike in the end."""
        rng = np.random.default_rng(2)
        first = rng.uniform(250, 1000, 40_000)
        label = rng.integers(0, 2, 40_000)
        jets = kept(first, label, np.where(label == 1, (250 / first) ** 5, 1))
        made = balance([jets], ("pt", "eta"), shares=HALVES, where="here")
        for index in (0, 1):
            weight = made.weights(jets)[label == index].astype(np.float64)
            effective = weight.sum() ** 2 / (weight**2).sum()
            assert effective > 0.97 * len(weight)

    def test_classes_have_their_shares(self):
        jets = kept([10] * 500 + [90] * 500, [0] * 900 + [1] * 100)
        shares = {"a": 0.7, "b": 0.3}
        weight = balance([jets], ("pt", "eta"), shares=shares, where="here").weights(jets)
        assert weight.mean() == pytest.approx(1)
        assert weight[:900].sum() == pytest.approx(700)

    def test_no_factor_is_far_above_the_rest_of_its_class(self):
        jets = kept([10] * 4000 + [90] * 2 + [90] * 4000, [0] * 4002 + [1] * 4000)
        made = balance([jets], ("pt", "eta"), shares=HALVES, where="here")
        weight = made.weights(jets)
        assert weight[4001] / weight[0] == pytest.approx(20 / 0.5, rel=0.01)

    def test_missing_columns_do_no_harm(self):
        jets = kept([np.nan] * 50 + [10] * 50, [0, 1] * 50)
        weight = balance([jets], ("pt", "eta"), shares=HALVES, where="here").weights(jets)
        assert np.isfinite(weight).all()

    def test_without_a_balance_the_weights_are_the_generator_s(self):
        jets = kept([10] * 4, [0, 0, 1, 1], [1, 2, 3, 2])
        weight = scaled([jets[:3], jets[3:]], 2, where="here").weights(jets)
        assert weight.tolist() == [0.5, 1, 1.5, 1]
        with pytest.raises(SampleError, match=r"here: the weights of the .* jets add up to -8"):
            scaled([kept([1], [0], -8)], 2, where="here")


class TestResample:
    """Copies of jets."""

    def test_the_mean_number_of_copies_is_that_of_a_slow_twin(self):
        """Two bins, two classes; each keeps its number of jets and takes the mean of the shapes."""
        first = [10] * 300 + [90] * 100 + [10] * 100 + [90] * 300
        label, weight = [0] * 400 + [1] * 400, [1, 3] * 400
        jets = kept(first, label, weight)
        made = balance([jets], ("pt",), shares=HALVES, where="here")
        draw = Draw(made, np.ones(2), 5, 1)
        found = draw.expected(jets)
        for index in range(800):
            mine = [i for i in range(800) if label[i] == label[index]]
            bin_ = [i for i in mine if first[i] == first[index]]
            share = len(mine) / 2 / sum(weight[i] for i in bin_)  # both bins alike in the target
            assert found[index] == pytest.approx(weight[index] * share, rel=1e-9)

    def test_a_jet_is_taken_as_often_as_expected_on_average(self):
        rng = np.random.default_rng(5)
        jets = kept(rng.exponential(50, 50_000), rng.integers(0, 2, 50_000))
        jets["mc_weight"] = rng.uniform(0.2, 9, 50_000)
        made = balance([jets], ("pt", "eta"), shares=HALVES, where="here")
        draw = Draw(made, np.ones(2), 2, 7)
        wanted = draw.expected(jets)
        assert wanted.max() == 2
        (whole,) = draw.copies([jets], where="here")
        assert (np.abs(whole - wanted) < 1).all()
        assert whole.sum() == pytest.approx(wanted.sum(), abs=4 * np.sqrt(50_000 / 4))
        parts = np.concatenate(
            list(draw.copies([jets[:7], jets[7:20_000], jets[20_000:]], where=""))
        )
        np.testing.assert_array_equal(parts, whole)
        assert (next(draw._replace(seed=8).copies([jets], where="")) != whole).any()

    def test_training_jets_alone_are_copied_and_the_rest_stays(self, made, tmp_path):
        _, path, weighed = made
        done = prepare(
            card(), [path], tmp_path, balance=Resample(to="b", copies=3), constituents=True
        )
        assert done.counts == weighed.counts
        alike = prepare(card(), [path], tmp_path / "w", balance=Weights(to="b"), constituents=True)
        for split in ("val", "test"):
            mine, theirs = (h5py.File(getattr(one, split)) for one in (done, alike))
            for name in ("jets", "tracks"):
                assert mine[name][:].tobytes() == theirs[name][:].tobytes()
        with h5py.File(done.train) as file, h5py.File(weighed.train) as before:
            jets, tracks, once = file["jets"][:], file["tracks"][:], before["jets"][:]
            after = json.loads(file.attrs["balance"])["training_jets"]
            values = [jets[name][np.isfinite(jets[name])] for name in ("log_pt", "sv_mass")]
            assert file.attrs["mean"][:2] == pytest.approx([v.mean(dtype=float) for v in values])
            valid = tracks["ptfrac"][tracks["valid"]].astype(np.float64)
            assert file.attrs["track_mean"][1] == pytest.approx(valid.mean())
            kept_tracks = before["tracks"][:]
        place = {one: n for n, one in enumerate(zip(once["event"], once["log_pt"]))}
        order = [place[one] for one in zip(jets["event"], jets["log_pt"])]
        assert order == sorted(order), "copies are adjacent"
        copies = np.bincount(order, minlength=len(once))
        assert {0, 1, 2} <= set(copies) <= {0, 1, 2, 3}
        np.testing.assert_array_equal(tracks, kept_tracks[order])
        flavours = ("b", "c", "u", "tau")
        assert after == {
            "before": dict(zip(flavours, np.bincount(once["label"]).tolist())),
            "after": dict(zip(flavours, np.bincount(jets["label"]).tolist())),
        }
        for index, share in enumerate(TASKS["single_b"].shares.values()):
            mine = jets["weight"][jets["label"] == index]
            assert len(set(mine.tolist())) == 1
            assert mine.sum(dtype=np.float64) == pytest.approx(share * len(jets), rel=1e-5)

    def test_negative_weights_are_one_sentence(self, tmp_path):
        path = write_root(tmp_path / "sample.root", small())
        negative = card(weight="where(jet_event % 7 == 0, -1, 1)")
        with pytest.raises(SampleError) as refused:
            prepare(negative, [path], tmp_path / "out", balance=Resample())
        assert re.fullmatch(
            rf"{path}: some training jets have negative weights, \d+ among the first \d+, and "
            r"cannot be resampled; take balance: {kind: weights}",
            str(refused.value),
        )

    def test_large_jets_are_resampled_in_their_mass_too(self, tmp_path):
        labels = {"hbb": "jet_flavour == 5", "hcc": "jet_flavour == 4"}
        labels |= {"top": "jet_flavour == 15", "qcd": "jet_flavour == 0"}
        path = write_root(tmp_path / "sample.root", small(600))
        made = {}
        for chosen in (Resample(), Weights(), Resample(columns=["eta"]), Unbalanced()):
            large = card(task="hbb_cc", labels=labels, jets__mass="jet_sv_mass / 1000")
            done = prepare(large, [path], tmp_path / "out", balance=chosen)
            with h5py.File(done.train) as file:
                made[str(chosen)] = json.loads(file.attrs["balance"])["columns"]
                assert set(json.loads(file.attrs["spectra"])["columns"]) == {"pt", "eta", "mass"}
        assert list(made.values()) == [["pt", "eta", "mass"], ["pt", "eta"], ["eta"], []]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (Weights(to="bb"), "balance.to: no class 'bb'; nearest: 'b'"),
        (Resample(columns=["mas"]), "balance.columns: no column 'mas' in card 'small'; nearest: "),
    ],
)
def test_a_balance_that_the_card_cannot_have_is_one_sentence(made, tmp_path, chosen, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        prepare(card(), [made[1]], tmp_path, balance=chosen)


@pytest.mark.parametrize("chosen", [Unbalanced(), Weights(), Resample()])
def test_spectra_before_and_after_are_those_of_the_jets(made, tmp_path, chosen):
    done = prepare(card(), [made[1]], tmp_path, balance=chosen)
    with h5py.File(made[2].train) as file:
        plain = file["jets"][:]
    with h5py.File(done.train) as file:
        final, told = file["jets"][:], json.loads(file.attrs["spectra"])
    assert told["how"] == chosen.kind
    assert list(told["columns"]) == ["pt", "eta"]
    for name, column in told["columns"].items():
        edges = np.array(column["edges"])
        assert len(edges) == 41
        for index, flavour in enumerate(("b", "c", "u", "tau")):
            for when, jets, weight in (
                ("before", plain, plain["mc_weight"]),
                ("after", final, final["weight"]),
            ):
                mine = jets["label"] == index
                known = np.histogram(
                    np.abs(jets[name][mine]), edges.astype(np.float32), weights=weight[mine]
                )[0]
                found = column[when][flavour]
                np.testing.assert_allclose(found["sum"], known, rtol=1e-5, atol=1e-9)
                assert np.sum(known) == pytest.approx(weight[mine].sum(dtype=np.float64), rel=1e-5)
                if chosen.kind != "resample":
                    squares = np.histogram(
                        np.abs(jets[name][mine]),
                        edges.astype(np.float32),
                        weights=weight[mine].astype(np.float64) ** 2,
                    )[0]
                    np.testing.assert_allclose(found["sum2"], squares, rtol=1e-5, atol=1e-9)


def test_edges_are_round():
    pt = edges_of("pt", 20.3, 487.0)
    assert (pt[0], pt[-1], len(pt)) == (20, pytest.approx(500), 41)
    assert np.ptp(np.diff(np.log(pt))) < 1e-12
    eta = edges_of("eta", 0.001, 2.499)
    assert (eta[0], eta[-1]) == (0, 2.5)
    mass = edges_of("mass", 50.2, 299)
    assert (mass[0], mass[-1]) == (50, 300)


@settings(deadline=None)
@given(
    st.integers(1, 50),
    st.sampled_from([0.0, 1e4, -3e6]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
)
def test_moments_are_those_of_numpy(number, offset, seed, length):
    rng = np.random.default_rng(seed)
    table = (offset + rng.normal(size=(number, 2))).astype(np.float32)
    holes = rng.random(table.shape) < 0.3
    holes[0] = False
    table[holes] = rng.choice([np.nan, np.inf, -np.inf], holes.sum())
    pieces = [table[begin : begin + length] for begin in range(0, number, length)]
    found = moments(pieces, ["a", "b"], where="here")
    for column in (0, 1):
        values = table[~holes[:, column], column].astype(np.float64)
        assert found.mean[column] == pytest.approx(values.mean(), rel=1e-9)
        constant = values.std() <= 1e-7 * abs(values.mean())
        assert found.std[column] == pytest.approx(1 if constant else values.std(), rel=1e-6)


def test_moments_of_tracks_are_those_of_evenly_spaced_jets(made, tmp_path, monkeypatch):
    monkeypatch.setattr(moments_module, "_JETS", 100)
    done = prepare(card(), [made[1]], tmp_path, constituents=True)
    with h5py.File(done.train) as file:
        tracks = file["tracks"][:: -(-len(file["jets"]) // 100)]
        assert 50 < len(tracks) <= 100
        values = tracks["ptfrac"][tracks["valid"]].astype(np.float64)
        assert file.attrs["track_mean"][1] == pytest.approx(values.mean(), rel=1e-12)


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 7))
def test_blocks_are_regular(sizes, length):
    rows = np.arange(sum(sizes))
    found = list(regular(np.split(rows, np.cumsum(sizes)[:-1]) if sizes else [], length))
    assert [len(block) for block in found[:-1]] == [length] * (len(found) - 1)
    assert [row for block in found for row in block] == rows.tolist()
    assert all(len(block) for block in found)


def test_sums_go_over_the_same_blocks_however_the_files_were_cut(tmp_path):
    for sizes in ([150_000], [1, 70_000, 79_998, 1]):
        spool = Spool(tmp_path / str(len(sizes)), kept_dtype(["pt"]))
        parts, rows = [], np.arange(150_000)
        for mine in np.split(rows, np.cumsum(sizes)[:-1]):
            records = kept(mine % 1000, [0] * len(mine), columns=["pt"], split=mine % 2)
            parts.append(spool.add(Scanned(None, records, np.dtype(np.int64), None)))
        blocks = list(Training(spool, parts))
        assert [len(block) for block in blocks] == [65_536, 9464]
        assert np.concatenate(blocks)["pt"].tolist() == (rows[::2] % 1000).tolist()


# -- splits --------------------------------------------------------------------------------------


def splitmix64(number):
    """Slow twin: SplitMix64 seeded with a number, its first value."""
    low = 2**64 - 1
    z = (number + 0x9E3779B97F4A7C15) & low
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & low
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & low
    return z ^ (z >> 31)


EVENTS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50)


@given(EVENTS)
def test_numbers_are_mixed_as_a_slow_twin_does(numbers):
    assert mixed(np.array(numbers, np.uint64)).tolist() == [splitmix64(one) for one in numbers]
    tenths = [(0,) * 6 + (1,) + (2,) * 3][0]
    found = splits(np.array(numbers, np.uint64), Split(by="hash"))
    assert found.tolist() == [tenths[splitmix64(one) % 10] for one in numbers]


def test_the_first_value_of_splitmix64_is_the_published_one():
    assert mixed(np.zeros(1, np.uint64)).tolist() == [0xE220A8397B1DCDAF]


@given(EVENTS, st.integers(3, 12), st.sampled_from(["modulo", "hash"]), st.booleans())
def test_folds_test_every_event_once_and_validate_it_once(numbers, folds, by, signed):
    events = np.array(numbers, np.uint64).view(np.int64 if signed else np.uint64)
    found = np.stack(
        [splits(events, Split(by=by, folds=folds, fold=fold)) for fold in range(folds)]
    )
    assert ((found == 2).sum(axis=0) == 1).all()
    assert ((found == 1).sum(axis=0) == 1).all()
    assert (np.roll(found == 2, -1, axis=0) == (found == 1)).all(), "the next fold validates"


def test_numbers_that_end_alike_are_spread_by_a_hash():
    events = np.arange(0, 1_000_000, 10)
    assert set(splits(events, Split())) == {0}
    parts = np.bincount(splits(events, Split(by="hash"))) / len(events)
    assert parts == pytest.approx([0.6, 0.1, 0.3], abs=0.006)


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (
            {"train": 5},
            "split: train, val and test are tenths of the events and add up to 10, not 9",
        ),
        ({"folds": 5, "fold": 5}, "split: fold 5 of 5; they count from 0"),
        ({"fold": 1}, "split: fold 1 is asked for, but not how many folds there are"),
        ({"folds": 5, "train": 5, "val": 2}, "split: has both folds and train, val, test; give"),
        ({"folds": 2}, "split.folds: input should be greater than or equal to 3"),
    ],
)
def test_a_split_that_cannot_be_is_one_sentence(split, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        validated(Sample, {"card": "a.yaml", "split": split}, where="s.yaml")


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"kind": "resampel"}, "balance"),
        ({"kind": "weights", "copies": 3}, "no key 'balance.copies'"),
        ({"kind": "resample", "copies": 0}, "balance.copies: input should be greater than"),
        ({"kind": "weights", "columns": []}, "balance.columns"),
    ],
)
def test_a_balance_that_cannot_be_is_one_sentence(chosen, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        validated(Sample, {"card": "a.yaml", "balance": chosen}, where="s.yaml")
    assert "\n" not in str(refused.value)


def test_a_sample_comes_back_from_its_json():
    for one in (
        {"split": {"folds": 5, "fold": 2, "by": "hash"}, "balance": {"kind": "none"}},
        {"balance": {"kind": "resample", "to": "b", "columns": ["pt"], "copies": 2}},
    ):
        sample = Sample.model_validate({"card": "a.yaml", **one})
        assert Sample.model_validate_json(sample.model_dump_json()) == sample


def test_folds_reach_the_files(made, tmp_path):
    done = prepare(card(), [made[1]], tmp_path, split=Split(folds=4, fold=3))
    for file, remainders in zip(opened(done).values(), ({1, 2}, {0}, {3})):
        assert set((file["jets"]["event"] % 4).tolist()) == remainders
        told = json.loads(file.attrs["split"])
        assert told == {"by": "modulo", "folds": 4, "fold": 3, "number": "of the event"}


# -- without an event number ---------------------------------------------------------------------


def test_a_jet_without_event_is_known_by_its_bits():
    values = np.array([[30.5, 30.5, 0.0, -0.0, np.nan], [1.5, -1.5, 2.0, 2.0, 1.0]], np.float32)
    wanted = []
    for pt, eta in values.T:
        bits = [struct.unpack("<I", struct.pack("<f", one + np.float32(0)))[0] for one in (pt, eta)]
        wanted.append(splitmix64(splitmix64(bits[0]) ^ bits[1]))
    found = fingerprints(list(values))
    assert found.tolist() == wanted
    assert found[2] == found[3]
    assert len(set(found.tolist())) == 4
    odd = np.array([0x7FC00001], np.uint32).view(np.float32)
    assert fingerprints([odd, values[1, 4:]]) == found[4:]


def test_a_sample_without_event_numbers_is_split_by_its_jets(tmp_path, caplog):
    path = write_root(tmp_path / "sample.root", small(600))
    twice = write_root(tmp_path / "more.root", small(200, seed=1))
    with caplog.at_level(logging.WARNING):
        done = prepare(card(event=None), [path, twice, path], tmp_path / "a")
    (warned,) = caplog.messages
    assert warned == (
        "card 'small' names no event number: jets are split by a hash of their pt and eta, and "
        "jets of one event may be in the training and in the test"
    )
    other = prepare(card(event=None), [twice, path, path], tmp_path / "b", step=50)
    for split in SPLITS:
        mine, theirs = (h5py.File(getattr(one, split)) for one in (done, other))
        assert sorted(mine["jets"]["event"]) == sorted(theirs["jets"]["event"])
        assert "pt and eta" in json.loads(mine.attrs["split"])["number"]
    events = [set(file["jets"]["event"].tolist()) for file in opened(done).values()]
    assert not events[0] & events[1] | events[0] & events[2] | events[1] & events[2]


# -- what goes wrong -----------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_stops_or_is_skipped(made, tmp_path, caplog):
    _, path, done = made
    broken, absent = tmp_path / "broken.root", tmp_path / "absent.root"
    broken.write_bytes(path.read_bytes()[:5000])
    files = [broken, path, absent]
    with pytest.raises(SampleError, match=re.escape(f"{broken}: ")):
        prepare(card(), files, tmp_path / "out")
    for workers in (1, 2):
        caplog.clear()
        out = tmp_path / f"out-{workers}"
        with caplog.at_level(logging.WARNING):
            made_ = prepare(card(on_error="skip"), files, out, constituents=True, workers=workers)
        assert made_.counts == done.counts
        with h5py.File(made_.val) as file:
            skipped = json.loads(file.attrs["skipped"])
            assert [one["path"] for one in json.loads(file.attrs["sources"])] == [str(path)]
        assert list(skipped) == [str(broken), str(absent)]
        assert skipped[str(absent)] == f"{absent}: no such file"
        assert caplog.messages == [f"left out: {reason}" for reason in skipped.values()]
    with pytest.raises(SampleError, match="none of 2 files can be read; the first: "):
        prepare(card(on_error="skip"), [broken, absent], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_the_card_says_wrongly_is_never_skipped(made, tmp_path):
    wrong = card(on_error="skip", labels__b="jet_flavour in (5, 4)")
    with pytest.raises(SampleError, match="a jet has one class"):
        prepare(wrong, [made[1]], tmp_path)


def test_a_file_that_breaks_between_the_passes_is_left_out_as_a_whole(made, tmp_path):
    path = made[1]
    other = write_root(tmp_path / "other.root", small(200, seed=1))

    def break_it(seen, total):
        if 2 * seen == total:  # the first pass is done
            other.write_bytes(other.read_bytes()[:5000])

    options = {"constituents": True, "piece": 90, "balance": Resample()}
    made_ = prepare(
        card(on_error="skip"), [other, path], tmp_path / "out", progress=break_it, **options
    )
    alone = prepare(card(on_error="skip"), [path], tmp_path / "alone", **options)
    for name in ("jets", "tracks"):
        for mine, theirs in zip(opened(made_).values(), opened(alone).values()):
            assert mine[name][:].tobytes() == theirs[name][:].tobytes()
    with h5py.File(made_.val) as file:
        assert list(json.loads(file.attrs["skipped"])) == [str(other)]
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "test.h5",
        "train.h5",
        "val.h5",
    ]


def test_a_killed_process_is_one_sentence(made, tmp_path):
    def kill(_seen, _total):
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(SampleError, match=r"^a worker process was killed, mostly for want of mem"):
        prepare(card(), [made[1]], tmp_path / "out", workers=2, piece=5, progress=kill)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_nothing_behind(made, tmp_path, workers):
    def interrupt(seen, total):
        if seen > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(card(), [made[1]], tmp_path / "out", workers=workers, piece=100, progress=interrupt)
    assert list((tmp_path / "out").iterdir()) == []
    assert not multiprocessing.active_children()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(made, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write.os, "pwrite", full)
    with pytest.raises(SampleError, match=r"train\.h5: cannot be written \(No space left on dev"):
        prepare(card(), [made[1]], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_write_may_take_several_calls(made, tmp_path, monkeypatch):
    whole = os.pwrite
    monkeypatch.setattr(write.os, "pwrite", lambda file, data, at: whole(file, data[:1000], at))
    assert same(prepare(card(), [made[1]], tmp_path, constituents=True), made[2])


def test_at_least_one_process_works(made, tmp_path):
    with pytest.raises(ConfigError, match="workers 0: wanted at least 1"):
        prepare(card(), [made[1]], tmp_path, workers=0)


# -- command line --------------------------------------------------------------------------------


def call(*arguments):
    command = [sys.executable, "-m", "ftag_prune", "prepare", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_takes_all_that_a_study_can_say(made, tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(content(), sort_keys=False))
    chosen = {"kind": "resample", "to": "c", "columns": ["pt"], "copies": 2, "seed": 9}
    done = call(
        *(path, tmp_path / "out", made[1], "--folds", 5, "--fold", 1, "--split-by", "hash"),
        *("--balance", json.dumps(chosen), "--workers", 2),
    )
    assert done.returncode == 0, done.stderr
    assert "600 jets read" in done.stderr
    again = prepare(
        card(),
        [made[1]],
        tmp_path / "again",
        split=Split(folds=5, fold=1, by="hash"),
        balance=Resample(to="c", columns=["pt"], copies=2, seed=9),
    )
    for split in SPLITS:
        assert (tmp_path / "out" / f"{split}.h5").read_bytes() == getattr(again, split).read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--split", 5, 1, 3], "options of prepare: split: train, val and test are tenths"),
        (["--balance", "{"], "--balance: not JSON"),
        (["--balance", "{}"], "balance"),
        (["--balance", "none", "--balance-to", "b"], "no key 'balance.to'"),
        (["--balance-to", "x"], "balance.to: no class 'x'"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(made, tmp_path, options, said):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(content(), sort_keys=False))
    done = call(path, tmp_path / "out", made[1], *options)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("ftag-prune: ")
    assert done.stderr.count("\n") == 1


def test_a_log_says_how_fast_and_how_long(monkeypatch, capsys):
    clock = iter([0.0, 30.0, 61.0, 62.0, 200.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.counter("jets of small") as count:
        for done in (100, 6100, 6200, 20_000):
            count(done, 30_000)
    assert capsys.readouterr().err.splitlines() == [
        "6,100 of 30,000 jets of small, 100/s, 4 min left",
        "20,000 of 30,000 jets of small, 100/s, 2 min left",
    ]
