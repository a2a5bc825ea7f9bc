"""Tiles of scikit-learn's two sample photographs, 640 x 427: one to train on."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

SHRINKAGES = (1, 2, 3)
# Of the brightness of each channel.
GAINS = (0.2, 1.5)


def training_tiles(num_tiles, side, seed):
    """Tiles cut at random from china.jpg at three sizes, half of them mirrored.

    One photograph has few colours: channels change places, and each is made darker or
    brighter by a factor of its own.

    Args:
        num_tiles: Integer >= 1.
        side: Pixels a side, at most a third of the photograph's height.
        seed: Integer of the draws.

    Returns:
        uint8 (num_tiles, side, side, 3).

    Raises:
        ValueError: The tiles are larger than the smallest size.
    """
    photograph = load_sample_images().images[0]
    rng = np.random.default_rng(seed)
    height, width = photograph.shape[:2]
    largest = min(height, width) // SHRINKAGES[-1]
    if side > largest:
        raise ValueError(
            f"Expected tiles of at most {largest} pixels a side. Received: side={side}"
        )
    image = Image.fromarray(photograph)
    sizes = [
        np.asarray(image.resize((width // n, height // n), Image.Resampling.BOX))
        for n in SHRINKAGES
    ]
    tiles = []
    for _ in range(num_tiles):
        source = sizes[rng.integers(len(sizes))]
        top, left = (rng.integers(size - side + 1) for size in source.shape[:2])
        tile = source[top : top + side, left : left + side]
        tile = tile[:, ::-1] if rng.uniform() < 0.5 else tile
        gains = np.exp(rng.uniform(*np.log(GAINS), size=3))
        tile = tile[..., rng.permutation(3)] * gains
        tiles.append(np.clip(np.round(tile), 0, 255).astype("uint8"))
    return np.stack(tiles)


def whole_tiles(side):
    """The whole tiles of flower.jpg, row by row: uint8 (N, side, side, 3)."""
    photograph = load_sample_images().images[1]
    rows, columns = (size // side for size in photograph.shape[:2])
    tiles = photograph[: rows * side, : columns * side]
    tiles = tiles.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(-1, side, side, 3)
