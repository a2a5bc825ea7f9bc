"""Options of `GAN`: losses of every kind, techniques, averaging, clipping."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerasgen
from kerasgen import losses, networks
from kerasgen.layers import DropReference, ReferenceBatch, VirtualBatchNormalization
from kerasgen.models import GAN
from kerasgen.penalties import GradientPenalty
from kerasgen.techniques import FeatureMatching, PullingAway
from tests.models.tiny_gan import LATENT_DIM, SHAPE, images, make_gan

NAMED = sorted(
    name
    for name, value in vars(losses).items()
    if isinstance(value, losses.AdversarialLoss)
)


def autoencoder():
    """A discriminator whose output is its input again; its code has a name."""
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(),
            layers.Dense(8, activation="relu", name="code"),
            layers.Dense(64, activation="tanh", name="output"),
            layers.Reshape(SHAPE),
        ]
    )


def make(discriminator=None, run_eagerly=False, **arguments):
    """The tiny GAN, with another discriminator where one is given."""
    if discriminator is None:
        return make_gan(run_eagerly=run_eagerly, **arguments)
    generator = make_gan().generator
    gan = GAN(generator, discriminator, LATENT_DIM, seed=1, **arguments)
    rates = keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01)
    gan.compile(*rates, run_eagerly=run_eagerly)
    return gan


def weights_of(network):
    return [ops.convert_to_numpy(v).copy() for v in network.trainable_variables]


@pytest.mark.eager
@pytest.mark.parametrize("name", NAMED)
def test_every_named_loss_trains_both_players(name):
    # TensorFlow traces for seconds, and `fit` in a graph is tested elsewhere.
    is_eager = keras.backend.backend() == "tensorflow"
    network = autoencoder() if name == "ebgan" else None
    clipping = {"weight_clipping": 0.1} if name == "wasserstein" else {}
    gan = make(network, loss=name, run_eagerly=is_eager, **clipping)
    before = weights_of(gan.generator), weights_of(gan.discriminator)
    history = gan.fit(images(24), batch_size=8, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    after = weights_of(gan.generator), weights_of(gan.discriminator)
    for old, new in zip(before, after, strict=True):
        assert all((a != b).any() for a, b in zip(old[:1], new[:1], strict=True))
    terms = gan.evaluate(images(10, seed=1), verbose=0, return_dict=True)
    assert 0 <= terms["real_accuracy"] <= 1 and 0 <= terms["fake_accuracy"] <= 1


@pytest.mark.parametrize(
    ("loss", "discriminator", "message"),
    [
        ("ebgan", None, "discriminator is an autoencoder"),
        ("hinge", autoencoder, "autoencoder returns samples"),
        ("f_gan_kl", "sigmoid", "last activation or normalisation bounds"),
        ("hinge", "ten units", "one logit a sample"),
    ],
)
def test_a_loss_that_cannot_work_with_its_network_is_refused(
    loss, discriminator, message
):
    if discriminator == "ten units":
        network = keras.Sequential(
            [keras.Input(SHAPE), layers.Flatten(), layers.Dense(10)]
        )
    elif discriminator == "sigmoid":
        network = keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Flatten(),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
    else:
        network = None if discriminator is None else discriminator()
    with pytest.raises(ValueError, match=message + "(.|\n)*Received"):
        make(network, loss=loss)


def test_feature_matching_is_the_distance_of_mean_features():
    gan = make(autoencoder(), loss="ebgan", techniques=[FeatureMatching("code", 3.0)])
    batch = next(iter_batches(images(8)))
    z = ops.convert_to_tensor(np.random.default_rng(0).standard_normal((8, LATENT_DIM)))
    terms = gan.generator_terms(batch, ops.cast(z, "float32"), noise=None)
    assert list(terms) == ["g_loss", "feature_matching"]
    code = gan.discriminator.get_layer("code")
    encode = keras.Model(gan.discriminator.inputs, code.output)
    fake = gan.generator(z, training=True)
    means = [ops.convert_to_numpy(encode(x)).mean(axis=0) for x in (batch.x, fake)]
    expected = 3.0 * np.sum((means[0] - means[1]) ** 2)
    value = float(ops.convert_to_numpy(terms["feature_matching"]))
    assert value == pytest.approx(expected, rel=1e-3)
    # It replaces the adversarial loss.
    assert float(ops.convert_to_numpy(terms["g_loss"])) == pytest.approx(value)


def test_features_of_several_layers_are_added():
    def matched(layer):
        keras.utils.set_random_seed(0)
        technique = FeatureMatching(layer)
        gan = make(autoencoder(), loss="ebgan", techniques=[technique])
        batch = next(iter_batches(images(8)))
        z = np.random.default_rng(0).standard_normal((8, LATENT_DIM)).astype("float32")
        terms = gan.generator_terms(batch, ops.convert_to_tensor(z), noise=None)
        return float(ops.convert_to_numpy(terms["feature_matching"]))

    single = [matched(name) for name in ("code", "output")]
    assert matched(["code", "output"]) == pytest.approx(sum(single), rel=1e-4)
    assert min(single) > 0


def iter_batches(x):
    from kerasgen.models import Batch

    model_domain = ops.convert_to_tensor(x.astype("float32") / 127.5 - 1.0)
    yield Batch(model_domain, None, np.arange(len(x), dtype="int32"))


def test_feature_matching_beside_the_loss_adds_to_it():
    technique = FeatureMatching("code", 1.0, replaces_loss=False)
    techniques = [technique, PullingAway("code", 0.5)]
    gan = make(autoencoder(), loss="ebgan", techniques=techniques)
    batch = next(iter_batches(images(8)))
    z = ops.convert_to_tensor(
        np.random.default_rng(0).standard_normal((8, LATENT_DIM)).astype("float32")
    )
    terms = gan.generator_terms(batch, z, noise=None)
    assert list(terms) == ["g_loss", "feature_matching", "pulling_away"]
    fake = gan.generator(z, training=True)
    energy = gan.adversarial_loss.score(fake, gan.discriminator(fake, training=True))
    values = {k: float(ops.convert_to_numpy(v)) for k, v in terms.items()}
    expected = float(ops.convert_to_numpy(ops.mean(energy)))
    expected += values["feature_matching"] + values["pulling_away"]
    assert values["g_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="samples and its output.*'nothing'"):
        make(techniques=[FeatureMatching("nothing")])


def test_features_of_a_network_with_a_reference_batch_are_the_batch_s_own():
    """Reference samples run through the layer too, and are none of the real batch."""
    reference = np.random.default_rng(1).uniform(-1, 1, (6, *SHAPE))
    x = image = keras.Input(SHAPE)
    x = layers.Dense(8)(layers.Flatten()(ReferenceBatch(reference)(x)))
    x = VirtualBatchNormalization(6, name="features")(x)
    discriminator = keras.Model(image, DropReference(6)(layers.Dense(1)(x)))
    gan = make(discriminator, techniques=[FeatureMatching("features")])
    batch = next(iter_batches(images(8)))
    features = gan.judge(batch.x).features["features"]
    assert tuple(features.shape) == (8, 8)
    whole = keras.Model(image, x)(batch.x)
    np.testing.assert_allclose(
        *(ops.convert_to_numpy(f) for f in (features, whole[:8])), atol=1e-6
    )


@pytest.mark.parametrize("rates", [(0.0, 0.01), (0.01, 0.0)])
def test_each_player_has_a_time_scale_of_its_own(rates):
    gan = make(learning_rates=rates)
    players = gan.generator, gan.discriminator
    before = [weights_of(network) for network in players]
    gan.fit(images(16), batch_size=8, verbose=0)
    for rate, network, old in zip(rates, players, before, strict=True):
        moved = [(a != b).any() for a, b in zip(old, weights_of(network), strict=True)]
        assert all(moved) if rate else not any(moved)


def test_weights_stay_within_the_clipping_limit():
    gan = make(loss="wasserstein", weight_clipping=0.05, learning_rates=(0.1, 0.1))
    gan.fit(images(24), batch_size=8, verbose=0)
    largest = [np.abs(w).max() for w in weights_of(gan.discriminator)]
    assert max(largest) == pytest.approx(0.05)
    assert max(np.abs(w).max() for w in weights_of(gan.generator)) > 0.05
    copy = GAN.from_config(gan.get_config())
    assert copy.weight_clipping == gan.weight_clipping == 0.05


def test_historical_averaging_follows_its_formula():
    """One player's steps by hand: means of all past weights, and the pull to them."""
    gan = make(historical_averaging=0.5)
    history = gan.histories["discriminator"]
    past = [weights_of(gan.discriminator)]
    for step in range(3):
        gan.fit(images(8, seed=step), batch_size=8, verbose=0)
        past.append(weights_of(gan.discriminator))
        for index, mean in enumerate(history.means):
            # Of what updates made; the start is none of them.
            expected = np.mean([weights[index] for weights in past[1:]], axis=0)
            np.testing.assert_allclose(
                ops.convert_to_numpy(mean), expected, rtol=1e-4, atol=1e-6
            )
    distance = sum(
        np.sum((w - np.mean([p[i] for p in past[1:]], axis=0)) ** 2)
        for i, w in enumerate(past[-1])
    )
    penalty = float(ops.convert_to_numpy(history.penalty()))
    assert penalty == pytest.approx(0.5 * distance, rel=1e-3)


