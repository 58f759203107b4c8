"""A shadow over networks that are not ours, from the first gate to the smaller network."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from ftag_prune.compact import closed
from ftag_prune.gates import Annealed, Budget, StraightThrough
from ftag_prune.graph import compacted, layers_of
from ftag_prune.networks import cost_of
from ftag_prune.networks.attention import Attention
from ftag_prune.pruning_loss import Squared
from ftag_prune.shadow import Part, Shadow, chosen, folded, gated

STEPS = 60


class Images(nn.Module):
    """Convolutions with batch norm around a shortcut, pooled, and two linear layers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.hidden, self.head = nn.Linear(8 * 16, 12), nn.Linear(12, 3)

    def forward(self, x):
        x = self.stem(x)
        x = nn.functional.max_pool2d(x + self.block(x), 2)
        return self.head(torch.relu(self.hidden(x.flatten(1))))


class Tracks(nn.Module):
    """A transformer block on tracks, and their mean."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(5, 12)
        self.norm1, self.attention = nn.LayerNorm(12), Attention(12, 4)
        self.norm2, self.up, self.down = nn.LayerNorm(12), nn.Linear(12, 20), nn.Linear(20, 12)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = self.embed(x)
        x = x + self.attention(self.norm1(x))
        x = x + self.down(torch.relu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


CASES = {"images": (Images, (2, 8, 8)), "tracks": (Tracks, (7, 5))}


def train(network, shadow, x, y):
    """Some steps of weights and gates, which end hard."""
    network.train()
    groups = [{"params": network.parameters()}, {"params": shadow.parameters(), "lr": 5e-2}]
    optimiser = torch.optim.AdamW(groups, lr=3e-3)
    for step in range(STEPS):
        gates = shadow(progress=step / STEPS)
        loss = cross_entropy(gated(network, shadow.layers, gates.value, (x,)), y)
        pressed = 30 * shadow.pruning_loss(gates, Squared()) if shadow.gate.pressed else 0
        optimiser.zero_grad()
        (loss + pressed).backward()
        optimiser.step()


@pytest.mark.parametrize("unit", ["nodes", "parameters"])
@pytest.mark.parametrize("gate", [Budget(), StraightThrough(), Annealed()], ids=lambda g: g.kind)
@pytest.mark.parametrize("case", CASES)
def test_any_network_is_pruned_to_what_is_asked(case, gate, unit):
    torch.manual_seed(3)
    kind, shape = CASES[case]
    network, x = kind(), torch.randn(256, *shape)
    y = x.flatten(1)[:, :3].argmax(1)
    layers = layers_of(network, (x[:8],))
    cost = cost_of(layers, dict(network.named_parameters()), unit=unit)
    budget = round(0.4 * cost.whole) if unit == "nodes" else 0.4 * cost.whole
    shadow = Shadow(layers, gate, [Part(cost, budget)])
    train(network, shadow, x, y)
    network.eval()
    with torch.no_grad():
        gates = shadow(progress=1.0).value
        kept = chosen(shadow.theta, shadow.parts, floor=1)
        masked = gated(network, layers, closed(gates, layers, kept), (x,))
        ready = deepcopy(network)
        ready.load_state_dict(folded(dict(ready.named_parameters()), layers, gates), strict=False)
        small = compacted(ready, (x[:8],), layers, kept)
        torch.testing.assert_close(small(x), masked, rtol=0, atol=1e-5)
    left = sum(one.numel() for one in small.parameters())
    if unit == "nodes":
        assert sum(map(len, kept)) == budget
    else:
        assert left <= budget
        assert left == cost.of([len(one) for one in kept])
    assert left < sum(one.numel() for one in network.parameters())
