"""Networks that learn in training where tracks come from, beside the class of the jet."""

import math

import numpy as np
import pytest
import torch
from resuming import resumed
from test_train import a_run, described
from test_train_controls import controlled

from ftag_prune.architecture import TrackOrigin, Transformer
from ftag_prune.config import Dense, Epochs, OneShot, Training
from ftag_prune.errors import TrainingError
from ftag_prune.networks import build_for
from ftag_prune.shadow import Gates, Shadow, folded, gated, gated_origins, prunable
from ftag_prune.tensors import Jets
from ftag_prune.train import fit
from ftag_prune.train.losses import class_loss, losses, total_at_rest
from ftag_prune.train.state import start

SHORT = Training(epochs=Epochs(dense=1, gated=2, tuned=1), batch_size=50)


def jets(number=200, seed=0):
    """Tracks (jets, 5, 2) whose origin is told by their first input, and jets by their tracks."""
    rng = np.random.default_rng(seed)
    tracks = rng.normal(size=(number, 5, 2)).astype(np.float32)
    valid = np.arange(5) < rng.integers(0, 6, number)[:, None]
    origin = np.where(tracks[..., 0] > 0, 3, 2).astype(np.int8)
    y = ((tracks[..., 0] > 0) & valid).sum(1) > 1
    return Jets(
        torch.tensor(rng.normal(size=(number, 4)).astype(np.float32)),
        torch.tensor(np.where(valid[..., None], tracks, 0)),
        torch.tensor(valid),
        torch.tensor(y.astype(np.int64)),
        torch.tensor(rng.uniform(0.5, 1.5, number).astype(np.float32)),
        torch.tensor(np.where(valid, origin, -1).astype(np.int8)),
    )


def about():
    return described()._replace(
        track_inputs=("d0", "z0"), track_mean=(0.0, 0.0), track_std=(1.0, 1.0)
    )


def transformer(weight=0.5, **changes):
    told = None if weight is None else TrackOrigin(weight=weight, hidden=(6,))
    small = {"tracks": ("d0", "z0"), "slots": 5, "track": (8,), "embedding": 8, "layers": 1}
    small |= {"heads": 2, "ff": 8, "jet": (8,), "track_origin": told}
    return Transformer(**{**small, **changes})


def network(**changes):
    return build_for(about(), transformer(**changes), seed=1)


def a_training(make=a_run, **changes):
    chosen = {"network": transformer(), "training": SHORT, "keep": None, "target": 0.5}
    return a_run(**{**chosen, **changes})


def fitted(run, some=None, **options):
    return fit(run, start(run, about()), jets() if some is None else some, jets(100, 1), **options)


# -- the loss ------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_over_tracks_whose_origin_is_known():
    some, told = jets(30), network()
    some.origin[:, 1] = -1  # not known, of tracks that are there
    total = losses(told, None, None, some)
    _, logits = told.forward_with_origins(*told.arguments(some))
    logits = logits.detach()
    each = [
        -math.log(logits[jet, slot].softmax(0)[some.origin[jet, slot].long()].item())
        for jet in range(30)
        for slot in range(5)
        if some.valid[jet, slot] and slot != 1
    ]
    assert total.origins.item() == pytest.approx(np.mean(each), rel=1e-5)
    assert total.classes.item() == class_loss(told, None, None, some).item()
    assert total.total.item() == pytest.approx(total.classes.item() + 0.5 * np.mean(each), rel=1e-6)


def test_what_stands_in_empty_slots_does_not_matter():
    some, told = jets(30), network()
    filled = some._replace(origin=torch.where(some.valid, some.origin, 5))
    assert losses(told, None, None, filled) == losses(told, None, None, some)


def test_jets_without_a_known_origin_have_no_loss_of_it():
    some, told = jets(30), network()
    found = losses(told, None, None, some._replace(origin=torch.full_like(some.origin, -1)))
    assert (found.origins.item(), found.total.item()) == (0, found.classes.item())
    found.total.backward()
    assert all(one.grad.isfinite().all() for one in told.parameters() if one.grad is not None)


