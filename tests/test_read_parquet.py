"""Columns of Parquet files."""

import math
import re

import awkward as ak
import numpy as np
import pytest

from ftag_prune.errors import SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, columns, entries
from ftag_prune.read.batches import identity
from ftag_prune.schema import Card, plan_of
from ftag_prune.spec import validated

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CARD = {
    "name": "columns",
    "title": "columns",
    "task": "single_b",
    "format": "parquet",
    "jets": {"pt": "jet_pt", "eta": "jet_eta", "n": "count(tracks.d0)"},
    "constituents": {
        "prefix": "part_",
        "variables": {"d0": "d0", "charge": "charge"},
        "sort": "d0",
        "maximum": 3,
    },
    "inputs": {"jets": ["pt"], "tracks": ["d0"]},
    "labels": {"b": "flavour == 5", "c": "flavour == 4", "u": "flavour == 0"},
    "event": "event",
}


def described(**changes):
    return validated(Card, {**CARD, **changes}, where="card")


def table(number=60, *, seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, number)
    ends = np.cumsum(counts)
    d0 = rng.normal(0, 1, counts.sum()).astype("f4")
    charge = rng.integers(-1, 2, counts.sum())

    def lists(values):
        return [values[b:e].tolist() for b, e in zip(ends - counts, ends)]

    return {
        "jet_pt": pa.array(rng.uniform(20, 200, number).astype("f4")),
        "jet_eta": pa.array(rng.uniform(-2, 2, number)),
        "flavour": pa.array(rng.choice([0, 4, 5], number).astype("i1")),
        "event": pa.array((2**60 + 1 + np.arange(number)).astype("u8")),
        "part_d0": pa.array(lists(d0), pa.list_(pa.float32())),
        "part_charge": pa.array(lists(charge), pa.large_list(pa.int8())),
    }


def written(path, made, rows=17):
    pq.write_table(pa.table(made), path, row_group_size=rows)
    return path


def read(card, path, **options):
    return ak.concatenate(list(batches(card, [path], constituents=True, **options)))


@pytest.mark.parametrize("rows", [1, 17, 1000])
@pytest.mark.parametrize("step", [1, 7, 1000, "1 kB"])
def test_columns_are_what_the_file_holds(tmp_path, rows, step):
    made = table()
    path = written(tmp_path / "jets.parquet", made, rows)
    card = described()
    found = read(card, path, step=step)
    assert entries(card, path) == 60
    assert found.pt.to_list() == made["jet_pt"].to_pylist()
    assert found.tracks.d0.to_list() == made["part_d0"].to_pylist()
    assert found.tracks.charge.to_list() == made["part_charge"].to_pylist()
    assert found.n.to_list() == [len(one) for one in made["part_d0"].to_pylist()]
    assert ak.to_numpy(found.pt).dtype == np.float32
    assert ak.to_numpy(ak.flatten(found.tracks.d0)).dtype == np.float32
    assert ak.to_numpy(ak.flatten(found.tracks.charge)).dtype == np.int8


def test_ranges_of_rows_together_are_the_whole_file(tmp_path):
    made = table()
    path = written(tmp_path / "jets.parquet", made)
    card = described()
    plan = plan_of(card)

    def part(start, stop, step=5):
        wanted = [plan.event, plan.tracks["d0"]]
        found = columns(card, path, plan=plan, wanted=wanted, start=start, stop=stop, step=step)
        return [number for one in found for number in one.per_jet(plan.event).tolist()]

    events = made["event"].to_pylist()
    assert part(0, None) == part(0, 99) == events
    assert part(0, 16) + part(16, 18) + part(18, 34) + part(34, 60) == events
    assert part(17, 34) == events[17:34]
    assert part(20, 20) == part(60, None) == []


