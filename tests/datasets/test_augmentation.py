"""Augmentation: any layer, uint8 in and out, draws that a resumed run repeats."""

import keras
import numpy as np
import pytest

from kerasgen.datasets import ArrayDataset, Augmentation

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)


def make_flip():
    return keras.layers.RandomFlip("horizontal")


def make_nested():
    return keras.Sequential(
        [
            keras.layers.RandomTranslation(0.2, 0.2, fill_mode="constant"),
            keras.layers.Pipeline([make_flip(), keras.layers.RandomBrightness(0.2)]),
        ]
    )


LAYERS = {
    "flip": make_flip,
    "translation": lambda: keras.layers.RandomTranslation(0.2, 0.2),
    "nested": make_nested,
    "contrast": lambda: keras.layers.RandomContrast(0.5),
    "noise": lambda: keras.layers.GaussianNoise(0.9),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_draws_are_a_function_of_seed_epoch_and_batch(make):
    keras.utils.set_random_seed(1)
    a = ArrayDataset(IMAGES, batch_size=8, augment=make(), seed=4)
    read = {key: a.get_batch(*key)[0] for key in [(0, 0), (0, 1), (1, 0)]}
    keras.utils.set_random_seed(2)  # another process, resumed in epoch 1
    b = ArrayDataset(IMAGES, batch_size=8, augment=make(), seed=4)
    for key in [(1, 0), (0, 1), (0, 0)]:
        np.testing.assert_array_equal(b.get_batch(*key)[0], read[key])


def test_batches_epochs_and_seeds_draw_apart():
    same = np.broadcast_to(IMAGES[:1], (64, 8, 8, 3))
    flip = make_flip()
    draws = [
        Augmentation(flip)(same, seed=seed, epoch=epoch, index=index)
        for seed, epoch, index in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    flipped = np.array([(draw != same).any(axis=(1, 2, 3)) for draw in draws])
    assert ((flipped.mean(axis=1) > 0.2) & (flipped.mean(axis=1) < 0.8)).all()
    assert len({tuple(row) for row in flipped}) == 4


def test_flip_gives_each_image_or_its_mirror():
    dataset = ArrayDataset(IMAGES, batch_size=20, augment=make_flip())
    originals = IMAGES[dataset.order(0)]
    images = dataset[0][0]
    assert images.dtype == np.uint8
    kept = (images == originals).all(axis=(1, 2, 3))
    mirrored = (images == originals[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (kept | mirrored).all() and kept.any() and mirrored.any()


def test_translation_moves_the_content():
    dataset = ArrayDataset(
        IMAGES,
        batch_size=20,
        shuffle=False,
        augment=keras.layers.RandomTranslation((0.25, 0.25), 0.0, "nearest"),
    )
    np.testing.assert_array_equal(dataset[0][0][:, 2:], IMAGES[:, :-2])


def test_uint8_values_are_clipped_and_rounded():
    x = np.array([0, 10, 11, 250], dtype=np.uint8).reshape(-1, 1, 1, 1)

    def augment(images):
        assert images.dtype == np.float32
        return images * 1.5 - 5.0

    result = Augmentation(augment)(x, 0, 0, 0).reshape(-1)
    assert result.dtype == np.uint8
    assert result.tolist() == [0, 10, 12, 255]  # 11.5 goes to the even neighbour


def test_float_vectors_stay_float():
    x = np.full((4, 2), -3.25)
    result = Augmentation(keras.layers.Rescaling(2.0))(x, 0, 0, 0)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.full((4, 2), -6.5))


def test_layers_run_in_training_mode():
    x = np.full((2, 50), 1.0, np.float32)
    result = Augmentation(keras.layers.Dropout(0.5, seed=0))(x, 0, 0, 0)
    assert set(np.unique(result)) == {0.0, 2.0}


def test_image_shape_follows_the_augmentation():
    dataset = ArrayDataset(IMAGES, augment=keras.layers.RandomCrop(6, 5))
    assert dataset.image_shape == dataset[0][0].shape[1:] == (6, 5, 3)


def test_bfloat16_layers_are_read():
    layer = keras.layers.RandomFlip("vertical", dtype="bfloat16")
    dataset = ArrayDataset(IMAGES, batch_size=20, shuffle=False, augment=layer)
    images = dataset[0][0]
    mirrored = (images == IMAGES[:, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (images == IMAGES).all(axis=(1, 2, 3))).all()


def test_keras_fit_with_augmentation_reads_reproducible_batches():
    def losses():
        model = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                keras.layers.Flatten(),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Dense(1, kernel_initializer="ones"),
            ]
        )
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        dataset = ArrayDataset(
            IMAGES, labels=np.arange(20.0), batch_size=8, augment=make_nested()
        )
        return model.fit(dataset, epochs=2, shuffle=False, verbose=0).history["loss"]

    assert losses() == losses()


@pytest.mark.parametrize(
    "augment", [lambda x: x[:1], lambda x: x[..., 0], keras.layers.Flatten()]
)
def test_another_rank_or_number_of_samples_is_refused(augment):
    with pytest.raises(ValueError, match="Received: shape="):
        ArrayDataset(IMAGES, augment=augment)[0]


def test_not_callable():
    with pytest.raises(TypeError, match="Received: 'flip'"):
        ArrayDataset(IMAGES, augment="flip")


@pytest.mark.parametrize("name", ["RandomFlip", "RandomCutout", "RandomHue"])
def test_keras_cv_layers(name):
    keras_cv = pytest.importorskip("keras_cv", reason="keras-cv is not installed")
    arguments = {
        "RandomFlip": {"mode": "horizontal"},
        "RandomCutout": {"height_factor": 0.5, "width_factor": 0.5},
        "RandomHue": {"factor": 0.5, "value_range": (0, 255)},
    }[name]
    layer = getattr(keras_cv.layers, name)(**arguments)
    dataset = ArrayDataset(IMAGES, batch_size=20, shuffle=False, augment=layer)
    images = dataset[0][0]
    assert images.dtype == np.uint8 and images.shape == IMAGES.shape
    changed = (images != IMAGES).any(axis=(1, 2, 3))
    assert changed.any()
    if name == "RandomFlip":
        np.testing.assert_array_equal(images[changed], IMAGES[changed][:, :, ::-1])
