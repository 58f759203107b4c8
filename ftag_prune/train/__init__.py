"""Train and prune: the loop, its checkpoints, and the folder a run leaves behind."""

from ftag_prune.train.loop import fit
from ftag_prune.train.runs import Outcome, train_runs
from ftag_prune.train.state import Frozen, Trained
from ftag_prune.train.stopping import Stop, stoppable

__all__ = ["Frozen", "Outcome", "Stop", "Trained", "fit", "stoppable", "train_runs"]
