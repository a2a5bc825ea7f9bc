import numpy as np
import pytest
import scipy.linalg

from kerasgen.metrics import (
    Moments,
    fid,
    fid_of_moments,
    frechet,
    frechet_distance,
    statistics,
)

GOLDEN = 1.306471927563  # torch-fidelity 0.4.0 on the features below, all float64


@pytest.fixture(scope="module")
def features():
    r = np.random.RandomState(0)
    real = np.abs(r.randn(1500, 64))
    generated = np.abs(r.randn(1200, 64) * 1.1 + 0.05)
    return real.astype("float32"), generated.astype("float32")


def oracle(real, generated):
    """The formula of the FID paper with a matrix square root."""
    real, generated = real.astype("float64"), generated.astype("float64")
    difference = real.mean(0) - generated.mean(0)
    sigma1, sigma2 = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    root = scipy.linalg.sqrtm(sigma1 @ sigma2)
    return difference @ difference + np.trace(sigma1 + sigma2 - 2 * root).real


def trace_sqrt_cholesky(real, generated):
    return frechet._trace_sqrt_cholesky(
        statistics(real)[1], statistics(generated)[1], max_error=1e-6
    )


def trace_sqrt_eigh(real, generated):
    return frechet._trace_sqrt_eigh(statistics(real)[1], statistics(generated)[1])


def trace_sqrt_low_rank(real, generated):
    factors = (frechet._center(x.astype("float64"))[1] for x in (real, generated))
    return frechet._trace_sqrt_low_rank(*factors)


def trace_sqrt_low_rank_by_qr(real, generated):
    factors = (frechet._factor(x.astype("float64"))[1] for x in (real, generated))
    return frechet._trace_sqrt_low_rank(*factors)


ROUTES = [
    trace_sqrt_cholesky,
    trace_sqrt_eigh,
    trace_sqrt_low_rank,
    trace_sqrt_low_rank_by_qr,
]


def test_golden(features):
    assert fid(*features) == pytest.approx(GOLDEN, rel=1e-10)
    assert oracle(*features) == pytest.approx(GOLDEN, rel=1e-10)


@pytest.mark.parametrize("route", ROUTES)
def test_golden_on_every_route(features, route):
    (mu1, sigma1), (mu2, sigma2) = (statistics(x) for x in features)
    rest = (mu1 - mu2) @ (mu1 - mu2) + np.trace(sigma1) + np.trace(sigma2)
    assert rest - 2 * route(*features) == pytest.approx(GOLDEN, rel=1e-9)


def test_symmetric_in_its_arguments(features):
    real, generated = features
    assert fid(real, generated) == pytest.approx(fid(generated, real), rel=1e-10)


