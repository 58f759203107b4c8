"""The validation of one task: everything measured, drawn, and left in one folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ftag_prune import plots
from ftag_prune.config import Figures, Study, Validation
from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import Task
from ftag_prune.record import provenance
from ftag_prune.status import Present
from ftag_prune.tensors import one_thread
from ftag_prune.validation.answer import Verdict
from ftag_prune.validation.heldout import HeldOut, held_out
from ftag_prune.validation.networks import Measured, best_dense, deciding, measured
from ftag_prune.validation.page import Findings, leave
from ftag_prune.validation.part import Easel, Part, finite
from ftag_prune.validation.parts.answers import answers
from ftag_prune.validation.parts.fractions import fractions
from ftag_prune.validation.parts.masses import masses, matters
from ftag_prune.validation.parts.points import points
from ftag_prune.validation.parts.profiles import profiles
from ftag_prune.validation.parts.quality import quality
from ftag_prune.validation.parts.rocs import rocs
from ftag_prune.validation.parts.sample import sample
from ftag_prune.validation.parts.sizes import sizes
from ftag_prune.validation.parts.trainings import trainings
from ftag_prune.validation.references import References, references
from ftag_prune.validation.runs import Group, group_runs, read_run, titles
from ftag_prune.validation.sentences import (
    Question,
    best_question,
    network_questions,
    plain,
    sentence,
)
from ftag_prune.validation.taggers import Tagger, common, of_group, of_reference, of_trees
from ftag_prune.validation.trees import trees

__all__ = ["validate_runs", "validate_study"]

# More networks than these are not all shown on ROC curves, on figures with less room.
_SHOWN, _FEATURED = 5, 3


def validate_study(
    study: Study,
    task: str,
    folder: Path,
    out: Path,
    *,
    some: Present | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Validate all runs of one task of a study in `folder`; see `validate_runs`.

    Parameters
    ----------
    some : the runs that are there, of a study that is not finished: notes and figures say so
    """
    some = some or Present(study.runs_of(task))
    return validate_runs(
        folder / "jets" / task,
        [folder / "runs" / run.name for run in some.done],
        out,
        options=study.validation or Validation(),
        figures=some.marked(study.figures),
        note=some.sentence,
        progress=progress,
    )


def validate_runs(
    jets: Path,
    runs: Sequence[Path],
    out: Path,
    *,
    options: Validation = Validation(),  # noqa: B008 - frozen
    figures: Figures | None = None,
    note: str = "",
    progress: Callable[[str], None] = lambda _line: None,
) -> Path:
    """Compare finished runs with each other and with other taggers, on the test jets.

    Parameters
    ----------
    jets : folder with ``train.h5``, ``val.h5`` and ``test.h5``, which the runs were trained on
    runs : folders of trained and evaluated runs of one task; those that differ by their seed alone
        count as one network
    out : folder for figures (.pdf, .png, .csv), tables of working points, ``trees.h5`` and, at the
        end, ``validation.json``
    figures : label, lines and style; the title of the card alone if not given
    note : what the reader must know before all else, if anything
    progress : is told one line for each part

    Returns
    -------
    Path
        of ``validation.json``

    Raises
    ------
    FtagPruneError
        A run that is not finished or of other jets, a class without test jets, a reference that
        the card does not name.
    """
    if not runs:
        raise FtagPruneError("no runs to validate; wanted at least one folder of a finished run")
    with one_thread(), plots.atlas_style((figures or Figures()).style):
        scene = _scene(jets, runs, out, options, figures, progress)
        parts = tuple(_parts(scene, progress))
    return leave(
        out,
        Findings(
            task=scene.judged.task.name,
            title=plain(scene.judged.task),
            answers=_answers(scene),
            notes=(*([note] if note else []), *scene.others.notes, *_notes(scene)),
            numbers={"answers": [_told(one) for one in scene.questions]},
            provenance=_provenance(scene, options),
            parts=parts,
        ),
    )


class _Scene(NamedTuple):
    """All that is measured, before it is drawn.

    Attributes
    ----------
    judged : the test jets; `shared` those among them that all `taggers` have scored
    names : text of each group, by the name of its first run
    taggers : that stand on the ROC curves, ours first; `base` is what ratios there divide by
    featured : those among them that stand on all figures
    """

    judged: HeldOut
    shared: HeldOut
    groups: list[Group]
    names: dict[str, str]
    found: list[Measured]
    questions: list[Question]
    shown: list[Group]
    others: References
    taggers: list[Tagger]
    featured: list[Tagger]
    base: Tagger
    easel: Easel
    options: Validation


def _scene(
    folder: Path,
    runs: Sequence[Path],
    out: Path,
    options: Validation,
    figures: Figures | None,
    progress: Callable[[str], None],
) -> _Scene:
    jets = held_out(folder)
    look = figures or Figures(label=jets.title, lines=())
    groups = group_runs([read_run(run, jets) for run in runs])
    names = titles(groups)
    others = references(jets, options.references)
    with _told_time(progress, f"{len(groups)} networks measured"):
        found = measured(groups, names, jets, options)
    questions = _questions(groups, names, found, jets.task, options)
    shown = _chosen(groups, names, questions)
    taggers = [of_group(group, jets, name=names[group.run.name]) for group in shown]
    taggers += [of_reference(one, jets) for one in others.usable]
    if options.trees:
        with _told_time(progress, "boosted trees trained, or read"):
            taggers.append(of_trees(trees(jets, out / "trees.h5", seed=options.seed), jets))
    taggers, shared = common(taggers, jets)
    theirs = [one for one in taggers if one.kind == "reference"]
    return _Scene(
        judged=jets,
        shared=shared,
        groups=groups,
        names=names,
        found=found,
        questions=questions,
        shown=shown,
        others=others,
        taggers=taggers,
        featured=_featured(taggers, questions),
        base=(theirs or taggers)[0],
        easel=Easel(out, jets.task, look.label, look.lines),
        options=options,
    )


