"""Small files in the layouts that users have; their numbers are random."""

import awkward as ak
import h5py
import numpy as np
import uproot

JETS = 200


def _root(path, tree, flat, several):
    kinds = {name: values.dtype for name, values in flat.items()}
    kinds |= {name: values.type.content for name, values in several.items()}
    with uproot.recreate(path) as file:
        file.mktree(tree, kinds).extend({**flat, **several})
    return path


def _jets(rng, *, low, high, number=JETS):
    return {
        "pt": rng.uniform(low, high, number).astype("f4"),
        "eta": rng.uniform(-2, 2, number).astype("f4"),
        "phi": rng.uniform(-3, 3, number).astype("f4"),
    }


def _ragged(rng, counts, low=0.1, high=1.0):
    return ak.unflatten(rng.uniform(low, high, counts.sum()).astype("f4"), counts)


def jetclass(path):
    rng = np.random.default_rng(1)
    jets, counts = _jets(rng, low=500, high=1000), rng.integers(1, 9, JETS)
    flat = {f"jet_{name}": values for name, values in jets.items()}
    for name in ("energy", "nparticles", "sdmass", "tau1", "tau2", "tau3", "tau4"):
        flat[f"jet_{name}"] = rng.uniform(50, 150, JETS).astype("f4")
    flat["aux_genpart_pt"] = rng.uniform(0, 1, JETS).astype("f4")
    kind = rng.integers(0, 4, JETS)
    for index, name in enumerate(("Hbb", "Hcc", "Tbqq", "QCD")):
        flat[f"label_{name}"] = (kind == index).astype("f4" if name == "QCD" else "?")
    flat["label_Tbl"] = np.zeros(JETS, "?")
    names = ("px", "py", "pz", "energy", "deta", "dphi", "d0val", "d0err", "dzval", "dzerr")
    parts = {f"part_{name}": _ragged(rng, counts) for name in (*names, "charge", "isMuon")}
    return _root(path, "tree", flat, parts)


def _higgs(rng):
    jets, counts = _jets(rng, low=300, high=1500), rng.integers(1, 9, JETS)
    flat = {f"fj_{name}": values for name, values in jets.items()}
    for name in ("mass", "sdmass", "tau21", "doubleb", "genjet_pt", "trackSipdSig_0"):
        flat[f"fj_{name}"] = rng.uniform(50, 190, JETS).astype("f4")
    higgs, b = rng.integers(0, 2, JETS, np.int32), rng.integers(0, 2, JETS, np.int32)
    flat |= {"fj_isH": higgs, "fj_isBB": b, "label_H_cc": higgs * (1 - b)}
    flat |= {"fj_isQCD": 1 - higgs, "sample_isQCD": 1 - higgs}
    flat |= {"npv": counts.astype("f4"), "event_no": np.arange(JETS, dtype="u4")}
    flat |= {"fj_jetNTracks": counts.astype("f4"), "n_tracks": counts.astype("i4")}
    names = ("track_ptrel", "track_dxysig", "trackBTag_Sip3dSig", "trackBTag_Sip3dVal")
    return flat, {name: _ragged(rng, counts) for name in names}


def higgs_to_bb(path):
    return _root(path, "deepntuplizer/tree", *_higgs(np.random.default_rng(2)))


def higgs_to_bb_hdf5(path):
    flat, tracks = _higgs(np.random.default_rng(2))
    with h5py.File(path, "w") as file:
        for name, values in flat.items():
            file[name] = values
        for name, values in tracks.items():
            padded = ak.fill_none(ak.pad_none(values, 12, clip=True), 0)
            file[name] = ak.to_numpy(padded).astype("f4")
    return path


def set2graph(path):
    rng = np.random.default_rng(3)
    jets, counts = _jets(rng, low=20, high=200), rng.integers(1, 9, JETS)
    flat = {f"jet_{name}": values for name, values in jets.items()}
    flat["jet_M"] = rng.uniform(1, 10, JETS).astype("f4")
    flat["jet_flav"] = rng.choice([0, 4, 5], JETS).astype("i4")
    tracks = {f"trk_{name}": _ragged(rng, counts) for name in ("d0", "z0", "phi", "ctgtheta", "pt")}
    tracks["trk_vtx_index"] = ak.values_astype(_ragged(rng, counts, 0, 4), "i4")
    return _root(path, "tree", flat, tracks)


