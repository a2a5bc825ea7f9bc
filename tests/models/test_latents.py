"""Paths between latents."""

import numpy as np
import pytest

from kerasgen.models.latents import interpolate_latents

pytestmark = pytest.mark.eager


def test_a_line():
    path = interpolate_latents([0.0, 2.0], [4.0, 0.0], 5, "linear", 2)
    assert path.dtype == np.float32
    np.testing.assert_allclose(path, [[[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]]])


def test_a_great_circle_turns_evenly_and_its_length_grows_evenly():
    a, b = [[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]], [[0.0, 4.0, 0.0], [0.0, 3.0, 3.0]]
    paths = interpolate_latents(a, b, 5, "spherical", 3).astype(float)
    for path, end, lengths in (
        (paths[0], 90, [2, 2.5, 3, 3.5, 4]),
        (paths[1], 45, np.linspace(3, 18**0.5, 5)),
    ):
        found = np.linalg.norm(path, axis=1)
        np.testing.assert_allclose(found, lengths, rtol=1e-6)
        cosines = path @ path[0] / found / found[0]
        degrees = np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))
        np.testing.assert_allclose(degrees, np.linspace(0, end, 5), atol=0.05)


@pytest.mark.parametrize("b", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0]])
def test_the_ends_are_met_where_there_is_no_great_circle(b):
    path = interpolate_latents([1.0, 2.0], b, 3, "spherical", 2)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(path[0, [0, 2]], [[1, 2], b], atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        ([0.0, 1.0], [1.0, 0.0], 1, "linear", 2),
        ([0.0, 1.0], [1.0, 0.0], 3, "cubic", 2),
        ([0.0, 1.0], [1.0, 0.0], 3, "linear", 3),
        ([0.0, 1.0], [[1.0, 0.0]] * 2, 3, "linear", 2),
        ([0.0, np.nan], [1.0, 0.0], 3, "linear", 2),
    ],
)
def test_what_is_refused(arguments):
    with pytest.raises(ValueError, match="Received: "):
        interpolate_latents(*arguments)
