"""Self-attention whose heads can be cut out."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ftag_prune.errors import ConfigError
from ftag_prune.networks.layer import Axis, Layer

__all__ = ["Attention"]


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., arXiv:1706.03762, section 3.2.2).

    The inner width heads * head_dim does not depend on the embedding, so that a network with fewer
    heads is one of the same kind; `torch.nn.MultiheadAttention` ties the two together. The rows of
    the packed `projection` are ordered (query key value, heads, head_dim).

    Parameters
    ----------
    embedding : int
        Features of a track, in and out.
    head_dim : int, optional
        Inner features of a head; embedding / heads if it is not given.

    Raises
    ------
    ConfigError
        If no `head_dim` is given and the heads do not divide the embedding.
    """

    def __init__(self, embedding: int, heads: int, *, head_dim: int | None = None) -> None:
        super().__init__()
        if head_dim is None and embedding % heads:
            raise ConfigError(
                f"{heads} heads do not divide an embedding of {embedding}: give a head_dim"
            )
        self.heads = heads
        self.head_dim = embedding // heads if head_dim is None else head_dim
        inner = self.heads * self.head_dim
        self.projection = nn.Linear(embedding, 3 * inner)
        self.output = nn.Linear(inner, embedding)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Tracks that looked at each other.

        Parameters
        ----------
        x : (jets, tracks, embedding)
        valid : (jets, tracks) bool, optional
            False where a slot is padding: nobody looks there, whatever it holds. All are valid if
            it is not given.

        Returns
        -------
        (jets, tracks, embedding)
            Finite in padded slots and in jets without any track, which have nothing to look at and
            get the bias of `output`.
        """
        if valid is None:
            return self._mixed(x, None)
        any_track = valid.any(dim=1, keepdim=True)  # (jets, 1)
        # A softmax over nothing is 0/0, whatever a backend makes of it: such a jet looks at all of
        # its empty slots, and what it has seen is multiplied by zero.
        seen = (valid | ~any_track)[:, None, None, :]  # (jets, heads, from, to)
        x = x.masked_fill(~valid[:, :, None], 0.0)
        return self._mixed(x, seen, share=any_track[:, :, None].to(x.dtype))

    def _mixed(self, x: Tensor, seen: Tensor | None, share: Tensor | None = None) -> Tensor:
        packed = self.projection(x).unflatten(2, (3, self.heads, self.head_dim))
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)  # (jets, heads, tracks, dim)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=seen)
        inner = mixed.transpose(1, 2).flatten(2)  # (jets, tracks, heads * dim)
        output: Tensor = self.output(inner if share is None else inner * share)
        return output

    def layer(self, name: str) -> Layer:
        """Its heads as nodes, in a network that has it as module `name` (with dots)."""
        rows = {"outer": 3, "inner": self.head_dim}
        start = f"{name}." if name else ""
        return Layer(
            name or "heads",
            self.heads,
            made=(
                Axis(f"{start}projection.weight", 0, **rows),
                Axis(f"{start}projection.bias", 0, **rows),
            ),
            used=(Axis(f"{start}output.weight", 1, inner=self.head_dim),),
        )
