"""Autoencoders with ready networks."""

from kerasgen import likelihoods
from kerasgen.arguments import check_positive_integer
from kerasgen.models.adversarial_autoencoder import AdversarialAutoencoder
from kerasgen.models.autoencoder import Autoencoder, DenoisingAutoencoder
from kerasgen.models.vq_vae import VQVAE
from kerasgen.networks.autoencoding import conv_coders, conv_decoder, dense_coders
from kerasgen.networks.backbone import backbone_encoder
from kerasgen.networks.mlp import mlp
from kerasgen.networks.shapes import check_hidden
from kerasgen.networks.vector_quantized import vq_decoder, vq_encoder


def dense_autoencoder(
    data_shape,
    latent_dim=16,
    hidden=(512, 256),
    likelihood="gaussian",
    code_activation=None,
    sparsity=None,
    corruption=None,
    seed=None,
    name="dense_autoencoder",
):
    """Autoencoder of dense layers, for images or vectors.

    Args:
        data_shape: (height, width, channels) or (features,).
        latent_dim: Size of z.
        hidden: Units of the encoder's hidden layers; the decoder mirrors them. None at
            all, (), and a linear code span what PCA does.
        likelihood: See `Autoencoder`.
        code_activation: Activation of z: "relu" and "sigmoid" suit sparse codes;
            linear by default.
        sparsity: See `Autoencoder`.
        corruption: See `DenoisingAutoencoder`; None for a plain one.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `Autoencoder` or `DenoisingAutoencoder`, to be compiled.

    Raises:
        ValueError: An argument is out of its range.
    """
    likelihood = likelihoods.get(likelihood)
    encoder, decoder = dense_coders(
        data_shape,
        latent_dim,
        hidden,
        likelihood.num_parameters,
        activation=code_activation,
    )
    return _autoencoder(encoder, decoder, likelihood, sparsity, corruption, seed, name)


def conv_autoencoder(
    image_shape,
    latent_dim=16,
    filters=32,
    likelihood="gaussian",
    code_activation=None,
    sparsity=None,
    corruption=None,
    seed=None,
    name="conv_autoencoder",
):
    """Autoencoder of strided convolutions, for images.

    Args:
        image_shape: (height, width, channels): even sizes from 8 to 128, 1 or 3
            channels.
        latent_dim: Size of z.
        filters: Filters next to the image; they double at each smaller size.
        likelihood: See `Autoencoder`.
        code_activation: As in `dense_autoencoder`.
        sparsity: See `Autoencoder`.
        corruption: As in `dense_autoencoder`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `Autoencoder` or `DenoisingAutoencoder`, to be compiled.

    Raises:
        ValueError: The architecture does not admit the image shape.
    """
    likelihood = likelihoods.get(likelihood)
    encoder, decoder = conv_coders(
        image_shape,
        latent_dim,
        filters,
        likelihood.num_parameters,
        activation=code_activation,
    )
    return _autoencoder(encoder, decoder, likelihood, sparsity, corruption, seed, name)


def backbone_autoencoder(
    image_shape,
    latent_dim=64,
    backbone="MobileNetV2",
    weights="imagenet",
    input_size=None,
    trainable=False,
    filters=32,
    likelihood="gaussian",
    sparsity=None,
    corruption=None,
    seed=None,
    name="backbone_autoencoder",
):
    """Autoencoder whose encoder rests on a network of `keras.applications`.

    Args:
        image_shape: (height, width, channels): even sizes from 8 to 128, 1 or 3
            channels.
        latent_dim: Size of z.
        backbone: Name of a function of `keras.applications`.
        weights: "imagenet", which is downloaded, a path, or None for random weights.
        input_size: (height, width) that the backbone sees; None for the images' own
            size, at least 32 x 32.
        trainable: Whether the backbone is trained, or the last layer alone.
        filters: Filters of the decoder next to the image, as in `conv_autoencoder`.
        likelihood: See `Autoencoder`.
        sparsity: See `Autoencoder`.
        corruption: As in `dense_autoencoder`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `Autoencoder` or `DenoisingAutoencoder`, to be compiled.

    Raises:
        ValueError: There is no such backbone, or the architecture does not admit the
            image shape.
        PresetError: The weights cannot be downloaded.
    """
    latent_dim = check_positive_integer("latent_dim", latent_dim)
    check_positive_integer("filters", filters)
    likelihood = likelihoods.get(likelihood)
    decoder = conv_decoder(image_shape, latent_dim, likelihood.num_parameters, filters)
    encoder = backbone_encoder(
        image_shape, latent_dim, backbone, weights, input_size, trainable
    )
    return _autoencoder(encoder, decoder, likelihood, sparsity, corruption, seed, name)


