"""Self-attention whose heads can be cut out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ftag_prune.errors import ConfigError
from ftag_prune.networks.layer import Axis, Layer
from ftag_prune.networks.packed import Group

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

    def among(self, x: Tensor, groups: Sequence[Group]) -> Tensor:
        """Tracks that looked at the others of their jet, without empty slots; as `forward`.

        Parameters
        ----------
        x : (tracks, embedding), in the order of the groups
        groups : of jets

        Returns
        -------
        (tracks, embedding)
        """
        packed, numbers = self.projection(x), [group.tracks for group in groups]
        parts = packed.split(numbers) if len(groups) > 1 else (packed,)
        inner = [self._within(part, group) for part, group in zip(parts, groups, strict=True)]
        output: Tensor = self.output(torch.cat(inner) if len(groups) > 1 else inner[0])
        return output

    def _within(self, packed: Tensor, group: Group) -> Tensor:
        """Inner features (tracks, heads * head_dim) of the projections of a group."""
        # Where no slot is empty, nothing is put anywhere; an exported network is one for all.
        if not torch.onnx.is_in_onnx_export() and group.tracks == group.jets * group.most:
            return self._full(packed, group)
        heads, most = self.heads, group.most
        head = torch.arange(heads, device=packed.device)
        place = (group.jet[:, None] * heads + head) * most + group.rank[:, None]  # (tracks, heads)
        room = group.jets * heads * most
        kind = torch.arange(3, device=packed.device)[:, None]
        places = (kind * room + place[:, None]).flatten()  # (tracks, query key value, heads)
        empty = packed.new_zeros(3 * room, self.head_dim)
        padded = empty.index_copy(0, places, packed.reshape(-1, self.head_dim))
        query, key, value = padded.view(3, -1, most, self.head_dim).unbind(0)
        hidden = packed.new_zeros(group.absent.shape).masked_fill(group.absent, -torch.inf)
        hidden = hidden[:, None].expand(-1, heads, -1).reshape(-1, most, 1)
        # Keys stand before queries: on a CPU a softmax over short last dimensions is slow. That of
        # a jet without tracks is 0/0, and nobody takes it.
        scores = torch.baddbmm(hidden, key, query.transpose(1, 2), alpha=self.head_dim**-0.5)
        mixed = torch.bmm(scores.softmax(1).transpose(1, 2), value)  # (jets * heads, most, dim)
        taken = mixed.reshape(room, self.head_dim).index_select(0, place.flatten())
        return taken.view(-1, heads * self.head_dim)

    def _full(self, packed: Tensor, group: Group) -> Tensor:
        """The same where all jets have as many tracks."""
        shape = (group.jets, group.most, 3, self.heads, self.head_dim)
        query, key, value = packed.reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = scaled_dot_product_attention(query, key, value)  # (jets, heads, tracks, head_dim)
        return mixed.transpose(1, 2).reshape(group.tracks, self.heads * self.head_dim)

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
