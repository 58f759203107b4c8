"""A folder of results as one file and back; archives that were made to do harm are refused."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from ftag_prune.archive import archive, unpack
from ftag_prune.errors import ConfigError, FtagPruneError

KEPT = {
    "study.json": "{}",
    "report.html": "<p>page",
    "runs/a-s1/run.json": "{}",
    "runs/a-s1/model.pt": "weights",
    "tables/single_b.csv": "x,y\n",
    "figures/single_b/roc.pdf": "%PDF",
    "validation/single_b/working_points.yaml": "a: 1\n",
    "jets/single_b/provenance.json": "{}",
}
LEFT = {
    "runs/a-s1/checkpoint.pt": "half",
    "runs/a-s1/checkpoint.previous.pt": "a third",
    "runs/a-s1/checkpoint.next.pt": "two thirds",
    "runs/a-s1/claim.json": "{}",
    "runs/a-s1/scores.h5": "jets",
    "jets/single_b/train.h5": "jets",
    "generated/single_b/ttbar-0.root": "jets",
    "generated/single_b/list.csv": "a",
    "logs/report.log": "said",
    ".snakemake/x.json": "{}",
    "runs/.a.1.csv": "half",
}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "demo"
    for name, text in {**KEPT, **LEFT}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "tables" / "secret.csv").symlink_to("/etc/passwd")
    return folder


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_results_come_back_without_data_checkpoints_logs_and_links(tmp_path, results):
    made = archive(results, tmp_path / "demo.zip")
    assert made.files == len(KEPT)
    assert unpack(tmp_path / "demo.zip", tmp_path / "elsewhere") == made
    assert files(tmp_path / "elsewhere") == KEPT
    assert {path.name for path in tmp_path.iterdir()} == {"demo", "demo.zip", "elsewhere"}


def test_the_same_folder_makes_the_same_bytes(tmp_path, results):
    archive(results, tmp_path / "one.zip")
    for path in results.rglob("*.json"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    archive(results, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_empty_folder_is_filled_and_a_full_one_is_not_touched(tmp_path, results):
    archive(results, tmp_path / "demo.zip")
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    unpack(tmp_path / "demo.zip", empty)
    assert files(empty) == KEPT
    full.mkdir()
    (full / "mine").write_text("mine")
    with pytest.raises(FtagPruneError, match="full: wanted a new or empty folder"):
        unpack(tmp_path / "demo.zip", full)
    assert files(full) == {"mine": "mine"}
    (tmp_path / "link").symlink_to(empty)
    with pytest.raises(FtagPruneError, match="link: wanted a new or empty folder"):
        unpack(tmp_path / "demo.zip", tmp_path / "link")


def test_what_cannot_be_packed_is_one_sentence(tmp_path, results):
    with pytest.raises(ConfigError, match=r"demo\.rar: wanted a name that ends in \.zip"):
        archive(results, tmp_path / "demo.rar")
    with pytest.raises(ConfigError, match="would lie in the folder that is packed"):
        archive(results, results / "demo.zip")
    with pytest.raises(FtagPruneError, match="nowhere: no such folder"):
        archive(tmp_path / "nowhere", tmp_path / "demo.zip")
    (tmp_path / "other").mkdir()
    with pytest.raises(FtagPruneError, match="other: wanted the results of a study"):
        archive(tmp_path / "other", tmp_path / "demo.zip")
    (results / "runs" / "A-s1").mkdir()
    (results / "runs" / "A-s1" / "run.json").write_text("{}")
    with pytest.raises(FtagPruneError, match="are one name on some disks"):
        archive(results, tmp_path / "demo.zip")
    assert not list(tmp_path.glob("*.zip"))


# -- archives that are not what they say ----------------------------------------------------------


def manifest(contents, **changes):
    told = {
        name: {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        for name, text in contents.items()
    }
    return json.dumps({"layout": 1, "study": "x", "version": "1", "files": told, **changes})


def packed(path, contents, *, told=None, entries=None):
    """An archive with a manifest that fits, or not."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", manifest(contents) if told is None else told)
        for name, text in contents.items() if entries is None else entries:
            file.writestr(name, text)
    return path


def refusal(path, out, **options):
    """The sentence; nothing is left, inside or outside."""
    before = {one.name for one in out.parent.iterdir()}
    with pytest.raises(FtagPruneError) as refused:
        unpack(path, out, **options)
    assert {one.name for one in out.parent.iterdir()} == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


