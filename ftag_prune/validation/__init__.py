"""What a task force wants to see of taggers: how they compare, and how small they can be."""

from ftag_prune.validation.answer import Answer, Candidate, Kept, Verdict, answer
from ftag_prune.validation.page import headline, page, read_validation, sections
from ftag_prune.validation.validate import validate_runs, validate_study
from ftag_prune.validation.working_points import Tabulated, read_tabulated, write_tabulated

__all__ = [
    "Answer",
    "Candidate",
    "Kept",
    "Tabulated",
    "Verdict",
    "answer",
    "headline",
    "page",
    "read_tabulated",
    "read_validation",
    "sections",
    "validate_runs",
    "validate_study",
    "write_tabulated",
]
