"""VGG16: published sizes, images by hand, no leak from padding, filters that are cut out."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ftag_prune.architecture import Mlp, Vgg
from ftag_prune.compact import compact, cut, difference
from ftag_prune.config import Grid, Study, load_study
from ftag_prune.errors import ConfigError, FtagPruneError, TrainingError
from ftag_prune.goal import Goal
from ftag_prune.model import About, Model, load_model, save_model
from ftag_prune.networks import build, cost_of, track_columns
from ftag_prune.networks.vgg import aligned, jet_images
from ftag_prune.selection import shares
from ftag_prune.shadow import gated, parts_of
from ftag_prune.spec import validated
from ftag_prune.tensors import Jets
from ftag_prune.train.criteria import scores

CONFIG = Path(__file__).parents[1] / "workflow/config"

# In another order than the network takes them, with more than it needs.
TRACKS = ("log_d0_sig", "d0", "deta", "lepton", "dphi", "log_z0_sig", "log_ptfrac")
SLOTS = 9


def vgg(multiplier=1 / 16, seed=0, **kind):
    architecture = Vgg(multiplier=multiplier, **kind)
    return build(architecture, mean=[], std=[], classes=3, seed=seed, tracks=TRACKS)


def jets(number=40, seed=0):
    """Jets with a narrow or a wide spray of tracks; the third class has displaced ones."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, number)
    tracks = rng.normal(size=(number, SLOTS, len(TRACKS)))
    place = [TRACKS.index("deta"), TRACKS.index("dphi")]
    tracks[..., place] *= np.where(y == 1, 0.4, 0.1)[:, None, None]
    tracks[..., TRACKS.index("log_d0_sig")] += 2.0 * (y == 2)[:, None]
    tracks[..., TRACKS.index("log_ptfrac")] -= 3
    valid = rng.random((number, SLOTS)) < 0.7
    return Jets(
        torch.zeros(number, 1),
        torch.tensor(tracks, dtype=torch.float32),
        torch.tensor(valid),
        torch.tensor(y),
        torch.ones(number),
    )


