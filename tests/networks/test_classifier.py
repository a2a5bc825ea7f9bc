import keras
import numpy as np
import pytest

from kerasgen.networks import classifier


@pytest.fixture(scope="module")
def small():
    return classifier((8, 8, 1), 3, width=4, feature_dim=5, name="judge")


@pytest.fixture(scope="module")
def default():
    return classifier((28, 28, 1), num_classes=10)


@pytest.mark.eager
@pytest.mark.parametrize(
    "image_shape", [(8, 8, 1), (9, 13, 3), (28, 28, 1), (64, 64, 3), (128, 128, 3)]
)
def test_admitted_sizes(image_shape):
    model = classifier(image_shape, num_classes=7, width=4, feature_dim=5)
    x = np.random.default_rng(0).uniform(-1, 1, (2, *image_shape)).astype("float32")
    logits = keras.ops.convert_to_numpy(model(x))
    assert logits.shape == (2, 7) and logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert not np.allclose(logits[0], logits[1])
    assert max(model.get_layer("flatten").input.shape[1:3]) <= 4


def test_features_are_smooth_and_the_logits_are_linear_in_them(small):
    model = small
    assert [layer.name for layer in model.layers[-2:]] == ["features", "logits"]
    features = keras.Model(model.input, model.get_layer("features").output)
    x = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 1)).astype("float32")
    h = keras.ops.convert_to_numpy(features(x))
    assert h.shape == (6, 5)
    assert (h < 0).any()  # a ReLU would have cut these off
    kernel, bias = model.get_layer("logits").get_weights()
    logits = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(logits, h @ kernel + bias, atol=1e-5)


def test_no_bias_before_batch_normalization(default):
    convolutions = [x for x in default.layers if isinstance(x, keras.layers.Conv2D)]
    assert len(convolutions) >= 3
    for layer in convolutions:
        following = layer.output._keras_history.operation._outbound_nodes[0].operation
        assert isinstance(following, keras.layers.BatchNormalization)
        assert not layer.use_bias


def test_number_of_parameters(default):
    assert 100_000 <= default.count_params() <= 200_000


def test_width_and_feature_dim_are_used(small):
    assert small.name == "judge"
    assert small.get_layer("stage_0_a").filters == 4
    assert small.get_layer("stage_1_a").filters == 8
    assert small.get_layer("features").units == 5


def test_logits_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = classifier((8, 8, 1), num_classes=10, width=4)
        assert model.get_layer("stage_0_a").compute_dtype == "bfloat16"
        assert model.output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_learns_a_fixed_batch():
    keras.utils.set_random_seed(0)
    model = classifier((8, 8, 1), num_classes=4, width=4)
    model.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    y = np.arange(16) % 4
    losses = model.fit(x, y, batch_size=16, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_saved_and_loaded_model_is_equal(tmp_path, small):
    small.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(m(x)) for m in (small, loaded))
    )


@pytest.mark.parametrize(
    "image_shape",
    [(7, 8, 1), (8, 129, 1), (8, 8, 2), (8, 8), (8, 8, 8, 1), (8.0, 8, 1)],
)
def test_refused_image_shapes(image_shape):
    with pytest.raises(ValueError, match="Received: image_shape="):
        classifier(image_shape, num_classes=10)


@pytest.mark.parametrize("name", ["num_classes", "width", "feature_dim"])
@pytest.mark.parametrize("value", [0, 2.0])
def test_refused_counts(name, value):
    with pytest.raises(
        ValueError, match=f"is an integer >= 1. Received: {name}={value}"
    ):
        classifier((8, 8, 1), **{"num_classes": 10, name: value})
