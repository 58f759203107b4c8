"""Train and prune flavour taggers, and say how small they can be."""

__version__ = "0.1.0"
