import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasgen import backend
from kerasgen.layers import SpectralNormalization
from tests.contracts import check_layer

# Layer, shape of one sample, shape of one output, axis of the output channels.
CASES = {
    "dense": (lambda: layers.Dense(5, "tanh"), (7,), (5,), -1),
    "conv1d": (
        lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
        (6, 3),
        (6, 4),
        -1,
    ),
    "conv2d": (
        lambda: layers.Conv2D(4, 4, strides=2, padding="same", activation="tanh"),
        (6, 6, 3),
        (3, 3, 4),
        -1,
    ),
    "grouped": (
        lambda: layers.Conv2D(4, (3, 1), groups=2, use_bias=False),
        (5, 4, 6),
        (3, 4, 4),
        -1,
    ),
    "conv3d": (lambda: layers.Conv3D(2, 2), (3, 3, 4, 2), (2, 2, 3, 2), -1),
    "transposed": (
        lambda: layers.Conv2DTranspose(5, (4, 3), 2, "same", activation="tanh"),
        (3, 3, 2),
        (6, 6, 5),
        -2,
    ),
    "embedding": (lambda: layers.Embedding(6, 4), (3,), (3, 4), -1),
}


def make(name, power_iterations=1):
    """A built wrapper with kernel and bias from NumPy, and inputs."""
    make_layer, input_shape, _, _ = CASES[name]
    wrapper = SpectralNormalization(make_layer(), power_iterations)
    draw = np.random.RandomState(0)
    if name == "embedding":
        x = draw.randint(0, 6, (2, *input_shape)).astype("int32")
    else:
        x = draw.standard_normal((2, *input_shape)).astype("float32")
    wrapper.build(x.shape)
    for variable in wrapper.layer.trainable_variables:
        variable.assign(draw.standard_normal(variable.shape))
    return wrapper, x


def to_matrix(kernel, channel_axis):
    kernel = np.moveaxis(np.asarray(kernel, np.float64), channel_axis, -1)
    return kernel.reshape(-1, kernel.shape[-1])


def converge(wrapper, channel_axis):
    """Sets `u` to the singular vector that power iteration tends to."""
    matrix = to_matrix(kernel_of(wrapper), channel_axis)
    wrapper.u.assign(np.linalg.svd(matrix)[2][0])


def kernel_of(wrapper):
    return ops.convert_to_numpy(wrapper.layer.trainable_variables[0].value)


def sigma_of(wrapper):
    ratio = kernel_of(wrapper) / ops.convert_to_numpy(wrapper.normalized_kernel())
    assert np.ptp(ratio) < 1e-4 * ratio.mean()
    return ratio.mean()


def iterate(matrix, u, num):
    """Power iteration in float64: the new u, and sigma."""
    u = np.asarray(u, np.float64)
    for _ in range(num):
        v = matrix @ u
        u = matrix.T @ (v / np.linalg.norm(v))
        u /= np.linalg.norm(u)
    return u, np.linalg.norm(matrix @ u)


