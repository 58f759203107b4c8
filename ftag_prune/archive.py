"""A study's folder as one file without its data, and that file opened again somewhere else.

The archive is a zip file with ``manifest.json``, which names all others with their sizes and
checksums. The same folder makes the same bytes. An archive may come from anybody: nothing in it is
believed before the manifest, the names and the sizes have been looked at, and a folder appears
whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, NoReturn

from pydantic import Field

from ftag_prune import __version__
from ftag_prune.claim import CLAIM
from ftag_prune.errors import ConfigError, FtagPruneError, shortened
from ftag_prune.record import atomic, atomic_folder, checksum, parse_json
from ftag_prune.spec import Spec, validated

__all__ = ["LARGEST", "Packed", "archive", "unpack"]

LARGEST = 4_000_000_000  # bytes of all files of an archive that is opened
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 50_000_000
_MOST = 200_000  # files
_LONGEST = 200  # bytes of one name: file systems take 255, and temporary names are longer
_BLOCK = 2**20

# What is looked at, published or loaded again; events and jets are none of it.
_SUFFIXES = frozenset(
    {
        *(".json", ".yaml", ".yml", ".csv", ".tex", ".txt", ".md", ".rst"),
        *(".html", ".pdf", ".png", ".svg", ".pt", ".onnx"),
        *(".cpp", ".h", ".tcl", ".sh", ".dat"),  # of firmware
    }
)
# In the folder of a run while it is trained: who does it, and all generations of checkpoints.
_UNFINISHED = (CLAIM, "checkpoint.*")
_DATA = frozenset({"generated", "jets", "logs"})
_KEPT_OF_DATA = "provenance.json"

# As zip counts: no date, no owner, a plain file that everybody may read.
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o644) << 16
_UNIX = 3
_ENCRYPTED = 0x1


class Packed(NamedTuple):
    """Files in an archive, and their bytes together before they were compressed."""

    files: int
    size: int


class _File(Spec):
    """What the manifest says of a file."""

    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Manifest(Spec):
    """All files of an archive."""

    layout: int = Field(1, ge=1, le=1)
    study: str | None = Field(None, max_length=200)
    version: str = Field(max_length=60)
    files: dict[str, _File]


# -- packing --------------------------------------------------------------------------------------


def archive(results: Path, out: Path) -> Packed:
    """Pack specs, models, tables, figures, report and validation of a study's folder.

    Data, scores of single jets, checkpoints and logs stay behind.

    Parameters
    ----------
    out : ends in ``.zip``; outside of the folder

    Raises
    ------
    FtagPruneError
        Not a folder of results, or a name that could not be unpacked on every system.
    """
    if out.suffix != ".zip":
        raise ConfigError(f"{out}: wanted a name that ends in .zip")
    if not results.is_dir():
        raise FtagPruneError(f"{results}: no such folder")
    if results.resolve() in out.resolve().parents:
        raise ConfigError(f"{out}: would lie in the folder that is packed; name another place")
    paths = {path.relative_to(results).as_posix(): path for path in _chosen(results)}
    if not any(name == "study.json" or name.endswith("run.json") for name in paths):
        raise FtagPruneError(f"{results}: wanted the results of a study, found no run and no study")
    _require_plain(results, paths)
    about = _Manifest(
        study=results.resolve().name,
        version=__version__,
        files={
            name: _File(size=path.stat().st_size, sha256=checksum(path))
            for name, path in sorted(paths.items())
        },
    )
    with atomic(out) as temporary, zipfile.ZipFile(temporary, "w") as file:
        _add(file, _MANIFEST, about.model_dump_json(indent=1).encode())
        for name, known in about.files.items():
            content = paths[name].read_bytes()
            if hashlib.sha256(content).hexdigest() != known.sha256:
                raise FtagPruneError(f"{paths[name]}: changes while it is packed; try again")
            _add(file, name, content)
    return Packed(len(about.files), sum(one.size for one in about.files.values()))


def _chosen(results: Path) -> Iterator[Path]:
    """Files to pack; a link is none, for it may lead anywhere."""
    for path in results.rglob("*"):
        parts = path.relative_to(results).parts
        if any(part.startswith(".") for part in parts) or path.is_symlink() or not path.is_file():
            continue
        if parts[0] in _DATA and path.name != _KEPT_OF_DATA:
            continue
        if path.suffix in _SUFFIXES and not any(map(path.match, _UNFINISHED)):
            yield path


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    about = zipfile.ZipInfo(name, _DATE)
    about.compress_type, about.external_attr, about.create_system = (
        zipfile.ZIP_DEFLATED,
        _MODE,
        _UNIX,
    )
    file.writestr(about, content, compresslevel=6)


# -- unpacking ------------------------------------------------------------------------------------


def unpack(path: Path, out: Path, *, largest: int = LARGEST) -> Packed:
    """Open an archive in a new or empty folder, whole or not at all, every file checked.

    Parameters
    ----------
    largest : bytes that its files may have together

    Raises
    ------
    FtagPruneError
        Not an archive of ours, damaged, too large, or with a file that would leave the folder.
    """
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise FtagPruneError(f"{out}: wanted a new or empty folder")
    with _opened(path) as file:
        entries = {one.filename: one for one in file.infolist()}
        about = _checked(path, file.infolist(), _manifest(path, file), largest=largest)
        with atomic_folder(out) as whole:
            whole.mkdir()
            for name, known in about.files.items():
                _extract(path, file, entries[name], whole / name, known)
    return Packed(len(about.files), sum(one.size for one in about.files.values()))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file; one sentence for a broken one, and for what breaks inside the block."""
    try:
        with zipfile.ZipFile(path) as file:
            yield file
    except FileNotFoundError as lost:
        raise FtagPruneError(f"{lost.filename or path}: no such file") from None
    except OSError as bad:  # a place before the begin of the file
        if bad.errno != errno.EINVAL:
            raise
        raise FtagPruneError(f"{path}: a damaged archive (it names a place outside)") from None
    # What the reader of zip files says to damage of all kinds.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        LookupError,
        NotImplementedError,
        RecursionError,
        RuntimeError,
        ValueError,
    ) as broken:
        said = shortened(str(broken), 200) or type(broken).__name__
        raise FtagPruneError(f"{path}: a damaged archive ({said})") from None


