"""Gate families: from one trainable number a node to its gate between 0 (off) and 1 (on).

The families are written with methods of the tensor they are given, so that a study can be read and
checked without loading torch.
"""

from ftag_prune.gates.budget import Budget, StraightThrough
from ftag_prune.gates.choice import Gate
from ftag_prune.gates.concrete import HardConcrete
from ftag_prune.gates.gating import Gating
from ftag_prune.gates.sigmoid import Annealed, HardSigmoid, Sigmoid

__all__ = [
    "Annealed",
    "Budget",
    "Gate",
    "Gating",
    "HardConcrete",
    "HardSigmoid",
    "Sigmoid",
    "StraightThrough",
]
