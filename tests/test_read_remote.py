"""Files on servers: read through XRootD and from S3, or as copies that keep their URLs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
import uproot
from servers import KEYS, s3, xrootd
from small_samples import card, hdf5_card, small, write_hdf5, write_root

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, entries, identity
from ftag_prune.schema import Fetched, copied, copy_name

URL = "root://server.org//data/jets.root"


def memory(path, sample, name="jets.root", *, most=None):
    """A file in fsspec's own memory, which uproot opens as it opens a server's."""
    content = write_root(path, sample).read_bytes()
    fsspec.filesystem("memory").pipe(f"/{name}", content[:most])
    return f"memory://{name}"


def written(path, text):
    path.write_text(text)
    return path


def test_urls_in_a_card_stay_as_they_are(tmp_path):
    local = write_root(tmp_path / "a.root", small(10))
    found = card(files=[URL, str(local), "https://server.org/x.root?a=b", URL])
    assert found.paths() == [URL, local, "https://server.org/x.root?a=b"]


@pytest.mark.parametrize("files", [[URL.replace("jets", "*")], {"top": ["root://server.org//*"]}])
def test_patterns_of_urls_are_refused(files):
    with pytest.raises(SampleError, match="is a URL; name its files one by one"):
        card(files=files).paths()


def test_urls_belong_to_the_sample_that_names_them():
    found = card(files={"top": [URL], "zjets": ["root://server.org//other.root", "here.root"]})
    assert found.sample_of(URL) == "top"
    assert found.sample_of("root://server.org//other.root") == "zjets"
    assert found.sample_of(Path("here.root")) == "zjets"
    with pytest.raises(SampleError, match="belongs to no part of the files of card 'small'"):
        found.sample_of("root://server.org//third.root")
    assert card(files=[URL]).sample_of("anything://else") is None


def test_a_url_is_read_like_the_file_it_means(tmp_path):
    sample = small(50)
    url = memory(tmp_path / "a.root", sample)
    described = card()
    assert entries(described, url) == 50
    (there,) = batches(described, [url], constituents=True)
    (here,) = batches(described, [tmp_path / "a.root"], constituents=True)
    # As numbers: sv_mass is missing for some jets.
    assert np.array_equal(there.sv_mass, here.sv_mass, equal_nan=True)
    assert there.tracks.d0.to_list() == here.tracks.d0.to_list()


def test_a_file_on_a_server_is_told_by_the_number_of_root(tmp_path):
    url = memory(tmp_path / "a.root", small(10))
    with uproot.open(tmp_path / "a.root") as file:
        number = str(file.file.uuid)
    size = (tmp_path / "a.root").stat().st_size
    assert identity(card(), url) == {"path": url, "size": size, "uuid": number}
    named = card(files={"top": [url]}, jets__top="sample.top")
    assert identity(named, url)["sample"] == "top"
    here = identity(card(), tmp_path / "a.root")
    assert here["checksum"]
    assert "uuid" not in here


def test_files_at_urls_are_prepared(tmp_path):
    """The jets are those of the local file; where they come from is written down."""
    url = memory(tmp_path / "a.root", small(400))
    described = card()
    there = prepare(described, [url], tmp_path / "there", constituents=True, piece=150)
    here = prepare(described, [tmp_path / "a.root"], tmp_path / "here", constituents=True)
    assert there.counts == here.counts
    for one, other in zip(there[:3], here[:3]):
        with h5py.File(one) as file, h5py.File(other) as same:
            for name in ("jets", "tracks"):
                assert file[name][:].tobytes() == same[name][:].tobytes()
            sources = json.loads(file.attrs["sources"])
            assert sources == [identity(described, url)]
            assert sources[0]["path"] == url


def test_a_file_that_broke_off_on_its_way_to_the_server_is_one_sentence(tmp_path):
    write_root(tmp_path / "a.root", small(10))
    size = (tmp_path / "a.root").stat().st_size
    url = memory(tmp_path / "a.root", small(10), "short.root", most=size - 1)
    with pytest.raises(SampleError, match=f"is cut short, {size - 1} of {size} bytes"):
        entries(card(), url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://none.root", "memory://none.root: no such file"),
        ("memory://text.root", "memory://text.root: cannot be read as ROOT"),
        ("strange://server.org/x.root", "cannot be read as ROOT (Protocol not known: strange)"),
    ],
)
def test_urls_that_cannot_be_read_are_one_sentence(url, said):
    fsspec.filesystem("memory").pipe("/text.root", b"this is no ROOT file at all")
    with pytest.raises(SampleError, match=re.escape(said)) as refused:
        entries(card(), url)
    assert "\n" not in str(refused.value)


def test_without_the_package_for_a_protocol_a_sentence_names_it(monkeypatch):
    def missing(*_, **__):
        raise ImportError("Install fsspec-xrootd to access xrootd storage system. Note: more")

    monkeypatch.setattr(uproot, "open", missing)
    said = (
        f"{URL}: needs a package that is not installed (Install fsspec-xrootd to access xrootd "
        f"storage system); for root:// install ftag_prune[xrootd]"
    )
    with pytest.raises(SampleError, match=f"^{re.escape(said)}$"):
        entries(card(), URL)


@pytest.mark.parametrize("ask", [entries, identity, lambda one, url: list(batches(one, [url]))])
def test_other_formats_have_no_urls(tmp_path, ask):
    write_hdf5(tmp_path / "a.h5", small(10))
    with pytest.raises(SampleError, match="a URL of a hdf5 file; only ROOT files are read so, and"):
        ask(hdf5_card(), "https://server.org/a.h5")


@pytest.fixture(scope="module")
def server():
    """An XRootD server on this machine: what it exports, and the URL of that folder."""
    for name in ("XRootD", "fsspec_xrootd"):
        pytest.importorskip(name, reason="ftag_prune[xrootd] is not installed")
    with xrootd() as found:
        yield found


def readable(path):
    path.chmod(0o644)
    return path


def test_a_server_gives_the_jets_of_its_file(server, tmp_path):
    exported, url = server
    sample = small(400)
    local = readable(write_root(exported / "jets.root", sample))
    described = card(files=[f"{url}/jets.root"])
    assert described.paths() == [f"{url}/jets.root"]
    there = prepare(described, described.paths(), tmp_path / "there", constituents=True, piece=150)
    here = prepare(described, [local], tmp_path / "here", constituents=True)
    with uproot.open(local) as file:
        number = str(file.file.uuid)
    for one, other in zip(there[:3], here[:3]):
        with h5py.File(one) as file, h5py.File(other) as same:
            for name in ("jets", "tracks"):
                assert file[name][:].tobytes() == same[name][:].tobytes()
            (source,) = json.loads(file.attrs["sources"])
            size = local.stat().st_size
            assert source == {"path": f"{url}/jets.root", "size": size, "uuid": number}


def test_several_processes_read_from_a_server(server, tmp_path):
    exported, url = server
    readable(write_root(exported / "several.root", small(400)))
    places = [f"{url}/several.root"]
    one = prepare(card(), places, tmp_path / "one", piece=100)
    two = prepare(card(), places, tmp_path / "two", piece=100, workers=2)
    for first, second in zip(one[:3], two[:3]):
        assert first.read_bytes() == second.read_bytes()


def test_what_a_server_does_not_have_is_one_sentence(server):
    exported, url = server
    with pytest.raises(SampleError, match=re.escape(f"{url}/none.root: ")) as refused:
        entries(card(), f"{url}/none.root")
    assert "no such file" in str(refused.value)
    assert "\n" not in str(refused.value)
    content = write_root(exported / "short.root", small(50)).read_bytes()
    readable(written(exported / "short.root", "")).write_bytes(content[:-100])
    size = len(content)
    with pytest.raises(SampleError, match=f"is cut short, {size - 100} of {size} bytes"):
        entries(card(), f"{url}/short.root")


def test_the_command_takes_urls(server, tmp_path):
    import yaml
    from small_samples import content

    exported, url = server
    readable(write_root(exported / "command.root", small(400)))
    described = written(tmp_path / "card.yaml", yaml.safe_dump(content(), sort_keys=False))
    command = [sys.executable, "-m", "ftag_prune", "prepare", str(described), str(tmp_path / "out")]
    ran = subprocess.run(
        [*command, f"{url}/command.root"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    with h5py.File(tmp_path / "out" / "train.h5") as file:
        assert json.loads(file.attrs["sources"])[0]["path"] == f"{url}/command.root"


# -- S3 -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with s3(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def keys(monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def write_parquet(path, sample):
    """The branches of the ROOT file, with a list of tracks for each jet."""
    import awkward as ak

    columns = {f"jet_{name}": values for name, values in sample.jets.items()}
    tracks = {name: ak.unflatten(values, sample.counts) for name, values in sample.tracks.items()}
    columns |= {f"trk_{name}": values for name, values in tracks.items()}
    ak.to_parquet(ak.Array(columns), path)
    return path


FORMATS = {
    "root": (card, write_root),
    "hdf5": (hdf5_card, write_hdf5),
    "parquet": (lambda **more: card(format="parquet", **more), write_parquet),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_s3_gives_the_jets_of_its_file(bucket, keys, tmp_path, kind):
    described, write = FORMATS[kind]
    local = write(tmp_path / f"jets.{kind}", small(400))
    url = bucket.put(f"in/{local.name}", local.read_bytes())
    elsewhere = described(endpoint=bucket.endpoint)
    there = prepare(elsewhere, [url], tmp_path / "there", constituents=True, piece=150)
    here = prepare(described(), [local], tmp_path / "here", constituents=True)
    for one, other in zip(there[:3], here[:3]):
        with h5py.File(one) as file, h5py.File(other) as same:
            for name in ("jets", "tracks"):
                assert file[name][:].tobytes() == same[name][:].tobytes()
            (source,) = json.loads(file.attrs["sources"])
    assert source == identity(elsewhere, url)
    told = {"path": url, "size": local.stat().st_size, "endpoint": bucket.endpoint}
    assert told.items() < source.items()
    (mark,) = source.keys() - told.keys()
    assert mark == ("uuid" if kind == "root" else "modified")
    assert source[mark]


def test_the_environment_may_name_the_server_of_s3(bucket, keys, tmp_path, monkeypatch):
    url = bucket.put("any.root", write_root(tmp_path / "a.root", small(10)).read_bytes())
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    assert entries(card(), url) == 10
    assert "endpoint" not in identity(card(), url)


def test_what_s3_does_not_have_is_one_sentence(bucket, keys, tmp_path):
    content = write_root(tmp_path / "a.root", small(50)).read_bytes()
    short = bucket.put("short.root", content[:-100])
    size = len(content)
    said = {
        "s3://data/none.root": "s3://data/none.root: no such file",
        "s3://nowhere/none.root": "s3://nowhere/none.root: no such file",
        short: f"{short}: is cut short, {size - 100} of {size} bytes",
    }
    for url, sentence in said.items():
        with pytest.raises(SampleError, match=f"^{re.escape(sentence)}$"):
            entries(card(endpoint=bucket.endpoint), url)
    with pytest.raises(SampleError, match=r"^s3://data/none\.h5: no such file$"):
        identity(hdf5_card(endpoint=bucket.endpoint), "s3://data/none.h5")


def test_a_server_that_is_not_there_is_one_sentence(keys):
    pytest.importorskip("pyarrow")
    with pytest.raises(SampleError, match=r"s3://data/a\.root: cannot be read") as refused:
        entries(card(endpoint="http://127.0.0.1:9"), "s3://data/a.root")
    assert "\n" not in str(refused.value)


def test_without_arrow_a_sentence_says_what_s3_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    said = "s3://data/a.root: S3 needs ftag_prune[s3] (pyarrow)"
    with pytest.raises(SampleError, match=f"^{re.escape(said)}$"):
        entries(card(), "s3://data/a.root")


# -- copies ---------------------------------------------------------------------------------------


def test_a_copy_is_read_as_a_file_and_called_by_its_url(tmp_path):
    """Jets, fingerprint and checksum are those of the file; the address is the server's."""
    local = write_root(tmp_path / "a.root", small(400))
    described = card(files={"top": [URL]}, jets__top="sample.top", fetch=True)
    folder = tmp_path / "fetched"
    folder.mkdir()
    copy = folder / copy_name(URL, endpoint=None)
    copy.write_bytes(local.read_bytes())
    places = copied(described.paths(), folder, endpoint=None)
    assert places == [Fetched(URL, copy)]
    there = prepare(described, places, tmp_path / "there", piece=150)
    same = described.model_copy(update={"files": {"top": (str(local),)}, "fetch": False})
    here = prepare(same, [local], tmp_path / "here")
    assert there.fingerprint == here.fingerprint
    with h5py.File(there.train) as file, h5py.File(here.train) as other:
        assert file["jets"][:].tobytes() == other["jets"][:].tobytes()
        (source,), (own,) = (json.loads(one.attrs["sources"]) for one in (file, other))
    assert source == {**own, "path": URL}
    assert source["sample"] == "top"


