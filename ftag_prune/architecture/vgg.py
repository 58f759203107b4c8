"""VGG16 on images of jets, before it is built."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from ftag_prune.spec import Spec

__all__ = ["Vgg"]


class Vgg(Spec):
    """VGG16 on images of jets; the nodes are its 4,224 filters and 8,192 neurons.

    An image is made of the tracks of a jet: a square around its axis, with the pt, the number and
    the displacement of the tracks in each pixel. ``blocks`` are the filters of the convolutions,
    block by block, and ``neurons`` those of the fully connected layers, both for a multiplier of 1
    (Simonyan and Zisserman, arXiv:1409.1556, table 1, column D).
    """

    blocks: ClassVar[tuple[tuple[int, ...], ...]] = (
        (64, 64),
        (128, 128),
        (256, 256, 256),
        (512, 512, 512),
        (512, 512, 512),
    )
    neurons: ClassVar[tuple[int, ...]] = (4096, 4096)

    needs_tracks: ClassVar[bool] = True
    selects_inputs: ClassVar[bool] = False

    kind: Literal["vgg"] = "vgg"
    multiplier: float = Field(
        1.0, gt=0, description="of all numbers of nodes; they are rounded and at least 1"
    )
    sizes: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, description="nodes of each layer, from input to output, instead of the multiplier"
    )
    pixels: int = Field(32, ge=32, multiple_of=32, description="of an image in each direction")
    reach: float = Field(1.0, gt=0, description="half the width of an image, in Δη and Δφ")
    aligned: bool = Field(
        default=True, description="turn and mirror each jet to the long axis of its pt"
    )
    position: tuple[str, str] = Field(("deta", "dphi"), description="track inputs with Δη and Δφ")
    weight: str = Field("log_ptfrac", description="track input with the share of the jet's pt")
    log_weight: bool = Field(default=True, description="the weight is a logarithm")
    displacement: tuple[str, ...] = Field(
        ("log_d0_sig", "log_z0_sig"), description="track inputs whose mean in a pixel is seen"
    )

    @field_validator("sizes")
    @classmethod
    def _all_layers(cls, sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        layers = sum(map(len, cls.blocks)) + len(cls.neurons)
        if sizes is not None and len(sizes) != layers:
            raise ValueError(f"{len(sizes)} numbers of nodes; VGG16 has {layers} such layers")
        return sizes

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of the track inputs that it takes: Δη, Δφ, weight, displacements."""
        return (*self.position, self.weight, *self.displacement)

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes of each layer by its name, from input to output."""
        names = [
            f"conv{block}_{place}"
            for block, filters in enumerate(self.blocks, start=1)
            for place in range(1, len(filters) + 1)
        ]
        names += [f"fc{place}" for place in range(6, 6 + len(self.neurons))]
        whole = (*chain.from_iterable(self.blocks), *self.neurons)
        scaled = tuple(max(1, round(self.multiplier * nodes)) for nodes in whole)
        return dict(zip(names, self.sizes or scaled, strict=True))

    def resized(self, nodes: Mapping[str, int]) -> Vgg:
        """Build the same architecture with other numbers of nodes in some layers."""
        sizes = tuple(nodes.get(name, now) for name, now in self.nodes.items())
        return self.model_copy(update={"sizes": sizes})
