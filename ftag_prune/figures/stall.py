"""Why a training is stuck, and what each remedy does: figures that a study asks for by name."""

from __future__ import annotations

import math

import numpy as np

from ftag_prune import plots
from ftag_prune.config import Curves, Gated, Run
from ftag_prune.diagnose import ladder_onset, steps_to, tau, travel
from ftag_prune.errors import ConfigError
from ftag_prune.figures.drawing import (
    Array,
    Drawing,
    Drawn,
    Epochs,
    epochs_of,
    network_name,
    texts,
)
from ftag_prune.pressure import Fixed, Ladder
from ftag_prune.record import read_csv

__all__ = ["curves", "mechanisms", "onset", "onset_of", "regrowth"]


def curves(drawing: Drawing, name: str) -> Drawn:
    """Columns of several trainings against epochs, until the freeze."""
    wanted = drawing.study.figures.curves[name]
    runs = _runs(drawing, wanted)
    drawn = [_curve(drawing, title, run) for title, run in runs.items()]
    lines = texts(drawing, wanted.title)
    fig, axes = plots.canvas_with_legend(len(wanted.columns), lines=len(lines))
    target = next(iter(runs.values())).target
    plots.epochs(axes, drawn, quantities=wanted.columns, target=target, ordered=wanted.ordered)
    plots.atlas_label(axes[0], drawing.study.figures.label, lines=lines, above=True)
    return fig, plots.rows([one._replace(onset=None) for one in drawn])


def _runs(drawing: Drawing, wanted: Curves) -> dict[str, Run]:
    """Trainings of a figure by their text in its legend."""
    if wanted.networks:
        (strategy, *_), target = wanted.strategies, wanted.target
        found = [
            drawing.run(strategy, network=network, target=target) for network in wanted.networks
        ]
        return {f"{run.nodes:,} nodes": run for run in found}
    return {
        strategy: drawing.run(strategy, network=wanted.network, target=wanted.target)
        for strategy in wanted.strategies
    }


def _curve(drawing: Drawing, name: str, run: Run) -> plots.EpochCurve:
    found = epochs_of(drawing, run).only("dense", "gated")
    gated = np.array([phase == "gated" for phase in found.phase])
    pressed = gated & run.how.pressed
    return plots.EpochCurve(
        name,
        epoch=found["epoch"],
        pruning_loss=np.where(gated, found["pruning_loss"], np.nan),
        active=found["active"],
        pruned=found["pruned"],
        pressure=np.where(pressed, found["pressure"], np.nan),
        fractional=np.where(gated, found["fractional"], np.nan),
        zero_gradient=np.where(gated, found["zero_gradient"], np.nan),
    )


# -- onset -----------------------------------------------------------------------------------------


def onset(drawing: Drawing, _name: str) -> Drawn:
    """Epoch at which pruning starts against the number of nodes, and what is predicted for SGD."""
    wanted = drawing.study.figures.onset
    if wanted is None:
        raise ConfigError("figures.onset: this study asks for none")
    points, lines = [], []
    for strategy in wanted.strategies:
        mine = [run for run in drawing.runs if run.strategy == strategy]
        largest = max(run.target for run in mine) if wanted.target is None else wanted.target
        mine = [run for run in mine if math.isclose(run.target, largest)]
        points.append(_measured(drawing, strategy, mine))
        predicted = [_predicted(drawing, run) for run in _one_a_network(mine)]
        nodes = np.array([run.nodes for run in _one_a_network(mine)], float)
        if np.isfinite(predicted).any():
            lines.append(plots.Onsets(strategy, nodes, np.array(predicted)))
    text = texts(drawing, f"pruning starts: half of the wanted nodes are off ({100 * largest:g} %)")
    fig, axes = plots.canvas_with_legend(1, lines=len(text))
    plots.onset_versus_nodes(axes[0], points, lines, rung=_rung(drawing, wanted.strategies))
    plots.atlas_label(axes[0], drawing.study.figures.label, lines=text, above=True)
    rows = [
        {"kind": kind, "strategy": one.name, "nodes": node, "onset": epoch}
        for kind, group in (("measured", points), ("predicted", lines))
        for one in group
        for node, epoch in zip(one.nodes.tolist(), one.onset.tolist(), strict=True)
    ]
    return fig, rows


