"""Perceptual path length: how evenly samples change along the latent space."""

import math

import numpy as np

from kerasgen.arguments import check_positive_integer


def perceptual_path_length(
    decode,
    features,
    latent_dim,
    num_samples=1000,
    epsilon=1e-3,
    mode="spherical",
    seed=0,
    batch_size=100,
):
    """Mean squared feature distance of neighbours on latent paths, over epsilon^2.

    Both ends of a path are standard normal, the point on it is uniform, and what lies
    below the 1st or above the 99th percentile is left out.

    Args:
        decode: Function of float32 latents (B, latent_dim) that returns samples; of a
            model, those before the rounding to uint8, which epsilon does not survive.
        features: Function of such samples that returns an array (B, D).
        latent_dim: Size of z, at least 1.
        num_samples: Paths, at least 1.
        epsilon: Step along a path, in (0, 1).
        mode: "spherical" or "linear" paths.
        seed: Integer in [0, 2**32).
        batch_size: Paths computed at once.

    Returns:
        `(mean, std)` over the paths that are kept, Python floats, at least 0, in
        squared units of the features.

    Raises:
        ValueError: If an argument is out of range or a value is not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen.metrics import perceptual_path_length
    >>> mean, _ = perceptual_path_length(
    ...     lambda z: z, lambda x: x, latent_dim=2, mode="linear", epsilon=0.01)
    >>> 3.0 < mean < 5.0  # E |a - b|^2 is 4
    True

    Reference: Karras et al. 2019, "A Style-Based Generator Architecture for GANs",
    equation 2. Deviations: features of the caller's choice in place of LPIPS, no crop,
    and a larger epsilon, since the features are float32.
    """
    check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("num_samples", num_samples)
    check_positive_integer("batch_size", batch_size)
    if not (math.isfinite(epsilon) and 0 < epsilon < 1):
        raise ValueError(f"epsilon must be in (0, 1). Received: epsilon={epsilon}")
    if mode not in ("spherical", "linear"):
        raise ValueError(f"mode is 'spherical' or 'linear'. Received: mode={mode!r}")
    if mode == "spherical" and latent_dim == 1:
        raise ValueError("Spherical paths need latent_dim >= 2. Received: latent_dim=1")
    between = _spherical if mode == "spherical" else _linear
    draws = np.random.RandomState(seed)
    lengths = []
    for start in range(0, num_samples, batch_size):
        num = min(batch_size, num_samples - start)
        a, b = draws.randn(2, num, latent_dim)
        position = draws.uniform(size=(num, 1)) * (1.0 - epsilon)
        ends = [between(a, b, position + step) for step in (0.0, epsilon)]
        z = np.concatenate(ends).astype("float32")
        x = np.asarray(features(decode(z)), "float64").reshape(2, num, -1)
        lengths.append(np.sum((x[1] - x[0]) ** 2, axis=1) / epsilon**2)
    lengths = np.concatenate(lengths)
    if not np.isfinite(lengths).all():
        raise ValueError("Expected finite features. Received: NaN or infinity")
    low = np.percentile(lengths, 1, method="lower")
    high = np.percentile(lengths, 99, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    return float(kept.mean()), float(kept.std())


def _linear(a, b, t):
    return a + t * (b - a)


def _spherical(a, b, t):
    """On the great circle between the directions, lengths in between linearly."""
    norm_a = np.linalg.norm(a, axis=1, keepdims=True)
    norm_b = np.linalg.norm(b, axis=1, keepdims=True)
    cosine = np.sum(a * b, axis=1, keepdims=True) / (norm_a * norm_b)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    sine = np.maximum(np.sin(angle), 1e-12)
    direction = (
        np.sin((1.0 - t) * angle) * a / norm_a + np.sin(t * angle) * b / norm_b
    ) / sine
    return direction * (norm_a + t * (norm_b - norm_a))
