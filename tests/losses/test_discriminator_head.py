"""Which discriminators a loss refuses, and how the end of a network is judged."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import losses
from kerasgen.layers import SpectralNormalization
from kerasgen.losses.discriminator_head import output_range
from kerasgen.models import dcgan

pytestmark = pytest.mark.eager

IMAGE = (8, 8, 2)


def head(*end, shape=IMAGE):
    """A network that ends in some layers, after one with weights."""
    body = layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh")
    return keras.Sequential([keras.Input(shape), body, *end])


def functional(end):
    x = image = keras.Input(IMAGE)
    x = layers.Dense(1)(layers.Flatten()(x))
    return keras.Model(image, end(x))


def autoencoder(shape=IMAGE, activation=None):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(
                shape[-1], 3, strides=2, padding="same", activation=activation
            ),
        ]
    )


def nested(*end):
    inner = keras.Sequential([keras.Input((32,)), layers.Dense(1, "sigmoid")])
    return head(layers.Flatten(), layers.Dense(32), inner, *end)


def projection():
    """Two branches with weights that meet in a sum, as with labels."""
    image, label = keras.Input(IMAGE), keras.Input((4,))
    features = layers.Flatten()(image)
    logit = layers.Dense(1)(features) + layers.Dense(1)(label)
    return keras.Model([image, label], logit)


def merged(merge, first=None, second=None):
    """Two layers with weights whose outputs meet in an operation without."""
    image = keras.Input(IMAGE)
    features = layers.Flatten()(image)
    units = [layers.Dense(1, activation=a)(features) for a in (first, second)]
    return keras.Model(image, merge(*units))


class Squashed(layers.Dense):
    """A Dense whose own `call` says what its configuration does not."""

    squash = staticmethod(ops.sigmoid)

    def call(self, inputs):
        return self.squash(super().call(inputs))


class HalfOpen(Squashed):
    squash = staticmethod(ops.relu)


class Same(Squashed):
    squash = staticmethod(lambda x: x)


class Perceptron(layers.Layer):
    """A hidden layer and a linear one, or one that squashes, in one layer."""

    activation = "sigmoid"  # Not for us to read.

    def __init__(self, last=None, **arguments):
        super().__init__()
        self.hidden = layers.Dense(4, activation="tanh")
        self.last = layers.Dense(1, activation=last, **arguments)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.last.build((None, 4))

    def call(self, inputs):
        return self.last(self.hidden(inputs))


FLATTEN = layers.Flatten
BOUNDED = {
    "name": lambda: head(FLATTEN(), layers.Dense(1, activation="sigmoid")),
    "tanh": lambda: head(FLATTEN(), layers.Dense(1, activation="tanh")),
    "hard_sigmoid": lambda: head(FLATTEN(), layers.Dense(1, activation="hard_sigmoid")),
    "softsign": lambda: head(FLATTEN(), layers.Dense(1, activation="softsign")),
    "softmax": lambda: head(FLATTEN(), layers.Dense(2, activation="softmax")),
    "relu": lambda: head(FLATTEN(), layers.Dense(1, activation="relu")),
    "softplus": lambda: head(FLATTEN(), layers.Dense(1, activation="softplus")),
    "elu": lambda: head(FLATTEN(), layers.Dense(1, activation="elu")),
    "gelu": lambda: head(FLATTEN(), layers.Dense(1, activation="gelu")),
    "function": lambda: head(FLATTEN(), layers.Dense(1, activation=ops.sigmoid)),
    "lambda": lambda: head(
        FLATTEN(), layers.Dense(1, activation=lambda x: 5.0 * ops.tanh(x))
    ),
    "layer as activation": lambda: head(
        FLATTEN(), layers.Dense(1, activation=layers.ReLU())
    ),
    "activation layer": lambda: head(
        FLATTEN(), layers.Dense(1), layers.Activation("sigmoid")
    ),
    "softmax layer": lambda: head(FLATTEN(), layers.Dense(2), layers.Softmax()),
    "relu layer": lambda: head(FLATTEN(), layers.Dense(1), layers.ReLU(6.0)),
    "flatten": lambda: head(layers.Conv2D(1, 3, activation="sigmoid"), FLATTEN()),
    "reshape, linear": lambda: head(
        layers.Conv2D(1, 2, activation="sigmoid"),
        layers.Reshape((9,)),
        layers.Activation("linear"),
    ),
    "patches, averaged": lambda: head(
        layers.Conv2D(1, 3, activation="tanh"), layers.GlobalAveragePooling2D()
    ),
    "rescaled": lambda: head(
        FLATTEN(), layers.Dense(1, activation="sigmoid"), layers.Rescaling(2.0, -1.0)
    ),
    "operations": lambda: functional(lambda x: 2.0 * ops.sigmoid(x) - 1.0),
    "nested": nested,
    "nested, reshaped": lambda: nested(layers.Reshape((1, 1))),
    "spectral normalization": lambda: head(
        FLATTEN(), SpectralNormalization(layers.Dense(1, activation="tanh"))
    ),
    "no weights": lambda: keras.Sequential(
        [keras.Input((3,)), layers.Activation("tanh")]
    ),
    "normalised sigmoid": lambda: head(
        FLATTEN(),
        layers.Dense(1),
        layers.Activation("sigmoid"),
        layers.BatchNormalization(),
    ),
    "normalised alone": lambda: head(
        FLATTEN(), layers.Dense(1), layers.LayerNormalization()
    ),
    "subclass": lambda: head(FLATTEN(), Squashed(1)),
    "subclass, reshaped": lambda: head(FLATTEN(), Squashed(1), layers.Reshape((1, 1))),
    "subclass, zeros": lambda: head(FLATTEN(), Squashed(1, kernel_initializer="zeros")),
    "subclass, half": lambda: head(FLATTEN(), HalfOpen(1)),
    "own layer": lambda: head(FLATTEN(), Perceptron("sigmoid")),
    "recurrent": lambda: head(layers.Reshape((16, 4)), layers.LSTM(1)),
    "sum of sigmoids": lambda: merged(lambda a, b: a + b, "sigmoid", "sigmoid"),
    "mean of sigmoids": lambda: merged(
        lambda a, b: layers.Average()([a, b]), "sigmoid", "sigmoid"
    ),
    "sigmoid of a sum": lambda: merged(lambda a, b: ops.sigmoid(a + b)),
    "sigmoids joined": lambda: merged(
        lambda a, b: ops.mean(layers.Concatenate()([a, b]), axis=1, keepdims=True),
        "sigmoid",
        "tanh",
    ),
}
UNBOUNDED = {
    "linear": lambda: head(FLATTEN(), layers.Dense(1)),
    "linear, flattened": lambda: head(layers.Conv2D(1, 3), FLATTEN()),
    "any size": lambda: head(layers.Conv2D(1, 3), shape=(None, None, 3)),
    "leaky": lambda: head(FLATTEN(), layers.Dense(1), layers.LeakyReLU(0.01)),
    "turned": lambda: functional(lambda x: -x),
    "dropout": lambda: head(FLATTEN(), layers.Dense(1), layers.Dropout(0.5)),
    "spectral normalization": lambda: head(
        FLATTEN(), SpectralNormalization(layers.Dense(1))
    ),
    "projection": projection,
    "difference": lambda: merged(lambda a, b: a - b),
    "gate": lambda: merged(lambda a, b: a * b, "sigmoid"),
    "product": lambda: merged(lambda a, b: a * b),
    "residual": lambda: merged(lambda a, b: a + b, "sigmoid"),
    "no weights": lambda: keras.Sequential([keras.Input((3,)), layers.Flatten()]),
    "batch normalization": lambda: head(
        FLATTEN(), layers.Dense(1), layers.BatchNormalization()
    ),
    "learned slopes": lambda: head(FLATTEN(), layers.Dense(1), layers.PReLU()),
    "subclass": lambda: head(FLATTEN(), layers.Dense(4, "tanh"), Same(1)),
    "subclass, zeros": lambda: head(FLATTEN(), Same(1, kernel_initializer="zeros")),
    "subclass of any size": lambda: keras.Sequential(
        [keras.Input((None, None, 3)), layers.Conv2D(4, 3, activation="tanh"), Same(1)]
    ),
    "own layer": lambda: head(FLATTEN(), Perceptron()),
    "own layer, zeros": lambda: head(FLATTEN(), Perceptron(kernel_initializer="zeros")),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_bounded_heads(name):
    network = BOUNDED[name]()
    low, high = output_range(network)
    assert low < high or "softmax" in name or "alone" in name
    pattern = rf"activation=None.* Received: {network.name} with outputs from"
    if network.output_shape == network.input_shape:
        pattern = "ebgan"
    with pytest.raises(ValueError, match=pattern):
        losses.hinge.check_discriminator(network)


@pytest.mark.parametrize("name", UNBOUNDED)
def test_heads_without_bounds(name):
    assert output_range(UNBOUNDED[name]()) is None


def test_ranges():
    assert output_range(BOUNDED["tanh"]()) == (-1.0, 1.0)
    assert output_range(BOUNDED["lambda"]()) == (-5.0, 5.0)
    assert output_range(BOUNDED["relu layer"]()) == (0.0, 6.0)
    assert output_range(BOUNDED["rescaled"]()) == (-1.0, 1.0)
    assert output_range(BOUNDED["nested, reshaped"]()) == (0.0, 1.0)


def test_judging_leaves_the_network_and_names_alone():
    network = BOUNDED["reshape, linear"]()
    weights = network.get_weights()
    keras.backend.clear_session()
    first = keras.Sequential([keras.Input((1,))]).name
    keras.backend.clear_session()
    output_range(network)
    assert keras.Sequential([keras.Input((1,))]).name == first
    for before, after in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        networks = BOUNDED["activation layer"](), UNBOUNDED["leaky"]()
    finally:
        keras.config.set_dtype_policy("float32")
    assert output_range(networks[0]) == (0.0, 1.0)
    assert output_range(networks[1]) is None


LOGIT_LOSSES = sorted(
    name
    for name, value in vars(losses).items()
    if isinstance(value, losses.AdversarialLoss) and name != "ebgan"
)


@pytest.mark.parametrize("name", LOGIT_LOSSES)
def test_losses_of_logits(name):
    loss = losses.get(name)
    loss.check_discriminator(UNBOUNDED["linear"]())
    with pytest.raises(ValueError) as error:
        loss.check_discriminator(BOUNDED["name"]())
    assert str(error.value).startswith(loss.head_reason)
    assert "Received: " in str(error.value)
    for network in (autoencoder(), autoencoder((8, 8, 1)), autoencoder(IMAGE, "tanh")):
        with pytest.raises(ValueError, match=r"'ebgan'.* Received: .*\(8, 8, [12]\)"):
            loss.check_discriminator(network)


def test_ebgan_takes_autoencoders_only():
    loss = losses.ebgan
    for activation in (None, "tanh", "sigmoid"):
        loss.check_discriminator(autoencoder(activation=activation))
    with pytest.raises(ValueError, match=r"autoencoder.*'hinge'. Received: .*\(1,\)"):
        loss.check_discriminator(UNBOUNDED["linear"]())


def test_logits_of_pixels_may_be_reshaped():
    pixels = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(1, 1), layers.Reshape((64, 1))]
    )
    losses.hinge.check_discriminator(pixels)


def test_patches_of_images_of_any_size():
    """Their shape is that of the input as far as it is known."""
    network = keras.Sequential(
        [keras.Input((None, None, 1)), layers.Conv2D(1, 4, strides=2)]
    )
    assert network.output_shape == network.input_shape
    losses.hinge.check_discriminator(network)


def test_scalar_samples_are_no_autoencoder():
    critic = keras.Sequential([keras.Input((1,)), layers.Dense(4), layers.Dense(1)])
    losses.hinge.check_discriminator(critic)


def test_our_own_discriminators_pass():
    losses.non_saturating.check_discriminator(
        dcgan(image_shape=(8, 8, 1), latent_dim=4).discriminator
    )
