"""A study: samples, grid, strategies; YAML to frozen objects, and the grid to named runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, product
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, model_validator

from ftag_prune.architecture import Architecture, TwoStep
from ftag_prune.config.duration import seconds_of
from ftag_prune.config.figures import Figures
from ftag_prune.config.grid import Grid
from ftag_prune.config.names import Name, PlainPath
from ftag_prune.config.run import Chunk, Run
from ftag_prune.config.sample import Sample
from ftag_prune.config.strategy import Dense, Gated, Scratch, Strategy
from ftag_prune.config.training import Training
from ftag_prune.config.validation import Validation
from ftag_prune.errors import ConfigError, nearest
from ftag_prune.flavours import TASKS
from ftag_prune.goal import Goal
from ftag_prune.spec import Spec, load_yaml, validated

__all__ = ["Study", "load_study"]


class Study(Spec):
    """Everything that `workflow/config/*.yaml` can say."""

    study: Name
    results: PlainPath = Path("results")
    samples: dict[str, Sample]
    grid: Grid
    more: tuple[Grid, ...] = Field((), description="further grids")
    strategies: dict[Name, Strategy] = Field(default={"budget": Gated()}, min_length=1)
    training: Training = Training()
    figures: Figures = Figures()
    validation: Validation | None = Field(
        Validation(), description="how small a tagger can be; null to leave that out"
    )

    @model_validator(mode="after")
    def _fits(self) -> Study:
        for task in self.samples:
            if task not in TASKS:
                raise ValueError(f"samples: no task '{task}'{nearest(task, TASKS)}")
        if "dense" in self.strategies:
            raise ValueError("strategies.dense: this is the name of the reference; choose another")
        for key, grid in zip(_keys(len(self.more)), self.grids, strict=True):
            self._fits_grid(key, grid)
        return self

    @model_validator(mode="after")
    def _sees(self) -> Study:
        """Every run is possible: its network has the tracks, jet inputs and first step it needs."""
        runs = self.runs()
        names = {run.name for run in runs}
        for run in runs:
            if run.network.needs_tracks and not self.samples[run.task].constituents:
                raise ValueError(
                    f"samples.{run.task}.constituents: network '{run.label}' sees the tracks of a "
                    "jet; wanted true"
                )
            if run.first is not None and run.first not in names:
                raise ValueError(
                    f"networks.{run.label}.first: this study has no run '{run.first}'"
                    f"{nearest(run.first, names)}"
                )
            if run.how.goal.inputs and not run.network.selects_inputs:
                raise ValueError(
                    f"strategies.{run.strategy}.goal.inputs: network '{run.label}' of kind "
                    f"'{run.network.kind}' has no inputs to switch off"
                )
        return self

    @model_validator(mode="after")
    def _reckons(self) -> Study:
        """The number of jets is known where the length of a job is asked for."""
        for task in self.tasks if self.grid.minutes_per_job is not None else ():
            if self._training_jets(task) is None:
                raise ValueError(
                    f"grid.minutes_per_job: the jets of '{task}' are not generated; give "
                    "grid.training_jets, the number of those that it is trained on"
                )
        return self

    def _fits_grid(self, key: str, grid: Grid) -> None:
        for task in grid.tasks:
            if task not in self.samples:
                raise ValueError(
                    f"{key}.tasks: '{task}' has no sample under samples"
                    f"{nearest(task, self.samples)}"
                )
        for name in grid.strategies:
            if name not in self.strategies:
                raise ValueError(
                    f"{key}.strategies: no strategy '{name}'{nearest(name, self.strategies)}"
                )
            chosen = self.strategies[name]
            if isinstance(chosen, Dense):
                raise ValueError(
                    f"strategies.{name}: dense is no strategy; the target 0 in {key}.targets is"
                )
            if grid.keep and not chosen.goal.countable:
                raise ValueError(
                    f"{key}.keep counts nodes, the strategy '{name}' {_counted(chosen.goal)}; give "
                    "targets, and keep in a grid of its own"
                )
            like = chosen.like if isinstance(chosen, Scratch) else None
            others = [one for one in grid.strategies if one != name]
            if like is not None and like not in others:
                raise ValueError(
                    f"strategies.{name}.like: no other strategy '{like}' in {key}"
                    f"{nearest(like, others)}"
                )

    @property
    def grids(self) -> tuple[Grid, ...]:
        """The grid, and all further ones."""
        return (self.grid, *self.more)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of all grids."""
        return tuple(dict.fromkeys(task for grid in self.grids for task in grid.tasks))

    @property
    def folder(self) -> Path:
        """Where this study's results go."""
        return self.results / self.study

    def runs(self) -> tuple[Run, ...]:
        """Points of the study, dense references first within each network."""
        runs: dict[str, Run] = {}
        for grid in self.grids:
            self._add(runs, grid)
        return tuple(runs.values())

    def runs_of(self, task: str) -> tuple[Run, ...]:
        """Points of one task; ConfigError if there are none."""
        found = tuple(run for run in self.runs() if run.task == task)
        if not found:
            raise ConfigError(
                f"study '{self.study}' has no run of the task '{task}'{nearest(task, self.tasks)}"
            )
        return found

    def _add(self, runs: dict[str, Run], grid: Grid) -> None:
        """Add the points of a grid that are not there yet."""
        for task, (label, network) in product(grid.tasks, grid.labelled.items()):
            point = _Place(task, label, network)
            if 0 in grid.targets:
                for seed in grid.seeds:
                    run = self._run(grid, point, _Asked("dense", 0.0, None), "dense", seed)
                    runs.setdefault(run.name, run)
            for name in grid.strategies:
                for asked, seed in product(_asked(grid, self._how(name).goal, network), grid.seeds):
                    run = self._run(grid, point, asked, name, seed)
                    runs.setdefault(run.name, run)

    def _how(self, strategy: str) -> Strategy:
        """A strategy by its name; dense references have the rates of the first."""
        if strategy == "dense":
            return Dense(rates=self.strategies[self.grid.strategies[0]].rates)
        return self.strategies[strategy]

    def _run(self, grid: Grid, place: _Place, asked: _Asked, strategy: str, seed: int) -> Run:
        how = self._how(strategy)
        changed = {"optimiser": how.optimiser, "epochs": how.epochs}
        training = self.training.model_copy(
            update={name: one for name, one in changed.items() if one is not None}
        )
        like = how.like if isinstance(how, Scratch) else None
        one = isinstance(how, Gated) and how.one_training
        stops = tuple(target for target in grid.targets if target) if one else ()
        return Run(
            name=_name(place, asked, strategy, seed),
            task=place.task,
            label=place.label,
            network=place.network,
            strategy=strategy,
            how=how,
            training=training,
            target=asked.target,
            keep=asked.keep,
            seed=seed,
            like=None if like is None else _name(place, asked, like, seed),
            first=_first(place.network, seed),
            stops=stops if asked.target in stops else (),
        )

    def chunks(self) -> tuple[Chunk, ...]:
        """Runs in jobs of `grid.runs_per_job`, one task a job; the slowest networks start first.

        With `grid.minutes_per_job` a job has as many as last about that long, see `duration`. Runs
        that share a training are in one job; runs that wait for others come in jobs of their
        own, after those.
        """
        chunks: list[Chunk] = []
        runs = self.runs()
        turns = _turns(runs)
        for task, turn in product(self.tasks, range(max(turns.values()) + 1)):
            mine = [run for run in runs if run.task == task and turns[run.name] == turn]
            mine.sort(key=lambda run: -run.nodes)
            first = sum(chunk.runs[0].task == task for chunk in chunks)
            for index, part in enumerate(self._jobs(task, mine), start=first):
                name, seconds = f"{task}-{index:03d}", self.grid.checkpoint_seconds
                chunks.append(Chunk(name=name, runs=tuple(part), checkpoint_seconds=seconds))
        return tuple(chunks)

    def _jobs(self, task: str, runs: Sequence[Run]) -> Iterator[list[Run]]:
        """Runs of a task in jobs."""
        minutes, jets = self.grid.minutes_per_job, self._training_jets(task)
        if minutes is None or jets is None:
            return _jobs(runs, lambda _run: 1.0, most=self.grid.runs_per_job)
        return _jobs(runs, lambda run: seconds_of(run, jets), most=60 * minutes)

    def _training_jets(self, task: str) -> int | None:
        sample = self.samples[task]
        if sample.generate is None:
            return self.grid.training_jets
        parts = sample.split.parts
        return round(sample.generate.jets * parts.count(0) / len(parts))


def _counted(goal: Goal) -> str:
    return "counts input features too" if goal.unit == "nodes" else f"counts {goal.unit}"


def _keys(more: int) -> list[str]:
    """YAML keys of the grids."""
    return ["grid", *(f"more.{index}" for index in range(more))]


class _Place(NamedTuple):
    """A network for a task."""

    task: str
    label: str
    network: Architecture


class _Asked(NamedTuple):
    """How much shall be pruned: in the run's name, as a fraction, and in nodes where known."""

    text: str
    target: float
    keep: int | None


def _name(place: _Place, asked: _Asked, strategy: str, seed: int) -> str:
    parts = [place.task, place.label, asked.text]
    return "-".join([*parts, *([] if strategy == "dense" else [strategy]), f"s{seed}"])


def _first(network: Architecture, seed: int) -> str | None:
    """Name of the run whose tagger is the first of two steps."""
    if not isinstance(network, TwoStep):
        return None
    step = network.first
    asked = _Asked(_percent(step.target) if step.target else "dense", step.target, None)
    return _name(_Place(step.task, step.network, network), asked, step.strategy or "dense", seed)


def _percent(target: float) -> str:
    return f"p{100 * target:g}"


def _turns(runs: Sequence[Run]) -> dict[str, int]:
    """How many others have to be finished one after another before a run, by its name."""
    known = {run.name: run for run in runs}

    def turn(run: Run) -> int:
        return max((turn(known[name]) + 1 for name in run.before), default=0)

    return {run.name: turn(run) for run in runs}


