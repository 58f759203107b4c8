"""Files in S3, which Arrow opens as if they were here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ftag_prune.errors import SampleError
from ftag_prune.schema import Place

__all__ = ["in_s3", "openable", "state"]

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")  # as Amazon's own tools have it
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_REGION = "us-east-1"  # servers of others take any


def in_s3(place: Place) -> bool:
    """Whether a file is in S3, and not copied from there."""
    return isinstance(place, str) and place.startswith("s3://")


@contextmanager
def openable(place: Place, *, endpoint: str | None) -> Iterator[Any]:
    """What uproot, h5py and pyarrow open: an open file for one in S3, else the place itself.

    Who asks is known by the environment (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``) or by
    ``~/.aws``. FileNotFoundError, or SampleError if the server does not answer as one should.
    """
    if not in_s3(place):
        yield place
        return
    system, path = _system(str(place), endpoint)
    try:
        file = system.open_input_file(path)
    except FileNotFoundError:
        raise
    except OSError as bad:
        raise SampleError(f"{place}: cannot be read from S3 ({_reason(bad)})") from None
    with file:
        yield file


def state(place: str, *, endpoint: str | None) -> dict[str, Any]:
    """Size in bytes of a file in S3, and when it was written, in ns since 1970."""
    system, path = _system(place, endpoint)
    try:
        found = system.get_file_info(path)
    except OSError as bad:
        raise SampleError(f"{place}: cannot be read from S3 ({_reason(bad)})") from None
    if not found.is_file:
        raise SampleError(f"{place}: no such file")
    return {"size": found.size, "modified": found.mtime_ns}


def _system(place: str, endpoint: str | None) -> tuple[Any, str]:
    """The file system of a URL, and the path in there."""
    try:
        from pyarrow.fs import S3FileSystem, resolve_s3_region
    except ImportError:
        raise SampleError(f"{place}: S3 needs ftag_prune[s3] (pyarrow)") from None

    parts = urlsplit(place)
    server = endpoint or _said(_ENDPOINTS)
    region = _said(_REGIONS)
    try:
        if server is None and region is None:
            region = resolve_s3_region(parts.netloc)
        system = S3FileSystem(endpoint_override=server, region=region or _REGION)
    except (OSError, ValueError) as bad:
        raise SampleError(f"{place}: cannot be read from S3 ({_reason(bad)})") from None
    return system, parts.netloc + parts.path


def _said(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _reason(bad: Exception) -> str:
    """The end of a long text says most."""
    return " ".join(str(bad).split())[-150:]
