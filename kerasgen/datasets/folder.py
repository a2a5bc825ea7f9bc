"""A folder of image files as a dataset."""

import collections
import contextlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.image_file import EXTENSIONS, PILLOW_MODES
from kerasgen.datasets.image_files import ImageFiles, ImageReader, check_image_size
from kerasgen.datasets.splits import SPLIT_NAMES, Split, names_in, read_split
from kerasgen.datasets.threads import map_in_threads

FILES_AT_ONCE = 256


def load_folder(
    path,
    image_size=None,
    color_mode="rgb",
    crop_to_aspect_ratio=True,
    split="train",
    batch_size=64,
    seed=0,
    shuffle=None,
    augment=None,
    drop_remainder=False,
    max_pixels=2**25,
    stream=False,
    check_files=True,
):
    """Loads a folder of images into memory, or reads it batch by batch.

    Subfolders are classes, named and numbered in sorted order, unless images lie
    beside them; then there are no labels. A folder whose only subfolders are `train`
    and `test` has these two splits, otherwise all of it is the split "train". Files
    are taken in sorted order, class by class in turn, so that a slice such as
    "train[90%:]" holds every class in proportion.

    Files that are too large, damaged or no images are left out, and one warning counts
    them. `decode_image` says how rotated, 16-bit, CMYK, transparent and animated files
    are read.

    Args:
        path: Folder.
        image_size: `(height, width)` in pixels, or an integer for both, to which the
            images are resized (Lanczos filter with antialiasing). `None` keeps their
            size, which then must be the same for all.
        color_mode: "rgb" or "grayscale".
        crop_to_aspect_ratio: Whether to cut an image's longer side to the aspect ratio
            of `image_size`, around the centre, rather than to squeeze it.
        split: Split or slice of one, such as "train" or "train[:90%]".
        batch_size: Samples per batch.
        seed: Integer in [0, 2**32): seed of the order.
        shuffle: Whether each epoch has an order of its own. `None`: where `split`
            names "train".
        augment: Layer or callable: see `kerasgen.datasets.Augmentation`.
        drop_remainder: Whether to leave out a smaller last batch.
        max_pixels: Largest width times height of a file, checked before it is decoded.
        stream: Whether to decode each batch when its turn comes rather than to keep
            all images in memory: same images, same order.
        check_files: For `stream` only: whether to decode every file once beforehand,
            so that the same are left out as without `stream`. `False` reads headers
            alone; a file that then turns out damaged, or of another size than the
            first while `image_size` is `None`, ends training with a ValueError that
            names it.

    Returns:
        `ArrayDataset` of uint8 images of shape (height, width, 3 or 1).

    Raises:
        ValueError: If the folder does not exist or holds no readable image, if the
            images differ in size while `image_size` is `None`, or if an argument is
            out of range.
    """
    root = Path(path)
    if not root.is_dir():
        raise ValueError(f"Expected an existing folder. Received: path={str(path)!r}")
    if color_mode not in PILLOW_MODES:
        raise ValueError(
            "Expected color_mode 'rgb' or 'grayscale'. "
            f"Received: color_mode={color_mode!r}"
        )
    image_size = check_image_size(image_size)
    subfolders = {child.name for child in root.iterdir() if child.is_dir()}
    has_splits = "train" in subfolders and subfolders <= set(SPLIT_NAMES)

    reader = ImageReader(image_size, color_mode, crop_to_aspect_ratio, max_pixels)
    keep = reader.load
    if stream:
        keep = reader.try_out if check_files else reader.look_at_header
    reports = []

    def load_split(name):
        data, report = _read_folder(root / name if has_splits else root, keep)
        reports.extend(report)
        return data

    data = read_split(
        split, load_split, sorted(subfolders) if has_splits else ["train"]
    )
    images = ImageFiles(data.images, reader) if stream else data.images
    for report in reports:
        warnings.warn(report, stacklevel=2)
    return ArrayDataset(
        images,
        labels=data.labels,
        batch_size=batch_size,
        shuffle="train" in names_in(split) if shuffle is None else shuffle,
        seed=seed,
        augment=augment,
        drop_remainder=drop_remainder,
        name=f"folder:{root}",
        split=split,
        num_classes=data.num_classes,
        class_names=data.class_names,
    )


def _read_folder(root, keep):
    """A `Split` of what is kept of each file, and what to warn of."""
    kept, owners, skipped = [], [], collections.Counter()
    first_path = first_shape = None
    paths = []
    for path in _list_files(root):
        if path.suffix.lower() in EXTENSIONS:
            paths.append(path)
        else:
            skipped["not an image file by its name"] += 1

    def attempt(path):
        try:
            return *keep(path), None
        except ValueError as error:
            return None, None, str(error)

    for start in range(0, len(paths), FILES_AT_ONCE):
        some = paths[start : start + FILES_AT_ONCE]
        for path, found in zip(some, map_in_threads(attempt, some), strict=True):
            what, shape, reason = found
            if reason is not None:
                skipped[reason] += 1
                continue
            if first_path is None:
                first_path, first_shape = path, shape
            if shape != first_shape:
                raise ValueError(
                    "Expected images of one size; pass `image_size=(height, width)` to "
                    f"`load_folder` to resize them. Received: {first_shape[:2]} in "
                    f"{first_path} and {shape[:2]} in {path}"
                )
            kept.append(what)
            owners.append(
                path.relative_to(root).parts[0] if path.parent != root else None
            )
    report = _report(root, kept, skipped)
    return _to_split(np.stack(kept), owners), report


def is_grey_folder(path):
    """Whether all images of a folder have one channel.

    Args:
        path: Folder, as `load_folder` takes it.
    """
    modes = set()
    for file in _list_files(Path(path)):
        if file.suffix.lower() in EXTENSIONS:
            # What cannot be opened, `load_folder` skips and reports.
            with contextlib.suppress(Exception), Image.open(file) as image:
                modes.add(image.mode)
    return modes == {"L"}


def _list_files(root):
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]


def _report(root, kept, skipped):
    reasons = ", ".join(f"{count} {why}" for why, count in sorted(skipped.items()))
    if not kept:
        raise ValueError(
            f"Expected images ({', '.join(sorted(EXTENSIONS))}) in {root}. "
            f"Received: {reasons or 'no files'}"
        )
    if not skipped:
        return []
    total = len(kept) + skipped.total()
    return [f"{skipped.total()} of {total} files in {root} were skipped: {reasons}."]


def _to_split(images, owners):
    if None in owners:
        return Split(images=images)
    class_names = sorted(set(owners))
    labels = np.array([class_names.index(owner) for owner in owners], dtype=np.int32)
    counts = np.bincount(labels)
    # The files are sorted, so each class is one run: where is a file within its run?
    rank = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    order = np.argsort(rank, kind="stable")
    return Split(
        images=images[order],
        labels=labels[order],
        num_classes=len(class_names),
        class_names=class_names,
    )
