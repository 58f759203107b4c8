"""Which constituents of an event belong to which jet, against slow plain-Python twins."""

import math
import re
from pathlib import Path
from typing import NamedTuple

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.expression import Ragged, Rows
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, columns
from ftag_prune.read.association import constituents
from ftag_prune.schema import Card, Collection, plan_of
from ftag_prune.spec import validated

PFNANO = Path(__file__).parents[1] / "../shared/data/pfnano.root"
LINK = {"prefix": "JetPF_", "jet": "jetIdx", "item": "pfIdx"}
CARD = {
    "name": "events",
    "title": "events",
    "task": "single_b",
    "format": "root",
    "tree": "Events",
    "rows": "events",
    "jets": {"pt": "Jet_pt", "eta": "Jet_eta"},
    "inputs": {"jets": ["pt"], "tracks": ["d0"]},
    "labels": {"b": "Jet_flavour == 5", "c": "Jet_flavour == 4", "u": "Jet_flavour == 0"},
    "event": "event",
}


def described(*, jets=(), collections=None, **constituents):
    """Card of events; the constituents `PF_` are found in the way that is given."""
    tracks = {
        "prefix": "PF_",
        "variables": {"d0": "d0", "number": "number"},
        "sort": "d0",
        "maximum": 3,
        **constituents,
    }
    made = {**CARD, "constituents": tracks, "collections": collections or {}}
    made["jets"] = {**CARD["jets"], **dict(jets)}
    return validated(Card, made, where="card")


class Nano(NamedTuple):
    """Events as lists in lists."""

    jets: list
    items: list
    pairs: list
    branches: dict

    def twin(self):
        """Numbers of the constituents of each jet by the table of pairs."""
        return [
            [i for j, i in pairs if j == jet and i >= 0]
            for jets, pairs in zip(self.jets, self.pairs)
            for jet in range(jets)
        ]


def nano(jets, *, seed=0):
    """Unsorted pairs, some with negative numbers, and two secondary vertices for some jets."""
    rng = np.random.default_rng(seed)
    jets = np.asarray(jets)
    items = rng.integers(0, 7, len(jets))
    pairs = [
        [
            (int(rng.integers(-1, n)), int(rng.integers(-1, m)))
            for _ in range(rng.integers(0, 9) if n else 0)
        ]
        for n, m in zip(jets, items)
    ]
    number = np.array([len(one) for one in pairs])
    flat = [pair for event in pairs for pair in event]

    def random(low, high, counts):
        return ak.unflatten(rng.uniform(low, high, counts.sum()).astype("f4"), counts)

    def whole(values, counts, kind="i4"):
        return ak.unflatten(np.array(values, kind), counts)

    sv = [[int(rng.integers(-1, m)) if m else -1 for _ in range(n)] for n, m in zip(jets, items)]
    branches = {
        "event": (2**60 + 1 + np.arange(len(jets))).astype("u8"),
        "Jet_pt": random(20, 200, jets),
        "Jet_eta": random(-2, 2, jets),
        "Jet_phi": random(-math.pi, math.pi, jets),
        "Jet_flavour": whole(rng.choice([0, 4, 5], jets.sum()), jets),
        "Jet_first": whole([i for one in sv for i in one], jets),
        "Jet_second": whole([i for one in sv for i in reversed(one)], jets, "i2"),
        "PF_d0": random(0, 1, items),
        "PF_eta": random(-2, 2, items),
        "PF_phi": random(-math.pi, math.pi, items),
        "PF_number": whole([i for n in items for i in range(n)], items),
        "JetPF_jetIdx": whole([j for j, _ in flat], number),
        "JetPF_pfIdx": whole([i for _, i in flat], number, "i2"),
        "JetPF_row": whole([i for n in number for i in range(n)], number),
    }
    return Nano(jets.tolist(), items.tolist(), pairs, branches)


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


def read(card, path, **options):
    return ak.concatenate(list(batches(card, [path], constituents=True, **options)))


