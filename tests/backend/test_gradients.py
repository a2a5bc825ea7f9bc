"""First and second derivatives and masked steps, against closed forms."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], "float32")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def tensor(x):
    return ops.convert_to_tensor(x)


def variable(value, trainable=True):
    return keras.Variable(np.asarray(value, "float32"), trainable=trainable)


def test_value_gradient_and_aux():
    w = variable([1.0, -2.0, 3.0])
    unused = variable(np.ones((2, 2)))

    def loss_fn():
        terms = ops.sum(tensor(X) * w * w, axis=0)
        return ops.sum(terms), {"terms": terms}

    (loss, aux), gradients = backend.value_and_grad(loss_fn, [w, unused])
    terms = (X * numpy(w) ** 2).sum(axis=0)
    np.testing.assert_allclose(numpy(loss), terms.sum(), rtol=1e-6)
    np.testing.assert_allclose(numpy(aux["terms"]), terms, rtol=1e-6)
    np.testing.assert_allclose(
        numpy(gradients[0]), 2 * X.sum(axis=0) * numpy(w), rtol=1e-6
    )
    np.testing.assert_array_equal(numpy(gradients[1]), np.zeros((2, 2)))


def test_assignments_inside_a_loss_last():
    w, total = variable([2.0]), variable([0.0], trainable=False)
    count = keras.Variable(0, dtype="int32", trainable=False)

    def loss_fn():
        total.assign(total + ops.stop_gradient(w.value))
        count.assign_add(1)
        # The new value is seen by what follows.
        return ops.sum(w * total), ()

    for calls in (1, 2):
        (loss, _), gradients = backend.value_and_grad(loss_fn, [w])
        np.testing.assert_allclose(numpy(total), [2.0 * calls])
        np.testing.assert_allclose(numpy(loss), 4.0 * calls)
        np.testing.assert_allclose(numpy(gradients[0]), [2.0 * calls])
        assert int(numpy(count)) == calls


@pytest.mark.parametrize(
    "is_compiled", [False, *[True] * (keras.backend.backend() == "tensorflow")]
)
def test_rows_looked_up_twice_count_as_their_sum(is_compiled):
    """Keras's optimizers on TensorFlow square each use of a row on its own."""
    table = variable(np.zeros((3, 2)))
    optimizer = keras.optimizers.Adam(0.1, beta_2=0.75)
    optimizer.build([table])
    factors = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float32")

    def objective():
        rows = ops.take(table.value, np.array([1, 1, 2], "int32"), axis=0)
        return ops.sum(rows * tensor(factors)), ()

    def step():
        gate = lambda aux, gradients: ops.isfinite(ops.sum(gradients[0]))  # noqa: E731
        return backend.minimize(objective, optimizer, [table], [], gate)[1]

    if is_compiled:
        import tensorflow as tf

        step = tf.function(step, jit_compile=True)
    assert bool(step())
    gradient = np.array([[0.0, 0.0], [4.0, 6.0], [5.0, 6.0]])
    velocity = next(v for v in optimizer.variables if "velocity" in v.path)
    np.testing.assert_allclose(numpy(velocity), 0.25 * gradient**2, rtol=1e-6)


def test_input_gradient_is_per_row():
    gradient = backend.input_gradient(lambda x: ops.sum(x**3, axis=1, keepdims=True), X)
    np.testing.assert_allclose(numpy(gradient), 3 * X**2, rtol=1e-6)


def test_input_gradient_keeps_assignments():
    calls = keras.Variable(0, dtype="int32", trainable=False)

    def fn(x):
        calls.assign_add(1)
        return ops.sum(x * x, axis=1)

    backend.input_gradient(fn, X)
    assert int(numpy(calls)) == 1


def test_second_derivative_in_a_parameter():
    w = variable([1.5])

    def loss_fn():
        gradient = backend.input_gradient(lambda x: w * x**2, X[:1])
        return ops.sum(gradient**2), ()

    (loss, _), gradients = backend.value_and_grad(loss_fn, [w])
    squares = float((X[0].astype("float64") ** 2).sum())
    np.testing.assert_allclose(numpy(loss), 4 * 1.5**2 * squares, rtol=1e-6)
    np.testing.assert_allclose(numpy(gradients[0]), [8 * 1.5 * squares], rtol=1e-6)


def test_second_derivative_through_the_input():
    """The input of the first derivative may itself depend on the variables."""
    w = variable([0.7])

    def loss_fn():
        gradient = backend.input_gradient(lambda x: x**3, w * tensor(X))
        return ops.sum(gradient * tensor(X)), ()

    _, gradients = backend.value_and_grad(loss_fn, [w])
    expected = 6 * 0.7 * (X.astype("float64") ** 3).sum()
    np.testing.assert_allclose(numpy(gradients[0]), [expected], rtol=1e-5)


def minimize(gate, w, statistics, optimizer):
    def objective():
        statistics.assign(statistics * 2.0)
        loss = ops.sum(w * tensor(X[0]))
        return loss, {"loss": loss}

    return backend.minimize(objective, optimizer, [w], [statistics], gate)


@pytest.mark.parametrize("accept", [True, False])
def test_minimize_takes_a_step_or_none(accept):
    w, statistics = variable([1.0, 2.0, 3.0]), variable([1.0], trainable=False)
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build([w])
    before = [numpy(v) for v in optimizer.variables]
    seen = []

    def gate(aux, gradients):
        seen.extend(numpy(g) for g in (aux["loss"], *gradients))
        return ops.convert_to_tensor(accept)

    aux, accepted = minimize(gate, w, statistics, optimizer)
    loss = X[0] @ [1.0, 2.0, 3.0]
    np.testing.assert_allclose(numpy(aux["loss"]), loss)
    np.testing.assert_allclose(seen[0], loss)
    np.testing.assert_allclose(seen[1], X[0])
    assert bool(accepted) == accept
    # Adam's first step is the learning rate against the gradient's sign.
    step = 0.1 * np.sign(X[0]) * accept
    np.testing.assert_allclose(numpy(w), np.array([1.0, 2.0, 3.0]) - step, rtol=1e-5)
    np.testing.assert_array_equal(numpy(statistics), [2.0 if accept else 1.0])
    after = [numpy(v) for v in optimizer.variables]
    are_equal = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert all(are_equal) != accept


def test_minimize_leaves_no_trace_of_nan():
    w, statistics = variable([1.0, 2.0, 3.0]), variable([1.0], trainable=False)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([w])

    def objective():
        statistics.assign(statistics * np.nan)
        loss = ops.sum(w * np.nan)
        return loss, {"loss": loss}

    def gate(aux, gradients):
        return ops.isfinite(aux["loss"])

    backend.minimize(objective, optimizer, [w], [statistics], gate)
    np.testing.assert_array_equal(numpy(w), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(numpy(statistics), [1.0])
    assert all(np.isfinite(numpy(v)).all() for v in optimizer.variables)
