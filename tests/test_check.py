"""What is odd with a sample: numbers known beforehand; each finding provoked, and silent."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ftag_prune.check import Severity, check, classes, events, kinematics, plain, scores, tables
from ftag_prune.check import tracks as of_tracks
from ftag_prune.check.finding import percent
from ftag_prune.check.part import Part, parts, spread
from ftag_prune.check.values import (
    Summary,
    absent,
    explained,
    oddities,
    separation,
    summarise,
    twins,
)
from ftag_prune.cli import app
from ftag_prune.errors import SampleError
from ftag_prune.prepare.count import Counts
from ftag_prune.schema import load_card

# Arithmetic -----------------------------------------------------------------------------------


def test_small_files_are_read_whole_and_large_ones_at_both_ends():
    sizes = {"a": 10, "b": 1000, "c": 3000}
    assert parts(sizes, wanted=211) == [
        Part("a", 0, 10),
        Part("b", 0, 51),
        Part("b", 950, 1000),
        Part("c", 0, 50),
        Part("c", 2950, 3000),
    ]
    assert parts(sizes, wanted=10**6) == [Part("a", 0, 10), Part("b", 0, 1000), Part("c", 0, 3000)]
    assert parts({}, wanted=5) == []


@given(st.lists(st.integers(1, 50), max_size=8), st.integers(1, 200))
def test_parts_are_disjoint_and_as_many_as_wanted(sizes, wanted):
    found = parts(dict(enumerate(sizes)), wanted=wanted)
    rows = [(part.path, row) for part in found for row in range(part.start, part.stop)]
    assert len(rows) == len(set(rows)) == min(wanted, sum(sizes))
    assert all(row < sizes[path] for path, row in rows)


def test_files_are_spread():
    assert spread(["a", "b"], most=2) == ["a", "b"]
    assert spread(list(range(101)), most=3) == [0, 50, 100]


def test_a_summary_is_of_finite_values():
    values = np.array([1, 2, 4, np.nan, np.inf, -np.inf, np.nan, np.nan])
    assert summarise("x", values, chosen=True) == Summary("x", True, 1, 2, 4, 3 / 8, 2 / 8)


def test_a_summary_of_nothing():
    found = summarise("x", np.full(2, np.nan), chosen=False)
    assert np.isnan([found.low, found.middle, found.high]).all()
    assert found.nan == 1


def test_twins_are_equal_everywhere():
    one = np.array([1.0, np.nan, 3])
    columns = {"a": one, "b": one.copy(), "c": one + 1, "d": np.ones(3), "e": np.ones(3)}
    assert twins(columns) == [("a", "b")]
    assert twins({"a": np.array([0.0, 1]), "b": np.array([-0.0, 1], np.float32)}) == [("a", "b")]


def test_variance_between_classes():
    label = np.array([0, 0, 1, 1])
    assert explained(np.array([5.0, 5, 4, 4]), label) == 1
    assert explained(np.array([1.0, -1, 1, -1]), label) == 0
    # Variance 5 in all, 4 of it between the means -2 and 2.
    assert explained(np.array([-3.0, -1, 1, 3]), label) == pytest.approx(16 / 20)
    assert explained(np.array([np.nan, 5, 4, np.inf]), label) == 1
    assert explained(np.ones(4), label) == 0
    assert explained(np.arange(4.0), np.zeros(4, int)) == 0


def test_area_under_the_curve():
    flag = np.array([0, 0, 1, 1], bool)
    assert separation(np.array([1.0, 2, 3, 4]), flag) == 1
    assert separation(np.array([4.0, 3, 2, 1]), flag) == 1
    assert separation(np.array([1.0, 3, 2, 4]), flag) == 0.75
    assert separation(np.array([1.0, 1, 1, 1]), flag) == 0.5
    assert separation(np.array([1.0, 2, 2, 3]), flag) == 0.875
    assert separation(np.array([np.nan, 2.0]), np.array([True, False])) == 0.5


def test_repeated_jets_are_those_with_the_same_event_pt_and_eta():
    event = np.array([2**60 + 1, 2**60 + 1, 2**60 + 2, 2**60 + 1, 2**60 + 1], np.uint64)
    pt = np.array([10.0, 20, 10, 10, np.nan])
    assert events.repeated(event, pt, np.zeros(5)) == 1


def test_last_digits_are_of_events_and_exact():
    event = np.array([2**63 + 1, 2**63 + 1, 5, 15], np.uint64)
    # 2^63 ends on 8
    assert events.tenths(event).tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert events.tenths(np.array([-1, -11])).tolist() == [0] * 9 + [2]
    assert events.chi2(np.array([2, 0])) == 2


def test_jets_that_weights_are_worth():
    assert events.effective(np.ones(7)) == 1
    assert events.effective(np.array([1.0, 1, 0, 0])) == 0.5
    assert events.effective(np.zeros(2)) == 0


def test_empty_slots_have_zero_everywhere():
    variables = {"a": np.array([0, 0, 1, np.nan]), "b": np.array([0.0, 1, 0, 0])}
    assert of_tracks.empty_slots(variables) == 0.5
    assert of_tracks.empty_slots({}) == 0


def test_shares_are_never_rounded_to_nothing_or_all():
    assert [percent(one) for one in (0, 1e-6, 0.123456, 1 - 1e-6, 1)] == [
        "0 %",
        "less than 0.1 %",
        "12.3 %",
        "more than 99.9 %",
        "100 %",
    ]


COUNTS = Counts(
    read=20,
    rejected={"pt": {"b": 1, "c": 2, "none": 3}, "eta": {"b": 0, "c": 1, "none": 0}},
    unlabelled=4,
    kept={"train": {"b": 5, "c": 1}, "val": {"b": 1, "c": 0}, "test": {"b": 2, "c": 0}},
)


def test_in_is_kept_and_rejected():
    assert classes.rows(COUNTS, ("b", "c")) == [
        ("b", "9", "1", "0", "0", "8"),
        ("c", "4", "2", "1", "0", "1"),
        ("none", "7", "3", "0", "4", "0"),
        ("all", "20", "6", "1", "4", "9"),
    ]


# Findings -------------------------------------------------------------------------------------


def said(findings):
    return [(one.severity.value, one.key, one.text) for one in findings]


def test_units_of_momenta():
    pt = np.array([40.0, 50, 60])
    assert said(kinematics.momenta(pt, pt / 10)) == []
    ((how, key, text),) = said(kinematics.momenta(1000 * pt, None))
    assert (how, key) == ("serious", "jets.pt")
    assert "median of 50000 GeV; are those MeV?" in text
    ((how, key, text),) = said(kinematics.momenta(pt / 1000, None))
    assert "median of 0.05 GeV; was it GeV" in text
    ((how, key, text),) = said(kinematics.momenta(pt, 100 * pt))
    assert (how, key) == ("serious", "jets.mass")
    assert "100 times pt" in text
    ((how, key, text),) = said(kinematics.momenta(pt, pt / 1e4))
    assert (how, key) == ("doubtful", "jets.mass")
    assert said(kinematics.momenta(np.array([0, 50, 60, 70.0]), None)) == [
        ("doubtful", "jets.pt", "is zero or negative in 25 % of the jets")
    ]


def test_angles():
    good = {"eta": np.array([-4.9, np.nan]), "dphi": np.array([3.1416]), "phi_x": np.array([9.0])}
    assert said(kinematics.angles(good, within="jets")) == []
    ((how, key, text),) = said(kinematics.angles({"eta": np.array([1, -999.0])}, within="jets"))
    assert (how, key) == ("serious", "jets.eta")
    assert "beyond 10 in 50 % of the values" in text
    ((how, key, text),) = said(kinematics.angles({"dphi": np.array([6.0])}, within="x"))
    assert (how, key) == ("doubtful", "x.dphi")
    assert "delta_phi()" in text


def test_lengths():
    assert said(kinematics.lengths({"d0": np.array([0.02, -0.5]), "z0": np.array([900.0])})) == []
    ((how, key, text),) = said(kinematics.lengths({"d0": np.array([0.002, -0.0005, 0])}))
    assert (how, key) == ("doubtful", "constituents.variables.d0")
    assert "cm or m" in text
    ((_, _, text),) = said(kinematics.lengths({"d0": np.array([70.0, -90])}))
    assert "micrometres" in text


def test_values_of_inputs():
    good = Summary("x", True, 0, 1, 5, 0.1, 0)
    assert said(oddities(good, "jets.x", jets=20)) == []

    def of(**changes):
        ((how, _, text),) = said(oddities(good._replace(**changes), "jets.x", jets=20))
        return how, text

    assert of(nan=1.0)[0] == "serious"
    assert of(nan=1.0, chosen=False)[0] == "doubtful"
    ((how, _, _),) = said(oddities(good._replace(nan=1.0), "jets.x", jets=19))
    assert how == "doubtful"  # so few jets may all lack it
    assert of(inf=0.5) == ("doubtful", "is infinite in 50 % of the values")
    assert of(high=0, nan=0)[1].startswith("is always 0;")
    assert of(high=0)[1].startswith("is 0 wherever it is known;")
    assert "slog()" in of(high=1e9)[1]
    assert said(oddities(good._replace(high=0, chosen=False), "jets.x", jets=20)) == []


def test_inputs_that_are_mostly_missing_are_named_together():
    rows = [Summary(f"x{index}", True, 0, 1, 2, 0.51 + 0.01 * index, 0) for index in range(6)]
    common = Summary("y", True, 0, 1, 2, 0.5, 0)
    assert said(absent([*rows, common, rows[0]._replace(chosen=False)])) == [
        ("note", "inputs", "x0, x1, x2, x3 and 2 more: missing in up to 56 % of the values")
    ]
    assert said(absent([common])) == []


def test_scores():
    good = {"b": np.array([0.25, 1, np.nan]), "c": np.array([0.75, 0, np.nan])}
    ((how, key, text),) = said(scores.probabilities("GN2", good))
    assert (how, key) == ("note", "references.GN2")
    assert "no score for 33.3 %" in text
    less = {"b": np.array([0.2, 0.3]), "c": np.array([0.1, 0.1])}
    ((how, _, text),) = said(scores.probabilities("GN2", less))
    assert how == "note"
    assert "add up to less than one for 100 % of the jets (median 0.35)" in text
    more = {"b": np.array([0.9, 0.9]), "c": np.array([0.2, 0.2])}
    ((how, _, text),) = said(scores.probabilities("GN2", more))
    assert how == "doubtful"
    assert "add up to more than one for 100 % of the jets (median 1.1)" in text
    low = {"b": np.array([-10, 0.5])}
    ((_, key, text),) = said(scores.probabilities("GN2", low))
    assert key == "references.GN2.b"
    assert "outside of 0 to 1 for 50 %" in text
    ((_, _, text),) = said(scores.probabilities("x", {"b": np.array([np.nan])}))
    assert text == "has no jet with all scores"


def test_numbers_of_constituents():
    assert said(of_tracks.numbers(np.array([1, 3]), maximum=3)) == []
    assert said(of_tracks.numbers(np.array([0, 0]), maximum=3)) == [
        ("serious", "constituents", "no jet has any")
    ]
    none, cut = said(of_tracks.numbers(np.array([0, 6, 1, 1]), maximum=3))
    assert none == ("note", "constituents", "25 % of the jets have none")
    assert cut[:2] == ("note", "constituents.maximum")
    assert "25 % of the jets have more than 3 (up to 6); 37.5 % of the constituents" in cut[2]
    assert said(of_tracks.numbers(np.array([9]), maximum=3))[0][0] == "doubtful"


def test_padding():
    good = {"a": np.arange(100.0), "b": np.zeros(100)}
    assert said(of_tracks.padding(good)) == []
    ((how, _, text),) = said(of_tracks.padding({**good, "a": np.arange(100) // 50}))
    assert how == "doubtful"
    assert "50 % have 0 in all of a, b; is padding read as tracks?" in text


# A sample -------------------------------------------------------------------------------------

NUMBER = 4000
CARD = """
name: small
title: small
task: single_b
format: hdf5
jets: {pt: pt / 1000, eta: eta, mass: mass / 1000, x: x}
constituents:
  dataset: tracks
  valid: valid
  variables: {d0: d0, z0: z0}
  sort: abs(d0)
  maximum: 4
