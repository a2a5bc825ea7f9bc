"""Measures the zoo's generative presets again; rewrites cards, pages and pictures.

    python -m training.score_zoo
    python -m training.score_zoo vae_digits
    python -m training.score_zoo --likelihoods vae_digits

Samples are scored again, or likelihoods, which only a change of weights changes.
"""

import argparse
import json

from kerasgen import from_preset
from kerasgen.files import write_atomically
from kerasgen.locations import zoo_folder
from kerasgen.presets import list_presets, preset_card

from .class_scores import judge_classes
from .extractor import extractor_card, load_extractor
from .publish import pictures_of, write_readme
from .recipe import load_recipe
from .runs import save_samples
from .scoring import SampleScores


def generative_presets():
    """Names of the presets that draw samples."""
    return [
        name
        for name in list_presets()
        if "samples.png" in pictures_of(preset_card(name))
    ]


def score_preset(name, references):
    """Rewrites a preset's card.

    Args:
        name: Name of a generative preset.
        references: Dict that keeps the scores of a dataset for its next preset.
    """
    card = preset_card(name)
    parameters = card["parameters"]
    model = from_preset(name)
    extractor = load_extractor(parameters["extractor"], model.data_shape)
    num = parameters["num_test_samples"]
    key = (card["dataset"], card["split"], num)
    if key not in references:
        scores = SampleScores(extractor, card["dataset"], card["split"], num)
        references[key] = scores, scores.references()
    scores, values = references[key]
    card["extractor"] = extractor_card(extractor)
    card["metrics"].update(scores.measure(model))
    if model.sampled_classes is not None:
        card["classes"], more = judge_classes(parameters, extractor, model)
        card["metrics"].update(more)
    card["references"] = values
    save_samples(model, zoo_folder() / name)
    write_card(card)


def score_likelihoods(name):
    """Rewrites a preset's likelihoods; nothing where its recipe has none."""
    card = preset_card(name)
    run = load_recipe(name).build(card["parameters"])
    if run.likelihoods is not None:
        entries = run.likelihoods(from_preset(name))
        # Twice: the first says the order, the last the values.
        card["metrics"] = {**entries, **card["metrics"], **entries}
        write_card(card)


def write_card(card):
    """Replaces a preset's card and page."""
    folder = zoo_folder() / card["name"]
    write_atomically(folder / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    write_readme(folder)


def main():
    """Scores the presets that are named, or all."""
    models = generative_presets()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=models)
    parser.add_argument("--likelihoods", action="store_true")
    options = parser.parse_args()
    references = {}
    for name in options.names:
        if options.likelihoods:
            score_likelihoods(name)
        else:
            score_preset(name, references)
        print(name, preset_card(name)["metrics"], flush=True)


if __name__ == "__main__":
    main()
