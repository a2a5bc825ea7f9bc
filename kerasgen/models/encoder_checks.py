"""What the networks of a model with an encoder and a decoder must be."""

import keras


def check_coder(name, network, num_classes):
    """Raises ValueError unless it is built, has one output, and labels if asked to.

    Args:
        name: What messages call it.
        network: Keras model of one input, or, of a conditional model, of two.
        num_classes: Number of classes, or None.
    """
    has_graph = bool(getattr(network, "inputs", None))
    if not isinstance(network, keras.Model) or not network.built or not has_graph:
        raise ValueError(
            f"`{name}` is a built keras.Model (Functional, or Sequential with an "
            f"Input). Received: {network!r}"
        )
    if len(network.outputs) != 1:
        raise ValueError(
            f"`{name}` has one output. "
            f"Received: outputs of shape {[tuple(o.shape) for o in network.outputs]}"
        )
    first, *rest = network.inputs
    if num_classes is None and not rest:
        return
    takes_labels = len(rest) == 1 and (
        len(rest[0].shape) == 1 and "int" in rest[0].dtype
    )
    if num_classes is None or not takes_labels:
        wanted = "one input" if num_classes is None else "a second one, int labels (B,)"
        raise ValueError(
            f"`{name}` has {wanted}, beside num_classes={num_classes}. "
            f"Received: inputs of shape {[tuple(i.shape) for i in network.inputs]}, "
            f"dtypes {[i.dtype for i in network.inputs]}"
        )


def check_coders(encoder, decoder, likelihood, codes_per_latent=1, num_classes=None):
    """Raises ValueError unless encoder, decoder and likelihood fit together.

    Args:
        encoder: Keras model, samples -> (B, codes_per_latent * latent_dim).
        decoder: Keras model, (B, latent_dim) -> parameters of the likelihood.
        likelihood: `kerasgen.likelihoods.Likelihood`.
        codes_per_latent: 2 of an encoder that emits means and log-variances.
        num_classes: Number of classes of a conditional model, or None.
    """
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        check_coder(name, network, num_classes)
    if encoder is decoder:
        raise ValueError(f"Expected two networks. Received: {encoder.name} twice")
    latent_shape = decoder.inputs[0].shape
    if len(latent_shape) != 2:
        raise ValueError(
            "`decoder` takes latents of shape (batch, latent_dim). "
            f"Received: {tuple(latent_shape)}"
        )
    latent_dim = latent_shape[-1]
    if tuple(encoder.outputs[0].shape[1:]) != (codes_per_latent * latent_dim,):
        what = "the mean and log-variance of z" if codes_per_latent == 2 else "z"
        raise ValueError(
            f"`encoder` emits {what}: expected output shape "
            f"(batch, {codes_per_latent * latent_dim}) for the decoder's "
            f"latent_dim={latent_dim}. Received: {tuple(encoder.outputs[0].shape)}"
        )
    check_decoder_output(encoder, decoder, likelihood)


def check_grid_coders(encoder, decoder, likelihood):
    """The shape (rows, columns, code_dim) that the encoder emits and the decoder takes.

    Args:
        encoder: Keras model, samples -> (B, rows, columns, code_dim).
        decoder: Keras model, (B, rows, columns, code_dim) -> parameters of the
            likelihood.
        likelihood: As in `check_coders`.

    Raises:
        ValueError: The parts do not fit together.
    """
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        check_coder(name, network, None)
    grid = tuple(encoder.outputs[0].shape[1:])
    if len(grid) != 3 or tuple(decoder.inputs[0].shape[1:]) != grid:
        raise ValueError(
            "`encoder` emits a grid of vectors, (batch, rows, columns, code_dim), and "
            f"`decoder` takes it. Received: outputs {tuple(encoder.outputs[0].shape)} "
            f"and inputs {tuple(decoder.inputs[0].shape)}"
        )
    check_decoder_output(encoder, decoder, likelihood)
    return grid


def check_decoder_output(encoder, decoder, likelihood):
    """Raises ValueError unless the decoder emits the likelihood's parameters.

    Args:
        encoder: As in `check_coders`.
        decoder: As in `check_coders`.
        likelihood: As in `check_coders`.
    """
    *shape, channels = encoder.inputs[0].shape[1:]
    expected = (*shape, channels * likelihood.num_parameters)
    if tuple(decoder.outputs[0].shape[1:]) != expected:
        raise ValueError(
            f"`decoder` emits {likelihood.num_parameters} parameter(s) a channel for "
            f"{type(likelihood).__name__}: expected output shape (batch, "
            f"{', '.join(map(str, expected))}). "
            f"Received: {tuple(decoder.outputs[0].shape)}"
        )
