"""Nodes of any network: found where they are, and cut out without a trace."""

import logging
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.func import functional_call

from ftag_prune.architecture import Mlp
from ftag_prune.errors import FtagPruneError
from ftag_prune.graph import compacted, layers_of
from ftag_prune.networks import build
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.layer import Axis, Layer

JETS = 1200


@pytest.fixture(autouse=True)
def _one_seed():
    torch.manual_seed(5)


# -- networks ------------------------------------------------------------------------------------


class Residual(nn.Module):
    """Two convolutions around which the image flows unchanged, as in a ResNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(6)
        self.first = nn.Conv2d(6, 5, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(5)
        self.second = nn.Conv2d(5, 6, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.norm0(self.stem(x)).relu()
        x = (x + self.norm2(self.second(self.norm1(self.first(x)).relu()))).relu()
        return self.head(x.mean(dim=(2, 3)))


class Block(nn.Module):
    """Pre-norm block of a transformer."""

    def __init__(self, embedding):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(embedding), nn.LayerNorm(embedding)
        self.attention = Attention(embedding, 4, head_dim=3)
        self.feed = nn.Sequential(nn.Linear(embedding, 10), nn.GELU(), nn.Linear(10, embedding))

    def forward(self, x, valid):
        x = x + self.attention(self.norm1(x), valid)
        return x + self.feed(self.norm2(x))


class Transformer(nn.Module):
    """Tracks to jets by two blocks and a masked mean."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(5, 8)
        self.blocks = nn.ModuleList([Block(8), Block(8)])
        self.head = nn.Sequential(nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3))

    def forward(self, x, valid):
        x = self.embed(x)
        for block in self.blocks:
            x = block(x, valid)
        count = valid.sum(dim=1, keepdim=True).clamp(min=1)
        return self.head((x * valid[..., None]).sum(dim=1) / count)


class Plain(nn.Module):
    """Attention without a norm: the embedding itself has nodes."""

    def __init__(self):
        super().__init__()
        self.embed, self.attention = nn.Linear(5, 8), Attention(8, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x, valid):
        x = self.embed(x).relu()
        return self.head((x + self.attention(x, valid=valid)).relu().mean(dim=1))


class InDepth(nn.Module):
    """A separable convolution between two of one pixel, and a transposed one."""

    def __init__(self):
        super().__init__()
        self.wide, self.norm0 = nn.Conv2d(2, 6, 1), nn.BatchNorm2d(6)
        self.depth, self.norm1 = nn.Conv2d(6, 6, 3, groups=6), nn.BatchNorm2d(6)
        self.up = nn.ConvTranspose2d(6, 5, 2)
        self.last = nn.Conv2d(5, 3, 1)

    def forward(self, x):
        x = self.norm0(self.wide(x)).relu()
        x = self.norm1(self.depth(x)).relu()
        return self.last(self.up(x).sigmoid()).mean(dim=(2, 3))


def perceptron():
    return nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 3)
    )


def images():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.PReLU(6),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 2 * 2, 7),
        nn.Tanh(),
        nn.Linear(7, 3),
    )


def lived(module):
    """The network after a training: batch norms that remember, no weight at its start value."""
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.uniform_(0.5, 1.5)
    return module.eval()


def tracks(jets):
    valid = torch.rand(jets, 6) < 0.6
    valid[:2] = False
    return torch.randn(jets, 6, 5), valid


def image(jets):
    return (torch.randn(jets, 2, 8, 8),)


def made(*names):
    return tuple(Axis(name, 0) for name in names)


def convolution(name, norm, *, bias=True):
    weights = (f"{name}.weight", f"{name}.bias") if bias else (f"{name}.weight",)
    return made(*weights, *(f"{norm}.{one}" for one in NORM))


NORM = ("weight", "bias", "running_mean", "running_var")


def heads(name):
    return Layer(
        name,
        4,
        (
            Axis(f"{name}.projection.weight", 0, 3, 3),
            Axis(f"{name}.projection.bias", 0, 3, 3),
        ),
        (Axis(f"{name}.output.weight", 1, 1, 3),),
    )


