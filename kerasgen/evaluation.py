"""Scores a preset or a folder of images against real data, by names."""

from pathlib import Path

import numpy as np

from kerasgen import datasets, extractors, presets
from kerasgen.metrics import Evaluator, FrechetStatistics, load_statistics, measures

QUANTISATION = "trunc(clip(127.5 x + 128, 0, 255)), uint8"


def evaluate(
    source,
    against,
    metrics=("fid",),
    num=10000,
    extractor=None,
    resize=None,
    seed=0,
    kid_subset_size=1000,
    progress=False,
):
    """Scores samples against real images.

    Args:
        source: Name or folder of a preset, or a folder of images (PNG, JPEG, ...).
        against: "dataset:split" such as "fashion_mnist:test", a folder of images, or
            a file of statistics (.npz), for FID and IS.
        metrics: List of "fid", "kid", "is", "pr", "dc", "sharpness".
        num: Samples to generate; of a folder, the first so many in the order in which
            `datasets.load_folder` reads it, all where there are fewer.
        extractor: Name of a classifier preset, "inception:WEIGHTS" with a path or
            URL#SHA256, or "application:NAME"; None for the classifier of the dataset,
            or the preset that the file of statistics names.
        resize: "clean", "tensorflow" or "pytorch"; None for the extractor's own.
        seed: Seed of the samples, integer in [0, 2**32).
        kid_subset_size: Samples in a subset of KID.
        progress: Whether to show a progress bar.

    Returns:
        `kerasgen.metrics.Report`; the same arguments give the same digits.

    Raises:
        ValueError: A name, a number or an image shape does not fit, or there are too
            few images.

    Example:

    >>> import kerasgen
    >>> report = kerasgen.evaluation.evaluate("vae_digits", "digits:test", num=200)
    >>> list(report.scores)
    ['fid200_digits_test']
    """
    if num < 2:
        raise ValueError(f"Expected num >= 2. Received: num={num}")
    source = presets.find_preset(str(source))
    model, images = _open_source(source)
    reference, name = _open_reference(against)
    if extractor is None and isinstance(reference, FrechetStatistics):
        extractor = reference.protocol.get("extractor")
        # A file must not choose what is loaded from elsewhere.
        if extractor not in presets.list_presets():
            raise ValueError(
                "Expected an extractor beside statistics that name none of the zoo. "
                f"Received: None, for {against} with the extractor {extractor!r}"
            )
        resize = reference.protocol.get("resize") if resize is None else resize
    network = _open_extractor(extractor, against, resize)
    chosen = [
        measures.KID(subset_size=kid_subset_size) if name == "kid" else name
        for name in metrics
    ]
    evaluator = Evaluator(network, chosen, progress=progress)
    evaluator.check_num(num if model else min(num, len(images)))
    shape = images.shape[1:] if model is None else tuple(model.data_shape)
    if getattr(reference, "ndim", None) == 4 and reference.shape[1:] != shape:
        raise ValueError(
            f"Expected images of equal shape on both sides. Received: {shape} of "
            f"{source} and {reference.shape[1:]} of {against}"
        )
    evaluator.set_reference(reference, name, against=str(against))
    if model is None:
        return evaluator.evaluate(images[:num], source=str(source))
    return evaluator.evaluate(
        model.generate(num, seed=seed),
        source=str(source),
        source_sha256=presets.preset_digest(source),
        seed=seed,
        generated_quantisation=QUANTISATION,
    )


def save_statistics(against, path, extractor=None, resize=None, progress=False):
    """Writes mean and covariance of real images, as a reference for FID.

    Args:
        against: "dataset:split" or a folder of images.
        path: File to write, ending in .npz.
        extractor: As in `evaluate`.
        resize: As in `evaluate`.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A name or the path does not fit, or there are too few images.
        OSError: The file cannot be written.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"Expected a path ending in .npz. Received: {path}")
    reference, name = _open_reference(against)
    if not hasattr(reference, "ndim"):
        raise ValueError(f"Expected images. Received: statistics {against}")
    network = _open_extractor(extractor, against, resize)
    evaluator = Evaluator(network, ["fid"], progress=progress)
    evaluator.set_reference(reference, name, against=str(against))
    evaluator.save_reference(path)


def _open_source(source):
    """A model, or images; the other is None."""
    if isinstance(source, Path) and not (source / "config.json").is_file():
        return None, _folder_images(source)
    model = presets.load_generative(source)
    model.check_generates()
    return model, None


def _open_reference(against):
    """Images or statistics, and what they are called in the scores' names."""
    path = Path(against)
    if path.suffix == ".npz":
        return load_statistics(path), path.stem
    if path.is_dir():
        return _folder_images(path), path.name
    dataset, split = _dataset_and_split(against)
    return datasets.load(dataset, split).images, f"{dataset}_{_plain(split)}"


def _open_extractor(extractor, against, resize):
    how = {} if resize is None else {"resize": resize}
    if extractor is None:
        known = [n for n in presets.list_presets() if n.startswith("features_")]
        dataset = str(against).partition(":")[0]
        if f"features_{dataset}" not in known:
            raise ValueError(
                f"Expected an extractor: one of {known}, inception:WEIGHTS or "
                f"application:NAME. Received: None, for {against}"
            )
        extractor = f"features_{dataset}"
    kind, _, rest = str(extractor).partition(":")
    if kind == "inception" and rest:
        weights, _, sha256 = rest.partition("#")
        return extractors.fid_inception(weights, sha256 or None, **how)
    if kind == "application" and rest:
        return extractors.from_application(rest, **how)
    return extractors.from_classifier_preset(extractor, **how)


def _folder_images(path):
    for split in ("train", "test"):
        if (path / split).is_dir():
            raise ValueError(
                "Expected a folder of images, not of splits; name the split's folder. "
                f"Received: {path} with {path / split}"
            )
    # Grey images stay grey: a folder that `generate` filled has one channel.
    mode = "grayscale" if datasets.is_grey_folder(path) else "rgb"
    return np.asarray(datasets.load_folder(path, shuffle=False, color_mode=mode).images)


def _dataset_and_split(against):
    dataset, colon, split = str(against).partition(":")
    if not colon or dataset not in datasets.LOADERS:
        raise ValueError(
            f"Expected DATASET:SPLIT with a dataset of {sorted(datasets.LOADERS)}, a "
            f"folder of images or an .npz file. Received: {against}"
        )
    return dataset, split


def _plain(split):
    """A split as part of a name: "train[:1000]" becomes "train_1000"."""
    return "_".join("".join(c if c.isalnum() else " " for c in split).split())