def autorec(
    num_items,
    latent_dim=64,
    unobserved_weight=0.0,
    corruption=None,
    seed=None,
    name="autorec",
):
    """AutoRec: a user's ratings brought back from a sigmoid code, the gaps filled.

    Trained on rows of a `kerasgen.datasets.InteractionDataset`, which takes no negative
    values, it scores items by their reconstruction
    (`kerasgen.recommendation.recommend`). Dense vectors may hold negative ones, such as
    ratings less their mean; 0 is not observed. The paper's weight decay is the
    optimizer's: `keras.optimizers.AdamW`.

    Args:
        num_items: Columns of the interactions.
        latent_dim: Units of the hidden layer.
        unobserved_weight: See `kerasgen.likelihoods.ObservedGaussian`: 0 for ratings,
            as in the paper; more for interactions whose presence is the signal.
        corruption: As in `dense_autoencoder`; `MaskingNoise` asks the model for items
            that it does not see.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `Autoencoder` or `DenoisingAutoencoder`, to be compiled.

    Raises:
        ValueError: An argument is out of its range.

    Reference: Sedhain et al. 2015, "AutoRec: Autoencoders Meet Collaborative
    Filtering", U-AutoRec.
    """
    return dense_autoencoder(
        (check_positive_integer("num_items", num_items),),
        latent_dim,
        hidden=(),
        likelihood=likelihoods.ObservedGaussian(unobserved_weight),
        code_activation="sigmoid",
        corruption=corruption,
        seed=seed,
        name=name,
    )


def adversarial_autoencoder(
    data_shape,
    latent_dim=8,
    hidden=(512, 256),
    discriminator_hidden=(256, 256),
    likelihood="bernoulli",
    loss="non_saturating",
    seed=None,
    name="adversarial_autoencoder",
):
    """Adversarial autoencoder of dense layers, for images or vectors.

    Args:
        data_shape: (height, width, channels) or (features,).
        latent_dim: Size of z.
        hidden: Units of the encoder's hidden layers; the decoder mirrors them.
        discriminator_hidden: Units of the hidden layers of the codes' discriminator.
        likelihood: See `AdversarialAutoencoder`.
        loss: See `AdversarialAutoencoder`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `AdversarialAutoencoder`, to be compiled.

    Raises:
        ValueError: An argument is out of its range.
    """
    check_hidden(discriminator_hidden, "discriminator_hidden")
    likelihood = likelihoods.get(likelihood)
    return AdversarialAutoencoder(
        *dense_coders(data_shape, latent_dim, hidden, likelihood.num_parameters),
        mlp(latent_dim, 1, discriminator_hidden, name="discriminator"),
        likelihood=likelihood,
        loss=loss,
        seed=seed,
        name=name,
    )


def vq_vae(
    image_shape,
    num_codes=128,
    code_dim=16,
    filters=64,
    num_blocks=2,
    num_halvings=2,
    likelihood="gaussian",
    commitment_weight=0.25,
    seed=None,
    name="vq_vae",
):
    """VQ-VAE of strided convolutions and residual blocks.

    Args:
        image_shape: (height, width, channels): multiples of 2^num_halvings from 8 to
            128, 1 or 3 channels.
        num_codes: Vectors in the codebook.
        code_dim: Size of each.
        filters: Filters of encoder and decoder.
        num_blocks: Residual blocks of each.
        num_halvings: A code stands for 2^num_halvings pixels a side.
        likelihood: See `VQVAE`.
        commitment_weight: See `VQVAE`.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Returns:
        `VQVAE`, to be compiled.

    Raises:
        ValueError: The architecture does not admit the image shape.
    """
    for argument, value in (
        ("code_dim", code_dim),
        ("filters", filters),
        ("num_blocks", num_blocks),
    ):
        check_positive_integer(argument, value)
    likelihood = likelihoods.get(likelihood)
    return VQVAE(
        vq_encoder(image_shape, code_dim, filters, num_blocks, num_halvings),
        vq_decoder(
            image_shape,
            code_dim,
            likelihood.num_parameters,
            filters,
            num_blocks,
            num_halvings,
        ),
        num_codes,
        likelihood=likelihood,
        commitment_weight=commitment_weight,
        seed=seed,
        name=name,
    )


def _autoencoder(encoder, decoder, likelihood, sparsity, corruption, seed, name):
    if corruption is None:
        return Autoencoder(encoder, decoder, likelihood, sparsity, seed, name)
    return DenoisingAutoencoder(
        encoder, decoder, corruption, likelihood, sparsity, seed, name
    )
