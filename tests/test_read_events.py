"""Entries that are events: their jets one by one, with what each event has one of."""

import re
from copy import deepcopy

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st
from small_samples import content, hdf5_content

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches
from ftag_prune.schema import Card
from ftag_prune.spec import validated

NANO = {
    "tree": "Events",
    "rows": "events",
    "constituents": None,
    "units": {},
    "jets": {"pt": "Jet_pt", "eta": "Jet_eta", "n_jets": "nJets", "scaled": "pt / HT"},
    "inputs": {"jets": ["pt", "scaled"]},
    "labels": {
        "b": "Jet_hadronFlavour == 5",
        "c": "Jet_hadronFlavour == 4",
        "u": "Jet_hadronFlavour == 0",
        "tau": "Jet_hadronFlavour == 15",
    },
    "event": "event",
    "weight": "genWeight",
}


def nano_card(**changes):
    return validated(Card, content(**{**deepcopy(NANO), **changes}), where="card")


def nano(counts, *, seed=0):
    """Branches with the names of NanoAOD; event numbers are beyond 2^53."""
    rng = np.random.default_rng(seed)
    counts = np.asarray(counts, np.int64)
    number, events = int(counts.sum()), len(counts)
    jets = {
        "Jet_pt": rng.uniform(15, 250, number).astype(np.float32),
        "Jet_eta": rng.uniform(-2.7, 2.7, number).astype(np.float32),
        "Jet_hadronFlavour": rng.choice([0, 4, 5, 15, 21], number).astype(np.uint8),
    }
    return {
        **{name: ak.unflatten(values, counts) for name, values in jets.items()},
        "event": (2**60 + 1 + np.arange(events)).astype(np.uint64),
        "genWeight": rng.uniform(0.5, 1.5, events).astype(np.float32),
        "nJets": counts.astype(np.int32),
        "HT": rng.uniform(100, 900, events).astype(np.float32),
    }


def ttree(path, branches):
    kinds = {name: getattr(x, "dtype", None) or x.type.content for name, x in branches.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", kinds).extend(branches)
    return path


def rntuple(path, branches):
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", branches)
    return path


both = pytest.mark.parametrize("write", [ttree, rntuple])


@settings(max_examples=20)
@given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=9), step=st.integers(1, 10))
@both
def test_any_numbers_of_jets_come_one_by_one(tmp_path_factory, write, counts, step):
    branches = nano(counts)
    path = write(tmp_path_factory.mktemp("any") / "nano.root", branches)
    described = nano_card()
    found = ak.concatenate(list(batches(described, [path], step=step)))
    event = [index for index, number in enumerate(counts) for _ in range(number)]
    pt = np.array([one for jets in branches["Jet_pt"].to_list() for one in jets], np.float32)
    np.testing.assert_array_equal(found.pt, pt)
    np.testing.assert_array_equal(found.n_jets, [counts[index] for index in event])
    np.testing.assert_array_equal(found.scaled, pt / branches["HT"][event])
    assert ak.to_numpy(found.scaled).dtype == np.float32


@both
@pytest.mark.parametrize("step", [1, 17, "2 kB", 10_000])
def test_jets_of_events_are_prepared_as_jets_one_an_entry(tmp_path, write, step):
    counts = np.random.default_rng(3).integers(0, 5, 300)
    branches = nano(counts)
    event = np.repeat(np.arange(len(counts)), counts)
    flat = {
        name: x[event] if isinstance(x, np.ndarray) else ak.to_numpy(ak.flatten(x))
        for name, x in branches.items()
    }
    files = write(tmp_path / "events.root", branches), ttree(tmp_path / "jets.root", flat)
    events = prepare(nano_card(), files[:1], tmp_path / "events", step=step)
    jets = prepare(nano_card(rows="jets"), files[1:], tmp_path / "jets")
    assert events.counts == jets.counts
    assert events.counts.read == counts.sum()
    for one, other in zip(events[:3], jets[:3], strict=True):
        assert _jets(one).tobytes() == _jets(other).tobytes()
        assert _jets(one)["event"].min() > 2**60


def _jets(path):
    with h5py.File(path) as file:
        return file["jets"][:]


@both
def test_names_may_have_dots(tmp_path, write):
    branches = nano([2, 0, 1])
    branches["AnalysisJetsAuxDyn.pt"] = branches["Jet_pt"] * 1000
    branches["EventInfoAuxDyn.eventNumber"] = branches["event"]
    path = write(tmp_path / "dots.root", branches)
    described = nano_card(
        jets__pt="AnalysisJetsAuxDyn.pt / 1000", event="EventInfoAuxDyn.eventNumber"
    )
    (found,) = batches(described, [path])
    np.testing.assert_allclose(found.pt, ak.flatten(branches["Jet_pt"]), rtol=1e-6)


@both
def test_a_file_whose_events_have_no_jets_adds_none(tmp_path, write):
    files = [
        write(tmp_path / f"{index}.root", nano(counts))
        for index, counts in enumerate([[0, 0], [1, 2]])
    ]
    found = list(batches(nano_card(), files))
    assert [len(batch) for batch in found] == [0, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jets__pt": "Jet_ptt"}, "tree 'Events': no branch 'Jet_ptt'; nearest: 'Jet_pt'"),
        ({"jets__eta": "FatJet_eta"}, "branches 'Jet_pt' and 'FatJet_eta' differ in length"),
        (
            {"jets": {"pt": "HT", "eta": "nJets"}, "inputs": {"jets": ["pt"]}},
            "'HT' and all other branches of the card hold one value per entry, not per jet, but "
            "the card says rows: events",
        ),
        ({"rows": "jets"}, "jets.pt: 'Jet_pt' gives a value per track where one per jet is wanted"),
        ({"rows": "jets"}, "a card for entries that are events says rows: events"),
    ],
)
@both
def test_what_events_do_not_hold_is_one_sentence(tmp_path, write, changes, said):
    branches = nano([2, 0, 1])
    branches["FatJet_eta"] = ak.Array([[1.0], [], [2.0]])
    path = write(tmp_path / "nano.root", branches)
    with pytest.raises((SampleError, ConfigError), match=re.escape(said)) as refused:
        list(batches(nano_card(**changes), [path]))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@both
def test_a_tree_without_events_is_one_sentence(tmp_path, write):
    path = write(tmp_path / "empty.root", {name: x[:0] for name, x in nano([1, 2]).items()})
    with pytest.raises(SampleError, match="tree 'Events': holds no jets"):
        list(batches(nano_card(), [path]))


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (hdf5_content(rows="events"), "rows: events are not read from HDF5"),
        (content(rows="event"), "rows: "),
    ],
)
def test_events_that_cannot_be_read_are_refused_by_the_card(card, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        validated(Card, card, where="card")
    assert "\n" not in str(refused.value)
