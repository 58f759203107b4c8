"""Files appear whole or not at all."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ftag_prune.errors import FtagPruneError
from ftag_prune.process import Process, machine
from ftag_prune.record import (
    atomic,
    checksum,
    digest,
    provenance,
    read_json,
    read_mapping,
    temporaries,
    write_csv,
    write_json,
)


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "a.json"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".json"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_file_stands_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_share_a_temporary_file(tmp_path):
    with atomic(tmp_path / "a.txt") as first, atomic(tmp_path / "a.txt") as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert (tmp_path / "a.txt").read_text() == "1"


def a_dead_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


def test_what_killed_writers_left_is_removed_when_its_folder_is_written_to(tmp_path):
    here, dead = machine(), a_dead_process()
    names = {
        f".a.{here}-{dead}-0123abcd.json": False,
        f".b.c.{here}-{dead}-0123abcd": False,
        f".a.{here}-{os.getpid()}-0123abcd.json": True,
        f".a.00000000-{dead}-0123abcd.json": True,
        f".old.00000000-{dead}-0123abcd.json": False,
        f"a.{here}-{dead}-0123abcd.json": True,
        ".hidden": True,
        f".a.{dead}.0123abcd.json": True,
    }
    for name in names:
        (tmp_path / name).touch()
        if name.startswith(".old"):
            os.utime(tmp_path / name, (0, 0))
    write_json(tmp_path / "z.json", 1)
    left = {path.name for path in tmp_path.iterdir()} - {"z.json"}
    assert left == {name for name, stays in names.items() if stays}


def test_temporary_names_say_who_writes(tmp_path):
    with atomic(tmp_path / "a.tar.gz") as temporary:
        temporary.touch()
        ((path, writer),) = temporaries(tmp_path)
    assert path == temporary
    assert writer == Process(machine(), os.getpid())


def test_file_and_folder_are_on_the_disk_before_the_block_ends(tmp_path, monkeypatch):
    """What is synced is the file, then its folder after the rename."""
    seen, real = [], os.fsync

    def fsync(descriptor):
        seen.append((Path(f"/proc/self/fd/{descriptor}").readlink(), (tmp_path / "a").exists()))
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    with atomic(tmp_path / "a") as temporary:
        temporary.touch()
    assert seen == [(temporary, False), (tmp_path, True)]


def test_a_file_system_that_cannot_sync_folders_is_good_enough(tmp_path, monkeypatch):
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    write_json(tmp_path / "a.json", 1)
    assert read_json(tmp_path / "a.json") == 1


def test_json_comes_back(tmp_path):
    content = {"a": [1, 2.5, None], "b": "text"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content


def test_json_refuses_what_json_cannot_say(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


DEEP = "not JSON (nested more than 50 times)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no such file"),
        ("{", "not JSON"),
        ("[" * 100_000, re.escape(DEEP)),
        ("[" * 51 + "]" * 51, re.escape(DEEP)),
        ('{"a":' * 900 + "1" + "}" * 900, re.escape(DEEP)),
    ],
)
def test_broken_json_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FtagPruneError, match=sentence):
        read_json(path)


def test_json_as_deep_as_anybody_needs(tmp_path):
    (tmp_path / "a.json").write_text("[" * 49 + '{"a": 1}' + "]" * 49)
    assert read_json(tmp_path / "a.json")[0] != 1


@pytest.mark.parametrize(("text", "found"), [("[]", "list"), ("1", "int"), ("null", "NoneType")])
def test_a_mapping_is_one(tmp_path, text, found):
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_mapping(path) == {"a": 1}
    path.write_text(text)
    with pytest.raises(FtagPruneError, match=f"a.json: wanted a mapping, found {found}"):
        read_mapping(path)


def test_csv_has_a_header_and_a_line_a_row(tmp_path):
    write_csv(tmp_path / "a.csv", [{"x": 1, "y": "a,b"}, {"x": 2, "y": "c"}])
    assert (tmp_path / "a.csv").read_text().splitlines() == ["x,y", '1,"a,b"', "2,c"]


def test_digest_knows_values_and_not_their_order():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})


def test_checksum_is_the_standard_one(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksum(tmp_path / "a") == expected


def test_provenance_is_json():
    assert "numpy" in json.loads(json.dumps(provenance()))["versions"]
