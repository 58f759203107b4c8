"""Every input that fuzzing ever found, and those that were thought of: our own errors alone."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from fuzz import WORDS, an_archive, mutated
from targets import CORPUS, TARGETS, seeds

SEEDS = {target: seeds(target) for target in TARGETS}
CASES = [(target, data) for target, known in SEEDS.items() for data in known]


@pytest.mark.parametrize(
    ("target", "data"), CASES, ids=[f"{target}-{data[:20]!r}" for target, data in CASES]
)
def test_an_input_is_read_or_refused_in_a_sentence(target, data):
    TARGETS[target](data)


def test_each_target_has_a_corpus():
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(rng=st.randoms(use_true_random=False))
def test_a_few_changes_anywhere(target, rng):
    """What fuzz.py does for minutes, for a moment."""
    make = an_archive if target == "archive" else mutated
    TARGETS[target](make(rng, SEEDS[target], WORDS[target]))
