"""Transformer: tracks that look at each other, and a sum over them that they weigh themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import dropout

from ftag_prune.architecture import TrackOrigin, Transformer
from ftag_prune.errors import TrainingError
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.layer import Layer
from ftag_prune.networks.packed import Group, Packed, packed
from ftag_prune.networks.stack import Stack
from ftag_prune.networks.tracks import Taken, TrackNetwork

__all__ = ["TransformerNetwork"]


class _Block(nn.Module):
    """Attention and a hidden layer, each behind a norm and added to the embedding.

    Pre-norm (Xiong et al., arXiv:2002.04745, figure 1b).
    """

    def __init__(self, architecture: Transformer, *, heads: int, ff: int) -> None:
        super().__init__()
        embedding = architecture.embedding
        self.norm1 = nn.LayerNorm(embedding)
        self.attention = Attention(embedding, heads, head_dim=architecture.head_width)
        self.norm2 = nn.LayerNorm(embedding)
        self.ff = Stack(embedding, (ff,), embedding, how=architecture)
        self._dropout = architecture.dropout

    def forward(self, x: Tensor, groups: Sequence[Group]) -> Tensor:
        """Embeddings (tracks, embedding) of tracks that looked at the others of their jet."""
        x = x + self._dropped(self.attention.among(self.norm1(x), groups))
        return x + self._dropped(self.ff.passed(self.norm2(x)))

    def _dropped(self, x: Tensor) -> Tensor:
        return dropout(x, self._dropout, self.training) if self._dropout else x


class TransformerNetwork(TrackNetwork):
    """Transformer on the tracks of a jet, as ATLAS GN2 (arXiv:2505.19689).

    Each track, with the inputs of its jet, is embedded; the embeddings pass blocks of attention and
    are summed with weights that are a softmax over the tracks of the jet. A jet without tracks has
    a sum of 0, whatever its inputs are.
    """

    architecture: Transformer

    def __init__(self, architecture: Transformer, taken: Taken, *, classes: int) -> None:
        super().__init__(architecture, taken, classes=classes)
        embedding = architecture.embedding
        track, heads, ff, jet = _widths(architecture)
        self.track = Stack(len(taken.columns), track, embedding, how=architecture)
        self.beside = self._beside([*track, embedding][0])
        pairs = zip(heads, ff, strict=True)
        blocks = nn.ModuleList(_Block(architecture, heads=one, ff=two) for one, two in pairs)
        self.blocks = cast("Sequence[_Block]", blocks)
        self.norm = nn.LayerNorm(embedding)
        self.pool = nn.Linear(embedding, 1)
        self.jet = Stack(embedding, jet, classes, how=architecture)
        # Made last, so that the tagger starts as it does without it.
        told = architecture.track_origin
        self.origin = None if told is None else _Origin(architecture, told)

    def forward(self, x: Tensor, tracks: Tensor, valid: Tensor) -> Tensor:
        """Logits (jets, classes); see `TrackNetwork.forward`."""
        _, pooled = self._seen(x, tracks, packed(valid))
        return self.jet.passed(pooled)

    def forward_with_origins(
        self, x: Tensor, tracks: Tensor, valid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (jets, classes) as of `forward`, and those of the origins of the tracks.

        Returns
        -------
        (jets, classes), (jets, slots, `TrackOrigin.classes`)
            The latter are 0 in slots without a track.

        Raises
        ------
        TrainingError
            If the architecture has no `track_origin`.
        """
        if self.origin is None:
            raise TrainingError(
                "a network of kind 'transformer' tells the origins of tracks only with "
                "`track_origin`, which is missing"
            )
        places = packed(valid)
        seen, pooled = self._seen(x, tracks, places)
        return self.jet.passed(pooled), places.put(self.origin(seen, pooled, places))

    def _seen(self, x: Tensor, tracks: Tensor, places: Packed) -> tuple[Tensor, Tensor]:
        """Embeddings (tracks, embedding) of tracks, and of jets (jets, embedding)."""
        added = self.of_jet(x)
        beside = None if added is None else added.index_select(0, places.jet)
        seen = self.track.passed(self.of_each(tracks, places), beside)
        groups = places.groups()
        for block in self.blocks:
            seen = block(seen, groups)
        seen = self.norm(seen)
        return seen, places.summed(seen * places.shares(self.pool(seen)))

    def layers(self) -> tuple[Layer, ...]:
        """Input features, neurons of each layer of a track, heads, neurons between, of the jet."""
        tracks, jets = self.architecture.named()
        made = self._made_beside() if tracks else ()
        found = [
            *self.inputs("track.linear.0.weight"),
            *self.track.nodes(tracks, within="track", made=made),
        ]
        for index, block in enumerate(self.blocks):
            heads = block.attention.layer(f"blocks.{index}.attention")
            found.append(heads._replace(name=f"heads{index + 1}"))
            found += block.ff.nodes([f"ff{index + 1}"], within=f"blocks.{index}.ff")
        return (*found, *self.jet.nodes(jets, within="jet"))

    def counted(self) -> dict[str, nn.Parameter]:
        """Trainable tensors by their name; not those that only tell the origins of tracks."""
        return {
            name: one for name, one in super().counted().items() if not name.startswith("origin.")
        }

    def applied(self) -> Mapping[str, float]:
        """All is there for each slot but what sees the jet; heads compare each with each."""
        slots, embedding = self.architecture.slots, self.architecture.embedding
        found: dict[str, float] = {
            name: slots
            for name in self.counted()
            if name.startswith(("track.", "blocks.", "pool."))
        }
        # A head multiplies queries with keys and weights with values, slots^2 head_dim times each;
        # its columns in the output have embedding * head_dim numbers.
        for index in range(len(self.blocks)):
            found[f"blocks.{index}.attention.output.weight"] += 2 * slots**2 / embedding
        return found


class _Origin(nn.Module):
    """Tells where a track comes from, by its embedding and that of its jet."""

    def __init__(self, architecture: Transformer, told: TrackOrigin) -> None:
        super().__init__()
        embedding, first = architecture.embedding, (*told.hidden, told.classes)[0]
        self.track = Stack(embedding, told.hidden, told.classes, how=architecture)
        self.beside = nn.Linear(embedding, first, bias=False)

    def forward(self, seen: Tensor, pooled: Tensor, places: Packed) -> Tensor:
        """Logits (tracks, origins) of tracks (tracks, embedding), jets (jets, embedding)."""
        beside = self.beside(pooled).index_select(0, places.jet)
        return self.track.passed(seen, beside)


def _widths(
    architecture: Transformer,
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Neurons of a track's layers, heads and neurons of the blocks, neurons of the jet's."""
    nodes = list(architecture.nodes.values())
    first, last = len(architecture.track), len(nodes) - len(architecture.jet)
    return nodes[:first], nodes[first:last:2], nodes[first + 1 : last : 2], nodes[last:]
