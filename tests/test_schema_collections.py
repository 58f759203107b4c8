"""What a card says of missing values, other taggers, further constituents and parts of a sample."""

import math
import re
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import yaml
from small_samples import card, content, hdf5_card, hdf5_content, small, write_hdf5, write_root

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, columns
from ftag_prune.schema import Branches, Card, Column, branches_of, load_card, plan_of
from ftag_prune.spec import validated


def read(described, path, **options):
    return ak.concatenate(list(batches(described, [path], **options)))


def value(described, path, entry):
    """(jets,): of one expression."""
    plan = plan_of(described)
    one = entry(plan)
    return np.concatenate(
        [c.per_jet(one) for c in columns(described, path, plan=plan, wanted=[one])]
    )


@pytest.fixture
def jets(tmp_path):
    sample = small(60, seed=5)
    sample.jets["sv_mass"][::3] = -999
    return sample, write_root(tmp_path / "jets.root", sample)


def test_missing_values_are_known_by_themselves(jets):
    sample, path = jets
    described = card(missing={"jet_sv_*": "value == -999"})
    found = read(described, path)
    wanted = np.where(sample.jets["sv_mass"] == -999, np.nan, sample.jets["sv_mass"]) / 1000
    np.testing.assert_array_equal(found.sv_mass, wanted.astype("f4"))
    assert ak.to_numpy(found.sv_mass).dtype == np.float32
    np.testing.assert_array_equal(found.eta, sample.jets["eta"])


def test_missing_values_are_known_by_a_flag_which_is_read_for_them(jets):
    sample, path = jets
    described = card(missing={"jet_sv_mass": "jet_flavour == 5", "jet_e*": "jet_eta > 1"})
    plan = plan_of(described)
    assert branches_of(plan, [plan.jets["sv_mass"]]).jets == ("jet_sv_mass", "jet_flavour")
    found = read(described, path)
    gone = sample.jets["flavour"] == 5
    np.testing.assert_array_equal(np.isnan(found.sv_mass), gone | np.isnan(sample.jets["sv_mass"]))
    # jet_eta is in its own condition: a flag does not make itself missing.
    np.testing.assert_array_equal(found.eta, sample.jets["eta"])
    event = value(described.model_copy(update={"missing": {}}), path, lambda plan: plan.event)
    np.testing.assert_array_equal(event, sample.jets["event"])


def test_one_of_several_conditions_is_enough(jets):
    sample, path = jets
    described = card(missing={"jet_sv_mass": "value == -999", "jet_sv*": "jet_pt < 100000"})
    gone = (sample.jets["sv_mass"] == -999) | (sample.jets["pt"] < 1e5)
    found = np.isnan(read(described, path).sv_mass)
    np.testing.assert_array_equal(found, gone | np.isnan(sample.jets["sv_mass"]))


def test_defaults_fill_what_is_missing_and_the_last_pattern_counts(jets):
    sample, path = jets
    described = card(
        missing={"jet_sv_mass": "value == -999"},
        defaults={"*": 0.5, "sv_*": -1},
        jets__doubled="sv_mass * 2",
        select={"sv": "sv_mass > -2"},
    )
    found = read(described, path)
    gone = (sample.jets["sv_mass"] == -999) | np.isnan(sample.jets["sv_mass"])
    wanted = np.where(gone, -1, sample.jets["sv_mass"] / np.float32(1000))
    np.testing.assert_array_equal(found.sv_mass, wanted)
    # Columns that are made of it see the default.
    np.testing.assert_array_equal(found.doubled, wanted * 2)
    empty = sample.counts == 0
    assert empty.any()
    np.testing.assert_array_equal(ak.to_numpy(found.best)[empty], 0.5)
    assert value(described, path, lambda plan: plan.select["sv"]).all()


