"""Writes the README's tables of models and extractors from the presets' cards.

python -m training.readme_table
"""

import re
from pathlib import Path

from kerasgen.files import write_atomically
from kerasgen.presets import list_presets, preset_card

README = Path(__file__).parent.parent / "README.md"
START = "<!-- presets: made by training/readme_table.py -->"
END = "<!-- end of presets -->"
HEADLINE = re.compile(r"fid\d+k?_test|(denoised_)?test_.*|class_agreement")
# Builder, start of its presets' names or None, family, year, paper.
MODELS = (
    (
        "dcgan",
        "dcgan_",
        "implicit",
        2016,
        "[Radford et al.](https://arxiv.org/abs/1511.06434)",
    ),
    (
        "lsgan",
        "lsgan_",
        "implicit",
        2017,
        "[Mao et al.](https://arxiv.org/abs/1611.04076)",
    ),
    (
        "wgan_gp",
        "wgan_gp_",
        "implicit",
        2017,
        "[Gulrajani et al.](https://arxiv.org/abs/1704.00028)",
    ),
    (
        "sngan",
        "sngan_",
        "implicit",
        2018,
        "[Miyato et al.](https://arxiv.org/abs/1802.05957)",
    ),
    (
        "projection_gan",
        "cgan_",
        "implicit, conditional",
        2018,
        "[Miyato and Koyama](https://arxiv.org/abs/1802.05637)",
    ),
    (
        "acgan",
        None,
        "implicit, conditional",
        2017,
        "[Odena et al.](https://arxiv.org/abs/1610.09585)",
    ),
    (
        "conditional_gan",
        None,
        "implicit, conditional",
        2014,
        "[Mirza and Osindero](https://arxiv.org/abs/1411.1784)",
    ),
    (
        "PixelCNN",
        "pixel_cnn_",
        "explicit, exact",
        2016,
        "[van den Oord et al.](https://arxiv.org/abs/1601.06759)",
    ),
    (
        "GatedPixelCNN",
        "gated_pixel_cnn_",
        "explicit, exact",
        2016,
        "[van den Oord et al.](https://arxiv.org/abs/1606.05328)",
    ),
    (
        "PixelRNN",
        "pixel_rnn_",
        "explicit, exact",
        2016,
        "[van den Oord et al.](https://arxiv.org/abs/1601.06759)",
    ),
    (
        "PixelCNNPlusPlus",
        "pixelcnn_pp_",
        "explicit, exact",
        2017,
        "[Salimans et al.](https://arxiv.org/abs/1701.05517)",
    ),
    (
        "GaussianMixture",
        "gmm_",
        "explicit, exact",
        1999,
        "[Tipping and Bishop](https://doi.org/10.1162/089976699300016728)",
    ),
    (
        "conv_vae",
        "vae_",
        "explicit, approximate",
        2014,
        "[Kingma and Welling](https://arxiv.org/abs/1312.6114)",
    ),
    (
        "conv_vae, num_classes",
        "cvae_",
        "explicit, approximate, conditional",
        2015,
        "[Sohn et al.](https://papers.nips.cc/paper/2015/hash/"
        "8d55a249e6baa5c06772297520da2051)",
    ),
    (
        "dense_vae",
        None,
        "explicit, approximate",
        2014,
        "[Kingma and Welling](https://arxiv.org/abs/1312.6114)",
    ),
    (
        "IWAE",
        None,
        "explicit, approximate",
        2016,
        "[Burda et al.](https://arxiv.org/abs/1509.00519)",
    ),
    (
        "conv_autoencoder",
        "autoencoder_",
        "autoencoder",
        2006,
        "[Hinton and Salakhutdinov](https://doi.org/10.1126/science.1127647)",
    ),
    (
        "DenoisingAutoencoder",
        "denoising_autoencoder_",
        "autoencoder",
        2008,
        "[Vincent et al.](https://doi.org/10.1145/1390156.1390294)",
    ),
    (
        "VQVAE",
        "vq_vae_",
        "autoencoder, discrete",
        2017,
        "[van den Oord et al.](https://arxiv.org/abs/1711.00937)",
    ),
    (
        "AdversarialAutoencoder",
        None,
        "implicit",
        2016,
        "[Makhzani et al.](https://arxiv.org/abs/1511.05644)",
    ),
    (
        "autorec",
        None,
        "autoencoder",
        2015,
        "[Sedhain et al.](https://doi.org/10.1145/2740908.2742726)",
    ),
)


