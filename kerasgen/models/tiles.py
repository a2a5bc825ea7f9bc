"""Images of any size as tiles of one size."""

import numpy as np


def count_tiles(height, width, tile_shape):
    """Rows and columns of tiles that cover an image.

    Args:
        height: Of the image.
        width: Of the image.
        tile_shape: (height, width, channels) of a tile.
    """
    return -(-height // tile_shape[0]), -(-width // tile_shape[1])


def cut_tiles(image, tile_shape):
    """Tiles of an image, whose border is repeated to fill them.

    Args:
        image: Array (H, W, C).
        tile_shape: (height, width, channels) of a tile.

    Returns:
        Array (N, height, width, channels), row by row.
    """
    height, width, channels = tile_shape
    rows, columns = count_tiles(*image.shape[:2], tile_shape)
    missing = rows * height - image.shape[0], columns * width - image.shape[1]
    image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")
    tiles = image.reshape(rows, height, columns, width, channels)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, height, width, channels)


def join_tiles(tiles, height, width):
    """The image that `cut_tiles` has cut.

    Args:
        tiles: Array (N, tile height, tile width, C).
        height: Of the image.
        width: Of the image.

    Returns:
        Array (height, width, C).
    """
    tile_shape = tiles.shape[1:]
    rows, columns = count_tiles(height, width, tile_shape)
    image = tiles.reshape(rows, columns, *tile_shape).transpose(0, 2, 1, 3, 4)
    return image.reshape(-1, columns * tile_shape[1], tile_shape[2])[:height, :width]
