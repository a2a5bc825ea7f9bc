"""A stage of PixelCNN++: blocks at one resolution around the next stage."""

import keras
from keras import ops

from kerasgen.networks.gated_residual import PixelBlock, RowBlock
from kerasgen.networks.pixel_network import write_column
from kerasgen.networks.pixel_resampling import PixelResampling


class PixelStage(keras.layers.Layer):
    """Blocks of both streams, a stage at half the resolution, and blocks after it.

    The blocks after it also take the features from before it, last first.

    In order, the row stream runs over a whole row before its first pixel, the pixel
    stream a pixel at a time. The inner stage runs where row and column are even alone;
    between, its features are those of the last such place. What is kept is in two
    parts, that of the rows, which no pixel changes, and that of the pixels.

    Args:
        filters: Channels of all maps.
        num_blocks: Blocks of each stream before the inner stage; after it there is one
            more, and in the innermost as many.
        num_inner: Stages within.
        num_classes: Number of classes, or None.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, filters, num_blocks, num_inner, num_classes=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.before, self.after = (
            [
                {
                    "rows": RowBlock(
                        filters, with_skip, num_classes, name=f"{side}_{i}_rows"
                    ),
                    "pixels": PixelBlock(
                        filters, 1 + with_skip, num_classes, name=f"{side}_{i}_pixels"
                    ),
                }
                for i in range(num_blocks + with_skip * (num_inner > 0))
            ]
            for side, with_skip in (("before", 0), ("after", 1))
        )
        self.inner = self.resampling = None
        if num_inner:
            self.resampling = PixelResampling(filters, name="resampling")
            self.inner = PixelStage(
                filters, num_blocks, num_inner - 1, num_classes, name="inner"
            )

    def build(self, input_shape=None):
        for layer in self._flatten_layers(include_self=False, recursive=False):
            layer.build()
        self.built = True

    @property
    def pairs(self):
        """Blocks of both streams in the order in which they run."""
        return [*self.before, *self.after]

    def dropout_shapes(self, height, width):
        """Shapes of what dropout multiplies with, in the order of the blocks."""
        inner = []
        if self.inner is not None:
            inner = self.inner.dropout_shapes(half(height), half(width))
        own = (height, width, 2 * self.filters)
        return [own] * 2 * len(self.before) + inner + [own] * 2 * len(self.after)

    def call(self, rows, pixels, labels=None, kept=None):
        """Runs over whole maps.

        Args:
            rows: (B, H, W, filters), features of the row stream.
            pixels: As `rows`, of the pixel stream.
            labels: int (B,), or None.
            kept: Iterator over what dropout multiplies with, or over None.

        Returns:
            Pair of tensors of these shapes.
        """
        _, height, width, _ = rows.shape
        skips = [(rows, pixels)]
        for pair in self.before:
            rows = pair["rows"](rows, [], labels, kept=next(kept))
            pixels = pair["pixels"](pixels, [rows], labels, kept=next(kept))
            skips.append((rows, pixels))
        if self.inner is None:
            skips.pop()
        else:
            halved = self.resampling.halve(rows, pixels)
            inner = self.inner(*halved, labels, kept=kept)
            rows, pixels = self.resampling.double(*inner, height, width)
        for pair in self.after:
            row_skip, pixel_skip = skips.pop()
            rows = pair["rows"](rows, [row_skip], labels, kept=next(kept))
            others = [rows, pixel_skip]
            pixels = pair["pixels"](pixels, others, labels, kept=next(kept))
        return rows, pixels

    def class_biases(self, labels):
        """What classes add to each block's gates, as `begin_row` takes it."""
        biases = {
            "blocks": [
                [pair[stream].class_biases(labels) for stream in ("rows", "pixels")]
                for pair in self.pairs
            ]
        }
        if self.inner is not None:
            biases["inner"] = self.inner.class_biases(labels)
        return biases

    def begin(self, batch_size, width):
        """What is kept above the first row: (of the rows, of the pixels)."""

        def zeros(*shape):
            return ops.zeros((batch_size, *shape), self.compute_dtype)

        def pairs(*shape, depths=(2, 2)):
            return [[zeros(*shape, n * self.filters) for n in depths] for _ in blocks]

        blocks = self.pairs
        of_rows = {"above": pairs(width), "context": pairs(width, depths=(1, 2))}
        of_pixels = {"left": pairs(), "row": pairs(width)}
        if self.inner is not None:
            depth, halved = self.filters, half(width)
            inner_rows, inner_pixels = self.inner.begin(batch_size, halved)
            of_rows["inner"] = {
                "above": zeros(width, depth),
                "doubled": zeros(2, width, depth),
                "context": zeros(halved, depth),
                "stage": inner_rows,
            }
            of_pixels["inner"] = {
                "left": zeros(depth),
                "row": zeros(width, depth),
                "doubled": zeros(halved, 4 * depth),
                "stage": inner_pixels,
            }
        return of_rows, of_pixels

    def begin_row(self, of_rows, of_pixels, row, x, biases):
        """Runs the row stream over a new row.

        Args:
            of_rows: What is kept of the rows.
            of_pixels: What is kept of the pixels.
            row: Number of the row.
            x: (B, W, filters), the row's features.
            biases: Of `class_biases`.

        Returns:
            (of_rows, of_pixels, features (B, W, filters)).
        """
        parts = zip(of_rows["above"], of_pixels["row"], biases["blocks"], strict=True)
        above, context = [], []

        def run(pair, x, others):
            kept_above, kept_row, (row_biases, pixel_biases) = next(parts)
            x, inputs = pair["rows"].run_row(kept_above, x, others, row_biases)
            above.append(inputs)
            context.append(pair["pixels"].row_context(kept_row, x, pixel_biases))
            return x

        skips = [x]
        for pair in self.before:
            x = run(pair, x, [])
            skips.append(x)
        left = keras.tree.map_structure(ops.zeros_like, of_pixels["left"])
        of_pixels = {**of_pixels, "left": left}
        of_rows = {**of_rows, "above": above, "context": context}
        if self.inner is None:
            skips.pop()
        else:
            of_rows["inner"], of_pixels["inner"], x = self._begin_inner_row(
                of_rows["inner"], of_pixels["inner"], row, x, biases["inner"]
            )
        for pair in self.after:
            x = run(pair, x, [skips.pop()])
        return of_rows, of_pixels, x

    def _begin_inner_row(self, of_rows, of_pixels, row, x, biases):
        def run():
            halved = self.resampling.halve_row(of_rows["above"], x)
            inner_rows, inner_pixels, inner_x = self.inner.begin_row(
                of_rows["stage"], of_pixels["stage"], row // 2, halved, biases
            )
            doubled = self.resampling.double_row(inner_x, x.shape[1])
            context = self.resampling.halve_pixels.from_above(of_pixels["row"])
            return inner_rows, inner_pixels, doubled, context

        def keep():
            kept = of_rows["stage"], of_pixels["stage"]
            return *kept, of_rows["doubled"], of_rows["context"]

        inner_rows, inner_pixels, doubled, context = choose(row % 2 == 0, run, keep)
        of_rows = {
            "above": x,
            "doubled": doubled,
            "context": context,
            "stage": inner_rows,
        }
        left = ops.zeros_like(of_pixels["left"])
        of_pixels = {**of_pixels, "left": left, "stage": inner_pixels}
        return of_rows, of_pixels, doubled[:, row % 2]

    def pixel(self, of_rows, of_pixels, row, column, x):
        """Runs the pixel stream at one pixel.

        Args:
            of_rows: What is kept of the rows.
            of_pixels: What is kept of the pixels.
            row: Number of the row.
            column: Number of the column.
            x: (B, filters), the pixel's features.

        Returns:
            (of_pixels, features (B, filters)).
        """
        parts = zip(
            of_rows["context"], of_pixels["left"], of_pixels["row"], strict=True
        )
        lefts, rows = [], []

        def run(pair, x, others):
            context, left, kept_row = next(parts)
            here = [part[:, column] for part in context]
            x, inputs = pair["pixels"].pixel(left, here, x, others)
            lefts.append(inputs)
            rows.append(
                [
                    write_column(part, column, value)
                    for part, value in zip(kept_row, inputs, strict=True)
                ]
            )
            return x

        skips = [x]
        for pair in self.before:
            x = run(pair, x, [])
            skips.append(x)
        of_pixels = {**of_pixels, "left": lefts, "row": rows}
        if self.inner is None:
            skips.pop()
        else:
            of_pixels["inner"], x = self._run_inner_pixel(
                of_rows["inner"], of_pixels["inner"], row, column, x
            )
        for pair in self.after:
            x = run(pair, x, [skips.pop()])
        return of_pixels, x

    def _run_inner_pixel(self, of_rows, of_pixels, row, column, x):
        half_column = column // 2

        def run():
            halved = self.resampling.halve_pixel(
                of_pixels["left"], x, of_rows["context"][:, half_column]
            )
            stage, inner_x = self.inner.pixel(
                of_rows["stage"], of_pixels["stage"], row // 2, half_column, halved
            )
            four = self.resampling.double_pixels(inner_x)
            return stage, write_column(of_pixels["doubled"], half_column, four)

        def keep():
            return of_pixels["stage"], of_pixels["doubled"]

        stage, doubled = choose(row % 2 + column % 2 == 0, run, keep)
        of_pixels = {
            "left": x,
            "row": write_column(of_pixels["row"], column, x),
            "doubled": doubled,
            "stage": stage,
        }
        four = doubled[:, half_column]
        return of_pixels, self.resampling.one_of_four(four, row, column)


def half(size):
    """Half a size, rounded up."""
    return -(-size // 2)


def choose(condition, run, keep):
    """`run()` where the condition holds, else `keep()`, of equal structure."""
    if isinstance(condition, bool):
        return run() if condition else keep()
    return ops.cond(condition, run, keep)
