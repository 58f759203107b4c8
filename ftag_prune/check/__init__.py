"""What is wrong, or odd, with a sample and its card, from a few thousand of its jets."""

from ftag_prune.check.finding import Finding, Severity
from ftag_prune.check.report import JETS, Report, check
from ftag_prune.check.table import plain, tables

__all__ = ["JETS", "Finding", "Report", "Severity", "check", "plain", "tables"]