def test_a_network_that_tells_no_origin_has_the_class_loss_alone():
    some, plain = jets(30), network(weight=None)
    found = losses(plain, None, None, some._replace(origin=None))
    assert (found.origins, found.weight) == (None, 0)
    assert found.total is found.classes
    assert found.total.item() == class_loss(plain, None, None, some).item()


def test_the_weight_is_that_of_the_spec():
    gradients = []
    for weight in (0.5, 2.0):
        told = network(weight=weight)
        total_at_rest(told, None, None, jets(30)).backward()
        gradients.append(told.origin.track.linear[0].weight.grad)
    torch.testing.assert_close(4 * gradients[0], gradients[1])


# -- gates ---------------------------------------------------------------------------------------


@pytest.fixture
def gates():
    """A network, its layers, and a number for each of their nodes."""
    told = network()
    layers = prunable(told, a_training().how.goal)
    nodes = sum(layer.nodes for layer in layers)
    return told, layers, torch.rand(nodes, generator=torch.Generator().manual_seed(3))


def test_open_gates_change_no_origin(gates):
    told, layers, some = gates
    arguments = told.arguments(jets(20))
    found = gated_origins(told, layers, torch.ones_like(some), arguments)
    for mine, theirs in zip(found, told.forward_with_origins(*arguments), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_gates_act_on_origins_as_on_classes(gates):
    """As a network does whose weights have the gates in them."""
    told, layers, some = gates
    arguments = told.arguments(jets(20))
    logits, origins = gated_origins(told, layers, some, arguments)
    assert torch.equal(logits, gated(told, layers, some, arguments))
    by_hand = network()
    with torch.no_grad():
        for name, one in folded(dict(told.named_parameters()), layers, some).items():
            by_hand.get_parameter(name).copy_(one)
    torch.testing.assert_close(origins, by_hand.forward_with_origins(*arguments)[1])
    assert not torch.allclose(origins, told.forward_with_origins(*arguments)[1])


def test_the_origins_pull_at_gates(gates):
    _, layers, some = gates
    run = a_training()
    shadow = Shadow(layers, run.how.gate, start(run, about()).parts)
    pulls = []
    for weight in (0.5, 1e-9):
        value = some.clone().requires_grad_()
        loss = losses(network(weight=weight), shadow, Gates(value, value), jets(50)).total
        pulls.append(torch.autograd.grad(loss, value)[0])
    assert (pulls[0] - pulls[1]).abs().max() > 1e-4


# -- trainings -----------------------------------------------------------------------------------


def test_origins_are_learned_and_told_apart_from_the_classes():
    longer = Training(epochs=Epochs(dense=6, gated=1, tuned=1), batch_size=25)
    rows = fitted(a_training(training=longer, how=Dense(rates=a_run().how.rates), target=0)).history
    assert rows[0]["origin_loss"] > 2 * rows[-1]["origin_loss"]
    plain = a_training(network=transformer(weight=None))
    assert {row["origin_loss"] for row in fitted(plain).history} == {0.0}


def test_a_pruned_network_tells_origins_too():
    done = fitted(a_training())
    some = jets(20)
    logits, origins = done.network.forward_with_origins(*done.network.arguments(some))
    assert done.network.architecture.nodes["ff1"] < 8
    assert origins.shape == (20, 5, 8)
    torch.testing.assert_close(logits, done.network(*done.network.arguments(some)))


@pytest.mark.parametrize("criterion", ["taylor", "magnitude"])
def test_controls_judge_nodes_of_such_a_network(criterion):
    run = controlled(OneShot, keep=None, criterion=criterion, changes={"target": 0.5})
    done = fitted(run.model_copy(update={"network": transformer(), "training": SHORT}))
    assert done.frozen.cost == sum(done.network.architecture.nodes.values()) == 13


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_training_with_origins_resumes_to_the_same_bits(tmp_path, precision):
    network_ = transformer(dropout=0.2)
    settings = SHORT.model_copy(update={"precision": precision})
    run = a_training(network=network_, training=settings)
    resumed(run, tmp_path, stop=2, about=about(), train=jets(), val=jets(100, 1))


def test_jets_that_do_not_know_them_are_one_sentence():
    sentence = "track_origin: these jets do not know where their tracks come from; give `constit"
    with pytest.raises(TrainingError, match=sentence):
        fitted(a_training(), jets()._replace(origin=None))
