"""A study: samples, grid, strategies; YAML to frozen objects, and the grid to named runs."""

from __future__ import annotations

from itertools import islice, product
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from ftag_prune.architecture import Architecture, Mlp
from ftag_prune.errors import nearest
from ftag_prune.flavours import TASKS
from ftag_prune.gates import Budget, Gate
from ftag_prune.pressure import Fixed, Pressure
from ftag_prune.rates import Rates, TwoRates
from ftag_prune.spec import Spec, load_yaml, validated

__all__ = [
    "Balance",
    "Chunk",
    "Generate",
    "Grid",
    "Resample",
    "Run",
    "Sample",
    "Shard",
    "Split",
    "Strategy",
    "Study",
    "Training",
    "Unbalanced",
    "Weights",
    "load_study",
]

Process = Literal["ttbar", "zprime", "hbb", "hcc", "qcd", "top"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]


# -- samples -------------------------------------------------------------------------------------


class Shard(NamedTuple):
    """One file of a generated sample, made by one process on one core."""

    name: str
    process: str
    jets: int
    first_event: int


class Generate(Spec):
    """The embedded sample: Pythia 8 and a parametrised tracker."""

    jets: int = Field(100_000, ge=100, description="accepted jets in all processes together")
    mix: dict[Process, Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="share of the jets of each process"
    )
    seed: int = Field(1, ge=0)
    multiple_interactions: bool = Field(
        default=False, description="on for the real thing: four times slower"
    )
    format: Literal["root", "hdf5"] = "root"
    shard_jets: int = Field(12_500, ge=100, description="jets in one file, about")

    def shards(self) -> tuple[Shard, ...]:
        """Files of the sample; no two of them share an event number."""
        total = sum(self.mix.values())
        shards: list[Shard] = []
        for process, share in self.mix.items():
            jets = max(1, round(self.jets * share / total))
            files = -(-jets // self.shard_jets)
            for index in range(files):
                part = jets // files + (index < jets % files)
                shards.append(Shard(f"{process}-{index}", process, part, len(shards) * 10**9))
        return tuple(shards)

    @property
    def suffix(self) -> str:
        """Ending of the files' names."""
        return {"root": ".root", "hdf5": ".h5"}[self.format]


class Split(Spec):
    """Events that go to training, validation and test, by their number.

    Either tenths (number modulo 10), or one of `folds` equal parts for the test, the next one for
    validation and the rest for training: `fold` 0 to `folds` - 1 together test every event once.
    """

    train: int = Field(6, ge=1)
    val: int = Field(1, ge=1)
    test: int = Field(3, ge=1)
    by: Literal["modulo", "hash"] = Field(
        "modulo", description="hash: mix the number's bits first, if its last digits are not even"
    )
    folds: int | None = Field(None, ge=3, le=1000, description="instead of train, val and test")
    fold: int = Field(0, ge=0, description="the part that is the test")

    @model_validator(mode="after")
    def _whole(self) -> Split:
        tenths = (self.train, self.val, self.test)
        if sum(tenths) != 10:
            raise ValueError(
                f"train, val and test are tenths of the events and add up to 10, not {sum(tenths)}"
            )
        if self.folds is None and self.fold:
            raise ValueError(f"fold {self.fold} is asked for, but not how many folds there are")
        if self.folds is not None and tenths != _TENTHS:
            raise ValueError("has both folds and train, val, test; give one or the other")
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}; they count from 0")
        return self

    @property
    def parts(self) -> tuple[int, ...]:
        """Split of each remainder of the number: 0 for training, 1 for validation, 2 for test."""
        if self.folds is None:
            return (0,) * self.train + (1,) * self.val + (2,) * self.test
        parts = [0] * self.folds
        parts[self.fold], parts[(self.fold + 1) % self.folds] = 2, 1
        return tuple(parts)

    def told(self) -> dict[str, Any]:
        """What was asked for, without what it replaces."""
        if self.folds is None:
            return self.model_dump(exclude={"folds", "fold"})
        return self.model_dump(exclude={"train", "val", "test"})


_TENTHS = tuple(Split.model_fields[name].default for name in ("train", "val", "test"))


Columns = Annotated[tuple[str, ...], Field(min_length=1, max_length=3)]


class Unbalanced(Spec):
    """The generator's weights as they are, with a mean of one over the training jets."""

    kind: Literal["none"] = "none"


