import math

import numpy as np
import pytest

from kerasgen.datasets import ring_centers
from kerasgen.metrics import modes_covered, perceptual_path_length

CENTERS = ring_centers(8)


def draws(seed=0):
    return np.random.RandomState(seed)


def test_the_mixture_itself_covers_every_mode():
    x = CENTERS.repeat(500, axis=0) + draws().randn(4000, 2) * 0.05
    coverage = modes_covered(x, CENTERS, std=0.05)
    assert coverage.num_modes == 8
    # Within 3 standard deviations in the plane: 1 - exp(-9 / 2).
    assert coverage.share_high_quality == pytest.approx(0.98889, abs=0.006)
    assert coverage.kl_nats < 1e-3


def test_collapse_is_seen():
    coverage = modes_covered(np.repeat(CENTERS[:1], 50, axis=0), CENTERS, 0.05)
    assert coverage.num_modes == 1
    assert coverage.kl_nats == pytest.approx(math.log(8))
    assert coverage.counts.tolist() == [50, 0, 0, 0, 0, 0, 0, 0]


def test_samples_between_the_modes_are_of_low_quality():
    coverage = modes_covered(np.zeros((10, 2)), CENTERS, 0.05)
    assert coverage[:3] == (0, 0.0, pytest.approx(math.log(8)))


def test_a_minimum_of_samples():
    x = np.concatenate([CENTERS, CENTERS[:3]])
    assert modes_covered(x, CENTERS, 0.05, minimum=2).num_modes == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"std": 0.0}, "std must be finite and > 0"),
        ({"num_stds": math.nan}, "num_stds must be finite"),
        ({"centers": CENTERS[:1]}, "centers must have shape"),
        ({"samples": np.zeros((3, 3))}, "same number of columns"),
        ({"samples": np.full((3, 2), np.inf)}, "samples must be finite"),
    ],
)
def test_bad_modes(arguments, message):
    good = {"samples": CENTERS, "centers": CENTERS, "std": 0.1}
    with pytest.raises(ValueError, match=message + ".*Received"):
        modes_covered(**{**good, **arguments})


def test_path_length_of_a_linear_map():
    kernel = draws(1).randn(3, 5)
    mean, _ = perceptual_path_length(
        lambda z: z @ kernel, lambda x: x, 3, 20000, mode="linear", epsilon=0.01
    )
    # E |K (b - a)|^2 with b - a ~ N(0, 2 I); the trimmed tail takes a little off.
    assert mean == pytest.approx(2 * np.sum(kernel**2), rel=0.06)


def test_path_length_grows_with_the_square_of_the_scale():
    lengths = [
        perceptual_path_length(lambda z, s=s: s * z, lambda x: x, 4, 500, epsilon=0.01)
        for s in (1.0, 3.0)
    ]
    assert lengths[1][0] == pytest.approx(9 * lengths[0][0], rel=1e-3)


def test_spherical_paths_keep_to_the_sphere():
    norms = []

    def decode(z):
        norms.append(np.linalg.norm(z, axis=1))
        return z

    perceptual_path_length(decode, lambda x: x, 256, 100)
    assert abs(np.concatenate(norms).mean() / 16 - 1) < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 0.0}, "epsilon"),
        ({"mode": "circle"}, "mode"),
        ({"num_samples": 0}, "num_samples"),
        ({"features": lambda x: x * np.nan}, "finite features"),
    ],
)
def test_bad_paths(arguments, message):
    good = {"decode": lambda z: z, "features": lambda x: x, "latent_dim": 2}
    with pytest.raises(ValueError, match=message + ".*Received"):
        perceptual_path_length(**{**good, **arguments})