def test_missing_numbers_are_nan_and_missing_lists_are_empty(tmp_path):
    made = table(4) | {
        "jet_pt": pa.array([1.5, None, 2.5, 3.5], pa.float32()),
        "jet_eta": pa.array([1, 2, None, 4], pa.int32()),
        "part_d0": pa.array([[1.5, None], None, [], [2.5]], pa.list_(pa.float32())),
        "part_charge": pa.array([[1, None], None, [], [-1]], pa.list_(pa.int8())),
    }
    found = read(described(), written(tmp_path / "jets.parquet", made))
    np.testing.assert_array_equal(found.pt, np.array([1.5, np.nan, 2.5, 3.5], "f4"))
    np.testing.assert_array_equal(found.eta, [1, 2, np.nan, 4])
    assert ak.num(found.tracks.d0).to_list() == [2, 0, 0, 1]
    np.testing.assert_array_equal(ak.flatten(found.tracks.d0), np.array([1.5, math.nan, 2.5], "f4"))
    np.testing.assert_array_equal(ak.flatten(found.tracks.charge), [1, math.nan, -1])
    assert found.n.to_list() == [1, 0, 0, 1]
    assert ak.to_numpy(found.pt).dtype == np.float32
    assert ak.to_numpy(ak.flatten(found.tracks.d0)).dtype == np.float32


@pytest.mark.parametrize("step", [1, 2, 3, 5, 16])
def test_missing_values_stay_where_they_are_in_any_part(tmp_path, step):
    pt = [1.5, None, 3.5, None, None, 6.5, 7.5, 8.5, None, 10.5]
    d0 = [[1.5], None, [None, 2.5], [], [3.5], [None], None, [4.5, 5.5], [None], [6.5]]
    made = table(10) | {
        "jet_pt": pa.array(pt, pa.float32()),
        "part_d0": pa.array(d0, pa.list_(pa.float32())),
        "part_charge": pa.array([one and [1] * len(one) for one in d0], pa.list_(pa.int8())),
    }
    path = written(tmp_path / "jets.parquet", made, rows=7)
    found = read(described(), path, step=step)
    assert [None if np.isnan(one) else one for one in found.pt] == pt
    kept = [[None if np.isnan(one) else one for one in row] for row in found.tracks.d0]
    assert kept == [row or [] for row in d0]


def test_numbers_that_could_be_missing_keep_their_digits(tmp_path):
    """In a row group without missing ones, whatever the rest of the file holds."""
    event = [2**60 + 1, 2**60 + 3, None, 2**60 + 5]
    made = table(4) | {"event": pa.array(event, pa.uint64())}
    path = written(tmp_path / "jets.parquet", made, rows=2)
    card = described()
    plan = plan_of(card)
    first, second = columns(card, path, plan=plan, wanted=[plan.event], step=2)
    assert first.per_jet(plan.event).tolist() == event[:2]
    assert first.per_jet(plan.event).dtype == np.uint64
    assert np.isnan(second.per_jet(plan.event)).tolist() == [True, False]


def test_an_event_without_a_number_is_one_sentence(tmp_path):
    made = table() | {"event": pa.array([None, *range(59)], pa.uint64())}
    path = written(tmp_path / "jets.parquet", made)
    with pytest.raises(SampleError, match="event: gives float64, where whole numbers are wanted"):
        prepare(described(), [path], tmp_path / "out")


def test_lists_of_one_length_are_lists(tmp_path):
    made = table(2) | {
        "part_d0": pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)),
        "part_charge": pa.array([[1, 0], [-1, 1]], pa.list_(pa.int8(), 2)),
    }
    found = read(described(), written(tmp_path / "jets.parquet", made))
    assert found.tracks.d0.to_list() == [[1, 2], [3, 4]]


