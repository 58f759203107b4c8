"""What is inside a file: each number is known beforehand."""

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner
from uproot.deserialization import DeserializationError
from uproot.interpretation.grouped import AsGrouped
from uproot.interpretation.identify import UnknownInterpretation
from uproot.interpretation.numerical import AsDtype
from uproot.interpretation.objects import AsStridedObjects

from ftag_prune.cli import app
from ftag_prune.errors import SampleError
from ftag_prune.inspection import Column, Contents, Piece, describe, inspect, plain, root, tables
from ftag_prune.inspection.column import FEW, Missing, jagged, sentinel
from ftag_prune.inspection.contents import choose

COUNTS = [2, 0, 3, 1]
FLAT = {
    "jet_pt": np.array([20, np.nan, 250, np.inf], np.float32),
    "softmax-b": np.array([0.25, 0.5, 0.75, 1.0]),
    "AuxDyn.label": np.array([5, 0, 5, 4], np.int32),
    "event": np.array([2**60 + 1, 2**60 + 1, 2**60 + 3, 2**64 - 1], np.uint64),
    "matched": np.array([True, False, True, True]),
}
TRACKS = ak.unflatten(ak.zip({"d0": np.arange(6.0), "hits": np.array([1, 1, 2, 1, 2, 1])}), COUNTS)

KNOWN = {
    "jet_pt": Column("jet_pt", "float32", "scalar", 20, 250, 0.5),
    "softmax-b": Column("softmax-b", "float64", "scalar", 0.25, 1, 0),
    "AuxDyn.label": Column("AuxDyn.label", "int32", "scalar", 0, 5, None, ((0, 1), (4, 1), (5, 2))),
    "event": Column(
        "event",
        "uint64",
        "scalar",
        2**60 + 1,
        2**64 - 1,
        None,
        ((2**60 + 1, 2), (2**60 + 3, 1), (2**64 - 1, 1)),
    ),
    "matched": Column("matched", "bool", "scalar", 0, 1, None, ((0, 1), (1, 3))),
}


def write_tree(path, flat=FLAT, tracks=TRACKS, more=()):
    kinds = {name: values.dtype for name, values in flat.items()}
    with uproot.recreate(path) as file:
        tree = file.mktree("jets", {**kinds, "trk": tracks.type.content})
        if len(tracks):
            tree.extend({**flat, "trk": tracks})
        for name, number in more:
            file.mktree(name, {"x": "i4"}).extend({"x": np.arange(number, dtype="i4")})
    return path


def write_ntuple(path):
    with uproot.recreate(path) as file:
        file["jets"] = {**FLAT, "trk": TRACKS, "cov": np.ones((4, 2), np.float32)}
    return path


def write_hdf5(path):
    jets = np.zeros(4, [*((name, values.dtype) for name, values in FLAT.items()), ("ip", "f4", 3)])
    for name, values in FLAT.items():
        jets[name] = values
    tracks = np.full((4, 3), -99, [("d0", "f2"), ("hits", "i1"), ("valid", "?")])
    tracks["valid"] = np.arange(3) < np.array(COUNTS)[:, None]
    tracks["d0"][tracks["valid"]] = np.arange(6)
    with h5py.File(path, "w") as file:
        file["jets"] = jets
        file["flow"] = tracks
        file["about/version"] = "1.0"
    return path


def columns(contents):
    return {column.name: column for column in contents.columns}


# One column -----------------------------------------------------------------------------------


def test_range_is_of_the_finite_values_and_the_share_of_the_others():
    values = np.array([[1, np.nan, -np.inf], [4, 3, 2]])
    assert describe("x", values) == Column("x", "float64", "scalar", 1, 4, 1 - 4 / 6)


def test_nothing_finite_and_nothing_at_all_have_no_range():
    assert describe("x", np.full(3, np.nan)) == Column("x", "float64", "scalar", bad=1)
    assert describe("x", np.zeros(0)) == Column("x", "float64", "scalar")
    assert describe("x", np.zeros(0, "i4")) == Column("x", "int32", "scalar")


def test_text_has_a_type_alone():
    assert describe("x", np.array([b"a", b"bc"])) == Column("x", "|S2", "scalar")


def test_flags_may_be_floats():
    found = describe("label_Hbb", np.array([0.0, 1, 1, np.nan], np.float32))
    assert found.values == ((0, 1), (1, 2))
    assert describe("x", np.array([0.0, 0.5, 1])).values == ()


