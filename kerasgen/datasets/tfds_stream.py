"""Datasets of TFDS that are read batch by batch."""

import copy

import numpy as np
from PIL import Image

from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.image_files import check_image_size, to_pixels
from kerasgen.datasets.rows import Rows
from kerasgen.datasets.splits import SPLIT_NAMES, Split, names_in, read_split
from kerasgen.datasets.tf_records import TFRecords
from kerasgen.datasets.tfds_source import found_builder, prepared_builder
from kerasgen.datasets.threads import map_in_threads


def load_tfds(
    name,
    image_size=None,
    crop_to_aspect_ratio=True,
    split="train",
    shuffle=None,
    data_dir=None,
    url=None,
    **options,
):
    """Reads images of a dataset of TensorFlow Datasets batch by batch.

    Every sample is read by its number, so that the order of an epoch is that of
    `ArrayDataset`: all samples in a permutation that is a function of `(seed, epoch)`,
    no matter how many files there are or who reads them; nothing is interleaved, and
    no buffer is shuffled. A resumed run reads on where it stopped without reading what
    lies before, and a process of several reads its own samples only. Samples are
    numbered in the order of TFDS's files. Files in the formats TFRecord and
    array_record can be read so, on a local disk; the headers of TFRecord files are
    walked through first.

    Args:
        name: Name in the TFDS catalogue, such as "celeb_a" or "imagenet2012:5.1.0".
        image_size: `(height, width)` in pixels, or an integer for both; `None` where
            all images have one size. As in `load_folder`.
        crop_to_aspect_ratio: As in `load_folder`.
        split: As in `load`; any name that the dataset has.
        shuffle: As in `load`.
        data_dir: TFDS's `data_dir`; `None` for its default, `~/tensorflow_datasets`.
        url: Where TFDS downloads it from, which is then done on first use. `None`:
            nothing is downloaded.
        **options: `batch_size`, `seed`, `augment` and `drop_remainder`, as in
            `ArrayDataset`.

    Returns:
        `TFDSDataset` of uint8 images, with int32 labels where the dataset has classes.

    Raises:
        TypeError: There is no such option.
        ValueError: The dataset holds no images, or images of several sizes while
            `image_size` is `None`; it is in another format; an argument is out of
            range.
        FileNotFoundError: It is not on disk.
    """
    image_size = check_image_size(image_size)
    if url is None:
        builder = found_builder(name, data_dir)
        split_names = list(builder.info.splits)
    else:
        builder = prepared_builder(name, data_dir, url)
        split_names = SPLIT_NAMES
    sources = []

    def load_split(part):
        source = open_examples(builder, part)
        places = np.stack([np.full(len(source), len(sources)), np.arange(len(source))])
        sources.append(source)
        return Split(images=places.T)

    places = read_split(split, load_split, split_names).images
    images = TFDSImages(
        dict(builder.info.features.items()),
        builder.info.supervised_keys,
        sources,
        places,
        image_size,
        crop_to_aspect_ratio,
    )
    return TFDSDataset(
        images,
        shuffle="train" in names_in(split) if shuffle is None else shuffle,
        name=name,
        split=split,
        **options,
    )


def open_examples(builder, split):
    """Sequence of the examples of a split, each read when it is asked for.

    Args:
        builder: Prepared `tfds.core.DatasetBuilder`.
        split: Name of a split.

    Raises:
        ValueError: The files are in another format than TFRecord and array_record, or
            damaged.
    """
    try:
        return builder.as_data_source(split=split)
    except NotImplementedError:
        if builder.info.file_format.value != "tfrecord":
            raise ValueError(
                "Expected files in the format tfrecord or array_record. "
                f"Received: {builder.info.file_format.value} in {builder.data_path}"
            ) from None
        return TFRecords(builder.info, split)


class TFDSImages(Rows):
    """Images of examples of TFDS, decoded in threads, where that is faster, when read.

    Args:
        features: Dict of name to `tfds.features.FeatureConnector`.
        supervised_keys: Names of the features of image and label, or `None`.
        sources: List of sequences of examples.
        places: int array (N, 2): source and number of each sample.
        image_size: As in `load_tfds`, a pair or `None`.
        crop_to_aspect_ratio: As in `load_tfds`.

    Raises:
        ValueError: The images are of several sizes, or there are none.
    """

    def __init__(
        self,
        features,
        supervised_keys,
        sources,
        places,
        image_size,
        crop_to_aspect_ratio,
    ):
        self.features = features
        self.supervised_keys = supervised_keys
        self.sources = sources
        self.places = places
        self.image_size = image_size
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.image_key, self.label_key = (supervised_keys or ("image", "label"))[:2]
        feature = features.get(self.image_key)
        shape = getattr(feature, "shape", None) or ()
        if len(shape) != 3 or shape[2] is None:
            raise ValueError(
                "Expected a dataset of images with a known number of channels. "
                f"Received: features {sorted(features)}, of which "
                f"{self.image_key!r} has shape {shape}"
            )
        if image_size is None and None in shape:
            raise ValueError(
                "Expected images of one size; pass `image_size=(height, width)` to "
                f"`load_tfds` to resize them. Received: shape={shape}"
            )
        super().__init__(
            (len(places), *(image_size or shape[:2]), shape[2]), feature.np_dtype
        )
        # Only features of classes have them.
        label = features.get(self.label_key)
        self.num_classes = getattr(label, "num_classes", None)
        self.class_names = getattr(label, "names", None)

    def read(self, rows):
        return self.read_examples(rows)[0]

    def read_examples(self, rows):
        """Reads samples with their labels.

        Args:
            rows: As in `Rows.read`.

        Returns:
            Tuple `(images, labels)`, or `(images,)` where there are no classes.
        """
        samples = map_in_threads(self._decode, self.places[rows])
        images, labels = zip(*samples, strict=True)
        if self.num_classes is None:
            return (np.stack(images),)
        return np.stack(images), np.array(labels, np.int32)

    def part(self, numbers):
        part = copy.copy(self)
        part.places = self.places[np.asarray(numbers)]
        part.shape = (len(numbers), *self.shape[1:])
        return part

    def _decode(self, place):
        source, number = map(int, place)
        example = self.sources[source][number]
        pixels = example[self.image_key]
        if self.image_size is not None:
            grey = pixels.shape[2] == 1
            image = Image.fromarray(pixels[..., 0] if grey else pixels)
            pixels = to_pixels(image, self.image_size, self.crop_to_aspect_ratio)
        return pixels, example.get(self.label_key)


class TFDSDataset(ArrayDataset):
    """An `ArrayDataset` of samples that TFDS keeps on disk.

    A sample's label is read with it: `labels` is `None`, batches hold them.

    Args:
        images: `TFDSImages`.
        **arguments: Others of `ArrayDataset`.
    """

    def __init__(self, images, **arguments):
        super().__init__(
            images,
            labels=None,
            num_classes=images.num_classes,
            class_names=images.class_names,
            **arguments,
        )

    def read(self, numbers):
        return self.images.read_examples(numbers)
