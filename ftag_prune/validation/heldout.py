"""The test jets of a folder of prepared jets: what every tagger is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import SampleError
from ftag_prune.flavours import Task, task_of
from ftag_prune.tensors import Description, description, told_by
from ftag_prune.tensors.meaning import prepared_file

__all__ = ["Array", "HeldOut", "held_out"]

Array: TypeAlias = npt.NDArray[np.float64]

# What figures are drawn against, beside the inputs; a sample may lack some.
_COLUMNS = ("pt", "eta", "mass")


class HeldOut(NamedTuple):
    """Jets that no training has seen.

    Attributes
    ----------
    folder, path : of the prepared jets, and the file of the test jets
    task : with the classes of the sample
    title : of the sample
    units : by column; a pure number has none
    references : classes that each tagger of the card has a score for, by its name
    event, label : (jets,)
    columns : (jets,) each, pt, eta and mass as far as the sample has them
    weight : (jets,), as in the training
    """

    folder: Path
    path: Path
    about: Description
    task: Task
    title: str
    units: Mapping[str, str]
    references: Mapping[str, tuple[str, ...]]
    event: npt.NDArray[Any]
    label: npt.NDArray[np.int64]
    columns: Mapping[str, Array]
    weight: Array

    @property
    def counts(self) -> dict[str, int]:
        """Test jets of each class."""
        return {
            name: int((self.label == index).sum()) for index, name in enumerate(self.task.classes)
        }

    def only(self, chosen: npt.NDArray[np.bool_]) -> HeldOut:
        """Some of the jets, by a mask (jets,)."""
        return self._replace(
            event=self.event[chosen],
            label=self.label[chosen],
            columns={name: values[chosen] for name, values in self.columns.items()},
            weight=self.weight[chosen],
        )


def held_out(folder: Path) -> HeldOut:
    """Test jets of a folder with ``train.h5``, ``val.h5`` and ``test.h5``.

    SampleError if it is none, or if a class of the sample has no test jet.
    """
    path = folder / "test.h5"
    about, told = description(path), told_by(path, "card", "units", "references")
    with prepared_file(path) as file:
        jets = file["jets"]
        kept = [name for name in _COLUMNS if name in jets.dtype.names]
        table = jets.fields(["event", "label", "weight", *kept])[:]
    found = HeldOut(
        folder=folder,
        path=path,
        about=about,
        task=task_of(about.task).among(about.classes),
        title=told.get("card", {}).get("title", about.task),
        units=told.get("units", {}),
        references={name: tuple(classes) for name, classes in told.get("references", {}).items()},
        event=table["event"],
        label=table["label"].astype(np.int64),
        columns={name: table[name].astype(np.float64) for name in kept},
        weight=table["weight"].astype(np.float64),
    )
    for name, number in found.counts.items():
        if number == 0:
            raise SampleError(
                f"{path}: has no jet of the class '{name}'; wanted some of each of "
                f"{', '.join(found.task.classes)}"
            )
    return found
