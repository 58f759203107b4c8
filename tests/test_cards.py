"""The cards of the project: each on a file with the names and types of its sample."""

from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import layouts
import numpy as np
import pytest
import uproot
import yaml

from ftag_prune.check import Severity, check
from ftag_prune.errors import SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, columns
from ftag_prune.schema import Card, load_card, plan_of

CARDS = Path(__file__).parents[1] / "data" / "cards"
SHARED = Path(__file__).parents[1] / "../shared/data"

LAYOUTS = {
    "atlas_dl1": "dumper",
    "atlas_gn2": "dumper",
    "atlas_xbb": "dumper_large",
    "atlas_physlite": "physlite",
    "atlas_physlite_large_r": "physlite",
    "cms_higgs_to_bb": "higgs_to_bb",
    "cms_higgs_to_bb_h5": "higgs_to_bb_hdf5",
    "cms_nanoaod_ak4": "nanoaod",
    "cms_nanoaod_ak8": "nanoaod",
    "cms_pfnano_ak4": "pfnano",
    "jetclass": "jetclass",
    "set2graph": "set2graph",
}
# Samples whose files say what their jets are.
SAMPLES = ("hbb", "hcc", "top", "qcd")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cards")


def written(folder, layout, **changes):
    ending = "h5" if layout.startswith("dumper") or layout.endswith("hdf5") else "root"
    path = folder / f"{layout}{''.join(map(str, changes.values()))}.{ending}"
    return path if path.exists() else getattr(layouts, f"whole_{layout}")(path, **changes)


def sample(folder, name) -> tuple[Card, list[Path]]:
    """A card of the project, and files for it."""
    card = load_card(CARDS / f"{name}.yaml")
    if name != "cms_nanoaod_ak8":
        return card, [written(folder, LAYOUTS[name])]
    files = [written(folder, "nanoaod", seed=seed) for seed in range(20, 24)]
    named = {name: (str(path),) for name, path in zip(SAMPLES, files)}
    return Card.model_validate(card.model_dump() | {"files": named}), files


def jets_of(folder, name, *, constituents=False) -> Any:
    card, files = sample(folder, name)
    return ak.concatenate(list(batches(card, files, constituents=constituents)))


def tree(path, name):
    with uproot.open(path) as file:
        return file[name].arrays()


def near(values, expected):
    np.testing.assert_allclose(ak.to_numpy(values), ak.to_numpy(expected), rtol=1e-5, atol=1e-7)


def slog(values):
    return np.sign(values) * np.log1p(abs(values))


def flat(values):
    return ak.flatten(values)


# All of them ------------------------------------------------------------------------------------