def dense(name, nodes, after, *, inner=1):
    used = (Axis(f"{after}.weight", 1, 1, inner),)
    return Layer(name, nodes, made(f"{name}.weight", f"{name}.bias"), used)


CASES = {
    "perceptron": (
        perceptron,
        lambda jets: (torch.randn(jets, 4),),
        (dense("0", 6, "3"), dense("3", 5, "5")),
    ),
    "images": (
        images,
        image,
        (
            Layer("0", 6, (*convolution("0", "1"), Axis("2.weight", 0)), (Axis("4.weight", 1),)),
            dense("4", 4, "8", inner=4),
            dense("8", 7, "10"),
        ),
    ),
    "residual": (
        Residual,
        image,
        (
            Layer(
                "stem",
                6,
                convolution("stem", "norm0", bias=False) + convolution("second", "norm2"),
                (Axis("first.weight", 1), Axis("head.weight", 1)),
            ),
            Layer("first", 5, convolution("first", "norm1"), (Axis("second.weight", 1),)),
        ),
    ),
    "transformer": (
        Transformer,
        tracks,
        (
            heads("blocks.0.attention"),
            dense("blocks.0.feed.0", 10, "blocks.0.feed.2"),
            heads("blocks.1.attention"),
            dense("blocks.1.feed.0", 10, "blocks.1.feed.2"),
            dense("head.0", 7, "head.2"),
        ),
    ),
    "plain": (
        Plain,
        tracks,
        (
            Layer(
                "embed",
                8,
                made(
                    "embed.weight", "embed.bias", "attention.output.weight", "attention.output.bias"
                ),
                (Axis("attention.projection.weight", 1), Axis("head.weight", 1)),
            ),
            heads("attention")._replace(
                nodes=2,
                made=(
                    Axis("attention.projection.weight", 0, 3, 4),
                    Axis("attention.projection.bias", 0, 3, 4),
                ),
                used=(Axis("attention.output.weight", 1, 1, 4),),
            ),
        ),
    ),
    "in depth": (
        InDepth,
        image,
        (
            Layer(
                "wide",
                6,
                convolution("wide", "norm0") + convolution("depth", "norm1"),
                (Axis("up.weight", 0),),
            ),
            Layer("up", 5, (Axis("up.weight", 1), Axis("up.bias", 0)), (Axis("last.weight", 1),)),
        ),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    network, jets, layers = CASES[request.param]
    return lived(network()), jets, layers


# -- what the tests do by hand -------------------------------------------------------------------


def along(axis, gates):
    """Gates of nodes as numbers along an axis."""
    return gates.repeat_interleave(axis.inner).repeat(axis.outer)


def folded(module, layers, gates):
    tensors = {name: one.clone() for name, one in module.state_dict().items()}
    for layer, part in zip(layers, gates):
        for axis in layer.used:
            shape = [1] * tensors[axis.tensor].dim()
            shape[axis.dim] = -1
            tensors[axis.tensor] *= along(axis, part).view(shape)
    return tensors


def some(nodes):
    """A third of the nodes, at least one."""
    return tuple(sorted(torch.randperm(nodes)[: max(1, nodes // 3)].tolist()))


def closed(gates, kept):
    return [
        torch.zeros_like(part).index_copy(0, torch.tensor(one), part[list(one)])
        for part, one in zip(gates, kept)
    ]


def left(module, layers, kept):
    """Parameters of the network without the nodes that are not kept, tensor by tensor."""
    shapes = {name: list(one.shape) for name, one in module.named_parameters()}
    for layer, one in zip(layers, kept):
        for axis in (*layer.made, *layer.used):
            if axis.tensor in shapes:
                shapes[axis.tensor][axis.dim] = axis.outer * len(one) * axis.inner
    return {name: tuple(shape) for name, shape in shapes.items()}


# -- the invariants ------------------------------------------------------------------------------


def test_layers_are_found_where_they_are(case):
    module, jets, layers = case
    assert layers_of(module, jets(3)) == layers


@torch.no_grad()
def test_compacted_equals_masked(case):
    module, jets, layers = case
    gates = [torch.rand(layer.nodes) for layer in layers]
    kept = tuple(some(layer.nodes) for layer in layers)
    tensors = folded(module, layers, closed(gates, kept))
    ready = deepcopy(module)
    ready.load_state_dict(folded(module, layers, gates))
    small = compacted(ready, jets(2), layers, kept)
    x = jets(JETS)
    masked = functional_call(module, tensors, x)
    assert (masked - module(*x)).abs().max() > 1e-3
    assert (masked - small(*x)).abs().max() < 1e-5
    shapes = {name: tuple(one.shape) for name, one in small.named_parameters()}
    assert shapes == left(module, layers, kept)
    assert sum(one.numel() for one in small.parameters()) < sum(
        one.numel() for one in module.parameters()
    )


def test_kept_weights_are_the_same_numbers(case):
    module, jets, layers = case
    kept = tuple(some(layer.nodes) for layer in layers)
    small = compacted(module, jets(2), layers, kept).state_dict()
    expected = module.state_dict()
    for layer, one in zip(layers, kept):
        for axis in (*layer.made, *layer.used):
            on = torch.zeros(layer.nodes).index_fill(0, torch.tensor(one), 1.0)
            where = along(axis, on).nonzero().flatten()
            expected[axis.tensor] = expected[axis.tensor].index_select(axis.dim, where)
    assert small.keys() == expected.keys()
    assert all(torch.equal(small[name], expected[name]) for name in expected)


def test_the_smaller_network_has_the_same_layers(case):
    module, jets, layers = case
    kept = tuple(some(layer.nodes) for layer in layers)
    small = compacted(module, jets(2), layers, kept)
    found = layers_of(small, jets(3))
    assert [(one.name, one.nodes) for one in found] == [
        (layer.name, len(one)) for layer, one in zip(layers, kept)
    ]


def test_exact_number_of_parameters():
    module = lived(Residual())
    layers = layers_of(module, image(2))
    small = compacted(module, image(2), layers, ((0, 5), (1, 2, 4)))
    stem, norm0 = 2 * 2 * 9, 2 * 2
    first, norm1 = 2 * 3 * 9 + 3, 2 * 3
    second, norm2 = 3 * 2 * 9 + 2, 2 * 2
    head = 2 * 3 + 3
    count = sum(one.numel() for one in small.parameters())
    assert count == stem + norm0 + first + norm1 + second + norm2 + head


def test_our_own_network_tells_the_same():
    network = build(Mlp(hidden=(6, 5), activation="gelu"), mean=[0.0] * 4, std=[1.0] * 4, classes=3)
    names = {"linear.0": "hidden1", "linear.1": "hidden2"}
    found = layers_of(network, (torch.randn(3, 4),))
    assert tuple(one._replace(name=names[one.name]) for one in found) == network.layers()[1:]


def test_compacted_finds_layers_under_other_names():
    network = build(Mlp(hidden=(6, 5)), mean=[0.0] * 4, std=[1.0] * 4, classes=3)
    small = compacted(network, (torch.randn(2, 4),), network.layers()[1:], ((0, 3), (1,)))
    assert [one.out_features for one in small.linear] == [2, 1, 3]


# -- the argument stays as it is -----------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_the_argument_stays_as_it_is(case, training):
    module, jets, layers = case
    module.train(training)
    next(module.parameters()).requires_grad_(False)
    before = {name: one.clone() for name, one in module.state_dict().items()}
    layers_of(module, jets(3))
    small = compacted(module, jets(2), layers, tuple(some(layer.nodes) for layer in layers))
    after = module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    for one in (module, small):
        assert all(part.training == training for part in one.modules())
        flags = [parameter.requires_grad for parameter in one.parameters()]
        assert flags == [False] + [True] * (len(flags) - 1)
    assert not any("forward" in vars(part) for one in (module, small) for part in one.modules())


def test_a_frozen_batch_norm_stays_frozen():
    module = lived(Residual()).train()
    module.norm1.eval()
    small = compacted(module, image(2), layers_of(module, image(2)), ((0, 5), (1, 2)))
    assert small.training
    assert small.norm2.training
    assert not small.norm1.training


def test_works_without_gradients():
    with torch.no_grad():
        layers = layers_of(perceptron(), (torch.randn(3, 4),))
        small = compacted(perceptron(), (torch.randn(2, 4),), layers, ((0, 1), (2,)))
    assert [one.requires_grad for one in small.parameters()] == [True] * 6


def test_layers_can_be_kept_whole(case):
    module, jets, layers = case
    x = jets(20)
    same = compacted(module, jets(2), layers, [range(layer.nodes) for layer in layers])
    assert torch.equal(same(*x), module(*x))
    alone = compacted(module, jets(2), layers[:1], [range(1)])
    shapes = {name: tuple(one.shape) for name, one in alone.named_parameters()}
    assert shapes == left(module, layers[:1], [(0,)])


def test_the_order_in_which_kept_nodes_are_told_does_not_matter():
    module, x = perceptron().eval(), torch.randn(9, 4)
    layers = layers_of(module, (x,))
    one = compacted(module, (x,), layers, ((0, 2, 4), (1, 3)))
    two = compacted(module, (x,), layers, ((4, 0, 2), (3, 1)))
    assert torch.equal(one(x), two(x))


def test_no_random_number_of_the_caller_is_used():
    module = perceptron()
    state = torch.get_rng_state()
    layers = layers_of(module, (torch.ones(3, 4),))
    compacted(module, (torch.ones(3, 4),), layers, ((0,), (1,)))
    assert torch.equal(state, torch.get_rng_state())


# -- what is left out ----------------------------------------------------------------------------


class Through(nn.Module):
    """Three linear layers with something between the first and the second."""

    def __init__(self, between, nodes=6, seen=6):
        super().__init__()
        self.first, self.second = nn.Linear(4, nodes), nn.Linear(seen, 5)
        self.last = nn.Linear(5, 3)
        self.between = between

    def forward(self, x):
        return self.last(self.second(self.between(self.first(x))).relu())


class Called(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Scaled(nn.Module):
    """A number for each node that no module knows of."""

    def __init__(self, *, learnt):
        super().__init__()
        scale = torch.rand(6) + 0.5
        self.scale = nn.Parameter(scale) if learnt else scale

    def forward(self, x):
        return x.relu() * self.scale.to(x.dtype)


LEFT_OUT = {
    "layer norm": (nn.Sequential(nn.ReLU(), nn.LayerNorm(6)), "its nodes meet LayerNorm"),
    "layer norm before": (nn.Sequential(nn.LayerNorm(6), nn.ReLU()), "its nodes meet LayerNorm"),
    "batch norm after": (
        nn.Sequential(nn.ReLU(), nn.BatchNorm1d(6)),
        "a batch norm follows the activation",
    ),
    "batch norm after prelu": (
        nn.Sequential(nn.PReLU(), nn.Dropout(), nn.BatchNorm1d(6)),
        "a batch norm follows the activation",
    ),
    "norm as a function": (
        Called(lambda x: nn.functional.layer_norm(x, x.shape[1:])),
        "not those expected",
    ),
    "softmax": (nn.Softmax(dim=1), "not those expected"),
    "sorted": (Called(lambda x: x.sort(dim=1).values), "not those expected"),
    "turned": (Called(lambda x: x.relu().flip(1)), "not those expected"),
    "fixed shape": (Called(lambda x: x.relu().reshape(-1, 6)), "not those expected"),
    "concatenated": (Called(lambda x: torch.cat([x, x.sin()], dim=1)[:, 3:9]), "its nodes meet"),
    "turned in a circle": (Called(lambda x: x.relu().roll(1, dims=1)), "not those expected"),
    "largest": (Called(lambda x: x.amax(dim=1, keepdim=True) - x), "not those expected"),
    "summed up": (Called(lambda x: x.cumsum(dim=1)), "not those expected"),
    "multiplied": (
        Called(lambda x: (x[:, :, None] * x[:, None, :]).mean(dim=2)),
        "not those expected",
    ),
    "hidden scale": (Scaled(learnt=False), "not those expected"),
    "learnt scale": (Scaled(learnt=True), "its nodes meet Parameter"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_nodes_that_cannot_be_masked_are_left_out(name, caplog):
    between, reason = LEFT_OUT[name]
    with caplog.at_level(logging.INFO):
        layers = layers_of(lived(Through(between)), (torch.randn(9, 4),))
    assert layers == (dense("second", 5, "last"),)
    told = [record.getMessage() for record in caplog.records]
    assert any(one.startswith("first is kept whole: ") and reason in one for one in told)


@pytest.mark.parametrize(
    ("between", "seen"),
    [
        (Called(lambda x: torch.cat([x, x.sin()], dim=1)), 12),
        (Called(lambda x: x.chunk(2, dim=1)[0]), 3),
        (Called(lambda x: x.unflatten(1, (2, 3)).sum(dim=1)), 3),
        (Called(lambda x: x.unflatten(1, (2, 3)).sum(dim=2)), 2),
    ],
)
def test_nodes_that_others_see_in_parts_are_left_out(between, seen):
    layers = layers_of(Through(between, seen=seen), (torch.randn(9, 4),))
    assert layers == (dense("second", 5, "last"),)


ORDERS = {
    "backwards": lambda x: x.flip(1),
    "in a circle": lambda x: x.roll(1, dims=1),
    "by half": lambda x: x.roll(x.shape[1] // 2, dims=1),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("nodes", range(2, 13))
def test_nodes_in_another_order_are_left_out(order, nodes):
    turned = Called(lambda x: ORDERS[order](x).relu())
    layers = layers_of(Through(turned, nodes=nodes, seen=nodes), (torch.randn(9, 4),))
    assert layers == (dense("second", 5, "last"),)


@pytest.mark.parametrize("largest", range(6))
def test_a_node_that_is_always_the_largest_hides_nothing(largest):
    module = Through(Called(lambda x: x.amax(dim=1, keepdim=True) - x))
    with torch.no_grad():
        module.first.bias[largest] = 100.0
    assert layers_of(module, (torch.randn(9, 4),)) == (dense("second", 5, "last"),)


def test_computed_weights_are_left_out(caplog):
    module = Through(nn.ReLU())
    nn.utils.parametrizations.weight_norm(module.first)
    with caplog.at_level(logging.INFO):
        layers = layers_of(module, (torch.randn(9, 4),))
    assert layers == (dense("second", 5, "last"),)
    assert "whose weights are computed" in caplog.text


@pytest.mark.parametrize(
    "lost",
    [
        lambda x: sum(x.split(1, dim=1)[:2]) + x,  # torch-pruning would never come back
        lambda x: (x.split(3, dim=1)[0].sum(dim=1, keepdim=True) + x).repeat(1, 2)[:, :6],
    ],
)
def test_where_torch_pruning_is_lost_nodes_are_left_out(lost):
    layers = layers_of(Through(Called(lost)), (torch.randn(9, 4),))
    assert layers == (dense("second", 5, "last"),)


def test_a_convolution_in_groups_keeps_its_nodes(caplog):
    network = nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.ReLU(), nn.Conv2d(4, 6, 1, groups=2), nn.ReLU(), nn.Conv2d(6, 3, 1)
    )
    with caplog.at_level(logging.INFO), pytest.raises(FtagPruneError, match="has no nodes"):
        layers_of(network, image(3))
    assert "0 is kept whole: its nodes meet 2 (Conv2d(" in caplog.text
    assert "2 is kept whole: its nodes meet 2 (Conv2d(" in caplog.text


def test_what_makes_the_nodes_stands_first_wherever_it_was_written():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.first = nn.BatchNorm1d(6), nn.Linear(4, 6)
            self.last = nn.Linear(6, 3)

        def forward(self, x):
            return self.last(self.norm(self.first(x)).relu())

    module, x = lived(Backwards()), (torch.randn(9, 4),)
    (layer,) = layers_of(module, x)
    assert layer.name == "first"
    assert layer.made[0] == Axis("first.weight", 0)
    assert compacted(module, x, (layer,), ((1, 3),)).norm.num_features == 2


def test_batch_norm_before_the_activation_is_part_of_what_makes_the_nodes():
    between = nn.Sequential(nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout())
    first, second = layers_of(Through(between), (torch.randn(9, 4),))
    assert [axis.tensor for axis in first.made[2:]] == [f"between.0.{one}" for one in NORM]
    assert second == dense("second", 5, "last")


def test_a_batch_norm_without_numbers_has_nothing_to_cut():
    between = nn.Sequential(nn.BatchNorm1d(6, affine=False, track_running_stats=False), nn.ReLU())
    first, _ = layers_of(Through(between), (torch.randn(9, 4),))
    assert first == dense("first", 6, "second")


def test_pre_activation_blocks_have_their_channels():
    class Before(Residual):
        def forward(self, x):
            x = self.stem(x)
            x = x + self.second(self.norm1(self.first(self.norm0(x).relu())).relu())
            return self.head(self.norm2(x).relu().mean(dim=(2, 3)))

    stem, first = layers_of(lived(Before()), image(3))
    assert (stem.name, stem.nodes) == ("stem", 6)
    assert {axis.tensor for axis in stem.used} == {"first.weight", "head.weight"}
    assert (first.name, first.nodes) == ("first", 5)


def test_a_norm_of_one_branch_keeps_the_whole_stream():
    class Norm(Residual):
        def forward(self, x):
            x = self.norm0(self.stem(x)).relu()
            x = x + self.second(self.norm1(self.first(x)).relu())
            return self.head(self.norm2(x).mean(dim=(2, 3)))

    assert [layer.name for layer in layers_of(lived(Norm()), image(3))] == ["first"]


@pytest.mark.parametrize("gamma", [0.0, 1e-8])
def test_a_silent_branch_hides_nothing(gamma):
    class Quiet(nn.Module):
        def __init__(self):
            super().__init__()
            self.way, self.first = nn.Linear(4, 3), nn.Linear(4, 6)
            self.second = nn.Linear(6, 3)
            with torch.no_grad():
                self.second.weight *= gamma

        def forward(self, x):
            return self.way(x) + self.second(self.first(x).softmax(dim=1))

    with pytest.raises(FtagPruneError, match="first, the outputs without some of its nodes"):
        layers_of(Quiet(), (torch.randn(9, 4),))


def test_outputs_are_never_nodes_even_if_others_use_them():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 6), nn.Linear(6, 5)
            self.third, self.last = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x):
            hidden = self.second(self.first(x).relu())
            return {"logits": self.last(self.third(hidden).relu()), "more": [hidden]}

    assert [one.name for one in layers_of(Two(), (torch.randn(3, 4),))] == ["first", "third"]


def test_a_module_used_twice_is_cut_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x):
            return self.last(self.again(self.again(self.first(x).relu()).relu()).relu())

    module, x = Twice(), torch.randn(JETS, 4)
    (layer,) = layers_of(module, (x[:9],))
    assert layer.nodes == 6
    assert {axis.tensor for axis in layer.used} == {"again.weight", "last.weight"}
    small = compacted(module, (x[:2],), (layer,), ((1, 4),))
    assert small.again.weight.shape == (2, 2)
    masked = functional_call(module, folded(module, (layer,), [torch.eye(6)[[1, 4]].sum(0)]), (x,))
    assert (masked - small(x)).abs().max() < 1e-5


def test_multihead_attention_is_left_out_and_the_other_one_named(caplog):
    module = nn.TransformerEncoderLayer(8, 2, dim_feedforward=10, batch_first=True)
    network = nn.Sequential(nn.Linear(5, 8), module, nn.Linear(8, 3)).eval()
    with caplog.at_level(logging.WARNING):
        layers = layers_of(network, (torch.randn(9, 6, 5),))
    assert [one.name for one in layers] == ["1.linear1"]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("1.self_attn: torch.nn.MultiheadAttention is kept whole")
    assert "ftag_prune.networks.attention.Attention" in told
    x = torch.randn(JETS, 6, 5)
    small = compacted(network, (x[:2],), layers, ((0, 3),))
    masked = functional_call(network, folded(network, layers, [torch.eye(10)[[0, 3]].sum(0)]), (x,))
    with torch.no_grad():
        assert (masked - small(x)).abs().max() < 1e-5


def test_attention_alone():
    module, x = Attention(8, 4, head_dim=3), torch.randn(JETS, 6, 8)
    (layer,) = layers_of(module, (x[:3],))
    assert layer == module.layer("")
    small = compacted(module, (x[:2],), (layer,), ((1, 3),))
    assert small.heads == 2
    masked = functional_call(module, folded(module, (layer,), [torch.tensor([0.0, 1, 0, 1])]), (x,))
    assert (masked - small(x)).abs().max() < 1e-5


# -- errors --------------------------------------------------------------------------------------


def test_without_nodes_one_sentence_says_why():
    with pytest.raises(FtagPruneError) as told:
        layers_of(nn.Sequential(nn.Linear(4, 3)), (torch.randn(3, 4),))
    assert str(told.value) == (
        "Sequential has no nodes that can be switched off: 0, its nodes are outputs of the network"
    )
    with pytest.raises(FtagPruneError, match=r"ReLU has no nodes .*: no linear layer, convolution"):
        layers_of(nn.ReLU(), (torch.randn(3, 4),))
    with pytest.raises(FtagPruneError, match=r"Linear has no nodes .*: itself, its nodes are out"):
        layers_of(nn.Linear(4, 3), (torch.randn(3, 4),))


def test_an_example_that_does_not_fit_is_one_sentence():
    wanted = (
        r"Sequential cannot be traced with an example of \(3, 9\) torch.float64: RuntimeError: "
    )
    with pytest.raises(FtagPruneError, match=wanted):
        layers_of(perceptron(), (torch.randn(3, 9),))


def test_kept_nodes_that_cannot_be_are_one_sentence():
    module, x = perceptron(), (torch.randn(3, 4),)
    layers = layers_of(module, x)
    with pytest.raises(FtagPruneError, match="kept nodes of 1 layers were given for 2"):
        compacted(module, x, layers, ((0,),))
    for wrong in ((), (6,), (-1,)):
        with pytest.raises(FtagPruneError, match=r"layer '0': cannot keep nodes .*of its 6, count"):
            compacted(module, x, layers, (wrong, (0,)))


def test_layers_of_another_network_are_one_sentence():
    module, x = perceptron(), (torch.randn(3, 4),)
    with pytest.raises(FtagPruneError, match=r"layer '1': .* no tensor '1.weight'; nearest: '"):
        compacted(module, x, (dense("1", 6, "3"),), ((0,),))
    with pytest.raises(FtagPruneError, match=r"'0.weight' has 6 entries along dimension 0, not 7"):
        compacted(module, x, (dense("0", 7, "3"),), ((0,),))


def test_coupled_nodes_are_looked_at_once(caplog):
    with caplog.at_level(logging.INFO):
        layers_of(lived(Residual()), image(3))
    told = [record.getMessage() for record in caplog.records]
    assert told == ["head is kept whole: its nodes are outputs of the network"]
