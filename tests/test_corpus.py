"""Damaged and odd inputs: one sentence that names the file and nothing left, or every jet right."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

import awkward as ak
import by_hand
import h5py
import numpy as np
import pytest
import uproot
import yaml
from by_hand import LAYOUTS, SPLITS, assert_prepared, changed, datasets, with_value, write_tree
from small_samples import content as card_content
from small_samples import small, write_hdf5, write_root

from ftag_prune.errors import ConfigError, FtagPruneError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.schema import Card

NUMBER = 210
SAMPLE = small(NUMBER)
NO_JETS = small(counts=np.zeros(0, np.int64))
ROOT_LIKE = ("root", "rntuple", "events")
MANY_CUTS = 24
FLIPS = 25

layouts = pytest.mark.parametrize("layout", LAYOUTS)


def refusal(card: Card, files: list[Path], out: Path, **options: Any) -> str:
    """The sentence of a refused preparation; nothing is left of it."""
    with pytest.raises((SampleError, ConfigError)) as refused:
        prepare(card, files, out, constituents=True, **options)
    said = str(refused.value)
    assert "\n" not in said
    assert "Traceback" not in said
    assert 10 < len(said) < 1000
    assert not out.exists() or list(out.iterdir()) == []
    return said


def refused_or_whole(card: Card, path: Path, out: Path, *, number: int) -> str:
    """The sentence; or none, and no jet is lost: for damage that a format may not notice."""
    try:
        done = prepare(card, [path], out, constituents=True)
    except FtagPruneError as refused:
        said = str(refused)
    else:
        rejected = sum(sum(by.values()) for by in done.counts.rejected.values())
        kept = sum(sum(by.values()) for by in done.counts.kept.values())
        assert done.counts.read == number == rejected + done.counts.unlabelled + kept
        return ""
    assert "\n" not in said
    assert str(path) in said
    assert list(out.iterdir()) == []
    return said


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of a whole file of each layout."""
    folder = tmp_path_factory.mktemp("whole")
    return {
        name: layout.write(folder / name, SAMPLE).read_bytes() for name, layout in LAYOUTS.items()
    }


# -- damage that any file may have ---------------------------------------------------------------


@layouts
def test_a_file_cut_short_anywhere(tmp_path, whole, layout):
    path, last = tmp_path / "cut", len(whole[layout]) - 1
    for size in np.linspace(0, last, MANY_CUTS).astype(int):
        path.write_bytes(whole[layout][:size])
        said = refusal(LAYOUTS[layout].card(), [path], tmp_path / "out")
        assert re.match(rf"{path}: (cannot be read as (ROOT|HDF5|Parquet) \(|is cut short, )", said)


def _empty(path: Path, _: bytes) -> None:
    path.touch()


def _zeros(path: Path, bytes_: bytes) -> None:
    path.write_bytes(bytes(len(bytes_)))


def _noise(path: Path, _: bytes) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(5000))


def _magic(path: Path, bytes_: bytes) -> None:
    """The first bytes of most formats, the last ones of Parquet, say what a file is."""
    path.write_bytes(b"XXXX" + bytes_[4:-4] + b"XXXX")


def _page(path: Path, _: bytes) -> None:
    path.write_text("<!DOCTYPE html><title>404 Not Found</title>" * 20)


def _folder(path: Path, _: bytes) -> None:
    path.mkdir()


def _link(path: Path, _: bytes) -> None:
    path.symlink_to("nowhere")


ANY = {
    "no bytes": _empty,
    "zeros": _zeros,
    "noise": _noise,
    "another magic": _magic,
    "a web page": _page,
    "a folder": _folder,
    "a link to nowhere": _link,
}


@pytest.mark.parametrize("damage", ANY)
@layouts
def test_what_is_no_file_of_the_format(tmp_path, whole, layout, damage):
    path = tmp_path / "damaged"
    ANY[damage](path, whole[layout])
    said = refusal(LAYOUTS[layout].card(), [path], tmp_path / "out")
    wanted = "no such file" if damage == "a link to nowhere" else "cannot be read as "
    assert said.startswith(f"{path}: {wanted}")


@layouts
def test_a_file_of_another_format(tmp_path, whole, layout):
    path = tmp_path / "other"
    path.write_bytes(whole["parquet" if layout != "parquet" else "root"])
    assert "cannot be read as" in refusal(LAYOUTS[layout].card(), [path], tmp_path / "out")


