"""Lossy compression of images by a VQ-VAE and an entropy coder."""

import math
import zlib

import keras
import numpy as np
from keras import ops

from kerasgen.arguments import check_positive_integer
from kerasgen.models.code_tables import TOTAL, CodeTables
from kerasgen.models.codec_bytes import (
    MAX_SIDE,
    CodecError,
    pack_image,
    unpack_image,
)
from kerasgen.models.gather import gather_codes, gather_samples, source_of
from kerasgen.models.host_fitted import HostFittedModel
from kerasgen.models.inputs import MODEL_RANGE, to_uint8
from kerasgen.models.range_coding import decode_codes, encode_codes, load_coder
from kerasgen.models.tiles import count_tiles, cut_tiles, join_tiles
from kerasgen.models.vq_vae import VQVAE

MAX_PIXELS = 2**26


@keras.saving.register_keras_serializable(package="kerasgen")
class ImageCodec(HostFittedModel):
    """Compresses images to the codes of a `VQVAE`, coded by how often they occur.

    An image of any size is cut into tiles of the model's; each tile's codes are coded
    one after another by a range coder (constriction), with integer frequencies given
    the kinds of the codes to the left and above (`CodeTables`). `fit` counts them; the
    model stays as it is. Codes come back exactly, on whatever backend they were
    written, and the images that they stand for to 1 grey level.

    Before `fit` there is nothing to code by; `compress`, `decompress` and `evaluate`
    say so.

    Args:
        model: `VQVAE` of images, of 2 to 65,536 codes, trained.
        num_kinds: Kinds of codes in the contexts, at most `model.num_codes`.
        seed: See `GenerativeModel`; of the sorting into kinds.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range.

    Example:

    >>> import kerasgen
    >>> from kerasgen.models import ImageCodec, vq_vae
    >>> x = kerasgen.datasets.load("digits", split="train[:100]").images
    >>> codec = ImageCodec(vq_vae((8, 8, 1), 16, filters=4), num_kinds=4, seed=0)
    >>> codec.fit(x)
    >>> code = codec.compress(x[0])
    >>> codec.decompress(code).shape
    (8, 8, 1)

    Reference: van den Oord et al. 2017, "Neural Discrete Representation Learning",
    section 3.3; Bamler 2022, "Understanding Entropy Coding With Asymmetric Numeral
    Systems" (constriction).
    """

    evaluation_terms = ("mse", "bits_per_pixel")
    why_not_batches = (
        "Frequencies are counted over all images at once: expected a call of `fit`"
    )

    def __init__(self, model, num_kinds=8, seed=None, name=None):
        if not isinstance(model, VQVAE):
            raise ValueError(f"`model` is a VQVAE. Received: {type(model).__name__}")
        if not 2 <= model.num_codes <= TOTAL:
            raise ValueError(
                f"`model` has from 2 to {TOTAL} codes, as integer tables can hold. "
                f"Received: num_codes={model.num_codes}"
            )
        num_kinds = check_positive_integer("num_kinds", num_kinds)
        if num_kinds > model.num_codes:
            raise ValueError(
                f"`num_kinds` is at most num_codes={model.num_codes}. "
                f"Received: num_kinds={num_kinds}"
            )
        super().__init__(seed=seed, name=name)
        self.model = model
        self.num_kinds = num_kinds
        self.tables = CodeTables(model.num_codes, num_kinds)
        self.finish_init()

    @property
    def networks(self):
        return {**self.model.networks, "tables": self.tables}

    @property
    def data_shape(self):
        return self.model.data_shape

    def fit(self, x=None, y=None, *, batch_size=None, verbose="auto", value_range=None):
        """Counts the codes of images.

        Args:
            x: As in `GenerativeModel.fit`; read once, a batch at a time.
            y: Not used.
            batch_size: Not used; an integer >= 1 or None.
            verbose: Not used.
            value_range: As in `GenerativeModel.fit`.

        Raises:
            ImportError: The entropy coder, the extra `compression`, is not there.
            ValueError: The data does not fit the model, before any work.
        """
        load_coder()
        self.check_batch_size(batch_size)

        def encode(samples, labels, first_row):
            return self.model.encode(samples, value_range=MODEL_RANGE)

        codes = gather_codes(encode, source_of(self.model, x, y, value_range))
        codebook = ops.convert_to_numpy(self.model.quantizer.codebook)
        self.tables.count(codes, codebook, self.seed)

    def evaluate(
        self,
        x=None,
        y=None,
        *,
        batch_size=None,
        verbose="auto",
        return_dict=False,
        value_range=None,
    ):
        """Error and size of images of the model's shape.

        Args:
            x: As in `fit`.
            y: Not used.
            batch_size: As in `fit`.
            verbose: Not used.
            return_dict: Return a dict of the terms rather than a list.
            value_range: As in `fit`.

        Returns:
            `mse`, of a value in [-1, 1] after rounding to grey levels, and
            `bits_per_pixel`, headers included.

        Raises:
            ValueError: As in `fit`, or it was not called yet.
        """
        self.check_batch_size(batch_size)
        self._check_is_fitted()
        samples, _ = gather_samples(self.model, x, y, value_range)
        if samples.dtype != np.uint8:
            samples = to_uint8(samples)
        parts = [self.compress(image) for image in samples]
        brought = np.stack([self.decompress(part) for part in parts]).astype(float)
        height, width = self.data_shape[:2]
        terms = {
            "mse": float(np.square((brought - samples) / 127.5).mean()),
            "bits_per_pixel": 8 * sum(map(len, parts)) / (len(parts) * height * width),
        }
        return terms if return_dict else list(terms.values())

    def call(self, inputs, training=False):
        """Reconstruction by the model, in the model domain."""
        return self.model(inputs)

    def compress(self, image):
        """Codes one image.

        Args:
            image: uint8 (H, W, C) of any size up to 65,535 a side. Of more than 2^26
                pixels `decompress` asks for `max_pixels`.

        Returns:
            bytes.

        Raises:
            TypeError: The image is not of uint8.
            ValueError: It has another rank or number of channels, or `fit` was not
                called yet.
        """
        image = np.asarray(image)
        channels = self.data_shape[-1]
        if image.dtype != np.uint8:
            raise TypeError(f"Expected a uint8 image. Received: dtype={image.dtype}")
        is_image = image.ndim == 3 and image.shape[2] == channels
        if not is_image or not 0 < min(image.shape[:2]) <= max(image.shape) <= MAX_SIDE:
            raise ValueError(
                f"Expected an image (height, width, {channels}) with sides up to "
                f"{MAX_SIDE}. Received: shape={image.shape}"
            )
        self._check_is_fitted()
        codes = self.model.encode(cut_tiles(image, self.data_shape))
        coded = encode_codes(self.tables, codes)
        return pack_image(*image.shape[:2], self.digest, coded)

    def decompress(self, data, max_pixels=MAX_PIXELS):
        """The image of some bytes.

        Args:
            data: bytes that `compress` of this codec has returned, on any backend.
            max_pixels: Largest height x width to decode: a few bytes can announce a
                large image.

        Returns:
            uint8 (H, W, C).

        Raises:
            TypeError: `data` is not bytes.
            ValueError: `max_pixels` is not an integer >= 1, or `fit` was not called
                yet.
            CodecError: They are damaged, cut off, or of another codec.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"Expected bytes. Received: {type(data).__name__}")
        check_positive_integer("max_pixels", max_pixels)
        self._check_is_fitted()
        height, width, coded = unpack_image(bytes(data), self.digest, max_pixels)
        num_tiles = math.prod(count_tiles(height, width, self.data_shape))
        shape = (num_tiles, *self.model.code_shape)
        try:
            codes = decode_codes(self.tables, coded, shape)
        except (AssertionError, ValueError) as error:
            raise CodecError(
                f"Expected a whole image. Received: bytes that cannot be decoded, "
                f"{error}"
            ) from error
        return join_tiles(self.model.decode_codes(codes), height, width)

    @property
    def digest(self):
        """32 bits that tell codecs with other tables or another codebook apart."""
        arrays = (
            self.tables.kinds,
            self.tables.frequencies,
            self.model.quantizer.codebook,
        )
        value = 0
        for array in arrays:
            array = ops.convert_to_numpy(array)
            content = array.astype(array.dtype.newbyteorder("<")).tobytes()
            value = zlib.crc32(content, value)
        return value

    def check_generates(self):
        """Raises ValueError always: it has no distribution of images."""
        raise ValueError(
            "A codec brings images back and draws none: expected `compress` and "
            "`decompress`, or `generate` of its `model`, which needs a prior. "
            "Received: generate of ImageCodec"
        )

    def _check_is_fitted(self):
        if not self.tables.is_counted:
            raise ValueError(
                "A codec goes by how often codes occur: expected `fit(images)` before, "
                "or the preset of a fitted one. Received: an ImageCodec without counts"
            )

    def get_config(self):
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "num_kinds": self.num_kinds,
            "seed": self.given_seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["model"] = keras.saving.deserialize_keras_object(
            config["model"], custom_objects
        )
        return cls(**config)