def dumper(path, *, large=False):
    rng = np.random.default_rng(4)
    jets = _jets(rng, low=3e5 if large else 2e4, high=1e6 if large else 2e5)
    jets |= {"mass": rng.uniform(6e4, 2e5, JETS).astype("f4") / (1 if large else 20)}
    jets |= {"eventNumber": rng.integers(2**60, 2**61, JETS).astype("u8")}
    jets |= {"mcEventWeight": rng.uniform(0.5, 1.5, JETS).astype("f4")}
    jets |= {"n_tracks": rng.integers(0, 12, JETS).astype("i4")}
    if large:
        jets["R10TruthLabel_R22v1"] = rng.choice([1, 2, 10, 11, 12], JETS).astype("i4")
        models = [f"GN2Xv02_p{name}" for name in ("hbb", "hcc", "top", "qcd")]
    else:
        jets["HadronConeExclTruthLabelID"] = rng.choice([0, 4, 5, 15], JETS).astype("i4")
        jets["pt_btagJes"], jets["eta_btagJes"] = jets["pt"], jets["eta"]
        models = [f"{model}_p{name}" for model in ("GN2v01", "rnnip") for name in "bcu"]
        jets["SV1_isDefaults"] = rng.integers(0, 2, JETS).astype("u1")
        jets["SV1_masssvx"] = rng.uniform(0, 6e3, JETS).astype("f4")
        jets["SV1_Lxy"] = np.where(jets["SV1_isDefaults"], -99, 10 * rng.random(JETS)).astype("f4")
        jets["JetFitter_mass"] = np.where(rng.random(JETS) < 0.3, -99, rng.random(JETS)).astype(
            "f4"
        )
    jets |= {name: rng.uniform(0, 1, JETS).astype("f4") for name in models}
    table = np.zeros(JETS, [(name, values.dtype) for name, values in jets.items()])
    for name, values in jets.items():
        table[name] = values
    names = ("d0", "deta", "dphi", "qOverP", "lifetimeSignedD0Significance")
    kinds = [*((name, "f4") for name in names), ("ftagTruthOriginLabel", "i4"), ("valid", "?")]
    tracks = np.zeros((JETS, 12), kinds)
    for name in names:
        tracks[name] = rng.uniform(-1, 1, tracks.shape)
    tracks["valid"] = np.arange(12) < jets["n_tracks"][:, None]
    with h5py.File(path, "w") as file:
        file["jets"], file["tracks"] = table, tracks
    return path


def dumper_large(path):
    return dumper(path, large=True)


def physlite(path):
    rng = np.random.default_rng(5)
    flat = {"EventInfoAuxDyn.eventNumber": rng.integers(1, 10**6, JETS).astype("u8")}
    several = {}
    for start, low, high, label, codes in (
        ("AnalysisJetsAuxDyn", 2e4, 2e5, "HadronConeExclTruthLabelID", (0, 4, 5, 15)),
        ("AnalysisLargeRJetsAuxDyn", 2e5, 1e6, "R10TruthLabel_R22v1", (1, 10, 11, 12)),
    ):
        counts = rng.integers(1, 7 if "Large" not in start else 3, JETS)
        several[f"{start}.pt"] = _ragged(rng, counts, low, high)
        several[f"{start}.eta"] = _ragged(rng, counts, -2, 2)
        several[f"{start}.phi"] = _ragged(rng, counts, -3, 3)
        several[f"{start}.m"] = _ragged(rng, counts, 1e4, 1.5e5)
        several[f"{start}.Width"] = _ragged(rng, counts)
        made = rng.choice(codes, counts.sum()).astype("i4")
        several[f"{start}.{label}"] = ak.unflatten(made, counts)
        for name in ("pb", "pc", "pu") if "Large" not in start else ():
            several[f"BTagging_AntiKt4EMPFlowAuxDyn.GN2v00_{name}"] = _ragged(rng, counts)
        for name in ("phbb", "phcc", "ptop", "pqcd") if "Large" in start else ():
            several[f"{start}.GN2Xv01_{name}"] = _ragged(rng, counts)
    weights = _ragged(rng, np.full(JETS, 3))
    several["EventInfoAuxDyn.mcEventWeights"] = weights
    return _root(path, "CollectionTree", flat, several)