@layouts
def test_no_entries(tmp_path, layout):
    path = LAYOUTS[layout].write(tmp_path / "none", NO_JETS)
    said = refusal(LAYOUTS[layout].card(), [path], tmp_path / "out")
    assert said.startswith(f"{path}")
    assert said.endswith(": holds no jets")


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "parquet"])
def test_no_tree(tmp_path, whole, layout):
    path = tmp_path / "sample"
    path.write_bytes(whole[layout])
    key = "tree" if layout in ROOT_LIKE else "dataset"
    said = refusal(LAYOUTS[layout].card(**{key: "jetz"}), [path], tmp_path / "out")
    assert said.startswith(f"{path}: no {key} 'jetz'")


@pytest.mark.parametrize("column", ["sv_mass", "event", "flavour", "s"])
@layouts
def test_no_branch(tmp_path, layout, column):
    path = LAYOUTS[layout].write(tmp_path / "less", by_hand.without(SAMPLE, column))
    said = refusal(LAYOUTS[layout].card(), [path], tmp_path / "out")
    assert re.search(rf"{path}.*: no branch '(jet_|Jet_|trk_|Trk_)?{column}'; ", said)


def test_flipped_bits_anywhere(tmp_path, whole):
    """Few formats notice each bit; but no other exception, and the jets always add up.

    Not HDF5, whose own library crashes on some of them; and in another process, in case others do.
    """
    for layout in (*ROOT_LIKE, "parquet"):
        (tmp_path / layout).write_bytes(whole[layout])
    done = _python(f"import test_corpus as t; t.flip(t.Path({str(tmp_path)!r}))")
    assert done.returncode == 0, done.stderr[-2000:]


def flip(folder: Path) -> None:
    """Called in another process."""
    rng = np.random.default_rng(3)
    for layout in (*ROOT_LIKE, "parquet"):
        before, path = (folder / layout).read_bytes(), folder / "flipped"
        for turn in range(FLIPS):
            damaged = bytearray(before)
            # Half of them where the format describes itself.
            place = rng.integers(len(before) if turn % 2 else 3000)
            damaged[place if layout != "parquet" else -place - 1] ^= 1 << rng.integers(8)
            path.write_bytes(damaged)
            out = folder / f"{layout}-{turn}"
            refused_or_whole(LAYOUTS[layout].card(), path, out, number=NUMBER)


def _python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize("value", [-1, 100, 10**6])
def test_a_number_of_entries_that_is_wrong_somewhere(tmp_path, whole, value):
    """Each place where a TTree says how long it is, or one of its branches.

    Not RNTuple, where only a checksum that uproot does not look at would tell.
    """
    path, noticed = tmp_path / "damaged", set()
    for place in re.finditer(re.escape(struct.pack(">q", NUMBER)), whole["root"]):
        damaged = bytearray(whole["root"])
        damaged[place.start() : place.end()] = struct.pack(">q", value)
        path.write_bytes(damaged)
        card = by_hand.root_card()
        said = refused_or_whole(card, path, tmp_path / f"{place.start()}", number=NUMBER)
        noticed |= {one for one in ("but the tree", "but its longest branch") if one in said}
    assert len(noticed) >= (2 if value == 100 else 1)


# -- what single formats may hold ----------------------------------------------------------------


class Case(NamedTuple):
    """A file that is refused.

    Attributes
    ----------
    write : into a path
    said : part of the sentence, beside the name of the file
    """

    layout: str
    write: Callable[[Path], Any]
    said: str
    card: Mapping[str, Any] = MappingProxyType({})


def _tree(**changes: Any) -> Callable[[Path], Any]:
    return lambda path: write_tree(path, {**by_hand.jagged(SAMPLE), **changes})


def _ntuple(**changes: Any) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        with uproot.recreate(path) as file:
            file.mkrntuple("jets", {**by_hand.jagged(SAMPLE), **changes})

    return write


def _parquet(**changes: Any) -> Callable[[Path], Any]:
    columns = {**by_hand.jagged(SAMPLE), **changes}
    return lambda path: ak.to_parquet(ak.zip(columns, depth_limit=1), path)


def _flat(**changes: Any) -> Callable[[Path], Any]:
    return lambda path: datasets(path, {**by_hand.flat(SAMPLE), **changes})


