"""Subjets are scored by a trained tagger; a perceptron on the scores tags the jet."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftag_prune.architecture import FirstStep, Found, Mlp, TwoStep
from ftag_prune.compact import compact
from ftag_prune.errors import ConfigError, TrainingError
from ftag_prune.networks import build, cost_of, restored, scoring
from ftag_prune.shadow import gated

INPUTS = ("ip", "sv")
NAMES = ("pt", "s1_sv", "s1_ip", "s2_ip", "s2_sv", "s3_ip", "s3_sv", "eta")
STEP = FirstStep(network="w4")


def first_tagger(seed=3):
    return build(Mlp(hidden=(4, 3)), mean=[1.0, 2.0], std=[2.0, 0.5], classes=3, seed=seed)


def two_step(*, beside=("pt", "eta"), names=NAMES, adopt=True, **more):
    found = Found(architecture=Mlp(hidden=(4, 3)), inputs=INPUTS, classes=("b", "c", "u"))
    spec = TwoStep(
        first=STEP,
        second=Mlp(hidden=(6, 5)),
        subjets=("s1_", "s2_", "s3_"),
        beside=beside,
        **{"found": found, **more},
    )
    size = len(names)
    network = build(spec, mean=[0.5] * size, std=[2.0] * size, classes=4, names=names)
    if adopt:
        network.adopt(first_tagger())
    return network


def jets(number=20, *, absent=()):
    x = torch.randn(number, len(NAMES), generator=torch.Generator().manual_seed(0))
    for name in absent:
        x[:, [i for i, one in enumerate(NAMES) if one.startswith(name)]] = torch.nan
    return x


def test_every_subjet_has_the_score_of_the_first_tagger():
    x, network = jets(), two_step()
    alone = first_tagger()
    for index, columns in enumerate(([2, 1], [3, 4], [5, 6])):
        logits = alone(x[:, columns])
        expected = logits - logits.mean(1, keepdim=True)
        torch.testing.assert_close(network.scores(x)[:, index], expected)


def test_the_second_step_sees_the_scores_and_what_is_beside_them():
    x, network = jets(), two_step()
    seen = torch.cat([x[:, [0, 7]], network.scores(x).flatten(1)], 1)
    torch.testing.assert_close(network(x), network.second(seen))
    torch.testing.assert_close(network.second.mean, torch.tensor([0.5, 0.5] + [0.0] * 9))


def test_an_absent_subjet_scores_nothing_and_a_lost_input_stands_at_its_mean():
    x, network = jets(absent=["s3"]), two_step()
    assert (network.scores(x)[:, 2] == 0).all()
    assert network(x).isfinite().all()
    x[:, 1] = torch.nan
    filled = x.clone()
    filled[:, 1] = 2.0  # the first tagger's own mean, not that of the large-R jets
    torch.testing.assert_close(network.scores(x)[:, 0], network.scores(filled)[:, 0])


def test_the_first_tagger_does_not_learn():
    network = two_step()
    network.train()
    assert network.second.training
    assert not network.first.training
    network(jets()).sum().backward()
    assert all(one.grad is None for one in network.first.parameters())
    assert all(one.grad is not None for one in network.second.parameters())


@settings(max_examples=20)
@given(st.data())
def test_masked_and_compacted_networks_give_the_same_logits(data):
    network, x = two_step(), jets(absent=["s2"])
    layers = network.layers()
    kept = tuple(
        tuple(sorted(data.draw(st.sets(st.integers(0, one.nodes - 1), min_size=1))))
        for one in layers
    )
    gates = torch.zeros(sum(one.nodes for one in layers))
    start = 0
    for layer, chosen in zip(layers, kept, strict=True):
        gates[[start + index for index in chosen]] = 0.7
        start += layer.nodes
    small = compact(network, layers, gates, kept)
    assert small.architecture.nodes == dict(
        zip(("hidden1", "hidden2"), map(len, kept), strict=True)
    )
    with scoring(network, small), torch.no_grad():
        masked = gated(network, layers, gates, (x,))
        torch.testing.assert_close(masked, small(x), rtol=0, atol=1e-5)


def test_a_saved_network_comes_back():
    network = two_step()
    again = restored(network.architecture, network.state_dict(), classes=4)
    torch.testing.assert_close(again(jets()), network(jets()))


def test_both_steps_count_and_the_first_acts_on_every_subjet():
    network = two_step()
    first = 2 * 4 + 4 + 4 * 3 + 3 + 3 * 3 + 3
    second = (2 + 9) * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4
    assert network.parameter_count() == first + second
    products = 3 * (2 * 4 + 4 * 3 + 3 * 3) + (2 + 9) * 6 + 6 * 5 + 5 * 4
    assert network.multiplications() == products
    parameters, applied = dict(network.named_parameters()), network.applied()
    cost = cost_of(network.layers(), parameters, unit="multiplications", applied=applied)
    assert cost.whole == products
    small = network.resized({"hidden1": 2, "hidden2": 3})
    assert cost.of((2, 3)) == small.multiplications()


def test_jet_inputs_that_are_not_there_are_named():
    with pytest.raises(ConfigError, match=r"takes the jet input 'ptt', which .* nearest: 'pt'"):
        two_step(beside=("ptt",))
    with pytest.raises(ConfigError, match="takes the jet input 's3_sv'"):
        two_step(names=tuple(name for name in NAMES if name != "s3_sv"))


def test_a_first_tagger_has_to_be_there():
    with pytest.raises(TrainingError, match="needs the trained tagger 'w4' of 'single_b'"):
        two_step(found=None, adopt=False)


@pytest.mark.parametrize("wrong", [{"target": 0.5}, {"strategy": "budget"}])
def test_a_first_step_is_dense_or_pruned_by_a_strategy(wrong):
    with pytest.raises(ValueError, match="is missing"):
        FirstStep(network="w4", **wrong)
