"""Jets per CPU-second of the generator, and where the time goes, for each process."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ftag_prune.generate import PROCESSES, Generated, generate

STAGES = ("start", "pythia", "flatten", "tracks", "cluster", "vertex", "truth", "write")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=sorted(PROCESSES), help="one task (default: all)")
    parser.add_argument("--process", help="one process of that task (default: all)")
    parser.add_argument("--jets", type=int, default=4000, help="jets of each process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=200, help="events made at once")
    parser.add_argument("--pileup", type=float, default=0.55, help="vertices per mm")
    parser.add_argument("--multiple-interactions", action="store_true")
    parser.add_argument("--suffix", choices=(".root", ".h5"), default=".h5")
    return parser.parse_args()


def measured(chosen: argparse.Namespace, task: str, process: str) -> tuple[Generated, float]:
    """What one process made, and the CPU seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        made = generate(
            Path(folder) / f"jets{chosen.suffix}",
            task=task,
            process=process,
            jets=chosen.jets,
            seed=chosen.seed,
            multiple_interactions=chosen.multiple_interactions,
            pileup=chosen.pileup,
            batch=chosen.batch,
        )
        return made, time.process_time() - begun


def main() -> None:
    chosen = arguments()
    print(f"{'task':<9}{'process':<8}{'jets/s':>8}" + "".join(f"{stage:>9}" for stage in STAGES))
    for task, processes in PROCESSES.items():
        for process in processes:
            if task != (chosen.task or task) or process != (chosen.process or process):
                continue
            made, seconds = measured(chosen, task, process)
            shares = "".join(f"{made.seconds[stage] / seconds:>9.1%}" for stage in STAGES)
            print(f"{task:<9}{process:<8}{made.jets / seconds:>8.0f}{shares}", flush=True)


if __name__ == "__main__":
    main()
