"""Historical averaging: players that stay near the mean of their past weights."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasgen")
class HistoricalAverage(keras.layers.Layer):
    """The mean of a network's weights after each of its updates, and the distance.

    Until the first update there is no past, and no penalty: so weights that are loaded
    before training count as a start.

    Args:
        network: Built Keras model; the variables that are trainable now count, whatever
            is frozen later.
        weight: Float >= 0 that multiplies the squared distance.

    Reference: Salimans et al. 2016, "Improved Techniques for Training GANs",
    section 3.3.
    """

    def __init__(self, network, weight, name="historical_average"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.weight = weight
        self.count = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="count"
        )
        variables = network.trainable_variables
        self.means = [
            self.add_weight(
                shape=variable.shape,
                initializer="zeros",
                trainable=False,
                name=f"mean_{index}",
            )
            for index, variable in enumerate(variables)
        ]
        # A function, so that Keras does not adopt the network's variables here.
        self._sources = lambda: variables
        self.built = True

    def penalty(self):
        """`weight * |weights - mean of past weights|^2`, a float32 scalar."""
        squares = [
            ops.sum(ops.square(ops.cast(source.value, "float32") - mean.value))
            for mean, source in zip(self.means, self._sources(), strict=True)
        ]
        has_past = ops.cast(self.count.value > 0, "float32")
        return self.weight * has_past * sum(squares)

    def update(self, accepted):
        """Takes the present weights into the mean.

        Args:
            accepted: bool scalar; False leaves the mean as it is.
        """
        self.count.assign_add(ops.cast(accepted, "int32"))
        count = ops.cast(ops.maximum(self.count.value, 1), "float32")
        share = ops.cast(accepted, "float32") / count
        for mean, source in zip(self.means, self._sources(), strict=True):
            step = ops.cast(source.value, "float32") - mean.value
            mean.assign(mean.value + share * step)
