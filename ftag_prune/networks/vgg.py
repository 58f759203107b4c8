"""VGG16 on images that are made of the tracks of a jet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from ftag_prune.architecture import Vgg
from ftag_prune.networks.inputs import Inputs, track_columns
from ftag_prune.networks.layer import Axis, Layer, Network
from ftag_prune.tensors import Jets

__all__ = ["VggNetwork", "aligned", "jet_images"]

# Tracks with a thousandth of the jet's pt and more stand out from an empty pixel.
_PT_SCALE = 1000.0

# Whether a convolution is the last of its block: the next one sees a quarter of the pixels.
_POOLED = tuple(place == len(block) for block in Vgg.blocks for place in range(1, len(block) + 1))

# A share of the jet's pt is below one; more than this could not be summed.
_MOST = 1e30

# Closer to an axis than rounding: a single track would lie on this or that side of it by chance.
_ON_AXIS = 1e-5

# Images that are looked at together where nothing is learned: they need not fit into the memory.
_AT_ONCE = 512


def jet_images(tracks: Tensor, valid: Tensor, *, pixels: int, reach: float) -> Tensor:
    """Images (jets, channels, pixels, pixels) of jets; Δη grows downwards, Δφ to the right.

    The channels are log(1 + 1000 * pt share), log(1 + number of tracks), and the mean of each
    further track input, all 0 where there is no track. Sums are made in the order of the tracks.
    Tracks outside of the image or without a place (NaN) are not seen; other inputs that are not
    finite count as 0.

    Parameters
    ----------
    tracks : (jets, tracks, 3 + k), Δη, Δφ, share of the jet's pt, and k further inputs
    valid : (jets, tracks) bool, False where a slot is padding, whatever it holds
    reach : half the width of an image, in Δη and Δφ
    """
    jets, slots, inputs = tracks.shape
    place = (tracks[..., :2] + reach) * (0.5 * pixels / reach)
    seen = valid & ((place >= 0) & (place < pixels)).all(dim=2)
    row, column = torch.where(seen[..., None], place, 0.0).long().unbind(2)
    image = torch.arange(jets, device=tracks.device)[:, None]
    pixel = (image * pixels + row) * pixels + column  # (jets, tracks)
    content = torch.cat([tracks[..., 2:3], torch.ones_like(tracks[..., :1]), tracks[..., 3:]], 2)
    content = content.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    content = torch.where(seen[..., None], content, 0.0)
    summed = content.new_zeros(jets * pixels**2, inputs - 1)
    summed.index_add_(0, pixel.flatten(), content.view(jets * slots, inputs - 1))
    pt, number, further = summed[:, :1], summed[:, 1:2], summed[:, 2:]
    filled = [
        (_PT_SCALE * pt.clamp(min=0, max=_MOST)).log1p(),
        number.log1p(),
        further / number.clamp(min=1),
    ]
    return torch.cat(filled, dim=1).view(jets, pixels, pixels, -1).movedim(3, 1)


def aligned(tracks: Tensor, valid: Tensor) -> Tensor:
    """Tracks, turned so that the long axis of their pt lies along Δη, and mirrored to one side.

    Both Δη and Δφ then have a mean, weighted with pt, that is not negative: what a network would
    have to learn about turned and mirrored jets is taken out (Cogan et al., arXiv:1407.5675).

    Parameters
    ----------
    tracks, valid : as in `jet_images`; the same comes back, in other places
    """
    eta, phi, share = tracks[..., 0], tracks[..., 1], tracks[..., 2]
    known = valid & (eta + phi + share).isfinite()
    x, y, weight = (torch.where(known, one, 0.0) for one in (eta, phi, share))
    cross = (weight * x * y).sum(1, keepdim=True)
    spread = (weight * (x * x - y * y)).sum(1, keepdim=True)
    # No direction is as good as any; what atan2(0, 0) is, libraries disagree about.
    spread = torch.where((cross == 0) & (spread == 0), 1.0, spread)
    angle = 0.5 * torch.atan2(2 * cross, spread)  # (jets, 1)
    sine, cosine = angle.sin(), angle.cos()
    sides = []
    for x_share, y_share in ((cosine, sine), (-sine, cosine)):
        side = x_share * eta + y_share * phi
        side = torch.where(side.abs() < _ON_AXIS, 0.0, side)
        negative = torch.where(known, weight * side, 0.0).sum(1, keepdim=True) < 0
        sides.append(side * torch.where(negative, -1.0, 1.0))
    return torch.cat([torch.stack(sides, dim=2), tracks[..., 2:]], dim=2)


class VggNetwork(Network):
    """VGG16 (Simonyan and Zisserman, arXiv:1409.1556, table 1, column D) on images of jets.

    Thirteen convolutions of 3 x 3 pixels in five blocks, each block followed by a maximum over
    2 x 2 pixels, and three fully connected layers. Each convolution is followed by a batch norm,
    as the paper's authors had none yet; a batch norm without weights stands before the first and
    normalises the images.

    Parameters
    ----------
    columns : places of the inputs ``architecture.tracks`` among those of the tracks
    """

    architecture: Vgg
    columns: Tensor

    def __init__(self, architecture: Vgg, *, columns: Sequence[int], classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.long))
        channels = len(columns) - 1
        nodes = list(architecture.nodes.values())
        filters, neurons = nodes[: len(_POOLED)], nodes[len(_POOLED) :]
        self.normalise = nn.BatchNorm2d(channels, affine=False)
        self.convolution = nn.ModuleList(
            nn.Conv2d(first, second, 3, padding=1)
            for first, second in pairwise([channels, *filters])
        )
        self.norm = nn.ModuleList(nn.BatchNorm2d(one) for one in filters)
        widths = [filters[-1] * self._last_pixels, *neurons, classes]
        self.linear = nn.ModuleList(nn.Linear(first, second) for first, second in pairwise(widths))
        self._start()

    @classmethod
    def of(cls, architecture: Vgg, *, about: Inputs, classes: int) -> Self:
        """VGG16 on the track inputs that its architecture names."""
        columns = track_columns(architecture, about.tracks)
        return cls(architecture, columns=columns, classes=classes)

    @classmethod
    def shaped(cls, architecture: Vgg, tensors: Mapping[str, Tensor], *, classes: int) -> Self:
        """VGG16 with the track inputs of a saved one."""
        return cls(architecture, columns=tensors["columns"].tolist(), classes=classes)

    def _start(self) -> None:
        """Weights that keep the size of signals and gradients (He et al., arXiv:1502.01852)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                last = module is self.linear[-1]
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if last else "relu")
                nn.init.zeros_(module.bias)

    def forward(self, tracks: Tensor, valid: Tensor) -> Tensor:
        """Logits (jets, classes) of tracks (jets, tracks, inputs), of which `valid` are there."""
        if self.training or torch.is_grad_enabled():
            return self._logits(self.images(tracks, valid))
        parts = zip(torch.split(tracks, _AT_ONCE), torch.split(valid, _AT_ONCE), strict=True)
        return torch.cat([self._logits(self.images(*part)) for part in parts])

    @torch.no_grad()
    def images(self, tracks: Tensor, valid: Tensor) -> Tensor:
        """Images (jets, channels, pixels, pixels) before they are normalised."""
        chosen = tracks.index_select(2, self.columns)
        if self.architecture.log_weight:
            chosen[..., 2] = chosen[..., 2].exp()
        if self.architecture.aligned:
            chosen = aligned(chosen, valid)
        return jet_images(
            chosen, valid, pixels=self.architecture.pixels, reach=self.architecture.reach
        )

    def _logits(self, images: Tensor) -> Tensor:
        hidden = self.normalise(images)
        for convolution, norm, pooled in zip(self.convolution, self.norm, _POOLED, strict=True):
            hidden = relu(norm(convolution(hidden)))
            if pooled:
                hidden = max_pool2d(hidden, 2)
        hidden = hidden.flatten(1)
        *inner, final = self.linear
        for linear in inner:
            hidden = relu(linear(hidden))
        logits: Tensor = final(hidden)
        return logits

    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """The tracks, and which of them are there.

        Raises
        ------
        TrainingError
            If the jets have no tracks.
        """
        return self.of_tracks(jets)

    def layers(self) -> tuple[Layer, ...]:
        """Filters of each convolution, and neurons of the two fully connected layers."""
        counts = self.architecture.nodes
        places = [f"convolution.{i}" for i in range(len(self.convolution))]
        places += [f"linear.{i}" for i in range(len(self.linear))]
        return tuple(
            Layer(name, nodes, self._made(place), self._used(following))
            for (name, nodes), (place, following) in zip(
                counts.items(), pairwise(places), strict=True
            )
        )

    def _made(self, place: str) -> tuple[Axis, ...]:
        """Tensors that make the nodes: of a convolution also those of its batch norm."""
        own = (Axis(f"{place}.weight", 0), Axis(f"{place}.bias", 0))
        kind, index = place.split(".")
        if kind == "linear":
            return own
        normed = ("weight", "bias", "running_mean", "running_var")
        return own + tuple(Axis(f"norm.{index}.{tensor}", 0) for tensor in normed)

    def _used(self, following: str) -> tuple[Axis, ...]:
        inner = self._last_pixels if following == "linear.0" else 1
        return (Axis(f"{following}.weight", 1, inner=inner),)

    @property
    def _last_pixels(self) -> int:
        """Pixels of an image after the last block."""
        side = self.architecture.pixels >> len(self.architecture.blocks)
        return side * side

    def applied(self) -> Mapping[str, float]:
        """Pixels that each convolution makes."""
        found: dict[str, float] = {}
        pixels = self.architecture.pixels
        for index, pooled in enumerate(_POOLED):
            found[f"convolution.{index}.weight"] = pixels**2
            pixels = pixels // 2 if pooled else pixels
        return found
