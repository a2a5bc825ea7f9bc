"""Exponential moving average of a network's weights, kept as a network."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasgen")
class MovingAverage(keras.layers.Layer):
    """A copy of a network whose weights follow the original's on average.

    Every float variable follows, BatchNorm statistics included, so that they belong
    to the averaged weights; integer state is copied. Early on the decay is
    min(decay, (1 + step) / (10 + step)), which forgets the initial weights.

    Args:
        network: Built Keras model, or a layer that builds without inputs.
        decay: Float in (0, 1).

    Reference: Karras et al. 2018, "Progressive Growing of GANs", appendix A.1.
    """

    def __init__(self, network, decay, name="moving_average"):
        super().__init__(name=name, trainable=False)
        self.decay = decay
        self.network = _copy(network)
        self.network.trainable = False
        self.network.set_weights(network.get_weights())
        # A function, so that Keras does not adopt the original's variables here.
        self._sources = lambda: network.variables
        self.built = True

    def update(self, step, accepted):
        """Moves the average towards the network's present weights.

        Args:
            step: int32 scalar, training steps done before this one.
            accepted: bool scalar; False leaves the average as it is.
        """
        step = ops.cast(step, "float32")
        decay = ops.minimum(self.decay, (1.0 + step) / (10.0 + step))
        decay = ops.where(accepted, decay, 1.0)
        for average, source in zip(
            self.network.variables, self._sources(), strict=True
        ):
            if "float" in average.dtype:
                new = average.value + (1.0 - decay) * (source.value - average.value)
            else:
                new = ops.where(accepted, source.value, average.value)
            average.assign(new)


def _copy(network):
    if isinstance(network, keras.Model):
        return keras.models.clone_model(network)
    copy = type(network).from_config(network.get_config())
    copy.build()
    return copy
