"""Models with an encoder to a vector of latents and a decoder back."""

import numpy as np
from keras import ops

from kerasgen import seeds
from kerasgen.models.decoding_model import DecodingModel
from kerasgen.models.encoding_model import EncodingModel
from kerasgen.models.inputs import DataSpec
from kerasgen.models.latents import interpolate_latents


class AutoencodingModel(EncodingModel, DecodingModel):
    """Base of models that encode to vectors and decode them; see `EncodingModel`."""

    def __init__(self, encoder, decoder, likelihood, seed=None, name=None):
        super().__init__(encoder, decoder, likelihood, seed=seed, name=name)
        self.latent_dim = decoder.inputs[0].shape[-1]

    def data_spec(self, value_range=None):
        return DataSpec(
            self.data_shape,
            self.num_classes,
            value_range,
            is_bounded=self.likelihood.is_bounded,
        )

    def encode_tensor(self, x, labels=None):
        """Codes, tensors to a tuple of one tensor, for graphs."""
        z = self.encoder(self.to_model_domain(x), training=False)
        return (ops.cast(z, "float32"),)

    def decode(self, z, use_ema=True):
        return self.likelihood.mean(self.decoder(z, training=False))

    def reconstruct_tensor(self, x, labels=None):
        """Samples decoded from their codes, tensors to tensors."""
        given = () if labels is None else (labels,)
        z = self.encode_tensor(x, labels)[0]
        return self.decode(z, True, *given)

    def draw_codes(self, x, seed=0, labels=None, value_range=None, *, first_row=0):
        """A code of each sample; of a variational model a draw from its posterior.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            seed: Integer in [0, 2**32) of the draws.
            labels: int (B,), for a conditional model.
            value_range: As in `fit`.
            first_row: Number of the first sample in a whole that is encoded in parts:
                the draws are those of the whole.

        Returns:
            float32 (B, latent_dim).

        Raises:
            ValueError: The samples do not fit the model, or the seed is out of range.
        """
        seeds.check_seed(seed)
        return self.encode(x, labels, value_range)

    def interpolate(
        self, a, b, num_steps, mode="linear", labels=None, value_range=None
    ):
        """Samples on the way between two samples, through the latent space.

        Args:
            a: Samples (B, ...) or one sample, as in `fit`.
            b: Like `a`.
            num_steps: Samples a pair, at least 2; the first and the last are the
                reconstructions of `a` and `b`.
            mode: "linear" or "spherical".
            labels: Class of each pair, or one for all, for a conditional model.
            value_range: As in `fit`.

        Returns:
            uint8 (B, num_steps, H, W, C), or float32 for vectors; without B where
            `a` is one sample.
        """
        a, b = np.asarray(a), np.asarray(b)
        is_single = a.ndim == len(self.data_shape)
        if is_single:
            a, b = a[None], b[None]
        if np.ndim(labels) == 0 and labels is not None:
            labels = np.full(len(a), labels)
        path = interpolate_latents(
            self.encode(a, labels, value_range),
            self.encode(b, labels, value_range),
            num_steps,
            mode,
            self.latent_dim,
        )
        if labels is not None:
            labels = np.repeat(np.asarray(labels, np.int32), num_steps)
        samples = self.decode_path(path, labels=labels)
        return samples[0] if is_single else samples
