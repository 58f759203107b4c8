"""What the reader of a figure has to know."""

from __future__ import annotations

from ftag_prune.config import Study
from ftag_prune.figures.drawing import largest, network_name
from ftag_prune.figures.gallery import names
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.status import Present

__all__ = ["captions"]


def captions(study: Study, task: Task, *, some: Present | None = None) -> dict[str, str]:
    """What the reader of a figure has to know, by the figure's name.

    Parameters
    ----------
    some : the runs that are there, of a study that is not finished
    """
    some = some or Present(study.runs_of(task.name))
    point = f"{100 * task.working_point:g} %"
    network = network_name(largest(some.done, study.grid.strategies[0]))
    texts = {
        "first": "Rejection of {background} at {point} efficiency for {signal} of taggers in two "
        "steps, against the fraction of nodes that was switched off in the first of them, which "
        "scores the subjets; one line for each second step. Points: mean over {seeds} trainings "
        "of both steps; bands: error from the number of test jets and from the spread of the "
        "trainings, added in quadrature. Below: ratio to the same second step on the dense first "
        "one, on the same jets.",
        "pruned": "Rejection of {background} at {point} efficiency for {signal} against the "
        "fraction of nodes that was switched off, for the given "
        "networks, strategy “{strategy}”. Points: mean over {seeds} trainings; bands: error "
        "from the number of test jets and from the spread of the trainings, added in quadrature. "
        "Below: ratio to the dense tagger of the same width on the same jets, with the error of a "
        "paired bootstrap of the jets and the spread over pairs of trainings with the same seed.",
        "strategies": "The same for the largest network ({network}), one line for each strategy; "
        "every network was brought to exactly the asked number of nodes by the freeze.",
        "roc": "Rejection of {background} against efficiency for {signal}, network: "
        "{network}, strategy “{strategy}”, mean over {seeds} trainings. Bands: "
        "statistical error and spread of the trainings in quadrature; below: ratio to the dense "
        "tagger with the error of a paired bootstrap of the jets.",
        "layers": "Nodes left in each hidden layer of the largest network ({network}), strategy "
        "“{strategy}”, {first}. The strategy chooses where to cut; only the sum is asked for.",
        "curves": "{which}Trainings against epochs, {first}, until the freeze; the dash-dotted "
        "line is what was asked for.",
        "onset": "Gated epoch after which half of the wanted nodes are off, against the number of "
        "nodes: mean and spread over seeds; open markers with an arrow: not until the last epoch. "
        "Dashed: predicted for identical gates under gradient descent, without a free parameter.",
        "mechanisms": "What a stall can come from, each by a training that shows it. A dilution: "
        "the pruning loss of networks of several sizes, with the exponentials that theory predicts "
        "(dashed). B saturation: the share of gates without any gradient. C equilibrium: what the "
        "pruning loss pays for closing a node (price) against what nodes are worth to the class "
        "loss (saliency). D soft solution: the mean gate is as asked, with half-open gates.",
        "regrowth": "Nodes that were off at the end of an epoch and on at the end of the next.",
        "history": "Trainings of the largest network ({network}), {first}: losses, active "
        "fraction of nodes (mean gate) and pressure against epoch. The dotted line is the freeze "
        "to exactly the asked number of nodes, after which the compacted network is fine-tuned.",
    }
    return {
        name: texts[name.partition("-")[0]].format(
            background=_background(name),
            which=_which(study, name),
            signal=FLAVOURS[task.signal].label,
            point=point,
            network=network,
            strategy=study.grid.strategies[0],
            first="first seed that is there" if some.missing else "first seed",
            seeds=f"{'up to ' if some.missing else ''}{len(study.grid.seeds)}",
        )
        + (f" Not finished: made of {some.share}." if some.missing else "")
        for name in names(study, task)
    }


def _background(name: str) -> str:
    kind, _, which = name.partition("-")
    return FLAVOURS[which].label if kind in ("first", "pruned", "strategies", "roc") else ""


def _which(study: Study, name: str) -> str:
    kind, _, which = name.partition("-")
    title = study.figures.curves[which].title if kind == "curves" else ""
    return f"{title[:1].upper()}{title[1:]}. " if title else ""