def nanoaod(path, *, candidates=False):
    rng = np.random.default_rng(6)
    flat = {"event": rng.integers(1, 10**6, JETS).astype("u8")}
    flat["genWeight"] = rng.uniform(0.5, 1.5, JETS).astype("f4")
    several = {}
    for start, low, high, most in (("Jet", 20, 200, 6), ("FatJet", 200, 900, 3), ("SV", 1, 30, 4)):
        counts = rng.integers(0, most, JETS)
        several[f"{start}_pt"] = _ragged(rng, counts, low, high)
        several[f"{start}_eta"] = _ragged(rng, counts, -2, 2)
        several[f"{start}_phi"] = _ragged(rng, counts, -3, 3)
        several[f"{start}_mass"] = _ragged(rng, counts, 1, 100)
        more = {
            "Jet": ("chHEF", "btagDeepFlavB", "btagDeepFlavCvL", "qgl"),
            "FatJet": ("msoftdrop", "tau1", "particleNetMD_Xbb", "particleNetMD_QCD"),
            "SV": ("dlen", "dlenSig", "ntracks"),
        }[start]
        several |= {f"{start}_{name}": _ragged(rng, counts) for name in more}
        if start == "Jet":
            codes = rng.choice([0, 4, 5], counts.sum()).astype("i4")
            several["Jet_hadronFlavour"] = ak.unflatten(codes, counts)
            several["Jet_qgl"] = ak.where(
                several["Jet_qgl"] < 0.3, np.float32(-1), several["Jet_qgl"]
            )
        if start == "FatJet":
            for name in ("nBHadrons", "nCHadrons"):
                numbers = rng.integers(0, 3, counts.sum()).astype("u1")
                several[f"FatJet_{name}"] = ak.unflatten(numbers, counts)
        if candidates and start != "SV":
            several |= _linked(rng, start, counts)
    return _root(path, "Events", flat, several | (_candidates(rng) if candidates else {}))


_CANDIDATES = 20  # of each event


def _linked(rng, start, jets):
    """Four links from each jet to candidates of its event."""
    index = np.concatenate([np.repeat(np.arange(one), 4) for one in jets]).astype("i4")
    item = rng.integers(0, _CANDIDATES, len(index)).astype("i4")
    return {
        f"{start}PFCands_jetIdx": ak.unflatten(index, 4 * jets),
        f"{start}PFCands_pFCandsIdx": ak.unflatten(item, 4 * jets),
        f"{start}PFCands_btagSip3dSig": _ragged(rng, 4 * jets, -5, 5),
    }


def _candidates(rng):
    counts = np.full(JETS, _CANDIDATES)
    made = {f"PFCands_{name}": _ragged(rng, counts) for name in ("pt", "eta", "phi", "d0")}
    charge = rng.integers(-1, 2, counts.sum()).astype("i4")
    return made | {"PFCands_charge": ak.unflatten(charge, counts)}


def pfnano(path):
    return nanoaod(path, candidates=True)


# With all that the cards of the project read ------------------------------------------------------

_MANY = 600  # jets


def _random(rng, names, number, low=0.1, high=1.0, *, kind="f4", start=""):
    return {f"{start}{name}": rng.uniform(low, high, number).astype(kind) for name in names.split()}


def _scores(rng, model, classes, number):
    """Probabilities that add up to one."""
    made = rng.dirichlet(np.ones(len(classes)), number).astype("f4")
    return {f"{model}_p{name}": made[:, index] for index, name in enumerate(classes)}


def _some(rng, there, name, low, high, *, otherwise=-99, kind="f4"):
    """Values where there is something, and elsewhere a number that means nothing."""
    return {name: np.where(there, rng.uniform(low, high, len(there)), otherwise).astype(kind)}


def _records(columns):
    kinds = [(name, values.dtype) for name, values in columns.items()]
    made = np.zeros(next(iter(columns.values())).shape, kinds)
    for name, values in columns.items():
        made[name] = values
    return made