def onset_of(found: Epochs, target: float) -> float:
    """Gated epoch, from 1, after which half of the wanted nodes are off; inf if there is none.

    Interpolated between the ends of two epochs.
    """
    pruned = np.concatenate([[0.0], found.only("gated")["pruned"]])
    above = np.flatnonzero(pruned >= target / 2)
    if not len(above):
        return math.inf
    last = int(above[0])
    before, after = pruned[last - 1], pruned[last]
    return float(last - 1 + (target / 2 - before) / (after - before))


def _measured(drawing: Drawing, strategy: str, runs: list[Run]) -> plots.Onsets:
    """Means over seeds; inf if one of them did not start."""
    nodes, means, spreads, last = [], [], [], 0.0
    for first in _one_a_network(runs):
        same = [run for run in runs if run.label == first.label]
        found = [onset_of(epochs_of(drawing, run), run.target) for run in same]
        nodes.append(float(first.nodes))
        means.append(float(np.mean(found)))
        spreads.append(_spread(found))
        last = max(last, float(first.training.epochs.gated))
    return plots.Onsets(strategy, np.array(nodes), np.array(means), np.array(spreads), last)


def _spread(found: list[float]) -> float:
    """Standard deviation over seeds; 0 for one, or if one never started."""
    return float(np.std(found, ddof=1)) if len(found) > 1 and max(found) < math.inf else 0.0


def _gates_rate(run: Run) -> float:
    """Learning rate of the gates when the first of them move."""
    epochs = run.training.epochs
    return run.how.rates.at(epochs.dense / epochs.total).gates


def _predicted(drawing: Drawing, run: Run) -> float:
    """Gated epochs until identical gates fall below one half under SGD; nan for anything else."""
    how, optimiser = run.how, run.training.optimiser
    if not isinstance(how, Gated) or how.gate.kind != "sigmoid" or optimiser.kind != "sgd":
        return math.nan
    way = travel(how.gate.start_value, 1 - run.target, steepness=how.gate.steepness)
    rate, momentum = _gates_rate(run), optimiser.momentum
    nodes, steps = run.nodes, drawing.steps(run)
    if isinstance(how.pressure, Ladder):
        ladder = how.pressure
        return ladder_onset(
            way,
            steps=steps,
            first=ladder.first,
            factor=ladder.factor,
            every=ladder.every,
            last=ladder.last,
            nodes=nodes,
            rate=rate,
            momentum=momentum,
        )
    if isinstance(how.pressure, Fixed):
        value = how.pressure.value
        way = steps_to(way, nodes=nodes, rate=rate, momentum=momentum, pressure=value)
        return way / steps
    return math.nan


def _one_a_network(runs: list[Run]) -> list[Run]:
    """First run of each network, from the smallest to the largest."""
    first = {run.label: run for run in reversed(runs)}
    return sorted(first.values(), key=lambda run: run.nodes)


def _rung(drawing: Drawing, strategies: tuple[str, ...]) -> float | None:
    """Epochs of a rung, if there is a ladder among the strategies."""
    for name in strategies:
        how = drawing.study.strategies[name]
        if isinstance(how, Gated) and isinstance(how.pressure, Ladder):
            return float(how.pressure.every)
    return None


# -- mechanisms and regrowth -----------------------------------------------------------------------