def _manifest(path: Path, file: zipfile.ZipFile) -> _Manifest:
    if _MANIFEST not in file.namelist():
        raise FtagPruneError(f"{path}: not an archive of ours; it has no {_MANIFEST}")
    about = file.getinfo(_MANIFEST)
    _require_ordinary(path, about)
    with file.open(about) as stream:
        found = stream.read(_LARGEST_MANIFEST + 1)
    if len(found) > _LARGEST_MANIFEST:
        raise FtagPruneError(f"{path}: its {_MANIFEST} is larger than {_LARGEST_MANIFEST:,} bytes")
    content = parse_json(found)
    if not isinstance(content, dict):
        raise FtagPruneError(f"{path}: its {_MANIFEST} is no mapping")
    return validated(_Manifest, content, where=f"{path}, {_MANIFEST}")


def _checked(
    path: Path, entries: list[zipfile.ZipInfo], about: _Manifest, *, largest: int
) -> _Manifest:
    """The manifest, once nothing is wrong with any name, kind or size."""
    if len(entries) > _MOST:
        raise FtagPruneError(f"{path}: holds {len(entries):,} files, more than {_MOST:,}")
    for entry in entries:
        _require_ordinary(path, entry)
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FtagPruneError(f"{path}: holds {twice!r} twice")
    odd = sorted(set(names) ^ {_MANIFEST, *about.files})
    if odd or _MANIFEST in about.files:
        raise FtagPruneError(f"{path}: files and {_MANIFEST} disagree about {(odd or names)[0]!r}")
    _require_plain(path, names)
    total = sum(one.size for one in about.files.values())
    if total > largest:
        raise FtagPruneError(f"{path}: would be {total:,} bytes, more than {largest:,}")
    return about


def _require_ordinary(path: Path, entry: zipfile.ZipInfo) -> None:
    """A plain file in a plain compression."""
    mode = entry.external_attr >> 16
    if entry.is_dir() or (stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
        raise FtagPruneError(f"{path}: {entry.filename!r} is a folder, link or device, not a file")
    if entry.flag_bits & _ENCRYPTED:
        raise FtagPruneError(f"{path}: {entry.filename!r} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FtagPruneError(f"{path}: {entry.filename!r} is compressed in an unusual way")


def _extract(
    path: Path, file: zipfile.ZipFile, entry: zipfile.ZipInfo, to: Path, known: _File
) -> None:
    """Write one file; it is never longer than the manifest says, whatever it unpacks to."""
    to.parent.mkdir(parents=True, exist_ok=True)
    summed, left = hashlib.sha256(), known.size
    with file.open(entry) as stream, to.open("xb") as written:
        while block := stream.read(min(_BLOCK, left + 1)):
            left -= len(block)
            if left < 0:
                _refuse_other(path, entry.filename)
            summed.update(block)
            written.write(block)
    if left or summed.hexdigest() != known.sha256:
        _refuse_other(path, entry.filename)


def _refuse_other(path: Path, name: str) -> NoReturn:
    raise FtagPruneError(f"{path}: {name!r} is not the file that {_MANIFEST} tells of")


# -- names ----------------------------------------------------------------------------------------

_ODD = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def _require_plain(where: Path, names: Iterable[str] | Mapping[str, Any]) -> None:
    """Names that stay in their folder and apart from each other, on every file system."""
    seen: dict[str, str] = {}
    for name in names:
        fault = _fault(name)
        if fault:
            raise FtagPruneError(f"{where}: {name!r} {fault}")
        for place in (name, *map(str, list(PurePosixPath(name).parents)[:-1])):
            other = seen.setdefault(_folded(place), place)
            if other != place:
                raise FtagPruneError(f"{where}: {place!r} and {other!r} are one name on some disks")
    files = {_folded(name) for name in names}
    for name in names:
        if any(_folded(str(one)) in files for one in PurePosixPath(name).parents):
            raise FtagPruneError(f"{where}: {name!r} stands in a file, not in a folder")


def _folded(name: str) -> str:
    """What is left of a name where case and ways to write an accent do not count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _fault(name: str) -> str | None:
    """What is wrong with a name by itself."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "leaves its folder"
    if _ODD.search(name) or not name.isprintable():
        return "holds a sign that not every system has in names"
    if any(part[-1] in ". " or part[0] in "~ -" or _DEVICE.fullmatch(part) for part in parts):
        return "has another meaning on some systems"
    if any(len(part.encode("utf-8", "surrogatepass")) > _LONGEST for part in parts):
        return f"is longer than {_LONGEST} bytes"
    return None
