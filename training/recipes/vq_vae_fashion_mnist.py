"""VQ-VAE on Fashion-MNIST: 7 x 7 codes of 128.

    kerasgen train vq_vae_fashion_mnist --backend torch

An image is 49 codes of 7 bits, 43 bytes. `generate` needs a prior, which the preset has
not (`VQVAE.set_prior`).
"""

import numpy as np

from kerasgen import models

from .. import autoencoders

PARAMETERS = {
    **autoencoders.PARAMETERS,
    "filters": 64,
    "num_codes": 128,
    "code_dim": 16,
    "num_blocks": 2,
}
QUICK = {**autoencoders.QUICK, "num_codes": 8, "code_dim": 4, "num_blocks": 1}


def build(p):
    """The run of these parameters."""
    shape = autoencoders.load(p, p["split"]).image_shape
    model = models.vq_vae(
        shape,
        num_codes=p["num_codes"],
        code_dim=p["code_dim"],
        filters=p["filters"],
        num_blocks=p["num_blocks"],
        seed=p["seed"],
        name="vq_vae",
    )
    return autoencoders.reconstruction_run(
        p,
        model,
        f"VQ-VAE of {' x '.join(map(str, model.code_shape))} codes of {p['num_codes']}",
        "van den Oord et al. 2017, arXiv:1711.00937",
        lambda model, test, extractor: {
            "test_code_perplexity": perplexity(model, test)
        },
    )


def perplexity(model, images):
    """exp of the entropy of the codes: value and protocol."""
    codes = model.encode(images)
    shares = np.bincount(codes.ravel(), minlength=model.num_codes) / codes.size
    shares = shares[shares > 0]
    return {
        "value": round(float(np.exp(-(shares * np.log(shares)).sum())), 2),
        "protocol": f"over all codes of {len(images)} test images",
    }
