"""Penalties on a discriminator, usable without a trainer.

- `GradientPenalty`: gradient norms of 1 between reals and fakes (WGAN-GP).
- `R1`, `R2`: gradients of 0 on reals, on fakes.
- `DRAGAN`: gradient norms of 1 around reals.
- `OrthogonalRegularization`: kernels whose columns are orthogonal.

A penalty has a `name` and a `weight`, and `penalty(discriminator, real, fake, noise,
substep)` is a scalar float32 tensor to add to the loss. Those on gradients
differentiate the sum of the batch's scores by each sample: beside a layer that mixes
the samples of a batch they bound more than the sample's own score. `GAN` refuses
`GradientPenalty` beside BatchNormalization, as its paper says; R1 beside
`MinibatchStdDev`, or DRAGAN beside BatchNormalization, are in use (StyleGAN2, Kodali et
al. 2017) and left to the user.
"""

from kerasgen.penalties.gradient import (
    DRAGAN,
    R1,
    R2,
    GradientPenalty,
    gradient_norm,
    squared_gradient_norm,
)
from kerasgen.penalties.kernel import OrthogonalRegularization

__all__ = [
    "DRAGAN",
    "R1",
    "R2",
    "GradientPenalty",
    "OrthogonalRegularization",
    "gradient_norm",
    "squared_gradient_norm",
]