def _vertices_of_atlas(rng):
    found = {}
    for start, floats, wholes in (
        (
            "JetFitter",
            "mass energyFraction significance3d deltaR",
            "nVTX nSingleTracks nTracksAtVtx",
        ),
        (
            "JetFitterSecondaryVertex",
            "mass energy energyFraction displacement3d displacement2d "
            "maximumAllJetTrackRelativeEta minimumAllJetTrackRelativeEta "
            "averageAllJetTrackRelativeEta",
            "nTracks",
        ),
        ("SV1", "masssvx efracsvx deltaR Lxy L3d correctSignificance3d", "NGTinSvx N2Tpair"),
    ):
        there = rng.random(_MANY) < 0.6
        found[f"{start}_isDefaults"] = (~there).astype("u1")
        for name in floats.split():
            high = 6e3 if "mass" in name or name == "energy" else 1
            found |= _some(rng, there, f"{start}_{name}", 0, high, otherwise=np.nan)
        for name in wholes.split() + ["N2Tpair"] * (start == "JetFitter"):
            found |= _some(rng, there, f"{start}_{name}", 0, 9, kind="i4")
    return found


def whole_dumper(path, *, large=False):
    rng, slots = np.random.default_rng(11), 100 if large else 40
    jets = _jets(rng, low=2.4e5 if large else 1.8e4, high=1.4e6 if large else 2.6e5, number=_MANY)
    jets |= {"mass": rng.uniform(4e4, 3.2e5, _MANY).astype("f4")}
    jets |= {"eventNumber": np.arange(_MANY, dtype="u8") + 2**60}
    jets |= _random(rng, "mcEventWeight", _MANY, 0.5, 1.5)
    if large:
        codes = (1, 2, 6, 7, 10, 10, 11, 11, 12, 12)
        jets["R10TruthLabel_R22v1"] = rng.choice(codes, _MANY).astype("i4")
        jets |= _scores(rng, "GN2Xv02", ("hbb", "hcc", "top", "qcd"), _MANY)
    else:
        jets["HadronConeExclTruthLabelID"] = rng.choice([0, 4, 5, 15], _MANY).astype("i4")
        jets["n_truth_promptLepton"] = (rng.random(_MANY) < 0.1).astype("i4")
        jets |= {f"{name}_btagJes": jets[name] for name in ("pt", "eta")}
        for model in ("dipsLoose20220314v2", "DL1dv01"):
            jets |= _scores(rng, model, "bcu", _MANY)
        jets |= _scores(rng, "GN2v01", ("b", "c", "u", "tau"), _MANY) | _vertices_of_atlas(rng)
    shape = (_MANY, slots)
    names = (
        "d0 z0SinTheta dphi deta lifetimeSignedD0Significance lifetimeSignedZ0SinThetaSignificance"
    )
    tracks = _random(rng, names, shape, -5, 5)
    tracks["dphi"] /= 10
    tracks |= _random(rng, "qOverP", shape, -1e-3, 1e-3)
    tracks |= _random(rng, "phiUncertainty thetaUncertainty", shape, 1e-4, 1e-2)
    tracks |= _random(rng, "qOverPUncertainty", shape, 1e-7, 1e-5)
    hits = (
        "PixelHits SCTHits InnermostPixelLayerHits NextToInnermostPixelLayerHits PixelSharedHits "
        "InnermostPixelLayerSharedHits InnermostPixelLayerSplitHits PixelSplitHits SCTSharedHits"
    )
    tracks |= _random(rng, hits, shape, 0, 5, kind="u1", start="numberOf")
    tracks["valid"] = np.arange(slots) < rng.integers(0, slots + 1, _MANY)[:, None]
    with h5py.File(path, "w") as file:
        file["jets"], file["tracks"] = _records(jets), _records(tracks)
    return path


def whole_dumper_large(path):
    return whole_dumper(path, large=True)


