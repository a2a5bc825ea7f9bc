import numpy as np
import pytest
from keras import ops

from kerasgen import backend
from kerasgen.layers import MinibatchStdDev
from tests.contracts import check_layer

DRAW = np.random.RandomState(0)


def append_std_of_whole_groups(x, group_size):
    """The authors' way, which needs a multiple of the group size, in float64."""
    x = x.astype(np.float64)
    groups = x.reshape(group_size, -1, *x.shape[1:])
    std = np.sqrt(groups.var(axis=0) + 1e-8)
    std = std.mean(axis=tuple(range(1, x.ndim)))
    channel = np.tile(std, group_size).reshape(-1, *(1,) * (x.ndim - 1))
    return np.concatenate([x, np.broadcast_to(channel, (*x.shape[:-1], 1))], axis=-1)


def run(group_size, x):
    return ops.convert_to_numpy(MinibatchStdDev(group_size)(x))


@pytest.mark.parametrize("shape", [(3,), (4, 5, 3)])
def test_contract(shape, tmp_path):
    check_layer(
        lambda: MinibatchStdDev(group_size=2), shape, (*shape[:-1], 4), tmp_path
    )


@pytest.mark.parametrize("shape", [(6,), (4, 5, 3)])
@pytest.mark.parametrize(
    ("group_size", "batch_size", "used"),
    [(2, 8, 2), (4, 8, 4), (8, 8, 8), (1, 8, 1), (16, 8, 8), (None, 8, 8), (4, 3, 3)],
)
def test_values_equal_numpy(shape, group_size, batch_size, used):
    x = DRAW.uniform(-2, 5, (batch_size, *shape)).astype("float32")
    expected = append_std_of_whole_groups(x, used)
    np.testing.assert_allclose(run(group_size, x), expected, atol=2e-6)


def test_a_batch_that_is_no_multiple_is_compared_in_a_circle():
    x = DRAW.standard_normal((7, 2)).astype("float32")
    got = run(3, x)[:, 2]
    for i in range(7):
        group = x[[i, (i + 2) % 7, (i + 4) % 7]].astype(np.float64)
        np.testing.assert_allclose(got[i], group.std(axis=0).mean(), rtol=1e-5)


def test_groups_do_not_see_each_other():
    x = DRAW.standard_normal((6, 4)).astype("float32")
    moved = x.copy()
    moved[[0, 2, 4]] *= 3.0
    before, after = run(3, x), run(3, moved)
    np.testing.assert_array_equal(before[1::2], after[1::2])
    assert (before[::2, -1] != after[::2, -1]).all()


def test_equal_samples_have_a_deviation_near_zero_and_finite_gradients():
    x = np.full((4, 3, 3, 2), 100.0, np.float32)
    assert np.all(run(4, x)[..., -1] <= 1.1e-4)
    gradient = backend.input_gradient(MinibatchStdDev(), x)
    assert np.isfinite(ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize("group_size", [0, -4, 2.0, True])
def test_a_bad_group_size_is_named(group_size):
    with pytest.raises(ValueError, match="`group_size` is .* Received: group_size="):
        MinibatchStdDev(group_size)