@settings(max_examples=12)
@given(
    jets=st.lists(st.integers(0, 4), min_size=1, max_size=8),
    seed=st.integers(0, 99),
    step=st.integers(1, 9),
)
@both
def test_pairs_of_jets_and_constituents(tmp_path_factory, write, jets, seed, step):
    sample = nano(jets, seed=seed)
    path = write(tmp_path_factory.mktemp("link") / "nano.root", sample.branches)
    card = described(
        link=LINK,
        variables={"d0": "d0", "number": "number", "row": "link.row", "rel": "d0 / jets.pt"},
        jets={"n": "count(tracks.number)", "rows": "sum(tracks.link.row)"},
    )
    found = read(card, path, step=step)
    twin = sample.twin()
    assert found.tracks.number.to_list() == twin
    rows = [
        [row for row, (j, i) in enumerate(pairs) if j == jet and i >= 0]
        for n, pairs in zip(sample.jets, sample.pairs)
        for jet in range(n)
    ]
    assert found.tracks.row.to_list() == rows
    assert found.n.to_list() == [len(one) for one in twin]
    assert found.rows.to_list() == [sum(one) for one in rows]
    rel = ak.to_numpy(ak.flatten(found.tracks.d0)) / np.repeat(found.pt, found.n)
    np.testing.assert_array_equal(ak.flatten(found.tracks.rel), rel)


@both
def test_rows_of_a_table_are_constituents_themselves(tmp_path, write):
    sample = nano([2, 0, 3, 1], seed=4)
    path = write(tmp_path / "nano.root", sample.branches)
    card = described(
        prefix="JetPF_",
        link={"prefix": "JetPF_"},
        variables={"d0": "row", "same": "link.row"},
    )
    twin = [
        [row for row, (j, _) in enumerate(pairs) if j == jet]
        for n, pairs in zip(sample.jets, sample.pairs)
        for jet in range(n)
    ]
    found = read(card, path)
    assert sum(map(len, twin)) > 3
    assert found.tracks.d0.to_list() == found.tracks.same.to_list() == twin


@both
def test_numbers_in_branches_of_jets(tmp_path, write):
    sample = nano([2, 0, 3, 1, 4], seed=5)
    path = write(tmp_path / "nano.root", sample.branches)
    card = described(indices=["Jet_first", "Jet_second"], jets={"n": "count(tracks.d0)"})
    one, two = (
        ak.flatten(sample.branches[f"Jet_{name}"]).to_list() for name in ("first", "second")
    )
    twin = [[i for i in pair if i >= 0] for pair in zip(one, two)]
    found = read(card, path, step=2)
    assert -1 in one
    assert max(one) > 0
    assert found.tracks.number.to_list() == twin
    assert found.n.to_list() == [len(each) for each in twin]


@both
def test_each_jet_may_have_all_of_its_event(tmp_path, write):
    sample = nano([2, 0, 3, 1], seed=6)
    path = write(tmp_path / "nano.root", sample.branches)
    card = described(of="event", jets={"lead": "first(tracks.d0)", "total": "sum(tracks.number)"})
    events = [k for k, n in enumerate(sample.jets) for _ in range(n)]
    found = read(card, path, step=3)
    d0 = sample.branches["PF_d0"].to_list()
    assert found.tracks.d0.to_list() == [d0[k] for k in events]
    lead = [d0[k][0] if d0[k] else math.nan for k in events]
    np.testing.assert_array_equal(found.lead, np.array(lead, "f4"))
    assert found.total.to_list() == [sum(range(sample.items[k])) for k in events]


def matched(jets, items, *, dr):
    """Slow twin for one event: constituents of each jet; coordinates are (eta, phi)."""
    made = [[] for _ in jets]
    for number, (eta, phi) in enumerate(items):
        best, least = None, dr
        for jet, (jet_eta, jet_phi) in enumerate(jets):
            turn = abs(phi - jet_phi) % (2 * math.pi)
            distance = math.hypot(eta - jet_eta, min(turn, 2 * math.pi - turn))
            if distance < least:
                best, least = jet, distance
        if best is not None:
            made[best].append(number)
    return made


