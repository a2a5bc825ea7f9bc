"""What a recipe is, and how one is found and its values overridden."""

import ast
import math
import pkgutil
from importlib import import_module

from . import applications, recipes


def recipe_names(*packages):
    """Names of recipes, sorted.

    Args:
        *packages: `recipes`, of presets, or `applications`; both by default.
    """
    return sorted(
        module.name
        for package in packages or (recipes, applications)
        for module in pkgutil.iter_modules(package.__path__)
    )


def load_recipe(name):
    """The recipe module: PARAMETERS, QUICK and `build(parameters)`.

    Raises:
        ValueError: There is no such recipe.
    """
    if name not in recipe_names():
        raise ValueError(
            f"Expected one of the recipes {', '.join(recipe_names())}. "
            f"Received: {str(name)[:200]!r}"
        )
    package = recipes if name in recipe_names(recipes) else applications
    return import_module(f"{package.__name__}.{name}")


def resolve_parameters(recipe, overrides=(), quick=False):
    """A recipe's parameters with the values that a user set.

    Args:
        recipe: Recipe module.
        overrides: Strings "key=value"; values are Python literals or bare words.
        quick: Start from the small configuration that tests use.

    Returns:
        Dict.

    Raises:
        ValueError: Malformed string, unknown key, or a value of another type or out of
            range: integers are at least 1, except a seed; floats are finite and >= 0.
    """
    parameters = dict(recipe.PARAMETERS)
    if quick:
        parameters.update(recipe.QUICK)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or key not in parameters:
            raise ValueError(
                f"Expected key=value with a key of {sorted(parameters)}. "
                f"Received: {override!r}"
            )
        value = _literal(text)
        old = parameters[key]
        if isinstance(old, float) and type(value) is int:
            value = float(value)
        if old is not None and type(value) is not type(old):
            raise ValueError(
                f"Expected {key} of type {type(old).__name__}, such as {old!r}. "
                f"Received: {text!r}"
            )
        if type(value) is int and key != "seed" and value < 1:
            raise ValueError(f"Expected {key} >= 1. Received: {text!r}")
        if type(value) is float and not (math.isfinite(value) and value >= 0.0):
            raise ValueError(f"Expected {key} finite and >= 0. Received: {text!r}")
        parameters[key] = value
    return parameters


def check_option(key, value, options):
    """Raises ValueError unless a parameter's value is one of some names."""
    if value not in options:
        raise ValueError(f"Expected {key} of {sorted(options)}. Received: {value!r}")


def override_of(key, value):
    """The string "key=value" that `resolve_parameters` reads as this value."""
    is_bare_word = isinstance(value, str) and _literal(value) == value
    return f"{key}={value if is_bare_word else repr(value)}"


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
