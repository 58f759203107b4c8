"""Whether probabilities mean what they say, and which classes are taken for each other."""

from __future__ import annotations

from collections.abc import Sequence

from ftag_prune import plots
from ftag_prune.flavours import FLAVOURS
from ftag_prune.metrics import calibration, confusion
from ftag_prune.report import Table
from ftag_prune.validation.heldout import HeldOut
from ftag_prune.validation.part import Easel, Part, Shown, stacked
from ftag_prune.validation.taggers import Tagger

__all__ = ["quality"]


def quality(taggers: Sequence[Tagger], jets: HeldOut, easel: Easel) -> Part:
    """A reliability figure for each class, and a confusion matrix for each tagger.

    Taggers whose scores are no probabilities of all classes are left out.
    """
    normal = [one for one in taggers if one.probable]
    errors: list[list[str | float]] = [[one.name] for one in normal]
    reliable = tuple(_reliability(normal, jets, easel, name, errors) for name in jets.task.classes)
    return Part(
        title="Calibration and confusion",
        text=(
            "Predicted and observed shares count jets with the weights of the training, in which "
            "classes have the parts that the network has learnt; with other parts of the classes "
            "probabilities have to be rescaled. Of networks that were trained several times, the "
            "training with the lowest validation loss.",
        ),
        figures=(*reliable, *(_confusion(one, jets, easel) for one in normal)),
        tables=(
            Table(
                "Expected calibration error: mean of |predicted - observed| over the jets",
                ["tagger", *jets.task.classes],
                errors,
            ),
        ),
    )


def _reliability(
    taggers: Sequence[Tagger],
    jets: HeldOut,
    easel: Easel,
    name: str,
    errors: Sequence[list[str | float]],
) -> Shown:
    place = jets.task.classes.index(name)
    curves = []
    for one, row in zip(taggers, errors, strict=True):
        found = calibration(one.to_one[:, place], jets.label == place, weight=jets.weight)
        row.append(f"{found.expected_error:.4f}")
        curves.append(
            plots.ReliabilityCurve(
                stacked(one.name),
                found.predicted,
                found.observed,
                found.observed_low,
                found.observed_high,
            )
        )
    fig, ax, ratio = plots.canvas_with_legend_and_ratio(lines=len(easel.texts()))
    plots.reliability(ax, ratio, curves, flavour=name)
    easel.sign(ax, above=True)
    return easel.save(
        fig,
        f"calibration-{name}",
        plots.rows(curves),
        f"Share of {FLAVOURS[name].label} among the jets of a bin against their mean probability "
        "to be one. Bars: 68 % intervals of the observed share.",
    )


def _confusion(tagger: Tagger, jets: HeldOut, easel: Easel) -> Shown:
    classes = jets.task.classes
    found = confusion(tagger.to_one, jets.label)
    fig, ax = plots.canvas_of_cells(lines=len(easel.texts(tagger.name)))
    plots.confusion(ax, found.shares, classes=classes)
    easel.sign(ax, tagger.name, above=True)
    rows = [
        {
            "true": true,
            "most_probable": taken,
            "share": found.shares[i, j],
            "error": found.errors[i, j],
            "jets": int(found.counts[i, j]),
        }
        for i, true in enumerate(classes)
        for j, taken in enumerate(classes)
    ]
    return easel.save(
        fig,
        f"confusion-{tagger.run}",
        rows,
        f"{tagger.name}: the most probable class of the jets of each class, in per cent of them. "
        "The network has learnt classes in the parts of the training weights.",
    )