def _asked(grid: Grid, goal: Goal, network: Architecture) -> list[_Asked]:
    """Points of one strategy; numbers of nodes are known if no inputs are among them."""
    layers = network.nodes if goal.layers is None else goal.layers
    nodes = sum(network.nodes.get(name, 0) for name in layers)
    known = goal.countable
    found = [
        _Asked(_percent(target), target, nodes - round(target * nodes) if known else None)
        for target in grid.targets
        if target
    ]
    if known:
        found += [_Asked(f"k{keep}", _fraction(keep, nodes), keep) for keep in grid.keep]
    return found


def _fraction(keep: int, nodes: int) -> float:
    """Pruned fraction; one node less than all where all are kept, for 0 is the dense run."""
    return min(max(1 - keep / nodes, 1e-9), 1 - 1e-9)


def _jobs(runs: Sequence[Run], cost: Callable[[Run], float], *, most: float) -> Iterator[list[Run]]:
    """Runs in their order in jobs that cost `most`; those of one training stay together."""
    job: list[Run] = []
    total = 0.0
    for _, group in groupby(sorted(runs, key=_trunk_order(runs)), key=lambda run: run.trunk):
        together = list(group)
        its = sum(map(cost, together))
        if job and total + its > most:
            yield job
            job, total = [], 0.0
        job, total = job + together, total + its
    if job:
        yield job


def _trunk_order(runs: Sequence[Run]) -> Callable[[Run], int]:
    """Key that brings runs of one training together, where the first of them stands."""
    first: dict[str, int] = {}
    for index, run in enumerate(runs):
        first.setdefault(run.trunk, index)
    return lambda run: first[run.trunk]


def load_study(path: Path) -> Study:
    """Study of a YAML file; ConfigError with the YAML key of the first fault."""
    return validated(Study, load_yaml(path), where=str(path))
