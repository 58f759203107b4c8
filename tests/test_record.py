"""Files appear whole or not at all."""

import json

import pytest

from ftag_prune.errors import FtagPruneError
from ftag_prune.record import atomic, checksum, digest, provenance, read_json, write_csv, write_json


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


def test_json_comes_back(tmp_path):
    content = {"a": [1, 2.5, None], "b": "text"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content


def test_json_refuses_what_json_cannot_say(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "sentence"), [(None, "no such file"), ("{", "not JSON")])
def test_broken_json_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FtagPruneError, match=sentence):
        read_json(path)


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
