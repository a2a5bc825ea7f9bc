"""The Inception network that FID, KID and IS are defined on, without its weights.

It differs from `keras.applications.InceptionV3`: BatchNorm has a scale, the last
block's pool branch takes the maximum, and there are 1008 logits. Layers are named
after the PyTorch port's parameters, with `__` for a point, so that its weights convert
by name.
"""

import keras
from keras import layers

INPUT_SIZE = (299, 299)
NUM_CLASSES = 1008
TAPS = ("64", "192", "768", "2048")


def fid_inception_network(name="fid_inception"):
    """Functional model with every output that the metrics use.

    Args:
        name: Name of the network.

    Returns:
        `keras.Model`, float32 (B, 299, 299, 3), which is `(x - 128) / 128` of values
        in [0, 255], -> list of float32 logits (B, 1008) without bias (layer "fc") and
        of pooled features (B, 64), (B, 192), (B, 768) and (B, 2048), of layers that
        are named by these numbers.

    Reference: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer
    Vision"; the graph of 2015-12-05 that Salimans et al. 2016 and Heusel et al. 2017
    took.
    """
    x = image = keras.Input((*INPUT_SIZE, 3), name="image")
    x = _conv(x, "Conv2d_1a_3x3", 32, 3, strides=2, padding="valid")
    x = _conv(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = _conv(x, "Conv2d_2b_3x3", 64, 3)
    x = layers.MaxPooling2D(3, 2, name="MaxPool_1")(x)
    taps = [layers.GlobalAveragePooling2D(name="64")(x)]
    x = _conv(x, "Conv2d_3b_1x1", 80, 1, padding="valid")
    x = _conv(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, 2, name="MaxPool_2")(x)
    taps.append(layers.GlobalAveragePooling2D(name="192")(x))
    x = _block_a(x, "Mixed_5b", 32)
    x = _block_a(x, "Mixed_5c", 64)
    x = _block_a(x, "Mixed_5d", 64)
    x = _block_b(x, "Mixed_6a")
    for block, filters in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        x = _block_c(x, f"Mixed_{block}", filters)
    taps.append(layers.GlobalAveragePooling2D(name="768")(x))
    x = _block_d(x, "Mixed_7a")
    x = _block_e(x, "Mixed_7b", layers.AveragePooling2D)
    x = _block_e(x, "Mixed_7c", layers.MaxPooling2D)
    taps.append(layers.GlobalAveragePooling2D(name="2048")(x))
    logits = layers.Dense(NUM_CLASSES, use_bias=False, name="fc")(taps[-1])
    return keras.Model(image, [logits, *taps], name=name)


def _conv(x, name, filters, size, strides=1, padding="same"):
    x = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        use_bias=False,
        name=f"{name}__conv",
    )(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}__bn")(x)
    return layers.ReLU(name=f"{name}__relu")(x)


def _chain(x, name, *convolutions):
    """Convolutions one after the other: (suffix, filters, size)."""
    for suffix, filters, size in convolutions:
        x = _conv(x, f"{name}__{suffix}", filters, size)
    return x


def _pooled(x, name, filters, pooling=layers.AveragePooling2D):
    # Keras leaves padding out of averages, as TensorFlow does.
    x = pooling(3, 1, padding="same", name=f"{name}__pool")(x)
    return _conv(x, f"{name}__branch_pool", filters, 1)


def _block_a(x, name, pool_filters):
    branches = [
        _conv(x, f"{name}__branch1x1", 64, 1),
        _chain(x, name, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
        _chain(
            x,
            name,
            ("branch3x3dbl_1", 64, 1),
            ("branch3x3dbl_2", 96, 3),
            ("branch3x3dbl_3", 96, 3),
        ),
        _pooled(x, name, pool_filters),
    ]
    return layers.Concatenate(name=name)(branches)


def _block_b(x, name):
    double = _chain(x, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3))
    branches = [
        _conv(x, f"{name}__branch3x3", 384, 3, 2, "valid"),
        _conv(double, f"{name}__branch3x3dbl_3", 96, 3, 2, "valid"),
        layers.MaxPooling2D(3, 2, name=f"{name}__pool")(x),
    ]
    return layers.Concatenate(name=name)(branches)


def _block_c(x, name, filters):
    row, column = (1, 7), (7, 1)
    branches = [
        _conv(x, f"{name}__branch1x1", 192, 1),
        _chain(
            x,
            name,
            ("branch7x7_1", filters, 1),
            ("branch7x7_2", filters, row),
            ("branch7x7_3", 192, column),
        ),
        _chain(
            x,
            name,
            ("branch7x7dbl_1", filters, 1),
            ("branch7x7dbl_2", filters, column),
            ("branch7x7dbl_3", filters, row),
            ("branch7x7dbl_4", filters, column),
            ("branch7x7dbl_5", 192, row),
        ),
        _pooled(x, name, 192),
    ]
    return layers.Concatenate(name=name)(branches)


def _block_d(x, name):
    short = _conv(x, f"{name}__branch3x3_1", 192, 1)
    long = _chain(
        x,
        name,
        ("branch7x7x3_1", 192, 1),
        ("branch7x7x3_2", 192, (1, 7)),
        ("branch7x7x3_3", 192, (7, 1)),
    )
    branches = [
        _conv(short, f"{name}__branch3x3_2", 320, 3, 2, "valid"),
        _conv(long, f"{name}__branch7x7x3_4", 192, 3, 2, "valid"),
        layers.MaxPooling2D(3, 2, name=f"{name}__pool")(x),
    ]
    return layers.Concatenate(name=name)(branches)


def _block_e(x, name, pooling):
    short = _conv(x, f"{name}__branch3x3_1", 384, 1)
    long = _chain(x, name, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
    branches = [
        _conv(x, f"{name}__branch1x1", 320, 1),
        _conv(short, f"{name}__branch3x3_2a", 384, (1, 3)),
        _conv(short, f"{name}__branch3x3_2b", 384, (3, 1)),
        _conv(long, f"{name}__branch3x3dbl_3a", 384, (1, 3)),
        _conv(long, f"{name}__branch3x3dbl_3b", 384, (3, 1)),
        _pooled(x, name, 192, pooling),
    ]
    return layers.Concatenate(name=name)(branches)
