"""Models that encode samples, and bring them back."""

import keras
from keras import ops

from kerasgen.models.base import GenerativeModel
from kerasgen.models.map_batches import map_compiled
from kerasgen.models.signatures import Signature, TensorInput, label_input


class EncodingModel(GenerativeModel):
    """Base of models with `encode_tensor(x, labels)` and `reconstruct_tensor`.

    `encode_tensor` maps samples in the data or the model domain to a tuple of tensors,
    called `encoding_names`, the code first. `reconstruct_tensor` maps them to samples
    in the model domain. Labels are int32 (B,), or None for an unconditional model.

    A subclass names in `config_objects` what its config holds serialised.

    Args:
        encoder: Keras model that takes samples.
        decoder: Keras model that emits parameters of the likelihood.
        likelihood: `kerasgen.likelihoods.Likelihood`.
        seed: See `GenerativeModel`.
        name: Name of the model.
    """

    encoding_names = ("z",)
    config_objects = ("encoder", "decoder", "likelihood")

    def __init__(self, encoder, decoder, likelihood, seed=None, name=None):
        super().__init__(seed=seed, name=name)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood

    @property
    def networks(self):
        return {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "likelihood": self.likelihood,
        }

    @property
    def data_shape(self):
        return tuple(self.encoder.inputs[0].shape[1:])

    @property
    def evaluation_terms(self):
        return self.training_terms

    def reconstruction_terms(self, x, parameters):
        """`reconstruction_nats` and `mse` of what the decoder emits for samples."""
        mean = self.likelihood.mean(parameters)
        return {
            "reconstruction_nats": -ops.mean(self.likelihood.log_prob(x, parameters)),
            "mse": ops.mean(ops.square(mean - x)),
        }

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

        Raises:
            ValueError: The labels are missing.
        """
        labels = None
        x = inputs
        if self.num_classes is not None:
            if not isinstance(inputs, list | tuple) or len(inputs) != 2:
                raise ValueError(
                    "This model is conditional: expected inputs [x, labels]. "
                    f"Received: {type(inputs).__name__}"
                )
            x, labels = inputs
        return self.reconstruct_tensor(self.to_model_domain(x), labels)

    def get_config(self):
        values = {key: getattr(self, key) for key in self.config_objects}
        objects = {
            # What was given by its name is kept so.
            key: value
            if isinstance(value, str | None)
            else keras.saving.serialize_keras_object(value)
            for key, value in values.items()
        }
        return {**objects, "seed": self.given_seed, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in cls.config_objects:
            # Presets of an earlier version may lack one.
            if not isinstance(config.get(key), str | None):
                config[key] = keras.saving.deserialize_keras_object(
                    config[key], custom_objects
                )
        return cls(**config)

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
