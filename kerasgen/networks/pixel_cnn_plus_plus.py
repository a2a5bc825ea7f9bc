"""The network of PixelCNN++: two streams through three resolutions and back."""

import itertools
import math

import keras
from keras import layers, ops

from kerasgen.layers.dropout import Dropout
from kerasgen.networks.pixel_network import PixelNetwork, shift_in
from kerasgen.networks.pixel_stage import PixelStage
from kerasgen.networks.shifted_conv import ShiftedConv2D
from kerasgen.pixel_distributions import DiscretizedLogisticMixture

NUM_HALVINGS = 2


@keras.saving.register_keras_serializable(package="kerasgen")
class PixelCNNPlusPlusNetwork(PixelNetwork):
    """PixelCNN++: a stream of rows above, and one of the row's own pixels as well.

    Gated residual blocks run at the image's resolution, at half and at a quarter of it,
    and back; those on the way back also take the features of the way there. Sizes that
    are no multiple of 4 are rounded up on the way there, and cut on the way back
    (`kerasgen.networks.pixel_resampling.PixelResampling`).

    Nothing but the very last step tells a pixel's colours apart: it makes parameters of
    each colour of what the network emits and of the earlier colours' values
    (`DiscretizedLogisticMixture.of_colours`).

    When it samples, the stream of rows runs once a row and the other one once a pixel,
    each resolution at its own rows and columns alone.

    Args:
        image_shape: (height, width, channels).
        num_levels: Grey levels.
        num_mixtures: Components of the mixture.
        filters: Channels of all feature maps.
        blocks_per_stage: Blocks of each stream at each resolution on the way there.
        dropout: Fraction of features that a block drops in training.
        num_classes: Number of classes, or None.
        seed: Of `kerasgen.layers.Dropout`.
        **kwargs: Of `keras.layers.Layer`.

    Reference: Salimans et al. 2017, "PixelCNN++", section 2 and figure 2.
    """

    def __init__(
        self,
        image_shape,
        num_levels=256,
        num_mixtures=10,
        filters=160,
        blocks_per_stage=5,
        dropout=0.5,
        num_classes=None,
        seed=None,
        **kwargs,
    ):
        distribution = DiscretizedLogisticMixture(num_levels, num_mixtures)
        # Values stay float32: the colours' means and logits depend on them directly.
        super().__init__(
            image_shape,
            distribution.num_parameters,
            num_classes,
            autocast=False,
            **kwargs,
        )
        self.distribution = distribution
        self.filters = filters
        self.blocks_per_stage = blocks_per_stage
        # Of the two rows above, for both streams.
        self.above = ShiftedConv2D(2 * filters, (1, 1), name="above")
        self.beside = layers.Dense(filters, use_bias=False, name="beside")
        self.stage = PixelStage(
            filters, blocks_per_stage, NUM_HALVINGS, num_classes, name="stage"
        )
        self.head = layers.Dense(distribution.num_outputs(self.channels), name="head")
        self.dropout = Dropout(dropout, seed, name="dropout")

    def build(self, input_shape=None):
        """Creates all weights; the shapes are those of the constructor.

        Args:
            input_shape: Not used.
        """
        self.above.build((None, None, None, self.channels + 1))
        self.beside.build((None, self.channels + 1))
        self.stage.build()
        self.head.build((None, self.filters))
        self.dropout.build((None, None))
        self.built = True

    def call(self, x, labels=None, training=None):
        """Parameters of every pixel; see `PixelNetwork`.

        Args:
            x: float (B, H, W, C).
            labels: int (B,), or None.
            training: Whether features are dropped.
        """
        padded = self._mark(x)
        moved_down = ops.pad(padded[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
        moved_right = ops.pad(padded[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
        rows, pixels = ops.split(self.above(moved_down), 2, axis=-1)
        pixels = pixels + self.beside(moved_right)
        kept = self._draw_kept(padded) if training else itertools.repeat(None)
        _, pixels = self.stage(rows, pixels, labels, kept=kept)
        return self.distribution.of_colours(self._emit(pixels), x)

    def _draw_kept(self, x):
        """What dropout multiplies with in every block, of one draw of noise."""
        if not self.dropout.rate:
            return itertools.repeat(None)
        shapes = self.stage.dropout_shapes(*self.image_shape[:2])
        sizes = [math.prod(shape) for shape in shapes]
        ones = ops.ones((ops.shape(x)[0], sum(sizes)), self.compute_dtype)
        parts = ops.split(
            self.dropout(ones, training=True),
            [*itertools.accumulate(sizes[:-1])],
            axis=-1,
        )
        return iter(
            [
                ops.reshape(part, (-1, *shape))
                for part, shape in zip(parts, shapes, strict=True)
            ]
        )

    def begin(self, batch_size, labels=None):
        """The state above the first row."""
        _, width, channels = self.image_shape
        of_rows, of_pixels = self.stage.begin(batch_size, width)
        outputs = self.distribution.num_outputs(channels)
        return {
            # A plain number: PyTorch chooses what to run without waiting for a GPU.
            "row": 0,
            "above": self.zeros(batch_size, 2, width, channels + 1),
            "left": self.zeros(batch_size, channels + 1),
            "biases": self.stage.class_biases(labels),
            "rows": of_rows,
            "pixels": of_pixels,
            "outputs": self.zeros(batch_size, outputs),
        }

    def begin_row(self, state):
        """Runs the stream of rows over the new row."""
        first, second = state["above"][:, 0], state["above"][:, 1]
        above = self.above.from_above(first) + self.above.from_row(second)
        rows, pixels = ops.split(above, 2, axis=-1)
        of_rows, of_pixels, _ = self.stage.begin_row(
            state["rows"], state["pixels"], state["row"], rows, state["biases"]
        )
        left = ops.zeros_like(state["left"])
        return {**state, "left": left, "rows": of_rows, "pixels": of_pixels}, [pixels]

    def begin_pixel(self, state, context, column):
        """Runs the other stream, which knows none of the pixel's own values."""
        x = context[0] + self.beside(state["left"])
        of_pixels, x = self.stage.pixel(
            state["rows"], state["pixels"], state["row"], column, x
        )
        return {**state, "pixels": of_pixels, "outputs": self._emit(x)}

    def pixel(self, state, context, values):
        """Makes the colours' parameters of what the network emits."""
        return self.distribution.of_colours(state["outputs"], values), []

    def end_pixel(self, state, column, values, features):
        """Takes the pixel's values into what its right neighbour sees."""
        return {**state, "left": self._mark(values)}

    def end_row(self, state, values):
        """Takes the finished row into what is above."""
        above = shift_in(state["above"], self._mark(values))
        return {**state, "above": above, "row": state["row"] + 1}

    def get_config(self):
        config = super().get_config()
        del config["num_parameters"]
        return {
            **config,
            **self.distribution.get_config(),
            "filters": self.filters,
            "blocks_per_stage": self.blocks_per_stage,
            "dropout": self.dropout.rate,
            "seed": self.dropout.get_config()["seed"],
        }

    def _mark(self, x):
        """Values and a channel of ones, by which an image differs from its padding."""
        x = ops.cast(x, self.compute_dtype)
        return ops.concatenate([x, ops.ones_like(x[..., :1])], axis=-1)

    def _emit(self, pixels):
        return self.head(ops.elu(pixels))
