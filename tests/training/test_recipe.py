"""Recipes' parameters: what a user may set, and how it is said again."""

import pytest

from training.recipe import load_recipe, override_of, resolve_parameters

RECIPE = load_recipe("vae_digits")


@pytest.mark.parametrize(
    "override",
    [
        "learning_rate=-0.1",
        "learning_rate=1e999",
        "learning_rate=nan",
        "epochs=0",
        "epochs=1.5",
        "epochs=True",
        "extractor=3",
        "extractor=None",
        "epochs",
        "=1",
        "nope=1",
    ],
)
def test_a_bad_override_is_refused(override):
    with pytest.raises(ValueError, match="Received: '"):
        resolve_parameters(RECIPE, [override])


def test_integers_are_read_as_floats_where_a_float_is_meant():
    parameters = resolve_parameters(RECIPE, ["learning_rate=1", "seed=0"])
    assert type(parameters["learning_rate"]) is float and parameters["seed"] == 0


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("split", "train[:10]", "split=train[:10]"),
        ("extractor", "17", "extractor='17'"),
        ("dataset", "folder:/a b", "dataset=folder:/a b"),
        ("epochs", 7, "epochs=7"),
        ("learning_rate", 3e-05, "learning_rate=3e-05"),
    ],
)
def test_an_override_says_a_value_as_it_is_read(key, value, text):
    assert override_of(key, value) == text
    assert resolve_parameters(RECIPE, [text])[key] == value
