"""A network of `keras.applications` as discriminator."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import networks
from kerasgen.models import GAN
from kerasgen.techniques import FeatureMatching
from tests.models.tiny_gan import images

SHAPE = (28, 28, 1)


@pytest.mark.eager
def test_sees_what_the_application_was_trained_on():
    keras.utils.set_random_seed(0)
    network = networks.backbone_discriminator(SHAPE, weights=None)
    x = np.random.default_rng(0).uniform(-1, 1, (2, *SHAPE)).astype("float32")
    grey = np.repeat(ops.convert_to_numpy(ops.image.resize(x, (32, 32))), 3, axis=-1)
    backbone = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    head = network.get_layer("logit")
    backbone.set_weights(network.get_weights()[: -len(head.weights)])
    inputs = inspect.getmodule(keras.applications.MobileNetV2).preprocess_input(
        127.5 * grey + 127.5
    )
    expected = head(backbone(inputs, training=False))
    np.testing.assert_allclose(
        ops.convert_to_numpy(network(x, training=False)),
        ops.convert_to_numpy(expected),
        atol=1e-4,
    )


@pytest.mark.eager
def test_frozen_backbone_trains_its_logit_alone_and_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    discriminator = networks.backbone_discriminator(
        (8, 8, 1), weights=None, trainable=False
    )
    assert len(discriminator.trainable_variables) == 2
    gan = GAN(networks.dcgan_generator((8, 8, 1), 4, 4), discriminator, 4, seed=0)
    gan.compile()
    frozen = [v for v in discriminator.variables if "logit" not in v.path]
    before = [ops.convert_to_numpy(v).copy() for v in frozen]
    gan.fit(images(8), batch_size=4, verbose=0)
    for old, new in zip(before, frozen, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(new))
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    x = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(
        *(ops.convert_to_numpy(m.discriminator(x)) for m in (gan, loaded)), atol=1e-5
    )


@pytest.mark.eager
def test_feature_matching_finds_the_backbone_s_layers():
    discriminator = networks.backbone_discriminator((8, 8, 1), weights=None)
    gan = GAN(
        networks.dcgan_generator((8, 8, 1), 4, 4),
        discriminator,
        4,
        techniques=[FeatureMatching("block_6_expand_relu")],
    )
    x = ops.zeros((2, 8, 8, 1))
    features = gan.judge(x, training=False).features["block_6_expand_relu"]
    assert tuple(features.shape)[:3] == (2, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backbone": "NoNet"}, "MobileNetV2.*Received: 'NoNet'"),
        ({"image_shape": (28, 28, 2)}, "image_shape"),
        ({"input_size": (16, 16)}, "16"),
        ({"input_size": 3}, "`input_size` is .*Received: input_size=3"),
        ({"input_size": (32.0, 32)}, "`input_size` is .*Received: "),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        networks.backbone_discriminator(
            **{"image_shape": SHAPE, "weights": None, **arguments}
        )
