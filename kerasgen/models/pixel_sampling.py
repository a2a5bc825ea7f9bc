"""Sampling of images pixel by pixel: with what was computed before, or from scratch."""

from typing import NamedTuple

from keras import ops

from kerasgen.networks.pixel_network import write_column
from kerasgen.pixel_distributions import levels_to_unit


class Given(NamedTuple):
    """Pixels that are kept. levels: int32 (B, H, W, C). keep: bool of that shape."""

    levels: object
    keep: object


def sample_pixels(network, distribution, uniform, temperature, labels=None, given=None):
    """Draws images in raster order, each pixel computed once.

    Args:
        network: `PixelNetwork`.
        distribution: `kerasgen.pixel_distributions`.
        uniform: float32 (B, H, W, C) in [0, 1), one number a value.
        temperature: float32 scalar > 0.
        labels: int32 (B,) or None.
        given: `Given`, or None.

    Returns:
        int32 levels (B, H, W, C).
    """
    height, width, channels = network.image_shape
    num_levels = distribution.num_levels
    batch_size = ops.shape(uniform)[0]

    def finish_row(row, carry):
        image, state = carry
        state, context = network.begin_row(state)

        def finish_pixel(column, carry):
            levels, state = carry
            here = _at_column(context, column)
            state = network.begin_pixel(state, here, column)
            pixel = ops.zeros((batch_size, channels), "int32")
            for channel in range(channels):
                values = levels_to_unit(pixel, num_levels)
                parameters, features = network.pixel(state, here, values)
                level = distribution.draw(
                    uniform[:, row, column, channel],
                    parameters[:, channel],
                    temperature,
                )
                if given is not None:
                    level = ops.where(
                        given.keep[:, row, column, channel],
                        given.levels[:, row, column, channel],
                        level,
                    )
                pixel = ops.concatenate(
                    [pixel[:, :channel], level[:, None], pixel[:, channel + 1 :]], 1
                )
            values = levels_to_unit(pixel, num_levels)
            state = network.end_pixel(state, column, values, features)
            return write_column(levels, column, pixel), state

        start = ops.zeros((batch_size, width, channels), "int32")
        levels, state = ops.fori_loop(0, width, finish_pixel, (start, state))
        state = network.end_row(state, levels_to_unit(levels, num_levels))
        flat = ops.reshape(levels, (batch_size, width * channels))
        return write_column(image, row, flat), state

    image = ops.zeros((batch_size, height, width * channels), "int32")
    with network.precision_scope():
        state = network.begin(batch_size, labels)
        image, _ = ops.fori_loop(0, height, finish_row, (image, state))
    return ops.reshape(image, (batch_size, height, width, channels))


def sample_naively(
    network, distribution, uniform, temperature, labels=None, given=None, stop=None
):
    """As `sample_pixels`, with a pass of the whole network for every value.

    Args:
        network: As in `sample_pixels`.
        distribution: As in `sample_pixels`.
        uniform: As in `sample_pixels`.
        temperature: As in `sample_pixels`.
        labels: As in `sample_pixels`.
        given: As in `sample_pixels`.
        stop: Values to draw, the others left 0; None for all.
    """
    shape = network.image_shape
    num_values = shape[0] * shape[1] * shape[2]
    batch_size = ops.shape(uniform)[0]
    flat_uniform = ops.reshape(uniform, (batch_size, num_values))

    def draw_one(index, levels):
        images = ops.reshape(levels, (batch_size, *shape))
        parameters = network(levels_to_unit(images, distribution.num_levels), labels)
        flat = ops.reshape(parameters, (batch_size, num_values, -1))
        level = distribution.draw(flat_uniform[:, index], flat[:, index], temperature)
        if given is not None:
            keep, kept = (
                ops.reshape(part, (batch_size, num_values))[:, index]
                for part in (given.keep, given.levels)
            )
            level = ops.where(keep, kept, level)
        return write_column(levels[..., None], index, level[:, None])[..., 0]

    levels = ops.zeros((batch_size, num_values), "int32")
    levels = ops.fori_loop(0, stop or num_values, draw_one, levels)
    return ops.reshape(levels, (batch_size, *shape))


def _at_column(context, column):
    if context is None:
        return None
    if isinstance(context, list):
        return [part[:, column] for part in context]
    return context[:, column]
