"""A file of whatever kind, by its first bytes and not by its name."""

from __future__ import annotations

from pathlib import Path

from ftag_prune.errors import SampleError
from ftag_prune.inspection.contents import Contents

__all__ = ["JETS", "inspect"]

JETS = 5000  # enough for a range and a share; a second's work

_HDF5 = b"\x89HDF\r\n\x1a\n"
_FARTHEST = 4096  # bytes a user may put before the HDF5 content: 512, 1024, ...


def inspect(path: Path, *, tree: str | None = None, jets: int = JETS) -> Contents:
    """Pieces of a ROOT or HDF5 file, and the columns of one in its first entries.

    Parameters
    ----------
    tree : name of the tree, ntuple or dataset; the largest if not given
    jets : entries that are read at most, 1 or more

    Raises
    ------
    SampleError
        In one sentence, if the file is missing, empty, broken or of another kind.
    """
    if jets < 1:
        raise SampleError(f"{path}: wanted 1 or more jets to read, found {jets}")
    if _is_root(path):
        from ftag_prune.inspection import root  # here: uproot takes a second, h5py does without

        return root.inspect(path, tree=tree, jets=jets)
    from ftag_prune.inspection import hdf5

    return hdf5.inspect(path, tree=tree, jets=jets)


def _is_root(path: Path) -> bool:
    """Whether it is ROOT and not HDF5; SampleError if it is neither."""
    if not path.exists():
        raise SampleError(f"{path}: no such file")
    if not path.is_file():
        raise SampleError(f"{path}: is not a file")
    with path.open("rb") as file:
        start = file.read(_FARTHEST + len(_HDF5))
    if not start:
        raise SampleError(f"{path}: is empty, 0 bytes")
    if start.startswith(b"root"):
        return True
    if any(start[at:].startswith(_HDF5) for at in (0, 512, 1024, 2048, 4096)):
        return False
    raise SampleError(f"{path}: is neither ROOT nor HDF5, it starts with {start[:8]!r}")