def _questions(
    groups: Sequence[Group],
    names: Mapping[str, str],
    found: Sequence[Measured],
    task: Task,
    options: Validation,
) -> list[Question]:
    """Of all networks beside the best dense one, then of each network; none without a dense one."""
    dense = best_dense(groups)
    if dense is None:
        return []
    best = next(one for one in found if one.name == names[dense.run.name])
    return [best_question(found, best, task, options), *network_questions(found, task, options)]


def _chosen(
    groups: Sequence[Group], names: Mapping[str, str], questions: Sequence[Question]
) -> list[Group]:
    """Networks that stand on figures of taggers: all if they are few, else those of the answers.

    The best dense one comes first.
    """
    wanted = [questions[0].reference.name] if questions else []
    for one in questions:
        wanted += [one.answer.smallest.candidate.name] if one.answer.smallest else []
    if questions and questions[0].answer.likely:
        wanted.append(questions[0].answer.likely.name)
    if len(groups) <= _SHOWN:
        wanted += names.values()
    by_name = {names[group.run.name]: group for group in groups}
    return [by_name[name] for name in dict.fromkeys(wanted or list(names.values())[:_SHOWN])]


def _featured(taggers: Sequence[Tagger], questions: Sequence[Question]) -> list[Tagger]:
    """All taggers of others; of ours, if they are many, the best dense one and the answer."""
    ours = [one.name for one in taggers if one.kind == "ours"]
    if len(ours) > _FEATURED and questions:
        smallest, likely = questions[0].answer.smallest, questions[0].answer.likely
        small = smallest.candidate if smallest else likely
        ours = [questions[0].reference.name, *([small.name] if small else [])]
    return [one for one in taggers if one.kind != "ours" or one.name in ours]


def _parts(scene: _Scene, progress: Callable[[str], None]) -> Iterator[Part]:
    """Parts of the page in their order."""
    jets, easel, options = scene.shared, scene.easel, scene.options
    taggers, featured = scene.taggers, scene.featured
    steps: list[Callable[[], Part]] = [
        lambda: answers(scene.questions, options),
        lambda: sizes(scene.found, jets.task, easel, backgrounds=deciding(scene.judged, options)),
        lambda: rocs(taggers, scene.base, jets, easel, options),
        lambda: points(featured, jets, easel),
        lambda: profiles(featured, jets, easel),
        lambda: quality(featured, jets, easel),
        lambda: fractions(featured, jets),
        lambda: trainings(scene.shown, scene.names, easel),
        lambda: sample(scene.judged, easel),
    ]
    if matters(jets):
        steps.insert(5, lambda: masses(featured, jets, easel, options))
    for step in steps:
        started = time.monotonic()
        part = step()
        progress(f"{part.title}: {time.monotonic() - started:.1f} s")
        yield part


@contextmanager
def _told_time(progress: Callable[[str], None], what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    progress(f"{what}: {time.monotonic() - started:.1f} s")


# -- what is said --------------------------------------------------------------------------------


def _answers(scene: _Scene) -> tuple[str, ...]:
    if not scene.questions:
        return (
            f"{plain(scene.judged.task)}: no dense network is among the runs, so that nothing says "
            "what pruning costs.",
        )
    task, options = scene.judged.task, scene.options
    return tuple(sentence(one, scene.found, task, options) for one in scene.questions)


def _notes(scene: _Scene) -> tuple[str, ...]:
    """What a reader must know of the comparison with other taggers."""
    shared, every = len(scene.shared.label), len(scene.judged.label)
    left = (
        f"Comparisons of taggers use the {shared:,} of {every:,} test jets that all have scored; "
        "sizes and answers use all."
        if shared < every
        else ""
    )
    lacking = [
        f"{one.name} has no score for {', '.join(sorted(lost))}, which its discriminant leaves out."
        for one in scene.taggers
        if (lost := set(scene.judged.task.classes) - set(one.classes))
    ]
    return (*([left] if left else []), *lacking)


def _told(question: Question) -> dict[str, Any]:
    """A question and its answer, for JSON."""
    asked = question.answer
    return {
        "about": question.about,
        "reference": question.reference.name,
        "smallest": _verdict(asked.smallest),
        "tested": [_verdict(one) for one in asked.tested],
        "looked_at": asked.looked_at,
        "passed_over": asked.passed_over,
        "likely": asked.likely.name if asked.likely else None,
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    one = verdict.candidate
    return {
        "network": one.name,
        "size": one.size,
        "validation_loss": finite(one.validation_loss),
        "safe": verdict.safe,
        "lost": verdict.lost,
        "jets_factor": finite(verdict.jets_factor),
        "both_factor": finite(verdict.both_factor),
        "kept": [
            {**{key: finite(value) for key, value in kept._asdict().items()}, "lowest": finite(low)}
            for kept, low in zip(one.kept, verdict.lowest, strict=True)
        ],
    }


def _provenance(scene: _Scene, options: Validation) -> dict[str, Any]:
    every = [one.run.name for group in scene.groups for one in group.members]
    return {
        **provenance(),
        "jets": scene.judged.about.fingerprint,
        "runs": ", ".join(every),
        "options": options.model_dump(mode="json"),
    }
