"""What the parts of a GAN must be to fit together."""

import warnings

import keras

from kerasgen.arguments import is_finite_number
from kerasgen.layers import (
    DropReference,
    MinibatchDiscrimination,
    MinibatchStdDev,
    ReferenceBatch,
    SpectralNormalization,
    VirtualBatchNormalization,
)
from kerasgen.losses.discriminator_head import output_range
from kerasgen.models.network_graph import inputs_behind
from kerasgen.techniques import AuxiliaryClassifier, Technique

# Layers by which an output depends on the other samples of the batch.
COMPARING = (MinibatchDiscrimination, MinibatchStdDev)


def check_networks(generator, discriminator, latent_dim, num_classes):
    """Raises ValueError unless the networks fit each other and the classes.

    Args:
        generator: See `GAN`.
        discriminator: See `GAN`.
        latent_dim: Size of z.
        num_classes: Number of classes, or None.
    """
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        has_graph = bool(getattr(network, "inputs", None))
        if not isinstance(network, keras.Model) or not network.built or not has_graph:
            raise ValueError(
                f"`{name}` is a built keras.Model (Functional, or Sequential with an "
                f"Input). Received: {network!r}"
            )
    if generator is discriminator:
        raise ValueError(f"Expected two networks. Received: {generator.name} twice")
    check_nothing_shared([("generator", generator), ("discriminator", discriminator)])
    _check_samples_alone(generator)
    _check_inputs("generator", generator, (latent_dim,), num_classes)
    shape = tuple(generator.outputs[0].shape[1:])
    if tuple(discriminator.inputs[0].shape[1:]) != shape:
        raise ValueError(
            "The generator makes what the discriminator takes: expected equal shapes. "
            f"Received: {generator.output_shape} and {discriminator.input_shape}"
        )
    _check_inputs("discriminator", discriminator, shape, num_classes)
    _check_heads(discriminator, num_classes)
    check_reference_batches("generator", generator)
    check_reference_batches("discriminator", discriminator)
    if num_classes is not None:
        if len(generator.inputs) != 2:
            raise ValueError(
                "A conditional generator takes z and labels. "
                f"Received: {len(generator.inputs)} input(s), {num_classes=}"
            )
        if len(discriminator.inputs) + len(discriminator.outputs) < 3:
            raise ValueError(
                "A conditional discriminator takes samples and labels, or has a second "
                "output of class logits. Received: one input and one output, "
                f"{num_classes=}"
            )


def check_nothing_shared(networks):
    """Raises ValueError if networks of different owners have a variable in common.

    Args:
        networks: List of pairs: the owner's name, and a built Keras model.
    """
    owners = {}
    for owner, network in networks:
        for variable in network.variables:
            other = owners.setdefault(id(variable), owner)
            if other != owner:
                raise ValueError(
                    "Players train against each other: expected networks with weights "
                    f"of their own. Received: `{other}` and `{owner}` share "
                    f"{variable.path}"
                )


def _check_samples_alone(generator):
    mixing = [layer.name for layer in _layers(generator, COMPARING)]
    if mixing:
        raise ValueError(
            "Layers that compare the samples of a batch show a discriminator how alike "
            "they are; a generator's sample would depend on the others of its batch: "
            f"expected none in the generator. Received: {mixing}"
        )


def _check_inputs(name, network, shape, num_classes):
    first, *rest = network.inputs
    if tuple(first.shape[1:]) != shape:
        raise ValueError(
            f"`{name}` takes samples of shape {shape} as its first input. "
            f"Received: input_shape={network.input_shape}"
        )
    fits = not rest or (
        len(rest) == 1
        and num_classes is not None
        and len(rest[0].shape) == 1
        and "int" in rest[0].dtype
    )
    if not fits:
        raise ValueError(
            f"The second input of `{name}` is integer labels of shape (batch,), beside "
            f"num_classes. Received: input_shape={network.input_shape}, "
            f"dtypes {[item.dtype for item in network.inputs]}, {num_classes=}"
        )


def _check_heads(discriminator, num_classes):
    shapes = [tuple(output.shape) for output in discriminator.outputs]
    if len(shapes) == 2 and num_classes is None:
        raise ValueError(
            "A discriminator with a second output, class logits, trains on labels: "
            "expected num_classes, and a generator that takes them, as "
            f"kerasgen.models.acgan makes. Received: {shapes}, num_classes=None"
        )
    if len(shapes) > 2 or (len(shapes) == 2 and shapes[1] != (None, num_classes)):
        raise ValueError(
            "`discriminator` has one output of logits, and at most a second of class "
            f"logits (batch, num_classes). Received: {shapes}, {num_classes=}"
        )
    if len(shapes) == 2 and 1 in inputs_behind(discriminator, 1):
        raise ValueError(
            "Class logits that see the labels repeat them, and teach a generator "
            "nothing: expected a second output that depends on the samples alone. "
            f"Received: an output of {discriminator.name} that depends on its second "
            "input"
        )


def check_penalties(penalties, discriminator):
    """The penalties as a tuple; raises ValueError for what does not fit.

    Args:
        penalties: See `GAN`.
        discriminator: Built Keras model.
    """
    if not isinstance(penalties, list | tuple):
        raise ValueError(
            f"`penalties` is a list of penalties. Received: penalties={penalties!r}"
        )
    for penalty in penalties:
        is_named = isinstance(getattr(penalty, "name", None), str)
        if not callable(penalty) or isinstance(penalty, type) or not is_named:
            raise ValueError(
                "A penalty is an object with a `name`, such as those of "
                f"kerasgen.penalties. Received: {penalty!r}"
            )
    names = [penalty.name for penalty in penalties]
    if len({*names}) < len(names):
        raise ValueError(
            "Expected penalties of different names, under which they are logged and "
            f"draw their noise. Received: {names}"
        )
    mixing = [
        layer.name
        for layer in _layers(discriminator, keras.layers.BatchNormalization)
        if layer.trainable
    ]
    for penalty in penalties:
        if mixing and getattr(penalty, "is_per_sample", False):
            raise ValueError(
                f"`{type(penalty).__name__}` bounds the gradient of each sample's own "
                "score, and under BatchNormalization a score depends on the other "
                "samples: expected a discriminator with LayerNormalization, "
                "InstanceNormalization or none, as `dcgan_discriminator("
                f"batch_norm=False)` makes. Received: {mixing}"
            )
    return tuple(penalties)


