"""The command line: one short verb per step, which is also the rule and the module of that name.

Heavy imports stand inside the verbs: `ftag-prune --help` answers at once.
"""

# Verbs are listed in the order in which these are imported: a jet's walk.
from ftag_prune.cli.app import app, main

from ftag_prune.cli import samples, taggers, results  # isort: skip

__all__ = ["app", "main", "results", "samples", "taggers"]
