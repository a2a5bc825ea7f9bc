"""The last layer of a discriminator that knows the class."""

import keras
from keras import layers, ops

from kerasgen.arguments import check_boolean, check_positive_integer
from kerasgen.layers.spectral_normalization import SpectralNormalization


@keras.saving.register_keras_serializable(package="kerasgen")
class ProjectionHead(keras.layers.Layer):
    """Logits of features and a class: a linear part, and a part of the class.

    `<w, features> + b + <v_label, features>`, with a vector v for each class. Samples
    do not see each other.

    Args:
        num_classes: Integer >= 1.
        spectral_normalization: Whether to wrap the linear layer and the embedding in
            `kerasgen.layers.SpectralNormalization`, as the paper does.
        **kwargs: `name`, `dtype` and `trainable` of `keras.layers.Layer`.

    Inputs: List of features, float (B, D), and labels, int32 (B,) in
    [0, num_classes).
    Output: Logits (B, 1), of the layer's compute dtype.

    Raises:
        ValueError: `num_classes` out of range, `spectral_normalization` no bool, or
            inputs of other shapes.

    Example:
        >>> import keras, numpy as np
        >>> layer = ProjectionHead(num_classes=10)
        >>> features, labels = np.ones((2, 4), "float32"), np.array([3, 7], "int32")
        >>> tuple(layer([features, labels]).shape)
        (2, 1)

    Reference: Miyato and Koyama 2018, "cGANs with Projection Discriminator", section
    3 and figure 1d.
    """

    def __init__(self, num_classes, spectral_normalization=False, **kwargs):
        super().__init__(**kwargs)
        check_positive_integer("num_classes", num_classes)
        self.num_classes = int(num_classes)
        self.spectral_normalization = check_boolean(
            "spectral_normalization", spectral_normalization
        )

    def build(self, input_shape):
        """Creates the linear layer and the embedding.

        Args:
            input_shape: Shapes of the features and of the labels.
        """
        shapes = [tuple(shape) for shape in input_shape]
        if [len(shape) for shape in shapes] != [2, 1]:
            raise ValueError(
                "Expected [features, labels] of shapes (batch, D) and (batch,). "
                f"Received: shapes={shapes}"
            )
        features_shape, labels_shape = shapes
        linear = layers.Dense(1, dtype=self.dtype_policy, name="linear")
        embedding = layers.Embedding(
            self.num_classes,
            features_shape[-1],
            embeddings_initializer="glorot_uniform",
            dtype=self.dtype_policy,
            name="embedding",
        )
        if self.spectral_normalization:
            linear = SpectralNormalization(linear, name="linear_sn")
            embedding = SpectralNormalization(embedding, name="embedding_sn")
        linear.build(features_shape)
        embedding.build(labels_shape)
        self.linear, self.embedding = linear, embedding

    def call(self, inputs):
        """Computes the logits.

        Args:
            inputs: List of features and labels.

        Returns:
            Tensor of shape (B, 1).
        """
        features, labels = inputs
        products = features * self.embedding(labels)
        return self.linear(features) + ops.sum(products, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        """(batch, 1)."""
        return (input_shape[0][0], 1)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "spectral_normalization": self.spectral_normalization,
        }