def check_techniques(techniques, discriminator):
    """The techniques as a tuple; raises ValueError for what does not fit.

    Args:
        techniques: See `GAN`.
        discriminator: Built Keras model.
    """
    if not isinstance(techniques, list | tuple):
        raise ValueError(
            f"`techniques` is a list of techniques. Received: techniques={techniques!r}"
        )
    names = []
    for technique in techniques:
        if not isinstance(technique, Technique):
            raise ValueError(
                "A technique is an object of kerasgen.techniques. "
                f"Received: {technique!r}"
            )
        names += [*technique.discriminator_names, *technique.generator_names]
    if len({*names}) < len(names):
        raise ValueError(f"Expected each technique once. Received: {techniques!r}")
    has_classifier = any(isinstance(t, AuxiliaryClassifier) for t in techniques)
    if has_classifier != (len(discriminator.outputs) == 2):
        raise ValueError(
            "`AuxiliaryClassifier` goes with a discriminator whose second output is "
            f"class logits, and `num_classes`. Received: {len(discriminator.outputs)} "
            f"output(s), techniques={techniques!r}"
        )
    if has_classifier:
        bounds = output_range(discriminator, 1)
        if bounds is not None:
            raise ValueError(
                "`AuxiliaryClassifier` takes class logits, of which it makes a softmax "
                "itself: make the last layer of the second output linear "
                f"(activation=None). Received: outputs from {bounds[0]:g} to "
                f"{bounds[1]:g}"
            )
    return tuple(techniques)


def check_reference_batches(name, network):
    """Raises ValueError unless the layers of virtual batch norm agree.

    Args:
        name: What the network is called.
        network: Built Keras model.
    """
    added, counted, dropped = (
        _layers(network, kind)
        for kind in (ReferenceBatch, VirtualBatchNormalization, DropReference)
    )
    sizes = {layer.reference_shape[0] for layer in added}
    sizes |= {layer.num_reference for layer in (*counted, *dropped)}
    if len(sizes) > 1 or bool(added) != bool(dropped) or (counted and not added):
        raise ValueError(
            f"The reference batch of `{name}` is appended by ReferenceBatch, counted "
            "by VirtualBatchNormalization and taken out by DropReference: expected "
            "the first and the last, and one number of reference samples. Received: "
            f"{len(added)}, {len(counted)} and {len(dropped)} of these layers, "
            f"num_reference={sorted(sizes)}"
        )


def check_fraction(name, value):
    """None, or a float in (0, 1); raises ValueError otherwise."""
    if value is not None and not (is_finite_number(value) and 0 < value < 1):
        raise ValueError(f"`{name}` is None or in (0, 1). Received: {name}={value!r}")
    return value


def check_positive(name, value):
    """None, or a finite float > 0; raises ValueError otherwise."""
    if value is not None and not (is_finite_number(value) and value > 0):
        raise ValueError(
            f"`{name}` is None or a finite number > 0. Received: {name}={value!r}"
        )
    return value


def check_augment(augment, data_shape):
    """Raises ValueError unless it is None or a function of images and noise.

    Args:
        augment: See `GAN`.
        data_shape: Shape of one sample.
    """
    if augment is not None and len(data_shape) != 3:
        raise ValueError(
            "`augment` is for images: expected None for samples of shape "
            f"{data_shape}. Received: augment={augment!r}"
        )
    if augment is not None and (not callable(augment) or isinstance(augment, type)):
        raise ValueError(
            "`augment` is None or an object such as kerasgen.augmentation.DiffAugment. "
            f"Received: augment={augment!r}"
        )


def check_weight_clipping(weight_clipping, discriminator):
    """Raises ValueError unless it is None or a limit that the weights obey.

    Args:
        weight_clipping: See `GAN`.
        discriminator: Built Keras model.
    """
    check_positive("weight_clipping", weight_clipping)
    normalized = [layer.name for layer in _layers(discriminator, SpectralNormalization)]
    if weight_clipping is not None and normalized:
        raise ValueError(
            "Spectral normalization divides a weight by its largest singular value, "
            "whatever limit it was clipped to: expected weight_clipping=None, or no "
            f"such layer. Received: weight_clipping={weight_clipping}, {normalized}"
        )


def warn_of_free_critic(gan):
    """Warns where nothing keeps the critic of a Wasserstein loss Lipschitz.

    Args:
        gan: `GAN`.
    """
    is_kept = (
        gan.penalties
        or gan.weight_clipping is not None
        or _layers(gan.discriminator, SpectralNormalization)
        or any(
            getattr(layer, "kernel_constraint", None) is not None
            for layer in gan.discriminator._flatten_layers()
        )
    )
    if gan.adversarial_loss.needs_lipschitz_critic and not is_kept:
        warnings.warn(
            f"Nothing keeps the critic of {gan.name} Lipschitz, so that the "
            "Wasserstein loss has no end: add "
            "penalties=[kerasgen.penalties.GradientPenalty(10.0)], "
            "weight_clipping=0.01 or spectral normalisation.",
            stacklevel=3,
        )


def _layers(network, kind):
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]
