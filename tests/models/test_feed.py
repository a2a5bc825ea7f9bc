"""What `fit` accepts, refuses and makes of its data: cases N5-N9 and N11-N13."""

import warnings

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen.datasets import ArrayDataset
from kerasgen.models.sources import IterableSource

SHAPE = (8, 8, 1)


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(0, 256, (40, *SHAPE)).astype("uint8")


def make_vae(**arguments):
    vae = kerasgen.models.dense_vae(
        SHAPE, latent_dim=2, hidden=(8,), seed=1, **arguments
    )
    vae.set_weights(
        [
            0.1 * np.sin(np.arange(w.size)).reshape(w.shape) + w * 0
            for w in vae.get_weights()
        ]
    )
    vae.compile(keras.optimizers.SGD(1e-3))
    return vae


def make_gan(k=1):
    keras.utils.set_random_seed(0)
    build = kerasgen.models.dcgan
    gan = build(SHAPE, latent_dim=4, filters=4, seed=1)
    if k > 1:
        gan = kerasgen.models.GAN(
            gan.generator, gan.discriminator, 4, discriminator_steps=k, seed=1
        )
    gan.compile()
    return gan


def trained_weights(x, y=None, **arguments):
    vae = make_vae()
    vae.fit(x, y, verbose=0, **arguments)
    return vae.get_weights()


def assert_equal_weights(a, b):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


class Batches(keras.utils.PyDataset):
    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return (self.parts[index],)


def test_every_source_trains_alike(images):
    tf = pytest.importorskip("tensorflow")
    torch = pytest.importorskip("torch")
    parts = [images[i : i + 16] for i in range(0, 40, 16)]
    expected = trained_weights(images, batch_size=16, shuffle=False)
    dataset = ArrayDataset(images, batch_size=16, shuffle=False)
    tf_dataset = tf.data.Dataset.from_tensor_slices(images).batch(16)
    loader = torch.utils.data.DataLoader(torch.from_numpy(images), batch_size=16)
    for source in (parts, dataset, Batches(parts), tf_dataset, loader, iter(parts)):
        if isinstance(source, list):
            source = (part for part in source)
        assert_equal_weights(trained_weights(source), expected)


@pytest.mark.parametrize("asked", [None, True, False])
def test_tf_data_is_tuned_only_where_its_options_ask_for_it(asked, images):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(16)
    if asked is not None:
        options = tf.data.Options()
        options.autotune.enabled = asked
        dataset = dataset.with_options(options)
    source = IterableSource(dataset, make_vae().data_spec())
    assert source.iterable.options().autotune.enabled is bool(asked)
    assert dataset.options().autotune.enabled is asked
    assert source.num_batches == len(dataset)


def test_float_images_and_value_range_equal_uint8(images):
    expected = trained_weights(images, batch_size=16)
    in_model_domain = images.astype("float64") / 127.5 - 1.0
    in_unit_range = images.astype("float32") / 255.0
    for x, value_range in (
        (in_model_domain, None),
        (in_model_domain.astype("float16").astype("float32"), None),
        (in_unit_range, (0, 1)),
        (images.astype("float32"), (0.0, 255.0)),
    ):
        weights = trained_weights(x, batch_size=16, value_range=value_range)
        for a, b in zip(weights, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: x.astype("float32"), ValueError, r"in \[0, 255\]"),
        (lambda x: x / 255.0, ValueError, r"in \[0, 1\]"),
        (lambda x: x.astype("int64"), TypeError, "dtype=int64"),
        (lambda x: x.astype(object), TypeError, "dtype=object"),
        (lambda x: x.astype(str), TypeError, "dtype=<U"),
        (lambda x: x[..., 0], ValueError, r"shape=\(40, 8, 8\)"),
        (lambda x: x[:, :7], ValueError, r"shape=\(40, 7, 8, 1\)"),
        (lambda x: np.repeat(x, 3, -1), ValueError, r"shape=\(40, 8, 8, 3\)"),
        (lambda x: x[:0], ValueError, r"shape=\(0, 8, 8, 1\)"),
    ],
)
def test_wrong_arrays_are_refused_before_training(images, change, error, message):
    vae = make_vae()
    before = vae.get_weights()
    with pytest.raises(error, match=f"(?s)Expected.*Received.*{message}"):
        vae.fit(change(images), verbose=0)
    assert_equal_weights(vae.get_weights(), before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_by_its_sample(images, value):
    x = images.astype("float32") / 127.5 - 1.0
    x[23, 4, 5] = value
    with pytest.raises(ValueError, match="in sample 23"):
        make_vae().fit(x, verbose=0)
    batches = (x[i : i + 10] for i in range(0, 40, 10))
    with pytest.raises(ValueError, match="in sample 23"):
        make_vae().fit(batches, verbose=0)


@pytest.mark.parametrize("empty", [[], (), "generator", "dataset"])
def test_an_empty_source_is_one_value_error(empty):
    if empty == "generator":
        empty = (x for x in ())
    if empty == "dataset":
        empty = Batches([])
    with pytest.raises(ValueError, match="Received"):
        make_vae().fit(empty, verbose=0)


def test_a_batch_size_of_zero_and_epochs_of_zero_are_refused(images):
    for arguments in ({"batch_size": 0}, {"epochs": 0}, {"batch_size": 2.5}):
        with pytest.raises(ValueError, match="integer >= 1"):
            make_vae().fit(images, verbose=0, **arguments)


def test_a_bad_value_range_is_refused(images):
    for value_range in ((1, 0), (0, np.inf), (0,)):
        with pytest.raises(ValueError, match="value_range"):
            make_vae().fit(images, verbose=0, value_range=value_range)


def test_training_on_single_samples_needs_no_batch_norm(images):
    with pytest.raises(ValueError, match="BatchNormalization"):
        make_gan().fit(images, batch_size=1, verbose=0)
    make_vae().fit(images[:3], batch_size=1, verbose=0)


def test_a_rest_of_one_sample_is_left_out_beside_batch_norm(images):
    gan = make_gan()
    gan.fit(images[:33], batch_size=16, verbose=0)
    assert int(keras.ops.convert_to_numpy(gan.training_steps)) == 2


def test_partial_batches_weigh_by_samples(images):
    frozen = kerasgen.models.dense_vae(SHAPE, latent_dim=2, hidden=(8,), seed=1)
    # Codes without spread, so that losses do not depend on the noise of a step.
    kernel, bias = frozen.encoder.layers[-1].get_weights()
    kernel[:, 2:], bias[2:] = 0.0, -60.0
    frozen.encoder.layers[-1].set_weights([kernel, bias])
    frozen.compile(keras.optimizers.SGD(0.0))
    logs = frozen.evaluate(images, batch_size=16, return_dict=True, verbose=0)
    whole = frozen.evaluate(images, batch_size=40, return_dict=True, verbose=0)
    for name, value in logs.items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-5)
    history = frozen.fit(images, batch_size=16, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["loss"], [whole["loss"]] * 2, rtol=1e-5)


