"""What a latent space holds: grids, traversals, attributes, and how good it is.

Functions of a trained model with an encoder and a decoder of vectors (`VAE`,
`Autoencoder`, `AdversarialAutoencoder` and their kin); the images that they return are
drawn by `kerasgen.plot.save_image_grid` as they are.
"""

from kerasgen.latent_space.attributes import attribute_vector, edit
from kerasgen.latent_space.quality import LatentQuality, latent_quality
from kerasgen.latent_space.walks import manifold_grid, traverse

__all__ = [
    "LatentQuality",
    "attribute_vector",
    "edit",
    "latent_quality",
    "manifold_grid",
    "traverse",
]
