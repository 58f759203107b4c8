"""HDF5 files with a dataset for each column, and structured ones with a counter."""

import re

import awkward as ak
import h5py
import numpy as np
import pytest
from small_samples import SLOTS, hdf5_card, small, write_hdf5

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, columns, entries
from ftag_prune.schema import Card, plan_of
from ftag_prune.spec import validated

JETS = 40
CARD = {
    "name": "flat",
    "title": "flat",
    "task": "single_b",
    "format": "hdf5",
    "dataset": "/",
    "jets": {"pt": "jet_pt", "eta": "jet_eta", "n": "count(tracks.d0)", "twice": "pt * 2"},
    "constituents": {
        "prefix": "trk_",
        "counter": "n_trk",
        "variables": {"d0": "d0", "z0": "z0"},
        "sort": "d0",
        "maximum": 3,
    },
    "inputs": {"jets": ["pt"], "tracks": ["d0"]},
    "labels": {"b": "flavour == 5", "c": "flavour == 4", "u": "flavour == 0"},
    "event": "event",
}


def described(*, dataset="/", jets=None, **changes):
    made = {**CARD, "dataset": dataset, "jets": jets or CARD["jets"]}
    made["constituents"] = {**CARD["constituents"], **changes}
    return validated(Card, made, where="card")