def test_padded_lists_may_be_counted(tmp_path):
    made = table(3) | {
        "part_d0": pa.array([[1.0, 2.0, 0.0]] * 3, pa.list_(pa.float32())),
        "part_charge": pa.array([[1, 0, 0]] * 3, pa.list_(pa.int8())),
        "n_part": pa.array([2, 0, 9]),
    }
    card = described(constituents={**CARD["constituents"], "counter": "n_part"})
    path = written(tmp_path / "jets.parquet", made)
    assert read(card, path).tracks.d0.to_list() == [[1, 2], [], [1, 2, 0]]
    bad = made | {"n_part": pa.array([2, 0.5, 9])}
    with pytest.raises(SampleError, match="branch 'n_part' is no whole number per jet"):
        read(card, written(path, bad))


def test_rows_may_be_events(tmp_path):
    made = {
        "jet_pt": pa.array([[1.0, 2.0], [], [3.0]], pa.list_(pa.float32())),
        "jet_eta": pa.array([[0.5, 1.0], None, [1.5]], pa.list_(pa.float32())),
        "flavour": pa.array([[5, 0], [], [4]], pa.list_(pa.int8())),
        "event": pa.array([2**60 + 1, 2**60 + 2, 2**60 + 3], pa.uint64()),
        "part_d0": pa.array([[[1.0], [2.0, 3.0]], [], [[]]], pa.list_(pa.list_(pa.float32()))),
        "part_charge": pa.array([[[1], [0, 1]], [], [[]]], pa.list_(pa.list_(pa.int8()))),
    }
    path = written(tmp_path / "events.parquet", made, rows=2)
    card = described(rows="events")
    found = read(card, path)
    assert found.pt.to_list() == [1, 2, 3]
    assert found.eta.to_list() == [0.5, 1, 1.5]
    assert found.tracks.d0.to_list() == [[1], [2, 3], []]
    plan = plan_of(card)
    numbers = [
        each
        for one in columns(card, path, plan=plan, wanted=[plan.event, plan.jets["pt"]])
        for each in one.per_jet(plan.event).tolist()
    ]
    assert numbers == [2**60 + 1, 2**60 + 1, 2**60 + 3]


def test_parquet_files_are_prepared(tmp_path):
    made = table(300)
    path = written(tmp_path / "jets.parquet", made)
    files = prepare(described(), [path], tmp_path / "out", constituents=True, step=13, piece=50)
    assert files.counts.read == 300


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jet_pt": None}, "no branch 'jet_pt'; nearest: 'jet_eta'"),
        ({"part_d0": None}, "no branch 'part_d0'"),
        ({"jet_pt": ["x"] * 60}, "branch 'jet_pt' holds"),
        ({"part_charge": [[1]] * 60}, "branches 'part_d0' and 'part_charge' differ in length"),
        ({"part_d0": [1.0] * 60}, "branch 'part_d0' holds one value per jet, not per track"),
    ],
)
def test_what_a_parquet_file_does_not_hold_is_one_sentence(tmp_path, changes, said):
    made = {n: v for n, v in (table() | changes).items() if v is not None}
    path = written(tmp_path / "jets.parquet", made)
    with pytest.raises(SampleError, match=re.escape(said)) as refused:
        read(described(), path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_are_no_parquet_are_one_sentence(tmp_path):
    card, path = described(), tmp_path / "jets.parquet"
    with pytest.raises(SampleError, match="no such file"):
        entries(card, path)
    path.write_bytes(b"PAR1 and then something else")
    with pytest.raises(SampleError, match="cannot be read as Parquet"):
        entries(card, path)
    written(path, {name: column[:0] for name, column in table().items()})
    with pytest.raises(SampleError, match="holds no jets"):
        entries(card, path)


@pytest.mark.parametrize("ask", [entries, identity])
def test_a_url_is_refused(ask):
    url = "https://localhost/jets.parquet"
    with pytest.raises(SampleError, match="a URL of a parquet file; only ROOT files are read so"):
        ask(described(), url)
    with pytest.raises(SampleError, match="a URL of a parquet file; only ROOT files are read so"):
        list(batches(described(), [url]))