def _padded(**changes: Any) -> Callable[[Path], Any]:
    return lambda path: datasets(path, {**by_hand.padded(SAMPLE), **changes})


def _events(**changes: Any) -> Callable[[Path], Any]:
    return lambda path: write_tree(path, {**by_hand.events(SAMPLE), **changes}, tree="Events")


def _records(change: Callable[[h5py.File], Any]) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        with h5py.File(write_hdf5(path, SAMPLE), "a") as file:
            change(file)

    return write


def _again(name: str, make: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], Any]:
    """Records that are made anew from those that were there."""

    def change(file: h5py.File) -> None:
        records = file[name][:]
        del file[name]
        file[name] = make(records)

    return _records(change)


def _of_type(records: np.ndarray, **kinds: Any) -> np.ndarray:
    """Records with fields of another type, which hold zeros."""
    names = records.dtype.names
    made = np.zeros(records.shape, [(n, kinds.get(n, records.dtype[n])) for n in names])
    for name in names:
        if name not in kinds:
            made[name] = records[name]
    return made


def _at(values: Any, place: int, value: Any) -> Any:
    """Jagged values, one of which is another."""
    flat = ak.to_numpy(ak.flatten(values)).astype(np.result_type(value, np.int32))
    flat[place] = value
    return ak.unflatten(flat, ak.num(values))


COUNTS = SAMPLE.counts
FIRST = int(np.argmax(COUNTS > 0))
SHORTER = ak.unflatten(SAMPLE.tracks["s"][1:], COUNTS - (np.arange(NUMBER) == FIRST))
EVENTS = by_hand.events(SAMPLE)
COUNTER = {"constituents__counter": "n_trk"}

