"""The command line: list, info, generate, train, evaluate, statistics, export."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import keras
import typer
import typer.exceptions
from rich.console import Console
from rich.table import Table

from kerasgen import _launch, distribution, plot, presets
from kerasgen import evaluation as evaluation_module
from kerasgen.arguments import check_positive
from kerasgen.checkpoint import CheckpointError
from kerasgen.export_process import ExportError
from kerasgen.files import write_atomically
from kerasgen.locations import import_training
from kerasgen.metrics import StatisticsError

USER_ERRORS = (
    ValueError,
    TypeError,
    ImportError,
    OSError,
    FloatingPointError,
    CheckpointError,
    ExportError,
    distribution.FirstProcessError,
    presets.PresetError,
    StatisticsError,
)

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Generative models: list, sample, train, score and export them.",
)


def _check_backend(value):
    if value is not None and value not in _launch.BACKENDS:
        raise typer.BadParameter(f"expected one of {', '.join(_launch.BACKENDS)}")
    if value not in (None, keras.backend.backend()):
        raise typer.BadParameter(
            f"expected {keras.backend.backend()}, on which Keras already runs"
        )
    return value


Backend = Annotated[
    str | None,
    typer.Option(
        callback=_check_backend,
        help="tensorflow, jax or torch; KERAS_BACKEND by default.",
    ),
]
Extractor = Annotated[
    str | None,
    typer.Option(
        help="Classifier preset, inception:WEIGHTS or application:NAME; the dataset's "
        "own classifier by default."
    ),
]
Resize = Annotated[str | None, typer.Option(help="clean, tensorflow or pytorch.")]


def _parse_path(value):
    # Path("") would be the current folder.
    if str(value) == "":
        raise typer.BadParameter("expected a path; '.' is the current folder")
    return Path(value)


Name = Annotated[str, typer.Argument(help="Preset of the zoo, or a preset folder.")]


@app.command("list", epilog="Example: kerasgen list")
def list_command(backend: Backend = None):
    """List the presets of the zoo and the recipes."""
    table = Table("preset", "what it is", "measured")
    for name in presets.list_presets():
        card = presets.preset_card(name)
        metrics = card.get("metrics", {})
        measured = ", ".join(
            f"{key} {entry['value']}" for key, entry in metrics.items()
        )
        table.add_row(name, card.get("description", ""), measured)
    Console().print(table)
    names = import_training("recipe").recipe_names()
    typer.echo(f"Recipes: {', '.join(names)}")


@app.command(epilog="Example: kerasgen info dcgan_fashion_mnist")
def info(name: Name, backend: Backend = None):
    """Print a preset's card: data, parameters, scores and their protocol."""
    typer.echo(json.dumps(presets.preset_card(presets.find_preset(name)), indent=2))


@app.command(
    epilog="Example: kerasgen generate dcgan_fashion_mnist --num 64 --seed 0 "
    "--out samples.png"
)
def generate(
    name: Name,
    num: Annotated[int, typer.Option(help="Number of samples.")] = 16,
    seed: Annotated[
        int | None, typer.Option(help="Seed; fresh noise by default.")
    ] = None,
    out: Annotated[
        Path, typer.Option(parser=_parse_path, help="PNG file to write.")
    ] = Path("samples.png"),
    backend: Backend = None,
):
    """Draw samples from a preset and write them as one picture."""
    if out.suffix.lower() != ".png":
        raise ValueError(f"Expected --out with the ending .png. Received: {out}")
    if not out.resolve().parent.is_dir():
        raise ValueError(f"Expected an existing folder. Received: {out.parent}")
    images = _load(name).generate(num, seed=seed)
    plot.save_image_grid(out, images)
    typer.echo(out)


@app.command(
    epilog="Example: kerasgen train vae_digits --backend jax --epochs 2 "
    "--set latent_dim=4"
)
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe; see list.")],
    out: Annotated[
        Path | None,
        typer.Option(parser=_parse_path, help="Run folder; runs/RECIPE by default."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Short for --set epochs=N.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value, a parameter of the recipe."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The recipe's small configuration.")
    ] = False,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1, help="Devices of this host that share each batch; one by default."
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(help="Seconds that processes of several devices wait in a step."),
    ] = distribution.WAIT_SECONDS,
    backend: Backend = None,
):
    """Train a recipe, or go on with an unfinished run in the same folder.

    SIGTERM saves, and ends the run with exit code 143.
    """
    overrides = list(set_ or [])
    if epochs is not None:
        overrides.append(f"epochs={epochs}")
    folder = Path("runs") / recipe if out is None else out
    recipes = import_training("recipe")
    # One line of error, not one from each process.
    recipes.resolve_parameters(recipes.load_recipe(recipe), overrides, quick)
    if devices is None and timeout != distribution.WAIT_SECONDS:
        raise ValueError(f"Expected --devices beside --timeout. Received: {timeout}")
    check_positive("--timeout", timeout)
    if devices is not None:
        _launch.launch_processes(devices)
        distribution.data_parallel(devices, timeout=timeout)
    preset = import_training("runner").train(recipe, folder, overrides, quick)
    if distribution.is_first_process():
        typer.echo(preset)


