"""Files on servers: their URLs stay as they are, and are read through XRootD."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
import uproot
from small_samples import card, hdf5_card, small, write_hdf5, write_root

from ftag_prune.errors import SampleError
from ftag_prune.prepare import prepare
from ftag_prune.read import batches, entries, identity

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
    with pytest.raises(SampleError, match="a URL of a hdf5 file; only ROOT files are read so"):
        ask(hdf5_card(), "https://server.org/a.h5")


def _free():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _answers(port, process):
    for _ in range(200):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


@pytest.fixture(scope="module")
def server():
    """An XRootD server on this machine: what it exports, and the URL of that folder."""
    if not shutil.which("xrootd"):
        pytest.skip("no xrootd server is installed")
    for name in ("XRootD", "fsspec_xrootd"):
        pytest.importorskip(name, reason="ftag_prune[xrootd] is not installed")
    # Not pytest's folder, which only its user may enter: the server refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="xrootd-") as name:
        folder, port = Path(name), _free()
        exported, own = folder / "files" / "data", folder / "own"
        for one in (exported, own):
            one.mkdir(parents=True)
        settings = (
            "all.export /data r/o",
            f"oss.localroot {folder / 'files'}",
            f"all.adminpath {own}",
            f"all.pidpath {own}",
            f"xrd.port {port}",
            "xrd.network nodnr",
        )
        written(folder / "xrootd.cfg", "\n".join(settings) + "\n")
        folder.chmod(0o755)
        user = {}
        if os.geteuid() == 0:
            shutil.chown(own, "nobody")
            user = {"user": "nobody"}
        command = ["xrootd", "-c", str(folder / "xrootd.cfg"), "-p", str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=own, stdout=log, stderr=log, **user)
        try:
            if not _answers(port, process):
                pytest.skip(f"xrootd does not start: {(folder / 'log').read_text()[-200:]}")
            yield exported, f"root://127.0.0.1:{port}//data"
        finally:
            process.terminate()
            process.wait(10)


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
