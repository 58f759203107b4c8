"""The command line: every verb explains itself, every mistake is one sentence."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ftag_prune import __version__
from ftag_prune.cli import app


def call(*arguments):
    """Run the command as a user does; returns exit code, standard output and error."""
    done = subprocess.run(
        [sys.executable, "-m", "ftag_prune", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


VERBS = [
    "runs",
    "generate",
    "inspect",
    "check",
    "prepare",
    "sample",
    "train",
    "explain",
    "evaluate",
    "export",
    "summary",
    "figures",
    "report",
    "validate",
    "compare",
    "status",
    "provenance",
    "verify",
    "archive",
    "unpack",
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb):
    told = CliRunner().invoke(app, [verb, "--help"])
    assert told.exit_code == 0
    assert len(told.output.splitlines()) > 5


def test_help_lists_the_verbs_and_the_version_is_the_package_s():
    told = CliRunner().invoke(app, ["--help"]).output
    assert all(verb in told for verb in VERBS)
    assert CliRunner().invoke(app, ["--version"]).output.strip() == __version__


def test_help_imports_nothing_heavy():
    code = (
        "import sys, ftag_prune.cli; "
        "print([name for name in ('torch', 'uproot', 'matplotlib', 'h5py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_runs_of_a_study_are_listed(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "study: s\nsamples: {single_b: {card: a.yaml}}\n"
        "grid: {tasks: [single_b], widths: [8], targets: [0, 0.5], seeds: [1]}\n"
    )
    code, out, _ = call("runs", path)
    assert code == 0
    assert out.split("\n")[:2] == [
        "single_b-w8-dense-s1           24",
        "single_b-w8-p50-budget-s1      12 of 24",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["runs", "absent.yaml"], "absent.yaml: no such file"),
        (["train", "absent.json", "jets", "out", "done.json"], "absent.json: no such file"),
        (["prepare", "absent.yaml", "out"], "absent.yaml: no such file"),
        (["inspect", "absent.root"], "absent.root: no such file"),
        (
            ["generate", "a.root", "--task", "single_c", "--process", "ttbar", "--jets", "5"],
            "single_c",
        ),
        (
            ["generate", "a.root", "--task", "single_b", "--process", "hbb", "--jets", "5"],
            "hbb",
        ),
        (
            ["generate", "a.txt", "--task", "single_b", "--process", "ttbar", "--jets", "5"],
            "a.txt",
        ),
    ],
)
def test_mistakes_are_one_sentence_without_traceback(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    code, out, error = call(*arguments)
    assert code == 1
    assert out == ""
    assert error.startswith("ftag-prune: ")
    assert sentence in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir()), "nothing half-written"


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    arguments = ["--task", "single_b", "--process", "ttbar", "--jets", "2"]
    code, _, error = call("generate", tmp_path / "file" / "a.root", *arguments)
    assert code == 1
    assert error.count("\n") == 1
    assert "Traceback" not in error
