import functools

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import layers
from PIL import Image

from kerasgen import extractors
from kerasgen.metrics import FeatureExtractor, resize_images
from kerasgen.metrics.resize import MODES
from kerasgen.presets import preset_card
from kerasgen.weights_file import PresetError
from tests.metrics import golden


@pytest.fixture(scope="module")
def images():
    return np.random.RandomState(0).randint(0, 256, (3, 32, 20, 3)).astype("uint8")


def small_network(seed=0, kernel_size=3):
    keras.utils.set_random_seed(seed)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, kernel_size)(image)
    return keras.Model(image, layers.GlobalAveragePooling2D(name="pool")(x))


class TestResize:
    @pytest.mark.parametrize("size", [(299, 299), (16, 40), (32, 20)])
    def test_pytorch_mode_equals_pytorch(self, images, size):
        x = torch.from_numpy(images.transpose(0, 3, 1, 2)).float()
        expected = F.interpolate(x, size, mode="bilinear", align_corners=False)
        resized = resize_images(images, size, "pytorch")
        np.testing.assert_allclose(
            resized, expected.permute(0, 2, 3, 1).numpy(), atol=1e-3
        )

    @pytest.mark.parametrize("size", [(299, 299), (16, 40), (32, 20)])
    def test_tensorflow_mode_equals_torch_fidelity_bit_for_bit(self, images, size):
        module = golden.torch_fidelity("interpolate_compat_tensorflow")
        x = torch.from_numpy(images.transpose(0, 3, 1, 2)).float()
        expected = module.interpolate_bilinear_2d_like_tensorflow1x(
            x, size=size, align_corners=False
        )
        resized = resize_images(images, size, "tensorflow")
        np.testing.assert_allclose(
            resized, expected.permute(0, 2, 3, 1).numpy(), atol=5e-5
        )

    def test_clean_mode_is_pil_bicubic_on_floats(self, images):
        plane = Image.fromarray(images[1, :, :, 2].astype("float32"), mode=None)
        expected = np.clip(plane.resize((11, 9), Image.Resampling.BICUBIC), 0, 255)
        resized = resize_images(images, (9, 11), "clean")[1, :, :, 2]
        np.testing.assert_array_equal(resized, expected)
        assert not np.array_equal(resized, np.round(resized))

    def test_modes_differ_where_it_matters(self, images):
        small = [resize_images(images, (8, 8), m) for m in ("clean", "tensorflow")]
        assert np.abs(small[0] - small[1]).max() > 20

    def test_bad_arguments(self, images):
        with pytest.raises(ValueError, match="mode is one of.*Received: mode='bad'"):
            resize_images(images, (8, 8), "bad")
        with pytest.raises(ValueError, match="shape"):
            resize_images(images[0], (8, 8))
        with pytest.raises(ValueError, match="size"):
            resize_images(images, (0, 8))
        for mode in MODES:
            with pytest.raises(ValueError, match="finite and in .0, 255.. Received"):
                resize_images(images * np.nan, (8, 8), mode)
            with pytest.raises(ValueError, match="finite and in .0, 255.. Received"):
                resize_images(images / 127.5 - 1.0, (8, 8), mode)
            with pytest.raises(TypeError, match="real numbers"):
                resize_images(images.astype(str), (8, 8), mode)


