"""A first card for each layout: what a physicist would have written, and that it is a card."""

import re
from pathlib import Path

import awkward as ak
import layouts
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from ftag_prune.check import Severity, check
from ftag_prune.cli import app
from ftag_prune.errors import ConfigError
from ftag_prune.inspection import skeleton, write_skeleton
from ftag_prune.inspection.column import describe, jagged
from ftag_prune.inspection.guess.absent import piled
from ftag_prune.inspection.guess.jets import collections
from ftag_prune.inspection.guess.labels import labels_of
from ftag_prune.inspection.guess.names import branch, column
from ftag_prune.inspection.guess.page import Line, page, unanswered
from ftag_prune.schema import load_card

SHARED = Path(__file__).parents[1] / "../shared/data"

# The text --------------------------------------------------------------------------------------


def test_a_page_is_read_back_as_it_was_meant():
    lines = [
        Line("name", "x", "what: it is # called"),
        Line("jets", (Line("pt", "`a b` / 1000"), Line("lost", None, "a\nbreak")), "", ("above",)),
        Line("SV1_*", "value < -0.5"),
        Line("*", 0.4),
        Line("inputs", (Line("jets", [f"long_name_{index}" for index in range(40)]),)),
        Line("labels", (Line("b", None, "no label"),)),
        Line("n", 3),
        Line("yes", "no"),
        Line("pattern", ["a, b", "*.root", "{x}"]),
    ]
    text = page(lines, head=["a head " * 40])
    assert yaml.safe_load(text) == {
        "name": "x",
        "jets": {"pt": "`a b` / 1000"},
        "SV1_*": "value < -0.5",
        "*": 0.4,
        "inputs": {"jets": [f"long_name_{index}" for index in range(40)]},
        "n": 3,
        "yes": "no",
        "pattern": ["a, b", "*.root", "{x}"],
    }
    assert list(unanswered(lines)) == ["jets.lost", "labels.b"]
    assert "# lost:  # TODO: a?break" in text
    assert "# labels:\n  # b:  # TODO: no label" in text
    assert max(map(len, text.splitlines())) <= 102


def test_names_in_formulas_and_of_columns():
    assert branch("AnalysisJetsAuxDyn.pt") == "AnalysisJetsAuxDyn.pt"
    assert branch("softmax-b") == "`softmax-b`"
    assert branch("jet.in") == "`jet.in`"
    assert column("jet_pt", prefix="jet_", taken={}) == "pt"
    assert column("jet_pt", prefix="jet_", taken={"pt": 1}) == "pt_"
    assert column("3D-sig", taken={}) == "x3D_sig"
    assert column("weight", taken={}) == "weight_"


def test_many_branches_with_a_number_far_away_share_a_pattern():
    def one(name, value):
        return describe(name, np.array([value, value, 0.1, 0.2]))

    names = [f"Jet_Deep_{letter}" for letter in "abc"]
    found = piled({name: one(name, -999.0) for name in names} | {"Jet_qgl": one("Jet_qgl", -1.0)})
    assert found == [
        Line("Jet_Deep_*", "value == -999", "seen in 3 branches"),
        Line("Jet_qgl", "value <= -1", "50 % of the values"),
    ]
    two = piled({name: one(name, -999.0) for name in names[:2]})
    assert [line.key for line in two] == names[:2]


# Collections -----------------------------------------------------------------------------------

COUNTS = jagged(np.array([1, 2, 1]))


def several(*names, values=(40.0, 50.0, 60.0, 70.0), shape=COUNTS):
    return [describe(name, np.array(values), shape=shape) for name in names]


def test_collections_have_pt_and_eta_and_are_of_jets():
    columns = several(
        *("Jet_pt", "Jet_eta", "Muon_pt", "Muon_eta", "GenJet_pt", "GenJet_eta", "FatJet_pt"),
        *("SubJet_pt", "SubJet_eta", "CorrT1METJet_pt", "CorrT1METJet_eta"),
    )
    assert [one.prefix for one in collections(columns)] == ["Jet_"]


def test_a_pt_without_a_sensible_median_is_not_taken():
    share = several("pt_btagJes", "eta_btagJes", values=(0.1, 0.2, 0.3, 0.4))
    (jets,) = collections([*share, *several("pt", "eta")])
    assert (jets.pt.name, jets.eta.name) == ("pt", "eta")


@pytest.mark.parametrize(("middle", "mev"), [(4999, False), (5001, True)])
def test_mev_or_gev(middle, mev):
    values = np.full(4, float(middle))
    (jets,) = collections([*several("pt", values=values), *several("eta")])
    assert jets.mev is mev