def test_statistics_are_unbiased_float64(features):
    mu, sigma = statistics(features[0])
    assert mu.dtype == sigma.dtype == np.float64
    x = features[0].astype("float64")
    np.testing.assert_allclose(mu, x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(sigma, np.cov(x, rowvar=False, ddof=1), atol=1e-14)


def test_gaussians_with_diagonal_covariances_have_a_closed_form():
    rng = np.random.default_rng(0)
    mu1, mu2 = rng.normal(size=(2, 20))
    std1, std2 = rng.uniform(0.1, 3.0, size=(2, 20))
    expected = np.sum((mu1 - mu2) ** 2 + (std1 - std2) ** 2)
    # The same Gaussians in a rotated space, where nothing is diagonal.
    rotation = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    value = frechet_distance(
        rotation @ mu1,
        rotation @ np.diag(std1**2) @ rotation.T,
        rotation @ mu2,
        rotation @ np.diag(std2**2) @ rotation.T,
    )
    assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sizes", [(2, 2), (10, 30), (63, 64), (20, 1200), (1500, 20)])
def test_fewer_samples_than_features(features, sizes):
    real, generated = (x[:n] for x, n in zip(features, sizes, strict=True))
    # The oracle squares rounding errors of rank-deficient products: 1e-8 in a root.
    assert fid(real, generated) == pytest.approx(oracle(real, generated), rel=1e-6)
    exact = frechet_distance(*statistics(real), *statistics(generated))
    assert fid(real, generated) == pytest.approx(exact, rel=1e-10)


def test_identical_sets_have_distance_zero(features):
    real = features[0]
    assert 0.0 <= fid(real, real) < 1e-10
    assert 0.0 <= fid(real[:20], real[19::-1]) < 1e-10


def test_scale_invariance(features):
    real, generated = (x.astype("float64") for x in features)
    for scale in (1e-9, 1e9):
        value = fid(real * scale, generated * scale)
        assert value == pytest.approx(GOLDEN * scale**2, rel=1e-9)


def test_features_too_large_to_square_are_refused(features):
    real, generated = (x.astype("float64") for x in features)
    for x, y in ((real * 1e160, generated), (real[:9] * 1e160, generated[:9])):
        with pytest.raises(ValueError, match="float64 can hold. Received: values up"):
            fid(x, y)


def test_means_too_far_apart_are_refused():
    zeros, far, eye = np.zeros(2), np.full(2, 1e200), np.eye(2)
    with pytest.raises(ValueError, match="float64 can hold. Received: means"):
        frechet_distance(zeros, eye, far, eye)


class TestDegenerateCovariance:
    @pytest.mark.parametrize("num", [5, 100])
    def test_constant_real_features_are_refused(self, features, num):
        for value in (0.0, 0.1):
            constant = np.full((num, 64), value, "float32")
            for generated in (features[1], constant):
                with pytest.raises(ValueError, match="that differ.*equal rows"):
                    fid(constant, generated)
                moments = Moments(), Moments()
                moments[0].update(constant[: num // 2])
                moments[0].update(constant[num // 2 :])
                moments[1].update(generated)
                with pytest.raises(ValueError, match="that differ.*equal rows"):
                    fid_of_moments(*moments)

    def test_a_generator_that_has_collapsed_has_a_distance(self, features):
        real = features[0]
        mu, sigma = statistics(real)
        expected = (mu - 1.0) @ (mu - 1.0) + np.trace(sigma)
        for num in (5, 100):
            constant = np.ones((num, 64))
            assert fid(real, constant) == pytest.approx(expected, rel=1e-12)
            moments = Moments(), Moments()
            for item, x in zip(moments, (real, constant), strict=True):
                item.update(x)
            assert fid_of_moments(*moments) == pytest.approx(expected, rel=1e-9)

    def test_constant_feature_adds_its_mean_difference_only(self, features):
        def with_constant(x, value):
            return np.hstack([x, np.full((len(x), 1), value)]).astype("float64")

        real, generated = features
        value = fid(with_constant(real, 0.25), with_constant(generated, 1.75))
        assert value == pytest.approx(GOLDEN + 1.5**2, rel=1e-9)

    def test_repeated_features_in_a_rotated_space(self, features):
        # Every feature twice: rank 64 of 128, twice the distance, no zero entries.
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(128, 128)))[0]
        real, generated = (np.hstack([x, x]).astype("float64") for x in features)
        value = fid(real @ rotation, generated @ rotation)
        assert value == pytest.approx(2 * GOLDEN, rel=1e-8)

    def test_supports_orthogonal_to_each_other(self):
        x = np.random.default_rng(0).normal(size=(200, 4))
        real, generated = np.hstack([x, 0 * x]), np.hstack([0 * x, x])
        mu, sigma = statistics(x)
        expected = 2 * mu @ mu + 2 * np.trace(sigma)
        assert fid(real, generated) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("seed", range(10))
    def test_eigenvalues_that_are_only_rounding(self, seed):
        # Cholesky works on sigma1, and a null eigenvalue of sigma2 comes out as 1e-16
        # on either side of zero: on the right one its root is an error of 1e-8.
        rng = np.random.default_rng(seed)
        sigma, v = np.cov(rng.normal(size=(3, 20))), rng.normal(size=3)
        value = frechet_distance(np.zeros(3), sigma, np.zeros(3), np.outer(v, v))
        expected = np.trace(sigma) + v @ v - 2 * np.sqrt(v @ sigma @ v)
        assert value == pytest.approx(expected, rel=1e-12)


class TestErrors:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("num", [10, 200])
    def test_not_finite(self, bad, num):
        x = np.random.default_rng(0).normal(size=(num, 16))
        y = x.copy()
        y[3, 7] = bad
        message = r"Received: (nan|-?inf) at index \(3, 7\)"
        with pytest.raises(ValueError, match=message):
            fid(x, y)

    @pytest.mark.parametrize(
        "shape", [(1, 16), (0, 16), (16,), (20, 4, 4), (20, 0), (20, 15)]
    )
    def test_shapes(self, shape):
        x = np.zeros((20, 16))
        with pytest.raises(ValueError, match="Received: "):
            fid(x, np.zeros(shape))
        with pytest.raises(ValueError, match="Received: "):
            fid(np.zeros(shape), x)

    @pytest.mark.parametrize("dtype", ["object", "complex128", "bool", "U1"])
    def test_dtypes(self, dtype):
        with pytest.raises(TypeError, match="Received: dtype="):
            fid(np.zeros((20, 2)), np.zeros((20, 2), dtype))

    def test_integers_and_half_floats_are_numbers(self):
        x = np.random.default_rng(0).integers(0, 9, (50, 3))
        expected = fid(x.astype("float64"), x + 1.0)
        assert fid(x.astype("float16"), x + 1) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        "mu, sigma, message",
        [
            (np.zeros(3), np.eye(2), "shape"),
            (np.zeros((3, 1)), np.eye(3), "shape"),
            (np.zeros(2), np.eye(2), "same length"),
            (np.zeros(3), np.full((3, 3), np.nan), "finite"),
            (np.zeros(3), np.eye(3) + np.eye(3, k=1), "symmetric"),
            (np.zeros(3), np.diag([1.0, 1.0, -0.1]), "positive semi-definite"),
            (np.zeros(3), -np.eye(3), "positive semi-definite"),
        ],
    )
    def test_gaussians(self, mu, sigma, message):
        good = np.zeros(3), np.eye(3)
        with pytest.raises(ValueError, match=message):
            frechet_distance(mu, sigma, *good)
        with pytest.raises(ValueError, match=message):
            frechet_distance(*good, mu, sigma)