def test_k_discriminator_steps_take_k_batches_a_step(images):
    gan = make_gan(k=2)
    gan.fit(images, batch_size=8, verbose=0)
    assert int(keras.ops.convert_to_numpy(gan.training_steps)) == 3  # 16 + 16 + 8


def test_a_generator_that_ends_early_warns_with_counts(images):
    batches = (images[:8] for _ in range(5))
    vae = make_vae()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vae.fit(batches, epochs=9, steps_per_epoch=2, verbose=0)
    messages = [str(w.message) for w in caught if w.category is UserWarning]
    assert any("after 1 of 2 steps in epoch 3" in message for message in messages)
    assert int(keras.ops.convert_to_numpy(vae.training_steps)) == 5


def test_a_whole_pass_over_any_source_warns_of_nothing(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make_vae().fit((images[i : i + 8] for i in range(0, 40, 8)), verbose=0)
        make_vae().fit(Batches([images]), verbose=0)


def test_the_order_of_an_array_depends_on_seed_and_epoch(images):
    weights = trained_weights(images, batch_size=16, epochs=2)
    assert_equal_weights(trained_weights(images, batch_size=16, epochs=2), weights)
    other = make_vae()
    other.noise_seed.assign(2)
    other.fit(images, batch_size=16, epochs=2, verbose=0)
    assert any(
        (a != b).any() for a, b in zip(other.get_weights(), weights, strict=True)
    )


def test_labels_are_ignored_by_an_unconditional_model(images):
    labels = np.arange(40)
    expected = trained_weights(images, batch_size=16)
    assert_equal_weights(trained_weights(images, labels, batch_size=16), expected)
    with pytest.raises(ValueError, match="unconditional"):
        make_vae().generate(2, labels=[0, 1])


def test_a_conditional_specification_checks_labels():
    spec = kerasgen.models.inputs.DataSpec(SHAPE, num_classes=10)
    np.testing.assert_array_equal(spec.check_labels([[1], [9]], 2), [1, 9])
    for labels, error, message in (
        (None, ValueError, "labels=None"),
        ([1, 10], ValueError, "10 in sample 1"),
        ([-1, 1], ValueError, "-1 in sample 0"),
        ([1.0, 2.0], TypeError, "float64"),
        ([1], ValueError, r"\(1,\)"),
    ):
        with pytest.raises(error, match=message):
            spec.check_labels(labels, 2)


def test_a_dataset_brings_its_own_batch_size(images):
    with pytest.raises(ValueError, match="batch_size=4"):
        make_vae().fit(Batches([images]), batch_size=4, verbose=0)
    with pytest.raises(TypeError, match="dict"):
        make_vae().fit(iter([{"x": images}]), verbose=0)


def test_validation_split_holds_out_the_end(images):
    vae = make_vae()
    history = vae.fit(images, validation_split=0.25, batch_size=10, verbose=0).history
    assert int(keras.ops.convert_to_numpy(vae.training_steps)) == 3
    assert "val_loss" in history
    with pytest.raises(ValueError, match="validation_split"):
        vae.fit(Batches([images]), validation_split=0.25, verbose=0)


def test_one_constant_image_trains(images):
    constant = np.full((4, *SHAPE), 7, "uint8")
    make_gan().fit(constant, batch_size=4, verbose=0)
    history = make_vae().fit(constant[:1], batch_size=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