def render_models():
    """A row for each number of each preset of each model, in Markdown."""
    lines = ["| model | family | year | paper | preset | measured | protocol |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for builder, prefix, family, year, paper in MODELS:
        start = [f"`{builder}`", family, str(year), paper]
        names = [n for n in list_presets() if prefix and n.startswith(prefix)]
        rows = [row for name in names for row in _preset_rows(name)]
        for row in rows or [["none yet", "", ""]]:
            lines.append(f"| {' | '.join([*start, *row])} |")
            start = [""] * len(start)
    return "\n".join(lines)


def render_extractors():
    """A row for each classifier whose features score the models."""
    lines = ["| extractor | what it is | measured | protocol |"]
    lines.append("| --- | --- | --- | --- |")
    for name in list_presets():
        card = preset_card(name)
        if card["family"] == "feature extractor":
            for link, *rest in _preset_rows(name):
                row = [link, card["description"], *rest]
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def render_scores():
    """A row for each preset and for what to read it by, in Markdown."""
    titles = ("FID", "KID", "IS", "precision", "recall", "density", "coverage")
    keys = [title.lower() for title in titles] + ["sharpness_ratio", "memorization"]
    titles = [*titles, "sharpness", "memorisation"]
    lines = [f"| samples | number | {' | '.join(titles)} |"]
    lines.append("| --- " * (len(titles) + 2) + "|")
    shown = set()
    for name in list_presets():
        card = preset_card(name)
        if not card.get("references"):
            continue
        num = card["parameters"]["num_test_samples"]
        own = {key: entry["value"] for key, entry in card["metrics"].items()}
        lines.append(_score_row(f"`{name}`", num, own, keys))
        for reference, values in card["references"].items():
            label = f"{card['dataset']}: {reference.replace('_', ' ')}"
            # Once for each dataset, though the training splits differ a little.
            if label not in shown:
                shown.add(label)
                lines.append(_score_row(label, num, values, keys))
    return "\n".join(lines)


def _score_row(label, num, values, keys):
    cells = [label, str(num)]
    for key in keys:
        found = [v for k, v in values.items() if re.fullmatch(rf"{key}\d+k?_test", k)]
        cells.append(f"{found[0]:.4g}" if found else "")
    return f"| {' | '.join(cells)} |"


def _preset_rows(name):
    """The numbers that sum a preset up: likelihood and FID, or accuracy.

    Those of training images stand beside those of test images.
    """
    link = f"[`{name}`](zoo/{name}/README.md)"
    rows = []
    metrics = preset_card(name)["metrics"]
    for metric, entry in metrics.items():
        if not HEADLINE.fullmatch(metric):
            continue
        train = metrics.get(re.sub("^test_", "train_", metric), entry)
        beside = "" if train is entry else f" (training {train['value']})"
        rows.append([link, f"{metric} {entry['value']}{beside}", entry["protocol"]])
        link = ""
    return rows


def main():
    """Replaces what lies between the two markers."""
    before, _, rest = README.read_text().partition(START)
    _, _, after = rest.partition(END)
    tables = f"{render_models()}\n\n{render_scores()}\n\n{render_extractors()}"
    write_atomically(README, f"{before}{START}\n{tables}\n{END}{after}".encode())


if __name__ == "__main__":
    main()
