"""Reproducible data augmentation by any Keras layer."""

import threading

import keras
import numpy as np

# Keeps the draws apart from those that order the samples.
AUGMENTATION_STREAM = 2**32


class Augmentation:
    """Applies a layer to batches, with draws that depend on the batch's number only.

    uint8 images enter the layer as float32 in [0, 255], with `training=True`; its
    result is clipped to [0, 255] and rounded to uint8. Float data enter as float32
    and leave as float32.

    Before each batch the states of all `keras.random.SeedGenerator`s in the layer and
    its sub-layers are set from `(seed, epoch, index)`, so that a resumed run draws
    what the uninterrupted one would. A layer's own `seed` therefore has no effect.
    The draws are Keras's: reproducible on one backend, not equal between backends.

    Out of reach, and so not repeated by a resumed run, are draws that do not come
    from a `SeedGenerator`: those of plain callables, of KerasCV's layers (TensorFlow's
    generator), of `keras.layers.AugMix` (Python's), and on torch of
    `RandomElasticTransform` and of a `Dropout` without a seed (torch's). Layers that
    also mix labels (`CutMix`, `MixUp` with `{"images", "labels"}`) are not meant here.

    Args:
        layer: `keras.layers.Layer`, or a callable that maps a batch of shape
            (B, ...) to a batch of B samples.

    Raises:
        TypeError: If `layer` is not callable.

    Example:
    >>> flip = Augmentation(keras.layers.RandomFlip("horizontal"))
    >>> x = np.arange(12, dtype="uint8").reshape(1, 2, 6, 1)
    >>> a, b = (flip(x, seed=0, epoch=0, index=0) for _ in range(2))
    >>> a.dtype, bool((a == b).all())
    (dtype('uint8'), True)
    """

    def __init__(self, layer):
        if not callable(layer):
            raise TypeError(
                "Expected `augment` to be a Keras layer or a callable. "
                f"Received: {layer!r}"
            )
        self.layer = layer
        self._is_layer = isinstance(layer, keras.layers.Layer)
        # The thread of an abandoned epoch may still be reading.
        self._lock = threading.Lock()

    def __call__(self, x, seed, epoch, index):
        """Augments one batch.

        Args:
            x: uint8 or float array of shape (B, ...).
            seed: Integer in [0, 2**32).
            epoch: Integer >= 0.
            index: Number of the batch in the epoch.

        Returns:
            NumPy array of B samples: uint8 for uint8 input, float32 otherwise.

        Raises:
            ValueError: If the result has another rank or another number of samples.
        """
        inputs = x.astype(np.float32)
        if self._is_layer:
            with self._lock:
                outputs = self._call_layer(inputs, seed, epoch, index)
        else:
            outputs = self.layer(inputs)
        outputs = keras.ops.convert_to_numpy(outputs)
        if outputs.ndim != x.ndim or len(outputs) != len(x):
            raise ValueError(
                f"Expected `augment` to return {len(x)} samples of rank {x.ndim - 1} "
                f"for a batch of shape {x.shape}. Received: shape={outputs.shape}"
            )
        outputs = outputs.astype(np.float32)
        if x.dtype != np.uint8:
            return outputs
        return np.rint(np.clip(outputs, 0.0, 255.0)).astype(np.uint8)

    def _call_layer(self, inputs, seed, epoch, index):
        # Keras lists a SeedGenerator's state under `variables`, not `weights`.
        weights = {id(weight) for weight in self.layer.weights}
        states = [v for v in self.layer.variables if id(v) not in weights]
        words = np.random.Philox(
            key=[AUGMENTATION_STREAM + seed, epoch], counter=[0, 0, 0, index]
        ).random_raw(len(states))
        for state, word in zip(states, words, strict=True):
            state.assign(np.array([word % 2**31, 0], dtype=state.dtype))
        return self.layer(inputs, training=True)