class Weights(Spec):
    """Weights that give all classes the same spectrum, and each its share of the whole."""

    kind: Literal["weights"] = "weights"
    to: str | None = Field(None, description="class that has the spectrum; default the mean of all")
    columns: Columns | None = Field(None, description="1 to 3; default those of the task")


class Resample(Spec):
    """Training jets left out or copied, in proportion to their weights, to the same end.

    Every class keeps its number of jets, as far as `copies` allows. Validation and test keep their
    jets, and have the weights of `Weights`.
    """

    kind: Literal["resample"] = "resample"
    to: str | None = Field(None, description="class that has the spectrum; default the mean of all")
    columns: Columns | None = Field(
        None, description="1 to 3; default those of the task, and the mass of large-R jets"
    )
    copies: int = Field(5, ge=1, le=255, description="of one jet at most")
    seed: int = Field(1, ge=0)


Balance = Annotated[Unbalanced | Weights | Resample, Field(discriminator="kind")]


class Sample(Spec):
    """Jets of one task: the card that describes the files, how they are split and weighed."""

    card: Path
    generate: Generate | None = None
    split: Split = Split()
    balance: Balance = Weights()
    constituents: bool = Field(default=False, description="keep the tracks in the prepared files")


# -- training and pruning ------------------------------------------------------------------------


class Epochs(Spec):
    """Phases of a training: without gates, with gates, and after the freeze."""

    dense: int = Field(3, ge=0)
    gated: int = Field(6, ge=1)
    tuned: int = Field(3, ge=0)

    @property
    def total(self) -> int:
        """Epochs of the whole training; a dense reference gets as many."""
        return self.dense + self.gated + self.tuned