def test_what_a_guess_needs_of_a_column():
    found = describe("x", np.array([1.0, 2, 40, np.nan]), shape=jagged(np.array([3, 1])))
    assert (found.middle, found.most, found.missing) == (2, 3, None)
    other = describe("y", np.arange(4), shape=jagged(np.array([3, 1])))
    assert other.rows == found.rows
    assert other.rows != describe("z", np.arange(4), shape=jagged(np.array([1, 3]))).rows


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([-99, -99, 0.5, 3], Missing(-99, 0.5, 0.5, 3)),
        ([-999, -999, -999, -2.5], Missing(-999, 0.75, -2.5, -2.5)),
        ([-1, -1, 0, 0, 0, 0.9], Missing(-1, 1 / 3, 0, 0.9)),
        ([-1, -1, -1, -1], Missing(-1, 1, -1, -1)),
        # far below, near others, once, no whole number, positive
        ([-1, -1, -0.7, 0.1, 0.2], None),
        ([-4, -4, 0.5], None),
        ([-99, 0.5, 3], None),
        ([-1.5, -1.5, 3], None),
        ([7, 7, 7], None),
        ([], None),
    ],
)
def test_numbers_that_stand_for_missing(values, wanted):
    assert sentinel(np.array(values, np.float64)) == wanted


def test_a_number_among_others_stands_for_missing_if_it_is_far_more_frequent():
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0, 2, 900), np.full(100, -1.0)])
    found = sentinel(values)
    assert found is not None
    assert (found.value, found.share) == (-1, 0.1)
    assert sentinel(np.resize([-1.0, 1, -2, 2, -0.5], 1000)) is None


def test_a_charge_is_not_missing():
    assert describe("charge", np.array([-1, 0, 1, -1])).missing is None
    assert describe("x", np.array([-99, -99, 1])).missing == Missing(-99, 2 / 3, 1, 1)


def test_values_are_listed_while_they_are_few():
    assert len(describe("x", np.arange(FEW)).values) == FEW
    assert describe("x", np.arange(FEW + 1)).values == ()


def test_byte_order_is_no_other_type():
    assert describe("x", np.array([1, 2], ">i2")).kind == "int16"


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_integers_are_exact(numbers):
    found = describe("x", np.array(numbers, np.uint64))
    assert (found.low, found.high) == (min(numbers), max(numbers))
    if len(set(numbers)) <= FEW:
        assert dict(found.values) == {one: numbers.count(one) for one in numbers}


# Files ----------------------------------------------------------------------------------------


def test_a_tree(tmp_path):
    found = inspect(write_tree(tmp_path / "a.root"))
    # uproot writes a counter for the jagged ones
    assert found.pieces == (Piece("jets", "TTree", 4, 8),)
    assert found.read == 4
    known = columns(found)
    assert {name: known[name] for name in KNOWN} == KNOWN
    assert known["trk_d0"] == Column("trk_d0", "float64", "jagged, 0 to 3", 0, 5, 0)
    assert known["trk_hits"] == Column(
        "trk_hits", "int64", "jagged, 0 to 3", 1, 2, None, ((1, 4), (2, 2))
    )
    assert len(known) == 8


def test_an_ntuple(tmp_path):
    found = inspect(write_ntuple(tmp_path / "a.root"))
    assert found.pieces == (Piece("jets", "RNTuple", 4, 8),)
    known = columns(found)
    assert {name: known[name] for name in KNOWN} == KNOWN
    assert known["trk.d0"] == Column("trk.d0", "float64", "jagged, 0 to 3", 0, 5, 0)
    assert known["trk.hits"].values == ((1, 4), (2, 2))
    assert known["cov"] == Column("cov", "float32", "padded (4, 2)", 1, 1, 0, ((1, 8),))
    assert len(known) == 8


def test_records_of_hdf5(tmp_path):
    found = inspect(write_hdf5(tmp_path / "a.h5"))
    assert found.pieces == (
        Piece("flow", "dataset", 4, 3, (3,)),
        Piece("jets", "dataset", 4, 6),
    )
    assert found.chosen.name == "jets"
    ip = Column("ip", "float32", "padded (4, 3)", 0, 0, 0, ((0, 12),))
    assert columns(found) == {**KNOWN, "ip": ip}


def test_slots_that_are_not_valid_do_not_count(tmp_path):
    known = columns(inspect(write_hdf5(tmp_path / "a.h5"), tree="/flow"))
    assert known["d0"] == Column("d0", "float16", "padded (4, 3), valid ones", 0, 5, 0)
    assert known["hits"].values == ((-99, 6),)
    assert known["valid"].values == ((0, 6), (1, 6))
    assert known["valid"].shape == "padded (4, 3)"


