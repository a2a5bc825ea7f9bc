"""What tells whether a GAN trains well: measures of both players, which they survive.

Everything here runs in inference mode and changes no variable. The discriminator judges
batches as large as those of training: layers such as `MinibatchDiscrimination` compare
the samples of a batch, and what they say depends on its size.
"""

import itertools

import numpy as np
from keras import ops
from scipy.spatial.distance import pdist

from kerasgen import backend, losses
from kerasgen.penalties import gradient_norm


def measure_health(gan, real, held_out, latents, batch_size):
    """Measures of one moment of training.

    Args:
        gan: `GAN`.
        real: Pair of float32 training samples (B, ...) in the model domain and int32
            labels or None.
        held_out: Such a pair of samples that are not trained on, or None.
        latents: float32 (B, latent_dim), B that of `real`.
        batch_size: Samples that the discriminator judges at once, of each kind; fewer
            where there are not as many reals or held-out samples. Samples beyond the
            last full batch are not judged.

    Returns:
        Dict of name to float, means over the batches: `real_accuracy`,
        `held_out_accuracy` (NaN without such samples) and `fake_accuracy` in [0, 1];
        `discriminator_gradient` and `generator_gradient`, Euclidean norms of the
        adversarial losses' gradients by the weights; `gradient_ratio`, the generator's
        over that of the non-saturating loss of the same logits (NaN where a technique
        replaces its loss, and for energies, which are no logits); `lipschitz`, the
        largest gradient norm of the scores by the sample, over reals, fakes and points
        between of all batches; `diversity`, mean distance of all pairs of fakes over
        that of reals; `layers`, dict of player and layer to the gradient norm of its
        weights.
    """
    size = min(batch_size, *(len(part[0]) for part in (real, held_out) if part))
    batches = _batches(size, *real, latents)
    scores = [_pair_of_scores(gan, *batch) for batch in batches]
    real_accuracy, fake_accuracy = _mean_accuracies(gan, scores)
    held_out_accuracy = np.nan
    if held_out is not None:
        held_scores = [_scores(gan, *batch) for batch in _batches(size, *held_out)]
        # A loss may compare them with fakes, of which there may be fewer batches.
        fakes = itertools.cycle(fake for _, fake in scores)
        held_out_accuracy, _ = _mean_accuracies(
            gan, zip(held_scores, fakes, strict=False)
        )
    layers = {
        **_layer_norms(gan, "discriminator", batches, gan.adversarial_loss),
        **_layer_norms(gan, "generator", batches, gan.adversarial_loss),
    }
    steady = _layer_norms(gan, "generator", batches, losses.non_saturating).values()
    gradients = {
        player: _norm([n for (owner, _), n in layers.items() if owner == player])
        for player in ("discriminator", "generator")
    }
    ratio = gradients["generator"] / max(_norm(steady), 1e-30)
    replaced = any(technique.replaces_loss for technique in gan.techniques)
    if replaced or not gan.adversarial_loss.real_scores_are_high:
        ratio = np.nan
    x, labels = map(_to_tensor, real)
    fake = _fakes(gan, _to_tensor(latents), labels)
    return {
        "real_accuracy": real_accuracy,
        "held_out_accuracy": held_out_accuracy,
        "fake_accuracy": fake_accuracy,
        "discriminator_gradient": gradients["discriminator"],
        "generator_gradient": gradients["generator"],
        "gradient_ratio": ratio,
        "lipschitz": max(_lipschitz(gan, *batch) for batch in batches),
        "diversity": _mean_distance(fake) / max(_mean_distance(x), 1e-30),
        "layers": layers,
    }


def _batches(size, *arrays):
    """List of tuples of tensors of `size` rows of each array, or None where it is."""
    return [
        [_to_tensor(None if a is None else a[start : start + size]) for a in arrays]
        for start in range(0, len(arrays[0]) - size + 1, size)
    ]


def _fakes(gan, latents, labels):
    return gan.decode(latents, use_ema=False, labels=labels)


def _scores(gan, x, labels):
    return gan.judge(x, labels, training=False).logits


def _pair_of_scores(gan, x, labels, latents):
    fake = _fakes(gan, latents, labels)
    return _scores(gan, x, labels), _scores(gan, fake, labels)


def _mean_accuracies(gan, scores):
    """Means over pairs of scores of reals and fakes: two floats."""
    pairs = [gan.adversarial_loss.accuracies(*pair) for pair in scores]
    return np.mean([[_number(v) for v in pair] for pair in pairs], axis=0).tolist()


def _layer_norms(gan, player, batches, loss):
    """Gradient norm of each layer's weights: dict of (player, layer) to float."""

    def objective():
        values = [
            getattr(loss, player)(*_pair_of_scores(gan, *batch)) for batch in batches
        ]
        return sum(values) / len(values), ()

    network = gan.players[player][0]
    variables = network.trainable_variables
    _, gradients = backend.value_and_grad(objective, variables)
    squares = {}
    for variable, gradient in zip(variables, gradients, strict=True):
        layer = variable.path.rsplit("/", 1)[0]
        values = ops.convert_to_numpy(gradient).astype("float64")
        squares[player, layer] = squares.get((player, layer), 0.0) + np.sum(values**2)
    return {name: float(np.sqrt(square)) for name, square in squares.items()}


def _lipschitz(gan, x, labels, latents):
    fake = _fakes(gan, latents, labels)
    middle = 0.5 * (x + fake)
    norms = [
        gradient_norm(lambda points: _scores(gan, points, labels), points)
        for points in (x, fake, middle)
    ]
    return max(float(ops.convert_to_numpy(norm).max()) for norm in norms)


def _mean_distance(samples):
    flat = ops.convert_to_numpy(samples).astype("float64").reshape(len(samples), -1)
    return float(pdist(flat).mean())


def _norm(values):
    return float(np.sqrt(sum(value**2 for value in values)))


def _to_tensor(array):
    return None if array is None else ops.convert_to_tensor(array)


def _number(tensor):
    return float(ops.convert_to_numpy(tensor))