def mechanisms(drawing: Drawing, _name: str) -> Drawn:
    """The four mechanisms, each by the training that shows it."""
    wanted = drawing.study.figures.mechanisms
    if wanted is None:
        raise ConfigError("figures.mechanisms: this study asks for none")

    def one(name: str) -> Run:
        return drawing.run(name, network=wanted.network, target=wanted.target)

    diluted = [run for run in drawing.runs if run.strategy == wanted.dilution]
    cases = plots.Mechanisms(
        dilution=[_diluted(drawing, run) for run in _one_a_network(diluted)],
        saturation=[_saturated(drawing, one(name)) for name in wanted.saturation],
        equilibrium=_equilibrium(drawing, one(wanted.equilibrium)),
        soft=_soft(drawing, one(wanted.soft)),
    )
    lines = texts(drawing)
    fig, axes = plots.canvas_of_mechanisms(lines=len(lines))
    plots.mechanisms(axes, cases)
    plots.atlas_label(axes[0], drawing.study.figures.label, lines=lines, above=True)
    return fig, plots.mechanism_rows(cases)


def _diluted(drawing: Drawing, run: Run) -> plots.Diluted:
    """L_pru, and the exponential that its first epoch predicts: A."""
    found = epochs_of(drawing, run).only("gated")
    how, optimiser = run.how, run.training.optimiser
    time = math.inf
    if isinstance(how, Gated) and how.gate.kind == "sigmoid" and isinstance(how.pressure, Fixed):
        slope = how.gate.steepness * how.gate.start_value * (1 - how.gate.start_value)
        time = tau(
            nodes=run.nodes,
            rate=_gates_rate(run),
            pressure=how.pressure.value,
            slope_squared=slope**2,
            momentum=getattr(optimiser, "momentum", 0.0),
        )
    steps = drawing.steps(run) * (np.arange(len(found["epoch"])) + 0.5)
    first = (getattr(how, "gate", None).start_value - (1 - run.target)) ** 2  # type: ignore[union-attr]
    return plots.Diluted(
        f"{run.nodes:,} nodes",
        found["epoch"],
        found["pruning_loss"],
        first * np.exp(-steps / time),
    )


def _saturated(drawing: Drawing, run: Run) -> plots.Saturated:
    found = epochs_of(drawing, run).only("gated")
    return plots.Saturated(run.strategy, found["epoch"], found["zero_gradient"], found["active"])


def _equilibrium(drawing: Drawing, run: Run) -> plots.Equilibrium:
    found = epochs_of(drawing, run).only("gated")
    return plots.Equilibrium(
        found["epoch"],
        found["price"],
        found["saliency_low"],
        found["saliency_median"],
        found["saliency_high"],
        found["active"],
        run.target,
    )


def _soft(drawing: Drawing, run: Run) -> plots.SoftSolution:
    found = epochs_of(drawing, run).only("gated")
    gates = [float(row["gate"]) for row in read_csv(drawing.folder / run.name / "nodes.csv")]
    return plots.SoftSolution(
        found["epoch"], found["active"], found["pruned"], run.target, np.array(gates)
    )


def regrowth(drawing: Drawing, _name: str) -> Drawn:
    """Nodes that came back, epoch by epoch."""
    wanted = drawing.study.figures.regrowth
    if wanted is None:
        raise ConfigError("figures.regrowth: this study asks for none")
    runs = [
        drawing.run(name, network=wanted.network, target=wanted.target)
        for name in wanted.strategies
    ]
    drawn = [_regrown(run.strategy, epochs_of(drawing, run).only("gated")) for run in runs]
    lines = texts(
        drawing, f"{network_name(runs[0].label)}, {100 * runs[0].target:g} % to be pruned"
    )
    fig, axes = plots.canvas_with_legend(1, lines=len(lines))
    plots.regrowth(axes[0], drawn)
    plots.atlas_label(axes[0], drawing.study.figures.label, lines=lines, above=True)
    return fig, plots.rows(drawn)


def _regrown(name: str, found: Epochs) -> plots.Regrown:
    values: Array = found["regrown"]
    return plots.Regrown(name, found["epoch"], values)
