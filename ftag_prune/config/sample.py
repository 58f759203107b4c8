"""Jets of a study: where they come from, how they are split and weighed."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from ftag_prune.config.names import PlainPath
from ftag_prune.spec import Spec

__all__ = ["Balance", "Generate", "Resample", "Sample", "Shard", "Split", "Unbalanced", "Weights"]

Process = Literal["ttbar", "zprime", "hbb", "hcc", "qcd", "top"]


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

    card: PlainPath
    generate: Generate | None = None
    split: Split = Split()
    balance: Balance = Weights()
    constituents: bool = Field(default=False, description="keep the tracks in the prepared files")
