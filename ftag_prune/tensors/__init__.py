"""Prepared jets as tensors and their batches, from memory or from the disk."""

from ftag_prune.tensors.disk import JetsOnDisk
from ftag_prune.tensors.jets import Jets, Source, batches, unshuffled
from ftag_prune.tensors.machine import allowed_memory
from ftag_prune.tensors.meaning import Description, description
from ftag_prune.tensors.opening import load, load_within

__all__ = [
    "Description",
    "Jets",
    "JetsOnDisk",
    "Source",
    "allowed_memory",
    "batches",
    "description",
    "load",
    "load_within",
    "unshuffled",
]
