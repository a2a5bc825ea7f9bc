"""Historical averaging: players that stay near the mean of their past weights."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasgen")
class HistoricalAverage(keras.layers.Layer):
    """The mean of a network's past weights, and the distance from it.

    Args:
        network: Built Keras model; its trainable variables count.
        weight: Float >= 0 that multiplies the squared distance.

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs",
    section 3.3.
    """

    def __init__(self, network, weight, name="historical_average"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.weight = weight
        self.count = self.add_weight(
            shape=(), initializer="ones", dtype="int32", trainable=False, name="count"
        )
        self.means = [
            self.add_weight(shape=variable.shape, trainable=False, name=f"mean_{index}")
            for index, variable in enumerate(network.trainable_variables)
        ]
        for mean, variable in zip(self.means, network.trainable_variables, strict=True):
            # By its values: JAX would share the buffer, and donate it twice.
            mean.assign(ops.convert_to_numpy(variable))
        # A function, so that Keras does not adopt the network's variables here.
        self._sources = lambda: network.trainable_variables
        self.built = True

    def penalty(self):
        """`weight * |weights - mean of past weights|^2`, a float32 scalar."""
        squares = [
            ops.sum(ops.square(ops.cast(source.value, "float32") - mean.value))
            for mean, source in zip(self.means, self._sources(), strict=True)
        ]
        return self.weight * sum(squares)

    def update(self, accepted):
        """Takes the present weights into the mean.

        Args:
            accepted: bool scalar; False leaves the mean as it is.
        """
        self.count.assign_add(ops.cast(accepted, "int32"))
        share = ops.cast(accepted, "float32") / ops.cast(self.count.value, "float32")
        for mean, source in zip(self.means, self._sources(), strict=True):
            step = ops.cast(source.value, "float32") - mean.value
            mean.assign(mean.value + share * step)