def test_every_card_is_tested():
    there = {path.stem for path in CARDS.glob("*.yaml")}
    assert there == LAYOUTS.keys() | {path.stem for path in CARDS.glob("embedded_*.yaml")}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_card_says_what_it_is(name):
    card, text = load_card(CARDS / f"{name}.yaml"), (CARDS / f"{name}.yaml").read_text()
    assert card.name == name
    assert card.files == ()
    assert "# files: " in text  # an example
    assert text.startswith("# ")
    assert "GeV" in text.partition("\nname:")[0]
    assert max(map(len, text.splitlines())) <= 100
    assert set(card.units.values()) <= {"GeV", "mm", "1/GeV"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_mass_truth_or_reference_is_an_input(name):
    card = load_card(CARDS / f"{name}.yaml")
    inputs = {*card.inputs.jets, *card.inputs.tracks}
    assert not inputs & {"phi", "n_b_hadrons", "n_c_hadrons"}
    if card.task == "hbb_cc":
        assert not inputs & {"mass", "mass_over_pt"}
    formulas = " ".join(str(card.jets[one]) for one in card.inputs.jets)
    used = {name for by in card.references.values() for one in by.values() for name in one.names}
    assert not [one for one in used if one in formulas]


@pytest.mark.parametrize("name", LAYOUTS)
def test_check_finds_nothing_serious(folder, name):
    card, files = sample(folder, name)
    report = check(card, files)
    assert [one for one in report.findings if one.severity is Severity.SERIOUS] == []
    assert all(int(row[-1]) > 0 for row in report.flow if row[0] in card.labels)
    # What may be doubtful are few jets; numbers that are random say nothing else.
    doubtful = [one for one in report.findings if one.severity is Severity.DOUBTFUL]
    assert [one for one in doubtful if not one.key.startswith("labels.")] == []


@pytest.mark.parametrize("name", LAYOUTS)
def test_prepare_loses_no_jet(folder, tmp_path, name):
    card, files = sample(folder, name)
    with_tracks = bool(card.inputs.tracks)
    counts = prepare(card, files, tmp_path, constituents=with_tracks).counts
    cuts = sum(sum(by.values()) for by in counts.rejected.values())
    kept = {split: sum(by.values()) for split, by in counts.kept.items()}
    assert counts.read == cuts + counts.unlabelled + sum(kept.values())
    assert counts.read == sum(len(one) for one in batches(card, files))
    for split, number in kept.items():
        with h5py.File(tmp_path / f"{split}.h5") as file:
            assert file["jets"].shape == (number,)
            assert np.isfinite(file["jets"]["weight"]).all()
            assert ("tracks" in file) == with_tracks
            for model in card.references:
                (signal,) = {card.about.signal} & card.references[model].keys()
                assert f"{model}_p{signal}" in file["jets"].dtype.names


SMALL = {"b": (5,), "c": (4,), "u": (0,), "tau": (15,)}
LARGE = {"hbb": (11,), "hcc": (12,), "top": (1, 6, 7), "qcd": (10,)}
CODES = {
    "atlas_dl1": ("HadronConeExclTruthLabelID", SMALL),
    "atlas_gn2": ("HadronConeExclTruthLabelID", SMALL),
    "atlas_xbb": ("R10TruthLabel_R22v1", LARGE),
    "atlas_physlite": ("AnalysisJetsAuxDyn.HadronConeExclTruthLabelID", SMALL),
    "atlas_physlite_large_r": ("AnalysisLargeRJetsAuxDyn.R10TruthLabel_R22v1", LARGE),
    "cms_nanoaod_ak4": ("Jet_hadronFlavour", SMALL),
    "cms_pfnano_ak4": ("Jet_hadronFlavour", SMALL),
    "set2graph": ("jet_flav", SMALL),
}


@pytest.mark.parametrize("name", CODES)
def test_classes_have_the_codes_of_the_experiment(folder, name):
    (card, (path,)), (branch, codes) = sample(folder, name), CODES[name]
    if card.format == "hdf5":
        with h5py.File(path) as file:
            found = file["jets"][branch]
    else:
        found = ak.to_numpy(ak.flatten(tree(path, card.tree)[branch], axis=None))
    counts = {row[0]: int(row[1]) for row in check(card, [path]).flow}
    for flavour in card.labels:
        assert counts[flavour] == np.isin(found, codes[flavour]).sum() > 0


def test_classes_that_are_flags(folder):
    found = {}
    for name in ("jetclass", "cms_higgs_to_bb"):
        card, (path,) = sample(folder, name)
        counts = {row[0]: int(row[1]) for row in check(card, [path]).flow}
        found[name] = {flavour: counts[flavour] for flavour in card.labels}
    raw = tree(written(folder, "jetclass"), "tree")
    flags = {"hbb": "label_Hbb", "hcc": "label_Hcc", "top": "label_Tbqq", "qcd": "label_QCD"}
    assert found["jetclass"] == {one: ak.sum(raw[flag]) for one, flag in flags.items()}
    raw = tree(written(folder, "higgs_to_bb"), "deepntuplizer/tree")
    assert found["cms_higgs_to_bb"] == {
        "hbb": ak.sum(raw.fj_isH * raw.fj_isBB),
        "qcd": ak.sum(raw.fj_isQCD * raw.sample_isQCD),
    }


# One by one -------------------------------------------------------------------------------------


def test_dl1_fills_what_is_missing(folder):
    jets = jets_of(folder, "atlas_dl1")
    with h5py.File(written(folder, "dumper")) as file:
        raw = file["jets"][:]
    none = raw["JetFitter_isDefaults"] == 1
    assert 0 < none.sum() < len(none)
    near(jets.pt, raw["pt_btagJes"] / 1000)
    near(jets.jf_default, none)
    near(jets.jf_n_vertices, np.where(none, -1, raw["JetFitter_nVTX"]))
    near(jets.jf_energy_fraction, np.where(none, 0, raw["JetFitter_energyFraction"]))
    near(jets.jf_mass, np.where(none, np.nan, np.log1p(raw["JetFitter_mass"] / 1000)))
    none = raw["SV1_isDefaults"] == 1
    near(jets.sv1_n_tracks, np.where(none, -1, raw["SV1_NGTinSvx"]))
    near(jets.sv1_log_lxy, np.where(none, np.nan, np.log1p(raw["SV1_Lxy"])))
    near(jets.dips_b, raw["dipsLoose20220314v2_pb"])


def test_gn2_reads_valid_tracks(folder):
    jets = jets_of(folder, "atlas_gn2", constituents=True)
    with h5py.File(written(folder, "dumper")) as file:
        raw, tracks = file["jets"][:], file["tracks"][:]
    valid = tracks["valid"]
    near(jets.log_pt, np.log(raw["pt"] / 1000))
    near(ak.num(jets.tracks), valid.sum(axis=1))
    near(flat(jets.tracks.q_over_p), tracks["qOverP"][valid] * 1000)
    near(flat(jets.tracks.d0_sig), slog(tracks["lifetimeSignedD0Significance"][valid]))
    near(flat(jets.tracks.strip_shared), tracks["numberOfSCTSharedHits"][valid])


# Columns in the order of which constituents are kept.
ORDER = {"atlas_gn2": "d0_sig", "atlas_xbb": "d0_sig", "jetclass": "log_pt", "set2graph": "log_d0"}


@pytest.mark.parametrize("name", ORDER)
def test_the_most_telling_constituents_come_first(folder, tmp_path, name):
    card, files = sample(folder, name)
    prepare(card, files, tmp_path, constituents=True)
    with h5py.File(tmp_path / "train.h5") as file:
        tracks = file["tracks"][:]
    key = tracks[ORDER[name]] if name == "jetclass" else abs(tracks[ORDER[name]])
    both = tracks["valid"][:, 1:]
    assert both.sum() > 1000
    assert (key[:, :-1] >= key[:, 1:])[both].all()


def test_xbb_has_the_largest_significances(folder):
    jets = jets_of(folder, "atlas_xbb", constituents=True)
    with h5py.File(written(folder, "dumper_large")) as file:
        raw, tracks = file["jets"][:], file["tracks"][:]
    d0 = np.where(tracks["valid"], slog(tracks["lifetimeSignedD0Significance"]), np.nan)
    many = tracks["valid"].sum(axis=1)
    ordered = np.sort(np.where(np.isnan(d0), -np.inf, d0))[:, ::-1]
    near(jets.mass, raw["mass"] / 1000)
    near(jets.n_tracks, many)
    near(jets.d0_sig_3, np.where(many < 3, 0, ordered[:, 2]))
    near(jets.n_displaced, (abs(d0) > np.log(4)).sum(axis=1))
    of_2 = np.take_along_axis(
        slog(tracks["lifetimeSignedZ0SinThetaSignificance"]),
        np.argsort(-np.nan_to_num(d0, nan=-np.inf))[:, 1:2],
        axis=1,
    )
    near(jets.z0_sig_of_2, np.where(many < 2, 0, of_2[:, 0]))


def test_higgs_to_bb_knows_the_numbers_of_cms_for_missing(folder):
    jets = jets_of(folder, "cms_higgs_to_bb", constituents=True)
    raw = tree(written(folder, "higgs_to_bb"), "deepntuplizer/tree")
    sip, mass = raw.fj_trackSipdSig_0, raw.fj_tau_vertexMass_0
    assert ak.any(sip == -50)
    near(jets.sip_1, np.where(sip == -50, np.nan, slog(ak.to_numpy(sip))))
    near(jets.axis1_sv_mass, np.where(mass == -1, 0, np.log1p(abs(ak.to_numpy(mass)))))
    near(ak.num(jets.tracks), raw.n_tracks)
    near(flat(jets.tracks.d0), flat(raw.track_dxy) * 10)
    best = ak.argmax(raw.sv_d3dsig, axis=1, keepdims=True)
    mass = ak.fill_none(ak.firsts(raw.sv_mass[best]), 0)
    near(jets.sv1_mass, np.log1p(mass))
    near(jets.sv2_mass == 0, raw.n_sv < 2)


def test_higgs_to_bb_is_the_same_in_both_formats(folder):
    root, hdf5 = (
        jets_of(folder, f"cms_higgs_to_bb{end}", constituents=True) for end in ("", "_h5")
    )
    assert root.fields == hdf5.fields
    for name in root.fields[:-1]:
        near(root[name], hdf5[name])
    for name in root.tracks.fields:
        near(flat(root.tracks[name]), flat(hdf5.tracks[name]))


def test_jetclass_makes_significances(folder):
    jets = jets_of(folder, "jetclass", constituents=True)
    raw = tree(written(folder, "jetclass"), "tree")
    error = ak.to_numpy(flat(raw.part_d0err))
    assert (error == 0).any()
    value = ak.to_numpy(flat(raw.part_d0val)) / np.where(error > 0, error, 1)
    near(flat(jets.tracks.d0_sig), np.where(error > 0, slog(value), 0))
    near(flat(jets.tracks.pt), np.hypot(flat(raw.part_px), flat(raw.part_py)))
    near(jets.n_charged, ak.sum(raw.part_charge != 0, axis=1))
    near(jets.tau32, raw.jet_tau3 / raw.jet_tau2)
    leptons = (raw.part_isElectron | raw.part_isMuon) * np.hypot(raw.part_px, raw.part_py)
    near(jets.lepton_ptfrac, ak.sum(leptons, axis=1) / raw.jet_pt)


def test_set2graph_has_directions_of_tracks(folder):
    jets = jets_of(folder, "set2graph", constituents=True)
    raw = tree(written(folder, "set2graph"), "tree")
    near(flat(jets.tracks.deta), flat(np.arcsinh(raw.trk_ctgtheta) - raw.jet_eta))
    near(jets.n_tracks, ak.num(raw.trk_d0))
    near(jets.log_d0_1, np.log1p(ak.max(abs(raw.trk_d0), axis=1)))


def _nearest(raw, jets, dr):
    """For each jet the vertices that are nearest to it, in plain Python."""
    made = []
    for event in raw:
        eta, phi = event[f"{jets}_eta"], event[f"{jets}_phi"]
        mine: list[list[int]] = [[] for _ in eta]
        for item, (x, y) in enumerate(zip(event.SV_eta, event.SV_phi)):
            turn = [(y - one + np.pi) % (2 * np.pi) - np.pi for one in phi]
            far = [float(np.hypot(x - one, two)) for one, two in zip(eta, turn)]
            if min(far) < dr:
                mine[int(np.argmin(far))].append(item)
        made += mine
    return made


def test_nanoaod_has_the_vertices_near_a_jet(folder):
    jets = jets_of(folder, "cms_nanoaod_ak4")
    raw = tree(written(folder, "nanoaod"), "Events")
    found = _nearest(raw, "Jet", 0.4)
    assert {len(one) for one in found} >= {0, 1, 2}
    near(jets.n_svs, np.array([len(one) for one in found]))
    event = np.repeat(np.arange(len(raw)), ak.to_numpy(ak.num(raw.Jet_pt)))
    best = [
        max(one, key=lambda item: raw.SV_dlenSig[row][item]) if one else None
        for row, one in zip(event, found)
    ]
    mass = [0 if one is None else raw.SV_mass[row][one] for row, one in zip(event, best)]
    near(jets.sv1_mass, np.array(mass))
    near(jets.pt, flat(raw.Jet_pt))
    near(jets.n_constituents, flat(raw.Jet_nConstituents))


def test_scores_of_nanoaod_add_up_to_one(folder):
    card, (path,) = sample(folder, "cms_nanoaod_ak4")
    plan = plan_of(card)
    wanted = list(plan.references.values())
    ((b, c, u),) = (
        [found.per_jet(one) for one in wanted]
        for found in columns(card, path, plan=plan, wanted=wanted)
    )
    raw = flat(tree(path, "Events").Jet_btagDeepFlavB)
    near(b, np.where(raw < 0, np.nan, ak.to_numpy(raw)))
    known = np.isfinite(b)
    assert 0 < known.sum() < len(known)
    near((b + c + u)[known], np.ones(known.sum()))


def test_nanoaod_has_the_subjets_of_a_jet(folder):
    jets = jets_of(folder, "cms_nanoaod_ak8")
    raw = tree(written(folder, "nanoaod", seed=20), "Events")
    first, second = raw.FatJet_subJetIdx1, raw.FatJet_subJetIdx2
    hadrons = raw.SubJet_nBHadrons[first] + ak.where(
        second >= 0, raw.SubJet_nBHadrons[ak.where(second >= 0, second, 0)], 0
    )
    pt = raw.SubJet_pt[first]
    other = ak.where(second >= 0, raw.SubJet_pt[ak.where(second >= 0, second, 0)], -1)
    number = ak.count(raw.FatJet_pt)
    mine = jets[:number]
    near(mine.n_b_hadrons, flat(hadrons))
    largest, smallest = flat(np.maximum(pt, other)), flat(np.minimum(pt, other))
    near(mine.subjet1_ptfrac, largest / flat(raw.FatJet_pt))
    near(mine.subjet2_ptfrac, ak.where(smallest < 0, 0, smallest) / flat(raw.FatJet_pt))
    lepton = ak.to_numpy(flat(raw.FatJet_lsf3))
    near(mine.lepton, np.where(lepton < 0, 0, lepton))


def test_labels_of_nanoaod_need_the_sample(folder, tmp_path):
    card, files = sample(folder, "cms_nanoaod_ak8")
    flow = {row[0]: int(row[-1]) for row in check(card, files[:1]).flow}
    assert flow["hbb"] > 0
    assert (flow["hcc"], flow["top"], flow["qcd"]) == (0, 0, 0)
    elsewhere = written(tmp_path, "nanoaod", seed=1)
    with pytest.raises(SampleError, match="belongs to no part of the files of card"):
        list(batches(card, [elsewhere]))


def test_pfnano_links_candidates(folder):
    jets = jets_of(folder, "cms_pfnano_ak4", constituents=True)
    raw = tree(written(folder, "pfnano"), "Events")
    assert ak.all(ak.num(jets.tracks) == 4)
    item = raw.JetPFCands_pFCandsIdx
    pt, charge = flat(raw.PFCands_pt[item]), flat(raw.PFCands_charge[item])
    near(flat(jets.tracks.log_pt), np.log(pt))
    near(jets.n_charged, ak.sum(ak.unflatten(charge, 4) != 0, axis=1))
    error, d0 = flat(raw.PFCands_d0Err[item]), flat(raw.PFCands_d0[item])
    assert ak.any(error < 0)
    near(flat(jets.tracks.d0_mm), ak.where(error < 0, 0, d0 * 10))
    near(flat(jets.tracks.d0_sig), ak.where(error < 0, 0, slog(ak.to_numpy(d0 / error))))
    near(flat(jets.tracks.sip_sig), slog(ak.to_numpy(flat(raw.JetPFCands_btagSip3dSig))))
    near(flat(jets.tracks.photon), flat(raw.PFCands_pdgId[item]) == 22)
    # The same jets as in NanoAOD without candidates: all that the two cards share is equal.
    other = load_card(CARDS / "cms_nanoaod_ak4.yaml")
    (same,) = batches(other, [written(folder, "pfnano")])
    for name in same.fields:
        near(same[name], jets[name])


def test_physlite_has_sums_of_the_first_vertex(folder):
    jets = jets_of(folder, "atlas_physlite")
    raw = tree(written(folder, "physlite"), "CollectionTree")
    start = "AnalysisJetsAuxDyn"
    near(jets.pt, flat(raw[f"{start}.pt"]) / 1000)
    near(jets.n_tracks, flat(raw[f"{start}.NumTrkPt500"][..., 0]))
    near(jets.track_ptfrac, flat(raw[f"{start}.SumPtTrkPt500"][..., 0] / raw[f"{start}.pt"]))
    width = flat(raw[f"{start}.TrackWidthPt1000"][..., 0])
    assert ak.any(width < 0)
    near(jets.track_width, ak.where(width < 0, 0, width))
    jvf = flat(raw[f"{start}.JVFCorr"])
    near(jets.jvf, ak.where(jvf < 0, 0, jvf))


@pytest.mark.parametrize("name", ["atlas_physlite", "atlas_physlite_large_r"])
def test_physlite_repeats_event_and_weight_for_each_jet(folder, tmp_path, name):
    card, files = sample(folder, name)
    prepare(card, files, tmp_path)
    raw = tree(files[0], "CollectionTree")
    number = ak.to_numpy(raw["EventInfoAuxDyn.eventNumber"])
    weight = ak.to_numpy(raw["EventInfoAuxDyn.mcEventWeights"][:, 0])
    with h5py.File(tmp_path / "test.h5") as file:
        jets = file["jets"][:]
    place = np.searchsorted(number, jets["event"])
    assert (number[place] == jets["event"]).all()
    assert jets["event"].min() > 2**60
    scale = jets["mc_weight"] / weight[place]
    assert scale == pytest.approx(scale[0])


def test_large_jets_of_physlite(folder):
    jets = jets_of(folder, "atlas_physlite_large_r")
    raw = tree(written(folder, "physlite"), "CollectionTree")
    start = "AnalysisLargeRJetsAuxDyn"
    near(jets.mass, flat(raw[f"{start}.m"]) / 1000)
    near(jets.tau21, flat(raw[f"{start}.Tau2_wta"] / raw[f"{start}.Tau1_wta"]))
    near(jets.split12_over_pt, flat(raw[f"{start}.Split12"] / raw[f"{start}.pt"]))


# Files that others made -------------------------------------------------------------------------

PUBLIC = {
    # card, file: kept jets of some classes
    ("cms_nanoaod_ak4", "nano_tt_v15.root"): {"b": 317, "c": 163, "u": 627},
    ("cms_pfnano_ak4", "pfnano.root"): {"c": 3, "u": 18},
    ("atlas_physlite", "PHYSLITE_example.root"): {"u": 334},
    ("atlas_physlite_large_r", "PHYSLITE_example.root"): {"qcd": 4},
}


@pytest.mark.parametrize(("name", "file"), PUBLIC)
def test_public_files(name, file):
    if not (SHARED / file).exists():
        pytest.skip("the shared folder is not here")
    report = check(load_card(CARDS / f"{name}.yaml"), [SHARED / file])
    kept = {row[0]: int(row[-1]) for row in report.flow}
    assert {one: kept[one] for one in PUBLIC[name, file]} == PUBLIC[name, file]
    # What is serious is that small files lack classes.
    serious = [one for one in report.findings if one.severity is Severity.SERIOUS]
    assert [one for one in serious if not one.key.startswith("labels.")] == []


def test_public_nanoaod_with_large_jets():
    path = SHARED / "nano_tt_v15.root"
    if not path.exists():
        pytest.skip("the shared folder is not here")
    content = load_card(CARDS / "cms_nanoaod_ak8.yaml").model_dump()
    card = Card.model_validate(
        content | {"files": {"top": (str(path),), "hbb": (), "hcc": (), "qcd": ()}}
    )
    flow = {row[0]: int(row[-1]) for row in check(card, [path]).flow}
    assert (flow["top"], flow["all"]) == (17, 17)


def test_public_nanoaod_is_prepared(tmp_path):
    path = SHARED / "nano_tt_v15.root"
    if not path.exists():
        pytest.skip("the shared folder is not here")
    counts = prepare(load_card(CARDS / "cms_nanoaod_ak4.yaml"), [path], tmp_path).counts
    assert counts.kept["train"] == {"b": 186, "c": 100, "u": 390}
    with h5py.File(tmp_path / "test.h5") as file:
        total = sum(file["jets"][f"DeepJet_p{one}"] for one in "bcu")
        tagged = file["jets"]["DeepJet_pb"] > 0.5
        label = file["jets"]["label"]
    assert total == pytest.approx(1, abs=1e-5)
    # The labels belong to the scores: most of what DeepJet tags are b-jets, and few others.
    assert tagged[label == 0].mean() > 0.6
    assert tagged[label != 0].mean() < 0.1


def test_public_hdf5_with_older_names(tmp_path):
    path = SHARED / "tdd_mock.h5"
    if not path.exists():
        pytest.skip("the shared folder is not here")
    text = (CARDS / "atlas_gn2.yaml").read_text()
    text = text.replace("lifetimeSignedD0Significance", "IP3D_signed_d0_significance")
    text = text.replace("lifetimeSignedZ0SinThetaSignificance", "IP3D_signed_z0_significance")
    content = yaml.safe_load(text)
    for key in ("event", "weight", "references"):
        del content[key]
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    counts = prepare(
        load_card(tmp_path / "card.yaml"), [path], tmp_path / "out", constituents=True
    ).counts
    assert counts.read == 1000
