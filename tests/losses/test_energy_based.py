"""Energies of an autoencoder, and the pulling-away term."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend, losses
from tests.losses.oracles import ORACLES, logits


def test_scores_are_the_output_but_for_energies():
    x, output = logits((3, 4, 4, 2), 1), logits((3, 4, 4, 2), 2)
    for name in ORACLES:
        score = losses.get(name).score(x, output)
        if name == "ebgan":
            error = (x.astype("float64") - output) ** 2
            assert tuple(score.shape) == (3,)
            np.testing.assert_allclose(
                ops.convert_to_numpy(score), error.mean(axis=(1, 2, 3)), rtol=1e-6
            )
        else:
            assert score is output


@pytest.mark.parametrize("shape", [(5, 7), (2, 3), (4, 2, 2, 3)])
def test_pulling_away(shape):
    features = logits(shape, 3)
    wide = features.reshape(len(features), -1).astype("float64")
    cosine = wide @ wide.T
    norm = np.sqrt(np.diag(cosine))
    cosine = (cosine / np.outer(norm, norm)) ** 2
    num = len(features)
    expected = (cosine.sum() - num) / (num * (num - 1))
    for scale in (1.0, 1e4, 1e-4):
        actual = float(losses.pulling_away(features * np.float32(scale)))
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_pulling_away_has_a_finite_gradient():
    """Also for samples of zeros, and of one direction."""
    variable = keras.Variable(np.array([[0, 0], [1, 0], [2, 0], [1, 1]], "float32"))
    (value, _), (gradient,) = backend.value_and_grad(
        lambda: (losses.pulling_away(variable.value), ()), [variable]
    )
    gradient = ops.convert_to_numpy(gradient)
    # Of 6 pairs one is parallel, two have an angle of 45 degrees.
    np.testing.assert_allclose(float(value), (1 + 0.5 + 0.5) / 6, rtol=1e-6)
    assert np.isfinite(gradient).all()
    assert not gradient[0].any()
    assert gradient[3, 0] > 0 > gradient[3, 1]


def test_pulling_away_needs_a_pair():
    with pytest.raises(ValueError, match=r"at least 2 .* Received: .*\(1, 3\)"):
        losses.pulling_away(np.ones((1, 3), "float32"))
