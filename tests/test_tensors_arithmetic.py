"""One thread, and what a processor makes of the smallest numbers; as before at the end."""

import numpy as np
import pytest
import torch

from ftag_prune.tensors import one_thread

SMALL = 1e-40  # not zero, but no normal float32


def product():
    return float(torch.full((64,), SMALL).mul(torch.ones(64)).sum())


@pytest.fixture(autouse=True)
def several():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_one_thread_and_as_many_as_before():
    with one_thread():
        assert torch.get_num_threads() == 1
        assert product() > 0
    assert torch.get_num_threads() == 2


def test_small_numbers_are_flushed_on_request():
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor does not flush")
    with one_thread(flush=True):
        assert torch.get_num_threads() == 1
        assert product() == 0
    assert product() == pytest.approx(64 * SMALL, rel=1e-4)


def test_after_an_error_all_is_as_before():
    with pytest.raises(ZeroDivisionError), one_thread(flush=True):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2
    assert product() > 0
    assert np.float32(SMALL) * np.float32(1) > 0
