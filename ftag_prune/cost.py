"""What a network costs as a function of the nodes that are left in each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Cost", "Term", "of_nodes"]


class Term(NamedTuple):
    """``factor`` times the number of nodes in each of the layers (by index; one may stand twice).

    A weight matrix between two hidden layers is Term(1, (0, 1)), a bias Term(1, (1,)), and what no
    pruning changes Term(n, ()).
    """

    factor: float
    layers: tuple[int, ...]


class Cost(NamedTuple):
    """Nodes, parameters or multiply-accumulates: a polynomial in the nodes of the layers.

    Attributes
    ----------
    unit : str
        nodes, parameters or multiplications
    sizes : (layers,)
        Nodes that are there now.
    terms : tuple of Term
    whole : float
        Cost before anything was pruned; stays when sizes shrink.
    """

    unit: str
    sizes: tuple[int, ...]
    terms: tuple[Term, ...]
    whole: float

    def of(self, counts: Any) -> Any:
        """Cost of counts (layers,); numbers, arrays or tensors, as the counts are."""
        return sum(
            math.prod((counts[one] for one in term.layers), start=term.factor)
            for term in self.terms
        )

    def slopes(self, counts: Any) -> list[float]:
        """Cost of one more node in each layer (layers,): the derivatives at the counts."""
        found = [0.0] * len(self.sizes)
        for term in self.terms:
            for place, layer in enumerate(term.layers):
                others = term.layers[:place] + term.layers[place + 1 :]
                found[layer] += math.prod((counts[one] for one in others), start=term.factor)
        return found

    def resized(self, sizes: Sequence[int]) -> Cost:
        """The same with other nodes there now."""
        return self._replace(sizes=tuple(sizes))


def of_nodes(sizes: Sequence[int], *, whole: float | None = None) -> Cost:
    """Every node costs one."""
    terms = tuple(Term(1.0, (index,)) for index in range(len(sizes)))
    return Cost("nodes", tuple(sizes), terms, float(sum(sizes)) if whole is None else whole)
