"""Files of others: cards, specs, models and HDF5 that were made to do harm are one sentence."""

from __future__ import annotations

import ast
import io
import os
import pickle
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from network_kinds import KINDS, network_of
from small_samples import content

from ftag_prune.config import load_study
from ftag_prune.errors import ConfigError, FtagPruneError, SampleError
from ftag_prune.expression import parse
from ftag_prune.model import About, Model, load_model, load_tensors, save_model, save_tensors
from ftag_prune.networks import restored
from ftag_prune.read.hdf5 import open_hdf5
from ftag_prune.schema import load_card
from ftag_prune.spec import load_yaml

PACKAGE = Path(__file__).parents[1] / "ftag_prune"
SOURCES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


# -- what the package never calls -----------------------------------------------------------------


def calls(tree):
    """Each call as text, with its keywords."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {one.arg: ast.unparse(one.value) for one in node.keywords}


def test_nothing_is_executed_or_unpickled():
    forbidden = re.compile(
        r"eval|exec|compile|__import__|os\.(system|popen|exec.*|spawn.*)|"
        r"(pickle|cPickle|dill|cloudpickle|joblib|marshal|shelve)\..*|"
        r"yaml\.(load|unsafe_load|full_load|load_all|unsafe_load_all|full_load_all)|"
        r"torch\.(jit\.load|hub\..*|package\..*)|onnx\.hub\..*"
    )
    for path, tree in SOURCES.items():
        for called, options in calls(tree):
            assert not forbidden.fullmatch(called), f"{path}: {called}"
            assert options.get("shell", "False") == "False", f"{path}: {called}"
            if called == "torch.load":
                assert options["weights_only"] == "True"
            if called.split(".")[-1] == "load" and called.startswith(("np.", "numpy.")):
                assert options.get("allow_pickle", "False") == "False"
            assert "allow_pickle" not in options or options["allow_pickle"] == "False"


def test_networks_of_others_are_never_run_by_onnx_runtime():
    """The one session is that of the export, over bytes that were made here."""
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path, tree in SOURCES.items()
        for called, _ in calls(tree)
        if called.endswith("InferenceSession")
    }
    assert users == {"export/conversion.py"}


# -- YAML -----------------------------------------------------------------------------------------


def laughs(levels, width):
    """The billion laughs: each list is `width` aliases of the one before."""
    first = f"a0: &a0 [{', '.join(['ha'] * width)}]"
    others = (
        f"a{one}: &a{one} [{', '.join([f'*a{one - 1}'] * width)}]" for one in range(1, levels)
    )
    return "\n".join([first, *others])


YAML = {
    laughs(10, 10): "holds more than 50,000 values, aliases followed",
    "a: &a {b: *a}": "alias 'a' stands inside itself",
    "a: " + "[" * 1000 + "]" * 1000: "is nested more than 50 times",
    "a: " + "{a: " * 1000: "is nested more than 50 times",
    "- " * 1000: "is nested more than 50 times",
    "? " * 1000: "is nested more than 50 times",
    "a: [" + "1," * 60_000 + "]": "holds more than 50,000 values",
    "a: '" + "x" * 4_000_000 + "'": "wanted YAML of at most 4,000,000 bytes, found more",
    "a: 2001-99-99": "not YAML",
    "a: " + "9" * 5000: "not YAML",
    "a: !!python/object/apply:os.system ['true']": "not YAML",
    "a: !!python/name:os.system": "not YAML",
    "? {a: b}\n: c": "not YAML",
    "a: *b": "not YAML",
    "a: \x01": "not YAML",
    "<<: [1]\na: b": "not YAML",
}


@pytest.mark.parametrize("text", YAML, ids=[one[:20] for one in YAML])
def test_yaml_that_would_become_too_much(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_yaml(path)
    assert str(refused.value).startswith(f"{path}: {YAML[text]}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("load", [load_card, load_study])
def test_cards_and_studies_pass_the_same_door(tmp_path, load):
    path = tmp_path / "a.yaml"
    path.write_text(laughs(10, 10))
    with pytest.raises(ConfigError, match="aliases followed"):
        load(path)


def test_aliases_as_people_use_them(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &one {x: 1, y: [1, 2]}\nb: *one\nc: {<<: *one, z: 3}\n")
    one = {"x": 1, "y": [1, 2]}
    assert load_yaml(path) == {"a": one, "b": one, "c": {**one, "z": 3}}


def test_a_file_without_end_is_not_read_to_its_end():
    with pytest.raises(ConfigError, match="at most 4,000,000 bytes"):
        load_yaml(Path("/dev/zero"))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "[x for x in (1, 2)]",
        "lambda: 1",
        "f'{x}'",
        "(y := 1)",
        "x if y else z",
        "open('/etc/passwd')",
        "pt; import os",
        "9 ** 9 ** 9",
        "10 ** 1000",
        "(" * 500 + "x" + ")" * 500,
        "-" * 900 + "x",
        "x" * 2000,
    ],
)
def test_expressions_compute_and_nothing_else(text):
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert "\n" not in str(refused.value)


def test_a_name_with_dots_is_the_name_of_a_branch():
    assert parse("abs.__globals__").names == ("abs.__globals__",)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "'' is no path"),
        (".", "'.' is no path"),
        ("/", "'/' is no path"),
        ("a\0b", r"'a\x00b' is no path"),
        ("a\nb", r"'a\nb' is no path"),
        ("\ud800", r"'\ud800' is no path"),
        ("**x", "'**x' has ** beside other letters"),
        ("x" * 300, "xxx...' is too long for a path"),
        ("a/" * 4000, "...' is too long for a path"),
        ("a/" * 1500, "...' is more than 100 folders deep"),
        ("~nobody-known/x", "'~nobody-known/x' names the home of a user who is not known here"),
    ],
)
def test_paths_of_a_card_that_are_none(tmp_path, pattern, sentence):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(content(files=[pattern]), sort_keys=False))
    with pytest.raises(ConfigError, match=f"{path}: files: ") as refused:
        load_card(path)
    assert sentence in str(refused.value)


def test_a_card_may_name_files_anywhere(tmp_path):
    """It is data that the user may read; it is read as ROOT, HDF5 or Parquet, and never copied."""
    path = tmp_path / "card.yaml"
    for pattern in ("/data/a.root", "../a.root", "root://server//a.root", "~/a.root"):
        path.write_text(yaml.safe_dump(content(files=[pattern]), sort_keys=False))
        assert load_card(path).files == (pattern,)


# -- models ---------------------------------------------------------------------------------------


class Harm:
    """What runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_a_model_is_not_run(tmp_path):
    made = tmp_path / "made"
    torch.save({"tensors": Harm(made), "about": "{}"}, tmp_path / "model.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Harm(made)))
    torch.save({"tensors": Harm(made)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("model.pt", "plain.pt", "old.pt"):
        for load in (load_model, load_tensors):
            with pytest.raises(FtagPruneError, match=rf"{name}: not a model or checkpoint of ours"):
                load(tmp_path / name)
    assert not made.exists()


def model_file(path, **changes):
    """A good model with some of its description changed."""
    network = network_of("mlp")
    about = {
        "architecture": network.architecture.model_dump(mode="json"),
        "task": "single_b",
        "classes": ["b", "c", "u"],
        "inputs": list("abcde"),
    }
    save_tensors(path, network.state_dict(), **{**about, **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architecture": {"kind": "mlp", "hidden": [10**9, 10**9]}}, "has shape"),
        ({"architecture": {"kind": "mlp", "width": 9, "depth": 900}}, "has shape"),
        ({"architecture": {"kind": "mlp", "width": 9, "depth": 10**12}}, "validation error"),
        ({"architecture": {"kind": "transformer"}}, "'columns'"),
        ({"architecture": 3}, "validation error"),
        ({"classes": 3}, "not iterable"),
        ({"classes": ["b"] * 1000}, "has shape"),
        ({"inputs": None}, "not iterable"),
    ],
)
def test_a_description_that_its_tensors_do_not_have(tmp_path, changes, sentence):
    """Networks of 4 * 10^18 bytes are refused before they are built."""
    model_file(tmp_path / "model.pt")
    assert load_model(tmp_path / "model.pt").about.classes == ("b", "c", "u")
    model_file(tmp_path / "model.pt", **changes)
    with pytest.raises(FtagPruneError, match=rf"not a model of ours \(.*{sentence}"):
        load_model(tmp_path / "model.pt")


@pytest.mark.parametrize("kind", KINDS)
def test_every_network_is_checked_and_comes_back(kind):
    network = network_of(kind)
    tensors = network.state_dict()
    again = restored(network.architecture, tensors, classes=3)
    assert all(torch.equal(one, tensors[name]) for name, one in again.state_dict().items())
    name = next(reversed(tensors))
    with pytest.raises(RuntimeError, match=f"tensor '{name}' has shape"):
        restored(network.architecture, {**tensors, name: torch.zeros(77, 7)}, classes=3)
    with pytest.raises(RuntimeError, match="tensors, not"):
        restored(network.architecture, {**tensors, "more": torch.zeros(1)}, classes=3)


def test_tensors_that_are_larger_than_their_file(tmp_path):
    path, whole = tmp_path / "model.pt", io.BytesIO()
    torch.save({"tensors": {"a": torch.zeros(10**6)}, "about": "{}"}, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            new.writestr(one.filename, old.read(one))
    assert path.stat().st_size < 10**5
    with pytest.raises(FtagPruneError, match="its tensors are compressed"):
        load_tensors(path)


def test_a_description_without_end_and_tensors_that_are_none(tmp_path):
    path = tmp_path / "model.pt"
    for held in (
        {"tensors": {}, "about": "[" * 10**6},
        {"tensors": {}, "about": 3},
        {"about": "{}"},
        [],
        torch.zeros(3),
    ):
        torch.save(held, path)
        with pytest.raises(FtagPruneError, match="not a model or checkpoint of ours"):
            load_tensors(path)
    for tensors in ({"mean": 3, "std": 3}, [], 3):
        save_tensors(
            path,
            tensors,
            architecture=KINDS["mlp"].model_dump(mode="json"),
            task="single_b",
            classes=["b"],
            inputs=["a"],
        )
        with pytest.raises(FtagPruneError, match="not a model of ours"):
            load_model(path)


def test_a_model_comes_back(tmp_path):
    network = network_of("mlp residual")
    model = Model(network, About("single_b", ("b", "c", "u"), tuple("abcde")))
    save_model(tmp_path / "model.pt", model)
    assert load_model(tmp_path / "model.pt").about == model.about


# -- HDF5 -----------------------------------------------------------------------------------------


def external_link(file):
    file.create_group("deep")["jets"] = h5py.ExternalLink("/etc/passwd", "/jets")


def external_storage(file):
    file.create_dataset("jets", (10,), "f8", external=[("/etc/passwd", 0, 80)])


def virtual(file):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("/nowhere/other.h5", "x", (3,))
    file.create_virtual_dataset("jets", layout)


def absurd(file):
    file.create_dataset("jets", (2**50,), "f8", chunks=(1000,))


def wide(file):
    file.create_dataset("tracks", (10**6, 10**6), "f4", chunks=(10, 10), compression="gzip")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (external_link, "'deep/jets' is a link to another file, '/etc/passwd'"),
        (external_storage, "dataset 'jets' lies in other files"),
        (virtual, "dataset 'jets' lies in other files"),
        (absurd, r"dataset 'jets' of shape \(1125899906842624,\) would be 9.0e\+15 bytes"),
        (wide, r"dataset 'tracks' of shape \(1000000, 1000000\) would be 4.0e\+12 bytes"),
    ],
)
def test_hdf5_that_points_to_other_files_or_claims_too_much(tmp_path, make, sentence):
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w") as file:
        make(file)
    with pytest.raises(SampleError, match=f"{path}: {sentence}"), open_hdf5(path):
        pass


def test_hdf5_that_is_odd_but_whole(tmp_path):
    """Groups inside themselves, soft links, very deep groups, zeros that compress well."""
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        group = file.create_group("a")
        group["me"], group["up"] = group, file["/"]
        group["soft"] = h5py.SoftLink("/jets")
        group["nowhere"] = h5py.SoftLink("/nowhere")
        file.create_dataset("jets", data=np.zeros(10**6), compression="gzip")
        for _ in range(1500):
            group = group.create_group("b")
    with open_hdf5(tmp_path / "odd.h5") as file:
        assert len(file["a/soft"]) == 10**6
