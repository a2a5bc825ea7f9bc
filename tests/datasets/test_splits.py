"""Split names and slices."""

import numpy as np
import pytest

from kerasgen.datasets.splits import Split, names_in, read_split

SIZES = {"train": 200, "test": 15}


def load_split(name):
    images = np.arange(SIZES[name]) + (1000 if name == "test" else 0)
    return Split(images=images, labels=-images, num_classes=3)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("train", range(200)),
        ("test", range(1000, 1015)),
        ("train[:10]", range(10)),
        ("train[190:]", range(190, 200)),
        ("train[-5:]", range(195, 200)),
        ("train[:-195]", range(5)),
        ("train[10:12]", range(10, 12)),
        ("train[:]", range(200)),
        ("train[90%:]", range(180, 200)),
        ("train[:-97.5%]", range(5)),
        ("test[:50%]", range(1000, 1008)),  # 7.5 rounds to the even 8, as in TFDS
        ("train[:2]+test[:1]", [0, 1, 1000]),
        ("train[:1] + train[-1:]", [0, 199]),
        ("train[:1_0]", range(10)),
    ],
)
def test_slices(spec, expected):
    split = read_split(spec, load_split)
    assert split.images.tolist() == list(expected)
    assert split.labels.tolist() == [-i for i in expected]
    assert split.num_classes == 3


def test_slices_mean_what_they_mean_to_tfds():
    splits = pytest.importorskip("tensorflow_datasets.core.splits")
    info = splits.SplitDict(
        [
            splits.SplitInfo(
                name="train", shard_lengths=[1237], num_bytes=0, filename_template=None
            )
        ]
    )
    generator = np.random.default_rng(0)
    for _ in range(200):
        unit = generator.choice(["", "%"])
        low, high = generator.integers(-100, 101, 2)
        spec = f"train[{low}{unit}:{high}{unit}]"
        (part,) = splits.AbstractSplit.from_spec(spec).to_absolute(info)
        expected = list(range(1237))[part.from_ or 0 : part.to]
        if not expected:
            continue
        found = read_split(spec, lambda name: Split(np.arange(1237)), ["train"])
        assert found.images.tolist() == expected, spec


def test_splits_without_labels():
    split = read_split("a[:2]+a[3:]", lambda name: Split(np.arange(5)), ["a"])
    assert split.images.tolist() == [0, 1, 3, 4] and split.labels is None


def test_each_split_is_loaded_once():
    loaded = []

    def load(name):
        loaded.append(name)
        return load_split(name)

    read_split("train[:1]+train[5:6]", load)
    assert loaded == ["train"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("validation", "among train, test"),
        ("Train", "among train, test"),
        ("train[5]", "Expected a split such as"),
        ("train[a:]", "Expected a split such as"),
        ("train[:10", "Expected a split such as"),
        ("train[:1.5]", "Expected a split such as"),
        ("", "Expected a split such as"),
        (None, "among train, test"),
        ("train+", "Expected a split such as"),
        ("train[:201]", "within 200 samples"),
        ("train[:101%]", "within 200 samples"),
        ("train[-201:]", "within 200 samples"),
        ("train[5:5]", "at least one sample"),
        ("train[7:3]", "at least one sample"),
    ],
)
def test_bad_specifications(spec, message):
    with pytest.raises(ValueError, match=message) as error:
        read_split(spec, load_split)
    assert str(error.value).endswith(f"Received: split={spec!r}")


def test_names_in():
    assert names_in("train[:10%]+test") == ["train", "test"]
