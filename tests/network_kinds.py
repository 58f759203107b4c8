"""Networks of every kind, small, and jets that they can tell apart; for tests."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ftag_prune.architecture import DeepSets, Mlp, TrackOrigin, Transformer
from ftag_prune.networks import build
from ftag_prune.tensors import Jets

INPUTS, CLASSES, SLOTS = 5, 3, 9
TRACKS = ("d0", "z0", "deta", "dphi", "log_ptfrac", "hits")

KINDS = {
    "mlp": Mlp(hidden=(9, 7, 7)),
    "mlp batch": Mlp(hidden=(9, 7, 7), norm="batch", activation="silu", dropout=0.1),
    "mlp layer": Mlp(hidden=(9, 7, 7), norm="layer", activation="gelu"),
    "mlp residual": Mlp(width=8, depth=4, residual=True, activation="tanh"),
    "mlp linked": Mlp(hidden=(9, 9, 7, 7, 7), residual=(2, 5), norm="layer"),
    "mlp linked batch": Mlp(hidden=(9, 9, 7, 7, 7), residual=(2, 5), norm="batch"),
    "deepsets": DeepSets(track=(9, 8, 7), jet=(7, 6), tracks=("log_ptfrac", "d0", "z0", "deta")),
    "deepsets mean": DeepSets(track=(9,), jet=(7,), jet_inputs=True, pooling="mean"),
    "deepsets batch": DeepSets(track=(9, 7), jet=(7, 5), norm="batch", dropout=0.1),
    "deepsets layer": DeepSets(track=(9, 7), jet=(7, 5), norm="layer", jet_inputs=True),
    "transformer": Transformer(track=(9,), embedding=8, layers=2, heads=4, ff=10, jet=(9, 7)),
    "transformer bare": Transformer(
        track=(), embedding=8, layers=1, heads=3, head_dim=5, ff=10, jet=(9,), jet_inputs=False
    ),
    "transformer norms": Transformer(
        track=(9, 8), embedding=8, layers=1, heads=2, ff=9, jet=(9,), norm="layer", dropout=0.1
    ),
    "transformer origin": Transformer(
        track=(9,), embedding=8, layers=2, heads=4, ff=10, jet=(9,), track_origin=TrackOrigin()
    ),
}


def network_of(kind, seed=1):
    return build(
        KINDS[kind],
        mean=[0.5] * INPUTS,
        std=[2.0] * INPUTS,
        classes=CLASSES,
        seed=seed,
        tracks=TRACKS,
        track_mean=[0.1] * len(TRACKS),
        track_std=[1.5] * len(TRACKS),
    )


def some_jets(number=200, seed=0, slots=SLOTS):
    """Jets whose class shows in their inputs and in their tracks; some have no track."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, number)
    x = rng.normal(size=(number, INPUTS)) + 3 * np.eye(CLASSES, INPUTS)[y]
    tracks = rng.normal(size=(number, slots, len(TRACKS)))
    tracks += 2 * np.eye(CLASSES, len(TRACKS))[y][:, None]
    tracks[..., 2:4] *= 0.2
    valid = rng.random((number, slots)) < 0.6
    valid[:: number // 10] = False
    x[rng.random(x.shape) < 0.05] = np.nan
    tracks[~valid] = 0
    return Jets(
        torch.tensor(x, dtype=torch.float32),
        torch.tensor(tracks, dtype=torch.float32),
        torch.tensor(valid),
        torch.tensor(y),
        torch.ones(number),
        torch.tensor(rng.integers(-1, 8, (number, slots)), dtype=torch.int8),
    )


def trained(network, jets, steps=30):
    """Losses of a few steps, so that norms remember something and logits differ."""
    torch.manual_seed(0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2, fused=True)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = cross_entropy(network(*network.arguments(jets)), jets.y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses
