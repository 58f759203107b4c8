"""Prepared files: every jet is accounted for, and their content depends on the jets alone."""

import json
import re

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import card, hdf5_card, small, write_hdf5, write_rntuple, write_root

from ftag_prune.config import Split
from ftag_prune.errors import ConfigError, FtagPruneError, SampleError
from ftag_prune.flavours import TASKS
from ftag_prune.prepare import prepare
from ftag_prune.prepare.balance import balance
from ftag_prune.prepare.moments import moments
from ftag_prune.record import checksum
from ftag_prune.schema import jets_dtype

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
        assert json.loads(about["split"]) == {"train": 6, "val": 1, "test": 3}
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


@pytest.mark.parametrize("step", [1, 7, 599, 10_000, "4 kB"])
def test_the_bytes_do_not_depend_on_the_step(made, tmp_path, step):
    _, path, done = made
    again = prepare(card(), [path], tmp_path, constituents=True, step=step)
    for split in SPLITS:
        assert getattr(again, split).read_bytes() == getattr(done, split).read_bytes()
    assert again.counts == done.counts


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


def test_the_fingerprint_knows_the_content_and_not_the_place(made, tmp_path):
    _, path, done = made
    copy = tmp_path / "copy.root"
    copy.write_bytes(path.read_bytes())

    def fingerprint(described=None, files=(copy,), **options):
        chosen = {"constituents": True, **options}
        return prepare(described or card(), files, tmp_path / "out", **chosen).fingerprint

    assert fingerprint() == done.fingerprint
    assert fingerprint(card(files=["elsewhere.root"])) == done.fingerprint
    others = [
        fingerprint(card(select__pt="pt > 21")),
        fingerprint(constituents=False),
        fingerprint(split=Split(train=5, val=2, test=3)),
        fingerprint(files=(copy, write_root(tmp_path / "more.root", small(50)))),
    ]
    assert len({done.fingerprint, *others}) == 5


def test_progress_counts_the_jets(made, tmp_path):
    seen = []
    prepare(card(), [made[1]], tmp_path, step=250, progress=seen.append)
    assert seen == [250, 500, 600]
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


class TestBalance:
    """Known spectra."""

    @staticmethod
    def jets(first, label, weight=None):
        made = np.zeros(len(first), jets_dtype(["pt", "eta"], [], event=np.dtype(np.int64)))
        made["pt"], made["label"] = first, label
        made["mc_weight"] = 1 if weight is None else weight
        return made

    def test_classes_with_different_spectra_become_alike(self):
        rng = np.random.default_rng(1)
        label = rng.integers(0, 2, 40_000)
        first = np.where(label, rng.exponential(50, 40_000), rng.exponential(80, 40_000))
        jets = self.jets(first, label)
        made = balance(jets, ("pt", "eta"), shares={"a": 0.5, "b": 0.5}, where="here")
        weight = made.weights(jets).astype(np.float64)
        edges = np.array([0, *made.edges[0], np.inf])
        assert len(edges) > 10
        spectra = [
            np.histogram(jets["pt"][label == k], edges, weights=weight[label == k])[0]
            for k in (0, 1)
        ]
        np.testing.assert_allclose(spectra[0], spectra[1], rtol=1e-4)

    def test_generator_weights_that_undo_a_bias_count(self):
        jets = self.jets([10] * 300 + [90] * 300, [0] * 400 + [1] * 200)
        jets["mc_weight"][:100] = 3
        weight = balance(jets, ("pt", "eta"), shares={"a": 0.5, "b": 0.5}, where="here").weights(
            jets
        )
        assert weight[0] == pytest.approx(3 * weight[100], rel=1e-6)

    def test_a_spectrum_that_was_biased_on_purpose_keeps_its_jets(self):
        """Flat in pt with weights that fall by 1000: all jets count alike in the end."""
        rng = np.random.default_rng(2)
        first = rng.uniform(250, 1000, 40_000)
        label = rng.integers(0, 2, 40_000)
        jets = self.jets(first, label, weight=np.where(label == 1, (250 / first) ** 5, 1))
        made = balance(jets, ("pt", "eta"), shares={"a": 0.5, "b": 0.5}, where="here")
        for index in (0, 1):
            weight = made.weights(jets)[label == index].astype(np.float64)
            effective = weight.sum() ** 2 / (weight**2).sum()
            assert effective > 0.97 * len(weight)

    def test_classes_have_their_shares(self):
        jets = self.jets([10] * 500 + [90] * 500, [0] * 900 + [1] * 100)
        weight = balance(jets, ("pt", "eta"), shares={"a": 0.7, "b": 0.3}, where="here").weights(
            jets
        )
        assert weight.mean() == pytest.approx(1)
        assert weight[:900].sum() == pytest.approx(700)

    def test_no_factor_is_far_above_the_rest_of_its_class(self):
        jets = self.jets([10] * 4000 + [90] * 2 + [90] * 4000, [0] * 4002 + [1] * 4000)
        made = balance(jets, ("pt", "eta"), shares={"a": 0.5, "b": 0.5}, where="here")
        weight = made.weights(jets)
        assert weight[4001] / weight[0] == pytest.approx(20 / 0.5, rel=0.01)

    def test_missing_columns_do_no_harm(self):
        jets = self.jets([np.nan] * 50 + [10] * 50, [0, 1] * 50)
        weight = balance(jets, ("pt", "eta"), shares={"a": 0.5, "b": 0.5}, where="here").weights(
            jets
        )
        assert np.isfinite(weight).all()


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
