"""Why a pruning is stuck, what it predicts, and what would act: arithmetic of plain floats."""

from ftag_prune.diagnose.judge import Verdict, verdict, warning
from ftag_prune.diagnose.predict import (
    ladder_onset,
    onset_epoch,
    pressure_needed,
    stability_limit,
    steps_to,
    tau,
    travel,
)
from ftag_prune.diagnose.symptoms import Symptoms
from ftag_prune.diagnose.tell import explain

__all__ = [
    "Symptoms",
    "Verdict",
    "explain",
    "ladder_onset",
    "onset_epoch",
    "pressure_needed",
    "stability_limit",
    "steps_to",
    "tau",
    "travel",
    "verdict",
    "warning",
]
