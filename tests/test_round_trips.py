"""What is written is read back: read(write(x)) == x, whatever x is."""

from __future__ import annotations

import awkward as ak
import by_hand
import numpy as np
import pytest
from by_hand import LAYOUTS, Small, assert_prepared, changed
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_samples import SLOTS, small

from ftag_prune.generate.accepted import Accepted
from ftag_prune.prepare import prepare
from ftag_prune.read import batches
from ftag_prune.schema import Card
from ftag_prune.spec import validated
from ftag_prune.tensors import load

EVENTS = st.one_of(
    st.tuples(st.just(np.uint64), st.integers(0, 2**64 - 401)),
    st.tuples(st.just(np.int64), st.integers(-(2**63), 2**63 - 401)),
    st.tuples(st.just(np.int32), st.integers(-(2**31), 2**31 - 401)),
)
SINGLE = st.floats(width=32, allow_subnormal=False)


@st.composite
def samples(draw, most: int = 40) -> Small:
    """Any numbers of tracks, any values, NaN and infinity among them."""
    counts = np.array(draw(st.lists(st.integers(0, SLOTS), min_size=1, max_size=most)))
    sample = small(counts=counts, seed=draw(st.integers(0, 999)))

    def any_of(length):
        return draw(arrays.arrays(np.float32, length, elements=SINGLE, fill=st.just(np.float32(1))))

    flavour = draw(arrays.arrays(np.int32, len(counts)))
    jets = {name: any_of(len(counts)) for name in ("pt", "eta", "sv_mass")}
    tracks = {f"trk_{name}": any_of(int(counts.sum())) for name in ("d0", "s", "pt")}
    kind, first = draw(EVENTS)
    event = np.array([first + n // by_hand.PER_EVENT for n in range(len(counts))], kind)
    return changed(sample, **jets, **tracks, flavour=flavour, event=event)


def as_it_is(card: Card) -> Card:
    """The card with every branch as a column of its own, unchanged."""
    made = card.model_dump(mode="json")
    jets = {name: made["jets"][name].split(" / ")[0] for name in ("pt", "eta", "sv_mass")}
    made["jets"] = {
        **jets,
        "flavour": made["labels"]["b"].split(" == ")[0],
        "event_": made["event"],
    }
    names = ("d0", "s", "pt", "hits")
    made["constituents"]["variables"] = {name: name for name in names}
    made["constituents"]["sort"] = "s"
    return validated(
        Card,
        {**made, "inputs": {"jets": ["pt"], "tracks": list(names)}, "select": {}, "units": {}},
        where="card",
    )


@settings(max_examples=15)
@given(sample=samples(), step=st.integers(3, 50))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_branches_come_back_bit_for_bit(tmp_path_factory, layout, sample, step):
    card, write = LAYOUTS[layout]
    path = write(tmp_path_factory.mktemp("trip") / "sample", sample)
    found = ak.concatenate(list(batches(as_it_is(card()), [path], step=step, constituents=True)))
    for name in ("pt", "eta", "sv_mass", "flavour", "event"):
        values = ak.to_numpy(found[name if name != "event" else "event_"])
        assert values.dtype == sample.jets[name].dtype
        np.testing.assert_array_equal(values, sample.jets[name], err_msg=name)
    assert ak.num(found.tracks).to_list() == sample.counts.tolist()
    for name, wanted in sample.tracks.items():
        values = ak.flatten(found.tracks[name])
        np.testing.assert_array_equal(values, wanted, err_msg=name)


@settings(max_examples=5)
@given(first=EVENTS, seed=st.integers(0, 99), step=st.integers(60, 400))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_prepared_jets_are_what_the_card_says(tmp_path_factory, layout, first, seed, step):
    kind, begin = first
    sample = small(300, seed=seed)
    event = np.array([begin + n // by_hand.PER_EVENT for n in range(300)], kind)
    sample, folder = changed(sample, event=event), tmp_path_factory.mktemp("trip")
    path = LAYOUTS[layout].write(folder / "sample", sample)
    done = prepare(LAYOUTS[layout].card(), [path], folder / "out", constituents=True, step=step)
    assert_prepared(done, sample)
    for split, chosen in by_hand.expected(sample).kept.items():
        columns = by_hand.columns(sample, chosen)
        jets = load(getattr(done, split))
        for index, name in enumerate(("log_pt", "sv_mass", "best")):
            np.testing.assert_array_equal(jets.x[:, index], columns[name])
        np.testing.assert_array_equal(jets.y, columns["label"])
        np.testing.assert_array_equal(jets.valid.sum(axis=1), np.minimum(sample.counts[chosen], 3))


GENERATED = {
    "name": "g",
    "title": "g",
    "task": "single_b",
    "jets": {"pt": "pt", "eta": "eta", "n": "n"},
    "inputs": {"jets": ["pt"], "tracks": ["d0", "hits"]},
    "labels": {"b": "n == 5", "c": "n == 4", "u": "n == 0", "tau": "n == 15"},
}


@settings(max_examples=25)
@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=12), data=st.data())
@pytest.mark.parametrize("suffix", [".root", ".h5"])
def test_generated_files_come_back(tmp_path_factory, suffix, counts, data):
    """In HDF5 there is room for 40 tracks; ROOT holds all."""
    from ftag_prune.generate.write import TRACKS, write

    number, total = len(counts), sum(counts)
    floats = arrays.arrays(np.float32, number, elements=SINGLE)
    jets = {"pt": data.draw(floats), "eta": data.draw(floats)}
    jets["n"] = data.draw(arrays.arrays(np.int64, number))
    tracks = {"d0": np.arange(total, dtype=np.float32), "hits": np.arange(total).astype(np.int8)}
    accepted = Accepted(jets, tracks, np.array(counts), number, {})
    path = tmp_path_factory.mktemp("trip") / f"jets{suffix}"
    write(path, accepted, about={"seed": 1})
    variables = {"variables": {"d0": "d0", "hits": "hits"}, "sort": "d0", "maximum": 60}
    made = {**GENERATED, "format": "hdf5", "constituents": {**variables, "dataset": "tracks"}}
    most = TRACKS
    if suffix == ".root":
        columns = {name: f"jet_{name}" for name in jets}
        labels = {name: "jet_" + one for name, one in GENERATED["labels"].items()}
        made |= {"format": "root", "tree": "jets", "jets": columns, "labels": labels}
        made["constituents"] = {**variables, "prefix": "trk_"}
        most = max(counts)
    (found,) = batches(validated(Card, made, where="card"), [path], constituents=True)
    for name, values in jets.items():
        assert ak.to_numpy(found[name]).dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
    first = np.cumsum(counts) - counts
    place = [n for f, c in zip(first, counts) for n in range(f, f + min(c, most))]
    assert ak.num(found.tracks).to_list() == np.minimum(counts, most).tolist()
    for name, values in tracks.items():
        np.testing.assert_array_equal(ak.flatten(found.tracks[name]), values[place])
