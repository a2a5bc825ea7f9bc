"""What a denoising autoencoder learns to undo, with counter-based noise."""

import keras
from keras import ops

from kerasgen.arguments import check_non_negative, is_finite_number

# Name of the draws.
STREAM = "corruption"


class Corruption:
    """Base: a function of samples in the model domain and their noise."""

    def __call__(self, x, noise):
        """Corrupted samples; the same for the same noise on every backend.

        Args:
            x: float32 images (B, H, W, C) in [-1, 1], or vectors (B, D).
            noise: `kerasgen.random.Noise` of the batch's rows.

        Returns:
            float32, shaped like `x`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no call")

    def check_data_shape(self, data_shape):
        """Raises ValueError where samples of this shape cannot be corrupted so.

        Args:
            data_shape: (height, width, channels) or (features,).
        """

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerasgen", name="GaussianCorruption")
class GaussianNoise(Corruption):
    """Adds Gaussian noise to each value; images are clipped to [-1, 1] after it.

    Args:
        std: Standard deviation >= 0 in the model domain: 1 is 127.5 grey levels.

    Raises:
        ValueError: `std` is out of range.

    Example:

    >>> from keras import ops
    >>> from kerasgen.corruptions import GaussianNoise
    >>> from kerasgen.random import Noise
    >>> noise = Noise(seed=0, step=0, rows=ops.arange(4, dtype="int32"))
    >>> tuple(GaussianNoise(0.5)(ops.zeros((4, 8, 8, 1)), noise).shape)
    (4, 8, 8, 1)

    Reference: Vincent et al. 2010, "Stacked Denoising Autoencoders", section 3.3.
    """

    def __init__(self, std=0.5):
        check_non_negative("std", std)
        self.std = std

    def __call__(self, x, noise):
        x = x + self.std * noise.normal(STREAM, tuple(x.shape[1:]))
        return ops.clip(x, -1.0, 1.0) if len(x.shape) == 4 else x

    def get_config(self):
        return {"std": self.std}


class _Replacing(Corruption):
    def __init__(self, rate):
        if not is_finite_number(rate) or not 0 <= rate < 1:
            raise ValueError(f"`rate` is in [0, 1). Received: rate={rate!r}")
        self.rate = rate

    def get_config(self):
        return {"rate": self.rate}


@keras.saving.register_keras_serializable(package="kerasgen")
class MaskingNoise(_Replacing):
    """Sets a share of the values to nothing: black in images, 0 in vectors.

    Args:
        rate: Probability in [0, 1) of each value.

    Raises:
        ValueError: `rate` is out of range.

    Reference: Vincent et al. 2008, "Extracting and Composing Robust Features with
    Denoising Autoencoders", section 2.3.
    """

    def __init__(self, rate=0.25):
        super().__init__(rate)

    def __call__(self, x, noise):
        is_hidden = noise.uniform(STREAM, tuple(x.shape[1:])) < self.rate
        return ops.where(is_hidden, -1.0 if len(x.shape) == 4 else 0.0, x)


@keras.saving.register_keras_serializable(package="kerasgen")
class SaltAndPepper(_Replacing):
    """Sets a share of an image's values to black or to white, by a fair coin.

    Args:
        rate: Probability in [0, 1) of each value.

    Raises:
        ValueError: `rate` is out of range.

    Reference: Vincent et al. 2010, section 3.3.
    """

    def __init__(self, rate=0.25):
        super().__init__(rate)

    def check_data_shape(self, data_shape):
        if len(data_shape) != 3:
            raise ValueError(
                "Black and white are those of images: expected samples of shape "
                f"(height, width, channels) for SaltAndPepper. Received: {data_shape}"
            )

    def __call__(self, x, noise):
        # One draw for both: below half the rate black, below the rate white.
        u = noise.uniform(STREAM, tuple(x.shape[1:]))
        return ops.where(u < 0.5 * self.rate, -1.0, ops.where(u < self.rate, 1.0, x))
