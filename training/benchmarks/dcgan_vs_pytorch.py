"""FID of the zoo's DCGAN beside a plain PyTorch DCGAN of the same widths.

    python -m training.benchmarks.dcgan_vs_pytorch --folder runs/pytorch_dcgan

The other side is the training step that PyTorch's DCGAN tutorial teaches, written out
here: two backward passes of the discriminator on real and fake samples, then the
generator on the same fakes; Adam(2e-4, 0.5), weights N(0, 0.02), the last epoch, no
average of weights. Equal: networks, latents, batch size, data, extractor, protocol.
Started again, it resumes at the last epoch. The table lands in
results/dcgan_vs_pytorch.md and .json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kerasgen import datasets, from_preset, plot
from kerasgen.extractors import from_classifier_preset
from kerasgen.metrics import fid
from kerasgen.presets import preset_card

RESULTS = Path(__file__).parent / "results"
PRESET = "dcgan_fashion_mnist"


def make_networks(latent_dim, filters):
    """Generator and discriminator with the widths of `kerasgen.models.dcgan`."""
    generator = nn.Sequential(
        nn.Linear(latent_dim, 7 * 7 * 2 * filters, bias=False),
        nn.Unflatten(1, (2 * filters, 7, 7)),
        nn.BatchNorm2d(2 * filters),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * filters, filters, 4, 2, 1, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.ConvTranspose2d(filters, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, filters, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(filters, 2 * filters, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * filters),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 2 * filters, 1),
    )
    for network in (generator, discriminator):
        network.apply(_initialize)
    return generator, discriminator


def _initialize(module):
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)


def train(images, folder, latent_dim, filters, batch_size, epochs, seed):
    """Trains the PyTorch DCGAN; returns its generator after the last epoch."""
    torch.manual_seed(seed)
    generator, discriminator = make_networks(latent_dim, filters)
    g_optimizer = torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999))
    parts = (generator, discriminator, g_optimizer, d_optimizer)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "state.pt"
    first = 0
    if file.is_file():
        state = torch.load(file, weights_only=True)
        first = state["epoch"]
        for part, value in zip(parts, state["parts"], strict=True):
            part.load_state_dict(value)
    criterion = nn.BCEWithLogitsLoss()
    data = torch.from_numpy(images.transpose(0, 3, 1, 2))
    for epoch in range(first, epochs):
        torch.manual_seed(seed + 1 + epoch)
        for rows in torch.randperm(len(data)).split(batch_size):
            real = data[rows].float() / 127.5 - 1.0
            ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
            d_optimizer.zero_grad()
            d_real = criterion(discriminator(real), ones)
            d_real.backward()
            fake = generator(torch.randn(len(real), latent_dim))
            d_fake = criterion(discriminator(fake.detach()), zeros)
            d_fake.backward()
            d_optimizer.step()
            g_optimizer.zero_grad()
            g_loss = criterion(discriminator(fake), ones)
            g_loss.backward()
            g_optimizer.step()
        d_loss = (d_real + d_fake).item()
        print(
            f"epoch {epoch + 1}/{epochs}: d_loss {d_loss:.3f} "
            f"g_loss {g_loss.item():.3f}",
            flush=True,
        )
        states = [part.state_dict() for part in parts]
        torch.save({"epoch": epoch + 1, "parts": states}, folder / "state.tmp")
        (folder / "state.tmp").replace(file)
    return generator


def sample(generator, latent_dim, num_samples, training):
    """uint8 samples (N, 28, 28, 1), BatchNorm on batch or on moving statistics."""
    generator.train(training)
    torch.manual_seed(0)
    parts = []
    with torch.no_grad():
        for _ in range(-(-num_samples // 500)):
            x = generator(torch.randn(500, latent_dim)).numpy()
            parts.append(np.clip(x * 127.5 + 128.0, 0, 255).astype(np.uint8))
    return np.concatenate(parts)[:num_samples].transpose(0, 2, 3, 1)


def main():
    """Trains, scores and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/pytorch_dcgan"))
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    arguments = parser.parse_args()
    latent_dim, seed = 64, 0
    images = datasets.load("fashion_mnist", "train").images
    generator = train(
        images,
        arguments.folder,
        latent_dim,
        arguments.filters,
        arguments.batch_size,
        arguments.epochs,
        seed,
    )
    if arguments.train_only:
        return
    parameters = preset_card(PRESET)["parameters"]
    ours = {key: parameters[key] for key in ("filters", "batch_size")}
    theirs = {"filters": arguments.filters, "batch_size": arguments.batch_size}
    if ours != theirs:
        raise ValueError(f"Expected the preset's values {ours}. Received: {theirs}")
    extractor = from_classifier_preset(parameters["extractor"])
    test = extractor(datasets.load("fashion_mnist", "test").images).features
    num = parameters["num_test_samples"]
    candidates = {
        mode: sample(generator, latent_dim, num, mode == "batch")
        for mode in ("moving", "batch")
    }
    scores = {
        f"PyTorch DCGAN, BatchNorm on {mode} statistics": fid(
            test, extractor(samples).features
        )
        for mode, samples in candidates.items()
    }
    best = min(scores.values())
    preset = from_preset(PRESET)
    scores[f"kerasgen {PRESET}"] = fid(
        test, extractor(preset.generate(num, seed=0)).features
    )
    ratio = scores[f"kerasgen {PRESET}"] / best
    RESULTS.mkdir(exist_ok=True)
    plot.save_image_grid(RESULTS / "dcgan_vs_pytorch.png", candidates["moving"][:100])
    lines = [
        "# FID of the zoo's DCGAN beside a plain PyTorch DCGAN",
        "",
        "`python -m training.benchmarks.dcgan_vs_pytorch`",
        "",
        f"60,000 Fashion-MNIST images, batch {parameters['batch_size']}, widths "
        f"{2 * theirs['filters']}-{theirs['filters']}; FID of {num} samples against "
        f"the 10,000 test images in the features of `{parameters['extractor']}`. "
        f"PyTorch: the last of {arguments.epochs} epochs. kerasgen: moving average of "
        f"the weights, of {parameters['epochs']} epochs that with the lowest FID on "
        "training images.",
        "",
        "| model | FID |",
        "| --- | --- |",
        *(f"| {name} | {value:.3f} |" for name, value in scores.items()),
        "",
        f"kerasgen over the better PyTorch score: {ratio:.3f}",
    ]
    (RESULTS / "dcgan_vs_pytorch.md").write_text("\n".join(lines) + "\n")
    result = {"scores": scores, "ratio": ratio, "protocol": lines[4]}
    (RESULTS / "dcgan_vs_pytorch.json").write_text(json.dumps(result, indent=1) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