CASES = {
    # A branch of another type.
    "tree, text": Case(
        "root", _tree(jet_pt=ak.Array(["a"] * NUMBER)), "'jet_pt' holds string, not numbers"
    ),
    "tree, a list per jet": Case(
        "root", _tree(jet_pt=ak.Array([[1.0]] * NUMBER)), "'pt > 20' gives a value per track"
    ),
    "tree, one track per jet": Case(
        "root", _tree(trk_s=np.ones(NUMBER)), "'trk_s' holds one value per jet, not per track"
    ),
    "ntuple, missing values": Case(
        "rntuple", _ntuple(jet_flavour=ak.Array([None] + [5] * (NUMBER - 1))), "holds ?int64, not"
    ),
    "ntuple, lists of lists": Case(
        "rntuple", _ntuple(trk_s=ak.Array([[[1.0]]] * NUMBER)), "'trk_s' holds lists of lists"
    ),
    "parquet, text": Case(
        "parquet", _parquet(jet_eta=ak.Array(["a"] * NUMBER)), "'jet_eta' holds string, not numbers"
    ),
    "parquet, times": Case(
        "parquet",
        _parquet(jet_event=np.arange(NUMBER).astype("M8[s]")),
        "'jet_event' holds datetime64[ms], not numbers",
    ),
    "parquet, an event without number": Case(
        "parquet", _parquet(jet_event=ak.Array([None] + [3] * (NUMBER - 1))), "event: gives float64"
    ),
    "records, text": Case(
        "hdf5", _again("jets", lambda x: _of_type(x, pt="S3")), "'pt' holds |S3, not numbers"
    ),
    "records, complex": Case(
        "hdf5", _again("jets", lambda x: _of_type(x, pt="c8")), "'pt' holds complex64, not numbers"
    ),
    "records, records": Case(
        "hdf5", _again("jets", lambda x: _of_type(x, pt=[("a", "f4")])), "branch 'pt' holds [("
    ),
    "records, two numbers in one": Case(
        "hdf5", _again("jets", lambda x: _of_type(x, pt=("f4", (2,)))), "'pt' holds (2,) numbers"
    ),
    "records, two numbers in a track": Case(
        "hdf5", _again("tracks", lambda x: _of_type(x, s=("f4", (2,)))), "'s' holds (2,) numbers"
    ),
    "records, a flag of two": Case(
        "hdf5", _again("tracks", lambda x: _of_type(x, valid=("?", (2,)))), "'valid' is no flag"
    ),
    "records, a flag of text": Case(
        "hdf5", _again("tracks", lambda x: _of_type(x, valid="S1")), "'valid' is no flag for each"
    ),
    "datasets, text": Case(
        "flat",
        _flat(jet_eta=np.array(["a"] * NUMBER, h5py.string_dtype())),
        "'jet_eta' holds object, not numbers",
    ),
    "datasets, nothing in one": Case(
        "flat", _flat(jet_eta=h5py.Empty("f4")), "'jet_eta' has the shape None"
    ),
    # What should be there is something else, or elsewhere.
    "records, a link to nowhere": Case(
        "hdf5",
        _records(lambda f: (f.move("jets", "j"), f.update({"jets": h5py.SoftLink("/no")}))),
        "no dataset 'jets'",
    ),
    "records, in a file that is gone": Case(
        "hdf5",
        _records(lambda f: (f.move("jets", "j"), f.update({"jets": h5py.ExternalLink("no", "j")}))),
        "'jets' is a link to another file",
    ),
    "records, an empty group": Case(
        "hdf5",
        _records(lambda f: (f.move("jets", "j"), f.create_group("jets"))),
        "group 'jets': no branch of jets",
    ),
    "records, two dimensions": Case(
        "hdf5", _again("jets", lambda x: x.reshape(10, -1)), "not records in 1 dimension"
    ),
    "records, no tracks": Case(
        "hdf5", _records(lambda f: f.pop("tracks")), "no dataset 'tracks'; there is: 'jets'"
    ),
    "datasets, a link to nowhere": Case(
        "flat", _flat(jet_eta=h5py.SoftLink("/no")), "no branch 'jet_eta'"
    ),
    # Lengths that disagree.
    "tree, tracks": Case("root", _tree(trk_s=SHORTER), "'trk_d0' and 'trk_s' differ in length"),
    "ntuple, tracks": Case(
        "rntuple", _ntuple(trk_s=SHORTER), "'trk_d0' and 'trk_s' differ in length"
    ),
    "parquet, tracks": Case(
        "parquet", _parquet(trk_s=SHORTER), "'trk_d0' and 'trk_s' differ in length"
    ),
    "records, tracks": Case(
        "hdf5", _again("tracks", lambda x: x[:-1]), "'/jets' holds 210 jets, '/tracks' 209"
    ),
    "records, jets": Case(
        "hdf5", _again("jets", lambda x: x[:-1]), "'/jets' holds 209 jets, '/tracks' 210"
    ),
    "datasets, jets": Case(
        "flat", _flat(jet_eta=SAMPLE.jets["eta"][1:]), "'jet_eta' has the shape (209,), not (210,)"
    ),
    "datasets, tracks": Case(
        "flat", _flat(trk_s=SAMPLE.tracks["s"][1:]), "branches 'trk_*' differ in length"
    ),
    "datasets, counter": Case(
        "flat", _flat(n_trk=COUNTS + 1), "nor as many values as the counter 'n_trk' says"
    ),
    "events, jets": Case(
        "events", _events(Jet_eta=EVENTS["Jet_eta"][:, 1:]), "'Jet_pt' and 'Jet_eta' differ"
    ),
    "events, tracks": Case(
        "events", _events(Trk_s=EVENTS["Trk_s"][:, 1:]), "'Trk_d0' and 'Trk_s' differ in length"
    ),
    "events, pairs": Case(
        "events", _events(Pair_jet=EVENTS["Pair_jet"][:, 1:]), "'Pair_jet' and 'Pair_trk' differ"
    ),
    # Counters and links.
    "counter, negative": Case(
        "padded", _padded(n_trk=np.where(COUNTS == 3, -1, COUNTS)), "'n_trk' is no whole number"
    ),
    "counter, NaN": Case(
        "flat", _flat(n_trk=np.where(COUNTS == 3, np.nan, COUNTS)), "'n_trk' is no whole number"
    ),
    "counter, fraction": Case("padded", _padded(n_trk=COUNTS + 0.5), "'n_trk' is no whole number"),
    "counter, huge": Case(
        "flat", _flat(n_trk=np.where(COUNTS == 3, 2**62, COUNTS)), "'n_trk' is no whole number"
    ),
    "counter, in a tree": Case(
        "root", _tree(n_trk=np.where(COUNTS == 3, -1, COUNTS)), "'n_trk' is no whole", COUNTER
    ),
    "counter, absent": Case("root", _tree(), "no branch 'n_trk'; ", COUNTER),
    "link, one jet too far": Case(
        "events",
        _events(Pair_jet=_at(EVENTS["Pair_jet"], 5, 3)),
        "'Pair_jet' points to a jet that its event does not have, 1 of ",
    ),
    "link, the largest number": Case(
        "events",
        _events(Pair_trk=_at(EVENTS["Pair_trk"], 5, 2**31 - 1)),
        "'Pair_trk' points to a constituent that its event does not have, 1 of ",
    ),
    "link, fraction": Case(
        "events",
        _events(Pair_trk=_at(EVENTS["Pair_trk"], 5, 0.5)),
        "'Pair_trk' holds float64, not whole numbers",
    ),
    "link, NaN": Case(
        "events",
        _events(Pair_jet=_at(EVENTS["Pair_jet"], 5, np.nan)),
        "'Pair_jet' holds float64, not whole numbers",
    ),
    "link, no list": Case(
        "events",
        _events(Pair_jet=np.zeros(len(EVENTS["event"]), np.int32)),
        "'Pair_jet' has no list of numbers for each event",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_holds_something_else(tmp_path, name):
    layout, write, said, changes = CASES[name]
    path = tmp_path / "damaged"
    write(path)
    found = refusal(LAYOUTS[layout].card(**changes), [path], tmp_path / "out")
    assert found.startswith(str(path))
    assert said in found


VALUES = {
    "weight, NaN": ({"weight": np.nan}, "weight: is missing or infinite for 1 of "),
    "weight, inf": ({"weight": np.inf}, "weight: is missing or infinite for 1 of "),
    "weight, beyond float32": ({"weight": 1e300}, "weight: is missing or infinite for 1 of "),
}


@pytest.mark.parametrize("name", VALUES)
@layouts
def test_a_value_that_no_jet_may_have(tmp_path, layout, name):
    values, said = VALUES[name]
    wide = changed(SAMPLE, weight=SAMPLE.jets["weight"].astype(np.float64))
    sample = with_value(wide, by_hand.expected(SAMPLE).kept["train"][0], **values)
    path = LAYOUTS[layout].write(tmp_path / "sample", sample)
    assert refusal(LAYOUTS[layout].card(), [path], tmp_path / "out").startswith(f"{path}: {said}")


# -- odd, but every jet is right -----------------------------------------------------------------

SOME = slice(0, NUMBER, 4)
TRACKS = len(SAMPLE.tracks["s"])
OF_EVENT = np.arange(NUMBER) // by_hand.PER_EVENT


def _wide(name: str, value: float) -> by_hand.Small:
    column = (SAMPLE.tracks if name[:4] == "trk_" else SAMPLE.jets)[name.removeprefix("trk_")]
    return with_value(changed(SAMPLE, **{name: column.astype(np.float64)}), SOME, **{name: value})


def _signalling(name: str) -> by_hand.Small:
    """NaN in a bit pattern at which processors raise a flag."""
    column = SAMPLE.tracks["s"] if name == "trk_s" else SAMPLE.jets[name]
    bits = column.view(np.uint32).copy()
    bits[SOME] = 0x7F800001
    return changed(SAMPLE, **{name: bits.view(np.float32)})


ODD = {
    "nothing": SAMPLE,
    "NaN in what is cut on": with_value(SAMPLE, SOME, pt=np.nan),
    "NaN in both": with_value(SAMPLE, SOME, pt=np.nan, eta=np.nan),
    "NaN in an input": with_value(SAMPLE, SOME, sv_mass=np.nan),
    "inf in an input": with_value(SAMPLE, SOME, sv_mass=np.inf),
    "-inf in an input": with_value(SAMPLE, SOME, sv_mass=-np.inf),
    "inf in what is cut on": with_value(SAMPLE, SOME, pt=np.inf),
    "negative in a logarithm": with_value(SAMPLE, SOME, pt=-1e5),
    "0 in a logarithm": with_value(SAMPLE, SOME, pt=0),
    "NaN in tracks": with_value(SAMPLE, SOME, trk_s=np.nan, trk_d0=np.nan, trk_pt=np.nan),
    "inf in tracks": with_value(SAMPLE, SOME, trk_s=np.inf, trk_d0=-np.inf, trk_pt=np.inf),
    "signalling NaN": _signalling("sv_mass"),
    "signalling NaN in tracks": _signalling("trk_s"),
    "beyond float32": _wide("sv_mass", 1e300),
    "beyond float32 in tracks": _wide("trk_s", -1e300),
    "beyond float32 in what is cut on": _wide("pt", 1e300),
    "labels outside the map": with_value(SAMPLE, SOME, flavour=-999),
    "labels at the end of integers": with_value(SAMPLE, SOME, flavour=2**31 - 1),
    "duplicate event numbers": changed(SAMPLE, event=(OF_EVENT % 10).astype(np.uint64)),
    "negative event numbers": changed(SAMPLE, event=(-40 + OF_EVENT).astype(np.int32)),
    "the smallest event numbers": changed(SAMPLE, event=-(2**63) + OF_EVENT),
    "the largest event numbers": changed(
        SAMPLE, event=np.uint64(2**64 - 1) - OF_EVENT.astype(np.uint64)
    ),
}


@pytest.mark.parametrize("name", ODD)
@layouts
def test_odd_values_are_where_they_belong(tmp_path, layout, name):
    path = LAYOUTS[layout].write(tmp_path / "odd", ODD[name])
    done = prepare(LAYOUTS[layout].card(), [path], tmp_path / "out", constituents=True)
    assert_prepared(done, ODD[name])


def test_links_to_nothing_are_no_tracks(tmp_path):
    """Negative numbers are how NanoAOD says none: such a track belongs to no jet."""
    none = _at(EVENTS["Pair_jet"], 0, -1)
    path = write_tree(tmp_path / "none", {**EVENTS, "Pair_jet": none}, tree="Events")
    done = prepare(by_hand.events_card(), [path], tmp_path / "out", constituents=True)
    assert done.counts.read == NUMBER
    event = int(np.argmax(ak.num(EVENTS["Pair_jet"]) > 0))
    jet = event * by_hand.PER_EVENT + int(EVENTS["Pair_jet"][event][0])
    # The first pair is that of the first track of its jet.
    gone = int((np.cumsum(COUNTS) - COUNTS)[jet])
    fewer = {name: np.delete(values, gone) for name, values in SAMPLE.tracks.items()}
    assert_prepared(done, SAMPLE._replace(tracks=fewer, counts=COUNTS - (np.arange(NUMBER) == jet)))


# -- the disk, and other processes ---------------------------------------------------------------


@contextmanager
def _as_nobody() -> Iterator[None]:
    """The superuser may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public():
    """A folder that others may enter, unlike those of pytest."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@layouts
def test_a_file_that_may_not_be_read(public, layout):
    path = LAYOUTS[layout].write(public / "sample", SAMPLE)
    card = LAYOUTS[layout].card()
    prepare(card, [path], public / "before", constituents=True)  # imports what it needs
    path.chmod(0)
    with _as_nobody():
        said = refusal(card, [path], public / "out")
    assert said.startswith(f"{path}: cannot be read as ")
    assert "ermission denied" in said


@pytest.mark.parametrize("kind", ["a folder of others", "a file"])
def test_a_folder_that_cannot_be_written(public, kind):
    path, out = write_root(public / "sample.root", SAMPLE), public / "there"
    prepare(by_hand.root_card(), [path], public / "before")
    if kind == "a file":
        out.touch()
    else:
        out.mkdir(mode=0o755)
        out.chmod(0o555)
    with _as_nobody(), pytest.raises(SampleError, match=r"there: cannot be written \((Perm|File)"):
        prepare(by_hand.root_card(), [path], out)


@contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only the superuser may mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


LARGE = small(4000)  # about 70 kB for the first pass, and 400 kB in three files


@pytest.mark.parametrize("size", [16_384, 131_072, 262_144, 393_216])
def test_a_disk_that_fills(tmp_path, size):
    path, disk = write_root(tmp_path / "sample.root", LARGE), tmp_path / "disk"
    with _small_disk(disk, size):
        said = refusal(by_hand.root_card(), [path], disk / "out")
        assert re.match(rf"{disk}/out/\S+: cannot be written \(.*No space left on device", said)


def _yaml(path: Path, **changes: Any) -> Path:
    path.write_text(yaml.safe_dump(card_content(**changes), sort_keys=False))
    return path


def _call(*arguments: Any, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """The command line, after some other code."""
    words = ["ftag-prune", "prepare", *map(str, arguments)]
    return _python(
        f"import sys; {before}; sys.argv = {words}; import ftag_prune.cli as c; c.main()"
    )


def assert_one_line(done: subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(rf"ftag-prune: .*{said}.*\n", done.stderr), done.stderr


@pytest.mark.parametrize("most", [10_000, 100_000])
def test_files_that_may_not_become_so_large(tmp_path, most):
    path = write_root(tmp_path / "sample.root", LARGE)
    limit = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({most}, {most}))"
    done = _call(
        _yaml(tmp_path / "card.yaml"), tmp_path / "out", path, "--constituents", before=limit
    )
    assert_one_line(done, r"cannot be written \(.*File too")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("damage", ["a web page", "another magic", "a link to nowhere"])
def test_the_command_says_one_line(tmp_path, whole, damage):
    path = tmp_path / "damaged.root"
    ANY[damage](path, whole["root"])
    done = _call(_yaml(tmp_path / "card.yaml"), tmp_path / "out", path)
    assert_one_line(done, re.escape(str(path)))
    assert list((tmp_path / "out").iterdir()) == []


_WRITER = """
import os, signal, sys, h5py, numpy as np
from small_samples import *
write_hdf5("{whole}", small(210))
with h5py.File("{whole}") as source, h5py.File("{path}", "w", libver="{version}") as file:
    for name in ("jets", "tracks"):
        shape, part = source[name].shape, (100, *source[name].shape[1:])
        file.create_dataset(name, part, source[name].dtype, maxshape=shape, chunks=part)
        file[name][:] = source[name][:100]
    if {flush}: file.flush()
    file["jets"].resize((210,))
    file["jets"][100:] = source["jets"][100:]
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("flush", [True, False])
def test_a_file_whose_writer_was_killed(tmp_path, version, flush):
    path = tmp_path / "open.h5"
    code = _WRITER.format(whole=tmp_path / "whole.h5", path=path, version=version, flush=flush)
    assert _python(code).returncode == -signal.SIGKILL
    card = by_hand.hdf5_card()
    if flush and version == "earliest":
        # What was flushed is a whole file: the jets until then are all there.
        said = refused_or_whole(card, path, tmp_path / "out", number=100)
        assert said == "" or "cannot be read as HDF5" in said
    else:
        assert refusal(card, [path], tmp_path / "out").startswith(f"{path}: cannot be read as HDF5")


# -- one bad file among a hundred ----------------------------------------------------------------


@pytest.fixture(scope="module")
def hundred(tmp_path_factory):
    """A hundred files of a few jets each; the 38th is cut short."""
    folder = tmp_path_factory.mktemp("hundred")
    samples = [small(8, seed=seed) for seed in range(100)]
    samples = [changed(one, event=one.jets["event"] + n) for n, one in enumerate(samples)]
    files = [write_root(folder / f"{n:02}.root", sample) for n, sample in enumerate(samples)]
    files[37].write_bytes(files[37].read_bytes()[:-100])
    return samples, files


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_file_stops_all(tmp_path, hundred, workers):
    _, files = hundred
    said = refusal(by_hand.root_card(), files, tmp_path / "out", workers=workers)
    assert said.startswith(f"{files[37]}: is cut short, ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_file_is_left_out_and_told(tmp_path, hundred, workers):
    samples, files = hundred
    card = by_hand.root_card(on_error="skip")
    done = prepare(card, files, tmp_path / "out", constituents=True, workers=workers)
    good = [sample for n, sample in enumerate(samples) if n != 37]
    assert_prepared(done, joined(good))
    for split in SPLITS:
        with h5py.File(getattr(done, split)) as file:
            skipped = json.loads(file.attrs["skipped"])
            sources = [one["path"] for one in json.loads(file.attrs["sources"])]
        assert list(skipped) == [str(files[37])]
        assert skipped[str(files[37])].startswith(f"{files[37]}: is cut short, ")
        assert sources == [str(path) for n, path in enumerate(files) if n != 37]


def joined(samples: list[by_hand.Small]) -> by_hand.Small:
    """Samples one after another."""
    jets, tracks = (
        {name: np.concatenate([one[part][name] for one in samples]) for name in samples[0][part]}
        for part in (0, 1)
    )
    return by_hand.Small(jets, tracks, np.concatenate([one.counts for one in samples]))
