"""The shadow network: one trainable number a node, laid over a tagger and trained with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ftag_prune.cost import Cost, of_nodes
from ftag_prune.errors import TrainingError, nearest
from ftag_prune.gates import Gate
from ftag_prune.goal import Aim, Goal
from ftag_prune.networks import INPUTS, Layer, Network, TransformerNetwork, cost_of
from ftag_prune.pruning_loss import PruningLoss
from ftag_prune.selection import Kept, check_possible, choose, shares

__all__ = [
    "Gates",
    "Part",
    "Shadow",
    "by_layer",
    "chosen",
    "cost_left",
    "folded",
    "gated",
    "gated_origins",
    "open_nodes",
    "parts_of",
    "per_part",
    "prunable",
    "resized",
]


class Gates(NamedTuple):
    """Gates of a moment.

    Attributes
    ----------
    value : (nodes,)
        What the outputs of the nodes are multiplied by.
    active : (nodes,)
        What the pruning loss counts of them; the gates themselves but for drawn ones.
    """

    value: Tensor
    active: Tensor


class Part(NamedTuple):
    """Layers that share one budget: all of them, or each for itself.

    Attributes
    ----------
    cost : Cost
        In the nodes of these layers.
    budget : float
        Cost that shall be left.
    """

    cost: Cost
    budget: float


class Shadow(nn.Module):
    """Gates of the nodes that may be switched off, layer after layer in one vector.

    The network itself is not changed, and is no part of this module's parameters. `off_for` counts
    the epochs (nodes,) since a node went off, 0 for those that are on.
    """

    off_for: Tensor

    def __init__(
        self, layers: Sequence[Layer], gate: Gate, parts: Sequence[Part], *, floor: int = 1
    ) -> None:
        super().__init__()
        self.gate, self.floor = gate, floor
        self.layers, self.parts = tuple(layers), tuple(parts)
        nodes = sum(layer.nodes for layer in layers)
        self.theta = nn.Parameter(torch.full((nodes,), gate.start()))
        self.register_buffer("off_for", torch.zeros(nodes, dtype=torch.int64))

    def forward(self, *, progress: float, noise: Tensor | None = None) -> Gates:
        """Gates (nodes,) after a share `progress` of the gated epochs, drawn if there is noise."""
        if len(self.parts) == 1:
            (aim,) = self.aims(progress)
            value = self.gate.values(self.theta, aim, noise=noise)
            return Gates(value, self.gate.active(self.theta, value, aim))
        thetas = self.by_part(self.theta)
        noises = [None] * len(thetas) if noise is None else self.by_part(noise)
        values, active = [], []
        for aim, theta, drawn in zip(self.aims(progress), thetas, noises, strict=True):
            values.append(self.gate.values(theta, aim, noise=drawn))
            active.append(self.gate.active(theta, values[-1], aim))
        return Gates(_joined(values), _joined(active))

    def aims(self, progress: float) -> list[Aim]:
        """What the gates of each part are asked for."""
        return [Aim(progress, part.budget, part.cost, self.floor) for part in self.parts]

    def by_part(self, values: Tensor) -> tuple[Tensor, ...]:
        """Values (nodes,) cut into those of each part."""
        return torch.split(values, [sum(part.cost.sizes) for part in self.parts])

    def resized(self, layers: Sequence[Layer]) -> Shadow:
        """The shadow of a network that has lost nodes; its tensors wait to be loaded."""
        return Shadow(layers, self.gate, resized(self.parts, layers), floor=self.floor)

    def active(self, gates: Gates) -> list[Tensor]:
        """Active fraction a of each part: what its gates cost, of the whole."""
        found = []
        for part, values in zip(self.parts, self.by_part(gates.active), strict=True):
            cost = part.cost
            if cost.unit == "nodes":
                found.append(values.sum() / cost.whole)
            else:
                found.append(
                    cost.of([one.sum() for one in torch.split(values, list(cost.sizes))])
                    / cost.whole
                )
        return found

    @property
    def wanted(self) -> float:
        """Fraction of the whole cost that shall be left."""
        return sum(part.budget for part in self.parts) / sum(p.cost.whole for p in self.parts)

    def open_share(self, values: Tensor) -> float:
        """Fraction of the whole cost that nodes with gates (nodes,) of at least one half have."""
        return self.open_cost(values) / sum(part.cost.whole for part in self.parts)

    def open_cost(self, values: Tensor) -> float:
        """Cost of the nodes with gates (nodes,) of at least one half, in the unit of the goal."""
        if self.parts[0].cost.unit == "nodes":
            return float(open_nodes(values))
        return cost_left(self.parts, [open_nodes(one) for one in by_layer(values, self.layers)])

    def pruning_loss(self, gates: Gates, loss: PruningLoss) -> Tensor:
        """L_pru of the gates, the mean over parts."""
        pairs = zip(self.parts, self.active(gates), self.by_part(gates.active), strict=True)
        losses = [
            loss.of(active, values, wanted=part.budget / part.cost.whole)
            for part, active, values in pairs
        ]
        return losses[0] if len(losses) == 1 else torch.stack(losses).mean()


def _joined(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.cat(list(values))


# -- what may be pruned, and how far --------------------------------------------------------------


def prunable(network: Network, goal: Goal) -> tuple[Layer, ...]:
    """Layers of a network in which nodes may be switched off.

    Raises
    ------
    TrainingError
        For an unknown layer, or if no layer is left.
    """
    known = {layer.name: layer for layer in network.layers()}
    hidden = [name for name in known if name not in INPUTS]
    wanted = hidden if goal.layers is None else list(goal.layers)
    for name in wanted:
        if name not in known:
            raise TrainingError(
                f"goal.layers: the network has no layer '{name}'{nearest(name, known)}"
            )
    names = [*(INPUTS if goal.inputs else ()), *(name for name in wanted if name not in INPUTS)]
    found = tuple(known[name] for name in known if name in names)
    if not found:
        raise TrainingError("the network has no node that may be switched off")
    return found


def parts_of(
    network: Network, goal: Goal, *, target: float, keep: int | None = None
) -> tuple[Part, ...]:
    """Budgets for pruning the fraction `target` of the whole, or for keeping `keep` nodes.

    Raises
    ------
    TrainingError
        If that leaves less than the floor of a layer.
    """
    layers = prunable(network, goal)
    cost = cost_of(
        layers,
        network.counted(),
        unit=goal.unit,
        applied=network.applied(),
    )
    budget = cost.whole - round(target * cost.whole) if keep is None else float(keep)
    if goal.scope == "network":
        check_possible(cost, budget=budget, floor=goal.floor)
        return (Part(cost, budget),)
    counts = shares(cost.sizes, keep=int(budget), floor=goal.floor)
    return tuple(
        Part(of_nodes([layer.nodes]), float(count))
        for layer, count in zip(layers, counts, strict=True)
    )


def resized(parts: Sequence[Part], layers: Sequence[Layer]) -> tuple[Part, ...]:
    """Parts with the nodes that their layers have now."""
    found = []
    for part, counts in zip(parts, per_part(parts, [layer.nodes for layer in layers]), strict=True):
        found.append(part._replace(cost=part.cost.resized(counts)))
    return tuple(found)


def cost_left(parts: Sequence[Part], counts: Sequence[int]) -> float:
    """Cost of so many nodes in each layer, over all parts."""
    pairs = zip(parts, per_part(parts, counts), strict=True)
    return float(sum(part.cost.of(one) for part, one in pairs))


def per_part(parts: Sequence[Part], values: Sequence[int]) -> list[list[int]]:
    """Numbers of each layer, as lists of those of each part."""
    rest = iter(values)
    return [list(islice(rest, len(part.cost.sizes))) for part in parts]


def chosen(
    scores: Tensor, parts: Sequence[Part], *, floor: int, budgets: Sequence[float] | None = None
) -> Kept:
    """Indices of the best nodes in each layer, within the budget of each part."""
    sizes = [sum(part.cost.sizes) for part in parts]
    wanted = [part.budget for part in parts] if budgets is None else budgets
    kept: Kept = ()
    for part, budget, values in zip(parts, wanted, torch.split(scores, sizes), strict=True):
        kept += choose(values.detach().cpu().numpy(), part.cost, budget=budget, floor=floor)
    return kept


# -- gates at work ---------------------------------------------------------------------------------


def gated(
    network: nn.Module, layers: Sequence[Layer], gates: Tensor, arguments: tuple[Tensor, ...]
) -> Tensor:
    """Logits (jets, classes) with every node's output multiplied by its gate (nodes,).

    The gates are multiplied into the weights that use the nodes, which gives the same logits and
    gradients for a fraction of the cost: (width, width) numbers instead of (jets, width).
    """
    tensors = folded(dict(network.named_parameters()), layers, gates)
    logits: Tensor = _called(network, tensors, arguments)
    return logits


def gated_origins(
    network: TransformerNetwork,
    layers: Sequence[Layer],
    gates: Tensor,
    arguments: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor]:
    """What `forward_with_origins` makes of jets, with gates as `gated` has them."""
    tensors = folded(dict(network.named_parameters()), layers, gates)
    named = {f"network.{name}": one for name, one in tensors.items()}
    found: tuple[Tensor, Tensor] = _called(_WithOrigins(network), named, arguments)
    return found


class _WithOrigins(nn.Module):
    """A network that tells the origins of tracks too when it is called."""

    def __init__(self, network: TransformerNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.forward_with_origins(*arguments)


def _called(module: nn.Module, tensors: dict[str, Tensor], arguments: tuple[Tensor, ...]) -> Any:
    # No weight is shared by two names: looking for such costs as much as a small layer.
    return functional_call(module, tensors, arguments, tie_weights=False)


def folded(
    tensors: Mapping[str, Tensor], layers: Sequence[Layer], gates: Tensor
) -> dict[str, Tensor]:
    """The tensors that use nodes, times the gates (nodes,) along the right dimension."""
    changed: dict[str, Tensor] = {}
    for layer, gate in zip(layers, by_layer(gates, layers), strict=True):
        for axis in layer.used:
            tensor = changed.get(axis.tensor, tensors[axis.tensor])
            each = gate if axis.inner == 1 else gate.repeat_interleave(axis.inner)
            each = each if axis.outer == 1 else each.repeat(axis.outer)
            shape = [-1 if dim == axis.dim else 1 for dim in range(tensor.dim())]
            changed[axis.tensor] = tensor * each.view(shape)
    return changed


def by_layer(gates: Tensor, layers: Sequence[Layer]) -> tuple[Tensor, ...]:
    """Gates (nodes,) cut into those of each layer."""
    return torch.split(gates, [layer.nodes for layer in layers])


def open_nodes(gates: Tensor) -> int:
    """Nodes that count as on: gate at least one half."""
    return int((gates >= 0.5).sum())
