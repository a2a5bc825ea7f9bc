"""What decides the course of a run, as plain values that two runs can compare."""

import json


def run_settings(model):
    """Configs of networks, optimizers and data of a model in the middle of `fit`.

    Args:
        model: `GenerativeModel` that `fit` has been called on.

    Returns:
        Dict of path, such as "optimizers.generator.config.learning_rate", to a
        string, number, bool or None. Names of layers do not matter and are numbered.
    """
    try:
        networks = model.get_config()
    except NotImplementedError:
        # A user's network without `get_config`; its variables are still compared.
        networks = None
    settings = {
        "class": type(model).__name__,
        "model": networks,
        "optimizers": model.optimizer_configs,
        "data": model.feed.settings(),
    }
    # JSON, so that a saved copy compares equal.
    plain = json.loads(json.dumps(settings, default=lambda value: type(value).__name__))
    return dict(_flatten(_number_names(plain)))


def first_difference(settings, others):
    """The first path at which two dicts of settings differ, or None.

    Args:
        settings: Dict, as `run_settings` makes it.
        others: Another one.
    """
    for path in (*settings, *others):
        missing = path not in settings or path not in others
        if missing or settings[path] != others[path]:
            return path
    return None


def _number_names(settings):
    """Replaces names of layers, which Keras counts up within a process."""
    numbers = {}
    for path, value in _flatten(settings):
        if path.endswith(".name") and value is not None:
            numbers.setdefault(value, f"#{len(numbers)}")

    def replace(value):
        if isinstance(value, dict):
            return {key: replace(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replace(item) for item in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    return replace(settings)


def _flatten(value, path=""):
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        yield path, value
        return
    for key, item in items:
        yield from _flatten(item, f"{path}.{key}" if path else str(key))