# Quarters are exact in binary: equal distances are equal, and ties come up often.
SPOT = st.tuples(st.integers(-6, 6).map(lambda n: n / 4), st.integers(-6, 6).map(lambda n: n / 4))
EVENT = st.tuples(st.lists(SPOT, max_size=5), st.lists(SPOT, max_size=6))


def by_match(events, *, dr):
    """Numbers of the constituents in each jet, event by event."""
    jets, items = (Rows(np.array([len(event[k]) for event in events])) for k in (0, 1))
    flat = [np.array([p for event in events for p in event[k]]).reshape(-1, 2) for k in (0, 1)]
    table = {
        "Jet_eta": Ragged(flat[0][:, 0], jets),
        "Jet_phi": Ragged(flat[0][:, 1], jets),
        "PF_eta": Ragged(flat[1][:, 0], items),
        "PF_phi": Ragged(flat[1][:, 1], items),
    }
    one = Collection(prefix="PF_", match={"dr": dr, "jet_eta": "Jet_eta", "jet_phi": "Jet_phi"})
    found = constituents(one, table, jets=jets, items=items, where="file")
    ends = found.rows.starts
    event = [k for k, (jets_, _) in enumerate(events) for _ in jets_]
    first = [items.starts[k] for k in event]
    return [
        (found.number[begin:end] - at).tolist()
        for begin, end, at in zip(ends[:-1], ends[1:], first)
    ]


@settings(max_examples=200)
@given(st.lists(EVENT, min_size=1, max_size=4), st.sampled_from([0.25, 0.3, 0.6, 1.0, 3.0]))
def test_constituents_match_the_nearest_jet(events, dr):
    wanted = [one for jets, items in events for one in matched(jets, items, dr=dr)]
    assert by_match(events, dr=dr) == wanted


def test_matches_go_around_the_circle_and_ties_to_the_first_jet():
    assert by_match([([(0, 3.1)], [(0, -3.1), (0, 0)])], dr=0.4) == [[0]]
    assert by_match([([(0, -3.1)], [(0, 3.1)])], dr=0.05) == [[]]
    assert by_match([([(0, 0.25), (0, -0.25)], [(0, 0)])], dr=0.4) == [[0], []]
    assert by_match([([(0, 0)], [(0, 0.25), (0, 0.125)])], dr=0.25) == [[1]]
    assert by_match([([], [(0, 0)]), ([(0, 0)], []), ([(0, 0)], [(0, 0)])], dr=1) == [[], [0]]
    assert by_match([([(math.nan, 0), (0, 0)], [(0, 0), (math.nan, 0)])], dr=1) == [[], [0]]


@both
def test_matches_are_read_from_files(tmp_path, write):
    sample = nano([2, 0, 3, 1, 4], seed=7)
    path = write(tmp_path / "nano.root", sample.branches)
    card = described(match={"dr": 1.5, "jet_eta": "Jet_eta", "jet_phi": "Jet_phi"})
    spots = [
        ak.zip([sample.branches[f"{one}_eta"], sample.branches[f"{one}_phi"]]).to_list()
        for one in ("Jet", "PF")
    ]
    wanted = [found for jets, items in zip(*spots) for found in matched(jets, items, dr=1.5)]
    assert sum(map(len, wanted)) > 5
    assert read(card, path, step=2).tracks.number.to_list() == wanted
    # The jets of an event are known from the branches of the match alone.
    plan = plan_of(card)
    (only,) = columns(card, path, plan=plan, wanted=[plan.tracks["number"]])
    assert (
        ak.unflatten(
            only.per_track(plan.tracks["number"]).content,
            only.per_track(plan.tracks["number"]).rows.counts,
        ).to_list()
        == wanted
    )


def deep(sample, counts):
    """Lists in lists: `counts` constituents for the jets, one by one."""
    flat = np.arange(sum(counts), dtype="f4")
    return ak.unflatten(ak.unflatten(flat, counts), sample.jets)