def _whole_higgs(rng):
    """Columns of jets, and for tracks and vertices their number and columns."""
    jets = _jets(rng, low=280, high=2100, number=_MANY)
    flat = {f"fj_{name}": values for name, values in jets.items()}
    flat |= _random(rng, "fj_sdmass", _MANY, 35, 205)
    flat |= _random(rng, "fj_jetNTracks fj_nSV", _MANY, 0, 9)
    there = rng.random(_MANY) < 0.7
    for names, dummy in (
        ("z_ratio", -3),
        ("trackSipdSig_0 trackSipdSig_1 trackSipdSig_2 trackSipdSig_3", -50),
        ("trackSipdSig_0_0 trackSipdSig_0_1 trackSipdSig_1_0 trackSipdSig_1_1", -50),
        ("trackSip2dSigAboveCharm_0 trackSip2dSigAboveBottom_0 trackSip2dSigAboveBottom_1", -19),
        ("tau0_trackEtaRel_0 tau0_trackEtaRel_1 tau0_trackEtaRel_2", -1),
        ("tau1_trackEtaRel_0 tau1_trackEtaRel_1 tau1_trackEtaRel_2", -1),
        ("tau_vertexMass_0 tau_vertexEnergyRatio_0 tau_vertexDeltaR_0", -1),
        ("tau_vertexMass_1 tau_vertexEnergyRatio_1", -1),
        ("tau_flightDistance2dSig_0 tau_flightDistance2dSig_1", -1),
    ):
        for name in names.split():
            flat |= _some(rng, there, f"fj_{name}", 0, 9, otherwise=dummy)
    higgs, b = rng.integers(0, 2, (2, _MANY), np.int32)
    flat |= {"fj_isH": higgs, "fj_isBB": b, "fj_isQCD": 1 - higgs, "sample_isQCD": 1 - higgs}
    flat |= {"event_no": np.arange(_MANY, dtype="u4")}
    flat |= {
        "n_tracks": rng.integers(0, 9, _MANY, np.int32),
        "n_sv": rng.integers(0, 4, _MANY, "i4"),
    }
    tracks = (
        "track_ptrel track_etarel track_phirel track_deltaR track_dxy track_dz track_dxysig "
        "track_dzsig track_normchi2 track_quality trackBTag_Sip3dSig trackBTag_Sip3dVal "
        "trackBTag_JetDistVal trackBTag_EtaRel trackBTag_PtRatio trackBTag_PParRatio"
    )
    several = {
        name: _ragged(rng, flat[counter])
        for counter, names in (
            ("n_tracks", tracks),
            ("n_sv", "sv_mass sv_ntracks sv_ptrel sv_d3dsig"),
        )
        for name in names.split()
    }
    return flat, several


def whole_higgs_to_bb(path):
    return _root(path, "deepntuplizer/tree", *_whole_higgs(np.random.default_rng(12)))


def whole_higgs_to_bb_hdf5(path):
    flat, several = _whole_higgs(np.random.default_rng(12))
    with h5py.File(path, "w") as file:
        for name, values in flat.items():
            file[name] = values
        for name, values in several.items():
            slots = 5 if name.startswith("sv_") else 10
            padded = ak.fill_none(
                ak.pad_none(values, slots, clip=True), 7
            )  # no constituent, whatever it says
            file[name] = ak.to_numpy(padded).astype("f4")
    return path


def whole_jetclass(path):
    rng = np.random.default_rng(13)
    jets, counts = _jets(rng, low=500, high=1000, number=_MANY), rng.integers(1, 30, _MANY)
    flat = {f"jet_{name}": values for name, values in jets.items()}
    flat |= _random(rng, "energy", _MANY, 500, 2000, start="jet_")
    flat |= _random(rng, "sdmass", _MANY, 30, 260, start="jet_")
    flat |= _random(rng, "tau1 tau2 tau3 tau4", _MANY, start="jet_")
    flat["jet_nparticles"] = counts.astype("f4")
    kind = rng.integers(0, 5, _MANY)
    for index, name in enumerate(("Hbb", "Hcc", "Tbqq", "QCD", "Tbl")):
        flat[f"label_{name}"] = (kind == index).astype("f4" if name == "QCD" else "?")
    names = "px py pz energy deta dphi d0val d0err dzval dzerr charge"
    parts = _listed(rng, "part_", names, counts)
    neutral = parts["part_pz"] < 0.4
    for name in ("d0val", "d0err", "dzval", "dzerr", "charge"):
        parts[f"part_{name}"] = ak.values_astype(ak.where(neutral, 0, parts[f"part_{name}"]), "f4")
    for name in ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon"):
        parts[f"part_is{name}"] = _ragged(rng, counts) < 0.4
    return _root(path, "tree", flat, parts)