def table(*, seed=0, number=JETS, most=5):
    """Columns of jets, numbers of tracks, and two columns of tracks, jet by jet."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most + 1, number)
    jets = {
        "jet_pt": rng.uniform(20, 200, number).astype("f4"),
        "jet_eta": rng.uniform(-2, 2, number).astype("f4"),
        "flavour": rng.choice([0, 4, 5], number).astype("i4"),
        "event": (2**60 + 1 + np.arange(number)).astype("u8"),
    }
    tracks = {
        "trk_d0": rng.normal(0, 1, counts.sum()).astype("f4"),
        "trk_z0": rng.integers(0, 99, counts.sum()).astype("i2"),
    }
    return jets, counts, tracks


def padded(values, counts, slots):
    """(jets, slots); what has no room is left out, empty slots hold a number that is not theirs."""
    made = np.full((len(counts), slots), -99, values.dtype)
    ends = np.cumsum(counts)
    for row, (begin, end) in enumerate(zip(ends - counts, ends)):
        some = values[begin:end][:slots]
        made[row, : len(some)] = some
    return made


def written(path, columns_, group="/"):
    with h5py.File(path, "w") as file:
        for name, values in columns_.items():
            file.require_group(group)[name] = values
    return path


def lists(values, counts, most=None):
    ends = np.cumsum(counts)
    return [values[b:e][:most].tolist() for b, e in zip(ends - counts, ends)]


def read(card, path, **options):
    return ak.concatenate(list(batches(card, [path], constituents=True, **options)))


@pytest.mark.parametrize("group", ["/", "nested/sample"])
@pytest.mark.parametrize("kind", ["i4", "u1", "f4"])
@pytest.mark.parametrize("slots", [2, 5, 9, None])
@pytest.mark.parametrize("step", [1, 7, 1000, "1 kB"])
def test_a_counter_says_how_many_belong_to_a_jet(tmp_path, group, kind, slots, step):
    """In padded rows, also too short ones (the first are kept), and in one row for all jets."""
    jets, counts, tracks = table()
    made = {n: v if slots is None else padded(v, counts, slots) for n, v in tracks.items()}
    path = written(tmp_path / "flat.h5", {**jets, "n_trk": counts.astype(kind), **made}, group)
    card = described(dataset=group)
    found = read(card, path, step=step)
    assert entries(card, path) == JETS
    assert found.tracks.d0.to_list() == lists(tracks["trk_d0"], counts, slots)
    assert found.tracks.z0.to_list() == lists(tracks["trk_z0"], counts, slots)
    assert found.n.to_list() == np.minimum(counts, slots or 99).tolist()
    np.testing.assert_array_equal(found.pt, jets["jet_pt"])
    np.testing.assert_array_equal(found.twice, jets["jet_pt"] * 2)
    assert ak.to_numpy(found.pt).dtype == np.float32


def test_without_a_counter_all_slots_are_taken(tmp_path):
    jets, counts, tracks = table()
    made = {name: padded(values, counts, 4) for name, values in tracks.items()}
    path = written(tmp_path / "flat.h5", {**jets, **made})
    found = read(described(counter=None), path, step=9)
    assert found.tracks.d0.to_list() == made["trk_d0"].tolist()
    assert set(found.n.to_list()) == {4}


@pytest.mark.parametrize("slots", [3, None])
def test_ranges_of_jets_together_are_the_whole_file(tmp_path, slots):
    jets, counts, tracks = table()
    made = {n: v if slots is None else padded(v, counts, slots) for n, v in tracks.items()}
    path = written(tmp_path / "flat.h5", {**jets, "n_trk": counts, **made})
    card = described()
    plan = plan_of(card)

    def part(start, stop, step=7):
        found = columns(
            card, path, plan=plan, wanted=[plan.tracks["d0"]], start=start, stop=stop, step=step
        )
        ragged = [one.per_track(plan.tracks["d0"]) for one in found]
        return [row for one in ragged for row in lists(one.content, one.rows.counts)]

    whole = lists(tracks["trk_d0"], counts, slots)
    assert part(0, None) == whole
    assert part(0, 13) + part(13, 14) + part(14, 99) == whole
    assert part(20, 20) == part(JETS, None) == []


def test_flat_files_are_prepared(tmp_path):
    jets, counts, tracks = table(number=300)
    path = written(tmp_path / "flat.h5", {**jets, "n_trk": counts, **tracks})
    made = prepare(described(), [path], tmp_path / "out", constituents=True, step=11, piece=50)
    best = {
        number: sorted(values, reverse=True)[:3]
        for number, values in zip(jets["event"].tolist(), lists(tracks["trk_d0"], counts))
    }
    assert made.counts.read == 300
    for one in made[:3]:
        with h5py.File(one) as file:
            for jet, row in zip(file["jets"][:], file["tracks"][:]):
                assert row["d0"][row["valid"]].tolist() == best.pop(int(jet["event"]))
    assert not best


def test_the_size_is_that_of_a_branch_and_not_of_a_column_with_its_name(tmp_path):
    """`pt` is made by the card; a dataset of this name has nothing to do with it."""
    jets, counts, tracks = table()
    path = written(
        tmp_path / "flat.h5", {**jets, "n_trk": counts, **tracks, "pt": np.zeros(3, "f4")}
    )
    card = described(jets={"pt": "sum(tracks.z0)", "twice": "pt * 2", "eta": "jet_eta"})
    assert entries(card, path) == JETS


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jet_pt": None}, "group '/': no branch 'jet_pt'; nearest: 'jet_eta'"),
        ({"trk_d0": None}, "group '/': no branch 'trk_d0'; nearest: 'trk_z0'"),
        ({"n_trk": None}, "group '/': no branch 'n_trk'"),
        (
            {"jet_eta": np.zeros(JETS + 1)},
            "branch 'jet_eta' has the shape (41,), not (40,) as other jets",
        ),
        (
            {"n_trk": np.zeros(JETS - 1, "i4")},
            "branch 'n_trk' has the shape (39,), not (40,) as other jets",
        ),
        ({"trk_d0": np.zeros(3, "f4")}, "branches 'trk_*' differ in length"),
        (
            {"trk_d0": np.zeros(3, "f4"), "trk_z0": np.zeros(3, "f4")},
            "branches 'trk_*' have the shape (3,), not one row for each of 40 jets nor as many "
            "values as the counter 'n_trk' says",
        ),
        ({"n_trk": np.full(JETS, 0.5)}, "branch 'n_trk' is no whole number per jet"),
        ({"n_trk": np.full(JETS, np.nan)}, "branch 'n_trk' is no whole number per jet"),
        ({"n_trk": np.full(JETS, -1)}, "branch 'n_trk' is no whole number per jet"),
        ({"n_trk": np.full(JETS, True)}, "branch 'n_trk' is no whole number per jet"),
        ({"jet_pt": np.array([b"x"] * JETS)}, "branch 'jet_pt' holds |S1, not numbers"),
        (
            {"trk_d0": np.full((JETS, 2), b"x"), "trk_z0": np.zeros((JETS, 2), "i2")},
            "branch 'trk_d0' holds |S1, not numbers",
        ),
    ],
)
def test_what_a_flat_file_does_not_hold_is_one_sentence(tmp_path, changes, said):
    jets, counts, tracks = table()
    made = {**jets, "n_trk": counts, **tracks} | changes
    path = written(tmp_path / "flat.h5", {n: v for n, v in made.items() if v is not None})
    with pytest.raises(SampleError, match=re.escape(said)) as refused:
        read(described(), path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_row_for_all_jets_needs_a_counter(tmp_path):
    jets, _, tracks = table()
    path = written(tmp_path / "flat.h5", {**jets, **tracks})
    with pytest.raises(SampleError, match=r"not one row for each of 40 jets$"):
        read(described(counter=None), path)


@pytest.mark.parametrize(
    ("group", "made", "said"),
    [
        ("/", {"other": np.zeros(3)}, "group '/': no branch of jets that the card names"),
        ("/", {"jet_pt": np.zeros((3, 2))}, "group '/': no branch of jets that the card names"),
        ("/", {"jet_pt": np.zeros(0), "jet_eta": np.zeros(0)}, "dataset '/': holds no jets"),
        ("elsewhere", {"jet_pt": np.zeros(3)}, "no dataset 'sample'"),
    ],
)
def test_groups_without_jets_are_one_sentence(tmp_path, group, made, said):
    path = written(tmp_path / "flat.h5", made, group)
    with pytest.raises(SampleError, match=re.escape(said)):
        entries(described(dataset="/" if group == "/" else "sample"), path)


def counted(path, counter):
    """Records of jets with a number of tracks; the flags of the tracks say nothing."""
    sample = small(50, seed=3)
    write_hdf5(path, sample)
    with h5py.File(path, "r+") as file:
        jets, tracks = file["jets"][:], file["tracks"][:]
        del file["jets"], file["tracks"]
        made = np.zeros(len(jets), [*jets.dtype.descr, ("n_tracks", counter.dtype)])
        for name in jets.dtype.names:
            made[name] = jets[name]
        made["n_tracks"] = counter
        tracks["valid"] = True
        file["jets"], file["tracks"] = made, tracks
    return sample


def with_counter(name="n_tracks"):
    made = hdf5_card().model_dump(mode="json")
    made["constituents"]["counter"] = name
    return validated(Card, made, where="card")


@pytest.mark.parametrize("kind", ["i4", "u2", "f4"])
@pytest.mark.parametrize("more", [0, 5])
def test_records_may_be_counted(tmp_path, kind, more):
    counts = np.minimum(small(50, seed=3).counts + more, SLOTS)
    counter = (small(50, seed=3).counts + more).astype(kind)
    path = tmp_path / "counted.h5"
    sample = counted(path, counter)
    found = read(with_counter(), path, step=7)
    assert found.n_tracks.to_list() == counts.tolist()
    if not more:
        assert found.tracks.d0.to_list() == lists(sample.tracks["d0"], sample.counts)


@pytest.mark.parametrize(
    ("value", "name", "said"),
    [
        (1.5, "n_tracks", "branch 'n_tracks' is no whole number per jet"),
        (np.nan, "n_tracks", "branch 'n_tracks' is no whole number per jet"),
        (-1, "n_tracks", "branch 'n_tracks' is no whole number per jet"),
        (1, "n_trks", "dataset 'jets': no branch 'n_trks'; nearest: 'n_tracks'"),
    ],
)
def test_counters_that_do_not_count_are_one_sentence(tmp_path, value, name, said):
    path = tmp_path / "counted.h5"
    counted(path, np.full(50, value))
    with pytest.raises((SampleError, ConfigError), match=re.escape(said)) as refused:
        read(with_counter(name), path)
    assert str(path) in str(refused.value)
