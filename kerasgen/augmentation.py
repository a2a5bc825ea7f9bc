"""Differentiable augmentation of what a discriminator sees."""

import keras
from keras import ops

POLICIES = ("color", "translation", "cutout")


@keras.saving.register_keras_serializable(package="kerasgen")
class DiffAugment:
    """Augments real and fake images alike, in the updates of both players.

    - "color": brightness in [-0.5, 0.5), saturation in [0, 2), contrast in [0.5, 1.5).
    - "translation": up to an eighth of the size either way, rounded with halves up;
      zeros beyond the border.
    - "cutout": a square of half the size is set to 0.

    The draws are kerasgen's counter-based noise: equal on every backend and keyed by
    global row. Penalties on the gradient are taken of images as they are.

    Args:
        policy: Some of the above, joined by commas; applied in this order.

    Raises:
        ValueError: There is no such policy.

    Reference: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN
    Training", section 4.
    """

    def __init__(self, policy="color,translation,cutout"):
        names = [name.strip() for name in str(policy).split(",")]
        if not {*names} <= {*POLICIES}:
            raise ValueError(
                f"Expected some of {POLICIES}, joined by commas. "
                f"Received: policy={policy!r}"
            )
        self.policy = policy
        self._names = [name for name in POLICIES if name in names]

    def __call__(self, images, noise, stream, substep=0):
        """Augmented images.

        Args:
            images: float32 (B, H, W, C) in [-1, 1].
            noise: `kerasgen.random.Noise` of the batch's rows.
            stream: Name of the draw, such as "augment_real".
            substep: Integer that tells several calls within one step apart.

        Returns:
            float32 (B, H, W, C).

        Raises:
            ValueError: The images have another rank.
        """
        images = ops.convert_to_tensor(images)
        if len(images.shape) != 4:
            raise ValueError(
                "Expected images of shape (batch, height, width, channels). "
                f"Received: shape={tuple(images.shape)}"
            )
        # Seven numbers an image: three for the colours, two for each position.
        u = noise.uniform(stream, (7,), substep)
        if "color" in self._names:
            images = _change_colors(images, u[:, :3])
        if "translation" in self._names:
            images = _translate(images, u[:, 3:5])
        if "cutout" in self._names:
            images = _cut_out(images, u[:, 5:7])
        return images

    def get_config(self):
        return {"policy": self.policy}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _change_colors(images, u):
    u = u[:, :, None, None, None]
    images = images + (u[:, 0] - 0.5)
    grey = ops.mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (2.0 * u[:, 1])
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * (u[:, 2] + 0.5)


def _translate(images, u):
    for axis in (1, 2):
        size = images.shape[axis]
        reach = (size + 4) // 8
        offset = ops.cast(ops.floor(u[:, axis - 1] * (2 * reach + 1)), "int32") - reach
        # A one-hot matrix moves rows; where it has no one, zeros come in.
        source = ops.arange(size, dtype="int32")[None, :, None] + offset[:, None, None]
        moves = ops.cast(source == ops.arange(size, dtype="int32"), images.dtype)
        pattern = "bts,bswc->btwc" if axis == 1 else "bts,bhsc->bhtc"
        images = ops.einsum(pattern, moves, images)
    return images


def _cut_out(images, u):
    inside = []
    for axis in (1, 2):
        size = images.shape[axis]
        length = size // 2
        # The centre lies anywhere, so that parts of the square may lie outside.
        center = ops.floor(u[:, axis - 1] * (size + 1 - length % 2))[:, None]
        position = ops.arange(size, dtype="float32")[None, :]
        low = center - length // 2
        inside.append((position >= low) & (position < low + length))
    is_cut = inside[0][:, :, None] & inside[1][:, None, :]
    return images * ops.cast(ops.logical_not(is_cut), images.dtype)[..., None]
