"""Scores of nodes without gates, for the controls: torch-pruning's importances on its graph."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch_pruning
from torch import Tensor

from ftag_prune.errors import TrainingError
from ftag_prune.networks import Axis, Layer, Network, scoring
from ftag_prune.tensors import Jets
from ftag_prune.train.losses import class_loss

__all__ = ["scores"]


def scores(
    network: Network,
    layers: Sequence[Layer],
    criterion: str,
    jets: Iterator[Jets],
    *,
    rng: torch.Generator,
) -> Tensor:
    """Score (nodes,) of the nodes of all layers; larger stays longer.

    Parameters
    ----------
    criterion : magnitude, taylor or random
        magnitude: sum of the squared weights of a node, over all tensors that belong to it, biases
        aside. taylor: first-order change of the loss when they are removed, sum |weight * gradient|
        (Molchanov et al., arXiv:1906.10771). Both are divided by their mean in a layer, as
        torch-pruning does for global pruning (Fang et al., arXiv:2301.12900).
    jets : batches for the gradient of the class loss, all of which are used
    """
    if criterion == "random":
        return torch.rand(sum(layer.nodes for layer in layers), generator=rng)
    some = next(jets)
    with scoring(network):
        if criterion == "taylor":
            _gradients(network, some, jets)
        graph = _graph(network, network.arguments(some))
        found = [_score(graph, network, layer, criterion) for layer in layers]
    network.zero_grad()
    return torch.cat(found)


_IMPORTANCES: dict[str, Any] = {
    "magnitude": torch_pruning.importance.GroupMagnitudeImportance,
    "taylor": torch_pruning.importance.GroupTaylorImportance,
}


def _gradients(network: Network, first: Jets, rest: Iterator[Jets]) -> None:
    """Gradients of the class loss, summed over the batches."""
    network.zero_grad()
    for jets in (first, *rest):
        class_loss(network, None, None, jets).backward()  # type: ignore[no-untyped-call]


def _graph(network: Network, arguments: tuple[Tensor, ...]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph()
        return graph.build_dependency(network, example_inputs=tuple(a[:2] for a in arguments))


def _score(graph: Any, network: Network, layer: Layer, criterion: str) -> Tensor:
    """Importance (nodes,) of a layer: of outputs that are made, or of inputs that are used."""
    made = [axis for axis in layer.made if axis.dim == 0 and axis.tensor.endswith(".weight")]
    axis = made[0] if made else layer.used[0]
    if axis.outer * axis.inner > 1:
        return _of_blocks(network, [*made, *layer.used], layer.nodes, criterion)
    module = network.get_submodule(axis.tensor.removesuffix(".weight"))
    pruner = graph.get_pruner_of_module(module)
    function = pruner.prune_out_channels if made else pruner.prune_in_channels
    group = graph.get_pruning_group(module, function, idxs=list(range(layer.nodes)))
    found = _IMPORTANCES[criterion]()(group)
    if found is None or len(found) != layer.nodes:
        raise TrainingError(f"torch-pruning has no score for the nodes of '{layer.name}'")
    return torch.as_tensor(found).detach()


@torch.no_grad()
def _of_blocks(network: Network, axes: Sequence[Axis], nodes: int, criterion: str) -> Tensor:
    """The same of nodes that are several rows of a tensor each, as heads of attention are.

    The graph of torch-pruning knows single rows only.
    """
    total = torch.zeros(nodes)
    for axis in axes:
        weight = network.get_parameter(axis.tensor)
        slope = weight if criterion == "magnitude" or weight.grad is None else weight.grad
        each = (weight * slope).abs()
        rows = each.movedim(axis.dim, 0).reshape(axis.outer, nodes, axis.inner, -1)
        total += rows.sum((0, 2, 3))
    return total / total.mean()
