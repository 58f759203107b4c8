"""No text of a study becomes a command: rules quote what they pass on, checked on a real run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from small_samples import content, small, write_root

from ftag_prune.config import Study
from ftag_prune.errors import ConfigError
from ftag_prune.spec import validated

ROOT = Path(__file__).parents[1]
EVIL = "$(touch hit) `touch hit`; touch hit | touch hit & touch hit > hit ' \" \\ * ? # ~ !"

# Stands for ftag-prune: writes down how it was called, and makes empty outputs.
RECORDER = """#!{python}
import json, sys
from pathlib import Path
with open({said!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
verb, *given = sys.argv[1:]
place = dict(prepare=1, sample=1, train=3, evaluate=3, summary=2, figures=3, validate=0, report=2)
out = Path(given[place[verb]])
if verb == "prepare":
    outs = [out / (split + ".h5") for split in ("train", "val", "test")]
elif verb in ("sample", "figures", "validate"):
    outs = [out / "a.png"]
else:
    outs = [out]
for path in outs:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
"""


def a_study(folder, **changes):
    """Content of a study, on the disk, of a card beside it."""
    made = {
        "study": "evil",
        "samples": {"single_b": {"card": str(folder / "card.yaml")}},
        "grid": {"tasks": ["single_b"], "widths": [4], "depth": 1, "targets": [0, 0.5]},
        **changes,
    }
    made["grid"]["seeds"] = [1]
    return made


def run(folder, study, path):
    """Snakemake on the study, in its folder."""
    config = folder / "study ' $(touch hit).yaml"
    config.write_text(yaml.safe_dump(study, sort_keys=False))
    done = subprocess.run(
        [
            *[sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")],
            *["--directory", str(folder), "--configfile", str(config), "--cores", "1"],
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def evil_folder(tmp_path):
    folder = tmp_path / EVIL.replace("/", "")[:60]
    folder.mkdir()
    card = content(files=[f"{EVIL}.root".replace("*", "x").replace("?", "x").replace("/", "")])
    write_root(folder / "jets.root", small(30))
    shutil.move(folder / "jets.root", folder / card["files"][0])
    (folder / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    return folder


def test_texts_of_a_study_reach_the_verbs_as_they_are_and_run_nothing(tmp_path, evil_folder):
    label = f"{EVIL}\n{EVIL}"
    study = a_study(
        evil_folder,
        results=EVIL,
        figures={"label": label, "lines": ["--label", EVIL], "style": "notes"},
    )
    said = tmp_path / "said.jsonl"
    command = tmp_path / "bin/ftag-prune"
    command.parent.mkdir()
    command.write_text(RECORDER.format(python=sys.executable, said=str(said)))
    command.chmod(0o755)
    run(evil_folder, study, command.parent)
    assert not list(tmp_path.rglob("hit")), "a text became a command"
    calls = [json.loads(line) for line in said.read_text().splitlines()]
    by_verb = {call[0]: call for call in calls}
    assert set(by_verb) == {
        *("prepare", "sample", "train", "evaluate", "summary", "figures", "validate", "report")
    }
    results = str(Path(EVIL) / "evil")
    assert by_verb["sample"][1:3] == [f"{results}/jets/single_b", f"{results}/samples/single_b"]
    drawn = by_verb["sample"]
    assert drawn[drawn.index("--label") + 1] == label
    assert by_verb["prepare"][1] == str(evil_folder / "card.yaml")
    assert json.loads((evil_folder / EVIL / "evil/study.json").read_text())["results"] == EVIL


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("study", "a b", "study: string should match pattern"),
        ("study", "../a", "study: string should match pattern"),
        ("study", "-a", "study: string should match pattern"),
        ("study", "a\n", "study: string should match pattern"),
        ("study", "$(x)", "study: string should match pattern"),
        ("results", "-rf", "results: '-rf' would be taken for an option"),
        ("results", "a{b}", "results: 'a{b}' holds '{', which names a wildcard"),
        ("results", "a\nb", r"results: 'a\nb' holds a line break"),
        ("results", "a\x00b", r"results: 'a\x00b' holds a line break"),
        (
            "samples",
            {"single_b": {"card": "--version"}},
            "samples.single_b.card: '--version' would",
        ),
        ("samples", {"$(x)": {"card": "a"}}, "samples: no task '$(x)'"),
        ("strategies", {"a;b": {}}, "strategies.a;b"),
        ("figures", {"style": "$(x)"}, "figures.style"),
    ],
)
def test_names_that_would_be_something_else_are_refused(tmp_path, key, value, sentence):
    with pytest.raises(ConfigError) as refused:
        validated(Study, a_study(tmp_path, **{key: value}), where="study.yaml")
    assert sentence in str(refused.value)


def test_every_rule_quotes_what_a_user_may_write():
    """A field of a shell command without :q is one whose values are on a list."""
    known = {
        "wildcards.task",  # a task, by the constraint
        *("params.process", "params.jets", "params.first_event", "params.seed"),
        *("params.interactions", "params.split", "params.constituents", "params.style"),
        "threads",
    }
    for path in [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]:
        for line in path.read_text().splitlines():
            if '"' in line and ("ftag-prune" in line or line.strip().startswith('" ')):
                fields = [part.split("}")[0] for part in line.split("{")[1:]]
                plain = {one for one in fields if not one.endswith(":q")}
                assert plain <= known, f"{path}: {plain - known}"
