"""The networks of pythae's VAE, brought to kerasgen to be judged there."""

import types

import numpy as np
import pytest

from training.benchmarks import vae_vs_pythae


@pytest.mark.eager
def test_a_copy_makes_of_grey_levels_what_pythae_makes_of_shares():
    """pythae sees images in [0, 1], kerasgen's networks the same ones in [-1, 1]."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    linear = torch.nn.Linear
    encoder = types.SimpleNamespace(
        layers=[[linear(784, 512)]],
        embedding=linear(512, 16),
        log_var=linear(512, 16),
    )
    decoder = types.SimpleNamespace(layers=[[linear(16, 512)], [linear(512, 784)]])
    theirs = types.SimpleNamespace(encoder=encoder, decoder=decoder)
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), "uint8")
    with torch.no_grad():
        shares = torch.from_numpy(images.reshape(3, -1).astype("float32") / 255)
        hidden = encoder.layers[0][0](shares).relu()
        mean, log_var = encoder.embedding(hidden), encoder.log_var(hidden)
        brought = decoder.layers[1][0](decoder.layers[0][0](mean).relu()).sigmoid()
    model = vae_vs_pythae._copied(theirs)
    found = model.encode_distribution(images)
    for ours, expected in zip(found, (mean, log_var), strict=True):
        np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5)
    levels = 255 * brought.numpy().reshape(3, 28, 28, 1)
    assert np.abs(model.decode_path(mean.numpy()) - levels).max() <= 1
