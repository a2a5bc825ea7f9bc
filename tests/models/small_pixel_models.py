"""Small models of pixels to test with, and images for them."""

import numpy as np

from kerasgen.models import GatedPixelCNN, PixelCNN

SHAPE = (4, 4, 1)
NUM_LEVELS = 4
MAKERS = {
    "pixel_cnn": lambda **arguments: PixelCNN(
        **{"image_shape": SHAPE, "num_levels": NUM_LEVELS, **SMALL, **arguments}
    ),
    "gated": lambda **arguments: GatedPixelCNN(
        **{"image_shape": SHAPE, "num_levels": NUM_LEVELS, **SMALL, **arguments}
    ),
}
SMALL = {"num_blocks": 1, "filters": 6, "first_kernel_size": 5, "seed": 1}


def randomize(model, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    for variable in model.network.trainable_variables:
        variable.assign(rng.standard_normal(variable.shape) * scale)
    return model


def images(num=24, shape=SHAPE, num_levels=NUM_LEVELS, seed=0):
    """Stripes whose level tells their class, with a little noise."""
    rng = np.random.default_rng(seed)
    levels = np.arange(num)[:, None, None, None] % num_levels
    noise = rng.uniform(size=(num, *shape)) < 0.1
    levels = (levels + noise * (np.arange(shape[1])[:, None] % 2)) % num_levels
    return np.floor(levels * 255 / (num_levels - 1) + 0.5).astype("uint8")
