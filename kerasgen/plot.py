"""Image grids and curves, as arrays or as files."""

import io
import math
import pathlib

import numpy as np
from PIL import Image

from kerasgen.arguments import check_integer
from kerasgen.files import write_atomically

_BACKGROUND = 255
_HEALTH_PANELS = (
    (
        "accuracy of the discriminator",
        ("real_accuracy", "held_out_accuracy", "fake_accuracy"),
        "linear",
    ),
    (
        "gradient norm of the adversarial loss",
        ("discriminator_gradient", "generator_gradient"),
        "log",
    ),
    ("largest gradient of the scores by the sample", ("lipschitz",), "log"),
    ("diversity of fakes over that of reals", ("diversity",), "linear"),
)
_LEGIBLE_SIDE = 48  # pixels; an 8x8 digit at scale 1 cannot be seen


def image_grid(images, columns=None, padding=2, scale=1):
    """Lays images out row by row on a white sheet.

    Args:
        images: uint8 array (N, H, W, C) in [0, 255], C 1 or 3, N at least 1; or
            (rows, columns, H, W, C), such as paths through a latent space.
        columns: Images in one row. `None` makes the grid as square as possible, or
            takes the columns of the array.
        padding: Pixels of the sheet between images and around them.
        scale: Integer by which each image is enlarged, nearest neighbour.

    Returns:
        A uint8 array (H', W', C) in [0, 255]; cells without an image are white.

    Raises:
        TypeError: If `images` is not uint8.
        ValueError: If a shape or a count is out of range.

    Example:

    >>> import numpy as np
    >>> from kerasgen.plot import image_grid
    >>> digits = np.zeros((16, 8, 8, 1), "uint8")
    >>> image_grid(digits, padding=2, scale=4).shape
    (138, 138, 1)
    """
    images, columns = _flatten_rows(images, columns)
    num, height, width, channels = images.shape
    if columns is None:
        columns = math.ceil(math.sqrt(num))
    check_integer("columns", columns, 1)
    check_integer("padding", padding, 0)
    check_integer("scale", scale, 1)
    rows = math.ceil(num / columns)
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    step_y, step_x = height * scale + padding, width * scale + padding
    grid = np.full(
        (padding + rows * step_y, padding + columns * step_x, channels),
        _BACKGROUND,
        "uint8",
    )
    for index, image in enumerate(images):
        top = padding + (index // columns) * step_y
        left = padding + (index % columns) * step_x
        grid[top : top + height * scale, left : left + width * scale] = image
    return grid


def pair_rows(images, brought, columns=16):
    """Rows of images, each above the row of what was made of them.

    Args:
        images: uint8 (N, H, W, C), N a multiple of `columns` or less than it.
        brought: Like `images`.
        columns: Images in a row.

    Returns:
        uint8 (2 N, H, W, C), for `image_grid` with as many columns.

    Raises:
        TypeError: The images are not uint8.
        ValueError: The shapes differ, or the images do not fill rows.

    Example:

    >>> import numpy as np
    >>> from kerasgen.plot import pair_rows
    >>> x = np.zeros((4, 8, 8, 1), "uint8")
    >>> pair_rows(x, x + 255, columns=2)[:, 0, 0, 0].tolist()
    [0, 0, 255, 255, 0, 0, 255, 255]
    """
    images, brought = _check_equal(images, brought)
    check_integer("columns", columns, 1)
    columns = min(columns, len(images))
    if len(images) % columns:
        raise ValueError(
            f"Expected images that fill rows of {columns}. Received: {len(images)}"
        )
    shape = (-1, 1, columns, *images.shape[1:])
    rows = [np.reshape(part, shape) for part in (images, brought)]
    return np.concatenate(rows, axis=1).reshape(-1, *images.shape[1:])


def save_image_grid(path, images, columns=None, padding=2, scale=None):
    """Writes an image grid to a file, whole or not at all.

    The file is written beside its destination and renamed over it, so a reader never
    sees a part of it and a failure leaves the old file as it was.

    Args:
        path: File name in an existing folder; its suffix (`.png`, `.jpg`, ...) says
            the format.
        images: uint8 array (N, H, W, C) in [0, 255], C 1 or 3, N at least 1; or
            (rows, columns, H, W, C), such as paths through a latent space.
        columns: Images in one row. `None` makes the grid as square as possible, or
            takes the columns of the array.
        padding: Pixels of the sheet between images and around them.
        scale: Integer by which each image is enlarged, nearest neighbour. `None` takes
            the smallest that makes an image's shorter side at least 48 pixels.

    Returns:
        The path as a `pathlib.Path`.

    Raises:
        TypeError: If `images` is not uint8.
        ValueError: If a shape or a count is out of range, or the suffix names no
            image format that Pillow writes.
        OSError: If the file cannot be written.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from kerasgen.plot import save_image_grid
    >>> digits = np.zeros((16, 8, 8, 1), "uint8")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_image_grid(pathlib.Path(folder) / "samples.png", digits).name
    'samples.png'
    """
    path = pathlib.Path(path)
    file_format = _file_format(path)
    images, columns = _flatten_rows(images, columns)
    if scale is None:
        scale = math.ceil(_LEGIBLE_SIDE / min(images.shape[1:3]))
    grid = image_grid(images, columns, padding, scale)
    content = io.BytesIO()
    Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid).save(
        content, file_format
    )
    write_atomically(path, content.getvalue())
    return path


