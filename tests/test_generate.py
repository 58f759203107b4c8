"""Shards: what is in the files, that they can be made again, and that the physics is sane."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

from ftag_prune.errors import ConfigError, FtagPruneError
from ftag_prune.flavours import TASKS
from ftag_prune.generate import PROCESSES, Generated, events, generate, processes
from ftag_prune.generate.accepted import Accepted
from ftag_prune.generate.write import TRACKS, write

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")


class Shard(NamedTuple):
    """A file, what was said about it, and its content."""

    path: Path
    made: Generated
    jets: np.ndarray
    tracks: np.ndarray


def shard(folder: Path, **arguments: Any) -> Shard:
    path = folder / "{task}_{process}.h5".format(**arguments)
    made = generate(path, **arguments)
    with h5py.File(path) as file:
        return Shard(path, made, file["jets"][:], file["tracks"][:])


SINGLE_B = {"task": "single_b", "process": "ttbar", "jets": 3000, "seed": 1, "first_event": 5000}
HBB = {"task": "hbb_cc", "process": "hbb", "jets": 400, "seed": 1}


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal structured arrays, NaN at the same places."""
    assert one.dtype == other.dtype
    for name in one.dtype.names or ():
        np.testing.assert_array_equal(one[name], other[name])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def single_b(folder: Path) -> Shard:
    return shard(folder, **SINGLE_B)


@pytest.fixture(scope="module")
def zprime(folder: Path) -> Shard:
    return shard(folder, task="single_b", process="zprime", jets=600, seed=1)


@pytest.fixture(scope="module")
def large(folder: Path) -> dict[str, Shard]:
    made = {
        process: shard(folder, task="hbb_cc", process=process, jets=400, seed=1)
        for process in PROCESSES["hbb_cc"]
        if process != "hbb"
    }
    return {"hbb": shard(folder, **HBB), **made}


def test_processes_cover_both_tasks() -> None:
    assert set(PROCESSES) == set(TASKS)
    assert PROCESSES["hbb_cc"] == ("hbb", "hcc", "qcd", "top")


# What is in the files


def test_exact_number_of_jets_and_slots(single_b: Shard, large: dict[str, Shard]) -> None:
    assert single_b.made.jets == len(single_b.jets) == 3000
    assert single_b.tracks.shape == (3000, TRACKS)
    for one in large.values():
        assert one.made.jets == len(one.jets) == 400
        assert one.tracks.shape == (400, TRACKS)


def test_columns_of_single_b_jets(single_b: Shard) -> None:
    kinds = single_b.jets.dtype
    assert kinds.names == (
        "eventNumber", "mcEventWeight", "pt_btagJes", "eta_btagJes", "absEta_btagJes", "phi",
        "mass", "HadronConeExclTruthLabelID", "HadronConeExclTruthLabelPt", "n_tracks",
        "SV1_isDefaults", "SV1_masssvx", "SV1_significance3d", "SV1_L3d", "SV1_Lxy",
        "SV1_efracsvx", "SV1_NGTinSvx", "SV1_deltaR",
    )  # fmt: skip
    assert kinds["eventNumber"] == np.uint64
    assert kinds["pt_btagJes"] == np.float32


def test_columns_of_tracks(single_b: Shard, large: dict[str, Shard]) -> None:
    common = (
        "pt", "d0", "z0SinTheta", "dphi", "deta", "dr", "ptfrac", "qOverP",
        "IP3D_signed_d0_significance", "IP3D_signed_z0_significance", "d0Uncertainty",
        "z0SinThetaUncertainty", "phiUncertainty", "thetaUncertainty", "qOverPUncertainty",
        "numberOfInnermostPixelLayerHits", "numberOfNextToInnermostPixelLayerHits",
        "numberOfPixelHits", "numberOfSCTHits", "numberOfPixelSharedHits", "numberOfPixelHoles",
        "leptonID", "ftagTruthOriginLabel",
    )  # fmt: skip
    assert single_b.tracks.dtype.names == (*common, "inSV1", "valid")
    assert large["qcd"].tracks.dtype.names == (*common, "valid")
    assert single_b.tracks.dtype["valid"] == np.bool_


