"""Image files of one shape, decoded when they are read."""

import numpy as np
from PIL import Image, ImageOps

from kerasgen.datasets.image_file import check_header, decode_image
from kerasgen.datasets.rows import Rows
from kerasgen.datasets.threads import map_in_threads


class ImageReader:
    """How the files of a folder become arrays; arguments as in `load_folder`."""

    def __init__(self, image_size, color_mode, crop_to_aspect_ratio, max_pixels):
        self.image_size = image_size
        self.color_mode = color_mode
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.max_pixels = max_pixels

    def read(self, path):
        """The image in a file: uint8 array (height, width, 3 or 1).

        Raises:
            ValueError: As `decode_image`.
        """
        image = decode_image(path, self.color_mode, self.max_pixels)
        return to_pixels(image, self.image_size, self.crop_to_aspect_ratio)

    # What is kept of a file, and its shape where it was found out.

    def load(self, path):
        pixels = self.read(path)
        return pixels, pixels.shape

    def try_out(self, path):
        return path, self.read(path).shape

    def look_at_header(self, path):
        check_header(path, self.max_pixels)
        return path, None


def check_image_size(image_size):
    """`image_size` as a pair or `None`; raises ValueError where it is neither."""
    if image_size is None:
        return None
    is_pair = isinstance(image_size, tuple | list) and len(image_size) == 2
    size = tuple(image_size) if is_pair else (image_size, image_size)
    if not all(isinstance(pixels, int) and pixels >= 1 for pixels in size):
        raise ValueError(
            "Expected image_size to be an integer >= 1 or a pair (height, width) of "
            f"them. Received: image_size={image_size!r}"
        )
    return size


def to_pixels(image, image_size, crop_to_aspect_ratio):
    """An image as an array, resized.

    Args:
        image: `PIL.Image.Image` of mode "RGB" or "L".
        image_size: `(height, width)`, or `None` to keep its size.
        crop_to_aspect_ratio: As in `load_folder`.

    Returns:
        uint8 array (height, width, 3 or 1).
    """
    if image_size is not None:
        width_height = image_size[::-1]
        if crop_to_aspect_ratio:
            image = ImageOps.fit(image, width_height, Image.Resampling.LANCZOS)
        else:
            image = image.resize(width_height, Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


class ImageFiles(Rows):
    """Images in files, decoded in threads, where that is faster, when read.

    Args:
        paths: Array of N `pathlib.Path`.
        reader: `ImageReader`.

    Raises:
        ValueError: The first file cannot be read.
    """

    def __init__(self, paths, reader):
        self.paths = paths
        self.reader = reader
        super().__init__((len(paths), *self._decode(paths[0]).shape), np.uint8)

    def read(self, rows):
        """As in `Rows`.

        Raises:
            ValueError: A file is gone, damaged or of another size than the first.
        """
        images = map_in_threads(self._decode, self.paths[rows])
        for path, image in zip(self.paths[rows], images, strict=True):
            if image.shape != self.shape[1:]:
                raise ValueError(
                    "Expected images of one size; pass `image_size=(height, width)` to "
                    f"`load_folder` to resize them. Received: {image.shape[:2]} in "
                    f"{path}, {self.shape[1:3]} in others"
                )
        return np.stack(images)

    def _decode(self, path):
        try:
            return self.reader.read(path)
        except ValueError as error:
            raise ValueError(
                f"Expected a readable image. Received: {path}, which is {error}"
            ) from error