def save_pairs(path, images, others, pairs_per_row=5, scale=None):
    """Writes images beside their counterparts, such as their nearest training images.

    Args:
        path: As in `save_image_grid`.
        images: uint8 array (N, H, W, C).
        others: Array like `images`: the counterpart of each.
        pairs_per_row: Pairs in one row.
        scale: As in `save_image_grid`.

    Returns:
        The path as a `pathlib.Path`.

    Raises:
        TypeError: As in `save_image_grid`.
        ValueError: If the shapes differ, or as in `save_image_grid`.
        OSError: If the file cannot be written.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from kerasgen import metrics, plot
    >>> train = np.random.RandomState(0).randint(0, 256, (40, 8, 8, 1), "uint8")
    >>> samples, flat = train[:10], train.reshape(40, 64)
    >>> found = metrics.memorization(flat[:10], flat, flat[20:])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "nearest.png"
    ...     plot.save_pairs(path, samples, train[found.nearest_train]).name
    'nearest.png'
    """
    images, others = _check_equal(images, others)
    check_integer("pairs_per_row", pairs_per_row, 1)
    pairs = np.stack([images, others], axis=1).reshape(-1, *images.shape[1:])
    return save_image_grid(path, pairs, columns=2 * pairs_per_row, scale=scale)


def save_health(path, history):
    """Draws the course of a GAN's training health, whole or not at all.

    Args:
        path: PNG file in an existing folder.
        history: List of `(epoch, measures)`, as `callbacks.TrainingHealth` keeps it,
            at least one.

    Raises:
        ValueError: The history is empty.
        OSError: If the file cannot be written.
    """
    if not history:
        raise ValueError("Expected at least one measurement. Received: none")
    # Not pyplot, whose figures are global.
    from matplotlib.figure import Figure

    epochs = [epoch for epoch, _ in history]
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, (title, names, scale) in zip(
        figure.subplots(2, 2).flat, _HEALTH_PANELS, strict=True
    ):
        for name in names:
            values = [measures[name] for _, measures in history]
            axes.plot(epochs, values, marker=".", label=name.replace("_", " "))
        axes.set(title=title, xlabel="epoch", yscale=scale)
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_atomically(pathlib.Path(path), buffer.getvalue())


def _flatten_rows(images, columns):
    """Checked images (N, H, W, C), and the columns that rows of them have."""
    images = np.asarray(images)
    if images.ndim == 5:
        columns = images.shape[1] if columns is None else columns
        images = images.reshape(-1, *images.shape[2:])
    return _check_images(images), columns


def _check_equal(images, others):
    images, others = _check_images(images), _check_images(others)
    if images.shape != others.shape:
        raise ValueError(
            "images and others must have equal shapes. "
            f"Received: {images.shape} and {others.shape}"
        )
    return images, others


def _check_images(images):
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            "images must be uint8 in [0, 255], the data domain. "
            f"Received: dtype={images.dtype}"
        )
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            "images must have shape (N, H, W, C), or (rows, columns, H, W, C), with C "
            f"1 or 3 and no axis of length 0. Received: shape={images.shape}"
        )
    return images


def _file_format(path):
    formats = Image.registered_extensions()
    file_format = formats.get(path.suffix.lower())
    if file_format not in Image.SAVE:
        raise ValueError(
            "path must end in the suffix of an image format, such as .png. "
            f"Received: path={str(path)!r}"
        )
    return file_format
