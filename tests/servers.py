"""Servers on this machine, for tests: XRootD, if Debian's is installed, and S3 by moto."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["KEYS", "S3", "XRootD", "needs_plugins", "s3", "with_plugins", "xrootd"]

FOLDER = Path(sys.prefix) / "storage"  # as .ci/run installs Snakemake's plugins and moto
NAMES = ("snakemake_storage_plugin_s3", "snakemake_storage_plugin_xrootd", "moto")
ABSENT = [
    name
    for name in NAMES
    if importlib.util.find_spec(name) is None and not (FOLDER / name).is_dir()
]
KEYS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "anything"}

needs_plugins = pytest.mark.skipif(bool(ABSENT), reason=f"no {', '.join(ABSENT)} (see .ci/run)")


def with_plugins() -> dict[str, str]:
    """The environment of a process that finds the plugins and has keys for S3."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(FOLDER)]))
    return os.environ | KEYS | {"PYTHONPATH": path, "AWS_EC2_METADATA_DISABLED": "true"}


class XRootD(NamedTuple):
    """A server: the folder that it exports, and the URL of that folder."""

    exported: Path
    url: str

    def put(self, name: str, content: bytes) -> str:
        """URL of a new file."""
        path = self.exported / name
        path.write_bytes(content)
        path.chmod(0o644)
        return f"{self.url}/{name}"


class S3(NamedTuple):
    """A server with one bucket: its address, and the log of what it was asked."""

    endpoint: str
    log: Path
    bucket: str = "data"

    def put(self, name: str, content: bytes) -> str:
        """URL of a new file."""
        with self._system().open_output_stream(f"{self.bucket}/{name}") as stream:
            stream.write(content)
        return f"s3://{self.bucket}/{name}"

    def remove(self, name: str) -> None:
        """Take a file away."""
        self._system().delete_file(f"{self.bucket}/{name}")

    def given(self, name: str) -> int:
        """How often some of a file, whose name begins so, was asked for."""
        return self.log.read_text().count(f"GET /{self.bucket}/{name}")

    def _system(self):
        from pyarrow.fs import S3FileSystem

        return S3FileSystem(
            access_key=KEYS["AWS_ACCESS_KEY_ID"],
            secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            endpoint_override=self.endpoint,
            region="us-east-1",
            allow_bucket_creation=True,
        )


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(400):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


@contextmanager
def xrootd() -> Iterator[XRootD]:
    """A server while the block lasts; the test is skipped where there is none."""
    if not shutil.which("xrootd"):
        pytest.skip("no xrootd server is installed")
    # Not pytest's folder, which only its user may enter: the server refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="xrootd-") as name:
        folder, port = Path(name), _free()
        exported, own = folder / "files" / "data", folder / "own"
        for one in (exported, own):
            one.mkdir(parents=True)
        settings = (
            "all.export /data r/o",
            f"oss.localroot {folder / 'files'}",
            f"all.adminpath {own}",
            f"all.pidpath {own}",
            f"xrd.port {port}",
            "xrd.network nodnr",
        )
        (folder / "xrootd.cfg").write_text("\n".join(settings) + "\n")
        folder.chmod(0o755)
        user = {}
        if os.geteuid() == 0:
            shutil.chown(own, "nobody")
            user = {"user": "nobody"}
        command = ["xrootd", "-c", str(folder / "xrootd.cfg"), "-p", str(port)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=own, stdout=log, stderr=log, **user)
        try:
            if not _answers(port, process):
                pytest.skip(f"xrootd does not start: {(folder / 'log').read_text()[-200:]}")
            yield XRootD(exported, f"root://127.0.0.1:{port}//data")
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """A server while the block lasts, with its log in a folder; skipped where there is none."""
    if ABSENT:
        pytest.skip(f"no {', '.join(ABSENT)} (see .ci/run)")
    pytest.importorskip("pyarrow", reason="ftag_prune[s3] is not installed")
    port, path = _free(), folder / "s3.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=with_plugins())
    try:
        if not _answers(port, process):
            pytest.skip(f"moto does not start: {path.read_text()[-200:]}")
        server = S3(f"http://127.0.0.1:{port}", path)
        server._system().create_dir(server.bucket)
        yield server
    finally:
        process.terminate()
        process.wait(10)
