"""The card: what it accepts, what it refuses, and where its names come from."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_samples import card, content

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.schema import (
    Branches,
    Card,
    Column,
    branches_of,
    jets_dtype,
    load_card,
    plan_of,
    tracks_dtype,
)
from ftag_prune.spec import validated

CARDS = Path(__file__).parents[1] / "data" / "cards"


def written(folder, made):
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(made, sort_keys=False))
    return path


@pytest.mark.parametrize("path", sorted(CARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_cards_are_called_as_their_files(path):
    assert load_card(path).name == path.stem


@pytest.mark.parametrize("name", ["embedded_single_b", "embedded_hbb_cc"])
def test_our_cards_are_good(name):
    found = load_card(CARDS / f"{name}.yaml")
    assert 40 <= len(found.inputs.jets) <= 64
    assert 10 <= len(found.inputs.tracks) <= 16
    assert found.constituents.maximum == 20


def test_the_mass_is_no_input_of_the_large_jets_tagger():
    found = load_card(CARDS / "embedded_hbb_cc.yaml")
    plan = plan_of(found)
    inputs = branches_of(plan, [plan.jets[name] for name in found.inputs.jets])
    assert "mass" not in inputs.jets
    assert "mass" in found.jets


def test_a_card_is_frozen_and_its_expressions_come_back_as_text():
    found = card(weight=2)
    with pytest.raises(ValueError, match="frozen"):
        found.name = "other"
    dumped = found.model_dump(mode="json")
    assert dumped["jets"]["pt"] == "jet_pt / 1000"
    assert dumped["weight"] == "2"
    assert validated(Card, dumped, where="again") == found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tittle": "x"}, "no key 'tittle'; nearest: 'title'"),
        ({"constituents__maximun": 3}, "no key 'constituents.maximun'; nearest: 'maximum'"),
        ({"labels": None}, "key 'labels' is missing"),
        ({"tree": None}, "tree: is missing; a ROOT file may hold several"),
        ({"format": "csv"}, "format: input should be 'root', 'hdf5' or 'parquet', found 'csv'"),
        ({"task": "single_bb"}, "task: no task 'single_bb'; nearest: 'single_b'"),
        ({"labels__bb": "jet_flavour == 5"}, "labels.bb: no class of the task 'single_b'; nearest"),
        ({"labels__b": None}, "labels: the task 'single_b' needs the class 'b' and one of"),
        ({"labels__b": "jet_flavour = 5"}, "labels.b: 'jet_flavour = 5' is not an expression"),
        ({"labels__b": [5]}, "labels.b: wanted an expression, found [5]"),
        ({"event": True}, "event: wanted an expression, found True"),
        ({"jets__pt": "lgo(jet_pt)"}, "jets.pt: 'lgo(jet_pt)' has no function 'lgo'; nearest"),
        ({"jets__eta": None}, "jets.eta: is missing; training jets are balanced in it"),
        ({"jets__weight": "1"}, "jets.weight: this name is taken by the prepared files"),
        (
            {"constituents__variables__valid": "d0"},
            "constituents.variables.valid: this name is taken by the prepared files",
        ),
        ({"jets__a-b": "jet_pt"}, "jets.a-b"),
        ({"inputs__jets": ["log_ptt"]}, "inputs.jets: no column 'log_ptt'; nearest: 'log_pt'"),
        ({"inputs__jets": ["pt", "pt"]}, "inputs.jets: names 'pt' twice"),
        ({"inputs__jets": []}, "inputs.jets"),
        ({"inputs__tracks": ["d1"]}, "inputs.tracks: no column 'd1'; nearest: 'd0'"),
        ({"units__ptt": "GeV"}, "units.ptt: no such column; nearest: 'pt'"),
        ({"constituents__maximum": 0}, "constituents.maximum: input should be greater than"),
        (
            {"jets__pt": "log_pt * 2"},
            "jets.pt: uses 'log_pt', which is defined below it; move that up",
        ),
        (
            {"constituents__variables__d0": "ptfrac"},
            "constituents.variables.d0: uses 'ptfrac', which is defined below it",
        ),
        (
            {"constituents__variables__d0": "jets.ptt"},
            "constituents.variables.d0: no jet column 'ptt'; nearest: 'pt'",
        ),
        (
            {"constituents__variables__d0": "jets.n_tracks"},
            "is made from itself (jets.n_tracks -> constituents.variables.d0 -> jets.n_tracks)",
        ),
        (
            {"constituents": None, "inputs__tracks": [], "units": {}},
            "jets.n_tracks: uses 'tracks.d0', but the card has no constituents",
        ),
    ],
)
def test_a_wrong_card_is_one_sentence_with_file_and_key(tmp_path, changes, said):
    path = written(tmp_path, content(**changes))
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        load_card(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_a_column_that_stands_twice_is_refused(tmp_path):
    path = written(tmp_path, content())
    path.write_text(path.read_text().replace("  eta: jet_eta\n", "  eta: jet_eta\n  pt: jet_pt\n"))
    with pytest.raises(ConfigError, match=r"card.yaml: jets.pt: stands twice, again in line \d+"):
        load_card(path)


def test_missing_and_broken_files_are_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: no such file"):
        load_card(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(ConfigError, match=r"list.yaml: wanted a YAML mapping, found list"):
        load_card(tmp_path / "list.yaml")


def test_files_are_found_beside_the_card_and_from_here(tmp_path, monkeypatch):
    beside, here = tmp_path / "beside", tmp_path / "here"
    for folder, names in ((beside, ["b.root", "a.root"]), (here, ["c.root"])):
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    monkeypatch.chdir(here)
    path = written(beside, content(files=["*.root", "c.root", "a.root", str(here / "c.root")]))
    found = load_card(path).paths()
    assert found == [beside / "a.root", beside / "b.root", Path("c.root"), here / "c.root"]
    assert card().paths() == []
    with pytest.raises(SampleError, match=r"card 'small': no file matches 'none-\*.root'"):
        card(files=["none-*.root"]).paths()


def test_a_name_means_the_column_above_it_or_the_branch():
    plan = plan_of(card(jets__jet_mass="jet_mass + 1", jets__more="jet_mass + jet_phi"))
    assert plan.jets["jet_mass"].sources == {"jet_mass": Column("jets", "jet_mass", made=False)}
    assert plan.jets["more"].sources == {
        "jet_mass": Column("jets", "jet_mass", made=True),
        "jet_phi": Column("jets", "jet_phi", made=False),
    }
    assert plan.jets["best"].sources["tracks.significance"] == Column(
        "tracks", "significance", True
    )
    ptfrac = plan.tracks["ptfrac"].sources
    assert ptfrac["jets.pt"] == Column("jets", "pt", made=True)
    assert ptfrac["pt"] == Column("tracks", "pt", made=False)


def test_only_needed_branches_are_named():
    plan = plan_of(card())
    assert branches_of(plan, [plan.jets["best"]]) == Branches((), {"tracks": ("s",)})
    assert branches_of(plan, [plan.tracks["ptfrac"]]) == Branches(("jet_pt",), {"tracks": ("pt",)})
    assert branches_of(plan, [plan.event, *plan.select.values()]) == Branches(
        ("jet_event", "jet_pt", "jet_eta"), {}
    )


@pytest.mark.parametrize("inputs", [1, 2, 3])
@pytest.mark.parametrize("kept", [0, 1])
def test_records_begin_with_the_inputs_and_can_be_seen_as_numbers(inputs, kept):
    names = [f"x{index}" for index in range(inputs)]
    jets = jets_dtype(names, ["pt"][:kept], event=np.dtype(np.uint64))
    assert jets.itemsize % 8 == 0
    assert jets.fields["event"][1] % 8 == 0
    assert [jets.fields[name][1] for name in names] == [4 * index for index in range(inputs)]
    assert jets["event"] == np.uint64
    tracks = tracks_dtype(names)
    assert tracks.itemsize == 4 * inputs + 4
    assert tracks["valid"] == np.bool_


def test_the_snakefile_reads_cards_without_heavy_imports():
    code = (
        "import sys, ftag_prune.schema; "
        "print({'torch', 'uproot', 'h5py', 'matplotlib', 'awkward'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
