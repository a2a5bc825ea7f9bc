"""Copies trained runs into the zoo, and makes each preset's README from its card.

    python -m training.publish runs/dcgan_fashion_mnist
    python -m training.publish --readmes

The second makes the READMEs of the zoo anew and copies nothing.
"""

import argparse
import json
import re
from pathlib import Path

from kerasgen.files import write_atomically
from kerasgen.locations import zoo_folder
from kerasgen.presets import NAME, list_presets, preset_card

from .runs import samples_caption

FILES = ("config.json", "model.weights.h5", "card.json")


def publish(run_folder, zoo=None):
    """Copies a run's preset to the zoo.

    Args:
        run_folder: Folder of a finished run.
        zoo: Folder of presets; kerasgen's own by default.

    Returns:
        `pathlib.Path` of the preset in the zoo.

    Raises:
        ValueError: There is no preset, or its card's name is not that of one.
        PresetError: Its card cannot be read.
    """
    preset = Path(run_folder).resolve() / "preset"
    card = preset_card(preset)
    if not NAME.fullmatch(card["name"]):
        raise ValueError(
            "Expected a card with a name of small letters, digits and underscores. "
            f"Received: {card['name']!r}"
        )
    target = (zoo_folder() if zoo is None else Path(zoo)) / card["name"]
    target.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, *pictures_of(card)):
        if (preset / name).is_file():
            write_atomically(target / name, (preset / name).read_bytes())
    write_readme(target)
    return target


def pictures_of(card):
    """Pictures beside a card: dict of file name to caption."""
    if "pictures" in card:
        return card["pictures"]
    # Cards of the first version name none.
    is_extractor = card["family"] == "feature extractor"
    return {} if is_extractor else {"samples.png": samples_caption("classes" in card)}


def write_readme(folder):
    """Makes README.md of a preset folder from its card; returns its path."""
    path = Path(folder).resolve() / "README.md"
    write_atomically(path, render_readme(preset_card(path.parent)).encode())
    return path


def render_readme(card):
    """The card as a page.

    Args:
        card: Dict, as in card.json.

    Returns:
        Markdown.
    """
    pictures = pictures_of(card)
    lines = [f"# {card['name']}", "", f"{card['description']}.", ""]
    if card["paper"]:
        lines += [f"Paper: {card['paper']}.", ""]
    for name, caption in pictures.items():
        lines += [f"{caption}:", "", f"![{name.split('.')[0]}]({name})", ""]
    lines += ["```python", "import kerasgen", ""]
    lines += [f'model = kerasgen.from_preset("{card["name"]}")']
    if "usage" in card:
        lines += [card["usage"]]
    elif "samples.png" in pictures:
        lines += ["images = model.generate(16, seed=0)  # uint8"]
    elif pictures:
        lines += ["images = model.reconstruct(x)  # uint8, as x"]
    lines += ["```", "", *_render_metrics(card), ""]
    lines += [*_render_classes(card.get("classes", [])), "| how | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in _facts(card) if value]
    lines += ["", "Parameters:", "", "```json"]
    lines += [json.dumps(card["parameters"], indent=1), "```", ""]
    return "\n".join(lines)


def _render_metrics(card):
    """The table of metrics, with what a baseline and real images reach."""
    references = card.get("references", {})
    titles = ["measured", "value", *(name.replace("_", " ") for name in references)]
    lines = [f"| {' | '.join([*titles, 'protocol'])} |"]
    lines.append("| --- " * (len(titles) + 1) + "|")
    for name, metric in card["metrics"].items():
        std = f" ± {metric['std']}" if "std" in metric else ""
        others = [_reference(values, name) for values in references.values()]
        cells = [name, f"{metric['value']}{std}", *others, metric["protocol"]]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _render_classes(rows):
    """The table of classes, and an empty line; nothing for an unconditional model."""
    if not rows:
        return []
    lines = [f"| {' | '.join(rows[0])} |", "| --- " * len(rows[0]) + "|"]
    lines += [f"| {' | '.join(map(str, row.values()))} |" for row in rows]
    return [*lines, ""]


def _reference(values, name):
    """A reference's value of a metric; with its own number of samples, if another."""
    if name in values:
        return str(values[name])
    plain = without_number(name)
    for other, value in values.items():
        if without_number(other) == plain:
            return f"{value} ({other})"
    return ""


def without_number(name):
    """A score's name without its number of samples: "fid_test" of "fid10k_test"."""
    return re.sub(r"\d+k?_", "_", name, count=1)


def _facts(card):
    """Pairs of a name and what the card says; cards differ in what they have."""
    versions = card["versions"]
    backend = f"{card['backend']} {versions.get(card['backend'], '')}".strip()
    yield "command", f"`{card['recipe']}`"
    yield "training data", f"{card['dataset']}, split {card['split']}"
    if extractor := card.get("extractor"):
        digest = extractor["weights_sha256"]
        yield "extractor", f"{extractor['name']}, weights of sha256 `{digest}`"
    yield "epoch kept", f"{card['best_epoch']}, by {card['selected_by']}"
    yield "backend", f"{backend}, Keras {versions['keras']}"
    yield "hardware", card["hardware"]
    yield "training time", f"{card['training_seconds']} s"
    if "prior_seconds" in card:
        yield "training time of the prior", f"{card['prior_seconds']} s"
    yield "commit", card.get("commit")


def main(arguments=None):
    """Publishes the runs named on the command line, or makes the READMEs anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--readmes", action="store_true")
    options = parser.parse_args(arguments)
    if bool(options.runs) == options.readmes:
        parser.error("expected run folders, or --readmes alone")
    for run in options.runs:
        print(publish(run))
    for name in list_presets() if options.readmes else ():
        print(write_readme(zoo_folder() / name))


if __name__ == "__main__":
    main()