def test_branches_of_events_may_have_a_list_for_each_jet(tmp_path):
    sample = nano([2, 0, 1, 3])
    counts = [2, 0, 3, 1, 0, 4]
    branches = {**sample.branches, "trk_d0": deep(sample, counts)}
    path = rntuple(tmp_path / "deep.root", branches)
    card = described(
        prefix="trk_", variables={"d0": "d0"}, jets={"n": "count(tracks.d0)"}, sort="d0"
    )
    found = read(card, path, step=3)
    assert found.n.to_list() == counts
    assert ak.flatten(found.tracks.d0).to_list() == list(range(10))
    plan = plan_of(card)
    (only,) = columns(card, path, plan=plan, wanted=[plan.jets["n"]])
    assert only.per_jet(plan.jets["n"]).tolist() == counts


@both
def test_reducers_over_several_collections(tmp_path, write):
    sample = nano([2, 0, 3, 1, 2], seed=8)
    path = write(tmp_path / "nano.root", sample.branches)
    prefix = {"prefix": "PF_"}
    card = described(
        link=LINK,
        collections={
            "near": {**prefix, "match": {"dr": 9, "jet_eta": "Jet_eta", "jet_phi": "Jet_phi"}},
            "picked": {**prefix, "indices": ["Jet_first"], "variables": {"twice": "number * 2"}},
            "all": {**prefix, "of": "event"},
        },
        jets={
            "linked": "count(tracks.number)",
            "pick": "first(picked.twice)",
            "every": "count(all.d0)",
            "near": "count(near.d0)",
            "both": "count(all.d0) - linked",
        },
    )
    found = read(card, path, step=2)
    twin = [len(one) for one in sample.twin()]
    every = [m for n, m in zip(sample.jets, sample.items) for _ in range(n)]
    first = ak.flatten(sample.branches["Jet_first"]).to_list()
    assert found.linked.to_list() == twin
    assert found.every.to_list() == every
    assert found.both.to_list() == [m - n for m, n in zip(every, twin)]
    np.testing.assert_array_equal(found.pick, [2 * i if i >= 0 else np.nan for i in first])
    per_event = ak.sum(ak.unflatten(found.near, sample.jets), axis=1).to_list()
    assert per_event == [m if n else 0 for n, m in zip(sample.jets, sample.items)]


WAYS = {
    "link": {"link": LINK},
    "match": {"match": {"dr": 1.5, "jet_eta": "Jet_eta", "jet_phi": "Jet_phi"}},
    "indices": {"indices": ["Jet_first", "Jet_second"]},
    "of": {"of": "event"},
}


@pytest.mark.parametrize("way", WAYS)
@both
def test_ranges_of_events_together_are_the_whole_file(tmp_path, write, way):
    sample = nano(np.random.default_rng(9).integers(0, 4, 30), seed=9)
    path = write(tmp_path / "nano.root", sample.branches)
    card = described(**WAYS[way])
    plan = plan_of(card)
    number = plan.tracks["number"]

    def part(start, stop, step):
        found = columns(
            card,
            path,
            plan=plan,
            wanted=[number, plan.jets["pt"]],
            start=start,
            stop=stop,
            step=step,
        )
        pieces = [one.per_track(number) for one in found]
        return [
            values.tolist()
            for one in pieces
            for values in np.split(one.content, one.rows.starts[1:-1]) * (len(one.rows) > 0)
        ]

    whole = part(0, None, 100)
    assert len(whole) == sum(sample.jets)
    assert part(0, 11, 4) + part(11, 12, 1) + part(12, 30, 7) == whole
    assert part(0, None, "1 kB") == whole


