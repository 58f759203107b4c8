"""What the report of a study says: the answer first, then figures, tables and provenance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ftag_prune.config import Study
from ftag_prune.figures import captions
from ftag_prune.flavours import Task
from ftag_prune.record import provenance, read_json
from ftag_prune.report import Figure, Section, Table, page, with_error
from ftag_prune.sample import Sample, flow_rows, read_sample
from ftag_prune.sample import captions as sample_captions
from ftag_prune.summary import Cell, read_cells, task_in
from ftag_prune.tensors import description
from ftag_prune.validation import headline, sections
from ftag_prune.validation.sentences import plain

__all__ = ["tell"]

_HEADLINE = ("first", "pruned", "strategies")


def tell(study: Study, folder: Path) -> str:
    """Report of a finished study in `folder`, as one HTML page."""
    told, answers = [], []
    for task in study.tasks:
        cells = read_cells(folder / "tables" / f"{task}.csv")
        judged = task_in(cells, task)
        validated = folder / "validation" / task if study.validation else None
        answers += headline(validated) if validated else []
        told += _sections(study, judged, cells, folder, validated)
        told.append(_sample(judged, folder))
    return page(
        f"How small can the tagger be? Study “{study.study}”",
        [*told, _controls(study, folder)],
        summary=answers or ["This study asks how trainings go, not how small a tagger can be."],
        reading=_reading(study),
        provenance=_provenance(study, folder),
    )


def _by_point(cells: Iterable[Cell], task: Task) -> dict[tuple[str, str, float], list[Cell]]:
    """Cells at the headline working point, the backgrounds of one tagger together."""
    points: dict[tuple[str, str, float], list[Cell]] = {}
    for cell in cells:
        if cell.signal == task.signal and cell.working_point == task.working_point:
            points.setdefault((cell.network, cell.strategy, cell.left), []).append(cell)
    return points


def _reading(study: Study) -> list[str]:
    return [
        "Each network was trained once without gates (dense) and once for each pruned fraction "
        "with a shadow network that switches nodes off; then exactly the asked number of nodes was "
        "kept, the others were cut out, and the smaller network was fine-tuned. The dense tagger "
        "has as many epochs.",
        "All numbers are measured on the compacted network with jets of events that no training "
        f"has seen, over {len(study.grid.seeds)} trainings with different seeds. “Rejection” is "
        "one over the efficiency for a background, at the stated efficiency for the signal.",
    ]


def _sections(
    study: Study, task: Task, cells: list[Cell], folder: Path, validated: Path | None
) -> list[Section]:
    """The answer, what pruning costs, and what a task force asks further."""
    asked = sections(validated, group=plain(task)) if validated else []
    return [*asked[:1], *_studied(study, task, cells, folder), *asked[1:]]


def _studied(study: Study, task: Task, cells: list[Cell], folder: Path) -> list[Section]:
    figures = _figures(study, task, folder)
    main = [figures[name] for name in figures if name.startswith(_HEADLINE)]
    rest = [figures[name] for name in figures if not name.startswith(_HEADLINE)]
    return [
        Section(
            title="Rejection against pruned nodes",
            text=[_definition(task)],
            figures=main,
            tables=[_table(task, cells)],
            group=plain(task),
        ),
        Section(title="Curves and trainings of one network", figures=rest, group=plain(task)),
    ]


def _figures(study: Study, task: Task, folder: Path) -> dict[str, Figure]:
    place = folder / "figures" / task.name
    return {
        name: Figure(png=place / f"{name}.png", caption=text, csv=place / f"{name}.csv")
        for name, text in captions(study, task).items()
    }


def _definition(task: Task) -> str:
    chosen = task.discriminants[0]
    below = " + ".join(f"{share:g} p({name})" for name, share in chosen.fractions.items())
    return f"Discriminant: ln[ p({chosen.signal}) / ({below}) ]."


def _table(task: Task, cells: Sequence[Cell]) -> Table:
    columns = ["network", "strategy", "pruned / %", "asked", "reached", "regrown", "time"]
    for name in task.backgrounds:
        columns += [f"{name} rejection", f"{name} ratio to dense"]
    rows = []
    for found in _by_point(cells, task).values():
        first = found[0]
        row: list[str | int | float] = [
            first.network,
            first.strategy,
            f"{100 * first.pruned:.1f}",
            first.asked,
            first.reached,
            first.regrown,
            _time(first, cells),
        ]
        for cell in found:
            row += [with_error(cell.rejection, cell.error), _ratio(cell)]
        rows.append(row)
    return Table(
        caption=f"{plain(task)} at {100 * task.working_point:g} % efficiency",
        columns=columns,
        rows=rows,
        note="Rejection: mean over the trainings ± statistical error and spread in quadrature. "
        "Ratio: to the dense tagger of the same network on the same jets, error from a paired "
        "bootstrap of the jets and from the spread over trainings. “Reached” is what the strategy "
        "had left open by itself before the freeze to the number “asked” for; “regrown” nodes "
        "had been off at the end of an epoch and came back; both are means over the trainings. "
        "“Time” of a training is in units of the dense one's (of one for several targets: "
        "the common part and the own end).",
    )


def _time(cell: Cell, cells: Sequence[Cell]) -> float:
    """Training time in units of the dense tagger's of the same network; nan without one."""
    dense = [one for one in cells if one.strategy == "dense" and one.network == cell.network]
    return round(cell.seconds / dense[0].seconds, 2) if dense else math.nan


