"""Models that sample by decoding latents from a standard normal prior."""

from kerasgen.models.decoding_model import DecodingModel
from kerasgen.models.sampling_model import SamplingModel


class LatentModel(DecodingModel, SamplingModel):
    """Base of models with a `latent_dim` and `decode(z, use_ema)`; `DecodingModel`."""

    def sample_tensor(self, noise, temperature, labels, use_ema):
        z = self.sample_latents(noise) * temperature
        return self.decode_tensor(z, labels, use_ema)

    def sample_latents(self, noise):
        """Latents from the prior: float32 (B, latent_dim), standard normal."""
        return noise.normal("latent", (self.latent_dim,))