def whole_set2graph(path):
    rng = np.random.default_rng(14)
    jets, counts = _jets(rng, low=18, high=520, number=_MANY), rng.integers(1, 9, _MANY)
    flat = {f"jet_{name}": values for name, values in jets.items()}
    flat |= _random(rng, "jet_M", _MANY, 1, 10)
    flat["jet_flav"] = rng.choice([0, 4, 5], _MANY).astype("i4")
    names = ("d0", "z0", "phi", "ctgtheta", "pt", "charge")
    return _root(path, "tree", flat, {f"trk_{name}": _ragged(rng, counts, -2, 2) for name in names})


def _codes(rng, counts, codes, kind):
    return ak.unflatten(rng.choice(codes, counts.sum()).astype(kind), counts)


def _listed(rng, start, names, counts, low=0.1, high=1.0):
    return {f"{start}{name}": _ragged(rng, counts, low, high) for name in names.split()}


_EVENTS = 300


def whole_nanoaod(path, *, candidates=False, seed=15):
    rng = np.random.default_rng(seed)
    flat = {"event": np.arange(_EVENTS, dtype="u8") + 2**60 + _EVENTS * seed}
    flat |= _random(rng, "genWeight", _EVENTS, 0.5, 1.5)
    jets, fat, vertices = (rng.integers(1, most, _EVENTS) for most in (6, 3, 6))
    made = {}
    for start, counts, low, high in (("Jet_", jets, 18, 1050), ("FatJet_", fat, 190, 2100)):
        made |= _listed(rng, start, "pt", counts, low, high)
        made |= _listed(rng, start, "eta phi", counts, -2.6, 2.6)
        made |= _listed(rng, start, "mass msoftdrop", counts, 35, 260)
    fractions = "area chEmEF chHEF neEmEF neHEF muEF btagDeepFlavB btagDeepFlavCvL"
    made |= _listed(rng, "Jet_", fractions, jets)
    made["Jet_btagDeepFlavB"] = _undefined(made["Jet_btagDeepFlavB"])
    for name in ("nConstituents", "nElectrons", "nMuons"):
        made[f"Jet_{name}"] = _codes(rng, jets, range(5), "u1")
    made["Jet_genJetIdx"] = _codes(rng, jets, (-1, 0, 0, 1, 2), "i2")
    made["Jet_hadronFlavour"] = _codes(rng, jets, (0, 4, 5), "u1")
    made |= _listed(rng, "FatJet_", "tau1 tau2 tau3 tau4 n2b1 n3b1 lsf3", fat)
    for name in ("tau4", "n3b1", "lsf3"):
        made[f"FatJet_{name}"] = _undefined(made[f"FatJet_{name}"])
    made |= _listed(rng, "FatJet_particleNetLegacy_", "Xbb Xcc QCD", fat, 0, 0.33)
    # The subjets of an event stand in the order of its jets; one jet in four has only one.
    second = rng.random(fat.sum()) < 0.75
    first = np.cumsum(1 + second) - (1 + second)
    of_event = np.add.reduceat(1 + second, np.cumsum(fat) - fat)
    first -= np.repeat(np.cumsum(of_event) - of_event, fat)
    for name, index in (("1", first), ("2", np.where(second, first + 1, -1))):
        made[f"FatJet_subJetIdx{name}"] = ak.unflatten(index.astype("i2"), fat)
    made |= _listed(rng, "SubJet_", "pt", of_event, 50, 500)
    made |= _listed(rng, "SubJet_", "eta phi", of_event, -2, 2)
    for name in ("nBHadrons", "nCHadrons"):
        made[f"SubJet_{name}"] = _codes(rng, of_event, (0, 1, 2), "u1")
    made |= _listed(rng, "SV_", "eta phi", vertices, -2, 2)
    made |= _listed(rng, "SV_", "mass pt dlen dlenSig pAngle", vertices, 0.1, 3.1)
    made["SV_ntracks"] = _codes(rng, vertices, range(2, 9), "u1")
    return _root(path, "Events", flat, made | (_whole_candidates(rng, jets) if candidates else {}))


def _undefined(values):
    """Small values become -1."""
    return ak.values_astype(ak.where(values < 0.2, -1, values), "f4")


