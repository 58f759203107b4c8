"""The two tasks are complete and consistent."""

import pytest

from ftag_prune.errors import ConfigError
from ftag_prune.flavours import FLAVOURS, TASKS, score_name, task_of


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_discriminants_cover_the_other_classes(task):
    for one in task.discriminants:
        assert {one.signal, *one.fractions} == set(task.classes)
        assert sum(one.fractions.values()) == pytest.approx(1)
    assert tuple(task.shares) == task.classes
    assert sum(task.shares.values()) == pytest.approx(1)
    assert task.signal in task.classes
    assert task.working_point in task.working_points
    assert set(task.classes) <= set(FLAVOURS)


def test_classes_of_a_task_have_different_colours():
    for task in TASKS.values():
        assert len({FLAVOURS[name].colour for name in task.classes}) == len(task.classes)


def test_score_names_are_those_of_the_ftag_tools():
    assert score_name("GN2v01", "b") == "GN2v01_pb"
    assert score_name("GN2Xv01", "hbb") == "GN2Xv01_phbb"


def test_unknown_names_are_one_sentence():
    with pytest.raises(ConfigError, match="no task 'single_c'; nearest: 'single_b'"):
        task_of("single_c")
    with pytest.raises(ConfigError, match="has no discriminant for 'u'"):
        task_of("single_b").discriminant("u")
