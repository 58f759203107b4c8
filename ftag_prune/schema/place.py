"""Where a file lies: here, on a server, or on a server with a copy here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from ftag_prune.errors import SampleError

__all__ = ["Fetched", "Place", "copied", "copy_name", "is_url", "secret", "unfetchable"]

_SCHEMES = ("root", "s3")  # that the workflow can copy from
_LONGEST = 80  # characters of a file's own name in that of its copy


@dataclass(frozen=True)
class Fetched:
    """A copy of a file on a server: it is opened as a path, and called by its URL."""

    url: str
    copy: Path

    def __fspath__(self) -> str:
        return str(self.copy)

    def __str__(self) -> str:
        return self.url


Place: TypeAlias = Path | str | Fetched  # text is a URL


def is_url(text: str) -> bool:
    """Whether a text names a file on a server."""
    return "://" in text


def copy_name(url: str, *, endpoint: str | None) -> str:
    """Name of a copy: that of the file, and a digest, for two servers may have it.

    Parameters
    ----------
    endpoint : server of s3:// files; None for Amazon's
    """
    name = re.sub(r"[^\w.-]", "_", Path(urlsplit(url).path).name, flags=re.ASCII)
    there = f"{endpoint} {url}" if endpoint and url.startswith("s3://") else url
    return f"{hashlib.sha256(there.encode()).hexdigest()[:12]}-{name[-_LONGEST:]}"


def copied(places: Iterable[Place], folder: Path, *, endpoint: str | None) -> list[Place]:
    """The same, with copies in a folder instead of files on servers; SampleError if one is not."""
    return [_copy(one, folder, endpoint) if isinstance(one, str) else one for one in places]


def _copy(url: str, folder: Path, endpoint: str | None) -> Fetched:
    found = Fetched(url, folder / copy_name(url, endpoint=endpoint))
    if not found.copy.is_file():
        raise SampleError(f"{url}: wanted its copy, found no file {found.copy}")
    return found


def unfetchable(url: str) -> str | None:
    """Why the workflow cannot copy a file on a server; None if it can."""
    if url.partition("://")[0] not in _SCHEMES:
        known = " and ".join(f"{one}://" for one in _SCHEMES)
        return f"is not fetched, only {known}; leave fetch out, or copy it"
    if set("{}") & set(url):
        return "has a brace, which Snakemake takes for a wildcard; give the file another name"
    if ".." in url.split("/"):
        return "has a part '..'; write where the file is"
    return None


def secret(url: str) -> bool:
    """Whether a URL holds a password, or is signed."""
    try:
        parts = urlsplit(url)
        signed = re.search(r"(?i)(signature|token|authz|secret|password)=", parts.query)
        return parts.password is not None or signed is not None
    except ValueError:  # it is no URL at all, and whoever opens it says so
        return False