inputs: {jets: [pt, eta, x], tracks: [d0, z0]}
labels: {b: flavour == 5, c: flavour == 4, u: flavour == 0, tau: flavour == 15}
select: {pt: pt > 20}
event: event
weight: weight
"""


def sample(folder, name="jets.h5", card=None, **changes):
    """Path of a card and of a file; `changes` are columns, or functions of the usual ones."""
    rng = np.random.default_rng(7)
    jets = {
        "pt": rng.uniform(21e3, 2e5, NUMBER),
        "eta": rng.uniform(-2, 2, NUMBER),
        "mass": rng.uniform(1e3, 1e4, NUMBER),
        "x": rng.normal(size=NUMBER),
        "flavour": np.resize([5, 4, 0, 15], NUMBER),
        "event": rng.integers(0, 10**6, NUMBER).astype("u8"),
        "weight": np.ones(NUMBER),
    }
    for column in jets.keys() & changes.keys():
        jets[column] = changes[column](jets)
    table = np.zeros(NUMBER, [(column, values.dtype) for column, values in jets.items()])
    for column, values in jets.items():
        table[column] = values
    tracks = np.zeros((NUMBER, 5), [("d0", "f4"), ("z0", "f4"), ("valid", "?")])
    tracks["d0"], tracks["z0"] = rng.normal(0, 0.1, (2, NUMBER, 5))
    tracks["valid"] = changes.get("valid", np.arange(5) < 3)
    tracks["d0"][:, 3:] = tracks["z0"][:, 3:] = 0
    with h5py.File(folder / name, "w") as file:
        file["jets"], file["tracks"] = table, tracks
    described = yaml.safe_load(CARD) | {"files": [name]} | (card or {})
    (folder / "card.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    return folder / "card.yaml"


def report(path, **options):
    card = load_card(path)
    return check(card, card.paths(), **options)


def found(path, **options):
    return said(report(path, **options).findings)


def test_nothing_is_said_of_a_good_sample(tmp_path):
    seen = report(sample(tmp_path))
    # 1000 jets of each class are as few as may be.
    assert said(seen.findings) == []
    assert seen.good
    assert seen.title == "small: 4000 of 4000 entries in 1 files"
    assert seen.flow[0] == ("b", "1000", "0", "0", "1000")
    assert seen.flow[-1] == ("all", "4000", "0", "0", "4000")
    assert [one.name for one in seen.summaries] == [
        *("pt", "eta", "mass", "x"),
        *("tracks.d0", "tracks.z0"),
    ]


def only(path, **options):
    """The one finding."""
    (one,) = found(path, **options)
    return one


def test_mev_that_are_called_gev(tmp_path):
    card = {"jets": {"pt": "pt", "eta": "eta", "mass": "mass", "x": "x"}}
    how, key, text = only(sample(tmp_path, card=card))
    assert (how, key) == ("serious", "jets.pt")
    assert "are those MeV?" in text


def test_all_jets_are_cut_away(tmp_path):
    path = sample(tmp_path, card={"select": {"pt": "pt > 1000"}})
    assert found(path) == [
        ("serious", "labels", "none of 4000 jets passes all cuts and has a class")
    ]
    assert report(path).summaries[0].high > 20  # of all jets then


def test_a_class_without_jets(tmp_path):
    def flavour(jets):
        return np.where(jets["flavour"] == 15, 0, jets["flavour"])

    how, key, text = only(sample(tmp_path, flavour=flavour))
    assert (how, key) == ("serious", "labels.tau")
    assert text == "no jet among 4000 that were read is kept for this class"


def test_a_class_that_a_cut_takes_away(tmp_path):
    how, key, text = only(sample(tmp_path, card={"select": {"no_b": "flavour != 5"}}))
    assert (how, key) == ("serious", "labels.b")
    assert text.endswith("kept for this class; cuts reject 1000 by select.no_b")


def test_few_jets_of_a_class(tmp_path):
    card = {"select": {"some": "flavour != 4 or x > 0"}}
    how, key, text = only(sample(tmp_path, card=card))
    assert (how, key) == ("doubtful", "labels.c")
    assert text.endswith("jets in all files; too few for a training")


def test_few_jets_were_read_of_many(tmp_path):
    # 400 of 4000: each class has about 1000 in the whole file.
    texts = found(sample(tmp_path), jets=400)
    assert all(how == "doubtful" and "about " in text for how, _, text in texts)


def test_values_that_no_class_takes(tmp_path):
    def flavour(jets):
        codes = np.array(jets["flavour"])
        codes[:30], codes[30:40] = 44, -1
        return codes

    findings = found(sample(tmp_path, flavour=flavour))
    assert findings[-1] == (
        "note",
        "labels",
        "no class takes 40 jets that pass all cuts, where flavour is 44 (30), -1 (10)",
    )


def test_most_jets_are_of_no_class(tmp_path):
    card = {"labels": {"b": "flavour == 5", "c": "flavour == 4", "u": "x > 9", "tau": "x > 9"}}
    path = sample(tmp_path, card=card, flavour=lambda jets: np.resize([5, 4, 0, 0, 0], NUMBER))
    assert ("doubtful", "labels") in [one[:2] for one in found(path)]


def test_jets_of_two_classes(tmp_path):
    card = {"labels": {"b": "flavour == 5", "c": "flavour >= 4", "u": "flavour == 0", "tau": "0"}}
    how, key, text = only(sample(tmp_path, card=card))
    assert (how, key) == ("serious", "files")
    assert "1000 jets are both of labels.b and labels.c" in text


def test_an_input_that_is_the_label(tmp_path):
    how, key, text = only(sample(tmp_path, x=lambda jets: 2.0 * jets["flavour"] + 1))
    assert (how, key) == ("serious", "jets.x")
    assert "leaks the truth" in text


def test_an_input_that_knows_one_class(tmp_path):
    def x(jets):
        return np.where(jets["flavour"] == 5, 10, 0) + jets["x"]

    how, key, text = only(sample(tmp_path, x=x))
    assert (how, key) == ("doubtful", "jets.x")
    assert text.startswith("tells class 'b' from all others")


def test_a_constant_input(tmp_path):
    how, key, text = only(sample(tmp_path, x=lambda jets: np.full(NUMBER, 3.0)))
    assert (how, key) == ("doubtful", "jets.x")
    assert text == "is always 3; the network learns nothing from it"


def test_two_inputs_are_one(tmp_path):
    how, key, text = only(sample(tmp_path, x=lambda jets: jets["eta"]))
    assert (how, key, text) == ("doubtful", "jets.x", "is the same as jets.eta in all jets")


def test_an_input_that_is_never_there(tmp_path):
    how, key, text = only(sample(tmp_path, x=lambda jets: np.full(NUMBER, np.nan)))
    assert (how, key, text) == ("serious", "jets.x", "has no finite value")


def test_jets_that_are_there_twice(tmp_path):
    path = sample(tmp_path)
    sample(tmp_path, "copy.h5", card={"files": ["jets.h5", "copy.h5"]})
    how, key, text = only(path, jets=10**5)
    assert (how, key) == ("serious", "event")
    assert text.startswith("4000 of 8000 jets are there twice")


def test_several_jets_of_an_event_are_no_copies(tmp_path):
    assert found(sample(tmp_path, event=lambda jets: jets["event"] // 1000)) == []


def test_event_numbers_that_are_not_uniform(tmp_path):
    how, key, text = only(sample(tmp_path, event=lambda jets: jets["event"] // 10 * 10))
    assert (how, key) == ("serious", "event")
    assert text.endswith("digit of the split 'val' (6); is it a number of the event?")
    how, key, text = only(sample(tmp_path, event=lambda jets: jets["event"] // 2 * 2))
    assert (how, key) == ("doubtful", "event")
    assert "not equally frequent" in text


def test_event_numbers_that_overflowed(tmp_path):
    how, key, text = only(sample(tmp_path, event=lambda jets: jets["event"].astype("i8") - 500_000))
    assert (how, key) == ("doubtful", "event")
    assert "is negative for" in text


def test_event_numbers_with_fractions(tmp_path):
    how, key, text = only(sample(tmp_path, event=lambda jets: jets["event"] / 2))
    assert (how, key) == ("serious", "files")
    assert "whole numbers are wanted" in text


def test_weights_that_are_missing(tmp_path):
    how, key, text = only(
        sample(tmp_path, weight=lambda jets: np.where(jets["x"] > 0, np.nan, 1.0))
    )
    assert (how, key) == ("serious", "weight")
    assert "missing or infinite for" in text


def test_weights_that_are_zero_or_negative(tmp_path):
    path = sample(tmp_path, weight=lambda jets: np.resize([0, -1, 3, 3, 3, 3, 3, 3.0], NUMBER))
    assert [one for one in found(path) if one[0] == "note"] == [
        ("note", "weight", "is zero for 12.5 % of the jets"),
        ("note", "weight", "is negative for 12.5 % of the jets"),
    ]


def test_weights_of_a_class_that_cancel(tmp_path):
    path = sample(tmp_path, weight=lambda jets: np.where(jets["flavour"] == 5, -1.0, 1.0))
    assert ("serious", "weight", "adds up to -1e+03 for class 'b'") in found(path)


def test_weights_that_differ_too_much(tmp_path):
    path = sample(tmp_path, weight=lambda jets: np.where(jets["event"] % 1000 == 0, 1e6, 1.0))
    assert ("doubtful", "weight") in [one[:2] for one in found(path)]


def test_padding_that_is_read_as_tracks(tmp_path):
    findings = found(sample(tmp_path, valid=np.ones(5, bool)))
    assert "is padding read as tracks?" in findings[0][2]
    assert findings[1][1] == "constituents.maximum"


def test_a_file_that_cannot_be_opened(tmp_path):
    path = sample(tmp_path, card={"files": ["jets.h5", "absent.h5"]})
    how, key, text = only(path)
    assert (how, key) == ("serious", "files")
    assert text == "absent.h5: no such file"


def test_a_branch_that_is_not_there_is_said_once_for_all_files(tmp_path):
    sample(tmp_path, "more.h5")
    path = sample(tmp_path, card={"files": ["jets.h5", "more.h5"], "event": "evnt"})
    how, key, text = only(path)
    assert (how, key) == ("serious", "files")
    assert "and 1 other files: dataset 'jets': no branch 'evnt'; nearest: 'event'" in text


def test_no_files_at_all(tmp_path):
    with pytest.raises(SampleError, match="card 'small': no files"):
        report(sample(tmp_path, card={"files": []}))


# The verb -------------------------------------------------------------------------------------


def test_the_worst_is_said_first(tmp_path):
    path = sample(tmp_path, x=lambda jets: jets["eta"], weight=lambda jets: -np.ones(NUMBER))
    severities = [one.severity for one in report(path).findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.SERIOUS
    assert severities[-1] is Severity.NOTE


def test_the_verb_says_it_and_its_exit_code(tmp_path):
    path = sample(tmp_path)
    told = CliRunner().invoke(app, ["check", str(path)])
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert lines[0] == "small: 4000 of 4000 entries in 1 files"
    assert lines[2].split() == ["class", "in", "-", "pt", "no", "class", "kept"]
    assert lines[-1] == "Nothing odd was found."
    bad = sample(tmp_path, x=lambda jets: jets["flavour"])
    told = CliRunner().invoke(app, ["check", str(bad), "--jets", "400"])
    assert told.exit_code == 1
    assert "serious: jets.x: is decided by the class" in told.output
    assert told.output.splitlines()[-1].startswith("Serious: 1 serious")


def test_files_may_stand_in_the_command(tmp_path):
    path = sample(tmp_path, card={"files": ["absent.h5"]})
    told = CliRunner().invoke(app, ["check", str(path), str(tmp_path / "jets.h5")])
    assert told.exit_code == 0, told.output


def test_tables_hold_the_same_as_lines(tmp_path):
    from rich.console import Console

    seen = report(sample(tmp_path, x=lambda jets: jets["eta"]))
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(*tables(seen))
    for words in ("4000 of 4000", "no class", "tracks.z0", "doubtful: jets.x: is the same as"):
        assert words in captured.get()
        assert words in "\n".join(plain(seen))


SHARED = Path(__file__).parents[1] / "../shared/data"
