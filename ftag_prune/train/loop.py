"""The training loop: dense epochs, gated epochs, the freeze to exactly k nodes, and a fine-tune."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ftag_prune.config import Run
from ftag_prune.errors import TrainingError
from ftag_prune.networks import Network
from ftag_prune.pressure import Seen
from ftag_prune.rates import Pair
from ftag_prune.shadow import gated, open_nodes, pruning_loss
from ftag_prune.tensors import Jets, Source, batches, unshuffled
from ftag_prune.train.state import State, Trained, freeze

__all__ = ["fit"]

# Jets on which the gated and the compacted network are compared.
_PROOF = 10_000


def fit(
    run: Run,
    state: State,
    train: Source,
    val: Source,
    *,
    after_epoch: Callable[[State], None] = lambda _state: None,
) -> Trained:
    """Train a run from a state (a fresh one, or one from a checkpoint) to its end.

    The same run and jets give the same numbers, interrupted or not. L_tot = class_loss +
    pressure * pruning_loss while there are gates, class_loss otherwise.

    Raises
    ------
    TrainingError
        If a loss is not a number, or the compacted network differs from the gated one.
    """
    epochs = run.training.epochs
    steps = math.ceil(train.number / run.training.batch_size)
    while state.epoch < epochs.total:
        if state.phase(run) == "tuned" and state.frozen is None:
            state = freeze(run, state, _proof(val))
        seen: list[_Step] = []
        most = state.most_pruned(run)
        # The order of the jets depends on seed and epoch alone: a resumed run sees the same.
        rng = np.random.default_rng([run.seed, state.epoch])
        for index, jets in enumerate(batches(train, run.training.batch_size, rng=rng)):
            rates = run.rates.at((state.epoch + index / steps) / epochs.total, pruned=most)
            seen.append(_step(run, state, jets, rates=rates, share=index / steps))
        state.history.append(_row(run, state, seen, val))
        state.epoch += 1
        after_epoch(state)
    if run.keep is not None and state.frozen is None:
        state = freeze(run, state, _proof(val))
    return Trained(state.network, state.frozen, state.history)


def _proof(val: Source) -> Tensor:
    """Inputs (jets, inputs) of the first validation jets."""
    return next(unshuffled(val, _PROOF)).x


class _Step(NamedTuple):
    jets: int
    class_loss: float
    pruning_loss: float


def _step(run: Run, state: State, jets: Jets, *, rates: Pair, share: float) -> _Step:
    """One batch: losses, step of weights and gates, step of the pressure."""
    gates = state.gates(run, progress=_progress(run, state, share))
    class_loss = _class_loss(state.network, gates, jets)
    total, pruning, slope = class_loss, class_loss.new_zeros(()), 0.0
    if gates is not None:
        pruning = pruning_loss(gates, target=run.target)
        if run.pressure.needs_gradient and state.shadow is not None:
            slope = _slope(pruning, state.shadow.theta)
        total = class_loss + state.memory.pressure * pruning
    done = _Step(len(jets.y), class_loss.item(), pruning.item())
    if not math.isfinite(done.class_loss):
        raise TrainingError(
            f"{run.name}: the loss is {done.class_loss} in epoch {state.epoch + 1} at "
            f"{100 * share:.0f} % of the jets; a lower learning rate may help"
        )
    state.optimiser.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    for group, rate in zip(state.optimiser.param_groups, rates, strict=False):
        group["lr"] = rate
    state.optimiser.step()
    if gates is not None:
        state.memory = run.pressure.step(
            state.memory,
            Seen(
                epoch=state.epoch - run.training.epochs.dense,
                progress=_progress(run, state, share),
                nodes=gates.numel(),
                pruned=1 - open_nodes(gates) / gates.numel(),
                target=run.target,
                class_loss=done.class_loss,
                pruning_loss=done.pruning_loss,
                pruning_gradient=slope,
            ),
        )
    return done


def _slope(pruning: Tensor, theta: Tensor) -> float:
    """2-norm of the pruning loss's gradient on theta; the graph stays for the step itself."""
    (gradient,) = torch.autograd.grad(pruning, theta, retain_graph=True)
    # Squares of what is left of a closed gate's slope do not fit into a float32.
    return float(gradient.double().norm())


def _progress(run: Run, state: State, share: float) -> float:
    """Share of the gated epochs that is done, `share` being that of this epoch."""
    epochs = run.training.epochs
    return (state.epoch - epochs.dense + share) / epochs.gated


def _class_loss(network: Network, gates: Tensor | None, jets: Jets) -> Tensor:
    """Mean weighted cross-entropy of a batch."""
    logits = network(jets.x) if gates is None else gated(network, gates, jets.x)
    losses: Tensor = cross_entropy(logits, jets.y, reduction="none") * jets.w
    return losses.mean()


@torch.no_grad()
def _row(run: Run, state: State, seen: list[_Step], val: Source) -> dict[str, Any]:
    """What an epoch leaves in the history; `pruned` and `active` as they stand at its end."""
    table = np.array(seen)
    share = table[:, 0] / table[:, 0].sum()
    gates = state.gates(run, progress=_progress(run, state, 1.0))
    nodes = sum(run.network.nodes)
    active = sum(state.network.architecture.nodes) / nodes
    pruned = 1 - active
    if gates is not None:
        active, pruned = gates.mean().item(), 1 - open_nodes(gates) / nodes
    progress = (state.epoch + 1) / run.training.epochs.total
    rates = run.rates.at(progress, pruned=state.most_pruned(run))
    return {
        "epoch": state.epoch + 1,
        "phase": state.phase(run),
        "class_loss": float(share @ table[:, 1]),
        "val_loss": _validation(state.network, gates, val),
        "pruning_loss": float(share @ table[:, 2]),
        "pressure": state.memory.pressure if gates is not None else 0.0,
        "active": active,
        "pruned": pruned,
        "weights_rate": rates.weights,
        "gates_rate": rates.gates if gates is not None else 0.0,
    }


def _validation(network: Network, gates: Tensor | None, val: Source) -> float:
    """Mean cross-entropy of the validation jets, weighted as the training's."""
    total = sum(
        _class_loss(network, gates, jets).item() * len(jets.y) for jets in unshuffled(val, 10_000)
    )
    return total / val.number