def test_codes_of_no_class_are_told():
    codes = describe("Jet_hadronFlavour", np.array([5, 5, 4, 0, 0, 0, 21]))
    found = labels_of(collections([*several("Jet_pt", "Jet_eta"), codes])[0])
    assert found == []  # another number of jets
    codes = describe("Jet_hadronFlavour", np.array([5, 0, 0, 21]), shape=COUNTS)
    (found,) = labels_of(collections([*several("Jet_pt", "Jet_eta"), codes])[0])
    assert found.conditions == {
        "b": ("Jet_hadronFlavour == 5", "1 in this file"),
        "c": ("Jet_hadronFlavour == 4", "0 in this file"),
        "u": ("Jet_hadronFlavour == 0", "2 in this file"),
    }
    assert found.comment == "Jet_hadronFlavour holds 0: 2, 5: 1, 21: 1; of no class: 21 (1)"


# Layouts ---------------------------------------------------------------------------------------

LAYOUTS = {
    # layout, task asked for: task, signal, event, references, other keys
    ("jetclass", None): ("hbb_cc", "label_Hbb == 1", None, ()),
    ("higgs_to_bb", None): ("hbb_cc", "fj_isH == 1 and fj_isBB == 1", "event_no", ()),
    ("higgs_to_bb_hdf5", None): ("hbb_cc", "fj_isH == 1 and fj_isBB == 1", "event_no", ()),
    ("set2graph", None): ("single_b", "jet_flav == 5", None, ()),
    ("dumper", None): (
        "single_b",
        "HadronConeExclTruthLabelID == 5",
        "eventNumber",
        ("GN2v01", "rnnip"),
    ),
    ("dumper_large", None): ("hbb_cc", "R10TruthLabel_R22v1 == 11", "eventNumber", ("GN2Xv02",)),
    ("physlite", None): (
        "single_b",
        "AnalysisJetsAuxDyn.HadronConeExclTruthLabelID == 5",
        "EventInfoAuxDyn.eventNumber",
        ("GN2v00",),
    ),
    ("physlite", "hbb_cc"): (
        "hbb_cc",
        "AnalysisLargeRJetsAuxDyn.R10TruthLabel_R22v1 == 11",
        "EventInfoAuxDyn.eventNumber",
        ("GN2Xv01",),
    ),
    ("nanoaod", None): ("single_b", "Jet_hadronFlavour == 5", "event", ("DeepFlav",)),
    ("nanoaod", "hbb_cc"): ("hbb_cc", "FatJet_nBHadrons >= 2", "event", ("particleNetMD",)),
    ("pfnano", None): ("single_b", "Jet_hadronFlavour == 5", "event", ("DeepFlav",)),
    ("pfnano", "hbb_cc"): ("hbb_cc", "FatJet_nBHadrons >= 2", "event", ("particleNetMD",)),
}


def written(folder, layout):
    ending = "h5" if "dumper" in layout or layout.endswith("hdf5") else "root"
    return getattr(layouts, layout)(folder / f"{layout}.{ending}")


@pytest.mark.parametrize(("layout", "asked"), LAYOUTS)
def test_a_card_for_each_layout(tmp_path, layout, asked):
    task, signal, event, taggers = LAYOUTS[layout, asked]
    made = skeleton(written(tmp_path, layout), task=asked)
    assert made.fault == ""
    (tmp_path / "card.yaml").write_text(made.text)
    card = load_card(tmp_path / "card.yaml")
    assert card.task == task
    assert str(card.labels[card.about.signal]) == signal
    assert (str(card.event) if card.event else None) == event
    assert tuple(sorted(card.references)) == taggers
    assert set(made.unanswered) <= {"event", "weight"}
    assert (card.constituents is None) == (layout in ("physlite", "nanoaod"))


TRUTH = (
    r"truth|hadron(?!ic)|flav(?!B|C)|label|gen(?!eral)|^event|weight|_p(b|c|u|tau|hbb|hcc|top|qcd)$|"
    r"btag(Deep|PNet)|particleNet|^.j_is|vtx_index|Origin"
)


