"""A checkpoint's seal, which tells whether every bit of it is as it was written."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from torch import Tensor, uint8

__all__ = ["seal"]


def seal(tensors: Any, about: dict[str, Any]) -> str:
    """SHA-256 of tensors (in nested dicts and lists, beside plain values) and JSON content."""
    found = hashlib.sha256(json.dumps(about).encode())
    _add(found, tensors)
    return found.hexdigest()


def _add(found: hashlib._Hash, content: Any) -> None:
    if isinstance(content, Tensor):
        found.update(f"{content.dtype}{tuple(content.shape)}".encode())
        found.update(content.detach().cpu().contiguous().reshape(-1).view(uint8).numpy().data)
    elif isinstance(content, dict):
        found.update(b"{")
        for name, one in content.items():
            found.update(repr(name).encode())
            _add(found, one)
    elif isinstance(content, list | tuple):
        found.update(b"[")
        for one in content:
            _add(found, one)
    else:
        found.update(repr(content).encode())