NAMES = {
    "../outside.txt": "leaves its folder",
    "a/../../outside.txt": "leaves its folder",
    "/etc/outside.txt": "leaves its folder",
    "a//b": "leaves its folder",
    "./a": "leaves its folder",
    "a\\..\\b": "holds a sign that not every system has in names",
    "c:a": "holds a sign",
    "a\nb": "holds a sign",
    "a\u202eb": "holds a sign",
    "~root": "has another meaning on some systems",
    "-rf": "has another meaning on some systems",
    "a./b": "has another meaning on some systems",
    "nul.txt": "has another meaning on some systems",
    "a" * 201: "is longer than 200 bytes",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leaves_its_folder_or_means_something_else(tmp_path, name):
    path = packed(tmp_path / "bad.zip", {name: b"x"})
    assert NAMES[name] in refusal(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("one", "other"),
    [("a/B.txt", "A/b.txt"), ("é.txt", "e\u0301.txt"), ("ß", "SS"), ("a/x", "A")],
)
def test_two_names_that_are_one_on_some_disks(tmp_path, one, other):
    path = packed(tmp_path / "bad.zip", {one: b"x", other: b"y"})
    assert "are one name on some disks" in refusal(path, tmp_path / "out")


def test_a_file_in_a_file(tmp_path):
    path = packed(tmp_path / "bad.zip", {"a": b"x", "a/b": b"y"})
    assert "stands in a file, not in a folder" in refusal(path, tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path):
    entries = [("a", b"x"), ("a", b"y")]
    path = packed(tmp_path / "bad.zip", {"a": b"x"}, entries=entries)
    assert "holds 'a' twice" in refusal(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFBLK])
def test_links_folders_and_devices(tmp_path, kind):
    about = zipfile.ZipInfo("a")
    about.create_system, about.external_attr = 3, (kind | 0o777) << 16
    path = packed(tmp_path / "bad.zip", {"a": b"/etc"}, entries=[(about, b"/etc")])
    assert "'a' is a folder, link or device, not a file" in refusal(path, tmp_path / "out")


def test_files_that_the_manifest_does_not_know_or_that_are_not_there(tmp_path):
    path = packed(tmp_path / "bad.zip", {"a": b"x"}, entries=[("a", b"x"), ("b", b"y")])
    assert "disagree about 'b'" in refusal(path, tmp_path / "out")
    path = packed(tmp_path / "bad.zip", {"a": b"x", "b": b"y"}, entries=[("a", b"x")])
    assert "disagree about 'b'" in refusal(path, tmp_path / "out")


@pytest.mark.parametrize("other", [b"y", b"xx", b""])
def test_another_content_than_the_manifest_s(tmp_path, other):
    path = packed(tmp_path / "bad.zip", {"a": b"x"}, entries=[("a", other)])
    assert "'a' is not the file that manifest.json tells of" in refusal(path, tmp_path / "out")


def test_a_bomb_is_not_unpacked(tmp_path):
    """A million zeros in a kilobyte, which the manifest calls large or small."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("manifest.json", manifest({"a": bytes(10**6)}))
        file.writestr("a", bytes(10**6))
    said = refusal(bomb, tmp_path / "out", largest=10**5)
    assert "would be 1,000,000 bytes, more than 100,000" in said
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("manifest.json", manifest({"a": b"x"}))
        file.writestr("a", bytes(10**6))
    assert "is not the file that" in refusal(bomb, tmp_path / "out")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("{", "damaged"),
        ("[" * 100_000, "damaged"),
        ("[]", "its manifest.json is no mapping"),
        ("{}", "is missing"),
        (manifest({}, layout=2), "layout"),
        (manifest({}, more=1), "no key 'more'"),
        (manifest({"manifest.json": b""}), "disagree about"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, told, sentence):
    assert sentence in refusal(packed(tmp_path / "bad.zip", {}, told=told), tmp_path / "out")


def test_other_files_and_no_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "no.zip", tmp_path / "out")
    other = tmp_path / "other.zip"
    other.write_text("no zip at all")
    assert "a damaged archive (File is not a zip file)" in refusal(other, tmp_path / "out")
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("a", "b")
    assert "it has no manifest.json" in refusal(other, tmp_path / "out")


def test_an_archive_cut_short_or_with_a_changed_byte(tmp_path, results):
    archive(results, tmp_path / "demo.zip")
    whole = (tmp_path / "demo.zip").read_bytes()
    bad = tmp_path / "bad.zip"
    for size in range(0, len(whole) - 1, len(whole) // 20):
        bad.write_bytes(whole[:size])
        refusal(bad, tmp_path / "out")
    for place in range(0, len(whole), 97):
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        out = tmp_path / "out"
        try:
            unpack(bad, out)
        except FtagPruneError:
            assert not out.exists()
        else:  # a date or another field that nothing depends on
            assert files(out) == KEPT
            for path in sorted(out.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            out.rmdir()


def test_encrypted_and_odd_compression(tmp_path):
    path = packed(tmp_path / "bad.zip", {"a": b"x"})
    whole = bytearray(path.read_bytes())
    entry = whole.rindex(b"PK\x01\x02")
    for offset, value, sentence in ((8, 1, "is encrypted"), (10, 99, "in an unusual way")):
        changed = bytearray(whole)
        struct.pack_into("<H", changed, entry + offset, value)
        path.write_bytes(changed)
        assert sentence in refusal(path, tmp_path / "out")


def test_the_archive_of_the_archive_is_the_archive(tmp_path, results):
    archive(results, tmp_path / "demo.zip")
    unpack(tmp_path / "demo.zip", tmp_path / "again" / "demo")
    archive(Path(tmp_path / "again" / "demo"), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "demo.zip").read_bytes()
