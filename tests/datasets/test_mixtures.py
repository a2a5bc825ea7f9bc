"""Gaussian mixtures in the plane."""

import numpy as np
import pytest

from kerasgen.datasets import gaussian_mixture, grid_centers, load, ring_centers


def test_ring_and_grid_centers():
    ring = ring_centers()
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 2.0, rtol=1e-6)
    gaps = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 4 * np.sin(np.pi / 8), rtol=1e-6)
    grid = grid_centers()
    assert {tuple(point) for point in grid.tolist()} == {
        (float(x), float(y)) for x in range(-4, 5, 2) for y in range(-4, 5, 2)
    }


@pytest.mark.parametrize(
    ("name", "num_modes", "std"),
    [("gaussian_ring", 8, 0.02), ("gaussian_grid", 25, 0.05)],
)
def test_named_mixtures(name, num_modes, std):
    data = load(name)
    assert data.images.shape == (50_000, 2) and data.images.dtype == np.float32
    assert data.num_classes == num_modes and data.centers.shape == (num_modes, 2)
    assert data.std == std
    noise = (data.images - data.centers[data.labels]).astype(np.float64)
    np.testing.assert_allclose(noise.std(axis=0), std, rtol=0.02)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=4 * std / 50_000**0.5)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.02
    counts = np.bincount(data.labels, minlength=num_modes)
    expected = 50_000 / num_modes
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert chi2 < num_modes + 5 * (2 * num_modes) ** 0.5
    test = load(name, split="test")
    assert test.num_samples == 10_000
    assert not np.isin(test.images[:, 0], data.images[:, 0]).all()
    np.testing.assert_array_equal(load(name, seed=5).images, data.images)


def test_points_are_a_function_of_the_seed():
    a, b, c = (
        gaussian_mixture(ring_centers(3), 0.1, num_samples=50, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(a.images, b.images)
    assert not np.array_equal(a.images, c.images)


@pytest.mark.parametrize(
    "change",
    [
        {"std": 0.0},
        {"std": float("nan")},
        {"num_samples": 0},
        {"seed": -1},
        {"centers": np.zeros(2)},
        {"centers": np.zeros((0, 2))},
        {"centers": np.full((1, 2), np.inf)},
    ],
)
def test_bad_arguments(change):
    with pytest.raises(ValueError, match="Received: "):
        gaussian_mixture(**{"centers": ring_centers(), "std": 0.1, **change})
