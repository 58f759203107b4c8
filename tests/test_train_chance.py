"""What is drawn in a training: the same from a seed, interrupted or not, and nobody else's."""

import pytest
import torch
from resuming import resumed
from test_train import a_run, equal, fitted, same

from ftag_prune.architecture import Mlp
from ftag_prune.train.chance import drawing, gate_noise, judging_order, order

CPU = torch.device("cpu")


def dropping(**changes):
    """A run whose network draws which of its nodes a batch does without."""
    return a_run(network=Mlp(hidden=(16, 12), dropout=0.3), **changes)


def drawn(run, epoch):
    with drawing(run, epoch, CPU):
        return torch.rand(5)


def test_every_epoch_and_seed_draws_numbers_of_its_own():
    found = [drawn(a_run(seed=seed), epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert all(torch.equal(one, other) == (one is other) for one in found for other in found)
    assert torch.equal(found[1], drawn(a_run(seed=1), 1))


def test_purposes_do_not_share_their_numbers():
    run = a_run()
    uniform = [
        drawn(run, 0).double().tolist(),
        torch.rand(5, generator=gate_noise(run, 0)).double().tolist(),
        order(run, 0).random(5).tolist(),
        judging_order(run, 0).random(5).tolist(),
    ]
    assert len({round(one, 6) for numbers in uniform for one in numbers}) == 20


def test_the_generator_of_the_caller_stays_as_it_was():
    before = torch.get_rng_state()
    fitted(dropping())
    assert torch.equal(torch.get_rng_state(), before)


def test_what_others_draw_does_not_matter():
    first = fitted(dropping())
    torch.manual_seed(99)
    second = fitted(dropping(), after_epoch=lambda _state: torch.rand(7))
    assert same(first.network, second.network)
    assert equal(first.history, second.history)


def test_what_a_gpu_drew_is_left_aside_where_there_is_none():
    states = [torch.get_rng_state(), torch.zeros(16, dtype=torch.uint8)]
    with drawing(dropping(), 2, CPU, drawn=states):
        assert torch.equal(torch.get_rng_state(), states[0])


def test_dropout_is_at_work():
    assert not equal(fitted(dropping()).history, fitted(a_run()).history)


@pytest.mark.parametrize("stop", [1, 3, 5, 6])
@pytest.mark.parametrize("keep", [9, None])
def test_a_training_with_dropout_resumes_to_the_same_bits(tmp_path, stop, keep):
    resumed(dropping(keep=keep), tmp_path, stop=stop)
