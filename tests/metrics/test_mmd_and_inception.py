import numpy as np
import pytest

from kerasgen.metrics import inception_score, kid, polynomial_mmd


def features(seed, num=60, width=5):
    return np.random.RandomState(seed).randn(num, width)


def test_mmd_equals_the_sum_over_all_pairs():
    x, y = features(0, 9), features(1, 7)

    def kernel(a, b):
        return (a @ b / 5 + 1.0) ** 3

    same = sum(kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j)
    other = sum(
        kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j
    )
    cross = sum(kernel(a, b) for a in x for b in y)
    expected = same / (9 * 8) + other / (7 * 6) - 2 * cross / (9 * 7)
    assert polynomial_mmd(x, y) == pytest.approx(expected, rel=1e-12)


def test_kid_of_one_distribution_is_near_zero_and_may_be_negative():
    values = [kid(features(i), features(i + 50), 60, 1)[0] for i in range(40)]
    assert min(values) < 0.0
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(40)


def test_kid_depends_on_its_seed_alone():
    x, y = features(0), features(1) + 0.5
    assert kid(x, y, 20, 5, seed=1) == kid(x, y, 20, 5, seed=1)
    assert kid(x, y, 20, 5, seed=1) != kid(x, y, 20, 5, seed=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subset_size": 61}, "at least subset_size=61 samples"),
        ({"subset_size": 1}, "`subset_size` is an integer >= 2"),
        ({"num_subsets": 0}, "`num_subsets` is an integer >= 1"),
    ],
)
def test_kid_refuses(arguments, message):
    with pytest.raises(ValueError, match=message + ".*Received"):
        kid(features(0), features(1), **{"subset_size": 20, **arguments})


def test_kid_refuses_constant_real_features():
    x = np.ones((60, 4))
    with pytest.raises(ValueError, match="real must hold.*that differ. Received: 60"):
        kid(x, features(0)[:, :4], 20)
    assert np.isfinite(kid(features(0)[:, :4], x, 20)).all()


def test_kid_refuses_nan_and_other_widths():
    with pytest.raises(ValueError, match="generated must be finite"):
        kid(features(0), features(1) * np.nan, 20)
    with pytest.raises(ValueError, match="same number of features"):
        kid(features(0), features(1, width=4), 20)


def test_inception_score_of_certain_classes_is_their_number():
    assert inception_score(np.eye(4) * 1e4, splits=1)[0] == pytest.approx(4.0)


def test_inception_score_of_equal_predictions_is_one():
    mean, std = inception_score(np.ones((20, 4)), splits=5)
    assert (mean, std) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_inception_score_is_finite_at_logits_of_1e4():
    assert np.isfinite(inception_score(features(0) * 1e4)).all()


def test_inception_score_is_finite_where_probabilities_vanish():
    for scale in (1e5, 1e308):
        logits = scale * (2.0 * np.eye(5) - 1.0)
        assert inception_score(logits, splits=1)[0] == pytest.approx(5.0, rel=1e-12)


def test_inception_score_refuses():
    with pytest.raises(ValueError, match="at least splits=61 samples. Received: 60"):
        inception_score(features(0), splits=61)
    with pytest.raises(ValueError, match="logits must be finite"):
        inception_score(features(0) * np.inf)
    with pytest.raises(TypeError, match="logits must hold real numbers"):
        inception_score(np.array([["a", "b"]]))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e10])
def test_kid_of_float32_is_that_of_float64(scale):
    x, y = ((features(i) * scale).astype("float32") for i in (0, 1))
    doubles = kid(x.astype("float64"), y.astype("float64"), 30, 3)
    assert kid(x, y, 30, 3) == pytest.approx(doubles, rel=1e-5)


def test_kid_that_overflows_says_so():
    with pytest.raises(ValueError, match="float64 can hold. Received"):
        kid(features(0) * 1e60, features(1), 30, 3)