def _whole_candidates(rng, jets):
    counts = np.full(_EVENTS, _CANDIDATES)
    made = _listed(rng, "PFCands_", "pt d0 dz d0Err dzErr puppiWeight", counts)
    made |= _listed(rng, "PFCands_", "eta phi", counts, -2, 2)
    neutral = made["PFCands_pt"] < 0.4
    for name in ("d0Err", "dzErr", "d0", "dz"):
        values = ak.where(neutral, -1, made[f"PFCands_{name}"])
        made[f"PFCands_{name}"] = ak.values_astype(values, "f4")
    made["PFCands_charge"] = _codes(rng, counts, (-1, 0, 1), "i4")
    made["PFCands_pdgId"] = _codes(rng, counts, (-211, 11, -13, 22, 130), "i4")
    index = np.concatenate([np.repeat(np.arange(one), 4) for one in jets]).astype("i4")
    item = rng.integers(0, _CANDIDATES, len(index)).astype("i4")
    made |= {"JetPFCands_jetIdx": ak.unflatten(index, 4 * jets)}
    made |= {"JetPFCands_pFCandsIdx": ak.unflatten(item, 4 * jets)}
    names = "EtaRel PtRatio PParRatio Sip3dVal Sip3dSig JetDistVal"
    return made | _listed(rng, "JetPFCands_btag", names, 4 * jets, -3, 3)


def whole_pfnano(path):
    return whole_nanoaod(path, candidates=True)


def whole_physlite(path):
    rng = np.random.default_rng(16)
    flat = {"EventInfoAuxDyn.eventNumber": np.arange(_EVENTS, dtype="u8") + 2**60}
    small, large = (rng.integers(1, most, _EVENTS) for most in (6, 5))
    made = {"EventInfoAuxDyn.mcEventWeights": _ragged(rng, np.full(_EVENTS, 3), 0.5, 1.5)}
    for start, counts, low, high in (
        ("AnalysisJetsAuxDyn.", small, 1.8e4, 2.6e5),
        ("AnalysisLargeRJetsAuxDyn.", large, 2.4e5, 1.4e6),
    ):
        made |= _listed(rng, start, "pt", counts, low, high)
        made |= _listed(rng, start, "eta phi", counts, -2.6, 2.6)
        made |= _listed(rng, start, "m", counts, 4e4, 3.1e5)
    names = "Width EMFrac PSFrac JVFCorr DFCommonJets_QGTagger_TracksC1"
    start = "AnalysisJetsAuxDyn."
    made |= _listed(rng, start, names, small)
    made[f"{start}JVFCorr"] = _undefined(made[f"{start}JVFCorr"])
    made[f"{start}GhostMuonSegmentCount"] = _codes(rng, small, range(4), "i4")
    made[f"{start}NNJvtPass"] = _codes(rng, small, (0, 1, 1, 1), "i1")
    made[f"{start}HadronConeExclTruthLabelID"] = _codes(rng, small, (0, 4, 5, 15), "i4")
    for model in ("DL1dv01", "GN2v00"):
        other = f"BTagging_AntiKt4EMPFlowAuxDyn.{model}"
        for name, values in _scores(rng, other, "bcu", small.sum()).items():
            made[name] = ak.unflatten(values, small)
    each = np.full(small.sum(), 2)  # vertices
    for name, values in {
        "NumTrkPt500": _codes(rng, each, range(9), "i4"),
        "SumPtTrkPt500": _ragged(rng, each, 0, 5e4),
        "TrackWidthPt1000": _undefined(_ragged(rng, each)),
    }.items():
        made[f"{start}{name}"] = ak.unflatten(values, small)
    start = "AnalysisLargeRJetsAuxDyn."
    made |= _listed(rng, start, "C2 D2 Tau1_wta Tau2_wta Tau3_wta", large)
    made |= _listed(rng, start, "Split12 Split23", large, 1e3, 1e5)
    made[f"{start}R10TruthLabel_R22v1"] = _codes(rng, large, (1, 2, 7, 10, 11, 12), "i4")
    classes = ("hbb", "hcc", "top", "qcd")
    for name, values in _scores(rng, f"{start}GN2Xv01", classes, large.sum()).items():
        made[name] = ak.unflatten(values, large)
    return _nested(path, "CollectionTree", flat, made)


def _nested(path, tree, flat, several):
    """An RNTuple: uproot writes no tree with lists of lists."""
    with uproot.recreate(path) as file:
        file.mkrntuple(tree, {**flat, **several})
    return path
