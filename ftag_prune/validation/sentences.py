"""The answer in words: which network is small enough, what it keeps, and what is not shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ftag_prune.figures.drawing import network_name
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.validation.answer import Answer, Candidate, Kept, Verdict, answer
from ftag_prune.validation.networks import Measured, candidate
from ftag_prune.validation.options import Options
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
    found: Sequence[Measured], best: Measured, task: Task, options: Options
) -> Question:
    """How small a network can be, of all, compared with the best dense one."""
    others = [candidate(one, one.of_best, options) for one in found if one is not best]
    said = f"the best dense tagger ({network_name(best.network)}, chosen by validation loss)"
    return Question(plain(task), best, said, _asked(others, best, options))


def network_questions(found: Sequence[Measured], task: Task, options: Options) -> list[Question]:
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


def _asked(others: Sequence[Candidate], reference: Measured, options: Options) -> Answer:
    return answer(
        others,
        below=candidate(reference, (), options).size,
        tolerance=options.tolerance,
        confidence=options.confidence,
    )


def sentence(question: Question, found: Sequence[Measured], task: Task, options: Options) -> str:
    """One paragraph: what is shown, how, and what is not."""
    by_name = {one.name: one for one in found}
    asked = question.answer
    said = [_shown(question, by_name, task, options), _tests(asked), _likely(asked, by_name)]
    return " ".join(one for one in said if one)


def _shown(
    question: Question, by_name: Mapping[str, Measured], task: Task, options: Options
) -> str:
    loss = (
        f"lose at most {100 * options.tolerance:g} % of any rejection of {question.said} at "
        f"{at_efficiency(task)}, at {100 * options.confidence:g} % confidence"
    )
    smallest = question.answer.smallest
    if smallest is None:
        return f"{question.about}: no smaller network is shown to {loss}."
    mine = by_name[smallest.candidate.name]
    return (
        f"{question.about}: {mine.name} ({_size(mine)}) is the smallest network shown to {loss}. "
        f"It keeps {_ratios(smallest.candidate)}, with {_share(mine, question.reference)} of the "
        "parameters."
    )


def _size(one: Measured) -> str:
    time = f", {one.latency[-1].median:.2g} µs a jet" if one.latency else ""
    return (
        f"{one.nodes_left:,.0f} of {one.nodes:,.0f} nodes, {one.parameters:,.0f} parameters, "
        f"{one.multiplications:,.0f} multiplications{time}"
    )


def _share(one: Measured, reference: Measured) -> str:
    share = one.parameters / reference.parameters
    return f"1/{1 / share:.0f}" if share < 0.15 else f"{100 * share:.0f} %"


def _ratios(one: Candidate) -> str:
    return " and ".join(f"{_ratio(kept)} of the {_rejection(kept.background)}" for kept in one.kept)


def _rejection(background: str) -> str:
    """The label of a class without its jets: light-flavour rejection."""
    return f"{FLAVOURS[background].label.removesuffix('-jets').removesuffix(' jets')} rejection"


def _ratio(kept: Kept) -> str:
    if not math.isfinite(kept.ratio):
        return "an unknown part (no jet passes)"
    return f"{kept.ratio:.2f} ± " + (f"{kept.error:.2f}" if math.isfinite(kept.error) else "?")


def _tests(asked: Answer) -> str:
    """How many networks were looked at, and where the tests ended."""
    if not asked.tested:
        return "No smaller network was looked at."
    left = asked.looked_at - asked.passed_over
    looked = (
        f"{left} of {asked.looked_at} smaller networks come into question (each of the others is "
        "beaten by a still smaller one on the validation jets)"
        if asked.passed_over
        else _counted(asked.looked_at)
    )
    if asked.stopped_at is None:
        return f"{looked}, and {'all are' if left > 1 else 'it is'} safe."
    stopped = asked.stopped_at
    return (
        f"{looked}; from large to small, the first that is not shown to be safe is "
        f"{stopped.candidate.name}, which keeps {_ratios(stopped.candidate)}: {_why(stopped)}"
        + (", and by the values alone it would do." if asked.likely == stopped.candidate else ".")
    )


def _counted(number: int) -> str:
    if number == 1:
        return "One smaller network comes into question"
    return f"{number} smaller networks come into question"


def _why(stopped: Verdict) -> str:
    """Why a network is not safe, and what would tell."""
    if stopped.lost:
        return "it loses more"
    if math.isinf(stopped.both_factor):
        return "it is not sure whether it loses more"
    if stopped.jets_factor < _MANY:
        return (
            f"if these ratios stay, {stopped.jets_factor:.1f} times as many test jets would show "
            "it to be safe"
        )
    if stopped.both_factor < _MANY:
        return (
            f"if these ratios stay, {stopped.both_factor:.1f} times as many test jets and "
            "trainings would show it to be safe"
        )
    return "it is too close to what is allowed for that to be told"


def _likely(asked: Answer, by_name: Mapping[str, Measured]) -> str:
    """What the values alone say, where they say more than is shown."""
    told = [one.candidate for one in (asked.smallest, asked.stopped_at) if one is not None]
    if asked.likely is None or any(one.size <= asked.likely.size for one in told):
        return ""
    one = by_name[asked.likely.name]
    return (
        f"By the values alone, whatever their errors, {one.name} ({_size(one)}) would do: "
        f"{_ratios(asked.likely)}."
    )
