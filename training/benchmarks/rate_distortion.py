"""Compression by VQ-VAEs beside JPEG and WebP, on tiles of photographs.

    KERAS_BACKEND=torch python -m training.benchmarks.rate_distortion

scikit-learn's two sample photographs, 640 x 427. Trained on 128-pixel tiles of one,
china.jpg, at 1, 1/2 and 1/3 of its size, cut at random, mirrored, in other colours,
2,000 steps of 8; judged on the 15 whole tiles of the other, flower.jpg. VQ-VAEs of 64
filters with codes for 4 x 4 and for 8 x 8 pixels; `ImageCodec` counts codes on tiles of
the training photograph. JPEG, with optimised tables, and WebP are Pillow's, over their
qualities. Bits a pixel are those of whole files, headers included: of an empty tile
JPEG needs 0.18, WebP 0.04. PSNR and SSIM are means over the tiles. The table lands in
results/rate_distortion.md, pictures beside it.
"""

import io

import keras
import numpy as np
from PIL import Image

from kerasgen import plot
from kerasgen.metrics import psnr, ssim

from ..applications import image_codec_photographs
from ..photographs import whole_tiles
from .kept_runs import RESULTS, complete_runs

PATH = RESULTS / "rate_distortion.json"
SIDE = image_codec_photographs.PARAMETERS["side"]
# Name: num_halvings, num_codes.
CODECS = {
    "VQ-VAE, 8 x 8, 256 codes": (3, 256),
    "VQ-VAE, 8 x 8, 1024 codes": (3, 1024),
    "VQ-VAE, 4 x 4, 64 codes": (2, 64),
    "VQ-VAE, 4 x 4, 512 codes": (2, 512),
}
QUALITIES = (1, 2, 5, 10, 20, 30, 50)


def make_codec(num_halvings, num_codes):
    """A trained `ImageCodec`."""
    p = {
        **image_codec_photographs.PARAMETERS,
        "num_halvings": num_halvings,
        "num_codes": num_codes,
    }
    tiles = image_codec_photographs.training_tiles(p)
    keras.utils.set_random_seed(p["seed"])
    codec = image_codec_photographs.make_codec(p)
    codec.model.fit(tiles, batch_size=p["batch_size"], epochs=p["epochs"], verbose=0)
    codec.fit(tiles)
    return codec


def judge(tiles, brought, sizes):
    """Rate and distortion of tiles."""
    return {
        "bits_per_pixel": round(8 * float(np.mean(sizes)) / SIDE**2, 4),
        "psnr_db": round(float(psnr(brought, tiles).mean()), 2),
        "ssim": round(float(ssim(brought, tiles).mean()), 4),
    }


def run_codec(name):
    """Trains and judges one of `CODECS`; writes its tiles beside the originals."""
    codec = make_codec(*CODECS[name])
    tiles = whole_tiles(SIDE)
    brought, sizes = image_codec_photographs.bring_back(codec, tiles)
    slug = name.lower().replace(", ", "_").replace(" ", "")
    plot.save_image_grid(
        RESULTS / f"rate_distortion_{slug}.png",
        plot.pair_rows(tiles[:5], brought[:5], columns=5),
        columns=5,
        scale=1,
    )
    return judge(tiles, brought, sizes)


def run_pillow(file_format, quality):
    """Judges one of Pillow's formats at one quality."""
    tiles = whole_tiles(SIDE)
    brought, sizes = [], []
    for tile in tiles:
        buffer = io.BytesIO()
        Image.fromarray(tile).save(buffer, file_format, quality=quality, optimize=True)
        sizes.append(buffer.getbuffer().nbytes)
        brought.append(np.asarray(Image.open(buffer).convert("RGB")))
    return judge(tiles, np.stack(brought), sizes)


def run(kind, *arguments):
    """One row of the table."""
    return run_codec(*arguments) if kind == "codec" else run_pillow(*arguments)


def main():
    """Trains what is missing and writes the table."""
    tasks = {
        f"{file_format}, quality {quality}": ("pillow", file_format, quality)
        for file_format in ("JPEG", "WebP")
        for quality in QUALITIES
    }
    tasks |= {name: ("codec", name) for name in CODECS}
    PATH.with_suffix(".md").write_text(render(complete_runs(PATH, tasks, run)))


def render(done):
    """The table in Markdown, by rate.

    Args:
        done: Content of rate_distortion.json.
    """
    lines = [
        "# Rate and distortion",
        "",
        "`KERAS_BACKEND=torch python -m training.benchmarks.rate_distortion`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
        "",
        "| codec | bits a pixel | PSNR, dB | SSIM |",
        "| --- | --- | --- | --- |",
    ]
    for name, row in sorted(done.items(), key=lambda item: item[1]["bits_per_pixel"]):
        cells = [row["bits_per_pixel"], row["psnr_db"], row["ssim"]]
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    for name in CODECS:
        slug = name.lower().replace(", ", "_").replace(" ", "")
        lines += ["", f"{name}, tiles above what comes back:", ""]
        lines.append(f"![{name}](rate_distortion_{slug}.png)")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