def test_columns_of_large_jets(large: dict[str, Shard]) -> None:
    names = large["hbb"].jets.dtype.names
    assert names is not None
    assert set(names) >= {
        "eventNumber", "mcEventWeight", "pt", "eta", "phi", "mass", "R10TruthLabel_R22v1",
        "n_bhadrons", "n_chadrons", "n_trimmed_subjets", "Tau21_wta", "Tau32_wta", "Split12",
        "n_tracks", "n_subjets",
    }  # fmt: skip
    features = [f"Sd0_{k}" for k in range(1, 5)] + [f"Sz0_{k}" for k in range(1, 4)]
    features += ["pt", "deta", "dphi", "ntrk"]
    features += [f"SV1_{name}" for name in ("m", "sig", "ef", "ntrk", "Lxy", "dR")]
    subjets = {f"subjet{k}_{name}" for k in (1, 2, 3) for name in features}
    assert {name for name in names if name.startswith("subjet")} == subjets


def test_kinematic_selection_in_mev(single_b: Shard, large: dict[str, Shard]) -> None:
    assert single_b.jets["pt_btagJes"].min() >= 20e3
    assert single_b.jets["absEta_btagJes"].max() < 2.5
    for one in large.values():
        assert one.jets["pt"].min() > 250e3
        assert np.abs(one.jets["eta"]).max() < 2.0
        assert one.jets["mass"].min() > 20e3


def test_padding_and_valid(single_b: Shard) -> None:
    tracks = single_b.tracks
    valid = tracks["valid"]
    np.testing.assert_array_equal(valid.sum(axis=1), np.minimum(single_b.jets["n_tracks"], TRACKS))
    assert (np.diff(valid.astype(int), axis=1) <= 0).all()  # no holes
    assert np.isnan(tracks["d0"][~valid]).all()
    assert np.isfinite(tracks["d0"][valid]).all()
    assert (tracks["numberOfPixelHits"][~valid] == -1).all()
    assert (tracks["numberOfPixelHits"][valid] >= 0).all()


def test_tracks_of_a_jet_fall_in_significance(single_b: Shard) -> None:
    size = np.abs(single_b.tracks["IP3D_signed_d0_significance"])
    both = single_b.tracks["valid"][:, 1:]
    assert (size[:, :-1][both] >= size[:, 1:][both]).all()


def test_missing_vertices_are_flagged(single_b: Shard) -> None:
    jets = single_b.jets
    missing = jets["SV1_isDefaults"] == 1
    assert 0 < missing.sum() < len(jets)
    for name in ("SV1_masssvx", "SV1_L3d", "SV1_Lxy", "SV1_efracsvx", "SV1_deltaR"):
        np.testing.assert_array_equal(np.isnan(jets[name]), missing)
    assert (jets["SV1_NGTinSvx"][missing] == 0).all()
    assert (jets["SV1_NGTinSvx"][~missing] >= 2).all()
    used = (single_b.tracks["inSV1"] == 1).sum(axis=1)
    few = jets["n_tracks"] <= TRACKS
    np.testing.assert_array_equal(used[few], jets["SV1_NGTinSvx"][few])


def test_missing_subjets_are_nan(large: dict[str, Shard]) -> None:
    jets = large["qcd"].jets
    for rank in (1, 2, 3):
        missing = jets["n_subjets"] < rank
        np.testing.assert_array_equal(np.isnan(jets[f"subjet{rank}_pt"]), missing)
        np.testing.assert_array_equal(np.isnan(jets[f"subjet{rank}_Sd0_4"]), missing)
    two = jets["n_subjets"] >= 2
    assert (jets["subjet1_pt"][two] >= jets["subjet2_pt"][two]).all()


def test_event_numbers_start_where_they_are_told(single_b: Shard) -> None:
    numbers = single_b.jets["eventNumber"].astype(np.int64)
    assert (np.diff(numbers) >= 0).all()
    assert numbers.min() >= 5000
    assert numbers.max() < 5000 + single_b.made.events
    assert numbers.max() - numbers.min() > 400  # they count through all batches


def test_root_and_hdf5_hold_the_same_numbers(folder: Path, single_b: Shard) -> None:
    path = folder / "same.root"
    made = generate(path, **SINGLE_B)
    assert made._replace(seconds={}) == single_b.made._replace(seconds={})
    with uproot.open(path) as file:
        tree = file["jets"]
        assert tree.classname == "TTree"
        content = tree.arrays()
    for name in single_b.jets.dtype.names or ():
        column = ak.to_numpy(content[f"jet_{name}"])
        assert column.dtype == single_b.jets.dtype[name]
        np.testing.assert_array_equal(column, single_b.jets[name])
    np.testing.assert_array_equal(content["ntrk"], single_b.jets["n_tracks"])
    first = content[content["ntrk"] <= TRACKS]
    rows = single_b.tracks[single_b.jets["n_tracks"] <= TRACKS]
    for name in single_b.tracks.dtype.names or ():
        if name != "valid":
            column = ak.to_numpy(ak.flatten(first[f"trk_{name}"]))
            np.testing.assert_array_equal(column, rows[name][rows["valid"]])