def test_a_copy_that_is_absent_or_broken_is_one_sentence(tmp_path):
    described = card(files=[URL], fetch=True)
    copy = tmp_path / copy_name(URL, endpoint=None)
    with pytest.raises(SampleError, match=re.escape(f"{URL}: wanted its copy, found no file")):
        copied(described.paths(), tmp_path, endpoint=None)
    copy.write_bytes(b"this is no ROOT file at all")
    with pytest.raises(SampleError, match=re.escape(f"{URL}: cannot be read as ROOT")):
        entries(described, copied([URL], tmp_path, endpoint=None)[0])


def test_copies_of_two_servers_have_two_names():
    names = [
        copy_name("root://one//data/jets.root", endpoint=None),
        copy_name("root://two//data/jets.root", endpoint=None),
        copy_name("s3://data/jets.root", endpoint=None),
        copy_name("s3://data/jets.root", endpoint="https://one"),
        copy_name("s3://data/jets.root", endpoint="https://two"),
    ]
    assert len(set(names)) == 5
    assert all(re.fullmatch(r"[0-9a-f]{12}-jets\.root", name) for name in names)
    odd = copy_name("root://one//data/{a} b;$(c)/\u00e4'{x}*.root?u=v", endpoint=None)
    assert re.fullmatch(r"[0-9a-f]{12}-[\w.-]+\.root", odd, re.ASCII)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"files": ["https://server.org/a.root"], "fetch": True},
            "fetch: 'https://server.org/a.root' is not fetched, only root:// and s3://",
        ),
        ({"files": ["s3://a/{b}.root"], "fetch": True}, "fetch: 's3://a/{b}.root' has a brace"),
        (
            {"files": ["s3://a/../b.root"], "fetch": True},
            "fetch: 's3://a/../b.root' has a part '..'",
        ),
        ({"files": ["root://a//../b"], "fetch": True}, "fetch: 'root://a//../b' has a part '..'"),
        ({"files": ["s3://me:word@bucket/a.root"]}, "files: a URL holds a password or is signed"),
        ({"files": ["https://a.org/a?X-Amz-Signature=word"]}, "holds a password or is signed"),
        ({"files": ["root://a.org//a.root?authz=word"]}, "holds a password or is signed"),
        ({"endpoint": "s3.cern.ch"}, "endpoint: wanted a server as https://s3.cern.ch, found"),
        ({"endpoint": "https://me:word@s3.cern.ch"}, "endpoint: holds a name or a password"),
    ],
)
def test_what_a_card_may_not_say_of_servers(changes, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        card(**changes)
    assert "word@" not in str(refused.value)
    assert "=word" not in str(refused.value)
