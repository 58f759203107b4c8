"""Every input that fuzzing ever found, and those that were thought of: our own errors alone."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from targets import CORPUS, TARGETS, seeds

CASES = [(target, data) for target in TARGETS for data in seeds(target)]


@pytest.mark.parametrize(
    ("target", "data"), CASES, ids=[f"{target}-{data[:20]!r}" for target, data in CASES]
)
def test_an_input_is_read_or_refused_in_a_sentence(target, data):
    TARGETS[target](data)


def test_each_target_has_a_corpus():
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