@pytest.mark.parametrize(("layout", "asked"), LAYOUTS)
def test_no_truth_scores_or_weights_are_inputs(tmp_path, layout, asked):
    content = yaml.safe_load(skeleton(written(tmp_path, layout), task=asked).text)
    chosen = [content["jets"][name] for name in content["inputs"]["jets"]]
    tracks = content.get("constituents", {}).get("variables", {})
    chosen += [tracks[name] for name in content["inputs"].get("tracks", ())]
    names = [name for text in chosen for name in re.findall(r"[A-Za-z_][\w.]*", text)]
    assert len(names) > 2
    assert [name for name in names if re.search(TRUTH, name)] == []
    if content["task"] == "hbb_cc":
        assert [name for name in names if re.search("mass|msoftdrop|sdmass", name)] in (
            [],
            ["svs.mass"],
        )


def test_units_are_gev_and_mm(tmp_path):
    atlas = yaml.safe_load(skeleton(written(tmp_path, "dumper")).text)
    assert atlas["jets"]["pt"] == "pt_btagJes / 1000"
    assert atlas["jets"]["SV1_masssvx"] == "SV1_masssvx / 1000"
    assert atlas["constituents"]["variables"]["d0"] == "d0"
    cms = yaml.safe_load(skeleton(written(tmp_path, "pfnano")).text)
    assert cms["jets"]["pt"] == "Jet_pt"
    assert cms["constituents"]["variables"]["d0"] == "d0 * 10"
    assert cms["collections"]["svs"]["variables"]["length"] == "dlen * 10"


def test_missing_values_are_found(tmp_path):
    content = yaml.safe_load(skeleton(written(tmp_path, "dumper")).text)
    assert content["missing"] == {"SV1_*": "SV1_isDefaults", "JetFitter_mass": "value <= -99"}
    content = yaml.safe_load(skeleton(written(tmp_path, "nanoaod")).text)
    assert content["defaults"] == {"svs_*": 0}
    assert "Jet_qgl" not in content.get("missing", {})  # a tagger, no input


def test_scores_of_cms_taggers_sum_to_one(tmp_path):
    from ftag_prune.expression import parse

    scores = yaml.safe_load(skeleton(written(tmp_path, "nanoaod")).text)["references"]["DeepFlav"]
    values = {"Jet_btagDeepFlavB": np.array([0.2]), "Jet_btagDeepFlavCvL": np.array([0.25])}
    made = {name: parse(text).evaluate(values)[0] for name, text in scores.items()}
    assert made == pytest.approx({"b": 0.2, "c": 0.2, "u": 0.6})


def test_constituents_of_pfnano_are_linked(tmp_path):
    found = yaml.safe_load(skeleton(written(tmp_path, "pfnano"), task="hbb_cc").text)
    assert found["constituents"]["prefix"] == "PFCands_"
    link = {"prefix": "FatJetPFCands_", "jet": "jetIdx", "item": "pFCandsIdx"}
    assert found["constituents"]["link"] == link
    assert found["constituents"]["sort"] == "abs(btagSip3dSig)"
    assert found["constituents"]["variables"]["btagSip3dSig"] == "link.btagSip3dSig"


def test_neutral_candidates_have_no_track(tmp_path):
    found = yaml.safe_load(skeleton(layouts.whole_pfnano(tmp_path / "x.root")).text)
    assert found["constituents"]["variables"]["d0Err_mm"] == "d0Err * 10"
    assert found["constituents"]["missing"] == dict.fromkeys(
        ("d0", "dz", "d0Err", "dzErr"), "value <= -1"
    )


def test_missing_values_of_links(tmp_path):
    import uproot

    path = layouts.whole_pfnano(tmp_path / "x.root")
    with uproot.open(path) as file:
        arrays = file["Events"].arrays()
    value = arrays["JetPFCands_btagEtaRel"]
    arrays["JetPFCands_btagEtaRel"] = ak.values_astype(ak.where(value < 0, -99, value), "f4")
    with uproot.recreate(path) as file:
        columns = {name: arrays[name] for name in arrays.fields if not name.startswith("n")}
        file.mkrntuple("Events", columns)
    made = skeleton(path)
    assert made.fault == ""
    missing = yaml.safe_load(made.text)["constituents"]["missing"]
    assert missing["link.btagEtaRel"] == "value <= -99"


WHOLE = [
    *(("dumper", None), ("dumper_large", None), ("jetclass", None), ("set2graph", None)),
    *(("higgs_to_bb", None), ("higgs_to_bb_hdf5", None)),
    *((layout, task) for layout in ("nanoaod", "pfnano", "physlite") for task in (None, "hbb_cc")),
]