def trained(network, steps=6, batch=None):
    """A few steps, so that batch norms remember something and no bias is zero."""
    batch = jets(64) if batch is None else batch
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(network(*network.arguments(batch)), batch.y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# -- sizes -----------------------------------------------------------------------------------------


def by_hand(filters, neurons, channels, classes):
    """Parameters of VGG16 with batch norm on 32 x 32 images, written out."""
    total, before = 0, channels
    for filtered in filters:
        total += 9 * before * filtered + filtered  # convolution
        total += 2 * filtered  # batch norm
        before = filtered
    for width in (*neurons, classes):  # one pixel is left of the image
        total += before * width + width
        before = width
    return total


def test_the_real_thing_has_the_published_sizes():
    network = vgg(multiplier=1)
    filters = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert [layer.nodes for layer in network.layers()] == [*filters, 4096, 4096]
    assert sum(filters) == 4224
    assert sum(network.architecture.nodes.values()) == 12_416
    assert network.parameter_count() == by_hand(filters, [4096, 4096], 4, 3)
    # Of the convolutions alone torchvision's vgg16_bn has 14,723,136 with three colours.
    convolutions = sum(one.numel() for one in network.convolution.parameters())
    norms = sum(one.numel() for one in network.norm.parameters())
    assert convolutions + norms == 14_723_136 + 9 * 64


def test_names_are_those_of_the_paper():
    names = [f"conv{block}_{place}" for block in (1, 2) for place in (1, 2)]
    names += [f"conv{block}_{place}" for block in (3, 4, 5) for place in (1, 2, 3)]
    assert [*Vgg().nodes] == [*names, "fc6", "fc7"]
    assert [layer.name for layer in vgg().layers()] == [*names, "fc6", "fc7"]


@pytest.mark.parametrize(("multiplier", "first", "last"), [(1 / 8, 8, 512), (0.001, 1, 4)])
def test_the_multiplier_rounds_and_leaves_one(multiplier, first, last):
    nodes = [*Vgg(multiplier=multiplier).nodes.values()]
    assert (nodes[0], nodes[-1]) == (first, last)
    assert min(nodes) >= 1


@pytest.mark.parametrize("pixels", [32, 64])
def test_multiplications_are_those_that_happen(pixels):
    network, counted = vgg(pixels=pixels).eval(), []

    def count(module, _arguments, output):
        outputs = output[0].numel() if isinstance(module, nn.Conv2d) else output.shape[1]
        counted.append(outputs * module.weight[0].numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network(*network.arguments(jets(2)))
    assert network.multiplications() == sum(counted)
    cost = cost_of(
        network.layers(),
        dict(network.named_parameters()),
        unit="multiplications",
        applied=network.applied(),
    )
    assert cost.whole == sum(counted)


def test_multiplications_of_the_real_thing_by_hand():
    rows = [(4, 64, 32), (64, 64, 32), (64, 128, 16), (128, 128, 16), (128, 256, 8)]
    rows += [(256, 256, 8)] * 2 + [(256, 512, 4)] + [(512, 512, 4)] * 2 + [(512, 512, 2)] * 3
    convolutions = sum(9 * first * second * side**2 for first, second, side in rows)
    assert vgg(multiplier=1).multiplications() == convolutions + 512 * 4096 + 4096**2 + 4096 * 3


def test_a_smaller_network_costs_what_the_polynomial_says():
    network = vgg()
    sizes = {name: max(1, nodes // 2) for name, nodes in network.architecture.nodes.items()}
    small = network.resized(sizes)
    assert small.architecture.nodes == sizes
    for unit in ("parameters", "multiplications"):
        (part,) = parts_of(network, Goal(unit=unit), target=0.5)
        found = {
            "parameters": small.parameter_count(),
            "multiplications": small.multiplications(),
        }
        assert part.cost.of([*sizes.values()]) == found[unit]


# -- images ----------------------------------------------------------------------------------------


def one_jet(*tracks):
    return torch.tensor([tracks]), torch.ones(1, len(tracks), dtype=torch.bool)


def test_images_by_hand():
    tracks, valid = one_jet(
        (-1.0, -1.0, 0.1, 2.0),  # the first pixel
        (-0.6, -0.9, 0.2, 4.0),  # the same
        (0.2, 0.6, 0.3, -1.0),
        (1.0, 0.0, 9.0, 9.0),  # just outside
        (0.0, -1.1, 9.0, 9.0),
    )
    image = jet_images(tracks, valid, pixels=4, reach=1.0)
    expected = torch.zeros(1, 3, 4, 4)
    expected[0, :, 0, 0] = torch.tensor([np.log(301), np.log(3), 3.0])
    expected[0, :, 2, 3] = torch.tensor([np.log(301), np.log(2), -1.0])
    torch.testing.assert_close(image, expected)


def test_images_of_the_network_pick_their_inputs_by_name():
    network, batch = vgg(reach=0.5, aligned=False), jets(5)
    at = {name: TRACKS.index(name) for name in TRACKS}
    pixels = np.zeros((5, 4, 32, 32))
    for jet, slot in itertools.product(range(5), range(SLOTS)):
        track = batch.tracks[jet, slot].double().numpy()
        row, column = (int((track[at[name]] + 0.5) * 32 // 1) for name in ("deta", "dphi"))
        if batch.valid[jet, slot] and 0 <= row < 32 and 0 <= column < 32:
            share = np.exp(track[at["log_ptfrac"]])
            added = [share, 1, track[at["log_d0_sig"]], track[at["log_z0_sig"]]]
            pixels[jet, :, row, column] += added
    number = pixels[:, 1:2]
    assert number.sum() > 20
    expected = np.concatenate(
        [np.log1p(1000 * pixels[:, :1]), np.log1p(number), pixels[:, 2:] / np.maximum(number, 1)], 1
    )
    found = network.images(*network.arguments(batch)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def turned(tracks, angle, mirrored):
    sine, cosine = np.sin(angle), np.cos(angle)
    matrix = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float32)
    matrix = matrix * (-1 if mirrored else 1)
    return torch.cat([tracks[..., :2] @ matrix, tracks[..., 2:]], dim=2)


@pytest.mark.parametrize(("angle", "mirrored"), [(0.3, False), (2.0, True), (np.pi, False)])
def test_aligned_jets_do_not_know_how_they_were_turned(angle, mirrored):
    rng = torch.Generator().manual_seed(0)
    tracks = torch.rand(20, SLOTS, 4, generator=rng) - torch.tensor([0.5, 0.5, 0.0, 0.0])
    valid = torch.rand(20, SLOTS, generator=rng) < 0.7
    valid[3], valid[4, 1:] = False, False
    for other in (turned(tracks, angle, mirrored), tracks * torch.tensor([1.0, -1, 1, 1])):
        found, same = aligned(tracks, valid), aligned(other, valid)
        torch.testing.assert_close(found[valid], same[valid], rtol=1e-4, atol=1e-5)


def test_the_long_axis_of_the_pt_lies_along_eta():
    tracks, valid = one_jet((0.3, 0.4, 1.0, 0), (-0.6, -0.8, 0.1, 1), (torch.nan, 0, 1, 2))
    found = aligned(tracks, valid)[0]
    expected = torch.tensor([[0.5, 0, 1, 0], [-1, 0, 0.1, 1]])
    torch.testing.assert_close(found[:2], expected, rtol=0, atol=1e-6)
    assert found[2, :2].isnan().any()


def test_a_weight_need_not_be_a_logarithm():
    batch = jets(5)
    linear = batch._replace(tracks=batch.tracks.clone())
    linear.tracks[..., TRACKS.index("log_ptfrac")].exp_()
    first, second = vgg(), vgg(log_weight=False)
    images = [first.images(*first.arguments(batch)), second.images(*second.arguments(linear))]
    assert torch.equal(*images)


@pytest.mark.parametrize("junk", [0.05, 1e30, torch.nan, torch.inf])
@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing_whatever_it_holds(junk, training):
    network, batch = vgg().train(training), jets()
    dirty = batch.tracks.masked_fill(~batch.valid[..., None], junk)
    found = network(dirty, batch.valid)
    assert torch.equal(found, network(batch.tracks, batch.valid))
    assert found.isfinite().all()


def test_missing_inputs_of_a_track_are_not_seen():
    tracks, valid = one_jet((0.1, 0.1, torch.nan, torch.inf), (torch.nan, 0.1, 0.5, 1.0))
    image = jet_images(tracks, valid, pixels=4, reach=1.0)
    expected = torch.zeros(1, 3, 4, 4)
    expected[0, 1, 2, 2] = np.log(2)
    torch.testing.assert_close(image, expected)


def test_a_jet_without_tracks_has_an_empty_image():
    network, batch = vgg().eval(), jets()
    batch.valid[3] = False
    assert (network.images(*network.arguments(batch))[3] == 0).all()
    assert network(*network.arguments(batch)).isfinite().all()


def test_the_same_jets_make_the_same_images():
    tracks = torch.rand(300, 40, 4) * 0.2  # crowded pixels
    valid = torch.ones(300, 40, dtype=torch.bool)
    first, second = (jet_images(tracks, valid, pixels=32, reach=1.0) for _ in range(2))
    assert torch.equal(first, second)
    order = torch.randperm(40)
    other = jet_images(tracks[:, order], valid, pixels=32, reach=1.0)
    torch.testing.assert_close(first, other, rtol=1e-5, atol=1e-5)


# -- as a tagger -----------------------------------------------------------------------------------


def test_it_learns_with_the_usual_optimiser():
    network, batch = vgg(multiplier=1 / 8), jets(128)
    losses = trained(network, steps=25, batch=batch)
    assert losses[0] > 0.9
    assert losses[-1] < 0.3


def test_many_jets_are_scored_in_parts_with_the_same_result():
    network, batch = vgg().eval(), jets(1100)
    whole = network(*network.arguments(batch))
    with torch.no_grad():
        parts = network(*network.arguments(batch))
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)


def test_the_seed_alone_makes_the_weights():
    before = torch.get_rng_state()
    first, second, other = vgg(seed=5), vgg(seed=5), vgg(seed=6)
    assert torch.equal(torch.get_rng_state(), before)
    for one, same in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, same)
    assert not torch.equal(first.convolution[3].weight, other.convolution[3].weight)


def test_jets_without_tracks_are_one_sentence():
    bare = jets()._replace(tracks=None, valid=None)
    with pytest.raises(TrainingError, match="sees the tracks of a jet, and these jets have none"):
        vgg().arguments(bare)


def test_a_missing_track_input_is_one_sentence():
    with pytest.raises(ConfigError, match="track input 'log_ptfrac', which the jets do not have"):
        track_columns(Vgg(), TRACKS[:-1])
    with pytest.raises(ConfigError, match="nearest: 'deta'"):
        track_columns(Vgg(position=("delta", "dphi")), TRACKS)
    assert track_columns(Vgg(), TRACKS) == (2, 4, 6, 0, 5)
    assert track_columns(Mlp(hidden=(3,)), ()) == ()


# -- nodes -----------------------------------------------------------------------------------------


def slow_twin(network, gates, tracks, valid):
    """Multiply the output of each node by its gate, layer after layer."""
    gates = iter(gates.split([layer.nodes for layer in network.layers()]))
    hidden = network.normalise(network.images(tracks, valid))
    ends = {1, 3, 6, 9, 12}
    for index, (convolution, norm) in enumerate(zip(network.convolution, network.norm)):
        hidden = torch.relu(norm(convolution(hidden))) * next(gates)[:, None, None]
        hidden = nn.functional.max_pool2d(hidden, 2) if index in ends else hidden
    first, second, last = network.linear
    hidden = torch.relu(first(hidden.flatten(1))) * next(gates)
    return last(torch.relu(second(hidden)) * next(gates))


@pytest.mark.parametrize("pixels", [32, 64])
def test_gates_multiply_node_outputs(pixels):
    network, batch = vgg(pixels=pixels), jets()
    trained(network, steps=2)
    network.eval()
    gates = torch.rand(sum(layer.nodes for layer in network.layers()))
    arguments = network.arguments(batch)
    found = gated(network, network.layers(), gates, arguments)
    torch.testing.assert_close(found, slow_twin(network, gates, *arguments), rtol=1e-4, atol=1e-4)


def test_every_tensor_of_a_node_is_named():
    network = vgg()
    named = {(axis.tensor, axis.dim) for one in network.layers() for axis in (*one.made, *one.used)}
    expected = {("linear.2.weight", 1)}
    for name, tensor in network.state_dict().items():
        if name.startswith(("linear.2", "normalise", "columns")) or tensor.dim() == 0:
            continue
        expected.add((name, 0))
        if tensor.dim() > 1 and name != "convolution.0.weight":
            expected.add((name, 1))
    assert named == expected


@pytest.mark.parametrize(("pixels", "share"), [(32, 0.25), (32, 0.1), (64, 0.25)])
def test_compacted_equals_masked(pixels, share):
    network, batch = vgg(pixels=pixels), jets(300, seed=1)
    trained(network)
    layers = network.layers()
    sizes = [layer.nodes for layer in layers]
    rng = np.random.default_rng(0)
    counts = shares(sizes, keep=round(share * sum(sizes)), floor=1)
    kept = tuple(
        tuple(sorted(rng.choice(size, count, replace=False).tolist()))
        for size, count in zip(sizes, counts, strict=True)
    )
    gates = torch.tensor(rng.uniform(0.5, 1, sum(sizes)), dtype=torch.float32)
    small = compact(network, layers, gates, kept)
    assert [*small.architecture.nodes.values()] == list(counts)
    assert difference(network, layers, gates, kept, small, batch) < 1e-5
    again = small.resized(small.architecture.nodes)
    again.load_state_dict(small.state_dict())
    assert torch.equal(again.eval()(*again.arguments(batch)), small.eval()(*small.arguments(batch)))


def test_what_the_optimiser_remembers_is_cut_alike():
    network = vgg()
    layers = network.layers()
    kept = tuple((0,) if layer.name != "conv2_1" else (1, 3) for layer in layers)
    weights = dict(network.named_parameters())
    taken = cut(weights, layers, kept)
    assert torch.equal(
        taken["convolution.2.weight"], weights["convolution.2.weight"][[1, 3]][:, [0]]
    )
    assert torch.equal(
        taken["convolution.3.weight"], weights["convolution.3.weight"][[0]][:, [1, 3]]
    )
    assert torch.equal(taken["norm.2.bias"], weights["norm.2.bias"][[1, 3]])


@pytest.mark.parametrize("criterion", ["magnitude", "taylor", "random"])
def test_the_criteria_of_the_controls_score_every_node(criterion):
    network = vgg(pixels=64)
    trained(network, steps=2)
    layers = network.layers()
    found = scores(network, layers, criterion, iter([jets(20)]), rng=torch.Generator())
    assert len(found) == sum(layer.nodes for layer in layers)
    assert found.isfinite().all()


# -- files -----------------------------------------------------------------------------------------

ABOUT = About("hbb_cc", ("hbb", "hcc", "qcd"), ("log_pt",))


def test_a_model_comes_back_from_its_file(tmp_path):
    network = vgg()
    trained(network, steps=2)
    small = compact(
        network,
        network.layers(),
        torch.ones(sum(network.architecture.nodes.values())),
        tuple((0, 1) for _ in network.layers()),
    )
    save_model(tmp_path / "model.pt", Model(small, ABOUT))
    back = load_model(tmp_path / "model.pt").network
    assert back.architecture == small.architecture
    assert [*back.architecture.nodes.values()] == [2] * 15
    batch = jets()
    assert torch.equal(back(*back.arguments(batch)), small.eval()(*small.arguments(batch)))


def test_a_file_with_tensors_of_another_network_is_refused(tmp_path):
    network = vgg()
    network.architecture = network.architecture.resized({"conv1_1": 3})
    save_model(tmp_path / "model.pt", Model(network, ABOUT))
    with pytest.raises(FtagPruneError, match="not a model of ours"):
        load_model(tmp_path / "model.pt")


# -- studies ---------------------------------------------------------------------------------------

STUDY = {
    "study": "test",
    "samples": {"hbb_cc": {"card": "a.yaml", "constituents": True}},
    "grid": {
        "tasks": ["hbb_cc"],
        "networks": {"vgg16": {"kind": "vgg", "multiplier": 0.125}},
        "targets": [0, 0.75],
        "seeds": [1],
    },
}


def study(grid=None, sample=None, **changes):
    content = {
        **STUDY,
        "grid": {**STUDY["grid"], **(grid or {})},
        "samples": {"hbb_cc": {**STUDY["samples"]["hbb_cc"], **(sample or {})}},
        **changes,
    }
    return validated(Study, content, where="study.yaml")


def test_networks_have_runs_of_their_label():
    runs = study().runs()
    assert [run.name for run in runs] == ["hbb_cc-vgg16-dense-s1", "hbb_cc-vgg16-p75-budget-s1"]
    assert {run.network for run in runs} == {Vgg(multiplier=0.125)}
    assert runs[1].keep == 1552 // 4


def test_networks_stand_beside_widths():
    both = study(grid={"widths": [8], "depth": 1})
    assert {run.label: run.network for run in both.runs()} == {
        "w8": Mlp(hidden=(8,)),
        "vgg16": Vgg(multiplier=0.125),
    }
    assert Grid(tasks=("hbb_cc",), widths=(4,), depth=2, targets=(0,), seeds=(1,)).labelled == {
        "w4": Mlp(hidden=(4, 4))
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grid": {"networks": {}}}, "grid: needs widths (of perceptrons), networks"),
        (
            {"grid": {"networks": {"w8": {"kind": "vgg"}}, "widths": [8]}},
            "grid: networks: 'w8' is the label of a width",
        ),
        (
            {"grid": {"networks": {"vgg16": {"kind": "vgg", "multiplyer": 1}}}},
            "no key 'grid.networks.vgg16.multiplyer'; nearest: 'multiplier'",
        ),
        (
            {"grid": {"networks": {"vgg16": {"kind": "vgg", "pixels": 40}}}},
            "grid.networks.vgg16.pixels: input should be a multiple of 32, found 40",
        ),
        (
            {"grid": {"networks": {"vgg16": {"kind": "vgg", "sizes": [3, 4]}}}},
            "grid.networks.vgg16.sizes: 2 numbers of nodes; VGG16 has 15 such layers",
        ),
        ({"grid": {"networks": {"a/b": {"kind": "vgg"}}}}, "grid.networks.a/b"),
        (
            {"sample": {"constituents": False}},
            "samples.hbb_cc.constituents: network 'vgg16' sees the tracks of a jet; wanted true",
        ),
        (
            {"strategies": {"budget": {"goal": {"inputs": True}}}},
            "strategies.budget.goal.inputs: network 'vgg16' of kind 'vgg' has no inputs",
        ),
        (
            {"strategies": {"budget": {"goal": {"layers": ["conv6_1"]}}}},
            "goal.layers: no layer 'conv6_1'; nearest: 'conv5_1'",
        ),
    ],
)
def test_mistakes_are_one_sentence_with_their_key(change, sentence):
    with pytest.raises(ConfigError) as caught:
        study(**change)
    assert str(caught.value).startswith("study.yaml: ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_study_is_of_the_network_that_started_it_all():
    made = load_study(CONFIG / "vgg16.yaml")
    networks = {run.network for run in made.runs()}
    assert {type(one) for one in networks} == {Vgg}
    assert {"fixed", "ladder", "budget", "dual", "polyak"} <= {run.strategy for run in made.runs()}