def finite_difference(fn, x, step=1e-6):
    """Central differences of a float64 function of a float64 array."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (fn(ahead) - fn(behind)) / (2 * step)
    return gradient


@pytest.mark.parametrize("name", CASES)
def test_contract(name, tmp_path):
    make_layer, input_shape, output_shape, _ = CASES[name]
    check_layer(
        lambda: SpectralNormalization(make_layer(), power_iterations=2),
        input_shape,
        output_shape,
        tmp_path,
        num_categories=6 if name == "embedding" else None,
    )


@pytest.mark.parametrize("name", CASES)
def test_sigma_converges_to_the_largest_singular_value(name):
    wrapper, x = make(name, power_iterations=100)
    wrapper(x, training=True)
    matrix = to_matrix(kernel_of(wrapper), CASES[name][3])
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    np.testing.assert_allclose(sigma_of(wrapper), largest, rtol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_the_layer_with_the_kernel_divided(name):
    wrapper, x = make(name)
    outputs = ops.convert_to_numpy(wrapper(x, training=True))
    copy = CASES[name][0]()
    copy.build(x.shape)
    copy.set_weights(wrapper.layer.get_weights())
    copy.trainable_variables[0].assign(wrapper.normalized_kernel())
    np.testing.assert_allclose(outputs, ops.convert_to_numpy(copy(x)), atol=1e-5)
    assert np.abs(outputs - ops.convert_to_numpy(wrapper.layer(x))).max() > 0.1


@pytest.mark.parametrize("name", CASES)
def test_u_and_sigma_are_those_of_numpy_on_every_backend(name):
    wrapper, x = make(name, power_iterations=2)
    matrix = to_matrix(kernel_of(wrapper), CASES[name][3])
    u = np.random.RandomState(0).uniform(-1.0, 1.0, matrix.shape[1])
    u, sigma = iterate(matrix, u / np.linalg.norm(u), 0)
    for training in (False, True, True, False, True):
        wrapper(x, training=training)
        u, sigma = iterate(matrix, u, 2 if training else 0)
        np.testing.assert_allclose(
            ops.convert_to_numpy(wrapper.u.value), u, rtol=0, atol=2e-6
        )
        np.testing.assert_allclose(sigma_of(wrapper), sigma, rtol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_stored_weights_never_change(name):
    wrapper, x = make(name)
    before = [w.copy() for w in wrapper.layer.get_weights()]
    kernel = wrapper.layer.trainable_variables[0]
    for training in (True, False, True):
        wrapper(x, training=training)
    assert wrapper.layer.trainable_variables[0] is kernel
    for ours, theirs in zip(wrapper.layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [v.name for v in wrapper.non_trainable_variables] == ["u"]


def test_only_training_moves_u():
    wrapper, x = make("dense")
    before = ops.convert_to_numpy(wrapper.u.value).copy()
    wrapper(x)
    wrapper(x, training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(wrapper.u.value), before)
    training = ops.convert_to_numpy(wrapper(x, training=True))
    assert np.abs(ops.convert_to_numpy(wrapper.u.value) - before).max() > 1e-3
    inference = ops.convert_to_numpy(wrapper(x, training=False))
    np.testing.assert_allclose(inference, training, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["dense", "conv2d", "transposed", "embedding"])
def test_the_gradient_flows_through_sigma(name):
    wrapper, _ = make(name)
    channel_axis = CASES[name][3]
    converge(wrapper, channel_axis)
    kernel = kernel_of(wrapper).astype(np.float64)
    # In part along the kernel, where the gradient through sigma is large.
    weights = kernel + np.random.RandomState(1).standard_normal(kernel.shape)
    weights_tensor = ops.convert_to_tensor(weights, dtype="float32")

    def loss(kernel):
        sigma = np.linalg.svd(to_matrix(kernel, channel_axis), compute_uv=False)[0]
        return np.sum(weights * kernel / sigma)

    def our_loss():
        return ops.sum(wrapper.normalized_kernel() * weights_tensor), ()

    variable = wrapper.layer.trainable_variables[0]
    _, (gradient,) = backend.value_and_grad(our_loss, [variable])
    expected = finite_difference(loss, kernel)
    scale = np.abs(expected).max()
    gradient = ops.convert_to_numpy(gradient)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-4 * scale)
    # A gradient that stops at sigma would be this, far away.
    stopped = weights / sigma_of(wrapper)
    assert np.abs(stopped - expected).max() > 0.1 * scale


def penalty_of(kernel, bias, x):
    """Gradient penalty of sum(tanh(x W / sigma + b)), in float64."""
    kernel = kernel / np.linalg.svd(kernel, compute_uv=False)[0]
    slope = 1.0 - np.tanh(x @ kernel + bias) ** 2
    norm = np.linalg.norm(slope @ kernel.T, axis=1)
    return np.mean((norm - 1.0) ** 2)


def test_second_derivatives_of_a_gradient_penalty():
    wrapper, x = make("dense")
    converge(wrapper, -1)
    kernel, bias = (w.astype(np.float64) for w in wrapper.layer.get_weights())

    def loss():
        gradient = backend.input_gradient(
            lambda x: wrapper(x, training=True), ops.convert_to_tensor(x)
        )
        norm = ops.sqrt(ops.sum(ops.square(gradient), axis=1))
        return ops.mean(ops.square(norm - 1.0)), ()

    (value, _), gradients = backend.value_and_grad(loss, wrapper.trainable_variables)
    x64 = x.astype(np.float64)
    np.testing.assert_allclose(
        ops.convert_to_numpy(value), penalty_of(kernel, bias, x64), rtol=1e-5
    )
    expected = [
        finite_difference(lambda w: penalty_of(w, bias, x64), kernel),
        finite_difference(lambda b: penalty_of(kernel, b, x64), bias),
    ]
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours), theirs, rtol=0, atol=2e-4 * np.abs(theirs).max()
        )


def test_real_fake_and_inference_calls_in_one_loss():
    wrapper, x = make("dense")
    kernel, bias = (w.astype(np.float64) for w in wrapper.layer.get_weights())
    u = ops.convert_to_numpy(wrapper.u.value).astype(np.float64)
    calls = ((x, False), (x, True), (-2.0 * x, True), (x + 1.0, False))

    def loss():
        # All calls come before the gradient: none may spoil what another saved.
        outputs = [wrapper(inputs, training=training) for inputs, training in calls]
        return sum(ops.sum(ops.square(y)) for y in outputs), ()

    (value, _), gradients = backend.value_and_grad(loss, wrapper.trainable_variables)
    us = [u, *(iterate(kernel, u, num)[0] for num in (1, 2, 2))]

    def expected_loss(kernel, bias):
        # The gradient holds u and v constant: they are those of the start.
        total = 0.0
        for (inputs, _), u in zip(calls, us, strict=True):
            v = start @ u
            sigma = v @ kernel @ u / np.linalg.norm(v)
            total += np.sum(np.tanh(inputs @ kernel / sigma + bias) ** 2)
        return total

    start = kernel
    np.testing.assert_allclose(
        ops.convert_to_numpy(value), expected_loss(kernel, bias), rtol=1e-5
    )
    expected = [
        finite_difference(lambda w: expected_loss(w, bias), kernel),
        finite_difference(lambda b: expected_loss(kernel, b), bias),
    ]
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours), theirs, rtol=0, atol=1e-4 * np.abs(theirs).max()
        )
    np.testing.assert_allclose(
        ops.convert_to_numpy(wrapper.u.value), us[-1], rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_steps_of_fit_equal_numpy(jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("torch.compile of a Keras step takes minutes")
    wrapper = SpectralNormalization(layers.Dense(2, use_bias=False))
    model = keras.Sequential([keras.Input((3,)), wrapper])
    draw = np.random.RandomState(0)
    kernel, x, y = (draw.standard_normal(s) for s in ((3, 2), (4, 3), (4, 2)))
    wrapper.layer.kernel.assign(kernel)
    u = ops.convert_to_numpy(wrapper.u.value).astype(np.float64)
    model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=jit_compile)
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    for _ in range(3):
        u, sigma = iterate(kernel, u, 1)
        v = kernel @ u / sigma
        by_output = 2.0 / y.size * (x @ kernel / sigma - y)
        by_sigma = -np.sum(x.T @ by_output * kernel) / sigma**2
        kernel = kernel - 0.5 * (x.T @ by_output / sigma + by_sigma * np.outer(v, u))
    np.testing.assert_allclose(kernel_of(wrapper), kernel, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(wrapper.u.value), u, atol=2e-6)
    _, sigma = iterate(kernel, u, 0)
    np.testing.assert_allclose(
        model.predict(x, verbose=0), x @ kernel / sigma, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_small_and_large_kernels_have_the_same_normalized_kernel(scale):
    wrapper, x = make("dense", power_iterations=50)
    wrapper(x, training=True)
    expected = ops.convert_to_numpy(wrapper.normalized_kernel())
    scaled, _ = make("dense", power_iterations=50)
    scaled.layer.kernel.assign(scaled.layer.kernel.value * scale)
    scaled(x, training=True)
    got = ops.convert_to_numpy(scaled.normalized_kernel())
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_a_kernel_of_zeros_is_used_as_it_is_and_can_learn():
    wrapper, x = make("dense")
    wrapper.layer.kernel.assign(np.zeros((7, 5)))
    before = ops.convert_to_numpy(wrapper.u.value).copy()

    def loss():
        return ops.sum(wrapper(x, training=True)), ()

    _, (gradient, _) = backend.value_and_grad(loss, wrapper.trainable_variables)
    slope = 1.0 - np.tanh(ops.convert_to_numpy(wrapper.layer.bias.value)) ** 2
    expected = x.sum(axis=0)[:, None] * slope
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, rtol=1e-4)
    u = ops.convert_to_numpy(wrapper.u.value)
    np.testing.assert_allclose(u, before, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("is_nested", [False, True])
def test_sigma_keeps_float32_under_mixed_precision(policy, is_nested):
    layer = layers.Dense(5, use_bias=False, dtype=policy)
    wrapper = SpectralNormalization(layer, power_iterations=100)
    model = wrapper
    if is_nested:
        model = keras.Sequential([keras.Input((7,)), wrapper], name="nested")
        model.dtype_policy = policy
    x = np.random.RandomState(0).standard_normal((2, 7)).astype("float32")
    y = model(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
    assert wrapper.u.dtype == layer.kernel.dtype == "float32"
    _, sigma = iterate(to_matrix(kernel_of(wrapper), -1), np.ones(5), 500)
    # bfloat16 would be wrong in the third digit.
    np.testing.assert_allclose(sigma_of(wrapper), sigma, rtol=1e-5)
    u = ops.convert_to_numpy(wrapper.u.value)
    np.testing.assert_allclose(np.linalg.norm(u), 1.0, rtol=1e-6)
    expected = x @ kernel_of(wrapper) / sigma
    y = ops.convert_to_numpy(ops.cast(y, "float32"))
    np.testing.assert_allclose(y, expected, rtol=0.03, atol=0.03)


def test_penalties_masks_and_input_checks_of_the_layer_stay():
    layer = layers.Dense(
        2, kernel_regularizer=keras.regularizers.L2(0.5), activity_regularizer="l1"
    )
    wrapper = SpectralNormalization(layer)
    x = np.ones((1, 3), np.float32)
    y = ops.convert_to_numpy(wrapper(x))
    penalty = 0.5 * np.sum(kernel_of(wrapper) ** 2) + 0.01 * np.abs(y).sum()
    np.testing.assert_allclose(
        ops.convert_to_numpy(sum(wrapper.losses)), penalty, rtol=1e-5
    )
    copy = SpectralNormalization.from_config(wrapper.get_config())
    assert copy.get_config() == wrapper.get_config()
    with pytest.raises(ValueError, match="incompatible with the layer"):
        wrapper(np.ones((1, 4), np.float32))
    embedding = SpectralNormalization(layers.Embedding(4, 2, mask_zero=True))
    mask = embedding.compute_mask(ops.convert_to_tensor(np.array([[0, 1]], "int32")))
    assert ops.convert_to_numpy(mask).tolist() == [[False, True]]


def test_a_built_layer_can_be_wrapped_and_shared():
    layer = layers.Dense(2)
    x = np.ones((1, 3), np.float32)
    alone = ops.convert_to_numpy(layer(x))
    wrapper = SpectralNormalization(layer)
    wrapper(x, training=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), alone)


class OwnDense(layers.Dense):
    def call(self, inputs, training=None):
        return 2.0 * super().call(inputs)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1DTranspose(2, 3),
        layers.DepthwiseConv2D(3),
        layers.BatchNormalization(),
        OwnDense(2),
        "dense",
        None,
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_other_layers_are_refused(layer):
    with pytest.raises(ValueError, match=r"`layer` is a Dense.*Received: layer="):
        SpectralNormalization(layer)


@pytest.mark.parametrize("power_iterations", [0, -1, 1.0, True, "1"])
def test_bad_power_iterations_are_named(power_iterations):
    with pytest.raises(ValueError, match=r"integer >= 1\. Received: power_iterations="):
        SpectralNormalization(layers.Dense(2), power_iterations)


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="no channels_first on its CPU"
)
@pytest.mark.parametrize(
    ("make_layer", "shape"),
    [
        (lambda **kwargs: layers.Conv1D(4, 3, padding="causal", **kwargs), (2, 3, 6)),
        (lambda **kwargs: layers.Conv2D(4, 3, 2, "same", **kwargs), (2, 3, 6, 5)),
        (lambda **kwargs: layers.Conv2DTranspose(4, 3, 2, **kwargs), (2, 3, 4, 5)),
    ],
)
def test_channels_first(make_layer, shape):
    wrapper = SpectralNormalization(
        make_layer(data_format="channels_first", bias_initializer="random_normal")
    )
    x = np.random.RandomState(0).standard_normal(shape).astype("float32")
    outputs = ops.convert_to_numpy(wrapper(x))
    wrapper.layer.kernel.assign(wrapper.normalized_kernel())
    expected = ops.convert_to_numpy(wrapper.layer(x))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
