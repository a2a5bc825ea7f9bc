import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import SelfAttention2D, SpectralNormalization
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)
X = DRAW.standard_normal((2, 3, 4, 6)).astype("float32")


def attend(x, gamma, key, query, value, attended):
    """Zhang et al. 2019, equations 1 to 3, position by position in float64."""
    outputs = np.zeros(x.shape)
    for sample, image in enumerate(x.astype(np.float64)):
        positions = image.reshape(-1, image.shape[-1])
        rows = np.zeros_like(positions)
        for j, x_j in enumerate(positions):
            scores = np.array([x_i @ key @ (query.T @ x_j) for x_i in positions])
            beta = np.exp(scores - scores.max())
            beta /= beta.sum()
            seen = sum(
                b * (x_i @ value) for b, x_i in zip(beta, positions, strict=True)
            )
            rows[j] = x_j + gamma * (seen @ attended)
        outputs[sample] = rows.reshape(image.shape)
    return outputs


def make(x=X, **arguments):
    layer = SelfAttention2D(**{"reduction": 3, "gamma_initializer": "ones"} | arguments)
    layer.build(x.shape)
    for variable in layer.trainable_variables:
        variable.assign(0.5 * DRAW.standard_normal(variable.shape))
    return layer


def weights_of(layer, kernel_of=lambda dense: dense.kernel.value):
    parts = (layer.key, layer.query, layer.value, layer.attended)
    values = [layer.gamma.value, *map(kernel_of, parts)]
    return [ops.convert_to_numpy(v).astype(np.float64) for v in values]


def test_contract(tmp_path):
    check_layer(
        lambda: SelfAttention2D(
            reduction=3, spectral_normalization=True, gamma_initializer="ones"
        ),
        (3, 4, 6),
        (3, 4, 6),
        tmp_path,
    )


def test_values_equal_numpy():
    layer = make()
    expected = attend(X, *weights_of(layer))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), expected, atol=1e-5)
    assert np.abs(expected - X).max() > 0.1


def test_the_gradient_equals_finite_differences():
    layer = make()
    target = DRAW.standard_normal(X.shape)

    def loss():
        return ops.sum(ops.multiply(layer(X), target.astype("float32"))), ()

    variables = [layer.gamma, layer.key.kernel, layer.query.kernel, layer.value.kernel]
    _, gradients = backend.value_and_grad(loss, variables)
    weights = weights_of(layer)
    for index, gradient in enumerate(map(ops.convert_to_numpy, gradients)):
        expected = np.zeros(gradient.shape)
        for position in np.ndindex(gradient.shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = [w.copy() for w in weights]
                moved[index][position] += step
                sides.append(np.sum(attend(X, *moved) * target))
            expected[position] = (sides[0] - sides[1]) / 2e-6
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient / scale, expected / scale, atol=1e-4)


def test_it_starts_as_the_identity_and_can_learn():
    layer = SelfAttention2D(reduction=2)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(X)), X)

    def loss():
        return ops.sum(ops.square(layer(X))), ()

    _, (gradient,) = backend.value_and_grad(loss, [layer.gamma])
    assert float(ops.convert_to_numpy(gradient)) != 0.0


def test_spectral_normalization_divides_every_kernel():
    layer = make(spectral_normalization=True)
    assert isinstance(layer.key, SpectralNormalization)
    for _ in range(100):
        layer(X, training=True)
    weights = weights_of(layer, lambda wrapper: wrapper.normalized_kernel())
    for kernel in weights[1:]:
        largest = np.linalg.svd(kernel, compute_uv=False)[0]
        np.testing.assert_allclose(largest, 1.0, rtol=1e-4)
    got = ops.convert_to_numpy(layer(X, training=False))
    np.testing.assert_allclose(got, attend(X, *weights), atol=1e-5)


def test_samples_do_not_see_each_other():
    layer = make()
    whole = ops.convert_to_numpy(layer(X))
    parts = [ops.convert_to_numpy(layer(X[i : i + 1])) for i in range(2)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_large_scores_are_finite():
    layer = make()
    got = ops.convert_to_numpy(layer(1e4 * X))
    assert np.isfinite(got).all()
    zeros = np.zeros_like(X)
    gradient = backend.input_gradient(lambda x: ops.square(layer(x) - 1.0), zeros)
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize("reduction", [0, -1, 2.0, True])
def test_a_bad_reduction_is_named(reduction):
    with pytest.raises(ValueError, match="`reduction` is .* Received: reduction="):
        SelfAttention2D(reduction)
    with pytest.raises(ValueError, match="True or False. Received: spectral"):
        SelfAttention2D(spectral_normalization="no")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 6), "height, width, channels"),
        ((None, 4, 6), "all sizes"),
        ((4, 4, 6), "at least `reduction` = 8"),
    ],
)
def test_inputs_of_other_shapes_are_refused(shape, message):
    with pytest.raises(ValueError, match=rf"{message}.*Received: shape="):
        SelfAttention2D()(keras.Input(shape))