def _ratio(cell: Cell) -> str:
    if not math.isfinite(cell.ratio):
        return "none"
    return "1" if cell.strategy == "dense" else f"{cell.ratio:.3f} ± {cell.ratio_total:.3f}"


def _sample(task: Task, folder: Path) -> Section:
    """Where the jets of a task come from, where they went, and their spectra."""
    sample = read_sample(folder / "jets" / task.name / "train.h5")
    place = folder / "samples" / task.name
    lost = len(sample.skipped)
    return Section(
        title="Where the jets went",
        group=plain(task),
        text=[
            f"{sample.title}. Files read: {len(sample.read_files)}; skipped: {lost}"
            + (", listed below." if lost else ".")
        ],
        figures=[
            Figure(png=place / f"{name}.png", caption=text, csv=place / f"{name}.csv")
            for name, text in sample_captions(sample).items()
        ],
        tables=[_flow_table(task, sample), *_skipped_table(task, sample)],
    )


def _flow_table(task: Task, sample: Sample) -> Table:
    rows = flow_rows(sample)
    cuts = "; ".join(f"{name}: {formula}" for name, formula in sample.cuts.items())
    train = " Training jets are counted before resampling." if sample.how == "resample" else ""
    return Table(
        caption=f"{plain(task)}: where every jet went",
        columns=list(rows[0]),
        rows=[list(row.values()) for row in rows],
        note="Each row adds up: read = rejected + of no class + kept in train, val and test. "
        "A rejected jet is counted at the first cut that it fails"
        + (f". Cuts: {cuts}." if cuts else ".")
        + train,
    )


def _skipped_table(task: Task, sample: Sample) -> list[Table]:
    """Files that could not be read; no table if there are none."""
    if not sample.skipped:
        return []
    return [
        Table(
            caption=f"{plain(task)}: files that were skipped",
            columns=["file", "reason"],
            rows=sample.skipped,
        )
    ]


def _controls(study: Study, folder: Path) -> Section:
    """Checks that the pruning is what it says."""
    told = [read_json(folder / "runs" / run.name / "run.json") for run in study.runs()]
    pruned = [one for one in told if one["asked"] is not None]
    exact = sum(_as_asked(one) for one in pruned)
    largest = max((one["compaction_difference"] for one in pruned), default=0.0)
    return Section(
        title="Checks",
        text=[
            f"{exact} of {len(pruned)} pruned networks have exactly the asked number of nodes (or "
            "the largest number within the asked cost), counted on the compacted network.",
            "Largest difference of a logit between gated and compacted network, over all runs: "
            f"{largest:.1e}.",
        ],
    )


def _as_asked(told: dict[str, Any]) -> bool:
    """Exactly the nodes that were asked for; of other costs not more."""
    if told["unit"] == "nodes":
        return bool(told["left"] == told["asked"])
    return bool(told["left"] <= told["asked"] * (1 + 1e-9))


def _provenance(study: Study, folder: Path) -> dict[str, str]:
    about = {task: description(folder / "jets" / task / "train.h5") for task in study.tasks}
    versions = provenance()["versions"]
    return {
        "study": study.study,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        **{f"jets of {task}": one.fingerprint for task, one in about.items()},
        "seeds": ", ".join(map(str, study.grid.seeds)),
        "configuration": study.model_dump_json(indent=1),
    }
