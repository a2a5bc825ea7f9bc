"""The README's first command: a preset's samples, a model trained, a SavedModel.

    python -m training.quickstart

Draws samples from a shipped preset, trains a VAE on scikit-learn's 8x8 digits (1,437
real scans, embedded) under Keras's progress bar, draws its samples, and exports it for
TF Serving. Everything lands in `runs/quickstart`, in place of what it wrote before.
"""

import argparse
from pathlib import Path

import keras

import kerasgen

PRESET = "dcgan_fashion_mnist"


def main():
    """Runs the tour; prints the path of everything that it wrote."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart"))
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    gan = kerasgen.from_preset(PRESET)
    preset_grid = arguments.out / f"{PRESET}.png"
    kerasgen.plot.save_image_grid(preset_grid, gan.generate(64, seed=0))

    keras.utils.set_random_seed(0)
    digits = kerasgen.datasets.load("digits", split="train", batch_size=32, seed=0)
    test = kerasgen.datasets.load("digits", split="test")
    vae = kerasgen.models.conv_vae(digits.image_shape, latent_dim=8)
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(digits, epochs=arguments.epochs, validation_data=test)
    trained_grid = arguments.out / "vae_digits.png"
    kerasgen.plot.save_image_grid(trained_grid, vae.generate(64, seed=0), scale=4)
    version = arguments.out / "serving" / "vae_digits" / "1"
    saved_model = vae.export(version, overwrite=True)

    print(f"samples of the preset {PRESET}: {preset_grid.resolve()}")
    print(f"samples of the VAE trained here: {trained_grid.resolve()}")
    print(f"SavedModel of that VAE: {Path(saved_model).resolve()}")


if __name__ == "__main__":
    main()