@app.command(
    epilog="Example: kerasgen evaluate dcgan_fashion_mnist --against "
    "fashion_mnist:test --metrics fid,kid,is,pr --num 10000"
)
def evaluate(
    source: Annotated[
        str, typer.Argument(help="Preset, preset folder, or folder of images.")
    ],
    against: Annotated[
        str,
        typer.Option(help="DATASET:SPLIT, a folder of images, or statistics (.npz)."),
    ],
    metrics: Annotated[
        str, typer.Option(help="Some of fid,kid,is,pr,dc,sharpness.")
    ] = "fid",
    num: Annotated[int, typer.Option(help="Number of samples.")] = 10000,
    extractor: Extractor = None,
    resize: Resize = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    kid_subset_size: Annotated[
        int, typer.Option(help="Samples in a subset of KID.")
    ] = 1000,
    out: Annotated[
        Path, typer.Option(parser=_parse_path, help="JSON file to write.")
    ] = Path("evaluation.json"),
    backend: Backend = None,
):
    """Score samples against real images, as a table and as JSON."""
    if out.suffix.lower() != ".json":
        raise ValueError(f"Expected --out with the ending .json. Received: {out}")
    if not out.resolve().parent.is_dir():
        raise ValueError(f"Expected an existing folder. Received: {out.parent}")
    report = evaluation_module.evaluate(
        source,
        against,
        [name for name in metrics.split(",") if name],
        num,
        extractor,
        resize,
        seed,
        kid_subset_size,
        progress=sys.stderr.isatty(),
    )
    table = Table("metric", "value", "std", "parameters")
    for name, score in report.scores.items():
        std = "" if score.std is None else f"{score.std:.6g}"
        parameters = ", ".join(f"{k}={v}" for k, v in score.parameters.items())
        table.add_row(name, f"{score.value:.8g}", std, parameters)
    Console().print(table)
    for key, value in report.protocol.items():
        typer.echo(f"{key}: {value}")
    write_atomically(out, (json.dumps(report.to_json(), indent=1) + "\n").encode())
    typer.echo(out)


@app.command(
    epilog="Example: kerasgen statistics fashion_mnist:test fashion_mnist_test.npz"
)
def statistics(
    against: Annotated[str, typer.Argument(help="DATASET:SPLIT or folder of images.")],
    out: Annotated[
        Path, typer.Argument(parser=_parse_path, help="File to write, ending in .npz.")
    ],
    extractor: Extractor = None,
    resize: Resize = None,
    backend: Backend = None,
):
    """Write the mean and covariance of real images, to score against with FID."""
    if not out.resolve().parent.is_dir():
        raise ValueError(f"Expected an existing folder. Received: {out.parent}")
    evaluation_module.save_statistics(
        against, out, extractor, resize, progress=sys.stderr.isatty()
    )
    typer.echo(out)


@app.command(epilog="Example: kerasgen export dcgan_fashion_mnist serving/dcgan")
def export(
    name: Name,
    folder: Annotated[
        Path,
        typer.Argument(
            parser=_parse_path, help="Model folder; the next version goes into it."
        ),
    ],
    backend: Backend = None,
):
    """Write a SavedModel for TF Serving to the next version folder."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Expected a folder. Received: the file {folder}")
    found = folder.iterdir() if folder.is_dir() else ()
    versions = [int(path.name) for path in found if path.name.isdecimal()]
    target = folder / str(max(versions, default=0) + 1)
    model = _load(name)
    folder.mkdir(parents=True, exist_ok=True)
    typer.echo(model.export(target))


def _load(name):
    return presets.load_generative(presets.find_preset(name))


def main():
    """Runs the command; errors of the user are one line and exit code 2."""
    # TensorFlow Datasets says through it what the error's one line says again.
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except typer.exceptions.TyperException as error:
        message = error.format_message()
    except USER_ERRORS as error:
        message = str(error)
    # An error may be met by one process alone, in its own rows of the data.
    who = "" if distribution.is_first_process() else f" {distribution.process_name()}:"
    typer.echo(f"kerasgen:{who} {' '.join(message.split())}", err=True)
    sys.exit(2)