def test_datasets_that_are_columns_stand_together(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events/fj_pt"] = np.array([300.0, 400.0])
        file["events/label"] = np.array([0, 1], "i1")
        file["events/track_d0"] = np.zeros((2, 5), "f4")
        file["events/short"] = np.zeros(1)
        kind = h5py.vlen_dtype("f4")
        file["events/sv"] = np.array([np.ones(2, "f4"), np.ones(5, "f4")], dtype=kind)
        file.create_dataset("events/text", data=["a", "b"])
    found = inspect(tmp_path / "a.h5")
    assert found.chosen == Piece("events", "group", 2, 5)
    assert [(one.name, one.kind, one.shape) for one in found.columns] == [
        ("fj_pt", "float64", "scalar"),
        ("label", "int8", "scalar"),
        ("sv", "float32", "jagged, 2 to 5"),
        ("text", "string", "scalar"),
        ("track_d0", "float32", "padded (2, 5)"),
    ]
    alone = inspect(tmp_path / "a.h5", tree="events/label")
    assert [one.name for one in alone.columns] == ["events/label"]


@pytest.mark.parametrize("write", [write_tree, write_ntuple, write_hdf5])
def test_no_more_entries_are_read_than_asked_for(tmp_path, write):
    found = inspect(write(tmp_path / "file"), jets=3, tree="jets")
    assert found.read == 3
    assert found.chosen.entries == 4
    assert columns(found)["AuxDyn.label"].values == ((0, 1), (5, 2))
    assert columns(found)["jet_pt"].bad == pytest.approx(1 / 3)


def test_the_largest_tree_is_taken_in_entries_times_columns(tmp_path):
    path = write_tree(tmp_path / "a.root", more=[("long", 20), ("runs", 40), ("folder/short", 1)])
    found = inspect(path)
    assert {piece.name: piece.entries for piece in found.pieces} == {
        "jets": 4,
        "long": 20,
        "runs": 40,
        "folder/short": 1,
    }
    assert found.chosen.name == "runs"
    assert inspect(path, tree="folder/short").columns == (
        Column("x", "int32", "scalar", 0, 0, None, ((0, 1),)),
    )


def test_jets_are_taken_before_their_tracks():
    jets, tracks = Piece("jets", "dataset", 9, 2), Piece("flow", "dataset", 9, 20, (40,))
    assert choose(Path("a.h5"), [tracks, jets], None) == jets


def test_a_tree_without_entries_has_names_and_types(tmp_path):
    flat = {name: values[:0] for name, values in FLAT.items()}
    found = inspect(write_tree(tmp_path / "a.root", flat, TRACKS[:0]))
    assert found.read == 0
    assert columns(found)["event"] == Column("event", "uint64", "scalar")
    assert columns(found)["trk_d0"] == Column("trk_d0", "float64", "jagged")


# What can be wrong ----------------------------------------------------------------------------


def _bad(folder):
    """Files that cannot be read, and what is said of each."""
    root = write_tree(folder / "good.root").read_bytes()
    hdf5 = write_hdf5(folder / "good.h5").read_bytes()
    with uproot.recreate(folder / "bare.root"):
        pass
    with h5py.File(folder / "bare.h5", "w"):
        pass
    for name, content in {
        "empty.root": b"",
        "text.root": b"pt,eta\n1,2\n",
        "cut.root": root[: len(root) // 2],
        "start.root": root[:20],
        "noise.root": root[:100] + b"\xa5" * (len(root) - 100),
        "cut.h5": hdf5[: len(hdf5) // 2],
        "start.h5": hdf5[:8],
    }.items():
        (folder / name).write_bytes(content)
    return {
        "absent.root": "no such file",
        ".": "is not a file",
        "empty.root": "is empty, 0 bytes",
        "text.root": "is neither ROOT nor HDF5, it starts with b'pt,eta\\n1'",
        "cut.root": "is cut short",
        "start.root": "cannot be read as ROOT",
        "noise.root": "cannot be read as ROOT",
        "cut.h5": "cannot be read as HDF5",
        "start.h5": "cannot be read as HDF5",
        "bare.root": "holds no tree, ntuple or dataset",
        "bare.h5": "holds no tree, ntuple or dataset",
    }


def test_bad_files_are_one_sentence(tmp_path):
    for name, sentence in _bad(tmp_path).items():
        with pytest.raises(SampleError) as wrong:
            inspect(tmp_path / name)
        assert str(wrong.value).startswith(str(tmp_path)), name
        assert sentence in str(wrong.value), name
        assert "\n" not in str(wrong.value), name


def test_a_copy_that_broke_off_behind_its_last_tree_is_seen(tmp_path):
    path = write_tree(tmp_path / "a.root")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(SampleError, match=f"is cut short, {len(whole) - 1} of {len(whole)} bytes"):
        inspect(path)


def test_wrong_bytes_give_numbers_or_a_sentence(tmp_path):
    # A tree alone: the HDF5 library itself may crash on bytes that are wrong in this way.
    whole = np.frombuffer(write_tree(tmp_path / "file").read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(30):
        broken = whole.copy()
        broken[rng.integers(64, len(whole), 30)] = rng.integers(0, 256, 30)
        (tmp_path / "broken").write_bytes(broken.tobytes())
        with suppress(SampleError):
            assert inspect(tmp_path / "broken").pieces


def _branch(name, how, failure=None):
    def array(**_):
        raise failure

    return SimpleNamespace(name=name, typename=f"{name}_t", interpretation=how, array=array)


def test_classes_that_cannot_be_read_have_a_type_alone():
    # uproot writes no classes: branches as it gives them for ATLAS and CMS files
    tree = SimpleNamespace(
        itervalues=lambda recursive: [
            _branch("group", AsGrouped(None, {})),
            _branch("unknown", UnknownInterpretation("why", "file", "tree")),
            _branch("links", object(), DeserializationError("no", None, None, None, "file")),
            _branch("aux", object.__new__(AsStridedObjects), ValueError("wrong number of bytes")),
        ]
    )
    assert list(root._branches(tree, 5)) == [
        Column(name, f"{name}_t", "") for name in ("unknown", "links", "aux")
    ]


def test_numbers_that_cannot_be_read_are_no_mere_type():
    broken = _branch("pt", AsDtype(">f4"), ValueError("wrong number of bytes"))
    tree = SimpleNamespace(itervalues=lambda recursive: [broken])
    with pytest.raises(ValueError, match="wrong number"):
        list(root._branches(tree, 5))


@pytest.mark.parametrize("write", [write_tree, write_ntuple, write_hdf5])
def test_a_misspelt_tree_is_told_what_is_near(tmp_path, write):
    path = write(tmp_path / "file")
    with pytest.raises(SampleError, match="no tree, ntuple or dataset 'jet'; nearest: 'jets'"):
        inspect(path, tree="jet")


def test_no_jets_at_all_cannot_be_read(tmp_path):
    with pytest.raises(SampleError, match="wanted 1 or more jets to read, found 0"):
        inspect(write_tree(tmp_path / "a.root"), jets=0)


# What is printed ------------------------------------------------------------------------------

SHOWN = Contents(
    (Piece("jets", "dataset", 100, 2), Piece("flow", "dataset", 100, 1, (40,))),
    Piece("jets", "dataset", 100, 2),
    50,
    (
        Column("pt[bold]", "float32", "scalar", 20.5, 1234567.0, 0.125),
        Column("odd\x1b[31m", "int8", "scalar", 0, 5, None, ((0, 20), (5, 30))),
    ),
)


def test_plain_lines():
    assert list(plain(SHOWN)) == [
        "name  kind       entries  columns",
        "jets  dataset        100        2",
        "flow  dataset  (100, 40)        1",
        "",
        "jets: first 50 of 100 entries",
        "name      type     shape    min          max  not finite  values: counts",
        "pt[bold]  float32  scalar  20.5  1.23457e+06      12.5 %",
        "odd?[31m  int8     scalar     0            5              0: 20, 5: 30",
    ]


def test_a_long_type_is_cut():
    kind = "DataVector<" + 200 * "x" + ">"
    found = SHOWN._replace(columns=(Column("x", kind, ""),))
    assert list(plain(found))[-1] == "x     DataVector<" + 26 * "x" + "..."


def test_tables_hold_the_same_and_brackets_are_no_markup():
    from rich.console import Console

    console = Console(width=120, force_terminal=False)
    with console.capture() as captured:
        console.print(*tables(SHOWN))
    shown = captured.get()
    for word in ("flow", "(100, 40)", "pt[bold]", "odd?[31m", "12.5 %", "5: 30", "first 50 of 100"):
        assert word in shown


def test_the_verb_prints_to_standard_output(tmp_path):
    path = write_tree(tmp_path / "a.root", more=[("runs", 2)])
    told = CliRunner().invoke(app, ["inspect", str(path), "--tree", "runs", "--jets", "1"])
    assert told.exit_code == 0
    assert told.output.splitlines()[4:] == [
        "runs: first 1 of 2 entries",
        "name  type   shape   min  max  not finite  values: counts",
        "x     int32  scalar    0    0              0: 1",
    ]
