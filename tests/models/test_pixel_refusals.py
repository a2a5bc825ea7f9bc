"""Models of pixels: what they refuse."""

import numpy as np
import pytest

from kerasgen.models import GatedPixelCNN, PixelCNN, PixelRNN
from tests.models.small_pixel_models import MAKERS, SHAPE, images


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.ones(SHAPE), TypeError, "bools"),
        (np.ones((4, 5, 1), bool), ValueError, "shape=.4, 5, 1"),
        (np.ones((2, 4, 4, 1), bool), ValueError, "shape=.2, 4, 4, 1"),
        (np.ones((4, 4, 2), bool), ValueError, "shape=.4, 4, 2"),
        (np.ones(4, bool), ValueError, "shape=.4,"),
    ],
)
def test_bad_masks(mask, error, message):
    with pytest.raises(error, match=message):
        MAKERS["pixel_cnn"]().complete(images(3), mask)


@pytest.mark.parametrize(
    "temperature", [0, -1.0, np.nan, np.inf, "hot", True, np.True_, 1j, np.complex64(1)]
)
def test_bad_temperatures(temperature):
    model = MAKERS["pixel_cnn"]()
    with pytest.raises(ValueError, match="`temperature` is a number > 0"):
        model.generate(1, temperature=temperature)
    with pytest.raises(ValueError, match="`temperature` is a number > 0"):
        model.complete(images(1), np.ones(SHAPE, bool), temperature=temperature)


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_levels": 1},
        {"num_levels": 257},
        {"num_levels": 2.0},
        {"num_blocks": 0},
        {"filters": 0},
        {"image_shape": (4, 4, 2)},
        {"image_shape": (4, 4)},
        {"image_shape": (4, 4, 3), "filters": 4},
        {"kernel_size": 2},
        {"first_kernel_size": 4},
        {"ema_decay": 1.0},
    ],
)
def test_bad_arguments(make, arguments):
    with pytest.raises(ValueError, match="Received: "):
        make(**arguments)


@pytest.mark.eager
def test_what_complete_and_call_refuse():
    model = GatedPixelCNN((4, 4, 1), num_levels=2, num_blocks=1, filters=4)
    x, mask = np.zeros((3, 4, 4, 1), "uint8"), np.ones((4, 4), bool)
    for wrong in (x[:, :1, :1], x[0], x[:, :3]):
        with pytest.raises(ValueError, match="Expected data of shape"):
            model.complete(wrong, mask)
    with pytest.raises(ValueError, match="`batch_size` is an integer >= 1"):
        model.complete(x, mask, batch_size=0)
    for temperature in (1e-40, 1e39):
        with pytest.raises(ValueError, match="from 1e-06 to 1e"):
            model.generate(1, temperature=temperature)
    conditional = GatedPixelCNN(
        (4, 4, 1), num_levels=2, num_blocks=1, filters=4, num_classes=3
    )
    with pytest.raises(ValueError, match="conditional.*labels=None"):
        conditional(x)


@pytest.mark.eager
@pytest.mark.parametrize("size", [0, -3, 2, 3.0, "3", (3, 3), True, None])
def test_kernels_are_odd_and_the_first_sees_something(size):
    makers = {
        PixelCNN: {"num_blocks": 1, "filters": 4},
        GatedPixelCNN: {"num_blocks": 1, "filters": 4},
        PixelRNN: {"num_layers": 1, "filters": 4},
    }
    for make, arguments in makers.items():
        for name in ("first_kernel_size", "kernel_size"):
            if make is PixelRNN and name == "kernel_size" and size is None:
                continue
            with pytest.raises(ValueError, match=f"`{name}` is .*Received: {name}="):
                make((4, 4, 1), **arguments, **{name: size})
        with pytest.raises(ValueError, match=">= 3. Received: first_kernel_size=1"):
            make((4, 4, 1), **arguments, first_kernel_size=1)
        make((4, 4, 1), **arguments, kernel_size=1)


@pytest.mark.eager
@pytest.mark.parametrize("num_draws", [10**8, 10**20, np.int64(2**62)])
def test_more_draws_than_memory_are_refused_at_once(num_draws):
    message = "less than 2.*31 values.*Received: num_draws=.* of 3 samples of 16 values"
    with pytest.raises(ValueError, match=message):
        MAKERS["pixel_cnn"]().complete(
            images(3), np.ones(SHAPE, bool), num_draws=num_draws
        )


@pytest.mark.eager
@pytest.mark.parametrize("cell", [["row_lstm"], None, "lstm", np.array(["a", "b"])])
def test_cells_are_names(cell):
    with pytest.raises(ValueError, match="`cell` is one of.*Received: cell="):
        PixelRNN((4, 4, 1), cell=cell)


@pytest.mark.eager
@pytest.mark.parametrize("one_hot", ["yes", 1, None])
def test_one_hot_is_true_or_false(one_hot):
    with pytest.raises(ValueError, match="`one_hot` is True or False. Received: "):
        GatedPixelCNN((4, 4, 1), one_hot=one_hot)