def test_large_jets_as_root(folder: Path, large: dict[str, Shard]) -> None:
    path = folder / "large.root"
    generate(path, **HBB)
    with uproot.open(path) as file:
        content = file["jets"].arrays()
        about = json.loads(file["metadata"])
    for name in large["hbb"].jets.dtype.names or ():
        np.testing.assert_array_equal(content[f"jet_{name}"], large["hbb"].jets[name])
    assert about["process"] == "hbb"


def test_files_say_where_they_come_from(single_b: Shard) -> None:
    with h5py.File(single_b.path) as file:
        about = json.loads(file.attrs["metadata"])
    expected = {**SINGLE_B, "batch": 200, "pileup": 0.55, "multiple_interactions": False}
    assert {name: about[name] for name in expected} == expected
    assert about["events"] == single_b.made.events
    assert about["sample"] == "Pythia 8 + parametrised tracker"
    assert set(about["generators"]) == {"pythia8mc", "fastjet"}


# Made again


def test_same_arrays_in_another_process(folder: Path, large: dict[str, Shard]) -> None:
    path = folder / "again.h5"
    code = (
        "import sys, pathlib, json; from ftag_prune.generate import generate;"
        "generate(pathlib.Path(sys.argv[1]), **json.loads(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(path), json.dumps(HBB)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""  # no banner of Pythia or FastJet
    assert done.stderr == ""
    with h5py.File(path) as file:
        assert_same(file["jets"][:], large["hbb"].jets)
        assert_same(file["tracks"][:], large["hbb"].tracks)


def test_same_file_content_twice(folder: Path) -> None:
    arguments = {"task": "single_b", "process": "zprime", "jets": 40, "seed": 3, "batch": 20}
    paths = folder / "one.h5", folder / "two.h5"
    for path in paths:
        generate(path, **arguments)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("change", [{"seed": 2}, {"first_event": 9}, {"batch": 10}])
def test_other_arguments_give_other_jets(folder: Path, change: dict[str, int]) -> None:
    arguments = {
        "task": "single_b", "process": "ttbar", "jets": 30, "seed": 1, "batch": 20, "pileup": 0.0,
    }  # fmt: skip
    one, other = shard(folder, **arguments), shard(folder, **{**arguments, **change})
    assert not np.array_equal(one.jets["pt_btagJes"], other.jets["pt_btagJes"])


@pytest.mark.parametrize("process", ["hcc", "top"])
def test_batches_of_one_event_may_be_empty(folder: Path, process: str) -> None:
    one = shard(folder, task="hbb_cc", process=process, jets=80, seed=2, batch=1)
    assert len(one.jets) == 80
    assert len(np.unique(one.jets["eventNumber"])) < one.made.events


def test_progress_counts_up_to_the_number_asked_for(folder: Path) -> None:
    seen: list[int] = []
    generate(
        folder / "progress.h5", task="single_b", process="ttbar", jets=100, seed=1, batch=10,
        progress=seen.append,
    )  # fmt: skip
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == 100


def test_jets_are_never_lost_silently(large: dict[str, Shard]) -> None:
    reasons = {"parent_not_in_jet", "fewer_than_two_hadrons", "surplus"}
    for process, one in large.items():
        assert set(one.made.dropped) == reasons
        unmatched = one.made.dropped["parent_not_in_jet"]
        assert (unmatched > 0) == (process != "qcd")
    assert large["hbb"].made.dropped["fewer_than_two_hadrons"] > 0
    assert large["top"].made.dropped["fewer_than_two_hadrons"] == 0


def test_every_candidate_is_kept_or_counted(folder: Path, large: dict[str, Shard]) -> None:
    # Without a demand, the same events give all candidates: those of the signal and the others.
    events_made = large["hbb"].made.events
    dropped = large["hbb"].made.dropped
    free = processes.process_of("hbb_cc", "hbb")._replace(parent=0, quark=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ftag_prune.generate.shard.process_of", lambda task, process: free)
        candidates = large["hbb"].made.jets + sum(dropped.values())
        everything = generate(folder / "all.h5", **{**HBB, "jets": candidates})
    assert everything.events == events_made
    assert everything.dropped["surplus"] == 0


# Physics, in wide bands


def by_label(one: Shard, values: np.ndarray) -> dict[int, float]:
    labels = one.jets["HadronConeExclTruthLabelID"]
    return {int(label): float(values[labels == label].mean()) for label in np.unique(labels)}


def test_secondary_vertices_are_found_in_b_more_than_c_more_than_light(single_b: Shard) -> None:
    found = by_label(single_b, single_b.jets["SV1_isDefaults"] == 0)
    assert 0.62 < found[5] < 0.75
    assert 0.17 < found[4] < 0.33
    assert found[0] < 0.045


def test_mass_of_the_vertex_shows_the_d_meson_in_c_jets(single_b: Shard) -> None:
    labels, mass = single_b.jets["HadronConeExclTruthLabelID"], single_b.jets["SV1_masssvx"] / 1e3
    bottom, charm = (mass[(labels == label) & np.isfinite(mass)] for label in (5, 4))
    assert np.mean(charm < 1.9) > 0.85  # D mesons weigh 1.87 GeV
    assert np.mean(bottom < 1.9) < 0.75


def test_composition_of_ttbar_jets(single_b: Shard) -> None:
    labels = single_b.jets["HadronConeExclTruthLabelID"]
    part = {label: np.mean(labels == label) for label in (0, 4, 5, 15)}
    assert sum(part.values()) == pytest.approx(1.0)
    assert 0.28 < part[5] < 0.40
    assert 0.08 < part[4] < 0.17
    assert 0.005 < part[15] < 0.05
    pt = single_b.jets["HadronConeExclTruthLabelPt"]
    np.testing.assert_array_equal(np.isnan(pt), labels == 0)
    assert np.nanmin(pt) > 5e3


def test_tracks_of_b_hadrons_are_displaced_along_the_jet(single_b: Shard) -> None:
    tracks, valid = single_b.tracks, single_b.tracks["valid"]
    origin = tracks["ftagTruthOriginLabel"][valid]
    positive = tracks["IP3D_signed_d0_significance"][valid] > 0
    assert positive[(origin == 3) | (origin == 4)].mean() > 0.75
    assert positive[origin == 2].mean() == pytest.approx(0.5, abs=0.03)
    assert 0.1 < np.mean(origin == 0) < 0.3  # pile-up
    assert set(np.unique(origin)) == {0, 2, 3, 4, 5, 6, 7}


def test_no_pileup_when_there_is_none(folder: Path) -> None:
    one = shard(folder, task="single_b", process="ttbar", jets=300, seed=4, pileup=0.0)
    assert (one.tracks["ftagTruthOriginLabel"] != 0).all()


def test_underlying_event_adds_tracks(folder: Path) -> None:
    arguments = {"task": "hbb_cc", "process": "hbb", "jets": 150, "seed": 5, "pileup": 0.0}
    quiet = shard(folder, **arguments).jets["n_tracks"].mean()
    busy = shard(folder, **arguments, multiple_interactions=True).jets["n_tracks"].mean()
    assert 1.1 < busy / quiet < 1.4


def test_zprime_jets_are_hard(single_b: Shard, zprime: Shard) -> None:
    hard = np.median(zprime.jets["pt_btagJes"])
    assert hard > 2 * np.median(single_b.jets["pt_btagJes"])
    assert set(np.unique(zprime.jets["HadronConeExclTruthLabelID"])) <= {0, 4, 5, 15}


def test_masses_of_large_jets(large: dict[str, Shard]) -> None:
    mass = {process: one.jets["mass"] / 1e3 for process, one in large.items()}

    def peak(values: np.ndarray) -> float:
        counts, edges = np.histogram(values, bins=np.arange(20, 260, 10))
        return float(edges[counts.argmax()] + 5)

    assert 110 <= peak(mass["hbb"]) <= 135
    assert 110 <= peak(mass["hcc"]) <= 135
    assert peak(mass["qcd"]) < 60
    near = np.abs(mass["top"] - 170) < 20
    assert near.mean() > 1.5 * (np.abs(mass["qcd"] - 170) < 20).mean()


def test_labels_of_large_jets(large: dict[str, Shard]) -> None:
    expected = {"hbb": 11, "hcc": 12, "top": 1, "qcd": 10}
    for process, label in expected.items():
        assert (large[process].jets["R10TruthLabel_R22v1"] == label).all()
    assert large["hbb"].jets["n_bhadrons"].min() >= 2
    assert large["hcc"].jets["n_chadrons"].min() >= 2
    assert large["qcd"].jets["n_bhadrons"].mean() < 0.4


def test_substructure_tells_prongs_apart(large: dict[str, Shard]) -> None:
    tau21 = {name: np.nanmedian(one.jets["Tau21_wta"]) for name, one in large.items()}
    assert tau21["hbb"] < tau21["top"] < tau21["qcd"]
    tau32 = {name: np.nanmedian(one.jets["Tau32_wta"]) for name, one in large.items()}
    assert tau32["top"] < tau32["qcd"]


def test_weights_undo_the_bias_of_multijets(large: dict[str, Shard]) -> None:
    jets = large["qcd"].jets
    hard = jets["pt"] > 500e3
    weight = jets["mcEventWeight"]
    assert weight.min() > 0
    assert hard.mean() > 0.3
    assert weight[hard].sum() / weight.sum() < 0.15
    assert (large["hbb"].jets["mcEventWeight"] == 1).all()


# What a user can get wrong


GOOD: dict[str, Any] = {"task": "single_b", "process": "ttbar", "jets": 10, "seed": 1}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"task": "single_c"}, "no task 'single_c'; nearest: 'single_b'"),
        (
            {"process": "ttbarr"},
            "task 'single_b' has no process 'ttbarr'; nearest: 'ttbar'",
        ),
        ({"process": "hbb"}, "task 'single_b' has no process 'hbb'; there is: 'ttbar', 'zprime'"),
        ({"jets": 0}, "jets must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"first_event": -4}, "first_event must be at least 0, not -4"),
        ({"batch": 0}, "batch must be at least 1, not 0"),
        ({"pileup": -0.1}, "pileup must be a number of vertices per mm from 0, not -0.1"),
        ({"pileup": float("nan")}, "pileup must be a number of vertices per mm from 0, not nan"),
    ],
)
def test_bad_arguments_are_one_sentence(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(tmp_path / "jets.h5", **{**GOOD, **change})
    assert str(caught.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix(tmp_path: Path) -> None:
    path = tmp_path / "jets.csv"
    with pytest.raises(ConfigError) as caught:
        generate(path, **GOOD)
    assert str(caught.value) == (
        f"{path}: jets are written to files ending in .root or .h5, not in '.csv'"
    )


@pytest.mark.parametrize("package", ["pythia8mc", "fastjet"])
def test_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(FtagPruneError) as caught:
        generate(tmp_path / "jets.h5", **GOOD)
    assert str(caught.value) == (
        f"generating jets needs the package '{package}', which is not installed: "
        "pip install 'ftag_prune[generate]'"
    )


def test_import_needs_no_optional_package() -> None:
    code = (
        "import sys; sys.modules.update(pythia8mc=None, fastjet=None, uproot=None);"
        "import ftag_prune.generate"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_setting_that_pythia_refuses() -> None:
    with pytest.raises(FtagPruneError, match="Pythia refuses the setting 'Higgs:colour = blue'"):
        events.start(("Higgs:colour = blue",), seed=1)


def test_settings_without_a_process(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FtagPruneError, match="Pythia cannot start with the settings"):
        events.start(("25:onMode = off",), seed=1)


def test_pythia_that_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle:
        def __init__(self, pythia: Any) -> None:
            self.pythia = pythia

        def nextBatch(self, size: int) -> ak.Array:  # noqa: N802 - Pythia's name
            return self.pythia.nextBatch(size)[:0]

    def idle(settings: tuple[str, ...], *, seed: int) -> Idle:
        return Idle(events.start(settings, seed=seed))

    monkeypatch.setattr("ftag_prune.generate.shard.start", idle)
    with pytest.raises(FtagPruneError, match="Pythia failed to make any of 200 events"):
        generate(tmp_path / "jets.h5", **GOOD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".h5", ".root"])
def test_a_failure_while_writing_leaves_no_file(tmp_path: Path, suffix: str) -> None:
    torn = Accepted(
        jets={"pt": np.ones(3)}, tracks={"d0": np.ones(2)}, counts=np.array([1, 1, 1]),
        events=1, dropped={},
    )  # fmt: skip
    with pytest.raises((ValueError, IndexError)):
        write(tmp_path / f"jets{suffix}", torn, about={})
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_shard_leaves_no_file(tmp_path: Path) -> None:
    def stop(made: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "jets.h5", **GOOD, progress=stop)
    assert list(tmp_path.iterdir()) == []
