"""What is asked of a ROOT TTree and of an RNTuple, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from ftag_prune.errors import SampleError, nearest
from ftag_prune.schema import Place

__all__ = ["Tree", "opened"]


class Tree(Protocol):
    """Named branches of equal length."""

    size: int
    names: Collection[str]

    def lengths(self, wanted: Collection[str]) -> Mapping[str, int]:
        """Entries of branches; other than `size` only in a damaged file."""

    def memory(self, wanted: Collection[str]) -> float:
        """Uncompressed bytes of an entry; `size` must not be 0."""

    def pieces(
        self, wanted: Collection[str], *, size: int, start: int, stop: int | None
    ) -> Iterator[dict[str, Any]]:
        """Awkward arrays of consecutive entries, `size` or fewer of them, by branch."""


class _TTree:
    """A TTree; branches inside others are known by their own names."""

    def __init__(self, tree: Any) -> None:
        self._tree, self.size = tree, int(tree.num_entries)
        self._branches = {branch.name: branch for branch in tree.itervalues(recursive=True)}
        self.names: Collection[str] = self._branches.keys()

    def lengths(self, wanted: Collection[str]) -> Mapping[str, int]:
        return {name: int(self._branches[name].num_entries) for name in wanted}

    def memory(self, wanted: Collection[str]) -> float:
        return float(sum(self._branches[name].uncompressed_bytes for name in wanted)) / self.size

    def pieces(
        self, wanted: Collection[str], *, size: int, start: int, stop: int | None
    ) -> Iterator[dict[str, Any]]:
        for piece in self._tree.iterate(
            filter_branch=lambda branch: branch.name in wanted,
            step_size=size,
            how=dict,
            entry_start=start,
            entry_stop=stop,
        ):
            yield {name.rpartition("/")[2]: array for name, array in piece.items()}


class _RNTuple:
    """An RNTuple; fields inside others are known by their paths, ``track.d0``."""

    def __init__(self, tree: Any) -> None:
        self._tree, self.size = tree, int(tree.num_entries)
        self.names: Collection[str] = {field.path for field in tree.itervalues(recursive=True)}

    def lengths(self, wanted: Collection[str]) -> Mapping[str, int]:
        return dict.fromkeys(wanted, self.size)

    def memory(self, wanted: Collection[str]) -> float:
        plenty = 10**12
        return plenty / int(self._tree.num_entries_for(plenty, filter_field=_among(wanted)))

    def pieces(
        self, wanted: Collection[str], *, size: int, start: int, stop: int | None
    ) -> Iterator[dict[str, Any]]:
        for piece in self._tree.iterate(
            filter_field=_among(wanted),
            step_size=size,
            how=dict,
            entry_start=start,
            entry_stop=stop,
        ):
            yield {path: _inside(piece, path) for path in wanted}


def _among(wanted: Collection[str]) -> Callable[[Any], bool]:
    return lambda field: field.path in wanted


def _inside(piece: Mapping[str, Any], path: str) -> Any:
    """Array of a field, which may be inside another."""
    if path in piece:
        return piece[path]
    outer, *within = path.split(".")
    array = piece[outer]
    for name in within:
        array = array[name]
    return array


_KINDS: Mapping[str, Callable[[Any], Tree]] = {"TTree": _TTree, "ROOT::RNTuple": _RNTuple}


def opened(path: Place, name: str, file: Any) -> Tree:
    """Tree of a file that uproot has opened; SampleError if there is none of this name."""
    kinds = file.classnames(cycle=False)
    trees = [one for one, kind in kinds.items() if kind in _KINDS]
    if name not in kinds:
        raise SampleError(f"{path}: no tree '{name}'{nearest(name, trees)}")
    if name not in trees:
        raise SampleError(
            f"{path}: '{name}' is a {kinds[name]}, not a TTree or RNTuple{nearest(name, trees)}"
        )
    return _KINDS[kinds[name]](file[name])
