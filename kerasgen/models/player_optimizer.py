"""One optimizer object that holds a Keras optimizer for each player."""

import math
from types import MappingProxyType

import keras


@keras.saving.register_keras_serializable(package="kerasgen")
class PlayerOptimizer(keras.optimizers.Optimizer):
    """Holds one optimizer a player, so that Keras sees, saves and shards them all.

    `keras.optimizers.MultiOptimizer` has no alternation (one `apply` updates every
    variable) and refuses loss scaling inside, hence a class of our own.

    Args:
        players: Dict of player name to `keras.optimizers.Optimizer`.
        name: Name of the object.

    Example:

    >>> import keras
    >>> from kerasgen.models.player_optimizer import PlayerOptimizer
    >>> optimizer = PlayerOptimizer({"generator": keras.optimizers.Adam(2e-4)})
    >>> round(float(optimizer["generator"].learning_rate), 6)
    0.0002
    """

    def __init__(self, players, name="player_optimizer"):
        super().__init__(learning_rate=0.0, name=name)
        # Not a dict or list: Keras would save the optimizers a second time.
        self._players = MappingProxyType(dict(players))

    def __getitem__(self, player):
        return self._players[player]

    @property
    def optimizers(self):
        """The players' optimizers; Keras's callbacks act on each of them."""
        return self._players.values()

    @property
    def variables(self):
        inner = [v for optimizer in self.optimizers for v in optimizer.variables]
        return [*self._variables, *inner]

    def build_players(self, variables):
        """Creates every slot, so that a restore finds them.

        Args:
            variables: Dict of player name to its trainable variables.

        Raises:
            ValueError: A player has nothing to train, or its optimizer belongs to
                other variables.
        """
        for player, optimizer in self._players.items():
            own = variables[player]
            if not own:
                raise ValueError(
                    f"Expected trainable variables of the {player}; a learning rate of "
                    "0 keeps them as they are. Received: none"
                )
            # `LossScaleOptimizer` would create its state a second time.
            if not optimizer.built:
                optimizer.build(own)
            if [*map(id, optimizer._trainable_variables)] != [*map(id, own)]:
                raise ValueError(
                    f"Expected a new optimizer for the {player}, shared with no other "
                    "player or model. Received: one built for other variables"
                )
        self.built = True

    def finalize_variable_values(self, var_list):
        for optimizer in self.optimizers:
            optimizer.finalize_variable_values(optimizer._trainable_variables)

    def get_config(self):
        return {
            "players": {
                player: serialize_optimizer(optimizer)
                for player, optimizer in self._players.items()
            },
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        players = {
            player: keras.saving.deserialize_keras_object(value, custom_objects)
            for player, value in config["players"].items()
        }
        return cls(players, name=config["name"])


def serialize_optimizer(optimizer):
    """Config of an optimizer that loads on any backend.

    On PyTorch Keras writes the module of its own subclass, which the other backends
    cannot import; the public module is the same everywhere.
    """
    config = keras.saving.serialize_keras_object(optimizer)
    if config["module"].startswith("keras.src."):
        config["module"] = "keras.optimizers"
        config["registered_name"] = None
    inner = config["config"].get("inner_optimizer")
    if inner is not None:
        config["config"]["inner_optimizer"] = serialize_optimizer(
            optimizer.inner_optimizer
        )
    return config


def resolve_optimizer(name, optimizer, scale_loss):
    """Returns a checked Keras optimizer for one player.

    Args:
        name: Argument name, for messages.
        optimizer: `keras.optimizers.Optimizer`, its name or its config.
        scale_loss: Whether to wrap it in a `LossScaleOptimizer` (float16).

    Raises:
        ValueError: The learning rate is not a finite number >= 0, or a momentum
            coefficient lies outside [0, 1).
    """
    if optimizer is None:
        raise ValueError(f"Expected a Keras optimizer for `{name}`. Received: None")
    optimizer = keras.optimizers.get(optimizer)
    config = optimizer.get_config()
    config = config.get("inner_optimizer", {}).get("config", config)
    for step, rate in _learning_rates(optimizer):
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(
                f"`{name}` needs a finite learning rate >= 0"
                + ("" if step is None else f" at step {step} of its schedule")
                + f". Received: {rate}"
            )
    for coefficient in ("beta_1", "beta_2", "momentum", "rho"):
        value = config.get(coefficient)
        if value is not None and not 0 <= value < 1:
            raise ValueError(
                f"`{name}` needs {coefficient} in [0, 1). Received: {value}"
            )
    is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scale_loss and not is_scaled:
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _learning_rates(optimizer):
    """Pairs of step, None for a constant rate, and learning rate to check."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = inner._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return [(step, float(schedule(step))) for step in (0, 1, 1000)]
    # Under a strategy of TensorFlow `float` does not take a variable.
    return [(None, float(keras.ops.convert_to_numpy(inner.learning_rate)))]