def test_the_mean_is_of_clipped_weights():
    gan = make(weight_clipping=0.01, historical_averaging=1.0)
    gan.fit(images(32), batch_size=8, verbose=0)
    for mean in gan.histories["discriminator"].means:
        assert np.abs(ops.convert_to_numpy(mean)).max() <= 0.01 + 1e-6


@pytest.mark.parametrize("one_sided", [False, True])
def test_a_gradient_penalty_beside_batch_normalization_is_refused(one_sided):
    discriminator = networks.dcgan_discriminator(SHAPE, 4)
    penalty = GradientPenalty(1.0, one_sided)
    x = discriminator.get_layer("flatten").output
    x = layers.BatchNormalization(name="norm")(x)
    discriminator = keras.Model(discriminator.inputs, layers.Dense(1)(x))
    with pytest.raises(ValueError, match="batch_norm=False.*Received: .'norm'"):
        make(discriminator, penalties=[penalty])
    discriminator.get_layer("norm").trainable = False
    make(discriminator, penalties=[penalty])


@pytest.mark.eager
def test_a_loaded_model_starts_its_history_anew(tmp_path):
    """A mean of weights that were never trained would pull the loaded ones away."""
    gan = make(historical_averaging=0.5)
    gan.fit(images(32), batch_size=8, verbose=0)
    gan.save_to_preset(tmp_path / "gan")
    loaded = kerasgen.from_preset(tmp_path / "gan")
    loaded.compile(keras.optimizers.SGD(1e-4), keras.optimizers.SGD(1e-4))
    logs = loaded.fit(images(32), batch_size=8, verbose=0).history
    assert 0 < logs["d_historical"][0] < 1e-3


