"""A study: samples, grid, strategies; YAML to frozen objects, and the grid to named runs."""

from ftag_prune.config.figures import Curves, Figures, Mechanisms, Onset, Regrowth
from ftag_prune.config.grid import Grid
from ftag_prune.config.run import Chunk, Run
from ftag_prune.config.sample import (
    Balance,
    Generate,
    Resample,
    Sample,
    Shard,
    Split,
    Unbalanced,
    Weights,
)
from ftag_prune.config.strategy import Dense, Gated, Iterative, OneShot, Scratch, Strategy
from ftag_prune.config.study import Study, load_study
from ftag_prune.config.training import Adam, Epochs, Optimiser, Sgd, Training
from ftag_prune.config.validation import Validation

__all__ = [
    "Adam",
    "Balance",
    "Chunk",
    "Curves",
    "Dense",
    "Epochs",
    "Figures",
    "Gated",
    "Generate",
    "Grid",
    "Iterative",
    "Mechanisms",
    "OneShot",
    "Onset",
    "Optimiser",
    "Regrowth",
    "Resample",
    "Run",
    "Sample",
    "Scratch",
    "Sgd",
    "Shard",
    "Split",
    "Strategy",
    "Study",
    "Training",
    "Unbalanced",
    "Validation",
    "Weights",
    "load_study",
]