class Adam(Spec):
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101)."""

    kind: Literal["adam"] = "adam"
    weight_decay: float = Field(0.0, ge=0)


class Sgd(Spec):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)


class Training(Spec):
    """What a run and its dense reference share."""

    epochs: Epochs = Epochs()
    batch_size: int = Field(1024, ge=1)
    optimiser: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    memory_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="share of the memory of machine or job; larger files are read in chunks",
    )


class Strategy(Spec):
    """How nodes are switched off: the gate, the pressure on it, and the learning rates."""

    gate: Gate = Budget()
    pressure: Pressure = Fixed()
    rates: Rates = TwoRates()


class Run(Spec):
    """One training of the study; `keep` is the exact number of nodes left (None: dense)."""

    name: Name
    task: str
    label: Name = Field(description="name of the network, one line on a figure")
    network: Architecture
    strategy: Name
    gate: Gate
    pressure: Pressure
    rates: Rates
    training: Training
    keep: int | None
    seed: int

    @model_validator(mode="after")
    def _possible(self) -> Run:
        layers, nodes = len(self.network.nodes), sum(self.network.nodes)
        if self.keep is not None and not layers <= self.keep <= nodes:
            raise ValueError(
                f"run '{self.name}' asks to keep {self.keep} nodes; its network has {nodes} "
                f"and needs at least {layers}, one in each layer"
            )
        return self

    @property
    def target(self) -> float:
        """Wanted fraction of nodes switched off."""
        nodes = sum(self.network.nodes)
        return 0.0 if self.keep is None else 1 - self.keep / nodes


class Chunk(Spec):
    """Runs that one job trains, one after another."""

    name: Name
    runs: tuple[Run, ...] = Field(min_length=1)


class Grid(Spec):
    """Axes of the study: every combination is a run, beside one dense run a network and seed."""

    tasks: tuple[str, ...] = Field(min_length=1)
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="nodes in each hidden layer"
    )
    depth: int = Field(3, ge=1, description="hidden layers")
    targets: tuple[float, ...] = Field(
        default=(), description="fractions of nodes to prune, 0 for the dense reference"
    )
    keep: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="numbers of nodes to keep, beside or instead of targets"
    )
    strategies: tuple[Name, ...] = Field(default=("budget",), min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    runs_per_job: int = Field(8, ge=1, description="trainings that one job does in turn")

    @field_validator("tasks")
    @classmethod
    def _known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if task not in TASKS:
                raise ValueError(f"no task '{task}'{nearest(task, TASKS)}")
        return tasks

    @field_validator("targets")
    @classmethod
    def _fractions(cls, targets: tuple[float, ...]) -> tuple[float, ...]:
        for target in targets:
            if not 0 <= target < 1:
                raise ValueError(
                    f"a target is the fraction of nodes to prune, from 0 to below 1, not {target:g}"
                )
        return targets

    @field_validator("tasks", "widths", "targets", "keep", "strategies", "seeds")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ValueError(f"{value!r} stands twice")
        return values

    @model_validator(mode="after")
    def _something(self) -> Grid:
        if not self.targets and not self.keep:
            raise ValueError("needs targets (fractions to prune) or keep (numbers of nodes)")
        return self


class Figures(Spec):
    """What stands on every figure, and what the headline figures show."""

    label: str = Field("Simulation, Pythia 8", description="text at the top left")
    lines: tuple[str, ...] = Field(
        default=("√$s$ = 13.6 TeV",), description="further lines below it"
    )


class Study(Spec):
    """Everything that `workflow/config/*.yaml` can say."""

    study: Name
    results: Path = Path("results")
    samples: dict[str, Sample]
    grid: Grid
    strategies: dict[Name, Strategy] = Field(default={"budget": Strategy()}, min_length=1)
    training: Training = Training()
    figures: Figures = Figures()

    @model_validator(mode="after")
    def _fits(self) -> Study:
        for task in self.samples:
            if task not in TASKS:
                raise ValueError(f"samples: no task '{task}'{nearest(task, TASKS)}")
        for task in self.grid.tasks:
            if task not in self.samples:
                raise ValueError(
                    f"grid.tasks: '{task}' has no sample under samples{nearest(task, self.samples)}"
                )
        for name in self.grid.strategies:
            if name not in self.strategies:
                raise ValueError(
                    f"grid.strategies: no strategy '{name}'{nearest(name, self.strategies)}"
                )
        self.runs()
        return self

    @property
    def folder(self) -> Path:
        """Where this study's results go."""
        return self.results / self.study

    def runs(self) -> tuple[Run, ...]:
        """Points of the study, dense references first within each network."""
        grid = self.grid
        runs: dict[str, Run] = {}
        for task, width in product(grid.tasks, grid.widths):
            network = Mlp(hidden=(width,) * grid.depth)
            points: list[tuple[str, int | None]] = [("dense", None)] if 0 in grid.targets else []
            points += [*_kept(grid, network)]
            for (text, keep), strategy, seed in product(points, grid.strategies, grid.seeds):
                run = self._run(task, f"w{width}", network, text, keep, strategy, seed)
                runs.setdefault(run.name, run)
        return tuple(runs.values())

    def _run(
        self,
        task: str,
        label: str,
        network: Architecture,
        text: str,
        keep: int | None,
        strategy: str,
        seed: int,
    ) -> Run:
        # Dense references differ in nothing but their rates, so all strategies share the first's.
        chosen = strategy if keep is not None else self.grid.strategies[0]
        parts = [task, label, text] + ([strategy] if keep is not None else []) + [f"s{seed}"]
        spec = self.strategies[chosen]
        return Run(
            name="-".join(parts),
            task=task,
            label=label,
            network=network,
            strategy=chosen if keep is not None else "dense",
            gate=spec.gate,
            pressure=spec.pressure,
            rates=spec.rates,
            training=self.training,
            keep=keep,
            seed=seed,
        )

    def chunks(self) -> tuple[Chunk, ...]:
        """Runs in jobs of `grid.runs_per_job`, one task a job; the slowest networks start first."""
        chunks: list[Chunk] = []
        for task in self.grid.tasks:
            mine = [run for run in self.runs() if run.task == task]
            mine.sort(key=lambda run: -sum(run.network.nodes))
            rest = iter(mine)
            for index in range(-(-len(mine) // self.grid.runs_per_job)):
                part = tuple(islice(rest, self.grid.runs_per_job))
                chunks.append(Chunk(name=f"{task}-{index:03d}", runs=part))
        return tuple(chunks)


def _kept(grid: Grid, network: Architecture) -> list[tuple[str, int]]:
    nodes = sum(network.nodes)
    by_target = [
        (f"p{100 * target:g}", nodes - round(target * nodes)) for target in grid.targets if target
    ]
    return by_target + [(f"k{keep}", keep) for keep in grid.keep]


# -- reading -------------------------------------------------------------------------------------


def load_study(path: Path) -> Study:
    """Study of a YAML file; ConfigError with the YAML key of the first fault."""
    return validated(Study, load_yaml(path), where=str(path))