@pytest.mark.parametrize(
    ("way", "branch", "said"),
    [
        ("link", "JetPF_jetIdx", "branch 'JetPF_jetIdx' points to a jet that its event does not"),
        ("link", "JetPF_pfIdx", "branch 'JetPF_pfIdx' points to a constituent that its event"),
        ("indices", "Jet_first", "branch 'Jet_first' points to a constituent that its event"),
    ],
)
@both
def test_numbers_beyond_the_event_are_one_sentence(tmp_path, write, way, branch, said):
    """The number would be good in the file as a whole: it is that of the next event."""
    sample = nano([2, 2, 2, 2], seed=3)
    limit = sample.jets if branch == "JetPF_jetIdx" else sample.items
    numbers = sample.branches[branch].to_list()
    at = next(event for event, one in enumerate(numbers[:-1]) if one)
    numbers[at][0] = limit[at]
    sample.branches[branch] = ak.values_astype(ak.Array(numbers), "i4")
    path = write(tmp_path / "nano.root", sample.branches)
    with pytest.raises(SampleError, match=re.escape(said)) as refused:
        read(described(**WAYS[way]), path)
    times = len(ak.flatten(sample.branches[branch]))
    assert str(refused.value).endswith(f"have, 1 of {times} times")
    assert str(path) in str(refused.value)
    numbers[at][0] = limit[at] - 1
    sample.branches[branch] = ak.values_astype(ak.Array(numbers), "i4")
    assert len(read(described(**WAYS[way]), write(path, sample.branches))) == 8


def shifted(array):
    """The same values in other events."""
    return ak.unflatten(ak.flatten(array), ak.num(array)[::-1])


