"""Whether all that an HDF5 file holds is in the file itself, and as large as it says.

A file may point to others by external links, external storage and virtual datasets: read on a
server, it would show what its author could not open. And it may promise more numbers than there
are, which would fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py

from ftag_prune.errors import SampleError
from ftag_prune.schema import Place

__all__ = ["require_inside"]

_LARGE = 1_000_000_000  # bytes; nothing smaller can do harm
_SMALLEST = 10_000  # times: gzip makes zeros 1,000 times smaller, others a few times more


def require_inside(path: Place, file: Any) -> None:
    """SampleError if the file points to others, or holds a dataset that cannot be in it."""
    size = file.id.get_filesize()
    for name, dataset in _datasets(path, file):
        if dataset.is_virtual or dataset.external:
            raise SampleError(
                f"{path}: dataset '{name}' lies in other files; wanted one that lies in this one"
            )
        nominal = (dataset.size or 0) * dataset.dtype.itemsize
        if nominal > max(_LARGE, _SMALLEST * size):
            raise SampleError(
                f"{path}: dataset '{name}' of shape {dataset.shape} would be {nominal:.1e} bytes, "
                f"the file has {size}"
            )


def _datasets(path: Place, file: Any) -> Iterator[tuple[str, Any]]:
    """Each dataset by its name; groups may stand inside themselves, and any number deep."""
    waiting, seen = [("", file)], {hash(file.id)}
    while waiting:
        above, group = waiting.pop()
        for name in group:
            link, here = group.get(name, getlink=True), f"{above}{name}"
            if isinstance(link, h5py.ExternalLink):
                raise SampleError(f"{path}: '{here}' is a link to another file, '{link.filename}'")
            if isinstance(link, h5py.SoftLink):
                continue  # what it names in this file is looked at where it stands
            found = group[name]
            if isinstance(found, h5py.Dataset):
                yield here, found
            elif isinstance(found, h5py.Group) and hash(found.id) not in seen:
                seen.add(hash(found.id))
                waiting.append((f"{here}/", found))
