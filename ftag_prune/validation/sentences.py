"""The answer in words: which network is small enough, what it keeps, and what is not shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ftag_prune.config import Validation
from ftag_prune.figures.drawing import network_name
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.validation.answer import Answer, Candidate, Kept, Verdict, answer
from ftag_prune.validation.networks import Measured, candidate
from ftag_prune.validation.part import at_efficiency

__all__ = ["Question", "best_question", "network_questions", "plain", "sentence"]

_MANY = 10.0  # times the test jets that nobody makes
_PLAIN = {"single_b": "Single-b", "hbb_cc": "Hbb/cc"}


class Question(NamedTuple):
    """How small can it be, compared with what, and the answer.

    Attributes
    ----------
    about : "Single-b", or "Single-b, 64 nodes a layer"
    reference : the dense tagger
    said : what the reference is called in a sentence
    """

    about: str
    reference: Measured
    said: str
    answer: Answer


def plain(task: Task) -> str:
    """Name of a task in a sentence."""
    return _PLAIN.get(task.name, task.name)


def best_question(
    found: Sequence[Measured], best: Measured, task: Task, options: Validation
) -> Question:
    """How small a network can be, of all, compared with the best dense one."""
    others = [candidate(one, one.of_best, options) for one in found if one is not best]
    said = f"the best dense tagger ({network_name(best.network)})"
    return Question(plain(task), best, said, _asked(others, best, options))


def network_questions(found: Sequence[Measured], task: Task, options: Validation) -> list[Question]:
    """How small each network can be pruned, compared with the dense one of its own.

    Of a single network there is no more to ask than of all.
    """
    questions: list[Question] = []
    if len({one.network for one in found}) == 1:
        return questions
    for own in (one for one in found if one.dense):
        others = [
            candidate(one, one.of_own, options)
            for one in found
            if one.network == own.network and not one.dense
        ]
        about = f"{plain(task)}, {network_name(own.network)}"
        if others:
            questions.append(Question(about, own, "its dense tagger", _asked(others, own, options)))
    return questions


def _asked(others: Sequence[Candidate], reference: Measured, options: Validation) -> Answer:
    return answer(
        others,
        below=candidate(reference, (), options).size,
        tolerance=options.tolerance,
        confidence=options.confidence,
    )


def sentence(question: Question, found: Sequence[Measured], task: Task, options: Validation) -> str:
    """The answer: the smallest network that is shown to be safe, and what bars the next one."""
    by_name = {one.name: one for one in found}
    smallest, stopped = question.answer.smallest, question.answer.stopped_at
    what = (
        f"at least {100 * (1 - options.tolerance):g} % of every rejection of {question.said} at "
        f"{at_efficiency(task)}, at {100 * options.confidence:g} % confidence"
    )
    if smallest is None:
        said = (
            f"{question.about}: the smallest is the dense tagger itself "
            f"({_size(question.reference)}); no smaller network is shown to keep {what}"
        )
        if stopped is None:
            return f"{said}; there is none among the runs."
        return f"{said}. The first, {_next(stopped, question.answer, by_name)}."
    mine = by_name[smallest.candidate.name]
    said = (
        f"{question.about}: {mine.name} ({_size(mine)}), is shown to keep {what}: "
        f"{_ratios(smallest.candidate)}"
    )
    if stopped is None:
        return f"{said}. No smaller network is among the runs."
    return f"{said}. The next, {_next(stopped, question.answer, by_name)}."


def _size(one: Measured) -> str:
    time = f", {one.latency[-1].median:.2g} µs a jet" if one.latency else ""
    return (
        f"{one.nodes_left:,.0f} of {one.nodes:,.0f} nodes, {one.parameters:,.0f} parameters, "
        f"{one.multiplications:,.0f} multiplications{time}"
    )


def _next(stopped: Verdict, asked: Answer, by_name: Mapping[str, Measured]) -> str:
    """The first network that is not shown to be safe, why, and what the values alone say."""
    one = by_name[stopped.candidate.name]
    said = (
        f"{one.name} ({one.parameters:,.0f} parameters), keeps {_ratios(stopped.candidate)}: "
        f"{_why(stopped)}"
    )
    likely = asked.likely
    if likely is None or likely.size > stopped.candidate.size:
        return said
    if likely == stopped.candidate:
        return f"{said}; by the values alone it would do"
    small = by_name[likely.name]
    return (
        f"{said}; by the values alone even {small.name} ({small.parameters:,.0f} parameters) would "
        f"do: {_ratios(likely)}"
    )


def _ratios(one: Candidate) -> str:
    return ", ".join(f"{_rejection(kept.background)} {_ratio(kept)}" for kept in one.kept)


def _rejection(background: str) -> str:
    """The label of a class without its jets: light-flavour."""
    return FLAVOURS[background].label.removesuffix("-jets").removesuffix(" jets")


def _ratio(kept: Kept) -> str:
    if not math.isfinite(kept.ratio):
        return "unknown (no jet passes)"
    return f"{kept.ratio:.2f} ± " + (f"{kept.error:.2f}" if math.isfinite(kept.error) else "?")


def _why(stopped: Verdict) -> str:
    """Why a network is not safe, and what would tell."""
    if stopped.lost:
        return "it loses more"
    if math.isinf(stopped.both_factor):
        return "it is not sure whether it loses more"
    if stopped.jets_factor < _MANY:
        return f"{stopped.jets_factor:.1f} times as many test jets would tell"
    if stopped.both_factor < _MANY:
        return f"{stopped.both_factor:.1f} times as many test jets and trainings would tell"
    return "too close to what is allowed to be told"
