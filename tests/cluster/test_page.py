"""What docs/cluster.md says, as far as a test can read it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cluster.md").read_text()


def test_every_test_that_the_page_names_is_there():
    texts = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    there = {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 30
    assert named - there == set()


def test_every_test_on_slurm_is_named_on_the_page():
    text = Path(__file__).with_name("test_slurm.py").read_text()
    assert [
        name for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE) if name not in PAGE
    ] == []
