"""Prepared jets as tensors, and batches of them from memory or from the disk; one thread."""

from ftag_prune.tensors.arithmetic import one_thread
from ftag_prune.tensors.disk import JetsOnDisk
from ftag_prune.tensors.jets import Jets, Source, batches, unshuffled
from ftag_prune.tensors.machine import allowed_memory
from ftag_prune.tensors.meaning import Description, description, told_by
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
    "one_thread",
    "told_by",
    "unshuffled",
]
