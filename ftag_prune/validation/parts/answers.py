"""How small can it be: every network that was tested, in its order, and how it was told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ftag_prune.config import Validation
from ftag_prune.report import Table
from ftag_prune.validation.answer import Kept, Verdict
from ftag_prune.validation.part import Part
from ftag_prune.validation.sentences import Question

__all__ = ["answers"]


def answers(questions: Sequence[Question], options: Validation) -> Part:
    """The tests behind each answer."""
    return Part(
        title="How small can it be?",
        text=(
            "Best dense tagger: the one with the lowest loss on the validation jets, so that the "
            "test jets have no part in the choice.",
            "Order: many networks are looked at, and the best of many is partly luck. Therefore "
            f"they are sorted by {options.size} before the test jets are asked; those that a "
            "smaller one beats in validation loss are left out, and the others are tested from "
            "large to small until the first that is not shown to be safe. In this fixed order "
            f"every answer has {100 * options.confidence:g} % confidence, however many networks "
            "there are (each answer by itself: they share test jets).",
            f"Safe: at {100 * options.confidence:g} % confidence the network keeps at least "
            f"{100 * (1 - options.tolerance):g} % of the rejection of every background with a "
            f"fraction of {options.matters:g} or more in the discriminant.",
            "Errors: from the number of test jets, by a bootstrap that shows the same jets to both "
            "taggers, and from the spread of trainings with different seeds, which counts as "
            "Student's t does for so few.",
        ),
        tables=(_table(questions, options),) if questions else (),
    )


def _table(questions: Sequence[Question], options: Validation) -> Table:
    names = list(
        dict.fromkeys(
            kept.background
            for question in questions
            for verdict in question.answer.tested
            for kept in verdict.candidate.kept
        )
    )
    return Table(
        "Tests in their order",
        [
            *("question", "tested", options.size),
            *(text for name in names for text in (f"{name}: kept", f"{name}: at least")),
            *("verdict", "looked at", "beaten before"),
        ],
        [row for question in questions for row in _rows(question, names)],
        note="A question about a task compares with its best dense tagger, one about a network "
        "with its own. Kept: ratio of the rejections on the same jets; at least: its lower end at "
        "the confidence. Looked at: networks smaller than the dense one; beaten before: by a "
        "smaller one on the validation jets.",
    )


def _rows(question: Question, names: Sequence[str]) -> Iterator[list[str | float | None]]:
    asked = question.answer
    end = (asked.looked_at, asked.passed_over)
    if not asked.tested:
        nothing = (None for _ in names for _ in range(2))
        yield [question.about, "none", None, *nothing, "no candidate", *end]
    for verdict in asked.tested:
        one = verdict.candidate
        kept = {
            found.background: (found, low)
            for found, low in zip(one.kept, verdict.lowest, strict=True)
        }
        cells = [text for name in names for text in _cells(*kept[name])]
        yield [question.about, one.name, round(one.size), *cells, _verdict(verdict), *end]


def _cells(kept: Kept, low: float) -> tuple[str | None, float | None]:
    if not math.isfinite(kept.ratio):
        return None, None
    error = f"{kept.error:.3f}" if math.isfinite(kept.error) else "?"
    return f"{kept.ratio:.3f} ± {error}", round(low, 3)


def _verdict(verdict: Verdict) -> str:
    if verdict.safe:
        return "safe"
    return "loses more" if verdict.lost else "not shown"
