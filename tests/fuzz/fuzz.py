"""Look for bytes that a reader does not refuse in a sentence.

    python tests/fuzz/fuzz.py card --seconds 180 --seed 1

What is found goes to tests/fuzz/corpus/{target}, which the tests try each time.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable
from io import BytesIO
from types import FrameType

from targets import CORPUS, TARGETS, seeds

_SLOW = 20  # seconds for one input

WORDS: dict[str, list[bytes]] = {
    "expression": [
        *(b" + ", b" - ", b"*", b"/", b"//", b"%", b"**", b" and ", b" or ", b"not ", b" in "),
        *(b"(", b")", b"[", b"]", b"{", b"}", b",", b".", b"`", b"'", b'"', b"\\", b"\n", b":="),
        *(b"pt", b"tracks.d0", b"1e400", b"0x10", b"1_0", b"9" * 30, b"1j", b"nan", b"inf"),
        *(b"sum(", b"largest(x, 1)", b"where(x, 1, 2)", b"delta_r(", b"lambda:", b"if", b"else"),
        *(
            b"_q",
            b"\x00",
            "é".encode(),
            "ﬁ".encode(),
            b"True",
            b"None",
            b"...",
            b"==",
            b"<",
            b" is ",
        ),
        *(b"for x in ", b"await ", b"yield ", b"*x", b"**x", b";", b"#", b"f'{x}'", b"~", b"@"),
    ],
    "card": [
        *(
            b": ",
            b"\n",
            b"\n  ",
            b"- ",
            b"[",
            b"]",
            b"{",
            b"}",
            b"&a ",
            b"*a",
            b"<<: ",
            b"!!",
            b"|",
        ),
        *(b"? ", b"---\n", b"...\n", b"%YAML 1.1\n", b"#", b"'", b'"', b"~", b"null", b"true"),
        *(
            b"1e999",
            b".nan",
            b".inf",
            b"0x",
            b"0b",
            b"2001-99-99",
            b"1:99",
            b"=",
            b"1_",
            b"9" * 5000,
        ),
        *(b"jets", b"files", b"labels", b"select", b"inputs", b"name", b"task", b"constituents"),
        *(b"!!python/object/apply:os.system [a]", b"!!binary ", b"!!set ", b"!!omap ", b"\x00"),
        *(
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"../../",
            b"/etc/*",
            b"**",
            b"[!",
            b"~root",
            b"http://x/*",
        ),
        *(b"!!timestamp ", b"!!int ", b"!!float ", b"!!merge ", b"!!str ", b"!!pairs ", b"!<a> "),
    ],
    "archive": [
        *(b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"\xff" * 4),
        *(
            b"\x00" * 4,
            b"../",
            b"..\\",
            b"/etc/",
            b"\x00",
            b"manifest.json",
            b'"size": 0',
            b"sha256",
        ),
        *(b"\x01\x00", b"\x08\x00", b"\x0c\x00", b"\x0e\x00", b"\x63\x00", b"up\x09\x00"),
    ],
}


def mutated(rng: random.Random, known: list[bytes], words: list[bytes]) -> bytes:
    """One of the known with a few changes: bytes, words, parts doubled, moved, cut, crossed."""
    data = bytearray(rng.choice(known))
    for _ in range(rng.choice((1, 1, 2, 3, 5, 10))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 2, 4, 16, 64)))
        how = rng.randrange(7)
        if how == 0 and data:
            data[rng.randrange(len(data))] = rng.randrange(256)
        elif how == 1:
            data[at:at] = rng.choice(words)
        elif how == 2:
            data[at:end] = b""
        elif how == 3:
            data[at:at] = data[at:end] * rng.choice((1, 2, 50))
        elif how == 4:
            other = rng.choice(known)
            place = rng.randrange(len(other) + 1)
            data[at:end] = other[place : place + rng.choice((4, 16, 200))]
        elif how == 5:
            data[at:end] = rng.choice(words)
        elif data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data[:200_000])


def an_archive(rng: random.Random, known: list[bytes], words: list[bytes]) -> bytes:
    """Bytes of a whole archive changed; or one whose names, modes and manifest are made up."""
    if rng.random() < 0.6:
        return mutated(rng, known, words)
    parts = ["a", "..", ".", "", "A", "é", "e\u0301", "/", "\\", "c:", "nul", "\n", "x" * 300, "~"]
    content = BytesIO()
    files = {}
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w") as file:
        warnings.simplefilter("ignore")
        for _ in range(rng.randrange(4)):
            name = "/".join(rng.choices(parts, k=rng.randrange(1, 4)))
            about = zipfile.ZipInfo(name or "a")
            about.create_system = 3
            about.external_attr = rng.choice((0, 0o100644, 0o120777, 0o040755, 0o060666)) << 16
            text = rng.randbytes(rng.choice((0, 1, 100)))
            size = rng.choice((len(text), len(text), 0, 10**7, 2**63))
            files[rng.choice((name, name, "b"))] = (size, hashlib.sha256(text).hexdigest())
            file.writestr(about, text)
        told = ", ".join(
            f'{name!r}: {{"size": {size}, "sha256": "{made}"}}'
            for name, (size, made) in files.items()
        ).replace("'", '"')
        file.writestr("manifest.json", f'{{"layout": 1, "version": "1", "files": {{{told}}}}}')
    return content.getvalue()


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"took more than {_SLOW} s")


def search(target: str, *, seconds: float, seed: int) -> int:
    """Try for some time; returns the number of kinds of faults, whose inputs are kept."""
    rng, known, words = random.Random(seed), seeds(target), WORDS[target]  # noqa: S311
    make: Callable[..., bytes] = an_archive if target == "archive" else mutated
    signal.signal(signal.SIGALRM, _too_slow)
    end, tried, faults = time.monotonic() + seconds, 0, set()
    warnings.simplefilter("error")
    while time.monotonic() < end:
        data = make(rng, known, words)
        tried += 1
        signal.alarm(_SLOW)
        try:
            TARGETS[target](data)
        except BaseException as found:
            if isinstance(found, KeyboardInterrupt):
                raise
            last = traceback.extract_tb(found.__traceback__)[-1]
            kind = f"{type(found).__name__} {last.filename}:{last.lineno}"
            if kind not in faults:
                faults.add(kind)
                path = CORPUS / target / hashlib.sha256(data).hexdigest()[:12]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                print(f"{kind}: {str(found)[:200]!r}\n    {path}", flush=True)  # noqa: T201
        finally:
            signal.alarm(0)
    print(f"{target}: {tried:,} inputs, {len(faults)} kinds of faults")  # noqa: T201
    return len(faults)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    raise SystemExit(search(chosen.target, seconds=chosen.seconds, seed=chosen.seed) > 0)
