"""Files on servers that Snakemake fetches: once, whole, and the jets are those of the file."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import h5py
import pytest
import yaml
from servers import needs_plugins, s3, with_plugins, xrootd
from small_samples import content, hdf5_content, small, write_hdf5, write_root

from ftag_prune.prepare import prepare
from ftag_prune.schema import Card, copy_name
from ftag_prune.spec import validated

ROOT = Path(__file__).parents[2]
NAME = "jets $(1)'s;.data"  # which shells take apart where nobody looks

STUDY = {
    "study": "small",
    "samples": {"single_b": {"card": "card.yaml", "constituents": True}},
    "grid": {
        "tasks": ["single_b"],
        "widths": [8],
        "targets": [0],
        "strategies": ["budget"],
        "seeds": [1],
    },
    "strategies": {"budget": {}},
}


class Study(NamedTuple):
    """A study in a folder, of a card."""

    folder: Path
    card: dict
    local: Path

    def say(self, **changes):
        """Write the card and the study, with changes of what it says of the sample."""
        text = yaml.safe_dump(self.card, sort_keys=False)
        if not (self.folder / "card.yaml").exists():
            (self.folder / "card.yaml").write_text(text)
        sample = {**STUDY["samples"]["single_b"], **changes}
        made = {**STUDY, "samples": {"single_b": sample}}
        (self.folder / "study.yaml").write_text(yaml.safe_dump(made))

    def call(self, *options, environment=None):
        """Code, and what Snakemake said, to have the prepared jets."""
        done = subprocess.run(
            [
                *[sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")],
                *["results/small/jets/single_b/train.h5", "--directory", str(self.folder)],
                *["--configfile", str(self.folder / "study.yaml"), "--cores", "2", *options],
            ],
            capture_output=True,
            text=True,
            check=False,
            env=with_plugins() if environment is None else environment,
            timeout=240,  # XRootD by itself waits longer for a server that is down
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def endpoint(self):
        return self.card.get("endpoint")

    @property
    def results(self):
        return self.folder / "results/small"

    @property
    def copies(self):
        return sorted(path.name for path in self.results.glob("fetched/single_b/*"))


def from_s3(folder):
    """A ROOT file in S3."""
    local = write_root(folder / "local.root", small(1500))
    with s3(folder) as server:
        url = server.put("in/" + NAME, local.read_bytes())
        yield (
            server,
            Study(folder, content(files=[url], fetch=True, endpoint=server.endpoint), local),
        )


def from_xrootd(folder):
    """An HDF5 file on an XRootD server, which nothing here reads in place."""
    pytest.importorskip("XRootD", reason="ftag_prune[xrootd] is not installed")
    local = write_hdf5(folder / "local.h5", small(1500))
    with xrootd() as server:
        url = server.put(NAME, local.read_bytes())
        yield server, Study(folder, hdf5_content(files=[url], fetch=True), local)


@pytest.fixture(scope="module", params=[from_s3, from_xrootd], ids=["s3", "xrootd"])
def fetched(request, tmp_path_factory):
    """A server and a study that was called once, and what it said."""
    for server, study in request.param(tmp_path_factory.mktemp("study")):
        study.say()
        code, planned = study.call("--dry-run")
        assert code == 0, planned
        assert "rule fetch:" in planned
        assert not study.results.exists()
        code, said = study.call()
        assert code == 0, said
        assert said.count("Retrieving from storage") == 1
        yield server, study


@needs_plugins
def test_the_jets_are_those_of_the_file(fetched, tmp_path):
    _, study = fetched
    card = validated(Card, study.card, where="card")
    here = prepare(
        card.model_copy(update={"files": ()}), [study.local], tmp_path, constituents=True
    )
    (url,) = study.card["files"]
    for one in here[:3]:
        with h5py.File(one) as file, h5py.File(study.results / "jets/single_b" / one.name) as same:
            for name in ("jets", "tracks"):
                assert file[name][:].tobytes() == same[name][:].tobytes()
            assert file.attrs["fingerprint"] == same.attrs["fingerprint"]
            (told,), (own,) = (json.loads(other.attrs["sources"]) for other in (same, file))
    place = {key: study.card[key] for key in ("endpoint",) if key in study.card}
    assert told == {**own, "path": url, **place}
    assert told["size"] == study.local.stat().st_size


@needs_plugins
def test_nothing_is_fetched_twice(fetched):
    server, study = fetched
    before = server.given("in/jets") if study.endpoint else 0
    code, said = study.call()
    assert code == 0, said
    assert "Nothing to be done" in said
    # Other jets of the same files.
    study.say(split={"train": 5, "val": 2, "test": 3})
    code, said = study.call()
    assert code == 0, said
    assert "rule prepare:" in said
    assert "Retrieving" not in said
    if study.endpoint:
        assert server.given("in/jets") == before > 0
    assert study.copies == [copy_name(study.card["files"][0], endpoint=study.endpoint)]
    assert not [path for path in (study.folder / ".snakemake/storage").rglob("*") if path.is_file()]


@needs_plugins
def test_a_file_that_is_not_there_is_named(fetched, tmp_path):
    _, study = fetched
    absent = f"{study.card['files'][0]}.none"
    other = Study(tmp_path, {**study.card, "files": [absent]}, study.local)
    other.say()
    code, said = other.call()
    assert code == 1
    assert "Missing input files for rule fetch" in said
    assert ".data.none (in storage)" in said
    assert "Traceback" not in said
    assert not other.results.exists()


@needs_plugins
def test_by_hand_a_card_that_is_fetched_is_read_in_place_where_that_is_possible(fetched, tmp_path):
    _, study = fetched
    command = [sys.executable, "-m", "ftag_prune", "prepare", str(study.folder / "card.yaml")]
    done = subprocess.run(
        [*command, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=with_plugins(),
    )
    if study.endpoint:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1
        assert "a URL of a hdf5 file; only ROOT files are read so, and what is in S3" in done.stderr


@needs_plugins
def test_a_file_that_is_newer_on_its_server_is_fetched_again(fetched):
    server, study = fetched
    time.sleep(1.1)  # S3 tells times in seconds
    name = "in/" + NAME if study.endpoint else NAME
    server.put(name, study.local.read_bytes())
    code, said = study.call("--dry-run")
    assert code == 0, said
    assert "rule fetch:" in said
    assert "rule prepare:" in said


@pytest.mark.parametrize(("url", "name"), [("s3://a/b.root", "s3"), ("root://a//b.root", "xrootd")])
def test_without_the_plugin_a_sentence_says_what_to_install(tmp_path, url, name):
    if importlib.util.find_spec(f"snakemake_storage_plugin_{name}"):
        pytest.skip("the plugin is installed")
    study = Study(tmp_path, content(files=[url], fetch=True), tmp_path)
    study.say()
    code, said = study.call("--dry-run", environment=dict(os.environ))
    assert code == 1
    assert (
        f"fetch: wanted Snakemake's storage plugin '{name}', which is not installed: "
        "pip install -c constraints.txt -e '.[storage]'"
    ) in said


@needs_plugins
def test_a_server_that_is_down_is_named_in_seconds(tmp_path):
    pytest.importorskip("XRootD", reason="ftag_prune[xrootd] is not installed")
    study = Study(tmp_path, content(files=["root://127.0.0.1:9//a.root"], fetch=True), tmp_path)
    study.say()
    code, said = study.call("--dry-run")
    assert code == 1
    assert "Failed to check existence of root://127.0.0.1:9//a.root" in said
    assert "Connection error" in said
