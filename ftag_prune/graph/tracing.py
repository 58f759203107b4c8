"""The dependency graph of a network, with attention blocks as one step of it."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from ftag_prune.networks.attention import Attention

__all__ = ["group_of", "makes", "tensors_in", "traced"]


class _Step(torch.autograd.Function):
    """An attention block as one step of the trace, from its input to its output."""

    @staticmethod
    def forward(_ctx: Any, _x: Tensor, _weight: Tensor, value: Tensor) -> Tensor:
        return value.clone()


class _AttentionPruner:
    """How torch-pruning cuts features of the embedding out of an attention block."""

    pruning_dim = -1

    def prune_out_channels(self, attention: Attention, gone: list[int]) -> Attention:
        tp.prune_linear_out_channels(attention.output, gone)
        return attention

    def prune_in_channels(self, attention: Attention, gone: list[int]) -> Attention:
        tp.prune_linear_in_channels(attention.projection, gone)
        return attention

    def get_out_channels(self, attention: Attention) -> int:
        return attention.output.out_features

    def get_in_channels(self, attention: Attention) -> int:
        return attention.projection.in_features


def traced(network: nn.Module, example: tuple[Tensor, ...]) -> Any:
    """Dependency graph of a network, which is ours to change: all that it has gets a gradient.

    The clones make an own last step of every output: one that a module gives directly would not
    be seen as an output.
    """
    network.requires_grad_()
    attentions = [one for one in network.modules() if isinstance(one, Attention)]
    for one in attentions:
        _hide(one)
    pruner = _AttentionPruner()
    try:
        with torch.enable_grad():
            return tp.DependencyGraph().build_dependency(
                network,
                example,
                forward_fn=lambda whole, jets: whole(*jets),
                output_transform=lambda out: [one.clone() for one in tensors_in(out, grad=True)],
                customized_pruners={type(one): pruner for one in attentions},
                verbose=False,  # it warns of each operation and parameter that it does not know
            )
    finally:
        for one in attentions:
            del one.forward


def _hide(attention: Attention) -> None:
    """Let the trace see one step instead of the inner life of an attention block."""

    def forward(x: Tensor, valid: Tensor | None = None) -> Any:
        with torch.no_grad():
            value = type(attention).forward(attention, x, valid)
        return _Step.apply(x, attention.output.weight, value)  # type: ignore[no-untyped-call]

    attention.forward = forward  # type: ignore[method-assign]


def tensors_in(out: Any, *, grad: bool = False) -> list[Tensor]:
    """Tensors in what a network gives, however they are packed; with `grad` those that have one."""
    flat = tp.utils.flatten_as_list(out)
    return [one for one in flat if isinstance(one, Tensor) and (one.requires_grad or not grad)]


def group_of(graph: Any, module: nn.Module, gone: list[int]) -> Any:
    """All that must be cut with outputs of a module."""
    pruner = graph.get_pruner_of_module(module)
    return graph.get_pruning_group(module, pruner.prune_out_channels, gone)


def makes(graph: Any, item: Any) -> bool:
    """Whether a module of a group makes the nodes; otherwise it uses them."""
    return bool(graph.is_out_channel_pruning_fn(item.dep.handler))