def test_constituents_have_missing_values_and_defaults_of_their_own(jets):
    sample, path = jets
    described = card(
        constituents__missing={"*": "hits == 0", "pt": "value < 1000"},
        constituents__defaults={"ptfrac": -5},
        jets__hits="sum(tracks.hits)",
    )
    found = read(described, path, constituents=True)
    none = sample.tracks["hits"] == 0
    d0 = np.where(none, np.nan, sample.tracks["d0"]).astype("f4")
    np.testing.assert_array_equal(ak.flatten(found.tracks.d0), d0)
    bad = none | (sample.tracks["pt"] < 1000)
    fraction = np.where(bad, -5, sample.tracks["pt"] / np.repeat(sample.jets["pt"], sample.counts))
    np.testing.assert_allclose(ak.flatten(found.tracks.ptfrac), fraction, rtol=1e-6)
    assert found.hits.to_list() == [
        sum(one)
        for one in np.split(sample.tracks["hits"].astype(int), np.cumsum(sample.counts)[:-1])
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": {"jet_xx*": "value < 0"}}, "missing.jet_xx*: fits no branch of the card"),
        ({"missing": {"jet_ptt": "value < 0"}}, "no branch of the card; nearest: 'jet_pt'"),
        # A column of the card is no branch.
        ({"missing": {"log_pt": "value < 0"}}, "missing.log_pt: fits no branch of the card"),
        ({"missing": {"jet_pt": "value <"}}, "missing.jet_pt: 'value <' is not an expression"),
        ({"defaults": {"sv_mas": 0}}, "defaults.sv_mas: fits no column of the card; nearest"),
        ({"defaults": {"jet_pt": 0}}, "defaults.jet_pt: fits no column of the card"),
        ({"defaults": {"pt": "zero"}}, "defaults.pt: "),
        (
            {"constituents__missing": {"z*": "value < 0"}},
            "constituents.missing.z*: fits no branch of the card",
        ),
        (
            {"constituents__defaults": {"z0": 1}},
            "constituents.defaults.z0: fits no column of the card",
        ),
        (
            {
                "collections": {
                    "svs": {"prefix": "sv_", "variables": {"m": "mass"}, "defaults": {"mm": 1}}
                }
            },
            "collections.svs.defaults.mm: fits no column of the card; nearest: 'm'",
        ),
        (
            {"collections": {"svs": {"missing": {"mass": "value < 0"}}}},
            "collections.svs.missing.mass: fits no branch of the card",
        ),
        (
            {"references": {"GN2": {"bb": "1"}}},
            "references.GN2.bb: no class of the task 'single_b'",
        ),
        ({"references": {"GN-2": {"b": "1"}}}, "references.GN-2"),
        (
            {"references": {"old": {"b": "jet_pt"}}, "jets__old_pb": "jet_pt"},
            "jets.old_pb: is what references.old.b is called",
        ),
        ({"collections": {"tracks": {}}}, "collections.tracks: this name has another meaning"),
        ({"collections": {"jets": {}}}, "collections.jets: this name has another meaning"),
        ({"collections": {"sample": {}}}, "collections.sample: this name has another meaning"),
        (
            {"collections": {"svs": {"of": "event"}}},
            "collections.svs.of: finds constituents in events; this card says rows: jets",
        ),
        (
            {"collections": {"svs": {"variables": {"valid": "mass"}}}},
            "collections.svs.variables.valid: this name is taken by the prepared files",
        ),
        (
            {"collections": {"svs": {"prefixx": "sv_"}}},
            "no key 'collections.svs.prefixx'; nearest: 'prefix'",
        ),
        (
            {"collections": {"svs": {"variables": {"x": "jets.ptt"}}}},
            "collections.svs.variables.x: no jet column 'ptt'; nearest: 'pt'",
        ),
        ({"units": {"svs.m": "GeV"}}, "units.svs.m: no such column"),
        (
            {"files": {"top": ["a"], "zjets": ["b"]}, "jets__top": "sample.topp"},
            "jets.top: no sample 'topp'; nearest: 'top'",
        ),
        (
            {"files": {"t-t": ["a"]}},
            "files: 't-t' cannot stand in an expression as sample.t-t",
        ),
        ({"files": "a.root"}, "files: wanted a list, or named lists, of paths or URLs, found 'a"),
        ({"files": {"top": "a.root"}}, "files: wanted a list, or named lists, of paths or URLs"),
        (
            {
                "constituents": None,
                "inputs__tracks": [],
                "units": {},
                "inputs__jets": ["pt"],
                "jets": {"pt": "jet_pt", "eta": "tracks.x"},
            },
            "jets.eta: uses 'tracks.x', but the card has no constituents",
        ),
        (
            {"jets__a": "sum(svs.x)", "collections": {"svs": {"variables": {"x": "jets.a"}}}},
            "is made from itself (jets.a -> collections.svs.variables.x -> jets.a)",
        ),
    ],
)
def test_what_a_card_cannot_mean_is_one_sentence(changes, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        card(**changes)
    assert "\n" not in str(refused.value)


def test_names_with_a_dot_are_those_of_a_collection():
    described = card(
        collections={"svs": {"prefix": "sv_", "variables": {"m": "mass / 1000"}}},
        jets__heaviest="largest(svs.m, 1)",
        jets__total="sum(svs.mass)",
        units={"svs.m": "GeV"},
    )
    plan = plan_of(described)
    assert plan.jets["heaviest"].sources == {"svs.m": Column("svs", "m", made=True)}
    assert plan.jets["total"].sources == {"svs.mass": Column("svs", "mass", made=False)}
    assert branches_of(plan, [plan.jets["heaviest"], plan.jets["best"]]) == Branches(
        (), {"svs": ("mass",), "tracks": ("s",)}
    )
    assert list(plan.tracks) == ["d0", "significance", "ptfrac"]


def test_a_collection_may_be_a_dataset_of_its_own(tmp_path):
    import h5py

    sample = small(30, seed=2)
    path = write_hdf5(tmp_path / "jets.h5", sample)
    with h5py.File(path, "r+") as file:
        flows = np.zeros((30, 2), [("f_e", "f4"), ("good", "?")])
        flows["f_e"], flows["good"][:, 0] = 3, True
        flows["f_e"][:, 1] = 100
        file["flows"] = flows
    made = hdf5_content(collections={"flow": {"dataset": "flows", "valid": "good", "prefix": "f_"}})
    made["jets"]["energy"] = "sum(flow.e)"
    found = read(validated(Card, made, where="card"), path, constituents=True)
    assert found.energy.to_list() == [3] * 30
    assert ak.num(found.tracks.d0).to_list() == sample.counts.tolist()


def test_scores_of_other_taggers_are_named_by_tagger_and_class(jets):
    sample, path = jets
    described = card(references={"old": {"b": "1 / jet_pt", "c": "tracks_c"}})
    plan = plan_of(described)
    assert list(plan.references) == ["old_pb", "old_pc"]
    assert plan.references["old_pb"].key == "references.old.b"
    found = value(described, path, lambda plan: plan.references["old_pb"])
    np.testing.assert_array_equal(found, 1 / sample.jets["pt"])


def test_parts_of_a_sample_are_known_in_expressions(tmp_path):
    samples = {"top": small(30, seed=1), "zjets": small(20, seed=2)}
    paths = {n: write_root(tmp_path / f"{n}_1.root", one) for n, one in samples.items()}
    described = card(
        files={"top": [str(tmp_path / "top_*.root")], "zjets": [str(paths["zjets"])]},
        jets__top="sample.top",
        select__good="sample.zjets or pt > 50",
        weight="where(sample.top, 2, 1) + 0 * jet_pt",
    )
    assert described.samples == ("top", "zjets")
    assert described.paths() == [paths["top"], paths["zjets"]]
    assert [described.sample_of(one) for one in described.paths()] == ["top", "zjets"]
    assert [set(read(described, one).top.to_list()) for one in described.paths()] == [
        {True},
        {False},
    ]
    weights = [set(value(described, one, lambda plan: plan.weight)) for one in described.paths()]
    assert weights == [{2}, {1}]


def test_files_belong_to_one_part(tmp_path):
    path = write_root(tmp_path / "a.root", small(10))
    twice = card(files={"top": [str(path)], "zjets": [str(tmp_path / "*.root")]})
    said = f"{path}: belongs to 'top' and 'zjets' of the files of card 'small'"
    with pytest.raises(SampleError, match=f"^{re.escape(said)}$"):
        list(batches(twice, [path]))
    with pytest.raises(SampleError, match="belongs to no part of the files of card 'small'"):
        list(batches(twice, [tmp_path.parent / "b.root"]))


def test_files_of_parts_are_looked_for_beside_the_card(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    path = write_root(tmp_path / "here" / "a.root", small(10))
    url = "root://server.org//b.root"
    made = content(files={"top": ["a.root"], "zjets": [url]})
    (tmp_path / "here" / "card.yaml").write_text(yaml.safe_dump(made, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / "here" / "card.yaml", Path("here") / "card.yaml"):
        found = load_card(place)
        assert [found.sample_of(one) for one in found.paths()] == ["top", "zjets"]
        assert found.paths()[0].samefile(path)
        assert found.paths()[1] == url


def test_a_part_without_files_is_one_sentence(tmp_path):
    described = card(files={"top": [str(tmp_path / "*.root")]})
    with pytest.raises(SampleError, match=r"card 'small': no file matches '.*\*.root'"):
        described.paths()


def test_a_card_with_all_this_comes_back_from_json():
    described = card(
        files={"top": ["a.root"], "zjets": ["b.root"]},
        missing={"jet_sv*": "value < 0"},
        defaults={"*": 0},
        references={"old": {"b": "jet_pt"}},
        collections={"svs": {"prefix": "sv_", "variables": {"m": "mass"}}},
        jets__top="sample.top",
    )
    again = Card.model_validate_json(described.model_dump_json())
    assert again == described
    assert plan_of(again) == plan_of(described)


@pytest.mark.parametrize("number", [1, 3])
def test_without_an_event_jets_are_split_by_themselves(tmp_path, caplog, number):
    sample = small(400)
    path = write_root(tmp_path / "jets.root", sample)
    described = card(event=None)
    made = prepare(described, [path], tmp_path / f"{number}", step=100 * number)
    assert "names no event number: jets are split by a hash of their pt and eta" in caplog.text
    assert min(made.counts.kept[split]["b"] for split in ("train", "val", "test")) > 0
    assert math.fsum(sum(one.values()) for one in made.counts.kept.values()) <= 400


def test_classes_may_be_fewer_than_those_of_the_task(tmp_path):
    described = card(labels__tau=None)
    assert described.about.classes == ("b", "c", "u")
    path = write_root(tmp_path / "jets.root", small(400))
    made = prepare(described, [path], tmp_path / "out")
    assert list(made.counts.kept["train"]) == ["b", "c", "u"]


def test_a_class_that_must_be_there_is_one_sentence():
    with pytest.raises(ConfigError, match=r"^card: labels: "):
        card(labels={"b": "jet_flavour == 5"})
    assert hdf5_card(event=None).event is None


def test_a_sample_without_names_is_told_how_to_give_them(jets):
    _, path = jets
    described = card(jets__top="sample.top")
    with pytest.raises(ConfigError, match=r"uses 'sample.top', but files has no parts with names"):
        read(described, path)
