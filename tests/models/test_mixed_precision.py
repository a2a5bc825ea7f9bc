"""mixed_bfloat16 and mixed_float16: training falls, loss scaling for each player."""

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import checkpoint, models
from tests import contracts
from tests.models.tiny_gan import images, make_gan

POLICIES = ["mixed_bfloat16", "mixed_float16"]


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def scale_of(gan, player):
    return float(ops.convert_to_numpy(gan.optimizer[player].dynamic_scale))


def overflowing_optimizer(exponent):
    """Its scaled loss is finite in float32 and overflows float16 in the gradient."""
    return keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.01), initial_scale=2.0**exponent
    )


@pytest.mark.parametrize("policy", POLICIES, indirect=True)
def test_gan_trains(policy):
    gan = make_gan(learning_rates=(0.0, 0.01), ema_decay=0.5)
    assert gan.discriminator.layers[1].compute_dtype == policy.removeprefix("mixed_")
    assert {v.dtype for v in gan.trainable_variables} == {"float32"}
    history = gan.fit(images(16), batch_size=16, epochs=40, verbose=0).history
    assert np.isfinite(history["d_loss"]).all()
    assert np.mean(history["d_loss"][-10:]) < 0.8 * np.mean(history["d_loss"][:5])
    for player in gan.players:
        is_scaled = isinstance(
            gan.optimizer[player], keras.optimizers.LossScaleOptimizer
        )
        assert is_scaled == (policy == "mixed_float16")
    samples = gan.generate(3, seed=0)
    assert samples.dtype == "uint8"
    terms = gan.evaluate(images(8, seed=1), verbose=0, return_dict=True)
    assert np.isfinite([*terms.values()]).all()


@pytest.mark.parametrize("policy", POLICIES, indirect=True)
def test_wgan_gp_and_vae_train(policy):
    gan = models.wgan_gp(
        (8, 8, 1), latent_dim=3, filters=4, discriminator_steps=2, seed=0
    )
    vae = models.conv_vae((8, 8, 1), latent_dim=2, filters=4, seed=0)
    for model, optimizers in ((gan, ("adam", "adam")), (vae, ("adam",))):
        model.compile(*optimizers)
        history = model.fit(images(32), batch_size=16, epochs=6, verbose=0).history
        for values in history.values():
            assert np.isfinite(values).all()
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_an_overflow_skips_the_step_and_halves_the_scale(policy):
    gan = make_gan()
    gan.compile(overflowing_optimizer(12), overflowing_optimizer(60))
    before = [ops.convert_to_numpy(v) for v in gan.discriminator.trainable_variables]
    generator = [ops.convert_to_numpy(v) for v in gan.generator.trainable_variables]
    gan.fit(images(24), batch_size=8, verbose=0)
    # The discriminator overflowed three times, the generator never did.
    assert scale_of(gan, "discriminator") == 2.0**57
    assert scale_of(gan, "generator") == 2.0**12
    after = [ops.convert_to_numpy(v) for v in gan.discriminator.trainable_variables]
    contracts.assert_equal_states(before, after)
    after = [ops.convert_to_numpy(v) for v in gan.generator.trainable_variables]
    assert not np.array_equal(generator[0], after[0])
    # Once the scale is low enough, the discriminator moves too.
    gan.fit(images(24), batch_size=8, epochs=20, verbose=0)
    after = [ops.convert_to_numpy(v) for v in gan.discriminator.trainable_variables]
    assert all(np.isfinite(weight).all() for weight in after)
    assert not np.array_equal(before[0], after[0])


@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_the_scale_is_saved(policy, tmp_path):
    gan = make_gan()
    gan.compile(overflowing_optimizer(12), overflowing_optimizer(60))
    gan.fit(images(24), batch_size=8, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    contracts.assert_equal_states(
        [ops.convert_to_numpy(v) for v in gan.optimizer.variables],
        [ops.convert_to_numpy(v) for v in loaded.optimizer.variables],
    )
    assert scale_of(loaded, "discriminator") == 2.0**57
    state = checkpoint.CheckpointFolder(tmp_path / "checkpoints")
    state.open()
    state.save(gan, {"step": 3})
    other = make_gan()
    other.compile(overflowing_optimizer(12), overflowing_optimizer(60))
    state.load(other)
    state.close()
    assert scale_of(other, "discriminator") == 2.0**57
    contracts.assert_equal_states(gan.get_weights(), other.get_weights())


@pytest.mark.parametrize("policy", POLICIES[:1], indirect=True)
@pytest.mark.parametrize(
    "make",
    [
        lambda: models.PixelCNN((4, 4, 1), 4, num_blocks=1, filters=4),
        lambda: models.GatedPixelCNN(
            (4, 4, 1), 4, num_blocks=2, filters=4, num_classes=3
        ),
        lambda: models.PixelRNN((4, 4, 1), 4, num_layers=1, filters=4),
    ],
    ids=["pixel_cnn", "gated", "pixel_rnn"],
)
def test_pixel_models_draw(policy, make):
    model = make()
    assert model.network.compute_dtype == "bfloat16"
    assert len(np.unique(model.generate(8, seed=0))) == 4
