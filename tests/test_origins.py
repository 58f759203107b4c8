"""Where tracks truly come from: from a card to a prepared file, and to the tensors of a batch."""

import h5py
import numpy as np
import pytest
import torch
from small_samples import card, hdf5_card, small, write_hdf5, write_root
from test_schema import CARDS

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.schema import Card, as_numbers, load_card, tracks_dtype
from ftag_prune.spec import validated
from ftag_prune.tensors import JetsOnDisk, batches, load, load_within

ORIGIN = {"constituents__origin": "hits"}  # of the small sample: 0 to 4


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sample, its file, and what became of it with and without origins."""
    folder = tmp_path_factory.mktemp("origins")
    sample = small(600)
    path = write_root(folder / "sample.root", sample)
    told = prepare(card(**ORIGIN), [path], folder / "told", constituents=True)
    return sample, path, told, prepare(card(), [path], folder / "plain", constituents=True)


def tables(done, name="train"):
    with h5py.File(getattr(done, name)) as file:
        return file["jets"][:], file["tracks"][:]


# -- cards ---------------------------------------------------------------------------------------


def test_a_card_without_origins_is_the_one_that_it_was():
    """Its content is in the fingerprint of prepared files."""
    assert "origin" not in card().model_dump()["constituents"]
    told = card(**ORIGIN)
    assert told.model_dump(mode="json")["constituents"]["origin"] == "hits"
    assert validated(Card, told.model_dump(mode="json"), where="again") == told


@pytest.mark.parametrize("name", ["embedded_single_b", "embedded_hbb_cc"])
def test_our_cards_tell_the_origins_of_tracks(name):
    told = load_card(CARDS / f"{name}.yaml").constituents
    assert told.origin.text == "ftagTruthOriginLabel"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"constituents__origin": "lgo(hits)"}, r"constituents.origin: 'lgo\(hits\)' has no func"),
        ({"constituents__origins": "hits"}, "no key 'constituents.origins'; nearest: 'origin'"),
        ({"constituents__origin": "jets.ptt"}, "constituents.origin: no jet column 'ptt'; nearest"),
        (
            {**ORIGIN, "constituents__variables__origin": "d0"},
            "constituents.variables.origin: this name is taken by constituents.origin",
        ),
    ],
)
def test_mistakes_are_one_sentence(changes, sentence):
    with pytest.raises(ConfigError, match=sentence) as refused:
        card(**changes)
    assert "\n" not in str(refused.value)


def test_a_variable_may_be_called_origin_where_no_origin_is_kept(made, tmp_path):
    named = card(constituents__variables__origin="hits", inputs__tracks=["ptfrac", "origin"])
    done = prepare(named, [made[1]], tmp_path, constituents=True)
    _, tracks = tables(done)
    assert tracks.dtype.names == ("ptfrac", "origin", "valid")
    jets = load(done.train)
    assert (jets.tracks.shape[2], jets.origin) == (2, None)


# -- prepared files ------------------------------------------------------------------------------


def test_each_leading_track_has_its_origin(made):
    """In the order of the tracks; -1 where there is none."""
    sample, _, told, _ = made
    jets, tracks = tables(told)
    starts = np.cumsum([0, *sample.counts])
    numbers = {key: at for at, key in enumerate(sample.jets["pt"] / np.float32(1000))}
    for jet, mine in zip(jets["pt"], tracks, strict=True):
        number = numbers[jet]
        some = slice(starts[number], starts[number + 1])
        order = np.argsort(-np.abs(sample.tracks["s"][some]), kind="stable")[:3]
        wanted = sample.tracks["hits"][some][order].tolist()
        assert mine["origin"].tolist() == wanted + [-1] * (3 - len(wanted))
    assert tracks["origin"].dtype == np.int8


def test_nothing_else_changes(made):
    told, plain = tables(made[2]), tables(made[3])
    assert told[0].tobytes() == plain[0].tobytes()
    assert told[1].dtype.itemsize == plain[1].dtype.itemsize
    assert plain[1].dtype == tracks_dtype(["significance", "ptfrac"])
    for name in plain[1].dtype.names:
        np.testing.assert_array_equal(told[1][name], plain[1][name])
    inputs = (as_numbers(one)[..., :-1] for one in (told[1], plain[1]))
    np.testing.assert_array_equal(*inputs)
    assert made[2].fingerprint != made[3].fingerprint


def test_the_same_bytes_from_another_format(made, tmp_path):
    path = write_hdf5(tmp_path / "sample.h5", made[0])
    told = hdf5_card()
    told = validated(
        Card,
        {**told.model_dump(), "constituents": {**told.constituents.model_dump(), "origin": "hits"}},
        where="card",
    )
    done = prepare(told, [path], tmp_path, constituents=True, step=100)
    for mine, theirs in zip(tables(done), tables(made[2]), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_without_tracks_no_origin_is_read(made, tmp_path):
    done = prepare(card(constituents__origin="nowhere"), [made[1]], tmp_path)
    with h5py.File(done.train) as file:
        assert set(file) == {"jets"}


@pytest.mark.parametrize("formula", ["where(hits > 2, -1, hits)", "sqrt(where(hits > 2, -1, 4))"])
def test_what_is_not_known_is_minus_one(made, tmp_path, formula):
    """A negative number, or a missing one (the root of -1)."""
    told = card(constituents__origin=formula)
    done = prepare(told, [made[1]], tmp_path, constituents=True)
    found, hits = tables(done)[1]["origin"], tables(made[2])[1]["origin"]
    assert ((found == -1) == ((hits > 2) | (hits == -1))).all()
    assert (hits > 2).any()


@pytest.mark.parametrize(("formula", "found"), [("hits * 2", "8"), ("hits / 2", "0.5|1.5")])
def test_what_is_no_origin_stops_with_its_file(made, tmp_path, formula, found):
    told = card(constituents__origin=formula)
    sentence = rf"sample.root: constituents.origin: is ({found}) for a track; wanted a whole number"
    with pytest.raises(SampleError, match=sentence):
        prepare(told, [made[1]], tmp_path, constituents=True)


# -- tensors -------------------------------------------------------------------------------------


def test_batches_carry_the_origins(made):
    jets = load(made[2].train)
    assert (jets.origin.dtype, jets.origin.shape) == (torch.int8, jets.valid.shape)
    np.testing.assert_array_equal(jets.origin, tables(made[2])[1]["origin"])
    for jets_of in (jets, load_within(made[2].train, 2000)):
        seen = list(batches(jets_of, 50, rng=np.random.default_rng(0)))
        together = torch.cat([one.origin.flatten() for one in seen])
        assert together.sort()[0].equal(jets.origin.flatten().sort()[0])
        assert all(((one.origin >= 0) == one.valid).all() for one in seen)
    assert isinstance(jets_of, JetsOnDisk)


def test_files_without_origins_have_none(made):
    jets = load(made[3].train)
    assert jets.origin is None
    assert next(batches(jets, 50, rng=np.random.default_rng(0))).origin is None
