"""VQ-VAE: an autoencoder of discrete codes, with a prior handed in."""

import keras
import numpy as np
from keras import ops

from kerasgen import backend, likelihoods, replicas
from kerasgen.arguments import check_non_negative, check_positive_integer
from kerasgen.layers import VectorQuantizer
from kerasgen.models.code_sampling import CodeSamplingModel
from kerasgen.models.encoder_checks import check_grid_coders
from kerasgen.models.encoding_model import EncodingModel
from kerasgen.models.signatures import Signature, TensorInput
from kerasgen.models.single_player import SinglePlayer


@keras.saving.register_keras_serializable(package="kerasgen")
class VQVAE(SinglePlayer, EncodingModel, CodeSamplingModel):
    """Encoder to a grid of vectors, each replaced by the nearest code, and decoder.

    `loss = reconstruction_nats + commitment`, the latter `commitment_weight` times the
    squared distance of the encoder's vectors from their codes, the sum over a sample's
    grid; means over samples. The codebook follows the encoder's vectors on average
    (`kerasgen.layers.VectorQuantizer`). `perplexity` is exp of the entropy of the codes
    in the batch, in [1, num_codes]: how many of them are in even use.

    Codes are drawn by a prior that is trained apart, an autoregressive model over grids
    of codes as images of `num_codes` levels:

        prior = GatedPixelCNN((7, 7, 1), vqvae.num_codes, one_hot=True)
        prior.fit(vqvae.code_images(x), epochs=10)
        vqvae.set_prior(prior)
        vqvae.generate(16)

    A prior is of at most 256 codes, the levels that a uint8 image has. More of them can
    be trained, encoded and decoded, and drawn by a model of one's own for
    `decode_codes`.

    Args:
        encoder: Keras model, samples in [-1, 1] -> (B, rows, columns, code_dim).
        decoder: Keras model, (B, rows, columns, code_dim) -> parameters of the
            likelihood, shaped like the samples with `likelihood.num_parameters` times
            the channels.
        num_codes: Integer >= 1, vectors in the codebook (K in the paper).
        likelihood: As in `VAE`.
        commitment_weight: Number >= 0 (beta in the paper).
        decay: Float in (0, 1), see `VectorQuantizer`.
        restart_below: Share >= 0, see `VectorQuantizer`.
        prior: `AutoregressiveModel` over codes, or None; see `set_prior`. With a prior
            that takes labels `generate` does.
        seed: See `GenerativeModel`.
        name: Name of the model.

    Raises:
        ValueError: An argument is out of its range, or the parts do not fit together.

    Example:

    >>> import kerasgen, numpy as np
    >>> model = kerasgen.models.vq_vae((8, 8, 1), num_codes=16, code_dim=4, filters=8)
    >>> model.compile("adam")
    >>> model.encode(np.zeros((3, 8, 8, 1), "uint8")).shape
    (3, 2, 2)

    Reference: van den Oord et al. 2017, "Neural Discrete Representation Learning",
    equation 3 and appendix A.1.
    """

    encoding_names = ("codes",)
    config_objects = (*EncodingModel.config_objects, "prior")

    def __init__(
        self,
        encoder,
        decoder,
        num_codes,
        likelihood="gaussian",
        commitment_weight=0.25,
        decay=0.99,
        restart_below=0.01,
        prior=None,
        seed=None,
        name=None,
    ):
        num_codes = check_positive_integer("num_codes", num_codes)
        check_non_negative("commitment_weight", commitment_weight)
        resolved = likelihoods.get(likelihood)
        grid_shape = check_grid_coders(encoder, decoder, resolved)
        quantizer = VectorQuantizer(
            num_codes, grid_shape[-1], decay, restart_below, seed, name="quantizer"
        )
        quantizer.build((None, *grid_shape))
        super().__init__(encoder, decoder, resolved, seed=seed, name=name)
        self.quantizer = quantizer
        self.num_codes = num_codes
        self.commitment_weight = commitment_weight
        self.finish_init()
        if prior is not None:
            self.set_prior(prior)

    @property
    def players(self):
        networks = [self.encoder, self.quantizer, self.decoder, self.likelihood]
        return {"vq_vae": networks}

    @property
    def networks(self):
        prior = {} if self.prior is None else {"prior": self.prior}
        return {**super().networks, "quantizer": self.quantizer, **prior}

    @property
    def code_shape(self):
        """(rows, columns) of a sample's codes."""
        return tuple(self.encoder.outputs[0].shape[1:3])

    @property
    def training_terms(self):
        return ("loss", "reconstruction_nats", "commitment", "mse", "perplexity")

    def training_step(self, batch, noise):
        self.update("vq_vae", lambda: self._terms(batch.x, True), batch)

    def evaluation_step(self, batch, noise):
        return self._terms(batch.x, False)

    def _terms(self, x, training):
        vectors = backend.call_network(self.encoder, x, training)
        vectors = ops.cast(vectors, "float32")
        quantized, codes = self.quantizer.call_with_codes(vectors, training)
        parameters = backend.call_network(self.decoder, quantized, training)
        terms = self.reconstruction_terms(x, parameters)
        distance = ops.square(vectors - ops.stop_gradient(quantized))
        commitment = ops.mean(ops.sum(distance, axis=(1, 2, 3)))
        weighted = self.commitment_weight * commitment
        return {
            "loss": terms["reconstruction_nats"] + weighted,
            **terms,
            "commitment": commitment,
            "perplexity": self._perplexity(codes),
        }

    def _perplexity(self, codes):
        chosen = ops.one_hot(ops.reshape(codes, (-1,)), self.num_codes, dtype="float32")
        shares = replicas.mean(ops.mean(chosen, axis=0))
        return ops.exp(-ops.sum(shares * ops.log(ops.maximum(shares, 1e-12))))

    # Codes.

    def encode_tensor(self, x, labels=None):
        """Codes, tensors to a tuple of one int32 tensor, for graphs."""
        vectors = self.encoder(self.to_model_domain(x), training=False)
        return (self.quantizer.nearest(vectors),)

    def decode_codes(self, codes, batch_size=256):
        """Samples of codes.

        Args:
            codes: int (B, rows, columns) in [0, num_codes), as `encode` returns them.
            batch_size: Samples computed at once.

        Returns:
            uint8 (B, H, W, C).

        Raises:
            TypeError: The codes are not integers.
            ValueError: Their shape is another, or an argument is out of range.
        """
        check_positive_integer("batch_size", batch_size)
        codes = np.asarray(codes)
        if not np.issubdtype(codes.dtype, np.integer):
            raise TypeError(f"Expected integer codes. Received: dtype={codes.dtype}")
        if codes.shape[1:] != self.code_shape or not len(codes):
            raise ValueError(
                f"Expected codes of shape (num, {self.code_shape[0]}, "
                f"{self.code_shape[1]}). Received: {codes.shape}"
            )
        if codes.min() < 0 or codes.max() >= self.num_codes:
            raise ValueError(
                f"Expected codes in [0, {self.num_codes}). "
                f"Received: values in [{codes.min()}, {codes.max()}]"
            )
        decode = self.compiled_function("decode", self.decode_codes_tensor)
        parts = [
            ops.convert_to_numpy(decode(codes[start : start + batch_size]))
            for start in range(0, len(codes), batch_size)
        ]
        return np.concatenate(parts)

    def decode_codes_tensor(self, codes):
        """Codes to samples in the data domain, tensors to tensors, for graphs."""
        return self.to_data_domain(self._decode(self.quantizer.lookup(codes)))

    def _decode(self, quantized):
        return self.likelihood.mean(self.decoder(quantized, training=False))

    def reconstruct_tensor(self, x, labels=None):
        """Samples decoded from their codes, tensors to tensors."""
        vectors = self.encoder(x, training=False)
        return self._decode(self.quantizer(vectors, training=False))

    def export_signatures(self):
        """Decoding ("serve"), "encode", "reconstruct"; with a prior "generate"."""
        codes = TensorInput(
            (None, *self.code_shape), "int32", low=0, high=self.num_codes - 1
        )
        signatures = {
            name: signature._replace(may_part=True)
            for name, signature in super().export_signatures().items()
            if name != "generate" or self.prior is not None
        }
        return {"serve": Signature(self._serve_codes, {"codes": codes}), **signatures}

    def _serve_codes(self, codes):
        return {self.data_name: self.decode_codes_tensor(codes)}

    def get_config(self):
        return {
            **super().get_config(),
            "num_codes": self.num_codes,
            "commitment_weight": self.commitment_weight,
            "decay": self.quantizer.decay,
            "restart_below": self.quantizer.restart_below,
        }
