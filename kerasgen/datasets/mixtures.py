"""Mixtures of Gaussians in two dimensions: the smallest test of mode collapse."""

import numpy as np

from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.splits import Split

RING_STD = 0.02
GRID_STD = 0.05
# (number of samples, seed) of the named datasets, the same for everyone.
NAMED_DRAWS = {"train": (50_000, 0), "test": (10_000, 1)}


def ring_centers(num_modes=8, radius=2.0):
    """Returns centers at equal angles on a circle.

    Args:
        num_modes: Number of centers.
        radius: Radius of the circle.

    Returns:
        float32 array of shape (num_modes, 2).

    Reference:
        L. Metz et al., "Unrolled Generative Adversarial Networks", ICLR 2017,
        section 3.1.

    Example:
    >>> ring_centers(4, radius=1.0).round(3)[1].tolist()
    [0.0, 1.0]
    """
    angles = 2 * np.pi * np.arange(num_modes) / num_modes
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points.astype(np.float32)


def grid_centers(num_per_side=5, spacing=2.0):
    """Returns centers on a square grid around the origin.

    Args:
        num_per_side: Centers along each side.
        spacing: Distance between neighbours.

    Returns:
        float32 array of shape (num_per_side ** 2, 2).

    Reference:
        A. Srivastava et al., "VEEGAN: Reducing Mode Collapse in GANs using Implicit
        Variational Learning", NeurIPS 2017, section 5.1.

    Example:
    >>> grid_centers(2, spacing=1.0).tolist()
    [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    """
    side = spacing * (np.arange(num_per_side) - (num_per_side - 1) / 2)
    points = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1)
    return points.reshape(-1, 2).astype(np.float32)


def gaussian_mixture(
    centers, std, num_samples=50_000, batch_size=64, shuffle=True, seed=0
):
    """Draws a dataset from equally likely round Gaussians.

    Args:
        centers: Array of shape (num_modes, num_features).
        std: Standard deviation of each Gaussian, > 0.
        num_samples: Number of points.
        batch_size: Points per batch.
        shuffle: Whether each epoch has an order of its own.
        seed: Integer in [0, 2**32): seed of the points and of their order.

    Returns:
        `ArrayDataset` of float32 vectors; the labels say which center each point was
        drawn around; `centers` and `std` are its attributes.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> data = gaussian_mixture(ring_centers(), std=0.02, num_samples=100, seed=1)
    >>> data.images.shape, data.num_classes
    ((100, 2), 8)
    """
    draw = _draw(np.asarray(centers, np.float32), std, num_samples, seed)
    return ArrayDataset(
        draw.images,
        labels=draw.labels,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        name="gaussian_mixture",
        split="train",
        num_classes=draw.num_classes,
        centers=draw.centers,
        std=draw.std,
    )


def load_ring(split, data_dir=None):
    """Returns `gaussian_ring`: 8 Gaussians on a circle of radius 2, std 0.02.

    Args:
        split: "train" (50,000 points) or "test" (10,000 others).
        data_dir: Not used.

    Returns:
        `Split` of float32 vectors of shape (num_samples, 2).
    """
    return _draw(ring_centers(), RING_STD, *NAMED_DRAWS[split])


def load_grid(split, data_dir=None):
    """Returns `gaussian_grid`: 25 Gaussians on a 5x5 grid of spacing 2, std 0.05.

    Args:
        split: "train" (50,000 points) or "test" (10,000 others).
        data_dir: Not used.

    Returns:
        `Split` of float32 vectors of shape (num_samples, 2).
    """
    return _draw(grid_centers(), GRID_STD, *NAMED_DRAWS[split])


def _draw(centers, std, num_samples, seed):
    if centers.ndim != 2 or len(centers) == 0 or not np.isfinite(centers).all():
        raise ValueError(
            "Expected finite centers of shape (num_modes, num_features). "
            f"Received: shape={centers.shape}"
        )
    if not (np.isfinite(std) and std > 0 and num_samples >= 1 and 0 <= seed < 2**32):
        raise ValueError(
            "Expected std > 0, num_samples >= 1 and seed in [0, 2**32). "
            f"Received: std={std}, num_samples={num_samples}, seed={seed}"
        )
    generator = np.random.Generator(np.random.Philox(key=seed))
    labels = generator.integers(len(centers), size=num_samples, dtype=np.int32)
    noise = generator.standard_normal((num_samples, centers.shape[1]))
    return Split(
        images=(centers[labels] + std * noise).astype(np.float32),
        labels=labels,
        num_classes=len(centers),
        centers=centers,
        std=std,
    )
