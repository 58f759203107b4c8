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


def test_a_sample_without_some_classes_keeps_the_proportions():
    task = task_of("single_b").among(["u", "b", "c"])
    assert task.classes == ("b", "c", "u")
    fractions = task.discriminants[0].fractions
    assert fractions == pytest.approx({"u": 0.79 / 0.99, "c": 0.2 / 0.99})
    assert task.shares == pytest.approx({"b": 1 / 3, "c": 1 / 3, "u": 1 / 3})
    whole = task_of("single_b")
    assert whole.among(whole.classes) == whole


def test_discriminants_without_signal_or_background_are_left_out():
    task = task_of("hbb_cc").among({"hbb", "qcd"})
    assert [one.signal for one in task.discriminants] == ["hbb"]
    assert task.discriminants[0].fractions == {"qcd": 1.0}
    assert task.backgrounds == ("qcd",)


def test_a_task_needs_its_signal_and_a_background():
    with pytest.raises(ConfigError, match="needs the class 'b' and one of 'u', 'c', 'tau'"):
        task_of("single_b").among(["c", "u"])
    with pytest.raises(ConfigError, match="needs the class 'hbb' and one of"):
        task_of("hbb_cc").among(["hbb"])
    with pytest.raises(ConfigError, match="no class 'light' in the task 'single_b'"):
        task_of("single_b").among(["b", "light"])
