"""Moves a trained run into the zoo, with a README made from its card.

python -m training.publish runs/dcgan_fashion_mnist
"""

import argparse
import json
import shutil
from pathlib import Path

from kerasgen.files import write_atomically
from kerasgen.locations import zoo_folder

FILES = ("config.json", "model.weights.h5", "card.json", "samples.png")


def publish(run_folder):
    """Copies `run_folder/preset` to the zoo; returns the zoo folder."""
    preset = Path(run_folder) / "preset"
    card = json.loads((preset / "card.json").read_text())
    target = zoo_folder() / card["name"]
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (preset / name).is_file():
            shutil.copyfile(preset / name, target / name)
    write_atomically(target / "README.md", render_readme(card).encode())
    return target


def render_readme(card):
    """The card as a page.

    Args:
        card: Dict, as in card.json.

    Returns:
        Markdown.
    """
    has_samples = card["family"] != "feature extractor"
    lines = [f"# {card['name']}", "", f"{card['description']}.", ""]
    if card["paper"]:
        lines += [f"Paper: {card['paper']}.", ""]
    if has_samples:
        lines += [
            "100 samples, seed 0, not selected:",
            "",
            "![samples](samples.png)",
            "",
        ]
    lines += ["```python", "import kerasgen", ""]
    lines += [f'model = kerasgen.from_preset("{card["name"]}")']
    if has_samples:
        lines += ["images = model.generate(16, seed=0)  # uint8"]
    lines += ["```", "", "| measured | value | protocol |", "| --- | --- | --- |"]
    for name, metric in card["metrics"].items():
        lines.append(f"| {name} | {metric['value']} | {metric['protocol']} |")
    lines += ["", "| how | |", "| --- | --- |"]
    facts = {
        "command": f"`{card['recipe']}`",
        "training data": f"{card['dataset']}, split {card['split']}",
        "epoch kept": f"{card['best_epoch']}, by {card['selected_by']}",
        "backend": f"{card['backend']}, Keras {card['versions']['keras']}",
        "hardware": card["hardware"],
        "training time": f"{card['training_seconds']} s",
        "commit": card["commit"],
    }
    lines += [f"| {key} | {value} |" for key, value in facts.items()]
    lines += ["", "Parameters:", "", "```json"]
    lines += [json.dumps(card["parameters"], indent=1), "```", ""]
    return "\n".join(lines)


def main():
    """Publishes the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    for run in parser.parse_args().runs:
        print(publish(run))


if __name__ == "__main__":
    main()
