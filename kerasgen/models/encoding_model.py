"""Models that encode samples, and bring them back."""

from kerasgen.models.base import GenerativeModel
from kerasgen.models.map_batches import map_compiled
from kerasgen.models.signatures import Signature, TensorInput, label_input


class EncodingModel(GenerativeModel):
    """Base of models with `encode_tensor(x, labels)` and `reconstruct_tensor`.

    `encode_tensor` maps samples in the data or the model domain to a tuple of tensors,
    called `encoding_names`, the code first. `reconstruct_tensor` maps them to samples
    in the model domain. Labels are int32 (B,), or None for an unconditional model.
    """

    encoding_names = ("z",)

    def encode(self, x, labels=None, value_range=None):
        """Codes of samples; of a variational model the means of the posterior.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            labels: int (B,), for a conditional model.
            value_range: As in `fit`.

        Returns:
            float32 (B, latent_dim), or what the model says of its codes.
        """
        return map_compiled(self, "encode", self.encode_tensor, x, labels, value_range)[
            0
        ]

    def reconstruct(self, x, labels=None, value_range=None):
        """Samples decoded from their codes.

        Args:
            x: uint8 or float samples (B, ...), as in `fit`.
            labels: int (B,), for a conditional model.
            value_range: As in `fit`.

        Returns:
            uint8 images shaped like `x`, or float32 vectors.
        """
        return map_compiled(
            self, "reconstruct", self._reconstruct, x, labels, value_range
        )[0]

    def call(self, inputs, training=False):
        """Reconstruction in the model domain.

        Args:
            inputs: x, or [x, labels] of a conditional model.
            training: Not used: reconstructions are those of inference.
        """
        x, labels = (inputs, None) if self.num_classes is None else inputs
        return self.reconstruct_tensor(self.to_model_domain(x), labels)

    def export_signatures(self):
        """Adds "encode" and "reconstruct" to the base's."""
        dtype = "uint8" if self.data_name == "images" else "float32"
        data = {self.data_name: TensorInput((None, *self.data_shape), dtype)}
        data.update(label_input(self.num_classes))
        return {
            **super().export_signatures(),
            "encode": Signature(self._serve_encoding, data),
            "reconstruct": Signature(self._serve_reconstruction, data),
        }

    def _reconstruct(self, x, labels):
        x = self.reconstruct_tensor(self.to_model_domain(x), labels)
        return (self.to_data_domain(x),)

    def _serve_encoding(self, labels=None, **data):
        encoding = self.encode_tensor(data[self.data_name], labels)
        return dict(zip(self.encoding_names, encoding, strict=True))

    def _serve_reconstruction(self, labels=None, **data):
        (samples,) = self._reconstruct(data[self.data_name], labels)
        return {self.data_name: samples}