@pytest.mark.parametrize(("layout", "asked"), WHOLE)
def test_nothing_is_serious_in_samples_with_all_classes(tmp_path, layout, asked):
    path = written(tmp_path, f"whole_{layout}")
    made = skeleton(path, task=asked)
    (tmp_path / "card.yaml").write_text(made.text)
    card = load_card(tmp_path / "card.yaml")
    report = check(card, card.paths())
    assert [one for one in report.findings if one.severity is Severity.SERIOUS] == []
    assert all(int(row[-1]) > 0 for row in report.flow if row[0] in card.labels)


def test_the_task_that_is_asked_for_and_not_there(tmp_path):
    made = skeleton(written(tmp_path, "set2graph"), task="hbb_cc")
    assert made.unanswered[:4] == ("labels.hbb", "labels.hcc", "labels.top", "labels.qcd")
    assert "key 'labels' is missing" in made.fault
    assert "# labels:\n  # hbb:  # TODO: a condition; no truth was recognised" in made.text


def test_a_file_without_jets_is_still_a_skeleton(tmp_path):
    import h5py

    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["x"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
    made = skeleton(tmp_path / "odd.h5")
    assert made.unanswered[:2] == ("jets.pt", "jets.eta")
    assert "key 'jets' is missing" in made.fault
    assert yaml.safe_load(made.text)["dataset"] == "x"


def test_a_task_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError, match="no task 'single'; nearest: 'single_b'"):
        skeleton(written(tmp_path, "set2graph"), task="single")


def test_the_verb_writes_a_card_once(tmp_path):
    path, card = written(tmp_path, "dumper_large"), tmp_path / "new" / "card.yaml"
    told = CliRunner().invoke(app, ["inspect", str(path), "--card", str(card)])
    assert told.exit_code == 0, told.output
    assert card.read_text() == skeleton(path).text
    assert f"then: ftag-prune check {card}" in told.output
    with pytest.raises(ConfigError, match="is there already; remove it"):
        write_skeleton(skeleton(path), card)


def test_the_verb_prints_a_card_and_says_what_is_left_to_do(tmp_path):
    path = written(tmp_path, "set2graph")
    told = CliRunner().invoke(app, ["inspect", str(path), "--card", "-", "--task", "hbb_cc"])
    assert told.exit_code == 0, told.output
    assert told.stdout == skeleton(path, task="hbb_cc").text
    assert "this is no card yet: key" in told.stderr
    assert "for you to fill in: labels.hbb, " in told.stderr


# Files that others made ------------------------------------------------------------------------

PUBLIC = {
    ("nano_tt_v15.root", None): {"b": 317, "c": 163},
    ("nano_tt_v15.root", "hbb_cc"): {},
    ("pfnano.root", None): {},
    ("pfnano.root", "hbb_cc"): {},
    ("PHYSLITE_example.root", None): {},
    ("PHYSLITE_example.root", "hbb_cc"): {"qcd": 4},
    ("tdd_mock.h5", None): {"b": 197},
}


@pytest.mark.parametrize(("name", "asked"), PUBLIC)
def test_public_files(tmp_path, name, asked):
    if not (SHARED / name).exists():
        pytest.skip("the shared folder is not here")
    made = skeleton(SHARED / name, task=asked)
    assert made.fault == ""
    assert set(made.unanswered) <= {"event", "weight"}
    (tmp_path / "card.yaml").write_text(made.text)
    card = load_card(tmp_path / "card.yaml")
    report = check(card, card.paths())
    kept = {row[0]: int(row[-1]) for row in report.flow}
    assert {flavour: kept[flavour] for flavour in PUBLIC[name, asked]} == PUBLIC[name, asked]
    # What is serious is that small files lack classes, not that the card cannot be read.
    serious = [one for one in report.findings if one.severity is Severity.SERIOUS]
    assert all(one.key.startswith("labels") for one in serious), serious


@pytest.mark.parametrize(
    ("task", "process", "ending"), [("single_b", "ttbar", "root"), ("hbb_cc", "hbb", "h5")]
)
def test_the_embedded_sample(tmp_path, task, process, ending):
    pytest.importorskip("pythia8mc")
    from ftag_prune.generate import generate

    path = tmp_path / f"{process}.{ending}"
    generate(path, task=task, process=process, jets=150, seed=1)
    made = skeleton(path)
    assert (made.fault, made.unanswered) == ("", ())
    (tmp_path / "card.yaml").write_text(made.text)
    card = load_card(tmp_path / "card.yaml")
    assert card.task == task
    report = check(card, card.paths())
    assert int(report.flow[-1][1]) == 150
    serious = [one for one in report.findings if one.severity is Severity.SERIOUS]
    assert all(one.key.startswith("labels") for one in serious), serious
