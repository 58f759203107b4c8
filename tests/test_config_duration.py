"""How long a training takes, and jobs that last as long as was asked for."""

import pytest
from test_config import study

from ftag_prune.architecture import DeepSets, Mlp
from ftag_prune.config import Epochs, Training
from ftag_prune.config.duration import seconds_of
from ftag_prune.errors import ConfigError

EPOCHS = Training(epochs=Epochs(dense=4, gated=6, tuned=4))


def lasting(network, jets):
    (run, *_) = study().runs()
    return seconds_of(run.model_copy(update={"network": network, "training": EPOCHS}), jets)


def test_the_demo_is_reckoned_as_it_was_measured():
    """docs/speed.md: 7.8 s at width 256, 60,000 jets, 14 epochs; and 2 s for the start."""
    assert lasting(Mlp(hidden=(256,) * 3), 60_000) == pytest.approx(9.8, rel=0.1)


def test_twice_the_jets_or_twice_the_epochs_take_twice_as_long():
    once = lasting(Mlp(hidden=(64,) * 3), 102_400) - 2
    assert lasting(Mlp(hidden=(64,) * 3), 204_800) - 2 == pytest.approx(2 * once)


def test_networks_of_tracks_take_longer():
    assert lasting(DeepSets(), 10_000) > lasting(Mlp(hidden=(32, 32)), 10_000)


def test_jobs_last_about_as_long_as_asked_and_hold_every_run():
    asked = study(grid__minutes_per_job=0.2, grid__runs_per_job=1)
    chunks = asked.chunks()
    assert sorted(run.name for chunk in chunks for run in chunk.runs) == sorted(
        run.name for run in asked.runs()
    )
    sums = [sum(seconds_of(run, 600) for run in chunk.runs) for chunk in chunks]
    assert len(chunks) > 1
    assert all(6 < one <= 12 for one in sums[:-1])
    assert study(grid__minutes_per_job=60).chunks()[0].runs == tuple(
        run for chunk in study(grid__runs_per_job=100).chunks() for run in chunk.runs
    )


def test_a_run_that_takes_longer_than_a_job_has_one_of_its_own():
    chunks = study(grid__minutes_per_job=1e-3).chunks()
    assert [len(chunk.runs) for chunk in chunks] == [1] * len(study().runs())


def test_jets_of_files_are_not_known_beforehand():
    with pytest.raises(ConfigError, match=r"grid.minutes_per_job: the jets of 'hbb_cc' are not g"):
        study(grid__minutes_per_job=5, grid__tasks=["hbb_cc"])
    known = study(grid__minutes_per_job=5, grid__tasks=["hbb_cc"], grid__training_jets=10**6)
    assert known.chunks()


def test_the_time_between_checkpoints_goes_with_the_job_and_not_with_the_run():
    often, seldom = (study(grid__checkpoint_seconds=one) for one in (1, 600))
    assert {chunk.checkpoint_seconds for chunk in seldom.chunks()} == {600}
    assert often.runs() == seldom.runs()