class TestFeatureExtractor:
    def test_equals_the_network_on_preprocessed_images(self, images):
        network = small_network()
        features = FeatureExtractor(network, "pool")(images, batch_size=2).features
        x = resize_images(images, (16, 16)) / 127.5 - 1.0
        expected = keras.ops.convert_to_numpy(network(x))
        np.testing.assert_allclose(features, expected, atol=1e-5)

    @pytest.mark.parametrize("batch_size", [1, 2, 256])
    def test_the_last_batch_is_like_the_others(self, images, batch_size):
        extractor = FeatureExtractor(small_network())
        whole = extractor(images, batch_size=3).features
        np.testing.assert_allclose(
            extractor(images, batch_size=batch_size).features, whole, atol=1e-5
        )

    def test_inference_mode_leaves_the_network_unchanged(self, images):
        image = keras.Input((32, 20, 3))
        x = layers.Dropout(0.5)(layers.BatchNormalization()(image))
        network = keras.Model(image, layers.GlobalAveragePooling2D()(x))
        before = network.get_weights()
        extractor = FeatureExtractor(network)
        first, second = (extractor(images).features for _ in range(2))
        np.testing.assert_array_equal(first, second)
        for old, new in zip(before, network.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_grey_images_are_repeated(self, images):
        extractor = FeatureExtractor(small_network())
        grey = images[..., :1]
        np.testing.assert_array_equal(
            extractor(grey).features, extractor(np.repeat(grey, 3, axis=3)).features
        )

    def test_digest_changes_with_all_that_changes_features(self):
        network = small_network()
        digests = {
            FeatureExtractor(network).digest,
            FeatureExtractor(network, "pool").digest,
            FeatureExtractor(network, resize="pytorch").digest,
            FeatureExtractor(network, preprocess=extractors.center_on_128).digest,
            FeatureExtractor(small_network(seed=1)).digest,
            FeatureExtractor(small_network(kernel_size=1)).digest,
        }
        assert len(digests) == 6
        assert FeatureExtractor(small_network()).digest in digests

    def test_digest_tells_graphs_of_the_same_layers_apart(self):
        def build(is_chain):
            keras.utils.set_random_seed(0)
            image = keras.Input((8, 8, 3))
            a = layers.Dense(4, name="a")(layers.GlobalAveragePooling2D()(image))
            b = layers.Dense(4, name="b")(a)
            c = layers.Dense(4, name="c")(b if is_chain else a)
            return keras.Model(image, layers.Concatenate()([a, b, c]))

        digests = [FeatureExtractor(build(chain)).digest for chain in (True, False)]
        assert digests[0] != digests[1]

    def test_digest_of_a_nested_network_does_not_depend_on_counted_names(self):
        def build():
            keras.utils.set_random_seed(0)
            inner_image = keras.Input((8, 8, 3))
            x = layers.Activation("relu")(layers.Conv2D(4, 3)(inner_image))
            inner = keras.Model(inner_image, layers.GlobalMaxPooling2D()(x))
            image = keras.Input((8, 8, 3))
            return keras.Model(image, layers.Dense(5)(inner(image)))

        assert FeatureExtractor(build()).digest == FeatureExtractor(build()).digest

    def test_sequential_networks_are_extractors(self, images):
        keras.utils.set_random_seed(0)
        network = keras.Sequential(
            [
                keras.Input((16, 16, 3)),
                layers.Conv2D(4, 3),
                layers.GlobalAveragePooling2D(name="pool"),
                layers.Dense(2, name="logits"),
            ]
        )
        features, logits = FeatureExtractor(network, "pool", "logits")(images)
        assert features.shape == (3, 4) and logits.shape == (3, 2)

    def test_other_networks_are_refused(self):
        class Own(keras.Model):
            def call(self, x):
                return x

        image = keras.Input((8, 8, 3))
        two = keras.Model([image, keras.Input((2,))], layers.Flatten()(image))
        for network in (Own(), two, keras.Sequential([layers.Dense(2)])):
            with pytest.raises(ValueError, match="Functional or Sequential.*Received"):
                FeatureExtractor(network)

    def test_forward_leaves_its_argument_as_it_is(self):
        extractor = extractors.from_application(
            "MobileNetV2", weights=None, input_size=(32, 32)
        )
        x = np.full((2, 32, 32, 3), 200.0, "float32")
        extractor.forward(x)
        assert (x == 200.0).all()

    def test_digest_is_that_of_the_card_on_every_backend(self):
        extractor = extractors.from_classifier_preset("features_digits")
        card = preset_card("vae_digits")
        assert extractor.digest == card["extractor"]["digest"]

    def test_bad_networks_and_images(self, images):
        network = small_network()
        with pytest.raises(ValueError, match="layer named 'nothing'"):
            FeatureExtractor(network, "nothing")
        with pytest.raises(ValueError, match="shape .B, D."):
            FeatureExtractor(network, network.layers[1].name)
        extractor = FeatureExtractor(network)
        with pytest.raises(TypeError, match="uint8"):
            extractor(images / 255.0)
        with pytest.raises(ValueError, match="C one of"):
            extractor(images[..., :2])
        with pytest.raises(ValueError, match="N at least 1"):
            extractor(images[:0])
        for function in (lambda x: x, functools.partial(np.multiply, 0.1)):
            with pytest.raises(ValueError, match="named function.*Received"):
                FeatureExtractor(network, preprocess=function)
        image = keras.Input((None, None, 3))
        open_network = keras.Model(image, layers.GlobalAveragePooling2D()(image))
        with pytest.raises(ValueError, match="input_size"):
            FeatureExtractor(open_network)
        assert FeatureExtractor(open_network, input_size=(8, 8))(images).features.shape


def test_zoo_classifier_has_features_and_logits():
    extractor = extractors.from_classifier_preset("features_digits")
    features, logits = extractor(np.zeros((2, 8, 8, 1), "uint8"))
    assert features.shape == (2, 64) and logits.shape == (2, 10)


def test_application_backbone(images):
    extractor = extractors.from_application(
        "MobileNetV2", weights=None, input_size=(32, 32)
    )
    assert extractor(images).features.shape == (3, 1280)
    assert "mobilenet_v2.preprocess_input" in extractor.preprocess.__module__ + (
        f".{extractor.preprocess.__name__}"
    )


def test_application_backbone_at_its_own_size():
    extractor = extractors.from_application("MobileNetV2", weights=None)
    assert extractor.size == (224, 224)


def test_weights_that_cannot_be_had_are_one_error(tmp_path):
    with pytest.raises((PresetError, ValueError), match="Received"):
        extractors.from_application("MobileNetV2", weights=str(tmp_path / "no.h5"))


def test_unknown_application():
    with pytest.raises(ValueError, match="Expected one of .*Received: 'Nothing'"):
        extractors.from_application("Nothing")
    with pytest.raises(ValueError, match="Received: 'vgg16'"):
        extractors.from_application("vgg16")
