"""What the report of a study says: the answer first, then figures, tables and provenance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ftag_prune.config import Run, Study
from ftag_prune.figures import captions
from ftag_prune.flavours import Task, task_of
from ftag_prune.record import provenance, read_json
from ftag_prune.report import Figure, Section, Table, page, with_error
from ftag_prune.sample import Sample, flow_rows, read_sample
from ftag_prune.sample import captions as sample_captions
from ftag_prune.status import Present
from ftag_prune.summary import Cell, read_cells, task_in
from ftag_prune.tensors import description
from ftag_prune.validation import headline, sections
from ftag_prune.validation.sentences import plain

__all__ = ["tell"]

_HEADLINE = ("first", "pruned", "strategies")


class _Shown(NamedTuple):
    """A study, where its results are, and the runs of each task that they are made of.

    Attributes
    ----------
    folder : of runs and jets
    made : folder of tables, figures, samples and validation
    """

    study: Study
    folder: Path
    made: Path
    runs: Mapping[str, Present]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of which there is something."""
        return tuple(task for task, some in self.runs.items() if some.done)

    @property
    def finished(self) -> bool:
        """Whether no run is missing."""
        return not any(some.missing for some in self.runs.values())


def tell(
    study: Study,
    folder: Path,
    *,
    made: Path | None = None,
    runs: Mapping[str, Present] | None = None,
) -> str:
    """Report of a study in `folder`, as one HTML page.

    Parameters
    ----------
    made : where tables, figures, samples and validation are; in `folder` if not given
    runs : of each task, those that are there, of a study that is not finished; the page says what
        is missing
    """
    runs = runs or {task: Present(study.runs_of(task)) for task in study.tasks}
    shown = _Shown(study, folder, made or folder, runs)
    told, answers = [], []
    for task in shown.tasks:
        cells = read_cells(shown.made / "tables" / f"{task}.csv")
        judged = task_in(cells, task)
        validated = shown.made / "validation" / task if study.validation else None
        answers += headline(validated) if validated else []
        told += _sections(shown, judged, cells, validated)
        told.append(_sample(judged, shown))
    return page(
        f"How small can the tagger be? Study “{study.study}”"
        + ("" if shown.finished else ", not finished"),
        [*told, _controls(shown), *_missing(shown)],
        summary=[
            *_lacking(shown),
            *(answers or ["This study asks how trainings go, not how small a tagger can be."]),
        ],
        reading=_reading(shown),
        provenance=_provenance(shown),
    )


def _lacking(shown: _Shown) -> list[str]:
    """What is missing and no validation says."""
    silent = [task for task in shown.runs if task not in shown.tasks or not shown.study.validation]
    return [
        f"{plain(task_of(task))}: {shown.runs[task].sentence}"
        for task in silent
        if shown.runs[task].missing
    ]


def _by_point(cells: Iterable[Cell], task: Task) -> dict[tuple[str, str, float], list[Cell]]:
    """Cells at the headline working point, the backgrounds of one tagger together."""
    points: dict[tuple[str, str, float], list[Cell]] = {}
    for cell in cells:
        if cell.signal == task.signal and cell.working_point == task.working_point:
            points.setdefault((cell.network, cell.strategy, cell.left), []).append(cell)
    return points


def _reading(shown: _Shown) -> list[str]:
    seeds = f"{'' if shown.finished else 'up to '}{len(shown.study.grid.seeds)}"
    return [
        "Each network was trained once without gates (dense) and once for each pruned fraction "
        "with a shadow network that switches nodes off; then exactly the asked number of nodes was "
        "kept, the others were cut out, and the smaller network was fine-tuned. The dense tagger "
        "has as many epochs.",
        "All numbers are measured on the compacted network with jets of events that no training "
        f"has seen, over {seeds} trainings with different seeds. “Rejection” is "
        "one over the efficiency for a background, at the stated efficiency for the signal.",
    ]


def _sections(
    shown: _Shown, task: Task, cells: list[Cell], validated: Path | None
) -> list[Section]:
    """The answer, what pruning costs, and what a task force asks further."""
    asked = sections(validated, group=plain(task)) if validated else []
    return [*asked[:1], *_studied(shown, task, cells), *asked[1:]]


def _studied(shown: _Shown, task: Task, cells: list[Cell]) -> list[Section]:
    told = _figures(shown, task)
    figures = {name: one for name, one in told.items() if _is_there(one, shown.runs[task.name])}
    lost = [name for name in told if name not in figures]
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
        Section(
            title="Curves and trainings of one network",
            text=[f"Not drawn, for runs are missing: {', '.join(lost)}."] if lost else [],
            figures=rest,
            group=plain(task),
        ),
    ]


def _is_there(figure: Figure, some: Present) -> bool:
    """Of a study that is not finished, some may not have been drawn; of others all have to be."""
    return not some.missing or figure.png.is_file()


def _figures(shown: _Shown, task: Task) -> dict[str, Figure]:
    place = shown.made / "figures" / task.name
    return {
        name: Figure(png=place / f"{name}.png", caption=text, csv=place / f"{name}.csv")
        for name, text in captions(shown.study, task, some=shown.runs[task.name]).items()
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


def _sample(task: Task, shown: _Shown) -> Section:
    """Where the jets of a task come from, where they went, and their spectra."""
    sample = read_sample(shown.folder / "jets" / task.name / "train.h5")
    place = shown.made / "samples" / task.name
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


def _controls(shown: _Shown) -> Section:
    """Checks that the pruning is what it says."""
    runs = [run for some in shown.runs.values() for run in some.done]
    told = [read_json(shown.folder / "runs" / run.name / "run.json") for run in runs]
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


def _missing(shown: _Shown) -> list[Section]:
    """Points of the grid whose trainings are not all there; no section if there are none."""
    if shown.finished:
        return []
    done = Counter(_point(run) for some in shown.runs.values() for run in some.done)
    seeds: dict[tuple[str, str, str, float], list[str]] = {}
    for run in (run for some in shown.runs.values() for run in some.missing):
        seeds.setdefault(_point(run), []).append(str(run.seed))
    return [
        Section(
            title="What is missing",
            tables=[
                Table(
                    caption="Points of the study whose trainings are not all there",
                    columns=["task", "network", "strategy", "pruned / %", "there", "missing seeds"],
                    rows=[[*one, done[one], ", ".join(some)] for one, some in seeds.items()],
                )
            ],
        )
    ]


def _point(run: Run) -> tuple[str, str, str, float]:
    return run.task, run.label, run.strategy, round(100 * run.target, 1)


def _provenance(shown: _Shown) -> dict[str, str]:
    study = shown.study
    about = {task: description(shown.folder / "jets" / task / "train.h5") for task in shown.tasks}
    versions = provenance()["versions"]
    return {
        "study": study.study,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        **{f"jets of {task}": one.fingerprint for task, one in about.items()},
        "seeds": ", ".join(map(str, study.grid.seeds)),
        "configuration": study.model_dump_json(indent=1),
    }
