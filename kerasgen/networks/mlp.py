"""Multilayer perceptrons."""

import keras
from keras import layers


def mlp(input_dim, num_outputs, hidden=(128, 128), activation="relu", name="mlp"):
    """Dense layers, the last one linear.

    Args:
        input_dim: Size of the inputs.
        num_outputs: Units of the last layer.
        hidden: Units of each hidden layer.
        activation: Of the hidden layers.
        name: Name of the network.

    Returns:
        Functional `keras.Model`, (B, input_dim) -> float32 (B, num_outputs).
    """
    x = inputs = keras.Input((input_dim,), name="x")
    for index, units in enumerate(hidden):
        x = layers.Dense(units, activation=activation, name=f"hidden_{index}")(x)
    x = layers.Dense(num_outputs, dtype="float32", name="outputs")(x)
    return keras.Model(inputs, x, name=name)
