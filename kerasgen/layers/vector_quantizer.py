"""Vector quantisation with a codebook that follows the inputs on average."""

import keras
from keras import ops

from kerasgen import random, replicas
from kerasgen.arguments import (
    check_non_negative,
    check_open_unit,
    check_positive_integer,
)
from kerasgen.layers.noise_layer import NoiseLayer


@keras.saving.register_keras_serializable(package="kerasgen")
class VectorQuantizer(NoiseLayer):
    """Replaces each vector by the nearest of a codebook; gradients pass straight.

    In training each code moves to the moving average of the vectors that chose it. One
    that hardly any vector chooses any more is dead, and restarts at a vector of the
    batch; all do so in the first training call, which is how the codebook is
    initialised. What a training call returns are the codes after it; the paper's are
    those before it. With `trainable=False` the codebook stays as it is, as the averages
    of `BatchNormalization` do. It has no gradient: the encoder needs a commitment loss
    beside it (`VQVAE` adds it).

    Restarts draw counter-based noise; see `InstanceNoise`. In data-parallel training
    the codebook follows the vectors of all devices.

    Args:
        num_codes: Integer >= 1, vectors in the codebook (K in the paper).
        code_dim: Integer >= 1, size of each.
        decay: Float in (0, 1) of the moving averages (gamma in the paper).
        restart_below: Share >= 0 of a code's fair share of the vectors, 1 / num_codes
            of them, below which it restarts; 0 for never after the first call.
        seed: As in `InstanceNoise`.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: float (..., code_dim). Output: float32 of the same shape.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.layers import VectorQuantizer
    >>> layer = VectorQuantizer(num_codes=2, code_dim=1, seed=0)
    >>> x = np.array([[-1.0], [-1.0], [1.0], [1.0]], "float32")
    >>> for _ in range(500):
    ...     y = layer(x, training=True)
    >>> bool(np.abs(np.asarray(layer(x)) - x).max() < 0.1)
    True

    Reference: van den Oord et al. 2017, "Neural Discrete Representation Learning",
    equation 2 and appendix A.1 (moving averages); Dhariwal et al. 2020, "Jukebox",
    section 4 (restarts).
    """

    def __init__(
        self,
        num_codes,
        code_dim,
        decay=0.99,
        restart_below=0.01,
        seed=None,
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        # Distances and averages are float32 under every dtype policy.
        self.autocast = False
        check_positive_integer("num_codes", num_codes)
        check_positive_integer("code_dim", code_dim)
        check_open_unit("decay", decay)
        check_non_negative("restart_below", restart_below)
        self.num_codes = int(num_codes)
        self.code_dim = int(code_dim)
        self.decay = decay
        self.restart_below = restart_below

    def build(self, input_shape):
        """Creates the codebook and its averages.

        Args:
            input_shape: Shape of the inputs.

        Raises:
            ValueError: The last size is not `code_dim`.
        """
        if input_shape[-1] != self.code_dim:
            raise ValueError(
                f"Expected vectors of size code_dim={self.code_dim}. "
                f"Received: input shape {tuple(input_shape)}"
            )
        super().build(input_shape)

        def add(name, shape, initializer="zeros"):
            # Sums of many small numbers: always float32.
            return self.add_weight(
                shape=shape,
                initializer=initializer,
                dtype="float32",
                autocast=False,
                trainable=False,
                aggregation="mean",
                name=name,
            )

        self.codebook = add(
            "codebook", (self.num_codes, self.code_dim), "random_normal"
        )
        self.counts = add("counts", (self.num_codes,))
        self.sums = add("sums", (self.num_codes, self.code_dim))

    def call(self, inputs, training=None):
        """The nearest codes; their gradient is that of the inputs.

        Args:
            inputs: float (..., code_dim).
            training: Whether the codebook follows the inputs, where it is trainable.

        Returns:
            float32, shaped like `inputs`.
        """
        return self.call_with_codes(inputs, training)[0]

    def call_with_codes(self, inputs, training=None):
        """What `call` returns, and the numbers of the codes.

        Args:
            inputs: As in `call`.
            training: As in `call`.

        Returns:
            float32, shaped like `inputs`, and int32 (...,) in [0, num_codes).
        """
        inputs = ops.cast(inputs, "float32")
        if training and self.trainable:
            self._follow(ops.stop_gradient(ops.reshape(inputs, (-1, self.code_dim))))
        codes = self.nearest(inputs)
        moved = ops.stop_gradient(self.lookup(codes) - inputs)
        return inputs + moved, codes

    def nearest(self, inputs):
        """Numbers of the nearest codes.

        Args:
            inputs: float (..., code_dim).

        Returns:
            int32 (...,) in [0, num_codes); the lowest of equally near ones.
        """
        inputs = ops.cast(inputs, "float32")
        codebook = ops.convert_to_tensor(self.codebook)
        # |x - e|^2 without |x|^2, which is the same for all.
        distances = ops.sum(ops.square(codebook), axis=-1) - 2.0 * ops.matmul(
            inputs, ops.transpose(codebook)
        )
        return ops.cast(ops.argmin(distances, axis=-1), "int32")

    def lookup(self, codes):
        """Vectors of codes.

        Args:
            codes: int (...,) in [0, num_codes).

        Returns:
            float32 (..., code_dim).
        """
        return ops.take(ops.convert_to_tensor(self.codebook), codes, axis=0)

    def _follow(self, vectors):
        """Moves the codebook to vectors (N, code_dim)."""
        vectors, _ = replicas.gather(vectors)
        num = ops.shape(vectors)[0]
        fair_share = ops.cast(num, "float32") / self.num_codes
        chosen = ops.one_hot(self.nearest(vectors), self.num_codes, dtype="float32")
        rate = 1.0 - self.decay
        counts = self.counts.value
        sums = self.sums.value
        counts = counts + rate * (ops.sum(chosen, axis=0) - counts)
        sums = sums + rate * (ops.matmul(ops.transpose(chosen), vectors) - sums)
        is_first = ops.equal(self.step.value, 0)
        is_dead = ops.logical_or(is_first, counts < self.restart_below * fair_share)
        uniform = random.uniform(
            self.next_key("restart"), ops.arange(self.num_codes, dtype="int32"), ()
        )
        index = ops.cast(uniform * ops.cast(num, "float32"), "int32")
        new = ops.take(vectors, ops.minimum(index, num - 1), axis=0)
        counts = ops.where(is_dead, fair_share, counts)
        sums = ops.where(is_dead[:, None], fair_share * new, sums)
        # Without restarts a code that nobody chooses fades from both alike.
        codebook = sums / ops.maximum(counts, 1e-12)[:, None]
        self.counts.assign(counts)
        self.sums.assign(sums)
        self.codebook.assign(codebook)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_codes": self.num_codes,
            "code_dim": self.code_dim,
            "decay": self.decay,
            "restart_below": self.restart_below,
        }