@pytest.mark.parametrize(
    ("way", "branch", "said"),
    [
        ("link", "JetPF_pfIdx", "branches 'JetPF_jetIdx' and 'JetPF_pfIdx' differ in length"),
        ("link", "JetPF_row", "branches 'JetPF_jetIdx' and 'JetPF_row' differ in length"),
        ("link", "PF_d0", "branches 'PF_d0' and 'PF_number' differ in length"),
        ("match", "PF_phi", "branches 'PF_d0' and 'PF_phi' differ in length"),
        ("match", "Jet_phi", "branch 'Jet_phi' differs from the jets in length"),
        ("indices", "Jet_first", "branch 'Jet_first' differs from the jets in length"),
        ("own", "PF_number", "branch 'PF_d0' has no list for each jet; say with link, match,"),
        ("own", "trk_d0", "branch 'trk_d0' differs from the jets in length"),
        ("link", "flat", "branch 'flat' has no list of numbers for each event"),
        ("of", "PF_flat", "branch 'PF_flat' has no list of numbers for each event"),
    ],
)
def test_branches_that_do_not_fit_together_are_one_sentence(tmp_path, way, branch, said):
    sample = nano([1, 2, 3], seed=11)
    sample.branches["trk_d0"] = deep(sample, [1, 0, 2, 0, 1, 1])
    sample.branches["flat"] = sample.branches["PF_flat"] = np.arange(3, dtype="i4")
    if ("flat" not in branch and way != "own") or branch == "trk_d0":
        sample.branches[branch] = shifted(sample.branches[branch])
    more = {**WAYS.get(way, {}), "variables": {"d0": "d0", "number": "number"}}
    if branch == "JetPF_row":
        more["variables"]["row"] = "link.row"
    if branch == "PF_flat":
        more["variables"] = {"d0": "flat"}
    if branch == "flat":
        more["link"] = {**LINK, "prefix": "", "jet": "flat", "item": "JetPF_pfIdx"}
    if branch == "trk_d0":
        more |= {"prefix": "trk_", "variables": {"d0": "d0"}}
    path = rntuple(tmp_path / "nano.root", sample.branches)
    with pytest.raises(SampleError, match=re.escape(said)) as refused:
        read(described(**more), path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rows_that_are_constituents_are_as_many_as_their_numbers(tmp_path):
    sample = nano([1, 2, 3], seed=11)
    sample.branches["JetPF_row"] = shifted(sample.branches["JetPF_row"])
    path = ttree(tmp_path / "nano.root", sample.branches)
    card = described(prefix="JetPF_", link={"prefix": "JetPF_"}, variables={"d0": "row"})
    with pytest.raises(SampleError, match="'JetPF_jetIdx' and 'JetPF_row' differ in length"):
        read(card, path)


def test_a_table_of_pairs_alone_does_not_tell_how_many_jets_there_are(tmp_path):
    path = ttree(tmp_path / "nano.root", nano([1, 2]).branches)
    card = described(link=LINK)
    plan = plan_of(card)
    with pytest.raises(SampleError, match="'PF_number' and all other branches of the card"):
        list(columns(card, path, plan=plan, wanted=[plan.tracks["number"]]))


@both
@pytest.mark.parametrize("way", WAYS)
def test_files_without_jets_and_constituents_are_read(tmp_path, write, way):
    path = write(tmp_path / "nano.root", nano([0, 0, 0]).branches)
    assert len(read(described(**WAYS[way]), path)) == 0


@pytest.mark.parametrize("workers", [1])
def test_prepared_tracks_are_those_of_a_twin(tmp_path, workers):
    sample = nano(np.random.default_rng(2).integers(0, 5, 300), seed=2)
    path = ttree(tmp_path / "nano.root", sample.branches)
    card = described(link=LINK, variables={"d0": "d0", "number": "number"})
    made = prepare(card, [path], tmp_path / "out", constituents=True, step=31, piece=77)
    d0 = sample.branches["PF_d0"].to_list()
    twin, jet = {}, 0
    ragged = sample.twin()
    pt = sample.branches["Jet_pt"].to_list()
    for event, jets in enumerate(sample.jets):
        for number in range(jets):
            best = sorted((d0[event][i] for i in ragged[jet]), reverse=True)[:3]
            twin[2**60 + 1 + event, pt[event][number]] = best
            jet += 1
    seen = 0
    for one in made[:3]:
        with h5py.File(one) as file:
            jets, tracks = file["jets"][:], file["tracks"][:]
        for record, row in zip(jets, tracks):
            wanted = twin[int(record["event"]), float(record["pt"])]
            assert row["d0"][row["valid"]].tolist() == wanted
            seen += 1
    assert seen == jet


@pytest.mark.skipif(not PFNANO.exists(), reason="the public PFNano file is not here")
@pytest.mark.parametrize("kind", ["Jet", "FatJet"])
def test_the_public_file_gives_the_constituents_of_a_twin(kind):
    link = {"prefix": f"{kind}PFCands_", "jet": "jetIdx", "item": "pFCandsIdx"}
    card = described(
        prefix="PFCands_",
        link=link,
        variables={"d0": "pt", "sip": "link.btagSip3dSig"},
        sort="d0",
        jets={"pt": f"{kind}_pt", "eta": f"{kind}_eta", "n": "count(tracks.pt)"},
    )
    names = [f"{kind}_pt", "PFCands_pt"]
    names += [f"{kind}PFCands_{name}" for name in ("jetIdx", "pFCandsIdx", "btagSip3dSig")]
    with uproot.open(PFNANO) as file:
        table = file["Events"].arrays(names).to_list()
    pt, sip = [], []
    for event in table:
        jet, item, value = (event[name] for name in names[2:])
        for number in range(len(event[names[0]])):
            mine = [k for k, one in enumerate(jet) if one == number and item[k] >= 0]
            pt.append([event["PFCands_pt"][item[k]] for k in mine])
            sip.append([value[k] for k in mine])
    found = read(card, PFNANO, step=3)
    assert sum(map(len, pt)) > 100
    assert found.tracks.d0.to_list() == pt
    np.testing.assert_array_equal(ak.flatten(found.tracks.sip), np.concatenate(sip).astype("f4"))
    assert found.n.to_list() == [len(one) for one in pt]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"link": LINK, "of": "event"},
            "says link and of; a jet's constituents are found one way",
        ),
        ({"of": "jet"}, "constituents.of: "),
        ({"match": {"dr": 0, "jet_eta": "a", "jet_phi": "b"}}, "constituents.match.dr: "),
        ({"match": {"dr": 1, "jet_eta": "a"}}, "key 'constituents.match.jet_phi' is missing"),
        ({"link": {"jet": "jetIdx"}}, "key 'constituents.link.prefix' is missing"),
        ({"counter": "nPF", "of": "event"}, "constituents.counter: counts constituents of jets"),
    ],
)
def test_ways_that_make_no_sense_are_refused(changes, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        described(**changes)
    assert "\n" not in str(refused.value)
