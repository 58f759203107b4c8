"""What all trainings of a study share, as it stands in the YAML."""

import pytest

from ftag_prune.config import Adam, Training
from ftag_prune.errors import ConfigError
from ftag_prune.spec import validated


def training(**content):
    return validated(Training, content, where="training")


def test_adamw_is_the_other_name_of_adam():
    named = training(optimiser={"kind": "adamw", "weight_decay": 0.1})
    assert named.optimiser == Adam(weight_decay=0.1)
    assert named.model_dump()["optimiser"] == {"kind": "adam", "weight_decay": 0.1}
    assert Training.model_validate_json(named.model_dump_json()) == named


def test_trainings_are_on_the_cpu_in_float32_unless_they_say_more():
    assert (training().device, training().precision) == ("cpu", "float32")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            {"optimiser": {"kind": "adamax"}},
            "training: optimiser: input tag 'adamax' found using 'kind' does not match any of the "
            "expected tags: 'adam', 'adamw', 'sgd'",
        ),
        ({"optimiser": {"kind": "adamw", "decay": 1}}, "training: no key 'optimiser.decay'"),
        ({"patience": 0}, "training: patience: input should be greater than or equal to 1"),
        ({"least_gain": -1}, "training: least_gain: input should be greater than or equal to 0"),
        ({"keep": "bets"}, "training: keep: input should be 'best' or 'last', found 'bets'"),
        ({"device": "gpu"}, "training: device: input should be 'auto', 'cpu', 'cuda' or 'mps'"),
        (
            {"precision": "float64"},
            "training: precision: input should be 'float32', 'bfloat16' or 'float16'",
        ),
        ({"patiense": 3}, "training: no key 'patiense'; nearest: 'patience'"),
    ],
)
def test_mistakes_are_one_sentence(content, sentence):
    with pytest.raises(ConfigError) as caught:
        training(**content)
    assert str(caught.value).startswith(sentence)