@pytest.mark.eager
def test_historical_averaging_goes_on_beside_frozen_layers():
    gan = make(historical_averaging=0.5)
    gan.fit(images(16), batch_size=8, verbose=0)
    gan.discriminator.layers[1].trainable = False
    gan.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    logs = gan.fit(images(16), batch_size=8, verbose=0).history
    assert np.isfinite(logs["d_historical"]).all()
    gan.discriminator.layers[1].trainable = True
    gan.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    gan.fit(images(16), batch_size=8, verbose=0)


class RecordingAugment:
    """Adds 1 to what it sees, and keeps the names of its streams."""

    def __init__(self):
        self.streams = []

    def __call__(self, images, noise, stream, substep=0):
        self.streams.append(stream)
        return images + 1.0


def test_both_kinds_of_samples_are_augmented_in_both_players_updates():
    augment = RecordingAugment()
    gan = make(augment=augment, loss="relativistic_average", run_eagerly=True)
    seen = []
    judge = gan.judge

    def mean(x):
        return float(ops.convert_to_numpy(ops.mean(x)))

    gan.judge = lambda x, labels: seen.append(mean(x)) or judge(x, labels)
    batch = next(iter_batches(np.full((4, *SHAPE), 255, "uint8")))
    z = ops.zeros((4, LATENT_DIM))
    fake = gan.generator(z, training=True)
    gan.discriminator_terms(batch, fake, None, 0)
    gan.generator_terms(batch, z, None)
    assert augment.streams == [
        "augment_real",
        "augment_fake",
        "augment_generated",
        "augment_compared",
    ]
    fake_mean = mean(fake) + 1.0
    np.testing.assert_allclose(seen, [2.0, fake_mean, fake_mean, 2.0], atol=1e-3)


def test_a_rest_of_one_sample_is_left_out_where_terms_compare_samples():
    gan = make(autoencoder(), loss="ebgan", techniques=[PullingAway("code", 0.5)])
    history = gan.fit(images(17), batch_size=8, verbose=0).history
    assert np.isfinite(history["pulling_away"]).all()
    with pytest.raises(ValueError, match="batches of at least 2"):
        gan.fit(images(4), batch_size=1, verbose=0)


@pytest.mark.parametrize(("counted", "dropped"), [(6, None), (6, 5), (7, 6)])
def test_layers_of_a_reference_batch_must_agree(counted, dropped):
    x = image = keras.Input(SHAPE)
    x = ReferenceBatch(np.zeros((6, *SHAPE)))(x)
    x = VirtualBatchNormalization(counted)(layers.Dense(8)(layers.Flatten()(x)))
    x = layers.Dense(1)(x)
    if dropped is not None:
        x = DropReference(dropped)(x)
    with pytest.raises(ValueError, match="one number of reference.*Received"):
        make(keras.Model(image, x))


@pytest.mark.eager
def test_historical_averaging_is_logged_and_pulls():
    """With a heavy weight the players hardly move from where they started."""
    moved = []
    for weight in (None, 1e3):
        gan = make(historical_averaging=weight, learning_rates=(1e-3, 1e-3))
        start = weights_of(gan.discriminator)
        logs = gan.fit(images(64), batch_size=8, epochs=6, verbose=0).history
        end = weights_of(gan.discriminator)
        moved.append(sum(np.sum((a - b) ** 2) for a, b in zip(start, end, strict=True)))
        assert ("d_historical" in logs) == (weight is not None)
        assert ("g_historical" in logs) == (weight is not None)
    assert moved[1] < 0.5 * moved[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"historical_averaging": 0.0},
        {"historical_averaging": -1.0},
        {"weight_clipping": 0.0},
        {"weight_clipping": np.nan},
        {"techniques": FeatureMatching("features")},
        {"techniques": [GradientPenalty()]},
        {"techniques": [FeatureMatching("features"), FeatureMatching("features", 2.0)]},
        {"augment": "color"},
        {"weight_clipping": "small"},
        {"ema_decay": "0.9"},
    ],
)
def test_bad_options(arguments):
    with pytest.raises(ValueError, match="Received: "):
        make_gan(**arguments)
