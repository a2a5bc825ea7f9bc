"""Shapes of samples, and which image sizes a stride-2 architecture admits."""

from kerasgen.arguments import check_odd, check_positive_integer

SMALLEST_IMAGE = 8
LARGEST_IMAGE = 128
SMALLEST_BASE = 4


def check_channels(image_shape):
    """Returns (height, width, channels) of any size.

    Args:
        image_shape: (height, width, channels): positive integers, 1 or 3 channels.

    Raises:
        ValueError: Another rank or number of channels.
    """
    shape = tuple(image_shape) if isinstance(image_shape, list | tuple) else ()
    is_shape = len(shape) == 3 and all(isinstance(n, int) and n > 0 for n in shape)
    if not is_shape or shape[2] not in (1, 3):
        raise ValueError(
            "`image_shape` is (height, width, channels) with 1 or 3 channels. "
            f"Received: image_shape={image_shape!r}"
        )
    return shape


def check_kernels(first_kernel_size, kernel_size):
    """Raises ValueError for kernels that a model of pixels in order cannot have.

    Args:
        first_kernel_size: Odd integer of at least 3: the first layer does not see the
            pixel itself, and one of size 1 would see nothing.
        kernel_size: Odd integer of at least 1.
    """
    check_odd("first_kernel_size", first_kernel_size, 3)
    check_odd("kernel_size", kernel_size, 1)


def check_data_shape(data_shape):
    """Returns the shape of one sample, of any size.

    Args:
        data_shape: (height, width, channels) or (features,), positive integers.

    Raises:
        ValueError: Another rank or size.
    """
    shape = tuple(data_shape) if isinstance(data_shape, list | tuple) else ()
    sizes_are_positive = all(isinstance(size, int) and size > 0 for size in shape)
    if len(shape) not in (1, 3) or not sizes_are_positive:
        raise ValueError(
            "`data_shape` is (height, width, channels) or (features,). "
            f"Received: data_shape={data_shape!r}"
        )
    return shape


def check_image_shape(image_shape):
    """Returns (height, width, channels), checked.

    Args:
        image_shape: (height, width, channels): sizes from 8 to 128, 1 or 3 channels.

    Raises:
        ValueError: Another rank, size or number of channels.
    """
    shape = tuple(image_shape) if isinstance(image_shape, list | tuple) else ()
    if (
        len(shape) != 3
        or not all(isinstance(size, int) for size in shape)
        or not all(SMALLEST_IMAGE <= size <= LARGEST_IMAGE for size in shape[:2])
        or shape[2] not in (1, 3)
    ):
        raise ValueError(
            "`image_shape` is (height, width, channels) with sizes from "
            f"{SMALLEST_IMAGE} to {LARGEST_IMAGE} and 1 or 3 channels. "
            f"Received: image_shape={image_shape!r}"
        )
    return shape


def count_halvings(image_shape):
    """How often stride 2 halves an image evenly, down to sizes of at least 4.

    Args:
        image_shape: (height, width, channels).

    Returns:
        Integer >= 1; 28 -> 2 (14, 7), 32 -> 3 (16, 8, 4), 8 -> 1 (4).

    Raises:
        ValueError: The image cannot be halved once.
    """
    height, width, _ = check_image_shape(image_shape)
    count = 0
    while (
        height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * SMALLEST_BASE
    ):
        height, width, count = height // 2, width // 2, count + 1
    if not count:
        raise ValueError(
            "A stride-2 architecture needs an even height and width. "
            f"Received: image_shape={tuple(image_shape)}"
        )
    return count


def check_hidden(hidden, name="hidden"):
    """Raises ValueError unless it is a tuple or list of positive integers.

    Args:
        hidden: Tuple or list of units.
        name: What messages call it.
    """
    if not isinstance(hidden, list | tuple):
        raise ValueError(
            f"`{name}` is a tuple or list of units. Received: {name}={hidden!r}"
        )
    for index, units in enumerate(hidden):
        check_positive_integer(f"{name}[{index}]", units)
