"""Where a result comes from, written beside it, and whether results still belong together."""

from ftag_prune.provenance.beside import recorded
from ftag_prune.provenance.circumstances import circumstances
from ftag_prune.provenance.origin import origin_of
from ftag_prune.provenance.verify import Verdict, verify

__all__ = ["Verdict", "circumstances", "origin_of", "recorded", "verify"]
