"""Paths through a latent space."""

import numpy as np

from kerasgen.arguments import as_numbers, check_positive_integer


def interpolate_latents(a, b, num_steps, mode, latent_dim):
    """Latents on the way from `a` to `b`, both ends included.

    Args:
        a: float (B, latent_dim) or (latent_dim,).
        b: Like `a`.
        num_steps: Points on each path, at least 2.
        mode: "linear": straight line. "spherical": great circle, with the length
            interpolated linearly; it keeps to where a Gaussian prior has its mass.
        latent_dim: Size of one latent.

    Returns:
        float32 array (B, num_steps, latent_dim).

    Raises:
        ValueError: Wrong shapes, mode or number of steps.

    Reference: White 2016, "Sampling Generative Networks", section 2.
    """
    check_positive_integer("num_steps", num_steps)
    if num_steps < 2 or mode not in ("linear", "spherical"):
        raise ValueError(
            "Expected num_steps >= 2 and mode 'linear' or 'spherical'. "
            f"Received: num_steps={num_steps}, mode={mode!r}"
        )
    a, b = (np.atleast_2d(as_numbers("latents", end, np.float64)) for end in (a, b))
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != latent_dim:
        raise ValueError(
            f"Expected two arrays of latents of shape (num, {latent_dim}). "
            f"Received: {a.shape} and {b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("Expected finite latents. Received: NaN or infinity")
    t = np.linspace(0.0, 1.0, num_steps)[None, :, None]
    a, b = a[:, None], b[:, None]
    line = (1.0 - t) * a + t * b
    if mode == "linear":
        return line.astype(np.float32)
    length_a = np.linalg.norm(a, axis=-1, keepdims=True)
    length_b = np.linalg.norm(b, axis=-1, keepdims=True)
    scale = np.maximum(length_a * length_b, 1e-12)
    cosine = np.clip(np.sum(a * b, axis=-1, keepdims=True) / scale, -1.0, 1.0)
    angle = np.arccos(cosine)
    sine = np.sin(angle)
    # Where the directions agree or oppose, no great circle is defined.
    is_degenerate = sine < 1e-6
    sine = np.where(is_degenerate, 1.0, sine)
    direction = np.sin((1.0 - t) * angle) * a / np.maximum(length_a, 1e-12)
    direction = direction + np.sin(t * angle) * b / np.maximum(length_b, 1e-12)
    arc = ((1.0 - t) * length_a + t * length_b) * direction / sine
    return np.where(is_degenerate, line, arc).astype(np.float32)
