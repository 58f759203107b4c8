"""Norms of hidden layers whose nodes can be cut out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

__all__ = ["NORMS", "BatchNorm", "SharedNorm"]

_LEAST = 1e-3


class BatchNorm(nn.BatchNorm1d):
    """Batch norm of (rows, nodes), each node for itself; one row alone is no batch.

    Such a batch, and an empty one, is normalised with what is remembered, and is not remembered.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalised x (rows, nodes)."""
        if self.training and len(x) < 2:
            return batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


class SharedNorm(nn.LayerNorm):
    """Layer norm (Ba et al., arXiv:1607.06450, eq. 3) in which every node has a share.

    Mean and variance over the nodes are sum(share * a) / sum(share), so a node with share 0 is as
    good as not there, and one with share 1/2 counts half. All shares are 1 until gates multiply
    them: `share` is a parameter only so that gates find it, and it is never trained. To those who
    look for layer norms (torch-pruning does) it is one.
    """

    def __init__(self, nodes: int, *, eps: float = 1e-5) -> None:
        super().__init__(nodes, eps=eps)
        self.share = nn.Parameter(torch.ones(nodes), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised x (rows, nodes)."""
        # Soft gates may all be 0 for a while, which must not make an endless slope.
        part = self.share / self.share.sum().clamp(min=_LEAST)
        centred = x - (x @ part)[:, None]
        variance = (centred.square() @ part)[:, None]
        return torch.addcmul(self.bias, centred * (variance + self.eps).rsqrt(), self.weight)


NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "none": nn.Identity,
    "batch": BatchNorm,
    "layer": SharedNorm,
}
