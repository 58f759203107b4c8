"""Rejections with errors of a million jets, against atlas-ftag-tools with puma, in one run.

    python benchmarks/metrics.py [--jets 1000000] [--repeat 5] [--puma PYTHON]

The numbers behind a ROC figure for each of five classes: from a table of scores in memory (float32,
as read from a file) the discriminant of the class, the cuts at 100 signal efficiencies, and there
the rejections of the four others with their errors; no drawing. `--puma` names a Python where
puma-hep is installed: the same from the same table by `Tagger.discriminant`, `Tagger.is_flav`,
`calculate_rejection` and `Roc.binomial_error`, in the order in which its `plot_rocs` calls them.
Without it that line is left out.

Every measurement is a process of its own with one thread, taken in turn; times are the best of
three in each process and of all repetitions, those of the processor, imports not counted. The other
measures follow, each on the same jets; the paired ratio on at most 70 000 and 100 000 of them, with
200 replicas at six efficiencies.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Flavours of the tools whose label is one number each, which is the cheapest for them to select.
LABEL, NAME = "R10TruthLabel_R22v1", "tagger"
CLASSES = {"hbb": 11, "hcc": 12, "qcd": 10, "Zbb": 3, "htautauhad": 16}
EFFICIENCIES = np.linspace(0.3, 0.99, 100)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def table(jets: int) -> np.ndarray:
    """Scores of a tagger that knows something, and the classes."""
    rng = np.random.default_rng(0)
    label = rng.integers(len(CLASSES), size=jets)
    logits = rng.normal(size=(jets, len(CLASSES)))
    logits[np.arange(jets), label] += 2
    scores = np.exp(logits)
    scores /= scores.sum(axis=1, keepdims=True)
    names = [f"{NAME}_p{name}" for name in CLASSES]
    records = np.empty(jets, [*((name, "f4") for name in names), (LABEL, "i4"), ("pt", "f4")])
    for column, name in enumerate(names):
        records[name] = scores[:, column]
    records[LABEL] = np.array(list(CLASSES.values()))[label]
    records["pt"] = rng.exponential(200, jets) + 250
    return records


def ours(records: np.ndarray) -> Callable[[], np.ndarray]:
    from ftag_prune.metrics import discriminant, working_points

    task = our_task()

    def work() -> np.ndarray:
        p, label = columns(records), records[LABEL]
        found = []
        for signal in CLASSES:
            points = working_points(
                discriminant(p, task, signal=signal),
                label,
                signal=CLASSES[signal],
                backgrounds=[number for name, number in CLASSES.items() if name != signal],
                efficiencies=EFFICIENCIES,
            )
            found.append([[one.value for one in point.rejections] for point in points])
        return np.moveaxis(np.array(found), 1, 2)

    return work


def our_task():
    from ftag_prune.flavours import Discriminant, Task

    each = 1 / (len(CLASSES) - 1)
    return Task(
        name="benchmark",
        title="benchmark",
        classes=tuple(CLASSES),
        discriminants=tuple(
            Discriminant(signal, {name: each for name in CLASSES if name != signal})
            for signal in CLASSES
        ),
        working_point=0.7,
        working_points=(0.7,),
        balance=(),
        shares=dict.fromkeys(CLASSES, 1 / len(CLASSES)),
    )


def columns(records: np.ndarray) -> np.ndarray:
    """Probabilities (jets, classes)."""
    p = np.empty((len(records), len(CLASSES)))
    for column, name in enumerate(CLASSES):
        p[:, column] = records[f"{NAME}_p{name}"]
    return p


def puma(records: np.ndarray) -> Callable[[], np.ndarray]:
    import logging

    from ftag.utils import calculate_rejection
    from puma import Roc
    from puma.hlplots import Tagger

    logging.disable(logging.WARNING)
    flavours = list(CLASSES)
    tagger = Tagger(NAME, category="xbb", output_flavours=flavours, aux_tasks=[])
    tagger.fxs.update({flavour.frac_str: 0.25 for flavour in tagger.output_flavours})
    tagger.scores = records[tagger.variables]
    tagger.labels = records[[LABEL]]

    def work() -> np.ndarray:
        found = []
        for signal in flavours:
            value = tagger.discriminant(signal)
            for background in (one for one in flavours if one != signal):
                rejections = calculate_rejection(
                    value[tagger.is_flav(signal)], value[tagger.is_flav(background)], EFFICIENCIES
                )
                Roc(EFFICIENCIES, rejections, n_test=tagger.n_jets(background)).binomial_error()
                found.append(rejections)
        return np.array(found).reshape(len(flavours), -1, len(EFFICIENCIES))

    return work


def others(records: np.ndarray) -> dict[str, Callable[[], object]]:
    """The other measures, by what is printed of them."""
    from ftag_prune import metrics

    task, numbers = our_task(), list(CLASSES.values())
    p, index = (
        columns(records),
        np.argsort(numbers)[np.searchsorted(sorted(numbers), records[LABEL])],
    )
    value = metrics.discriminant(p, task, signal="hbb")
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 1.5, len(p))
    binned = {"signal": 0, "background": 2, "efficiency": 0.7}
    taggers = seeds(value, index)
    edges, qcd = np.linspace(250, 1250, 21), index == 2
    how = {"signal": 0, "backgrounds": [1, 2, 3, 4], "efficiencies": EFFICIENCIES}
    return {
        "one class with weights": lambda: metrics.working_points(
            value, index, weight=weight, **how
        ),
        "area and its error": lambda: metrics.auc(value[index == 0], value[index > 0]),
        "profile, 20 bins, fixed cut": lambda: metrics.profile(
            records["pt"], value, index, edges=edges, flat=False, **binned
        ),
        "profile, 20 bins, flat": lambda: metrics.profile(
            records["pt"], value, index, edges=edges, flat=True, **binned
        ),
        "confusion": lambda: metrics.confusion(p, index),
        "calibration": lambda: metrics.calibration(p[:, 0], index == 0),
        "sculpting, 200 replicas": lambda: metrics.sculpting(
            records["pt"][qcd], value[qcd] > 1, edges=edges, replicas=200, rng=rng
        ),
        "paired ratio, 2 x 5 seeds": lambda: metrics.paired_ratio(
            *taggers,
            efficiency=np.linspace(0.6, 0.9, 6),
            replicas=200,
            rng=np.random.default_rng(3),
        ),
        "scan of 35 fractions": lambda: metrics.scan_fractions(
            p, index, task, signal="hbb", efficiency=0.7, step=0.25
        ),
    }


def seeds(value: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    """Signal and background of two taggers with five seeds each: what the value says, and noise."""
    rng = np.random.default_rng(2)
    kinds = value[index == 0][:70_000], value[index == 2][:100_000]
    return [one + rng.normal(0, 0.3, (5, len(one))) for one in kinds + kinds]


def shortest(work: Callable[[], object], *, times: int = 3) -> float:
    spent = []
    for _ in range(times):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return min(spent)


def one(which: str, source: Path) -> None:
    """A measurement, in a process of its own: seconds as JSON, and the rejections beside."""
    records = np.load(source)
    if which == "others":
        found = {name: shortest(work) for name, work in others(records).items()}
    else:
        work = {"ours": ours, "puma": puma}[which](records)
        np.save(source.with_name(f"{which}.npy"), work())
        found = {which: shortest(work)}
    print(json.dumps(found))


def measured(which: str, source: Path, python: str) -> dict[str, float]:
    done = subprocess.run(
        [python, __file__, "--one", which, str(source)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
    )
    return json.loads(done.stdout.splitlines()[-1])


def difference(folder: Path) -> str:
    """How far the rejections are apart where neither is infinite."""
    a, b = (np.load(folder / f"{which}.npy") for which in ("ours", "puma"))
    apart = np.abs(a / b - 1)
    return f"rejections differ by {np.median(apart):.1e} (median), {apart.max():.1e} (largest)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--puma", metavar="PYTHON")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], Path(given.one[1]))
        return
    pythons = {"ours": sys.executable} | ({"puma": given.puma} if given.puma else {})
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "table.npy"
        np.save(source, table(given.jets))
        runs = [
            {which: measured(which, source, python)[which] for which, python in pythons.items()}
            for _ in range(given.repeat)
        ]
        best = {which: min(run[which] for run in runs) for which in pythons}
        print(f"{given.jets} jets, {len(CLASSES)} classes, {len(EFFICIENCIES)} efficiencies")
        print(f"  ftag_prune                 {best['ours']:7.3f} s")
        if given.puma:
            ratios = [run["puma"] / run["ours"] for run in runs]
            print(
                f"  atlas-ftag-tools and puma  {best['puma']:7.3f} s,"
                f" {best['puma'] / best['ours']:.1f} times as long"
                f" ({min(ratios):.1f} to {max(ratios):.1f} in single runs)"
            )
            print(f"  {difference(Path(folder))}")
        else:
            print("  atlas-ftag-tools and puma: left out, no --puma PYTHON is given")
        for name, seconds in measured("others", source, sys.executable).items():
            print(f"  {name:27s}{seconds:7.3f} s")


if __name__ == "__main__":
    main()
