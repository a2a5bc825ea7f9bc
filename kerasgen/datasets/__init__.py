"""Datasets: named ones, folders of images, mixtures, and arrays in memory or not."""

from kerasgen.datasets.array_dataset import ArrayDataset
from kerasgen.datasets.augmentation import Augmentation
from kerasgen.datasets.clustering import cluster
from kerasgen.datasets.folder import is_grey_folder, load_folder
from kerasgen.datasets.interactions import (
    InteractionDataset,
    hold_out,
    synthetic_interactions,
)
from kerasgen.datasets.levels import quantize
from kerasgen.datasets.mixtures import gaussian_mixture, grid_centers, ring_centers
from kerasgen.datasets.movielens import movielens
from kerasgen.datasets.named import LOADERS, load
from kerasgen.datasets.rows import Rows
from kerasgen.datasets.stratified import StratifiedDataset
from kerasgen.datasets.tfds_stream import load_tfds

__all__ = [
    "LOADERS",
    "ArrayDataset",
    "Augmentation",
    "InteractionDataset",
    "Rows",
    "StratifiedDataset",
    "cluster",
    "gaussian_mixture",
    "grid_centers",
    "hold_out",
    "load",
    "is_grey_folder",
    "load_folder",
    "load_tfds",
    "movielens",
    "quantize",
    "ring_centers",
    "synthetic_interactions",
]
