import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from kerasgen.metrics import psnr, sharpness, ssim


@pytest.fixture(scope="module", params=[1, 3])
def pairs(request):
    r = np.random.RandomState(0)
    x = r.randint(0, 256, (4, 24, 31, request.param)).astype("uint8")
    noise = r.randint(-40, 40, x.shape)
    return x, np.clip(x + noise, 0, 255).astype("uint8")


def test_ssim_equals_tensorflow(pairs):
    unit = [tf.constant(x / 255.0, "float32") for x in pairs]
    expected = tf.image.ssim(*unit, max_val=1.0).numpy()
    np.testing.assert_allclose(ssim(*pairs), expected, atol=2e-6)


def test_psnr_equals_tensorflow(pairs):
    expected = tf.image.psnr(*pairs, max_val=255).numpy()
    np.testing.assert_allclose(psnr(*pairs), expected, rtol=1e-5)


def test_a_value_range_rescales(pairs):
    signed = [x / 127.5 - 1.0 for x in pairs]
    np.testing.assert_allclose(ssim(*signed, (-1, 1)), ssim(*pairs), rtol=1e-9)
    np.testing.assert_allclose(psnr(*signed, (-1, 1)), psnr(*pairs), rtol=1e-9)
    np.testing.assert_allclose(
        sharpness(signed[0], (-1, 1)), sharpness(pairs[0]), rtol=1e-9
    )


def test_equal_images(pairs):
    assert np.allclose(ssim(pairs[0], pairs[0]), 1.0)
    assert np.isinf(psnr(pairs[0], pairs[0])).all()
    constant = np.full((1, 12, 12, 1), 9, "uint8")
    assert ssim(constant, constant).tolist() == [1.0]


def test_sharpness_falls_with_blur():
    x = np.random.RandomState(0).rand(3, 32, 32, 1)
    values = [
        sharpness(scipy.ndimage.gaussian_filter(x, (0, s, s, 0)), (0, 1)).mean()
        for s in (0, 0.5, 1, 2)
    ]
    assert values == sorted(values, reverse=True)


def test_sharpness_equals_a_convolution():
    x = np.random.RandomState(0).rand(2, 9, 7, 3)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    expected = [
        scipy.ndimage.convolve(image.mean(-1), kernel)[1:-1, 1:-1].var() for image in x
    ]
    np.testing.assert_allclose(sharpness(x, (0, 1)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "arguments", "error", "message"),
    [
        (np.zeros((1, 16, 16, 1), "float32"), {}, TypeError, "uint8, or come with"),
        (
            np.full((1, 16, 16, 1), 200.0),
            {"value_range": (-1, 1)},
            ValueError,
            "within value_range",
        ),
        (np.zeros((1, 16, 16), "uint8"), {}, ValueError, "shape"),
        (np.zeros((0, 16, 16, 1), "uint8"), {}, ValueError, "none of them 0"),
        (
            np.full((1, 16, 16, 1), np.nan),
            {"value_range": (-1, 1)},
            ValueError,
            "finite",
        ),
        (
            np.zeros((1, 16, 16, 1)),
            {"value_range": (1, 1)},
            ValueError,
            "two finite numbers",
        ),
    ],
)
def test_bad_images(x, arguments, error, message):
    for function in (ssim, psnr):
        with pytest.raises(error, match=message + "[^|]*Received"):
            function(x, x, **arguments)
    with pytest.raises(error, match=message + "[^|]*Received"):
        sharpness(x, **arguments)


def test_images_smaller_than_the_window():
    x = np.zeros((1, 8, 8, 1), "uint8")
    with pytest.raises(ValueError, match="at most the images'.*Received"):
        ssim(x, x)
    assert ssim(x, x, filter_size=7).tolist() == [1.0]
